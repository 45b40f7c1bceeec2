/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <coldplug.h>

/* The modules of a file system that is about to be mounted. types is one, or a list with commas. */

/* Requests them, without waiting for that. */
void filesystem_want(struct coldplug *c, const char *types);
/* Whether those that were requested have been tried. */
bool filesystem_is_tried(struct coldplug *c, const char *types);
