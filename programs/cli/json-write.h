/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing JSON (RFC 8259) to standard output, value by value. Commas are placed by the writer. Bytes that
 * are not UTF-8 are written as the code points U+0080 to U+00FF, so that the text is always valid. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct json_writer {
	bool comma; /* the next value needs one in front */
};

/* key is NULL inside an array. bracket is '{' or '[', and '}' or ']' at the end. */
void json_write_open(struct json_writer *j, const char *key, char bracket);
void json_write_close(struct json_writer *j, char bracket);
void json_write_string(struct json_writer *j, const char *key, const char *value); /* NULL: null */
void json_write_number(struct json_writer *j, const char *key, int64_t value);
void json_write_decimal(struct json_writer *j, const char *key, double value); /* finite */
void json_write_bool(struct json_writer *j, const char *key, bool value);
