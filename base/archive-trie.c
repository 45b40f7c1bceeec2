/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As in engine/index-build.c, the aliases that begin alike are a range of the sorted list, so no tree is
 * held in memory, and children are written before their parent. */
#include "base/archive-trie.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/archive-format.h"
#include "base/archive-trie-filter.h"
#include "base/archive-trie-table.h"
#include "base/cleanup.h"
#include "base/intern.h"
#include "base/limits.h"
#include "base/little-endian.h"

struct trie {
	struct bytes *out;
	struct pieces *all; /* of all aliases */
	struct intern texts;
	ARRAY(uint32_t) places; /* of the texts */
};

#define WORTH_A_TABLE 2U /* children */

int bytes_put(struct bytes *to, const void *data, size_t n)
{
	if (to->items.n + n > LIMIT_INDEX)
		return -EFBIG;
	return array_append(&to->items, (const uint8_t *)data, n);
}

int bytes_put_number(struct bytes *to, uint32_t v)
{
	uint8_t p[4];

	put_le32(p, v);
	return bytes_put(to, p, sizeof(p));
}

/* Writes a text, or finds the place where it has been written. */
static int put_text(struct trie *t, const char *text, uint32_t *place)
{
	size_t n = strlen(text);
	uint32_t id = intern_add(&t->texts, text, n);
	uint8_t length[2];
	int r;

	if (id == INTERN_NONE)
		return -ENOMEM;
	if (id < t->places.n) {
		*place = t->places.items[id];
		return 0;
	}
	*place = (uint32_t)t->out->items.n;
	put_le16(length, (uint16_t)n);
	r = bytes_put(t->out, length, sizeof(length)) ?: bytes_put(t->out, text, n + 1);
	return r ?: array_push(&t->places, *place);
}

static int put_names(struct bytes *out, const struct trie_alias *aliases, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = bytes_put_number(out, aliases[i].name);
	return r;
}

/* All aliases are the same, and end behind depth. */
static int write_leaf(struct trie *t, const struct trie_alias *aliases, size_t n, size_t depth,
		      struct table_child *ret)
{
	uint32_t place;
	int r = put_text(t, aliases->key + depth, &place);

	if (r < 0)
		return r;
	ret->ref = place | ARCHIVE_LEAF;
	ret->value = aliases->name;
	if (n == 1)
		return 0;
	ret->value = (uint32_t)t->out->items.n | ARCHIVE_LEAF;
	r = bytes_put_number(t->out, (uint32_t)n);
	return r ?: put_names(t->out, aliases, n);
}

static size_t shared_prefix(const struct trie_alias *first, const struct trie_alias *last, size_t depth)
{
	size_t n = 0;

	while (first->key[depth + n] && first->key[depth + n] == last->key[depth + n])
		n++;
	return n;
}

struct children {
	ARRAY(struct table_child) items;
};

/* A node with what is known of it before it is written. */
struct node {
	const char *prefix;
	size_t n_prefix;
	const struct trie_alias *values;
	size_t n_values;
	struct children wildcards, listed, hashed;
	uint32_t step; /* characters of each that is hashed */
	struct table table;
};

static int put_first(struct bytes *out, const struct children *c)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->items.n; i++)
		r = bytes_put(out, c->items.items[i].first, 1);
	return r;
}

static int put_refs(struct bytes *out, const struct children *c)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->items.n; i++)
		r = bytes_put_number(out, c->items.items[i].ref)
			?: bytes_put_number(out, c->items.items[i].value);
	return r;
}

static int put_node(struct bytes *out, const struct node *n, uint32_t *place)
{
	uint8_t head[8] = {};
	int r;

	if (n->n_values > UINT16_MAX)
		return -EFBIG;
	*place = (uint32_t)out->items.n;
	put_le16(head, (uint16_t)n->n_prefix);
	put_le16(head + 2, (uint16_t)n->n_values);
	put_le16(head + 4, (uint16_t)n->table.n_slots);
	head[6] = (uint8_t)(n->wildcards.items.n | n->step << 4);
	head[7] = (uint8_t)n->listed.items.n;
	r = bytes_put(out, head, sizeof(head)) ?: put_refs(out, &n->wildcards) ?: put_refs(out, &n->listed);
	r = r ?: put_first(out, &n->wildcards) ?: put_first(out, &n->listed);
	r = r ?: bytes_put(out, n->prefix, n->n_prefix) ?: put_names(out, n->values, n->n_values);
	if (!r && n->step)
		r = table_put(&n->table, n->hashed.items.items, out);
	return r;
}

static bool is_wildcard(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

/* How many of these aliases, from the first one on, go on with the same characters. */
static size_t count_same(const struct trie_alias *aliases, size_t n, size_t depth, uint32_t step)
{
	size_t i = 1;

	while (i < n && !strncmp(aliases[i].key + depth, aliases->key + depth, step))
		i++;
	return i;
}

/* Whether none of these, which go on with the same character, has a wildcard among the next step ones. */
static bool can_be_hashed(const struct trie_alias *aliases, size_t n, size_t depth, uint32_t step)
{
	for (size_t i = 0; step && i < n; i++) {
		const char *rest = aliases[i].key + depth;

		for (uint32_t k = 0; k < step && rest[k]; k++)
			if (is_wildcard(rest[k]))
				return false;
	}
	return step;
}

/* The length of a child, up to longest, for which a hash table should save most steps of the walks to these
 * aliases; 0: none is worth it. */
static uint32_t choose_step(const struct trie_alias *aliases, size_t n, size_t depth, uint32_t longest)
{
	uint32_t best = 0;
	size_t most = 0;

	for (uint32_t step = longest; step > 1; step--) {
		size_t children = 0, hashed = 0;

		for (size_t i = 0, k; i < n; i += k) {
			k = count_same(aliases + i, n - i, depth, 1);
			if (!can_be_hashed(aliases + i, k, depth, step))
				continue;
			hashed += k;
			for (size_t j = 0; j < k; j += count_same(aliases + i + j, k - j, depth, step))
				children++;
		}
		if (children < WORTH_A_TABLE || children > TABLE_MAX || hashed * step <= most)
			continue;
		most = hashed * step;
		best = step;
	}
	return best;
}

/* The characters of a child at depth: how many there are. */
static size_t take_characters(struct table_child *child, const struct trie_alias *alias, size_t depth,
			      uint32_t step)
{
	size_t n = strnlen(alias->key + depth, step);

	memcpy(child->first, alias->key + depth, n);
	return n;
}

/* The children that a hash table has, without what is below them, in the order in which they are written. */
static int find_hashed(struct children *to, const struct trie_alias *aliases, size_t n, size_t depth,
		       uint32_t step)
{
	int r = 0;

	for (size_t i = 0, k; !r && i < n; i += k) {
		k = count_same(aliases + i, n - i, depth, 1);
		if (!can_be_hashed(aliases + i, k, depth, step))
			continue;
		for (size_t j = 0; !r && j < k; j += count_same(aliases + i + j, k - j, depth, step)) {
			struct table_child child = {};

			take_characters(&child, &aliases[i + j], depth, step);
			r = array_push(&to->items, child);
		}
	}
	return r;
}

/* Finds a hash table for a node before anything is written below it: where one cannot be made, one with
 * shorter children may do. */
static int make_table(struct node *node, const struct trie_alias *aliases, size_t n, size_t depth)
{
	int r = 0;

	for (uint32_t longest = ARCHIVE_STEP; !r; longest = node->step - 1) {
		struct children hashed = {};

		table_free(&node->table);
		node->step = choose_step(aliases, n, depth, longest);
		if (!node->step)
			return 0;
		r = find_hashed(&hashed, aliases, n, depth, node->step)
			?: table_make(&node->table, hashed.items.items, hashed.items.n);
		array_free(&hashed.items);
	}
	return r < 0 ? r : 0;
}

static int write_node(struct trie *t, const struct trie_alias *aliases, size_t n, size_t depth, bool root,
		      uint32_t *place);

/* A child of all aliases that go on with the same step characters, or end within them. */
static int write_child(struct trie *t, const struct trie_alias *aliases, size_t n, size_t depth,
		       uint32_t step, struct table_child *ret)
{
	depth += take_characters(ret, aliases, depth, step);
	if (!strcmp(aliases[0].key + depth, aliases[n - 1].key + depth))
		return write_leaf(t, aliases, n, depth, ret);
	/* The first wildcard. */
	if (ret->first[0] == '*' && strcspn(aliases->key, "*?[") == depth - 1) {
		int r = filter_put(t->all, aliases, n, depth, t->out, &ret->value);

		if (r < 0)
			return r;
	}
	return write_node(t, aliases, n, depth, false, &ret->ref);
}

/* The children of aliases that go on with the same character, or with the same step characters. */
static int write_children(struct trie *t, struct children *to, const struct trie_alias *aliases, size_t n,
			  size_t depth, uint32_t step)
{
	int r = 0;

	for (size_t i = 0, k; !r && i < n; i += k) {
		struct table_child child = {};

		k = count_same(aliases + i, n - i, depth, step);
		r = write_child(t, aliases + i, k, depth, step, &child) ?: array_push(&to->items, child);
	}
	return r;
}

static int write_all_children(struct trie *t, struct node *node, const struct trie_alias *aliases, size_t n,
			      size_t depth)
{
	int r = 0;

	for (size_t i = 0, k; !r && i < n; i += k) {
		k = count_same(aliases + i, n - i, depth, 1);
		if (is_wildcard(aliases[i].key[depth]))
			r = write_children(t, &node->wildcards, aliases + i, k, depth, 1);
		else if (can_be_hashed(aliases + i, k, depth, node->step))
			r = write_children(t, &node->hashed, aliases + i, k, depth, node->step);
		else
			r = write_children(t, &node->listed, aliases + i, k, depth, 1);
	}
	return r;
}

static void free_node(struct node *n)
{
	array_free(&n->wildcards.items);
	array_free(&n->listed.items);
	array_free(&n->hashed.items);
	table_free(&n->table);
}

/* The root never has a prefix: depmod's trie starts with an empty node. */
static int write_node(struct trie *t, const struct trie_alias *aliases, size_t n, size_t depth, bool root,
		      uint32_t *place)
{
	struct node node = { .prefix = aliases->key + depth, .values = aliases };
	size_t k = 0;
	int r;

	node.n_prefix = root ? 0 : shared_prefix(&aliases[0], &aliases[n - 1], depth);
	depth += node.n_prefix;
	while (k < n && !aliases[k].key[depth])
		k++;
	node.n_values = k;
	r = make_table(&node, aliases + k, n - k, depth)
		?: write_all_children(t, &node, aliases + k, n - k, depth) ?: put_node(t->out, &node, place);
	free_node(&node);
	return r;
}

int archive_trie_build(const struct trie_alias *aliases, size_t n, struct bytes *ret)
{
	struct trie t = { .out = ret, .all = filter_pieces_new() };
	uint32_t root = 0;
	int r = t.all ? bytes_put_number(ret, 0) : -ENOMEM;

	for (size_t i = 0; !r && i < n; i++)
		filter_count(t.all, aliases[i].key);
	if (!r && n)
		r = write_node(&t, aliases, n, 0, true, &root);
	if (!r)
		put_le32(ret->items.items, root);
	free(t.all);
	intern_free(&t.texts);
	array_free(&t.places);
	return r;
}
