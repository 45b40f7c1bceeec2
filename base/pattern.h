/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fnmatch(3) without flags for many patterns, most of which do not match. */
#pragma once

#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

static inline bool pattern_is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

/* Behind a '*': what stands there up to the next special character must be somewhere in the text; and if that is "*" and
 * the end, nothing else must. */
static inline bool pattern_rest_matches(const char *rest, const char *text)
{
	const char *at = text;
	size_t n = 0;

	while (rest[n] && !pattern_is_special(rest[n]))
		n++;
	while (n && (at = strchr(at, *rest)) && strncmp(at, rest, n) != 0)
		at++;
	if (!at)
		return false;
	return (rest[n] == '*' && !rest[n + 1]) || !fnmatch(rest - 1, text, 0);
}

/* Most patterns differ from a text in their first letters, before anything special, and most others in what follows a '*':
 * fnmatch() is called for what is left. */
static inline bool pattern_matches(const char *pattern, const char *text)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == '*')
			return !pattern[1] || pattern_rest_matches(pattern + 1, text);
		if (pattern_is_special(*pattern))
			return !fnmatch(pattern, text, 0);
		if (*pattern != *text)
			return false;
	}
	return !*text;
}
