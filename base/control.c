/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/control.h"

#include <stdint.h>
#include <string.h>

/* The length of the valid UTF-8 sequence of more than one byte that p begins with, or 0. */
static size_t sequence_length(const unsigned char *p)
{
	static const uint32_t least[] = { 0x80, 0x800, 0x10000 };
	size_t n = 2 + (p[0] >= 0xe0) + (p[0] >= 0xf0);
	uint32_t c = p[0] & (0x7fU >> n);

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c >= least[n - 2] ? n : 0;
}

/* The length of the character that p begins with; a byte of no valid sequence is one. */
static size_t next(const unsigned char *p, bool *is_control)
{
	size_t n = sequence_length(p);

	if (n) {
		*is_control = p[0] == 0xc2 && p[1] <= 0x9f;
		return n;
	}
	*is_control = p[0] < ' ' || (p[0] >= 0x7f && p[0] <= 0x9f);
	return 1;
}

bool control_in(const char *text)
{
	bool is_control = false;

	while (*text && !is_control)
		text += next((const unsigned char *)text, &is_control);
	return is_control;
}

size_t control_escape(const char **p, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = (const unsigned char *)*p;
	bool is_control;
	size_t n = next(from, &is_control);

	*p += n;
	if (!is_control) {
		memcpy(out, from, n);
		return n;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(out + 4 * i, "\\x", 2);
		out[4 * i + 2] = digits[from[i] >> 4];
		out[4 * i + 3] = digits[from[i] & 15];
	}
	return 4 * n;
}
