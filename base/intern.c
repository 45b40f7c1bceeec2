/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_bytes(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ len;
	uint64_t w;

	/* FNV-1a's constants over words: aliases are long and differ late. */
	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * 0x100000001b3ULL;
		h ^= h >> 29;
	}
	while (len--)
		h = (h ^ (unsigned char)*s++) * 0x100000001b3ULL;
	h ^= h >> 32;
	return (uint32_t)(h * 0x9e3779b1U);
}

/* The slot that holds s, or the free one where it belongs. */
static uint32_t *find_slot(const struct intern *t, const char *s, size_t len, uint32_t hash)
{
	uint32_t i = hash & (t->n_slots - 1);

	while (t->slots[i]) {
		uint32_t id = t->slots[i] - 1;

		if (t->hashes[id] == hash && strlen(t->strings[id]) == len && !memcmp(t->strings[id], s, len))
			break;
		i = (i + 1) & (t->n_slots - 1);
	}
	return &t->slots[i];
}

static bool grow_slots(struct intern *t)
{
	uint32_t n = t->n_slots ? t->n_slots * 2 : 64;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return false;
	for (uint32_t id = 0; id < t->n; id++) {
		uint32_t i = t->hashes[id] & (n - 1);

		while (slots[i])
			i = (i + 1) & (n - 1);
		slots[i] = id + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return true;
}

static bool grow_strings(struct intern *t)
{
	uint32_t capacity = t->capacity ? t->capacity * 2 : 64;
	const char **strings = reallocarray(t->strings, capacity, sizeof(*strings));
	uint32_t *hashes;

	if (!strings)
		return false;
	t->strings = strings;
	hashes = reallocarray(t->hashes, capacity, sizeof(*hashes));
	if (!hashes)
		return false;
	t->hashes = hashes;
	t->capacity = capacity;
	return true;
}

uint32_t intern_find(const struct intern *t, const char *s, size_t len)
{
	uint32_t slot;

	if (!t->n_slots)
		return INTERN_NONE;
	slot = *find_slot(t, s, len, hash_bytes(s, len));
	return slot ? slot - 1 : INTERN_NONE;
}

uint32_t intern_add(struct intern *t, const char *s, size_t len)
{
	uint32_t hash = hash_bytes(s, len);
	uint32_t *slot;
	char *copy;

	if (t->n >= t->n_slots / 4 * 3 && !grow_slots(t))
		return INTERN_NONE;
	slot = find_slot(t, s, len, hash);
	if (*slot)
		return *slot - 1;
	if (t->n == t->capacity && !grow_strings(t))
		return INTERN_NONE;
	copy = arena_strndup(&t->arena, s, len);
	if (!copy)
		return INTERN_NONE;
	t->strings[t->n] = copy;
	t->hashes[t->n] = hash;
	*slot = ++t->n;
	return t->n - 1;
}

void intern_free(struct intern *t)
{
	arena_free(&t->arena);
	free(t->strings);
	free(t->hashes);
	free(t->slots);
	*t = (struct intern){};
}
