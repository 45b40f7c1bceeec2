/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control characters. Names come from devices, files and arguments, and none of these may send commands to a
 * terminal: below ' ', 0x7f, U+0080 to U+009f, and the bytes 0x80 to 0x9f where they are no part of valid
 * UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool control_in(const char *text);

#define CONTROL_ESCAPED_MAX 8

/* Copies the character at *p, which is not the end, and puts *p behind it. A control character becomes
 * "\x1b". Returns the length, which is at most CONTROL_ESCAPED_MAX; no NUL follows. */
size_t control_escape(const char **p, char *out);
