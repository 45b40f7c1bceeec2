/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The symbols of a module's file with their versions, as modprobe prints them. */
#pragma once

#include <stdbool.h>

/* What kmod answers when a module's file cannot be opened with the error r: a file is damaged also if its
 * compressed data are cut short, or too short to see what it is. */
int symbols_open_error(int r, const char *path);
/* Lines "0xVERSION<tab>SYMBOL" of what the module at path, one of this system's, exports or else uses. The
 * caller frees them. 0; -ENODATA: it has no such table; -ENOEXEC: it is no module; -EINVAL: it is damaged;
 * -errno. */
int symbols_text(const char *path, bool exported, char **ret);
