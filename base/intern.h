/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strings to 32-bit ids, each distinct string once, ids in order of first appearance. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define INTERN_NONE UINT32_MAX

struct intern {
	struct arena arena;
	const char **strings; /* id to string */
	uint32_t *hashes;
	uint32_t *slots; /* open addressing, id + 1 */
	uint32_t n;
	uint32_t capacity; /* of strings */
	uint32_t n_slots;  /* a power of two */
};

/* The id of s, entering it when new; INTERN_NONE when out of memory. */
uint32_t intern_add(struct intern *t, const char *s, size_t len);
/* The id of s, or INTERN_NONE when it was never entered. */
uint32_t intern_find(const struct intern *t, const char *s, size_t len);
static inline const char *intern_string(const struct intern *t, uint32_t id)
{
	return t->strings[id];
}
void intern_free(struct intern *t);
