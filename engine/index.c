/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Matching an alias against a trie of glob patterns.
 *
 * libkmod descends literally and, at each node with a '*', '?' or '[' child, enumerates the whole
 * subtree with one fnmatch(3) per leaf: 1,756 of them for each alias that begins with "of:N". Here the
 * wildcards are followed through the trie instead: a state is a place in the trie and a place in the
 * alias, and a '*' becomes "go on from here at each later place of the alias". What keeps that from
 * growing is one observation: going on behind the same '*' from a later place finds a subset of what
 * going on from an earlier place found. So for each '*' the earliest place tried is remembered, and
 * no place is tried twice; the work is bounded by (stars reached) x (length of the alias).
 *
 * Refused: compiling the patterns into a structure of our own at start (costs more than a boot's 71
 * lookups), and pruning to the leftmost match per star (wrong when several patterns share the star).
 *
 * A '[' or a '\' met behind a wildcard (0.25 % of the patterns) is left to fnmatch, which sees the
 * rest of each pattern below it: glob matching composes at such a boundary.
 *
 * Two quirks of libkmod's walk are part of the semantics. Before the first wildcard a character
 * matches only itself ('\' too). And a wildcard that stands where the trie branches can also be matched
 * literally by the same character in the alias, one that stands inside a node's prefix cannot.
 */
#include "engine/index.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"

struct node {
	uint32_t offset;
	const char *prefix; /* "" when none */
	uint32_t prefix_len;
	uint8_t first, last; /* first > last: no children */
	const uint8_t *children;
	const uint8_t *values; /* behind the count */
	uint32_t n_values;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A file that cannot be read is broken there, whatever was looked for. */
static __attribute__((cold, noinline)) void note_broken(struct index *index, size_t offset, const char *what)
{
	index->bad_offset = (uint32_t)offset;
	index->bad = index->error ? blocks_strerror(index->error) : what;
}

static inline int broken(struct index *index, size_t offset, const char *what)
{
	note_broken(index, offset, what);
	return -EBADMSG;
}

/* How far it may be looked from p on, which is within the file: p itself when nothing there has been read. */
static inline const uint8_t *readable(const struct index *index, const uint8_t *p)
{
	const uint8_t *end = index->data + index->size;

	if (index->file)
		end = index->data + blocks_end(index->file, (size_t)(p - index->data));
	return end > p ? end : p;
}

/* Reads n bytes from p on. Their end, or NULL when that cannot be, or they are not within the file. */
static __attribute__((cold, noinline)) const uint8_t *read_more(struct index *index, const uint8_t *p,
								size_t n)
{
	if (!index->file || n > (size_t)(index->data + index->size - p))
		return NULL;
	index->error = blocks_read(index->file, (size_t)(p - index->data), n);
	return index->error ? NULL : p + n;
}

/* How far it may be looked when n bytes from p on are to be there, end being what is known; or NULL. */
static inline const uint8_t *reach(struct index *index, const uint8_t *p, size_t n, const uint8_t *end)
{
	return (size_t)(end - p) >= n ? end : read_more(index, p, n);
}

static __attribute__((cold, noinline)) const uint8_t *far_string_end(struct index *index, const uint8_t *end)
{
	const uint8_t *p, *nul;

	do {
		p = end;
		if (!read_more(index, p, 1))
			return NULL;
		end = readable(index, p);
		nul = memchr(p, '\0', (size_t)(end - p));
	} while (!nul);
	return nul + 1;
}

/* The end of the string at p, one past its NUL, which may be beyond end; NULL when it runs out of the file. */
static inline const uint8_t *string_end(struct index *index, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *nul = memchr(p, '\0', (size_t)(end - p));

	return nul ? nul + 1 : far_string_end(index, end);
}

/* The same for the value at p, which follows its priority. */
static const uint8_t *value_end(struct index *index, const uint8_t *p)
{
	const uint8_t *end;

	if (p == index->data + index->size)
		return NULL;
	end = reach(index, p, 5, readable(index, p));
	return end ? string_end(index, p + 4, end) : NULL;
}

/* Reads the node that ref (offset and flags) names. */
static inline int read_node(struct index *index, uint32_t ref, struct node *ret)
{
	size_t offset = ref & INDEX_NODE_MASK;
	const uint8_t *p = index->data + offset, *end;
	struct node n = { .offset = (uint32_t)offset, .prefix = "", .first = 1, .last = 0 };

	if (offset < 12 || offset >= index->size)
		return broken(index, offset, "node outside the file");
	end = readable(index, p);
	if (ref & INDEX_NODE_PREFIX) {
		n.prefix = (const char *)p;
		p = string_end(index, p, end);
		if (!p)
			return broken(index, offset, "prefix without end");
		n.prefix_len = (uint32_t)((const char *)p - n.prefix - 1);
		end = p > end ? p : end;
	}
	if (ref & INDEX_NODE_CHILDS) {
		end = reach(index, p, 2, end);
		if (!end)
			return broken(index, offset, "children outside the file");
		n.first = p[0];
		n.last = p[1];
		n.children = p + 2;
		p = n.children + 4 * (n.last - n.first + 1);
		if (n.first > n.last || !(end = reach(index, n.children, (size_t)(p - n.children), end)))
			return broken(index, offset, "children outside the file");
	}
	if (ref & INDEX_NODE_VALUES) {
		if (!reach(index, p, 4, end))
			return broken(index, offset, "values outside the file");
		n.n_values = be32(p);
		n.values = p + 4;
		if (n.n_values > (size_t)(index->data + index->size - n.values) / 5)
			return broken(index, offset, "more values than the file holds");
	}
	*ret = n;
	return 0;
}

/* The reference of the child for character c, 0 when there is none. */
static uint32_t node_child(const struct node *n, unsigned char c)
{
	uint32_t ref;

	if (c < n->first || c > n->last)
		return 0;
	ref = be32(n->children + 4 * (c - n->first));
	return ref & INDEX_NODE_MASK ? ref : 0;
}

static int open_index(struct index *index)
{
	struct node root;

	if (index->size < 12 || !reach(index, index->data, 12, readable(index, index->data)))
		return broken(index, 0, "shorter than its header");
	if (be32(index->data) != INDEX_MAGIC)
		return broken(index, 0, "not a kmod index (wrong magic)");
	if (be32(index->data + 4) >> 16 != INDEX_VERSION >> 16)
		return broken(index, 4, "an index version other than 2");
	index->root = be32(index->data + 8);
	/* An index without entries has a root without anything. */
	if (!(index->root & ~INDEX_NODE_MASK))
		return 0;
	return read_node(index, index->root, &root);
}

int index_open(struct index *index, const void *data, size_t size)
{
	*index = (struct index){ .data = data, .size = size };
	return open_index(index);
}

int index_open_file(struct index *index, struct blocks *file)
{
	*index = (struct index){ .data = file->data, .size = file->size, .file = file };
	return open_index(index);
}

static bool is_empty(const struct index *index)
{
	return !(index->root & ~INDEX_NODE_MASK);
}

int index_find(struct index *index, const char *key, const char **value)
{
	uint32_t ref = index->root;
	struct node n;
	int r;

	if (is_empty(index))
		return 0;
	for (;;) {
		r = read_node(index, ref, &n);
		if (r < 0)
			return r;
		if (strncmp(n.prefix, key, n.prefix_len) != 0)
			return 0;
		key += n.prefix_len;
		if (!*key)
			break;
		ref = node_child(&n, (unsigned char)*key++);
		if (!ref)
			return 0;
	}
	if (!n.n_values)
		return 0;
	if (!value_end(index, n.values))
		return broken(index, n.offset, "value without end");
	*value = (const char *)n.values + 4;
	return 1;
}

/* The earliest place in the key from which the rest behind one '*' was tried. */
struct star {
	uint32_t node, at;
	uint32_t from;
};

struct matcher {
	struct index *index;
	const char *key;
	size_t key_len;
	struct index_hits *hits;
	uint64_t budget;
	uint32_t entry;
	ARRAY(struct star) stars;
	ARRAY(uint32_t) found; /* nodes whose values are among the hits */
	size_t path_len;
	char path[LIMIT_ALIAS + 1];
};

static int spend(struct matcher *m, const struct node *n)
{
	if (!m->budget--)
		return broken(m->index, n->offset, "a lookup that does not end");
	return 0;
}

static int too_long(struct matcher *m, const struct node *n)
{
	return broken(m->index, n->offset, "a pattern longer than 4095 bytes");
}

/* The path is what was consumed of the trie so far: the pattern, once values are reached. */
static int push(struct matcher *m, const struct node *n, const char *s, size_t len)
{
	if (len > LIMIT_ALIAS - m->path_len)
		return too_long(m, n);
	memcpy(m->path + m->path_len, s, len);
	m->path_len += len;
	return 0;
}

static int push_char(struct matcher *m, const struct node *n, char c)
{
	if (m->path_len >= LIMIT_ALIAS)
		return too_long(m, n);
	m->path[m->path_len++] = c;
	return 0;
}

/* A pattern can match in several ways ("a*[b]*"), but is found once. 1 when it was found before. */
static int note_found(struct matcher *m, const struct node *n)
{
	for (size_t i = 0; i < m->found.n; i++) {
		if (m->found.items[i] == n->offset)
			return 1;
		if (!m->budget--)
			return broken(m->index, n->offset, "a lookup that does not end");
	}
	return array_push(&m->found, n->offset);
}

static int add_values(struct matcher *m, const struct node *n)
{
	const uint8_t *p = n->values;
	struct index_hits *h = m->hits;
	uint32_t pattern = (uint32_t)h->patterns.n;
	int r;

	if (!n->n_values)
		return 0;
	r = note_found(m, n);
	if (r != 0)
		return r < 0 ? r : 0;
	/* No file has so many: a loop of nodes was gone through again and again. */
	if (h->hits.n + n->n_values > 65536 + m->index->size)
		return broken(m->index, n->offset, "more values for one key than the file holds");
	r = array_make_room(&h->patterns, m->path_len + 1);
	if (r < 0)
		return r;
	memcpy(h->patterns.items + pattern, m->path, m->path_len);
	h->patterns.items[pattern + m->path_len] = '\0';
	h->patterns.n += m->path_len + 1;
	for (uint32_t i = 0; i < n->n_values; i++) {
		const uint8_t *q = value_end(m->index, p);

		if (!q)
			return broken(m->index, n->offset, "value without end");
		r = array_push(&h->hits,
			       { .value = (const char *)p + 4,
				 .priority = be32(p),
				 .pattern = pattern,
				 .entry = m->entry,
				 .node = n->offset,
				 .position = i });
		if (r < 0)
			return r;
		p = q;
	}
	return 0;
}

static bool is_special(unsigned char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

/* A walk of its own in libkmod: what another one tried behind a '*', or found, does not count. */
static void next_entry(struct matcher *m)
{
	m->entry++;
	m->stars.n = 0;
	m->found.n = 0;
}

static int match_rest(struct matcher *m, const struct node *n, uint32_t at, size_t pos);

/* Every pattern below, from place at of node n: its part from path[start] on against the rest of
 * the key. */
static int match_each(struct matcher *m, const struct node *n, uint32_t at, size_t start, size_t pos)
{
	size_t mark = m->path_len;
	int r = spend(m, n);

	if (!r)
		r = push(m, n, n->prefix + at, n->prefix_len - at);
	for (unsigned int c = n->first; !r && c <= n->last; c++) {
		uint32_t ref = node_child(n, (unsigned char)c);
		struct node child;

		if (!ref)
			continue;
		r = read_node(m->index, ref, &child);
		if (!r)
			r = push_char(m, n, (char)c);
		if (!r) {
			r = match_each(m, &child, 0, start, pos);
			m->path_len--;
		}
	}
	if (!r && n->n_values) {
		m->path[m->path_len] = '\0';
		if (!fnmatch(m->path + start, m->key + pos, 0))
			r = add_values(m, n);
	}
	m->path_len = mark;
	return r;
}

/* Narrows [pos, end) to what was not tried yet behind this star; false when nothing is left. */
static int star_untried(struct matcher *m, const struct node *n, uint32_t at, size_t pos, size_t *end)
{
	for (size_t i = 0; i < m->stars.n; i++) {
		struct star *s = &m->stars.items[i];

		if (s->node != n->offset || s->at != at)
			continue;
		if (pos >= s->from)
			return 0;
		*end = s->from;
		s->from = (uint32_t)pos;
		return 1;
	}
	*end = m->key_len + 1;
	return array_push(&m->stars, { n->offset, at, (uint32_t)pos }) ?: 1;
}

/* The character of a node's prefix, NUL behind it and for one that has a meaning. */
static char literal_at(const struct node *n, uint32_t at)
{
	return at < n->prefix_len && !is_special((unsigned char)n->prefix[at]) ? n->prefix[at] : '\0';
}

/* A '*' was consumed; the rest of the pattern begins at place at of node n. */
static int match_star(struct matcher *m, const struct node *n, uint32_t at, size_t pos)
{
	/* The next two characters of the pattern, where they match only themselves. */
	char c = literal_at(n, at), next = c ? literal_at(n, at + 1) : '\0';
	size_t end;
	int r = star_untried(m, n, at, pos, &end);

	if (r <= 0)
		return r;
	for (r = 0; !r && pos < end; pos++) {
		if (c) {
			const char *p = memchr(m->key + pos, c, m->key_len - pos);

			if (!p || (size_t)(p - m->key) >= end)
				break;
			pos = (size_t)(p - m->key);
			if (next && next != m->key[pos + 1])
				continue;
		}
		r = match_rest(m, n, at, pos);
	}
	return r;
}

static int match_node(struct matcher *m, const struct node *n, uint32_t ref, unsigned char c, size_t pos)
{
	size_t mark = m->path_len;
	struct node child;
	int r = read_node(m->index, ref, &child);

	if (!r)
		r = push_char(m, n, (char)c);
	if (r < 0)
		return r;
	if (c == '*')
		r = match_star(m, &child, 0, pos);
	else if (c == '[' || c == '\\')
		r = match_each(m, &child, 0, mark, pos);
	else
		r = match_rest(m, &child, 0, pos);
	m->path_len = mark;
	return r;
}

/* Goes on in the child for character c of n, having consumed c of the pattern and stepped to pos. Most nodes
 * have no child for most characters. */
static inline int match_child(struct matcher *m, const struct node *n, unsigned char c, size_t pos)
{
	uint32_t ref = node_child(n, c);

	return ref ? match_node(m, n, ref, c, pos) : 0;
}

static int match_children(struct matcher *m, const struct node *n, size_t pos)
{
	unsigned char c = (unsigned char)m->key[pos];
	int r = match_child(m, n, '*', pos);

	if (!r && c)
		r = match_child(m, n, '?', pos + 1);
	if (!r)
		r = match_child(m, n, '[', pos);
	if (!r)
		r = match_child(m, n, '\\', pos);
	if (!r && c && !is_special(c))
		r = match_child(m, n, c, pos + 1);
	return r;
}

/* Behind the first wildcard: the patterns from place at of node n against the key from pos. */
static int match_rest(struct matcher *m, const struct node *n, uint32_t at, size_t pos)
{
	size_t mark = m->path_len;
	int r = spend(m, n);

	while (!r && at < n->prefix_len) {
		unsigned char c = (unsigned char)n->prefix[at];

		if (c == '[' || c == '\\') {
			r = match_each(m, n, at, m->path_len, pos);
			goto out;
		}
		r = push_char(m, n, n->prefix[at++]);
		if (r < 0)
			goto out;
		if (c == '*') {
			r = match_star(m, n, at, pos);
			goto out;
		}
		if (!m->key[pos] || (c != '?' && c != (unsigned char)m->key[pos]))
			goto out;
		pos++;
	}
	if (!r && !m->key[pos])
		r = add_values(m, n);
	if (!r && n->first <= n->last)
		r = match_children(m, n, pos);
out:
	m->path_len = mark;
	return r;
}

/* A wildcard where the trie branches: what libkmod calls a walk of its own. */
static int enter_child(struct matcher *m, const struct node *n, unsigned char c, size_t pos)
{
	if (c == '?' && !m->key[pos])
		return 0;
	next_entry(m);
	return match_child(m, n, c, c == '?' ? pos + 1 : pos);
}

/* Before the first wildcard. */
static int match_literally(struct matcher *m)
{
	uint32_t ref = m->index->root;
	struct node n;
	size_t pos = 0;
	int r;

	for (;;) {
		r = read_node(m->index, ref, &n);
		if (r < 0)
			return r;
		for (uint32_t j = 0; j < n.prefix_len; j++) {
			char c = n.prefix[j];

			if (c == '*' || c == '?' || c == '[') {
				next_entry(m);
				return match_rest(m, &n, j, pos);
			}
			if (c != m->key[pos])
				return 0;
			r = push_char(m, &n, c);
			if (r < 0)
				return r;
			pos++;
		}
		r = enter_child(m, &n, '*', pos) ?: enter_child(m, &n, '?', pos) ?:
		    enter_child(m, &n, '[', pos);
		if (r < 0)
			return r;
		if (!m->key[pos]) {
			next_entry(m);
			return add_values(m, &n);
		}
		ref = node_child(&n, (unsigned char)m->key[pos]);
		if (!ref)
			return 0;
		r = push_char(m, &n, m->key[pos++]) ?: spend(m, &n);
		if (r < 0)
			return r;
	}
}

/* libkmod inserts each value before the ones of equal priority found earlier; and a file written by
 * depmod has the nodes of one walk in ascending order. */
static int compare_hits(const void *a, const void *b)
{
	const struct index_hit *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->entry != y->entry)
		return x->entry > y->entry ? -1 : 1;
	if (x->node != y->node)
		return x->node > y->node ? -1 : 1;
	return (x->position < y->position) - (x->position > y->position);
}

int index_match(struct index *index, const char *key, struct index_hits *hits)
{
	struct matcher m;
	int r;

	m.index = index;
	m.key = key;
	m.key_len = strnlen(key, LIMIT_ALIAS + 1);
	m.hits = hits;
	m.budget = 1000000 + 64 * (uint64_t)index->size;
	m.entry = 0;
	memset(&m.stars, 0, sizeof(m.stars));
	memset(&m.found, 0, sizeof(m.found));
	m.path_len = 0;
	hits->hits.n = hits->patterns.n = 0;
	if (is_empty(index))
		return 0;
	r = match_literally(&m);
	array_free(&m.stars);
	array_free(&m.found);
	if (r < 0)
		return r;
	if (hits->hits.n > 1)
		qsort(hits->hits.items, hits->hits.n, sizeof(*hits->hits.items), compare_hits);
	return 0;
}

struct each {
	struct index *index;
	int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority);
	void *userdata;
	uint64_t budget;
	size_t path_len;
	char path[LIMIT_ALIAS + 1];
};

static int each_value(struct each *e, const struct node *n)
{
	const uint8_t *p = n->values;
	int r = 0;

	e->path[e->path_len] = '\0';
	for (uint32_t i = 0; !r && i < n->n_values; i++) {
		const uint8_t *q;

		if (!e->budget--)
			return broken(e->index, n->offset, "a trie that does not end");
		q = value_end(e->index, p);
		if (!q)
			return broken(e->index, n->offset, "value without end");
		r = e->fn(e->userdata, e->path, (const char *)p + 4, be32(p));
		p = q;
	}
	return r < 0 ? r : 0;
}

static int each_node(struct each *e, uint32_t ref)
{
	size_t mark = e->path_len;
	struct node n;
	int r = read_node(e->index, ref, &n);

	if (r < 0)
		return r;
	if (!e->budget--)
		return broken(e->index, n.offset, "a trie that does not end");
	if (n.prefix_len > LIMIT_ALIAS - e->path_len)
		return broken(e->index, n.offset, "a pattern longer than 4095 bytes");
	memcpy(e->path + e->path_len, n.prefix, n.prefix_len);
	e->path_len += n.prefix_len;
	r = each_value(e, &n);
	for (unsigned int c = n.first; !r && c <= n.last; c++) {
		uint32_t child = node_child(&n, (unsigned char)c);

		if (!child)
			continue;
		if (e->path_len == LIMIT_ALIAS)
			return broken(e->index, n.offset, "a pattern longer than 4095 bytes");
		e->path[e->path_len++] = (char)c;
		r = each_node(e, child);
		e->path_len--;
	}
	e->path_len = mark;
	return r;
}

int index_each(struct index *index,
	       int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority),
	       void *userdata)
{
	struct each e;

	if (is_empty(index))
		return 0;
	e.index = index;
	e.fn = fn;
	e.userdata = userdata;
	e.budget = 2 * (uint64_t)index->size; /* a node and a value take more than a byte each */
	e.path_len = 0;
	return each_node(&e, index->root);
}

void index_hits_free(struct index_hits *hits)
{
	array_free(&hits->hits);
	array_free(&hits->patterns);
}
