/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk of index.c, for the same trie written another way. Most of a walk there is spent on nodes with
 * one way to go on, each in a cache line of its own. Here the rest of a pattern behind its last branch is a
 * leaf: one text that many leaves share ("*sd*bc*sc*i*"), matched in one go, without a record of what was
 * tried behind which '*', since for one pattern the last '*' is all that must be tried again. Where no
 * wildcard is near, a node has a hash table of the next characters, up to eight. A child has its slot for
 * itself, so a lookup that finds nothing looks at one slot too, and tables are nearly full: that they fit into
 * the cache is worth as much as the instructions. The pattern is put together only for an answer.
 *
 * Most of what begins with "pci:v*" or "usb:v*" asks for a class that a device has not. Finding that out by
 * the walk takes longer than all of the literal way, for each "pci:" or "usb:". So such a '*' has a filter:
 * each pattern behind it has some text that the key must have, and whether the key has any of these texts
 * is seen by looking at every third or fourth place.
 *
 * Refused: a hash table of what stands in front of the first wildcard. It needs one probe for each length
 * that occurs, and has nothing for "of:N*T*C...", "acpi*:..." and "pcmcia:m*c*...", which are the expensive
 * ones; and kmod's answers depend on where the trie branches (see index.c), so the branches must be known.
 * And an index from pieces of a key to the patterns behind a '*' that have them: a third fewer instructions
 * for these, but it needs as much memory as all else, so that the lookups take longer.
 *
 * Invariant: nothing is looked at before need() has answered for it, and a node is in front of its parent.
 */
#include "engine/archive-match.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/little-endian.h"

#define NODE_HEAD 8U
#define CHILD 8U
#define PREFIX_MASK 0xFFFU /* of its length: no alias is longer */
#define FILTER_HEAD 2U
#define SHORT 32U		    /* most pieces of a pattern are no longer */
#define MANY_HITS 65536U	    /* more than the patterns of all kernels that one alias matches */
#define BUDGET 16000000U	    /* steps of a lookup, */
#define LARGE (1U << 20)	    /* and 64 for each byte of a matcher, up to this size */
#define COMPARISONS 32U		    /* of characters, which take as long as one step */
#define FEW_SLOTS 64U		    /* looking at each of them takes no longer than at the places of a key */
#define SLOT (ARCHIVE_STEP + CHILD) /* of a hash table: the characters of a child, and what it has */

struct node {
	uint32_t place;
	uint32_t n_prefix, n_values;
	uint32_t n_wildcards, n_children; /* the children of one character; the first of them are wildcards */
	uint32_t step, n_slots;		  /* characters of each child of the hash table; 0: there is none */
	const uint8_t *children, *first;  /* and their characters */
	const char *prefix;
	const uint8_t *values, *buckets, *slots; /* behind it */
};

/* What does not stand for itself, before the first wildcard and behind it. A NUL ends both key and
 * pattern. */
static const bool is_wildcard[256] = { ['\0'] = true, ['*'] = true, ['?'] = true, ['['] = true };
static const bool is_special[256] = {
	['\0'] = true, ['*'] = true, ['?'] = true, ['['] = true, ['\\'] = true,
};

/* A piece of the pattern; what stands in front of it is up. */
struct piece {
	const struct piece *up;
	const char *text;
	size_t n;
};

struct walk {
	struct archive *a;
	const uint8_t *blocks; /* of the archive */
	const uint8_t *base;   /* of the section, and its place and size */
	uint64_t place, size;
	uint64_t there; /* the size, once all of it has been read; until then 0 */
	const char *key;
	size_t key_len;
	struct index_hits *hits;
	uint64_t budget;
	uint32_t entry;
	uint32_t depth; /* children above, each of which is a character of the pattern */
};

static __attribute__((cold, noinline)) void report_damage(struct walk *w, uint64_t place, const char *what)
{
	archive_damaged(w->a, w->place + place, what);
}

/* -EBADMSG, also for the compiler to see: no node is looked at that could not be read. */
static inline int damaged(struct walk *w, uint64_t place, const char *what)
{
	report_damage(w, place, what);
	return -EBADMSG;
}

/* Whether n bytes are within the section and the block in which they begin, and this one is there. */
static inline bool is_in_block(const struct walk *w, uint64_t place, uint64_t n)
{
	uint64_t at = w->place + place;

	return at % ARCHIVE_BLOCK + n <= ARCHIVE_BLOCK && place + n <= w->size &&
		w->blocks[at >> ARCHIVE_BLOCK_SHIFT] == ARCHIVE_BLOCK_GOOD;
}

/* The same as need(), as long as not all of the section has been read. */
static __attribute__((noinline)) int read_more(struct walk *w, uint64_t place, uint64_t n)
{
	if (is_in_block(w, place, n))
		return 0;
	if (place + n > w->size)
		return damaged(w, place, "a place outside of the matcher");
	return archive_need(w->a, w->place + place, n);
}

/* Makes sure that n bytes at a place of the section are there. */
static inline int need(struct walk *w, uint64_t place, uint64_t n)
{
	return __builtin_expect(place + n <= w->there, 1) ? 0 : read_more(w, place, n);
}

/* For work that is done at once. Without the budget for it the lookup ends without an answer. */
static inline bool use(struct walk *w, uint64_t work)
{
	if (w->budget <= work) {
		w->budget = 0;
		return false;
	}
	w->budget -= work;
	return true;
}

/* For one step. */
static inline int spend(struct walk *w, uint32_t place)
{
	return use(w, 1) ? 0 : damaged(w, place, "a lookup that does not end");
}

static inline int read_node(struct walk *w, uint32_t place, struct node *n)
{
	const uint8_t *p = w->base + place;
	uint64_t head;
	int r = need(w, place, NODE_HEAD);

	if (r)
		return r;
	head = le64(p);
	n->place = place;
	n->n_prefix = head & PREFIX_MASK;
	n->n_values = head >> 16 & 0xFFFF;
	n->n_slots = head >> 32 & 0xFFFF;
	n->n_wildcards = head >> 48 & 15;
	n->step = head >> 52 & 15;
	if (n->step == 1 || n->step > ARCHIVE_STEP || (n->step && !n->n_slots))
		return damaged(w, place, "a hash table of no such characters");
	n->n_children = n->n_wildcards + (uint32_t)(head >> 56);
	n->children = p + NODE_HEAD;
	n->first = n->children + CHILD * n->n_children;
	n->prefix = (const char *)n->first + n->n_children;
	n->values = n->first + n->n_children + n->n_prefix;
	n->buckets = n->values + (size_t)4 * n->n_values;
	n->slots = n->buckets + (n->step ? archive_buckets(n->n_slots) : 0);
	return need(w, place, (uint64_t)(n->slots - p));
}

/* The next characters of the key as a number: at most step of them, and at least one. */
static inline uint64_t next_word(const struct walk *w, size_t pos, uint32_t step)
{
	const uint8_t *key = (const uint8_t *)w->key;
	uint64_t mask = UINT64_MAX >> 8 * (ARCHIVE_STEP - step), word = 0;
	size_t left = w->key_len - pos;

	if (left >= ARCHIVE_STEP)
		return le64(key + pos) & mask;
	if (w->key_len >= ARCHIVE_STEP)
		return (le64(key + w->key_len - ARCHIVE_STEP) >> 8 * (ARCHIVE_STEP - left)) & mask;
	for (size_t i = 0; i < left && i < step; i++)
		word |= (uint64_t)key[pos + i] << 8 * i;
	return word;
}

/* The child of the hash table with the next characters of the key, of which there is at least one. How many
 * these are and *child, 0, -EBADMSG. */
static inline int find_slot(struct walk *w, const struct node *n, size_t pos, const uint8_t **child)
{
	uint64_t word = next_word(w, pos, n->step), place;
	uint32_t hash = archive_hash(word);
	uint8_t number = n->buckets[archive_bucket(hash, n->n_slots)];
	const uint8_t *slot;
	int r;

	place = (uint64_t)(n->slots - w->base) + (uint64_t)SLOT * archive_slot(hash, number, n->n_slots);
	r = need(w, place, SLOT);
	if (r < 0)
		return r;
	slot = w->base + place;
	*child = slot + ARCHIVE_STEP;
	if (le64(slot) != word)
		return 0;
	return w->key_len - pos < n->step ? (int)(w->key_len - pos) : (int)n->step;
}

/* The child with which the key goes on literally. The characters that it stands for and *child; 0,
 * -EBADMSG. */
static inline int find_child(struct walk *w, const struct node *n, size_t pos, const uint8_t **child)
{
	uint8_t c = (uint8_t)w->key[pos];

	if (n->step) {
		int r = find_slot(w, n, pos, child);

		if (r)
			return r;
	}
	for (uint32_t i = 0; i < n->n_children; i++) {
		if (n->first[i] == c) {
			*child = n->children + (size_t)CHILD * i;
			return 1;
		}
	}
	return 0;
}

/* The characters of a child. */
static struct piece text_of_child(const struct node *n, const uint8_t *child, const struct piece *up)
{
	const char *word = (const char *)child - ARCHIVE_STEP;

	if (child >= n->first)
		return (struct piece){ up, word, strnlen(word, n->step) };
	return (struct piece){ up, (const char *)n->first + (child - n->children) / CHILD, 1 };
}

/* The rest of the alias of a leaf. */
static inline int read_text(struct walk *w, uint32_t ref, struct piece *ret)
{
	uint32_t place = ref & ~ARCHIVE_LEAF;
	int r = need(w, place, 2);

	if (r < 0)
		return r;
	ret->n = le16(w->base + place);
	ret->text = (const char *)w->base + place + 2;
	r = need(w, place, (uint64_t)ret->n + 3);
	if (!r && (ret->text[ret->n] || ret->n > LIMIT_ALIAS))
		r = damaged(w, place, "a text without end");
	return r;
}

/* ---- answers ---- */

/* A pattern can match in several ways ("a*[b]*"), but is found once. 1 when it was found before; -ENOMEM,
 * -EBADMSG. */
static int note_found(struct walk *w, uint32_t what)
{
	for (size_t i = 0; i < w->a->found.n; i++) {
		if (w->a->found.items[i] == what)
			return 1;
		if (spend(w, what) < 0)
			return -EBADMSG;
	}
	return array_push(&w->a->found, what);
}

/* Copies the pattern to the end of to, backwards. */
static void put_pieces(char *to, const struct piece *piece)
{
	for (; piece; piece = piece->up) {
		to -= piece->n;
		memcpy(to, piece->text, piece->n);
	}
}

static size_t length_of(const struct piece *piece)
{
	size_t n = 0;

	for (; piece; piece = piece->up)
		n += piece->n;
	return n;
}

static int add_pattern(struct walk *w, const struct piece *last, uint32_t *ret)
{
	size_t n = length_of(last);
	int r;

	if (n > LIMIT_ALIAS)
		return damaged(w, 0, "a pattern longer than 4095 bytes");
	r = array_make_room(&w->hits->patterns, n + 1);
	if (r < 0)
		return r;
	*ret = (uint32_t)w->hits->patterns.n;
	put_pieces(w->hits->patterns.items + *ret + n, last);
	w->hits->patterns.items[*ret + n] = '\0';
	w->hits->patterns.n += n + 1;
	return 0;
}

static int add_hit(struct walk *w, uint32_t name, uint32_t pattern, uint32_t what, uint32_t position)
{
	const char *value = archive_string(w->a, name, LIMIT_NAME);

	if (!value)
		return -EBADMSG;
	return array_push(&w->hits->hits,
			  { .value = value,
			    .priority = name,
			    .pattern = pattern,
			    .entry = w->entry,
			    .node = what,
			    .position = position });
}

/* Names that are there, and where their pattern ends. */
struct answer {
	const uint8_t *names;
	uint32_t n, what;
};

static inline int add_hits(struct walk *w, const struct answer *answer, uint32_t pattern)
{
	int r = 0;

	if (w->hits->hits.n + answer->n > MANY_HITS + w->a->n_entries)
		return damaged(w, answer->what, "more answers for one alias than there can be");
	for (uint32_t i = 0; !r && i < answer->n; i++)
		r = add_hit(w, le32(answer->names + 4 * i), pattern, answer->what, i);
	return r;
}

static int add_answer(struct walk *w, const struct answer *answer, const struct piece *last)
{
	uint32_t pattern = 0;
	int r = answer->n ? note_found(w, answer->what) : 1;

	if (r)
		return r < 0 ? r : 0;
	return add_pattern(w, last, &pattern) ?: add_hits(w, answer, pattern);
}

/* The names of a node. */
static int add_values(struct walk *w, const struct node *n, const struct piece *last)
{
	return add_answer(w, &(struct answer){ n->values, n->n_values, n->place }, last);
}

static inline int read_answer(struct walk *w, const uint8_t *child, struct answer *ret)
{
	uint32_t value = le32(child + 4), place = value & ~ARCHIVE_LEAF;
	int r;

	*ret = (struct answer){ child + 4, 1, (uint32_t)(child - w->base) };
	if (!(value & ARCHIVE_LEAF))
		return 0;
	r = need(w, place, 4);
	if (r < 0)
		return r;
	ret->names = w->base + place + 4;
	ret->n = le32(w->base + place);
	return need(w, place, 4 + (uint64_t)4 * ret->n);
}

static int add_leaf(struct walk *w, const uint8_t *child, const struct piece *last)
{
	struct answer answer;

	return read_answer(w, child, &answer) ?: add_answer(w, &answer, last);
}

/* Copies n bytes. Most pieces are short: then it copies SHORT bytes, if so many can be read, since a length
 * that varies costs more. to has room for these too, and what comes behind the n is written later. */
static inline void copy_short(char *to, const char *from, size_t n, bool can_read_short)
{
	if (n <= SHORT && can_read_short)
		memcpy(to, from, SHORT);
	else
		memcpy(to, from, n);
}

/* A leaf that the key has reached literally up to pos. Nothing of this walk was found before. */
static int add_literal_leaf(struct walk *w, const uint8_t *child, const struct piece *text, size_t pos)
{
	uint64_t place = (uint64_t)(text->text - (const char *)w->base);
	size_t n = pos + text->n, pattern = w->hits->patterns.n;
	struct answer answer;
	int r = read_answer(w, child, &answer);
	char *to;

	if (r < 0)
		return r;
	if (n > LIMIT_ALIAS)
		return damaged(w, 0, "a pattern longer than 4095 bytes");
	r = array_make_room(&w->hits->patterns, n + SHORT);
	if (r < 0)
		return r;
	to = w->hits->patterns.items + pattern;
	copy_short(to, w->key, pos, w->key_len >= SHORT);
	copy_short(to + pos, text->text, text->n, place + SHORT <= w->there);
	to[n] = '\0';
	w->hits->patterns.n += n + 1;
	return add_hits(w, &answer, (uint32_t)pattern);
}

/* ---- behind the first wildcard ---- */

/* Where the text that begins with c may go on in the key; NULL: nowhere. */
static const char *next_place(const char *key, char c)
{
	return !is_special[(unsigned char)c] ? strchr(key, c) : key;
}

/* What fnmatch(3) needs for a pattern: it may compare each of its characters with each of the key's. */
static bool use_fnmatch(struct walk *w, size_t n, const char *key)
{
	return use(w, 1 + n * (w->key_len - (size_t)(key - w->key) + 1) / COMPARISONS);
}

/* Whether the pattern behind a '*' matches from any place of the key on. */
static bool glob_anywhere(struct walk *w, const char *pattern, const char *key)
{
	size_t n = strlen(pattern);

	while (use_fnmatch(w, n, key)) {
		if (!fnmatch(pattern, key, 0))
			return true;
		if (!*key++)
			return false;
	}
	return false;
}

/* Whether pattern matches the key as fnmatch(3) has it; star: a '*' stands in front of it. */
static bool glob(struct walk *w, const char *pattern, const char *key, bool star)
{
	const char *again = star ? pattern : NULL, *from = key;

	if (star && !*pattern)
		return true;
	if (star && !(key = from = next_place(key, *pattern)))
		return false;
	for (;;) {
		char c = *pattern;

		if ((c == *key && !is_special[(unsigned char)c]) || (c == '?' && *key)) {
			pattern++;
			key++;
			continue;
		}
		if ((c == '[' || c == '\\') && again)
			return glob_anywhere(w, again, from);
		if (c == '[' || c == '\\')
			return use_fnmatch(w, strlen(pattern), key) && !fnmatch(pattern, key, 0);
		if (c == '*') {
			again = ++pattern;
			if (!*again)
				return true;
		} else if (!c && !*key) {
			return true;
		} else {
			if (!again || !*from || !use(w, 1 + (uint64_t)(key - from) / COMPARISONS))
				return false;
			pattern = again;
			key = from + 1;
		}
		from = key = next_place(key, *again);
		if (!key)
			return false;
	}
}

/* fnmatch(3) of the pieces up to, and not including, stop. Its 4 KiB must not be in the frame of what
 * descends. */
static __attribute__((noinline)) bool glob_pieces(struct walk *w, const struct piece *last,
						  const struct piece *stop, size_t pos)
{
	char buf[LIMIT_ALIAS + 1];
	size_t n = length_of(last) - length_of(stop);

	if (n > LIMIT_ALIAS || !use_fnmatch(w, n, w->key + pos))
		return false;
	buf[n] = '\0';
	for (char *to = buf + n; last != stop; last = last->up) {
		to -= last->n;
		memcpy(to, last->text, last->n);
	}
	return !fnmatch(buf, w->key + pos, 0);
}

static int match_each(struct walk *w, const struct node *n, uint32_t at, const struct piece *stop, size_t pos,
		      const struct piece *up);

/* The same for one child. */
static int match_each_below(struct walk *w, const struct node *n, const uint8_t *child,
			    const struct piece *stop, size_t pos, const struct piece *up)
{
	struct piece c = text_of_child(n, child, up), text = { .up = &c };
	uint32_t ref = le32(child);
	struct node next;
	int r;

	if (!(ref & ARCHIVE_LEAF)) {
		r = ref < n->place ? read_node(w, ref, &next) ?: spend(w, ref)
				   : damaged(w, n->place, "a child behind its parent");
		return r ?: match_each(w, &next, 0, stop, pos, &c);
	}
	r = read_text(w, ref, &text) ?: spend(w, ref & ~ARCHIVE_LEAF);
	if (!r && glob_pieces(w, &text, stop, pos))
		r = add_leaf(w, child, &text);
	return r;
}

/* Every pattern below, from place at of node n on: what comes behind stop against the rest of the key. */
static int match_each(struct walk *w, const struct node *n, uint32_t at, const struct piece *stop, size_t pos,
		      const struct piece *up)
{
	struct piece prefix = { up, n->prefix + at, n->n_prefix - at };
	size_t length = length_of(&prefix);
	int r = 0;

	if (length > LIMIT_ALIAS)
		return damaged(w, n->place, "a pattern longer than 4095 bytes");
	if (!use(w, length / COMPARISONS))
		return 0;
	for (uint32_t i = 0; !r && i < n->n_children; i++)
		r = match_each_below(w, n, n->children + (size_t)CHILD * i, stop, pos, &prefix);
	if (!r && n->step)
		r = need(w, (uint64_t)(n->slots - w->base), (uint64_t)SLOT * n->n_slots);
	for (size_t i = 0; !r && n->step && i < n->n_slots; i++) {
		r = spend(w, n->place);
		if (!r && n->slots[SLOT * i])
			r = match_each_below(w, n, n->slots + SLOT * i + ARCHIVE_STEP, stop, pos, &prefix);
	}
	if (!r && n->n_values && glob_pieces(w, &prefix, stop, pos))
		r = add_values(w, n, &prefix);
	return r;
}

/* Whether what is behind this star was not tried yet from this place of the key or an earlier one. 1, 0,
 * -ENOMEM, -EBADMSG. */
static inline int star_untried(struct walk *w, uint32_t node, uint32_t at, size_t pos)
{
	for (size_t i = 0; i < w->a->stars.n; i++) {
		struct archive_star *s = &w->a->stars.items[i];

		if (spend(w, node) < 0)
			return -EBADMSG;
		if (s->node != node || s->at != at)
			continue;
		if (pos >= s->from)
			return 0;
		s->from = (uint32_t)pos;
		return 1;
	}
	return array_push(&w->a->stars, { node, at, (uint32_t)pos }) ?: 1;
}

/* How many characters from place at of the prefix on stand for themselves. */
static inline uint32_t segment(const struct node *n, uint32_t at)
{
	uint32_t i = at;

	while (i < n->n_prefix && !is_special[(unsigned char)n->prefix[i]])
		i++;
	return i - at;
}

/* The first place of the key from pos on where these n characters stand. */
static inline bool find_segment(struct walk *w, size_t *pos, const char *text, size_t n)
{
	const char *p = w->key + *pos, *end = w->key + w->key_len;
	size_t compared = 0;

	for (; n && (size_t)(end - p) >= n; p++) {
		size_t i = 1;

		p = memchr(p, text[0], (size_t)(end - p) - n + 1);
		if (!p)
			return false;
		while (i < n && p[i] == text[i])
			i++;
		if (i == n)
			break;
		compared += i;
		if (compared >= COMPARISONS && !use(w, compared / COMPARISONS))
			return false;
		compared %= COMPARISONS;
	}
	*pos = (size_t)(p - w->key);
	return (size_t)(end - p) >= n;
}

/* A leaf whose first characters are a wildcard, or stand behind one. The key goes on at pos. */
static int match_leaf(struct walk *w, const uint8_t *child, const struct piece *first, size_t pos)
{
	struct piece text = { .up = first };
	char c = *first->text;
	bool matches;
	int r = read_text(w, le32(child), &text);

	if (r < 0)
		return r;
	if (c == '[' || c == '\\')
		matches = glob_pieces(w, &text, first->up, pos);
	else
		matches = glob(w, text.text, w->key + pos, c == '*');
	return matches ? add_leaf(w, child, &text) : 0;
}

static int match_node(struct walk *w, uint32_t place, uint32_t at, bool star, size_t pos,
		      const struct piece *up);

/* Goes on in a child of a node; its characters, piece, were consumed of the pattern, and the key goes on at
 * pos. */
static int match_child(struct walk *w, uint32_t node, const uint8_t *child, const struct piece *piece,
		       size_t pos)
{
	char c = *piece->text;
	uint32_t ref = le32(child);
	struct node next;
	int r = spend(w, node);

	if (r < 0)
		return r;
	if (ref & ARCHIVE_LEAF)
		return match_leaf(w, child, piece, pos);
	if (w->depth == LIMIT_ALIAS)
		return damaged(w, node, "a pattern longer than 4095 bytes");
	if (ref >= node)
		return damaged(w, node, "a child behind its parent");
	w->depth++;
	if (c == '[' || c == '\\')
		r = read_node(w, ref, &next) ?: match_each(w, &next, 0, piece->up, pos, piece);
	else
		r = match_node(w, ref, 0, c == '*', pos, piece);
	w->depth--;
	return r;
}

/* Goes on in child i, which has one character. */
static int match_single(struct walk *w, const struct node *n, uint32_t i, size_t pos, const struct piece *up)
{
	struct piece piece = { up, (const char *)n->first + i, 1 };

	return match_child(w, n->place, n->children + (size_t)CHILD * i, &piece, pos);
}

/* Goes on in the child that the hash table has for the key, if there is one. */
static inline int match_hashed(struct walk *w, const struct node *n, size_t pos, const struct piece *up)
{
	struct piece piece = { .up = up };
	const uint8_t *child;
	int r = n->step ? find_slot(w, n, pos, &child) : 0;

	if (r <= 0)
		return r;
	piece.text = (const char *)child - ARCHIVE_STEP;
	piece.n = (size_t)r;
	return match_child(w, n->place, child, &piece, pos + (size_t)r);
}

/* Behind the prefix. again: the same was done from an earlier place of the key, from which a child '*' has
 * found all that it can. */
static inline int match_children(struct walk *w, const struct node *n, size_t pos, bool again,
				 const struct piece *up)
{
	uint8_t c = (uint8_t)w->key[pos];
	uint32_t i;
	int r = 0;

	for (i = 0; !r && i < n->n_wildcards; i++) {
		uint8_t first = n->first[i];

		if ((first == '?' && !c) || (first == '*' && again))
			continue;
		r = match_single(w, n, i, pos + (first == '?'), up);
	}
	if (r < 0)
		return r;
	if (!c)
		return add_values(w, n, up);
	for (; !r && i < n->n_children; i++) {
		if (n->first[i] == c)
			r = match_single(w, n, i, pos + 1, up);
	}
	return r ?: match_hashed(w, n, pos, up);
}

/* Goes on up to a '*', a class or the end of the prefix, unless the key is another one. */
static inline bool match_plain(const struct walk *w, const struct node *n, uint32_t *at, size_t *pos)
{
	for (; *at < n->n_prefix; ++*at, ++*pos) {
		char c = n->prefix[*at];

		if (c == '*' || c == '[' || c == '\\')
			break;
		if (!w->key[*pos] || (c != '?' && c != w->key[*pos]))
			return false;
	}
	return true;
}

/* Goes on up to behind the last '*' of those between which nothing is special, unless the key is another
 * one. The first place in the key is enough for what stands between two '*': all patterns below go on with
 * the second one. *n characters that stand for themselves follow. */
static inline bool match_between_stars(struct walk *w, const struct node *node, uint32_t *at, size_t *pos,
				       uint32_t *n)
{
	for (;; *at += *n + 1, *pos += *n) {
		*n = segment(node, *at);
		if (*at + *n == node->n_prefix || node->prefix[*at + *n] != '*')
			return true;
		if (!find_segment(w, pos, node->prefix + *at, *n))
			return false;
	}
}

/* A '*', k characters at place at of the prefix, and then '?' or a class: at each place of the key. */
static __attribute__((noinline)) int match_places(struct walk *w, const struct node *n, uint32_t from,
						  uint32_t at, uint32_t k, size_t pos, const struct piece *up)
{
	struct piece seen = { up, n->prefix + from, at + k - from };
	int r;

	if (w->depth == LIMIT_ALIAS)
		return damaged(w, n->place, "a pattern longer than 4095 bytes");
	w->depth++;
	do {
		if (!find_segment(w, &pos, n->prefix + at, k)) {
			r = 0;
			break;
		}
		r = match_node(w, n->place, at + k, false, pos + k, &seen);
	} while (!r && w->key[pos++]);
	w->depth--;
	return r;
}

static inline uint64_t bit_of(uint8_t c)
{
	return (uint64_t)1 << c % 64;
}

/* Behind a '*', where a node with few children and no wildcard is next: at the places of the key where one
 * of them can begin, and at its end. */
static __attribute__((noinline)) int match_anywhere(struct walk *w, const struct node *n, size_t pos,
						    const struct piece *up)
{
	uint64_t first = bit_of('\0'), table = (uint64_t)(n->slots - w->base);
	int r = n->step ? need(w, table, (uint64_t)SLOT * n->n_slots) : 0;

	for (uint32_t i = 0; i < n->n_children; i++)
		first |= bit_of(n->first[i]);
	for (uint32_t i = 0; !r && n->step && i < n->n_slots; i++)
		first |= bit_of(n->slots[(size_t)SLOT * i]);
	for (; !r && pos <= w->key_len; pos++)
		if (first & bit_of((uint8_t)w->key[pos]))
			r = spend(w, n->place) ?: match_children(w, n, pos, true, up);
	return r;
}

/* Behind the first wildcard: the patterns from place from of a node on against the key from pos on. star: a
 * '*' stands in front of them. */
static int match_node(struct walk *w, uint32_t place, uint32_t from, bool star, size_t pos,
		      const struct piece *up)
{
	uint32_t at = from, k = 0;
	bool again = false;
	struct piece seen;
	struct node n;
	int r = read_node(w, place, &n) ?: spend(w, place);

	if (r || !use(w, n.n_prefix / COMPARISONS))
		return r;
	if (!star && !match_plain(w, &n, &at, &pos))
		return 0;
	seen = (struct piece){ up, n.prefix + from, at - from };
	if (at < n.n_prefix && !star) {
		if (n.prefix[at] != '*')
			return match_each(w, &n, at, &seen, pos, &seen);
		star = true;
		at++;
	}
	if (star) {
		r = star_untried(w, place, at, pos);
		if (r <= 0 || !match_between_stars(w, &n, &at, &pos, &k))
			return r < 0 ? r : 0;
		if (at + k < n.n_prefix)
			return match_places(w, &n, from, at, k, pos, up);
	}
	seen.n = n.n_prefix - from;
	if (star && !k && !n.n_wildcards && n.n_slots <= FEW_SLOTS)
		return match_anywhere(w, &n, pos, &seen);
	do {
		if (star && !find_segment(w, &pos, n.prefix + at, k))
			return 0;
		r = spend(w, place) ?: match_children(w, &n, pos + k, again, &seen);
		again = true;
	} while (!r && star && w->key[pos++]);
	return r;
}

/* ---- before the first wildcard ---- */

/* A walk of its own in libkmod: what another one tried behind a '*', or found, does not count. */
static void next_entry(struct walk *w)
{
	w->entry++;
	w->a->stars.n = 0;
	w->a->found.n = 0;
}

/* A leaf that the key has reached literally. */
static int match_leaf_literally(struct walk *w, const uint8_t *child, size_t pos)
{
	struct piece text = {};
	const char *p, *key = w->key + pos;
	int r = read_text(w, le32(child), &text);

	if (r < 0)
		return r;
	for (p = text.text; !is_wildcard[(unsigned char)*p]; p++, key++)
		if (*p != *key)
			return 0;
	next_entry(w);
	if (*p ? !glob(w, p, key, false) : *key != '\0')
		return 0;
	return add_literal_leaf(w, child, &text, pos);
}

/* Whether a pattern behind a '*' can match the key from pos on: the filter has those pieces of each that
 * are met at every stride-th place, wherever it is in the key. 1, 0, -EBADMSG. */
static __attribute__((noinline)) int passes_filter(struct walk *w, uint32_t place, size_t pos)
{
	const uint8_t *filter = w->base + place, *bits = filter + FILTER_HEAD;
	const uint8_t *key = (const uint8_t *)w->key;
	uint32_t stride, shift, found = 0;
	int r = need(w, place, FILTER_HEAD);

	if (r < 0)
		return r;
	stride = filter[0];
	shift = 32U - filter[1];
	if (!stride || shift < 4 || shift > 27)
		return damaged(w, place, "a filter that cannot be");
	r = need(w, place, FILTER_HEAD + ((uint64_t)1 << filter[1]) / 8);
	if (r < 0)
		return r;
	for (; pos + ARCHIVE_PIECE <= w->key_len; pos += stride) {
		size_t bit = archive_piece_hash(le32(key + pos)) >> shift;

		found |= le32(bits + bit / 32 * 4) >> bit % 32;
	}
	return found & 1;
}

/* A wildcard at which a node branches, its child i: what libkmod calls a walk of its own. */
static __attribute__((noinline)) int enter_wildcard(struct walk *w, uint32_t node, uint32_t i, size_t pos)
{
	struct piece before = { NULL, w->key, pos };
	struct node n;
	int r = read_node(w, node, &n);

	if (r)
		return r;
	next_entry(w);
	return match_single(w, &n, i, n.first[i] == '?' ? pos + 1 : pos, &before);
}

/* All of them that can match. */
static inline int enter_wildcards(struct walk *w, const struct node *n, size_t pos)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < n->n_wildcards; i++) {
		const uint8_t *child = n->children + (size_t)CHILD * i;
		uint8_t c = n->first[i];

		r = c == '*' || c == '[' || (c == '?' && w->key[pos]);
		if (c == '*' && !(le32(child) & ARCHIVE_LEAF) && le32(child + 4))
			r = passes_filter(w, le32(child + 4), pos);
		if (r > 0)
			r = enter_wildcard(w, n->place, i, pos);
	}
	return r < 0 ? r : 0;
}

/* A wildcard in the prefix of a node. */
static __attribute__((noinline)) int enter_prefix(struct walk *w, uint32_t node, size_t at, size_t pos)
{
	struct piece before = { NULL, w->key, pos };

	next_entry(w);
	return match_node(w, node, (uint32_t)at, false, pos, &before);
}

/* The key ends where a node does. */
static __attribute__((noinline)) int match_end(struct walk *w, uint32_t node, size_t pos)
{
	struct piece before = { NULL, w->key, pos };
	struct node n;
	int r = read_node(w, node, &n);

	if (r)
		return r;
	next_entry(w);
	return add_values(w, &n, &before);
}

/* How much of the prefix is the same in the key, up to a wildcard in it. */
static inline size_t same_literally(const struct walk *w, const struct node *n, size_t pos)
{
	const char *key = w->key + pos;
	size_t i = 0;

	while (i < n->n_prefix && n->prefix[i] == key[i] && !is_wildcard[(unsigned char)key[i]])
		i++;
	return i;
}

static int match_literally(struct walk *w, uint32_t place)
{
	size_t pos = 0;
	struct node n;
	int r;

	for (;;) {
		const uint8_t *child;
		size_t same;

		r = read_node(w, place, &n);
		if (r)
			return r;
		same = same_literally(w, &n, pos);
		pos += same;
		if (same < n.n_prefix)
			return is_wildcard[(unsigned char)n.prefix[same]] ? enter_prefix(w, place, same, pos)
									  : 0;
		r = enter_wildcards(w, &n, pos);
		if (r < 0)
			return r;
		if (!w->key[pos])
			return match_end(w, place, pos);
		r = find_child(w, &n, pos, &child);
		if (r <= 0)
			return r;
		pos += (size_t)r;
		if (le32(child) & ARCHIVE_LEAF)
			return match_leaf_literally(w, child, pos);
		if (le32(child) >= n.place)
			return damaged(w, n.place, "a child behind its parent");
		place = le32(child);
	}
}

/* ---- the order ---- */

/* Where depmod's file has two patterns: a longer one before the one that it begins with. */
static int compare_patterns(const char *a, const char *b)
{
	int c;

	for (; *a && *a == *b; a++, b++)
		;
	c = (unsigned char)*a - (unsigned char)*b;
	return *a && *b ? c : -c;
}

/* libkmod inserts each value before the ones of equal priority found earlier, and walks in the order of the
 * file. */
static int compare_hits(const void *a, const void *b, void *patterns)
{
	const struct index_hit *x = a, *y = b;
	int c;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->entry != y->entry)
		return x->entry > y->entry ? -1 : 1;
	c = compare_patterns((const char *)patterns + x->pattern, (const char *)patterns + y->pattern);
	return c ? -c : (x->position < y->position) - (x->position > y->position);
}

/* Mostly there are one or two, for which qsort_r() takes as long as the walk. */
static void sort_hits(struct index_hits *hits)
{
	struct index_hit *h = hits->hits.items;

	if (hits->hits.n > 16) {
		qsort_r(h, hits->hits.n, sizeof(*h), compare_hits, hits->patterns.items);
		return;
	}
	for (size_t i = 1; i < hits->hits.n; i++) {
		struct index_hit hit = h[i];
		size_t k = i;

		for (; k && compare_hits(&h[k - 1], &hit, hits->patterns.items) > 0; k--)
			h[k] = h[k - 1];
		h[k] = hit;
	}
}

int archive_match(struct archive *a, const char *key, struct index_hits *hits)
{
	const struct archive_section *section = &a->sections[ARCHIVE_ALIASES];
	struct walk w = { .a = a,
			  .blocks = a->blocks,
			  .place = section->place,
			  .size = section->size,
			  .there = a->unread ? 0 : section->size,
			  .key = key,
			  .hits = hits };
	uint32_t root;
	int r;

	hits->hits.n = hits->patterns.n = 0;
	w.key_len = strnlen(key, LIMIT_ALIAS + 1);
	if (!section->size || w.key_len > LIMIT_ALIAS)
		return 0;
	w.base = a->tables + section->place;
	/* In the largest kernels the longest aliases need some 10,000. All of it takes some seconds. */
	w.budget = BUDGET + 64 * (section->size < LARGE ? section->size : LARGE);
	r = need(&w, 0, 4);
	root = r < 0 ? 0 : le32(w.base);
	if (root)
		r = match_literally(&w, root);
	if (!r && !w.budget)
		r = damaged(&w, root, "a lookup that does not end");
	if (!r)
		sort_hits(hits);
	return r;
}
