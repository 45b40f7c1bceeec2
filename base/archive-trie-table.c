/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table in which each child has a slot for itself, so that one look at it is enough. The children are
 * divided among buckets, about four to each. A bucket has a number, which chooses the slots of all of its
 * children at once: it is the first one with which all of these are free. The largest buckets are first,
 * while much is free; if there is no such number for one, the table gets more slots. Mostly a sixteenth
 * more than there are children are enough. Two children with the same hash can never have a slot each: then
 * there is no table.
 */
#include "base/archive-trie-table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/archive-format.h"
#include "base/cleanup.h"
#include "base/little-endian.h"

/* What is to go into a table. */
struct hashed {
	uint32_t hash, bucket, in_bucket;
	size_t child;
};

void table_free(struct table *t)
{
	free(t->hashed);
	free(t->numbers);
	free(t->slots);
	*t = (struct table){};
}

/* The largest buckets first, while much is free. */
static int compare_hashed(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->in_bucket != y->in_bucket)
		return x->in_bucket > y->in_bucket ? -1 : 1;
	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

static int sort_hashed(struct table *t)
{
	_cleanup_free_ uint32_t *sizes = calloc(archive_buckets(t->n_slots), sizeof(*sizes));

	if (!sizes)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		t->hashed[i].bucket = archive_bucket(t->hashed[i].hash, t->n_slots);
		sizes[t->hashed[i].bucket]++;
	}
	for (size_t i = 0; i < t->n; i++)
		t->hashed[i].in_bucket = sizes[t->hashed[i].bucket];
	qsort(t->hashed, t->n, sizeof(*t->hashed), compare_hashed);
	return 0;
}

/* Puts a bucket into the slots that it has with this number, if all of them are free. */
static bool place_bucket(struct table *t, const struct hashed *bucket, uint8_t number)
{
	for (uint32_t i = 0; i < bucket->in_bucket; i++) {
		size_t *slot = &t->slots[archive_slot(bucket[i].hash, number, t->n_slots)];

		if (!*slot) {
			*slot = bucket[i].child + 1;
			continue;
		}
		while (i--)
			t->slots[archive_slot(bucket[i].hash, number, t->n_slots)] = 0;
		return false;
	}
	t->numbers[bucket->bucket] = number;
	return true;
}

/* Once they are sorted, equal hashes stand side by side. */
static bool has_twins(const struct table *t)
{
	for (size_t i = 1; i < t->n; i++)
		if (t->hashed[i].hash == t->hashed[i - 1].hash)
			return true;
	return false;
}

/* 1; 0: more slots are needed. */
static int fill_table(struct table *t)
{
	int r;

	free(t->numbers);
	free(t->slots);
	t->numbers = calloc(archive_buckets(t->n_slots), 1);
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->numbers || !t->slots)
		return -ENOMEM;
	r = sort_hashed(t);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t->n; i += t->hashed[i].in_bucket) {
		uint32_t number = 0;

		while (number <= UINT8_MAX && !place_bucket(t, &t->hashed[i], (uint8_t)number))
			number++;
		if (number > UINT8_MAX)
			return 0;
	}
	return 1;
}

int table_make(struct table *t, const struct table_child *children, size_t n)
{
	int r = 0;

	t->n = n;
	t->hashed = calloc(n + 1, sizeof(*t->hashed));
	if (!t->hashed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		t->hashed[i] = (struct hashed){ .hash = archive_hash(le64(children[i].first)), .child = i };
	for (; !r; n += n / 16 + 1) {
		if (n > UINT16_MAX)
			return 0;
		t->n_slots = (uint32_t)n;
		r = fill_table(t);
		if (!r && has_twins(t))
			return 0;
	}
	return r;
}

int table_put(const struct table *t, const struct table_child *children, struct bytes *out)
{
	int r = array_append(&out->items, t->numbers, archive_buckets(t->n_slots));

	for (uint32_t i = 0; !r && i < t->n_slots; i++) {
		const struct table_child *c = t->slots[i] ? &children[t->slots[i] - 1] : NULL;
		uint8_t slot[ARCHIVE_STEP + 8] = {};

		if (c) {
			memcpy(slot, c->first, sizeof(c->first));
			put_le32(slot + ARCHIVE_STEP, c->ref);
			put_le32(slot + ARCHIVE_STEP + 4, c->value);
		}
		r = array_append(&out->items, slot, sizeof(slot));
	}
	return r;
}
