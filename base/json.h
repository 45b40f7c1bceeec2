/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing JSON (RFC 8259) into memory. Commas are placed by the writer. Bytes that are not UTF-8 are
 * written as the code points U+0080 to U+00FF, so that the text is always valid. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/array.h"

struct json {
	ARRAY(char) text;
	bool comma;  /* the next value needs one in front */
	bool line;   /* the next value begins a new line */
	bool failed; /* out of memory: nothing more is written */
};

/* key is NULL inside an array. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value); /* NULL: null */
void json_number(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* Begins an object with text that is one already, but for its last brace; n may be 0. */
void json_begin_with(struct json *j, const char *text, size_t n);
/* The next value begins a new line. */
void json_new_line(struct json *j);
/* Hands what there is of the text to f, and goes on with an empty one. 0, -ENOMEM or -EIO. */
int json_write(struct json *j, FILE *f);
/* The text, NUL-terminated, for the caller to free(); NULL when it failed. */
char *json_steal(struct json *j);
