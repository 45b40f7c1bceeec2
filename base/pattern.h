/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fnmatch(3) without flags for many patterns, most of which do not match. */
#pragma once

#include <fnmatch.h>
#include <stdbool.h>

/* Most patterns differ from a text in their first letters, before anything special: fnmatch() is called for the others. */
static inline bool pattern_matches(const char *pattern, const char *text)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == '*' || *pattern == '?' || *pattern == '[' || *pattern == '\\')
			return !fnmatch(pattern, text, 0);
		if (*pattern != *text)
			return false;
	}
	return !*text;
}
