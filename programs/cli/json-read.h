/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading JSON (RFC 8259) that anybody may have written: strict, and with the place of what is wrong.
 * Nothing is copied: strings are decoded where they are in the text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 32U /* arrays and objects in each other */

struct json_place {
	unsigned long line;   /* from 1 */
	unsigned long column; /* in bytes, from 1 */
};

struct json_reader {
	const char *name; /* for messages */
	char *p, *end;	  /* what is still to be read; *end is a NUL */
	char *line_start;
	unsigned long line;
	unsigned int depth;
};

/* One member of an object, and where it goes. */
struct json_member {
	const char *key;
	enum { JSON_TEXT, JSON_TEXT_OR_NULL, JSON_COUNT, JSON_OTHER } kind;
	/* Of a char pointer for JSON_TEXT (NULL: null), of a uint64_t for JSON_COUNT. */
	size_t offset;
	int (*read)(struct json_reader *r, void *object); /* for JSON_OTHER */
	bool required;
};

/* text[n] must be a NUL, and the text stay as long as its strings. */
void json_reader_init(struct json_reader *r, const char *name, char *text, size_t n);
/* All of these return 0, a negative errno that has been reported, or what their function has returned. */
int json_read_text(struct json_reader *r, const char **ret);
int json_read_count(struct json_reader *r, uint64_t *ret);
/* Calls a function for each element, which has to read it. */
int json_read_array(struct json_reader *r, int (*read)(struct json_reader *r, void *data), void *data);
/* Reads at most 32 members that are known, none twice. Others are skipped. */
int json_read_object(struct json_reader *r, const struct json_member *members, size_t n, void *object);
/* The next value, whatever it is. */
int json_skip(struct json_reader *r);
/* There must be nothing more. */
int json_read_end(struct json_reader *r);

/* The length of the UTF-8 sequence that p begins with, or 0 if it is none (RFC 3629). p is in front of
 * end. */
size_t json_utf8_length(const char *p, const char *end);

/* Where the next value begins. */
struct json_place json_place(struct json_reader *r);
/* Reports what is wrong there. Returns -EBADMSG. */
__attribute__((format(printf, 3, 4))) int json_error(const struct json_reader *r, struct json_place at,
						     const char *fmt, ...);
