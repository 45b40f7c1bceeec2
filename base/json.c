/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

static void put(struct json *j, const char *s, size_t n)
{
	if (!j->failed && array_append(&j->text, s, n) < 0)
		j->failed = true;
}

/* The length of the UTF-8 sequence at s (RFC 3629), 0 when it is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1
		: s[0] < 0xc2  ? 0
		: s[0] < 0xe0  ? 2
		: s[0] < 0xf0  ? 3
		: s[0] < 0xf5  ? 4
			       : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* How many bytes at s stand for themselves. */
static size_t plain_length(const unsigned char *s)
{
	size_t n = 0, length;

	while (s[n] >= ' ' && s[n] != '"' && s[n] != '\\' && s[n] != 0x7f && (length = utf8_length(s + n)))
		n += length;
	return n;
}

static void put_string(struct json *j, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	char escape[8];

	put(j, "\"", 1);
	for (;;) {
		size_t n = plain_length(s);

		put(j, (const char *)s, n);
		s += n;
		if (!*s)
			break;
		n = (size_t)snprintf(escape, sizeof(escape), *s == '"' || *s == '\\' ? "\\%c" : "\\u%04x",
				     *s);
		put(j, escape, n);
		s++;
	}
	put(j, "\"", 1);
}

static void put_key(struct json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	if (j->line)
		put(j, "\n", 1);
	j->comma = true;
	j->line = false;
	if (!key)
		return;
	put_string(j, key);
	put(j, ":", 1);
}

void json_open(struct json *j, const char *key, char bracket)
{
	put_key(j, key);
	put(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	put_key(j, key);
	if (value)
		put_string(j, value);
	else
		put(j, "null", 4);
}

void json_number(struct json *j, const char *key, int64_t value)
{
	char buf[24];
	int n = snprintf(buf, sizeof(buf), "%lld", (long long)value);

	put_key(j, key);
	put(j, buf, (size_t)n);
}

void json_bool(struct json *j, const char *key, bool value)
{
	put_key(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_begin_with(struct json *j, const char *text, size_t n)
{
	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	if (n)
		put(j, text, n);
	else
		put(j, "{", 1);
	j->comma = n && text[n - 1] != '{';
}

void json_new_line(struct json *j)
{
	j->line = true;
}

int json_write(struct json *j, FILE *f)
{
	size_t n = j->text.n;

	j->text.n = 0;
	if (j->failed)
		return -ENOMEM;
	return fwrite(j->text.items, 1, n, f) == n ? 0 : -EIO;
}

char *json_steal(struct json *j)
{
	char *text;

	put(j, "", 1);
	if (j->failed) {
		array_free(&j->text);
		return NULL;
	}
	text = j->text.items;
	*j = (struct json){};
	return text;
}
