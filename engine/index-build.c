/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The entries are sorted and the trie is written straight from the sorted list: the entries that share
 * a prefix are a range of it, so no tree is held in memory. Children are written before their parent,
 * as depmod does, so the file's order of nodes is the order of a walk.
 */
#include "engine/index-build.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/index.h"

struct image {
	ARRAY(uint8_t) bytes;
};

int index_builder_add(struct index_builder *b, const char *key, size_t key_len, const char *value,
		      size_t value_len, uint32_t priority)
{
	char *k, *v;

	if (key_len > LIMIT_ALIAS)
		return -E2BIG;
	k = arena_strndup(&b->arena, key, key_len);
	v = arena_strndup(&b->arena, value, value_len);
	if (!k || !v)
		return -ENOMEM;
	return array_push(&b->entries, { k, v, priority, (uint32_t)b->entries.n });
}

static int put(struct image *im, const void *p, size_t n)
{
	int r = array_make_room(&im->bytes, n);

	if (r < 0)
		return r;
	if (im->bytes.n + n > INDEX_NODE_MASK)
		return -EFBIG;
	memcpy(im->bytes.items + im->bytes.n, p, n);
	im->bytes.n += n;
	return 0;
}

static void set_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static int put_be32(struct image *im, uint32_t v)
{
	uint8_t p[4];

	set_be32(p, v);
	return put(im, p, sizeof(p));
}

/* Within one key: by priority, equal ones last come first, as depmod inserts them. */
static int compare_entries(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	if (c)
		return c;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return (x->order < y->order) - (x->order > y->order);
}

/* How many characters from depth on all keys of a sorted range share. */
static size_t shared_prefix(const struct index_entry *first, const struct index_entry *last, size_t depth)
{
	size_t n = 0;

	while (first->key[depth + n] && first->key[depth + n] == last->key[depth + n])
		n++;
	return n;
}

static int write_node(struct image *im, const struct index_entry *e, size_t n, size_t depth, bool root,
		      uint32_t *ref);

/* Writes the children of the range e[0..n), whose keys all go on behind depth. */
static int write_children(struct image *im, const struct index_entry *e, size_t n, size_t depth,
			  uint32_t refs[256])
{
	int r = 0;

	for (size_t i = 0, next; !r && i < n; i = next) {
		unsigned char c = (unsigned char)e[i].key[depth];

		for (next = i + 1; next < n && (unsigned char)e[next].key[depth] == c;)
			next++;
		r = write_node(im, e + i, next - i, depth + 1, false, &refs[c]);
	}
	return r;
}

static int put_values(struct image *im, const struct index_entry *e, size_t n)
{
	int r = put_be32(im, (uint32_t)n);

	for (size_t i = 0; !r && i < n; i++) {
		r = put_be32(im, e[i].priority);
		if (!r)
			r = put(im, e[i].value, strlen(e[i].value) + 1);
	}
	return r;
}

static int put_children(struct image *im, const uint32_t refs[256])
{
	unsigned int first = 0, last = 255;
	uint8_t range[2];
	int r;

	while (!refs[first])
		first++;
	while (!refs[last])
		last--;
	range[0] = (uint8_t)first;
	range[1] = (uint8_t)last;
	r = put(im, range, 2);
	for (unsigned int c = first; !r && c <= last; c++)
		r = put_be32(im, refs[c]);
	return r;
}

/* The root never has a prefix: depmod's trie starts with an empty node. */
static int write_node(struct image *im, const struct index_entry *e, size_t n, size_t depth, bool root,
		      uint32_t *ref)
{
	size_t prefix = root ? 0 : shared_prefix(&e[0], &e[n - 1], depth);
	size_t values = 0;
	/* Not on the stack: a trie can be as deep as an alias is long. */
	_cleanup_free_ uint32_t *refs = calloc(256, sizeof(*refs));
	uint32_t offset;
	int r;

	while (values < n && !e[values].key[depth + prefix])
		values++;
	r = refs ? write_children(im, e + values, n - values, depth + prefix, refs) : -ENOMEM;
	if (r < 0)
		return r;
	offset = (uint32_t)im->bytes.n;
	if (prefix) {
		offset |= INDEX_NODE_PREFIX;
		r = put(im, e[0].key + depth, prefix) ?: put(im, "", 1);
	}
	if (!r && values < n) {
		offset |= INDEX_NODE_CHILDS;
		r = put_children(im, refs);
	}
	if (!r && values) {
		offset |= INDEX_NODE_VALUES;
		r = put_values(im, e, values);
	}
	if (!r)
		*ref = offset;
	return r;
}

int index_builder_finish(struct index_builder *b, uint8_t **data, size_t *size)
{
	struct image im = {};
	uint32_t root = 12;
	int r;

	if (b->entries.n)
		qsort(b->entries.items, b->entries.n, sizeof(*b->entries.items), compare_entries);
	r = put_be32(&im, INDEX_MAGIC) ?: put_be32(&im, INDEX_VERSION) ?: put_be32(&im, 0);
	if (!r && b->entries.n)
		r = write_node(&im, b->entries.items, b->entries.n, 0, true, &root);
	if (r < 0) {
		array_free(&im.bytes);
		return r;
	}
	set_be32(im.bytes.items + 8, root);
	*data = im.bytes.items;
	*size = im.bytes.n;
	return 0;
}

void index_builder_free(struct index_builder *b)
{
	array_free(&b->entries);
	arena_free(&b->arena);
}
