/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding and matching in a trie, against a list of the same patterns and libkmod's rules. */
#include "tests/unit/test.h"

#include <fnmatch.h>

#include "base/limits.h"
#include "engine/index-build.h"
#include "engine/index.h"

struct entry {
	const char *key, *value;
	uint32_t priority;
};

struct image {
	uint8_t *data;
	size_t size;
};

static struct image build(const struct entry *entries, size_t n)
{
	struct index_builder b = {};
	struct image image;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(index_builder_add(&b, entries[i].key, strlen(entries[i].key),
						   entries[i].value, strlen(entries[i].value),
						   entries[i].priority),
				 0);
	assert_int_equal(index_builder_finish(&b, &image.data, &image.size), 0);
	index_builder_free(&b);
	return image;
}

/* "value value" of a match. */
static const char *spell_match(struct index *index, const char *key)
{
	static char out[65536];
	struct index_hits hits = {};
	size_t n = 0;
	int r = index_match(index, key, &hits);

	*out = '\0';
	if (r < 0)
		snprintf(out, sizeof(out), "error %d", r);
	for (size_t i = 0; r >= 0 && i < hits.hits.n && n < sizeof(out) - 1; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", n ? " " : "",
				      hits.hits.items[i].value);
	index_hits_free(&hits);
	return out;
}

static void a_key_matches_as_fnmatch_would(void **state)
{
	static const struct entry entries[] = {
		{ "pci:v*d*sv*", "a", 1 },
		{ "pci:v8086d*", "b", 2 },
		{ "pci:v8086d1234", "c", 3 },
		{ "cpu:type:x86,ven*fam*", "d", 4 },
		{ "of:N*T*Cfoo", "e", 5 },
		{ "of:N*T*CfooC*", "f", 6 },
		{ "hid:b[0-9]g*", "g", 7 },
		{ "hid:b[!0-9]g*", "h", 8 },
		{ "a?c", "i", 9 },
		{ "a*c", "j", 10 },
		{ "*end", "k", 11 },
		{ "x*y*z", "l", 12 },
		{ "star\\*", "m", 13 },
		{ "abc", "n", 14 },
		{ "", "o", 15 },
	};
	static const struct {
		const char *key, *values;
	} rows[] = {
		{ "pci:v8086d1234", "b c" },
		{ "pci:v8086d1234sv9", "a b" },
		{ "pci:v10ded1sv0", "a" },
		{ "cpu:type:x86,ven0fam6", "d" },
		{ "of:NxTyCfoo", "e" },
		{ "of:NxTyCbarCfoo", "e" },
		{ "of:NxTyCbar", "" },
		{ "of:NxTyCfooCbar", "f" },
		{ "of:NxTyCfooCfoo", "e f" },
		{ "of:NxTyCfoo1TCfoo", "e" },
		{ "hid:b0gx", "g" },
		{ "hid:bagx", "h" },
		{ "abc", "i j n" },
		{ "ac", "j" },
		{ "abbc", "j" },
		{ "the end", "k" },
		{ "end", "k" },
		{ "xyz", "l" },
		{ "xyzyz", "l" },
		{ "xz", "" },
		{ "star*", "" }, /* before the first wildcard '\' is itself */
		{ "", "o" },
		{ "nothing", "" },
	};
	struct image image = build(entries, ARRAY_SIZE(entries));
	struct index index;

	assert_int_equal(index_open(&index, image.data, image.size), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row_string(i, spell_match(&index, rows[i].key), rows[i].values);
	free(image.data);
}

static void a_pattern_that_matches_in_several_ways_is_found_once(void **state)
{
	static const struct {
		const char *pattern, *key;
	} rows[] = {
		{ "a*b*", "abbb" },   { "a*?*", "abbb" },	   { "a*[b]*", "abbb" },
		{ "a*\\b*", "abbb" }, { "a*b*b*[b]*", "abbbbbb" }, { "*[a-z]*[a-z]*", "abcdefgh" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct image image = build(&(struct entry){ rows[i].pattern, "once", 1 }, 1);
		struct index index;
		char found[256];

		assert_int_equal(index_open(&index, image.data, image.size), 0);
		snprintf(found, sizeof(found), "%s", spell_match(&index, rows[i].key));
		free(image.data);
		assert_row_string(i, found, "once");
	}
}

static void a_key_is_found_exactly_or_not_at_all(void **state)
{
	static const struct entry entries[] = {
		{ "snd", "1", 0 },   { "snd_hda", "2", 0 }, { "snd_hda_intel", "3", 0 },
		{ "e1000", "4", 0 }, { "e1000e", "5", 0 },  { "a*", "6", 0 },
	};
	static const struct {
		const char *key, *value;
	} rows[] = {
		{ "snd", "1" },	       { "snd_hda", "2" }, { "snd_hda_intel", "3" },
		{ "e1000", "4" },      { "e1000e", "5" },  { "a*", "6" },
		{ "ab", NULL },	       { "sn", NULL },	   { "snd_", NULL },
		{ "snd_hda_i", NULL }, { "", NULL },	   { "e1000ee", NULL },
		{ "\377", NULL },
	};
	struct image image = build(entries, ARRAY_SIZE(entries));
	struct index index;

	assert_int_equal(index_open(&index, image.data, image.size), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *value = NULL;
		int r = index_find(&index, rows[i].key, &value);

		assert_row(i, r == (rows[i].value != NULL));
		assert_row_string(i, value, rows[i].value);
	}
	free(image.data);
}

/* By priority; of equal ones what libkmod's walk finds later comes first. */
static void equal_priorities_come_in_reverse(void **state)
{
	static const struct {
		struct entry entries[4];
		const char *key, *values;
	} rows[] = {
		{ { { "a", "1", 1 }, { "a", "2", 2 }, { "a", "3", 3 } }, "a", "1 2 3" },
		{ { { "a", "1", 3 }, { "a", "2", 2 }, { "a", "3", 1 } }, "a", "3 2 1" },
		/* inserted last, written first, found first, put behind */
		{ { { "a", "1", 0 }, { "a", "2", 0 }, { "a", "3", 0 } }, "a", "1 2 3" },
		/* the literal one is found behind the wildcards */
		{ { { "a*", "star", 5 }, { "a?", "mark", 5 }, { "a[b]", "set", 5 }, { "ab", "letter", 5 } },
		  "ab",
		  "letter set mark star" },
		{ { { "*", "short", 5 }, { "a*", "long", 5 } }, "ab", "long short" },
		{ { { "a*x", "x", 5 }, { "a*", "all", 5 }, { "a*?", "some", 5 } }, "abx", "all x some" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = 0;
		struct image image;
		struct index index;

		while (n < 4 && rows[i].entries[n].key)
			n++;
		image = build(rows[i].entries, n);
		assert_int_equal(index_open(&index, image.data, image.size), 0);
		assert_row_string(i, spell_match(&index, rows[i].key), rows[i].values);
		free(image.data);
	}
}

/*
 * libkmod's walk (libkmod-index.c index_searchwild()) over a list of patterns: literally up to the
 * first wildcard, then fnmatch(3) for the rest. Where the trie branches a wildcard is taken both ways.
 */

/* Whether a node of the trie ends at this depth of key: something ends there or two go on differently. */
static bool is_branch(const struct entry *e, size_t n, const char *key, size_t depth)
{
	int next = -1;

	if (!depth)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(e[i].key, key, depth) != 0)
			continue;
		if (!e[i].key[depth])
			return true;
		if (next >= 0 && next != (unsigned char)e[i].key[depth])
			return true;
		next = (unsigned char)e[i].key[depth];
	}
	return false;
}

/* A pattern's place in the walk: at which depth its wildcard was met, which one, and its own order
 * within that subtree: what goes on comes before what ends. */
struct found {
	size_t depth;
	int kind;
	size_t entry;
	size_t order; /* of its values within one key */
};

static int compare_post_order(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] && a[i] == b[i])
		i++;
	if (a[i] == b[i])
		return 0;
	return !a[i] ? 1 : !b[i] ? -1 : (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
}

static const struct entry *compare_entries_of;

static int compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	const struct entry *e = compare_entries_of;
	int c;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	c = compare_post_order(e[x->entry].key, e[y->entry].key);
	if (c)
		return c;
	if (e[x->entry].priority != e[y->entry].priority)
		return e[x->entry].priority < e[y->entry].priority ? -1 : 1;
	return x->entry > y->entry ? -1 : x->entry < y->entry;
}

static size_t walk_pattern(const struct entry *e, size_t n, size_t at, const char *key, struct found *ret)
{
	static const char wildcards[] = "*?[";
	const char *p = e[at].key;
	size_t found = 0;

	for (size_t i = 0;; i++) {
		const char *wild = p[i] ? strchr(wildcards, p[i]) : NULL;
		bool branch = is_branch(e, n, p, i);

		if (wild && !fnmatch(p + i, key + i, 0))
			ret[found++] = (struct found){ 2 * i + branch, (int)(wild - wildcards), at, 0 };
		if (!p[i]) {
			if (!key[i])
				ret[found++] = (struct found){ 2 * i + 1, 3, at, 0 };
			return found;
		}
		if ((wild && !branch) || p[i] != key[i])
			return found;
	}
}

static const char *spell_walk(const struct entry *e, size_t n, const char *key)
{
	static char out[65536];
	static struct found found[4096], sorted[4096];
	size_t n_found = 0, n_sorted = 0, len = 0;

	for (size_t i = 0; i < n; i++)
		n_found += walk_pattern(e, n, i, key, found + n_found);
	compare_entries_of = e;
	qsort(found, n_found, sizeof(*found), compare_found);
	/* libkmod's add_value(): in front of those of equal priority. */
	for (size_t i = 0; i < n_found; i++) {
		size_t k = 0;

		while (k < n_sorted && e[sorted[k].entry].priority < e[found[i].entry].priority)
			k++;
		memmove(sorted + k + 1, sorted + k, (n_sorted - k) * sizeof(*sorted));
		sorted[k] = found[i];
		n_sorted++;
	}
	*out = '\0';
	for (size_t i = 0; i < n_sorted; i++)
		len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%s", i ? " " : "",
					e[sorted[i].entry].value);
	return out;
}

static void random_word(struct dice *d, const char *alphabet, size_t max, char *out)
{
	size_t n = dice_roll(d, (uint32_t)max + 1), letters = strlen(alphabet);

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[dice_roll(d, (uint32_t)letters)];
	out[n] = '\0';
}

/* Removes the words that stand in text already. */
static void remove_repeated(char *text)
{
	char out[4096] = " ", *save = NULL;

	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char part[16];

		snprintf(part, sizeof(part), " %s ", w);
		if (!strstr(out, part))
			strcat(out, part + 1);
	}
	strcpy(text, out + 1);
}

/* What is found: with wildcards in the key libkmod meets a pattern twice, which we need not. */
static bool is_same(struct index *index, const struct entry *entries, size_t n, const char *key)
{
	char ours[4096], walk[4096];

	snprintf(ours, sizeof(ours), "%s", spell_match(index, key));
	snprintf(walk, sizeof(walk), "%s", spell_walk(entries, n, key));
	if (strpbrk(key, "*?[")) {
		remove_repeated(ours);
		remove_repeated(walk);
	}
	return !strcmp(ours, walk);
}

/* A random trie of small patterns and random keys: what is found and in which order is what libkmod's
 * walk over the plain list finds. */
static void check_random_tries(const char *patterns, const char *keys, int n_tries, uint64_t seed)
{
	bool distinct = strpbrk(keys, "*?[");
	struct dice d = dice_new(seed);
	char words[12][16], values[12][4];
	struct entry entries[12];

	for (int i = 0; i < n_tries; i++) {
		size_t n = 1 + dice_roll(&d, 12);
		struct image image;
		struct index index;

		for (size_t k = 0; k < n; k++) {
			random_word(&d, patterns, 8, words[k]);
			snprintf(values[k], sizeof(values[k]), "%zu", k);
			entries[k] = (struct entry){ words[k], values[k],
						     distinct ? (uint32_t)(k * 7 % 13) : dice_roll(&d, 4) };
		}
		image = build(entries, n);
		assert_int_equal(index_open(&index, image.data, image.size), 0);
		for (int k = 0; k < 8; k++) {
			char key[16];

			random_word(&d, keys, 10, key);
			if (is_same(&index, entries, n, key))
				continue;
			print_error("trie %d, key '%s': '%s' instead of '%s'\n", i, key,
				    spell_match(&index, key), spell_walk(entries, n, key));
			for (size_t j = 0; j < n; j++)
				print_error("  '%s' %s priority %u\n", entries[j].key, entries[j].value,
					    entries[j].priority);
			fail();
		}
		free(image.data);
	}
}

static void random_tries_of_stars_match_as_libkmods_walk(void **state)
{
	check_random_tries("ab*?", "ab", 15000, 1);
	check_random_tries("aab***", "aab", 10000, 2);
}

static void random_tries_of_sets_match_as_libkmods_walk(void **state)
{
	check_random_tries("ab*[b]", "ab", 15000, 3);
	check_random_tries("ab*?[!a-b]", "ab", 10000, 4);
}

static void random_tries_with_backslashes_match_as_libkmods_walk(void **state)
{
	check_random_tries("ab*?\\[a]", "ab\\", 15000, 5);
}

static void wildcards_in_the_key_are_letters(void **state)
{
	check_random_tries("ab*?[]", "ab*?[]", 10000, 6);
}

static void a_find_answers_for_each_key_in_the_list(void **state)
{
	struct dice d = dice_new(8);
	char words[40][8], key[8];
	struct entry entries[40];

	for (int i = 0; i < 3000; i++) {
		size_t n = dice_roll(&d, 40);
		struct image image;
		struct index index;

		for (size_t k = 0; k < n; k++) {
			random_word(&d, "ab*", 6, words[k]);
			entries[k] = (struct entry){ words[k], "v", 0 };
		}
		image = build(entries, n);
		assert_int_equal(index_open(&index, image.data, image.size), 0);
		for (int k = 0; k < 30; k++) {
			const char *value;
			bool known = false;

			random_word(&d, "ab*", 6, key);
			for (size_t j = 0; j < n; j++)
				known |= !strcmp(words[j], key);
			assert_int_equal(index_find(&index, key, &value), known);
		}
		free(image.data);
	}
}

/* ---- broken files ---- */

static int count(void *userdata, const char *key, const char *value, uint32_t priority)
{
	*(size_t *)userdata += strlen(key) + strlen(value) + 1;
	return 0;
}

/* Everything that can be asked of an index; each answer is a number, none a crash or a hang. */
static void ask_everything(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "",	      "a",	  "pci:v8086d1",
					    "pci:v*", "usb:xicy", "aaaaaaaaaaaaaaaaaaaaa",
					    "hid:b1" };
	struct index_hits hits = {};
	struct index index;
	size_t n = 0;

	if (index_open(&index, data, size) < 0) {
		assert_non_null(index.bad);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value;
		int r = index_find(&index, keys[i], &value);

		assert_true(r == 0 || r == 1 || (r == -EBADMSG && index.bad));
		r = index_match(&index, keys[i], &hits);
		assert_true(r == 0 || (r == -EBADMSG && index.bad));
		for (size_t k = 0; k < hits.hits.n; k++)
			n += strlen(hits.hits.items[k].value) +
				strlen(hits.patterns.items + hits.hits.items[k].pattern);
	}
	index_each(&index, count, &n);
	index_hits_free(&hits);
}

static struct image small_index(void)
{
	static const struct entry entries[] = {
		{ "pci:v8086d*", "e1000", 1 }, { "pci:v8086d1*", "e1000e", 2 }, { "usb:*ic*", "usbhid", 3 },
		{ "a*a*a", "loop", 4 },	       { "hid:b[0-9]", "hid", 5 },	{ "a", "plain", 6 },
	};

	return build(entries, ARRAY_SIZE(entries));
}

/* The image is copied to the end of a block of its own: one byte too far is seen by the sanitizer. */
static void an_index_cut_anywhere_is_an_error_or_an_answer(void **state)
{
	struct image image = small_index();

	for (size_t size = 0; size <= image.size; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, image.data, size);
		ask_everything(copy, size);
		free(copy);
	}
	free(image.data);
}

static void any_byte_of_an_index_may_be_anything(void **state)
{
	struct image image = small_index();
	uint8_t *copy = malloc(image.size);

	alarm(120);
	for (size_t at = 0; at < image.size; at++)
		for (int bit = 0; bit < 256; bit += 1 + (at % 3)) {
			memcpy(copy, image.data, image.size);
			copy[at] = (uint8_t)bit;
			ask_everything(copy, image.size);
		}
	alarm(0);
	free(copy);
	free(image.data);
}

static void random_bytes_behind_a_good_header_are_harmless(void **state)
{
	static const uint8_t header[] = { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1 };
	struct dice d = dice_new(9);

	alarm(120);
	for (int i = 0; i < 20000; i++) {
		size_t size = 12 + dice_roll(&d, 200);
		uint8_t *data = malloc(size);

		for (size_t k = 0; k < size; k++)
			data[k] = dice_roll(&d, 2) ? (uint8_t)dice_roll(&d, 256) : (uint8_t)dice_roll(&d, 64);
		memcpy(data, header, sizeof(header));
		data[8] = (uint8_t)(dice_roll(&d, 8) << 5);
		data[9] = data[10] = 0;
		ask_everything(data, size);
		free(data);
	}
	alarm(0);
}

static void what_is_wrong_with_a_header_is_said(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t size;
		const char *bad;
	} rows[] = {
		{ {}, 0, "shorter than its header" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0 }, 11, "shorter than its header" },
		{ { 0x57, 0xf4, 0x07, 0xb0, 0, 2, 0, 1 }, 12, "not a kmod index (wrong magic)" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 1, 0, 1 }, 12, "an index version other than 2" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12 }, 12, "node outside the file" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 4 }, 16, "node outside the file" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x80, 0, 0, 12, 'a', 'b', 'c', 'd' },
		  16,
		  "prefix without end" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12, 5, 5, 0, 0 },
		  16,
		  "children outside the file" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12, 6, 5, 0, 0 },
		  16,
		  "children outside the file" },
		{ { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x40, 0, 0, 12, 0, 0, 0, 1 },
		  16,
		  "more values than the file holds" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct index index;

		assert_row(i, index_open(&index, rows[i].bytes, rows[i].size) == -EBADMSG);
		assert_row_string(i, index.bad, rows[i].bad);
	}
}

/* A node that is its own child for each character. */
static void a_looping_index_ends(void **state)
{
	static const char *const keys[] = { "a", "**", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	uint8_t data[12 + 2 + 4 * 256] = { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12, 0, 255 };
	struct index_hits hits = {};
	struct index index;
	const char *value;
	size_t n = 0;

	for (size_t i = 0; i < 256; i++) {
		data[14 + 4 * i] = 0x20;
		data[14 + 4 * i + 3] = 12;
	}
	alarm(60);
	assert_int_equal(index_open(&index, data, sizeof(data)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_row(i, index_match(&index, keys[i], &hits) == -EBADMSG);
		assert_row(i, index_find(&index, keys[i], &value) == 0);
	}
	assert_int_equal(index_each(&index, count, &n), -EBADMSG);
	alarm(0);
	index_hits_free(&hits);
}

/* A node that is its own '?' and 'a', with eight values: twice as many ways for each letter of the key. */
static void no_index_has_more_hits_than_it_has_values(void **state)
{
	uint8_t data[12 + 2 + 4 * ('a' - '?' + 1) + 4 + 5 * 8] = { 0xb0, 0x07, 0xf4, 0x57, 0, 2,
								   0,	 1,    0x60, 0,	   0, 12 };
	struct index_hits hits = {};
	struct index index;
	size_t n;

	data[12] = '?';
	data[13] = 'a';
	memcpy(data + 14, data + 8, 4);
	memcpy(data + 14 + 4 * ('a' - '?'), data + 8, 4);
	data[14 + 4 * ('a' - '?' + 1) + 3] = 8;
	assert_int_equal(index_open(&index, data, sizeof(data)), 0);
	assert_int_equal(index_match(&index, "aaaaaaaaaaaaaaaaaaaaaaaa", &hits), -EBADMSG);
	n = hits.hits.n;
	index_hits_free(&hits);
	assert_in_range(n, 0, sizeof(data));
}

/* What takes libkmod's fnmatch forever: each star may stand for many lengths. */
static void many_stars_in_a_row_are_no_trouble(void **state)
{
	static const struct entry entries[] = { { "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "x", 1 } };
	struct image image = build(entries, 1);
	struct index index;
	char key[LIMIT_ALIAS + 1];

	memset(key, 'a', LIMIT_ALIAS);
	key[LIMIT_ALIAS] = '\0';
	alarm(60);
	assert_int_equal(index_open(&index, image.data, image.size), 0);
	assert_string_equal(spell_match(&index, key), "");
	key[LIMIT_ALIAS - 1] = 'b';
	assert_string_equal(spell_match(&index, key), "x");
	alarm(0);
	free(image.data);
}

/* ---- read on demand ---- */

enum { MANY = 8000 };

static void random_key(struct dice *d, char *key, size_t size)
{
	int n = snprintf(key, size, "%s:v%04Xd%04X", dice_roll(d, 2) ? "pci" : "usb", dice_roll(d, 0x10000),
			 dice_roll(d, 0x10000));
	size_t more = dice_roll(d, 20) ? 0 : dice_roll(d, 300);

	/* Long ones, so that some reach from one block into the next. */
	for (size_t i = 0; i < more; i++)
		key[n++] = (char)('a' + i % 7);
	key[n++] = '*';
	key[n] = '\0';
}

static struct image large_index(struct dice *d, char keys[MANY][400])
{
	struct index_builder b = {};
	struct image image;

	for (size_t i = 0; i < MANY; i++) {
		random_key(d, keys[i], sizeof(keys[i]));
		assert_int_equal(index_builder_add(&b, keys[i], strlen(keys[i]), keys[i] + 4, 9, (uint32_t)i),
				 0);
	}
	assert_int_equal(index_builder_finish(&b, &image.data, &image.size), 0);
	index_builder_free(&b);
	return image;
}

/* Finding, matching or listing: what one index answers, the other does, with the same message when it is
 * broken. */
static bool answer_alike(struct index *a, struct index *b, const char *key, int question)
{
	const char *value[2] = {};
	size_t n[2] = {};
	int r[2];

	if (question == 0) {
		r[0] = index_each(a, count, &n[0]);
		r[1] = index_each(b, count, &n[1]);
	} else if (question < 20) {
		char *first = strdup(spell_match(a, key));

		r[0] = 0;
		r[1] = strcmp(first, spell_match(b, key));
		free(first);
	} else {
		r[0] = index_find(a, key, &value[0]);
		r[1] = index_find(b, key, &value[1]);
	}
	return r[0] == r[1] && n[0] == n[1] && (r[0] <= 0 || !value[0] || !strcmp(value[0], value[1])) &&
		(!a->bad || (b->bad && !strcmp(a->bad, b->bad) && a->bad_offset == b->bad_offset));
}

/* Each question is the first one that a file is asked, or comes after others. */
static void an_index_that_is_read_on_demand_answers_as_one_that_is_there(void **state)
{
	static char keys[MANY][400];
	_cleanup_tree_ struct tree t = tree_new();
	struct dice d = dice_new(17);
	struct image image = large_index(&d, keys);

	assert_true(image.size > 20 << BLOCKS_SHIFT);
	for (int i = 0; i < 60; i++) {
		_cleanup_blocks_ struct blocks file = {};
		struct index there, on_demand;
		int r;

		for (int k = 0; k < i % 3 * 200; k++)
			image.data[12 + dice_roll(&d, (uint32_t)image.size - 12)] =
				(uint8_t)dice_roll(&d, 256);
		tree_write_bytes(&t, "f", image.data, image.size);
		assert_int_equal(blocks_open(&file, &t.root, "f", 1 << 30), 0);
		r = index_open(&there, image.data, image.size);
		assert_int_equal(index_open_file(&on_demand, &file), r);
		for (int k = 0; !r && k < 20; k++) {
			const char *key = keys[dice_roll(&d, MANY)];

			if (!answer_alike(&there, &on_demand, key, (int)dice_roll(&d, 40)))
				fail_msg("index %d, question %d, '%s': other answers", i, k, key);
		}
	}
	free(image.data);
}

static void every_entry_is_listed(void **state)
{
	struct image image = small_index();
	struct index index;
	size_t n = 0;

	assert_int_equal(index_open(&index, image.data, image.size), 0);
	assert_int_equal(index_each(&index, count, &n), 0);
	assert_int_equal(n, 11 + 5 + 12 + 6 + 8 + 6 + 5 + 4 + 10 + 3 + 1 + 5 + 6);
	free(image.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_matches_as_fnmatch_would),
		cmocka_unit_test(a_pattern_that_matches_in_several_ways_is_found_once),
		cmocka_unit_test(a_key_is_found_exactly_or_not_at_all),
		cmocka_unit_test(equal_priorities_come_in_reverse),
		cmocka_unit_test(random_tries_of_stars_match_as_libkmods_walk),
		cmocka_unit_test(random_tries_of_sets_match_as_libkmods_walk),
		cmocka_unit_test(random_tries_with_backslashes_match_as_libkmods_walk),
		cmocka_unit_test(wildcards_in_the_key_are_letters),
		cmocka_unit_test(a_find_answers_for_each_key_in_the_list),
		cmocka_unit_test(an_index_cut_anywhere_is_an_error_or_an_answer),
		cmocka_unit_test(any_byte_of_an_index_may_be_anything),
		cmocka_unit_test(random_bytes_behind_a_good_header_are_harmless),
		cmocka_unit_test(what_is_wrong_with_a_header_is_said),
		cmocka_unit_test(a_looping_index_ends),
		cmocka_unit_test(no_index_has_more_hits_than_it_has_values),
		cmocka_unit_test(many_stars_in_a_row_are_no_trouble),
		cmocka_unit_test(every_entry_is_listed),
		cmocka_unit_test(an_index_that_is_read_on_demand_answers_as_one_that_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
