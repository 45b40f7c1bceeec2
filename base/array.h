/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Growing a flat array by one or many; ids into it stay valid, pointers do not. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for n more elements; -ENOMEM leaves the array as it was. */
static inline int array_reserve(void **items, size_t *capacity, size_t used, size_t n, size_t size)
{
	size_t want = *capacity ? *capacity : 16;
	void *p;

	if (n <= *capacity - used)
		return 0;
	if (n > SIZE_MAX / 4 - used)
		return -ENOMEM;
	while (want < used + n)
		want *= 2;
	p = reallocarray(*items, want, size);
	if (!p)
		return -ENOMEM;
	*items = p;
	*capacity = want;
	return 0;
}

/* A typed growable array: struct { T *items; size_t n, capacity; } */
#define ARRAY(T)                 \
	struct {                 \
		T *items;        \
		size_t n;        \
		size_t capacity; \
	}

#define array_make_room(a, count) \
	array_reserve((void **)&(a)->items, &(a)->capacity, (a)->n, (count), sizeof(*(a)->items))

/* Appends a value; evaluates to 0 or -ENOMEM. */
#define array_push(a, ...)                                                           \
	({                                                                           \
		int _r = array_make_room((a), 1);                                    \
		if (!_r)                                                             \
			(a)->items[(a)->n++] = (__typeof__(*(a)->items))__VA_ARGS__; \
		_r;                                                                  \
	})

/* Appends count elements that lie one after the other; evaluates to 0 or -ENOMEM. */
#define array_append(a, from, count)                                                   \
	({                                                                             \
		size_t _n = (count);                                                   \
		int _r = array_make_room((a), _n);                                     \
		if (!_r && _n) {                                                       \
			memcpy((a)->items + (a)->n, (from), _n * sizeof(*(a)->items)); \
			(a)->n += _n;                                                  \
		}                                                                      \
		_r;                                                                    \
	})

#define array_free(a)                       \
	do {                                \
		free((a)->items);           \
		(a)->items = NULL;          \
		(a)->n = (a)->capacity = 0; \
	} while (0)
