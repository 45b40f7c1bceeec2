/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory by lifetime: what lives as long as its owner is allocated here and freed in one go. */
#pragma once

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *block;
};

#define _cleanup_arena_ __attribute__((cleanup(arena_free)))

/* NULL when out of memory; aligned for any type, not zeroed. */
void *arena_alloc(struct arena *a, size_t size);
/* A NUL-terminated copy of n bytes. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *fmt, ...);
/* Hands all that was allocated in another arena, which is empty then, to this one. */
void arena_adopt(struct arena *a, struct arena *from);
void arena_free(struct arena *a);
