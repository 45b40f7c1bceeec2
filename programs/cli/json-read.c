/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/cli/json-read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "programs/output.h"

void json_reader_init(struct json_reader *r, const char *name, char *text, size_t n)
{
	*r = (struct json_reader){ .name = name, .p = text, .end = text + n, .line_start = text, .line = 1 };
}

static struct json_place place_of(const struct json_reader *r, const char *at)
{
	return (struct json_place){ r->line, (unsigned long)(at - r->line_start) + 1 };
}

static void skip_space(struct json_reader *r)
{
	for (; r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p; r->p++)
		if (*r->p == '\n') {
			r->line++;
			r->line_start = r->p + 1;
		}
}

struct json_place json_place(struct json_reader *r)
{
	skip_space(r);
	return place_of(r, r->p);
}

int json_error(const struct json_reader *r, struct json_place at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	output_message("coldplug: %s:%lu:%lu: %s\n", r->name, at.line, at.column, text);
	return -EBADMSG;
}

static int syntax_error(const struct json_reader *r, const char *wanted)
{
	unsigned char c = (unsigned char)*r->p;
	struct json_place at = place_of(r, r->p);

	if (r->p == r->end)
		return json_error(r, at, "the text ends where %s is expected", wanted);
	if (c < ' ' || c >= 0x7f)
		return json_error(r, at, "there is the byte 0x%02x where %s is expected", c, wanted);
	return json_error(r, at, "there is '%c' where %s is expected", c, wanted);
}

static bool take(struct json_reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* ---- strings ---- */

size_t json_utf8_length(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = u[0] < 0x80 ? 1
		: u[0] < 0xc2  ? 0
		: u[0] < 0xe0  ? 2
		: u[0] < 0xf0  ? 3
		: u[0] < 0xf5  ? 4
			       : 0;

	if (n > (size_t)(end - p))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] >= 0xa0) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] >= 0x90))
		return 0;
	return n;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Four hexadecimal digits at p. */
static bool read_hex(const char *p, const char *end, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	uint32_t value = 0;

	if (end - p < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const char *digit = p[i] ? strchr(digits, p[i]) : NULL;

		if (!digit)
			return false;
		value = value << 4 | ((uint32_t)(digit - digits) & 0xf);
	}
	*ret = value;
	return true;
}

/* What follows "\u", with the second half of a surrogate pair. A NUL would end the string too early. */
static bool read_unicode(char **p, const char *end, uint32_t *ret)
{
	uint32_t low;

	if (!read_hex(*p, end, ret) || !*ret || (*ret >= 0xdc00 && *ret < 0xe000))
		return false;
	*p += 4;
	if (*ret < 0xd800 || *ret >= 0xe000)
		return true;
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' || !read_hex(*p + 2, end, &low) ||
	    low < 0xdc00 || low >= 0xe000)
		return false;
	*p += 6;
	*ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

/* Reads the escape at *p, and writes what it means to *out, which is never longer. */
static bool read_escape(char **p, const char *end, char **out)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	uint32_t c;

	if (end - *p < 2)
		return false;
	(*p)++;
	if (**p == 'u') {
		(*p)++;
		if (!read_unicode(p, end, &c))
			return false;
		*out += put_utf8(*out, c);
		return true;
	}
	letter = **p ? strchr(letters, **p) : NULL;
	if (!letter)
		return false;
	*(*out)++ = meanings[letter - letters];
	(*p)++;
	return true;
}

/* One character or escape of a string. */
static int read_character(struct json_reader *r, char **out)
{
	size_t n;

	if (*r->p == '\\') {
		char *start = r->p;

		return read_escape(&r->p, r->end, out)
			? 0
			: json_error(r, place_of(r, start), "there is no such escape");
	}
	if ((unsigned char)*r->p < ' ')
		return json_error(r, place_of(r, r->p), "a string contains the control character 0x%02x",
				  (unsigned char)*r->p);
	n = json_utf8_length(r->p, r->end);
	if (!n)
		return json_error(r, place_of(r, r->p), "a string is not UTF-8: byte 0x%02x",
				  (unsigned char)*r->p);
	memmove(*out, r->p, n);
	*out += n;
	r->p += n;
	return 0;
}

int json_read_text(struct json_reader *r, const char **ret)
{
	char *start, *out;
	int error = 0;

	if (!take(r, '"'))
		return syntax_error(r, "a string");
	start = out = r->p;
	while (!error && r->p < r->end && *r->p != '"')
		error = read_character(r, &out);
	if (error)
		return error;
	if (r->p == r->end)
		return syntax_error(r, "the end of a string");
	r->p++;
	*out = '\0';
	*ret = start;
	return 0;
}

/* ---- numbers and words ---- */

static size_t skip_digits(struct json_reader *r)
{
	size_t n = strspn(r->p, "0123456789");

	r->p += n;
	return n;
}

int json_read_count(struct json_reader *r, uint64_t *ret)
{
	struct json_place at = json_place(r);
	uint64_t value = 0;
	char *start = r->p;

	if (!skip_digits(r))
		return syntax_error(r, "a number that is not negative");
	for (const char *p = start; p < r->p; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value) || value > INT64_MAX)
			return json_error(r, at, "the number is too large");
	if (*start == '0' && r->p > start + 1)
		return json_error(r, at, "the number begins with 0");
	if (*r->p == '.' || *r->p == 'e' || *r->p == 'E')
		return json_error(r, at, "the number is no whole number");
	*ret = value;
	return 0;
}

static int skip_number(struct json_reader *r)
{
	r->p += *r->p == '-';
	if (*r->p == '0')
		r->p++;
	else if (!skip_digits(r))
		return syntax_error(r, "a digit");
	if (*r->p == '.') {
		r->p++;
		if (!skip_digits(r))
			return syntax_error(r, "a digit");
	}
	if (*r->p == 'e' || *r->p == 'E') {
		r->p++;
		r->p += *r->p == '+' || *r->p == '-';
		if (!skip_digits(r))
			return syntax_error(r, "a digit");
	}
	return 0;
}

static bool take_word(struct json_reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return false;
	r->p += n;
	return true;
}

/* ---- arrays and objects ---- */

static int open_bracket(struct json_reader *r, char bracket)
{
	struct json_place at = json_place(r);

	if (!take(r, bracket))
		return syntax_error(r, bracket == '[' ? "an array" : "an object");
	if (r->depth == JSON_DEPTH_MAX)
		return json_error(r, at, "more than %u arrays and objects are in each other", JSON_DEPTH_MAX);
	r->depth++;
	return 0;
}

int json_read_array(struct json_reader *r, int (*read)(struct json_reader *r, void *data), void *data)
{
	int error = open_bracket(r, '[');

	if (error)
		return error;
	if (!take(r, ']')) {
		do
			error = read(r, data);
		while (!error && take(r, ','));
		if (error)
			return error;
		if (!take(r, ']'))
			return syntax_error(r, "',' or ']'");
	}
	r->depth--;
	return 0;
}

static int read_member(struct json_reader *r, const struct json_member *m, void *object)
{
	void *to = (char *)object + m->offset;

	switch (m->kind) {
	case JSON_TEXT_OR_NULL:
		skip_space(r);
		if (take_word(r, "null")) {
			*(const char **)to = NULL;
			return 0;
		}
		/* fall through */
	case JSON_TEXT:
		return json_read_text(r, to);
	case JSON_COUNT:
		return json_read_count(r, to);
	default:
		return m->read(r, object);
	}
}

/* The key and the value of one member; seen has a bit for each known one that there was. */
static int read_pair(struct json_reader *r, const struct json_member *members, size_t n, void *object,
		     uint32_t *seen)
{
	struct json_place at = json_place(r);
	const char *key;
	int error = json_read_text(r, &key);

	if (error)
		return error;
	if (!take(r, ':'))
		return syntax_error(r, "':'");
	for (size_t i = 0; i < n; i++) {
		if (strcmp(members[i].key, key) != 0)
			continue;
		if (*seen & 1u << i)
			return json_error(r, at, "\"%s\" appears twice", key);
		*seen |= 1u << i;
		return read_member(r, &members[i], object);
	}
	return json_skip(r);
}

int json_read_object(struct json_reader *r, const struct json_member *members, size_t n, void *object)
{
	struct json_place at = json_place(r);
	uint32_t seen = 0;
	int error = open_bracket(r, '{');

	if (error)
		return error;
	if (!take(r, '}')) {
		do
			error = read_pair(r, members, n, object, &seen);
		while (!error && take(r, ','));
		if (error)
			return error;
		if (!take(r, '}'))
			return syntax_error(r, "',' or '}'");
	}
	r->depth--;
	for (size_t i = 0; i < n; i++)
		if (members[i].required && !(seen & 1u << i))
			return json_error(r, at, "\"%s\" is missing", members[i].key);
	return 0;
}

static int skip_element(struct json_reader *r, void *data)
{
	return json_skip(r);
}

/* It is as deep as its depth is allowed to be. */
int json_skip(struct json_reader *r)
{
	const char *text;

	skip_space(r);
	switch (*r->p) {
	case '{':
		return json_read_object(r, NULL, 0, NULL);
	case '[':
		return json_read_array(r, skip_element, NULL);
	case '"':
		return json_read_text(r, &text);
	default:
		if (take_word(r, "true") || take_word(r, "false") || take_word(r, "null"))
			return 0;
		return *r->p == '-' || (*r->p >= '0' && *r->p <= '9') ? skip_number(r)
								      : syntax_error(r, "a value");
	}
}

int json_read_end(struct json_reader *r)
{
	skip_space(r);
	return r->p == r->end ? 0 : syntax_error(r, "the end of the text");
}
