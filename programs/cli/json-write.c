/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/cli/json-write.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

/* The length of the UTF-8 sequence of more than one byte at p, or 0: overlong forms and surrogates are
 * none. */
static size_t sequence_length(const unsigned char *p)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void write_text(const char *text)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		size_t n = *p < 0x80 ? 1 : sequence_length(p);

		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < ' ' || *p == 0x7f || !n)
			printf("\\u%04x", *p);
		else
			for (putchar(*p); n > 1; n--)
				putchar(*++p);
	}
	putchar('"');
}

static void begin_value(struct json_writer *j, const char *key)
{
	if (j->comma)
		putchar(',');
	j->comma = true;
	if (key) {
		write_text(key);
		putchar(':');
	}
}

void json_write_open(struct json_writer *j, const char *key, char bracket)
{
	begin_value(j, key);
	putchar(bracket);
	j->comma = false;
}

void json_write_close(struct json_writer *j, char bracket)
{
	putchar(bracket);
	j->comma = true;
}

void json_write_string(struct json_writer *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value)
		write_text(value);
	else
		fputs("null", stdout);
}

void json_write_number(struct json_writer *j, const char *key, int64_t value)
{
	begin_value(j, key);
	printf("%" PRId64, value);
}

void json_write_decimal(struct json_writer *j, const char *key, double value)
{
	begin_value(j, key);
	printf("%.3f", value);
}

void json_write_bool(struct json_writer *j, const char *key, bool value)
{
	begin_value(j, key);
	fputs(value ? "true" : "false", stdout);
}
