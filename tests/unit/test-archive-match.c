/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The matcher of an archive against that of the .bin files: both are asked about the same sets of aliases. */
#include "tests/unit/test.h"

#include "base/limits.h"
#include "base/little-endian.h"
#include "engine/archive-match.h"
#include "base/archive-trie.h"
#include "engine/index-build.h"

/* The same aliases in both forms. */
struct both {
	uint8_t *data;
	struct index index;
	struct archive archive;
	struct bytes strings, trie;
	struct messages m;
};

struct taking {
	struct both *both;
	ARRAY(struct trie_alias) aliases;
};

/* Values are the names "m0", "m1" and so on in the order of their priorities. */
static int take(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct taking *t = userdata;

	assert_int_equal(array_push(&t->aliases, { strdup(key), 4 * priority }), 0);
	return 0;
}

#define N_NAMES 100

static void make_sections(struct both *b)
{
	size_t n = b->strings.items.n, k = b->trie.items.n;
	size_t blocks = (n + k) / ARCHIVE_BLOCK + 1;

	b->archive = (struct archive){ .fd = -1, .log = &b->m.log };
	b->archive.path = strdup("test");
	b->archive.tables_size = blocks * ARCHIVE_BLOCK;
	/* Not all of the last block, so that a sanitizer sees who reads behind the section. */
	b->archive.tables = malloc(n + k);
	b->archive.blocks = malloc(blocks);
	assert_true(b->archive.tables && b->archive.blocks && b->archive.path);
	memset(b->archive.blocks, ARCHIVE_BLOCK_GOOD, blocks);
	memcpy(b->archive.tables, b->strings.items.items, n);
	memcpy(b->archive.tables + n, b->trie.items.items, k);
	b->archive.sections[ARCHIVE_STRINGS] = (struct archive_section){ .size = n };
	b->archive.sections[ARCHIVE_ALIASES] = (struct archive_section){ .place = n, .size = k };
}

static void both_make(struct both *b, struct index_builder *builder)
{
	struct taking t = { .both = b };
	char name[16];
	size_t size;

	*b = (struct both){};
	messages_init(&b->m);
	assert_int_equal(index_builder_finish(builder, &b->data, &size), 0);
	assert_int_equal(index_open(&b->index, b->data, size), 0);
	for (int i = 0; i < N_NAMES; i++) {
		snprintf(name, sizeof(name), "m%02d", i);
		assert_int_equal(array_append(&b->strings.items, (uint8_t *)name, 4), 0);
	}
	assert_int_equal(index_each(&b->index, take, &t), 0);
	assert_int_equal(archive_trie_build(t.aliases.items, t.aliases.n, &b->trie), 0);
	make_sections(b);
	for (size_t i = 0; i < t.aliases.n; i++)
		free((void *)(uintptr_t)t.aliases.items[i].key);
	array_free(&t.aliases);
	index_builder_free(builder);
}

static void both_free(struct both *b)
{
	free(b->data);
	array_free(&b->strings.items);
	array_free(&b->trie.items);
	archive_close(&b->archive);
	messages_free(&b->m);
}

static void add(struct index_builder *b, const char *pattern, uint32_t module)
{
	char name[16];

	snprintf(name, sizeof(name), "m%02u", module);
	assert_int_equal(index_builder_add(b, pattern, strlen(pattern), name, 3, module), 0);
}

/* "value=pattern value=pattern" */
static void spell(int r, const struct index_hits *hits, char *to, size_t size)
{
	size_t n = 0;

	if (r < 0)
		snprintf(to, size, "error %d", r);
	for (size_t i = 0; r >= 0 && i < hits->hits.n && n < size; i++)
		n += (size_t)snprintf(to + n, size - n, "%s=%s ", hits->hits.items[i].value,
				      hits->patterns.items + hits->hits.items[i].pattern);
	if (r >= 0 && n < size)
		to[n] = '\0';
}

static void ask_both(struct both *b, const char *key)
{
	static char expected[1 << 16], answer[1 << 16];
	/* One for each: what the other one left there would be the right answer. */
	struct index_hits hits = {}, of_archive = {};

	spell(index_match(&b->index, key, &hits), &hits, expected, sizeof(expected));
	spell(archive_match(&b->archive, key, &of_archive), &of_archive, answer, sizeof(answer));
	if (strcmp(expected, answer) != 0)
		fail_msg("'%s': the .bin has '%s', the archive '%s'", key, expected, answer);
	index_hits_free(&hits);
	index_hits_free(&of_archive);
}

static void the_answers_are_those_of_the_bin_file(void **state)
{
	static const char *const patterns[] = {
		"pci:v00008086d00001234sv*sd*bc*sc*i*",
		"pci:v00008086d00001235sv*sd*bc*sc*i*",
		"pci:v00008086d00001236sv*sd*bc*sc*i*",
		"pci:v00008087d00001236sv*sd*bc*sc*i*",
		"pci:v00001000d*sv*sd*bc*sc*i*",
		"pci:v*d*sv*sd*bc01sc06i01*",
		"pci:v*d*sv*sd*bc01sc08i02*",
		"usb:v1234p*d*dc*dsc*dp*ic*isc*ip*in*",
		"of:N*T*Cfsl,imx6q",
		"of:N*T*Cfsl,imx6qC*",
		"of:N*T*Cfsl,imx7d",
		"of:N*T*Cti,am33C*",
		"acpi*:PNP0A03:*",
		"acpi*:PNP0A08:*",
		"hid:b[0-9]g*v*p*",
		"mdio:????0001",
		"fs_ext4",
		"a",
		"ab",
		"abc",
		"star\\*",
		"*",
		"x*y*z",
		"x*?y[ab]*",
	};
	static const char *const keys[] = {
		"pci:v00008086d00001234sv00000000sd00000000bc01sc06i01",
		"pci:v00008086d00001235sv00000000sd00000000bc01sc08i02",
		"pci:v00001000d0sv1sd1bc01sc06i01x",
		"pci:v",
		"pci:v0000",
		"pci:v00008086d0000123",
		"usb:v1234p1d1dc1dsc1dp1ic1isc1ip1in1",
		"of:NxTyCfsl,imx6q",
		"of:NxTyCfsl,imx6qCfsl,imx7d",
		"of:NxTyCti,am33Cfsl,imx6q",
		"acpi:PNP0A03:",
		"acpi_x:PNP0A03:PNP0A08:",
		"hid:b3gxv1p2",
		"hid:b*gxv1p2",
		"mdio:11110001",
		"mdio:1110001",
		"fs_ext4",
		"fs_ext",
		"a",
		"ab",
		"abc",
		"abcd",
		"star*",
		"star\\*",
		"",
		"*",
		"xyz",
		"x?yaz",
		"xqyb",
		"x*y*z",
	};
	struct index_builder builder = {};
	struct both b;

	for (uint32_t i = 0; i < ARRAY_SIZE(patterns); i++)
		add(&builder, patterns[i], i);
	both_make(&b, &builder);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ask_both(&b, keys[i]);
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		ask_both(&b, patterns[i]);
	both_free(&b);
}

/* Few characters, so that much of it matches in many ways. */
static void random_text(struct dice *r, const char *alphabet, size_t max, char *buf)
{
	size_t n = dice_roll(r, (uint32_t)max);

	for (size_t i = 0; i < n; i++)
		buf[i] = alphabet[dice_roll(r, (uint32_t)strlen(alphabet))];
	buf[n] = '\0';
}

static void random_patterns_have_the_same_answers(void **state)
{
	static const char *const alphabets[] = { "ab",	    "abc*",   "ab*?",	   "abcd**",
						 "ab[]*?-", "a\\b*?", "abcdefghij" };
	struct dice r = dice_new(12);
	char text[64];

	for (size_t round = 0; round < 600; round++) {
		const char *alphabet = alphabets[round % ARRAY_SIZE(alphabets)];
		size_t n = 1 + dice_roll(&r, round % 3 ? 12 : 200), max = round % 2 ? 6 : 14;
		struct index_builder builder = {};
		struct both b;

		for (size_t i = 0; i < n; i++) {
			random_text(&r, alphabet, max, text);
			add(&builder, text, dice_roll(&r, N_NAMES));
		}
		both_make(&b, &builder);
		/* As long as not all has been read, each block is looked at. */
		b.archive.unread = round % 2;
		for (size_t i = 0; i < 200; i++) {
			random_text(&r, i % 4 ? "abcdefghij" : alphabet, 16, text);
			if (i % 4 > 1)
				random_text(&r, "ab", 12, text);
			ask_both(&b, text);
		}
		both_free(&b);
	}
}

/* Tables of thousands, and with a few. */
static void ask_hashed(const char *before, const char *key_before, size_t n)
{
	struct index_builder builder = {};
	struct dice r = dice_new(5), again = r;
	size_t at = strlen(key_before);
	char text[64];
	struct both b;

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s%04X", before, dice_roll(&r, 0x10000));
		add(&builder, text, (uint32_t)i % N_NAMES);
	}
	both_make(&b, &builder);
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s%04X", key_before, dice_roll(&again, 0x10000));
		ask_both(&b, text);
		text[at + i % 4]++;
		ask_both(&b, text);
		text[at + 3] = '\0';
		ask_both(&b, text);
	}
	both_free(&b);
}

static void what_is_hashed_is_found_and_nothing_else(void **state)
{
	static const size_t sizes[] = { 1, 3, 4, 5, 17, 300, 6000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ask_hashed("x", "x", sizes[i]);
		ask_hashed("x*", "x", sizes[i]);
		ask_hashed("x*", "xyxA", sizes[i]);
	}
}

/* What ends within a child's characters stands in the table too; a wildcard comes at any distance behind. */
static void aliases_of_all_lengths_are_hashed(void **state)
{
	static const char *const ends[] = { "", "", "*", "?", "[ab]c", "*b*" };
	struct index_builder builder = {};
	struct dice r = dice_new(6);
	struct both b;
	char text[64];

	for (uint32_t i = 0; i < 600; i++) {
		random_text(&r, i < 400 ? "abc" : "abc\xe4", 20, text);
		strcat(text, ends[dice_roll(&r, ARRAY_SIZE(ends))]);
		add(&builder, text, i % N_NAMES);
	}
	both_make(&b, &builder);
	for (size_t i = 0; i < 20000; i++) {
		random_text(&r, i % 4 ? "abc" : "abc\xe4*?", 22, text);
		ask_both(&b, text);
	}
	both_free(&b);
}

/* Fails unless a lookup of the key asks a filter: then one byte, its first one, is an error if it is 0. */
static void assert_filtered(struct both *b, const char *key)
{
	const struct archive_section *s = &b->archive.sections[ARCHIVE_ALIASES];
	struct index_hits hits = {};
	bool found = false;
	char text[64];

	for (uint64_t at = s->place; at < s->place + s->size; at++) {
		uint8_t before = b->archive.tables[at];

		b->archive.tables[at] = 0;
		b->archive.complaints = 0;
		snprintf(text, sizeof(text), " %llu: a filter that cannot be", (unsigned long long)at);
		found = found ||
			(archive_match(&b->archive, key, &hits) < 0 && strstr(messages_text(&b->m), text));
		b->archive.tables[at] = before;
	}
	assert_true(found);
	index_hits_free(&hits);
}

static bool is_plain(uint64_t word)
{
	for (int i = 0; i < 8; i++, word >>= 8)
		if (!(word & 0xff) || (word & 0x80) || strchr("*?[]\\", (int)(word & 0xff)))
			return false;
	return true;
}

/* The word of 8 characters whose hash begins with the same 20 bits, and goes on with this; 0: one of its
 * characters does not stand for itself. */
static uint64_t word_alike(uint64_t rest)
{
	uint64_t factor = 0x9E3779B97F4A7C15U, inverse = factor, word;

	/* Each step doubles the bits that are right; an odd number is its own inverse modulo 8. */
	for (int i = 0; i < 5; i++)
		inverse *= 2 - factor * inverse;
	word = ((uint64_t)0x12345 << 44 | rest) * inverse;
	assert_int_equal(archive_hash(word) >> 12, 0x12345);
	return is_plain(word) ? word : 0;
}

/* Thousands of words whose hashes begin with the same bits, so that no table has room for them. */
static void what_no_table_has_room_for_is_found_too(void **state)
{
	struct index_builder builder = {};
	uint64_t words[4000];
	uint32_t n = 0;
	struct both b;
	char text[9] = "";

	/* The bits of the hash are all different. */
	for (uint64_t i = 0; n < ARRAY_SIZE(words); i++) {
		words[n] = word_alike((i << 32 & 0xFFF00000000) | i >> 12);
		if (!words[n])
			continue;
		put_le64((uint8_t *)text, words[n]);
		add(&builder, text, n++ % N_NAMES);
	}
	both_make(&b, &builder);
	for (uint32_t i = 0; i < n; i++) {
		put_le64((uint8_t *)text, words[i]);
		ask_both(&b, text);
		text[7] ^= 1;
		ask_both(&b, text);
	}
	both_free(&b);
}

/* Two words with the same hash, again and again behind each other: a table without one of them must be found
 * before anything is written below it, or each level would double the work. */
static void words_with_one_hash_are_written_once(void **state)
{
	char text[16 * 8 + 1] = "", words[2][9] = {};
	struct index_builder builder = {};
	uint32_t n = 0;
	struct both b;

	for (uint64_t i = 0; n < 2; i++) {
		uint64_t word = word_alike(i);

		if (word)
			put_le64((uint8_t *)words[n++], word);
	}
	assert_int_equal(archive_hash(le64((uint8_t *)words[0])), archive_hash(le64((uint8_t *)words[1])));
	for (n = 0; n < 16; n++) {
		strcpy(text + 8 * n, words[1]);
		add(&builder, text, n);
		strcpy(text + 8 * n, words[0]);
	}
	add(&builder, text, n);
	both_make(&b, &builder);
	assert_true(b.trie.items.n < 4096);
	for (n = 0; n < 16; n++) {
		strcpy(text + 8 * n, words[1]);
		ask_both(&b, text);
		strcpy(text + 8 * n, words[0]);
		ask_both(&b, text);
	}
	both_free(&b);
}

/* Two patterns have one too. */
static void a_filter_for_two_patterns_is_asked(void **state)
{
	struct index_builder builder = {};
	struct both b;

	add(&builder, "pci:v*d*bc0Csc03i20*", 1);
	add(&builder, "pci:v*d*bc0Csc07i01*", 2);
	add(&builder, "pci:v1234d*", 3);
	both_make(&b, &builder);
	assert_filtered(&b, "pci:v1234d5678");
	ask_both(&b, "pci:v1234d5678bc0Csc03i20");
	ask_both(&b, "pci:v9999d5678bc0Csc07i01");
	ask_both(&b, "pci:v9999d5678bc0Csc07i02");
	both_free(&b);
}

/* Fails unless a lookup in a matcher of these bytes, with this root, says that they are damaged so. */
static void assert_damaged_for(const char *key, struct bytes *matcher, uint32_t root, const char *what)
{
	struct index_builder builder = {};
	struct index_hits hits = {};
	struct both b;

	add(&builder, "x", 1);
	both_make(&b, &builder);
	put_le32(matcher->items.items, root);
	array_free(&b.trie.items);
	b.trie = *matcher;
	archive_close(&b.archive);
	make_sections(&b);
	assert_int_equal(archive_match(&b.archive, key, &hits), -EBADMSG);
	assert_contains(messages_text(&b.m), what);
	index_hits_free(&hits);
	both_free(&b);
}

static void assert_damaged(struct bytes *matcher, uint32_t root, const char *what)
{
	assert_damaged_for("x", matcher, root, what);
}

static void put_node(struct bytes *made, uint8_t n_wildcards, const uint32_t *children,
		     const char *characters)
{
	const uint8_t head[] = { 0, 0, 0, 0, 0, 0, n_wildcards, (uint8_t)(strlen(characters) - n_wildcards) };

	assert_int_equal(bytes_put(made, head, sizeof(head)), 0);
	for (size_t i = 0; i < strlen(characters); i++)
		assert_int_equal(bytes_put_number(made, children[i]) ?: bytes_put_number(made, 0), 0);
	assert_int_equal(bytes_put(made, characters, strlen(characters)), 0);
}

enum { FAN = 15 };

/* Levels of nodes with 15 '*' each above FAN^depth nodes of this size from place 4 on, and a '*' above all of
 * them: one walk. */
static uint32_t put_stars(struct bytes *made, int depth, uint32_t size)
{
	uint32_t level = 4, n = (uint32_t)(made->items.n - 4) / size;

	for (; depth; depth--) {
		uint32_t below = level, children[FAN];

		level = (uint32_t)made->items.n;
		n /= FAN;
		for (uint32_t i = 0; i < n; i++) {
			for (uint32_t k = 0; k < FAN; k++)
				children[k] = below + size * (FAN * i + k);
			put_node(made, FAN, children, "***************");
		}
		size = 8 + 9 * FAN;
	}
	put_node(made, 1, &level, "*");
	return level + size;
}

/* 54,240 places behind a '*', each of which is compared with all that was tried; and 57,375 patterns, each
 * with all that was found. */
static void what_is_compared_with_all_before_ends(void **state)
{
	char leaves[256] = {};
	uint32_t refs[255];
	struct bytes made = {};

	assert_int_equal(bytes_put_number(&made, 0), 0);
	for (uint32_t i = 0; i < FAN * FAN * FAN * FAN; i++)
		put_node(&made, 0, NULL, "");
	assert_damaged(&made, put_stars(&made, 4, 8), "a lookup that does not end");
	memset(leaves, 'x', 255);
	for (uint32_t i = 0; i < 255; i++)
		refs[i] = 4 | ARCHIVE_LEAF; /* the first bytes of the first node: no text */
	made = (struct bytes){};
	assert_int_equal(bytes_put_number(&made, 0), 0);
	for (uint32_t i = 0; i < FAN * FAN; i++)
		put_node(&made, 0, refs, leaves);
	assert_damaged(&made, put_stars(&made, 2, 8 + 9 * 255), "a lookup that does not end");
}

/* Texts that fit at each place of the key but for their end: comparing is work too, and so is what fnmatch(3)
 * is asked for a class. */
static void what_is_nearly_a_match_everywhere_ends(void **state)
{
	static const struct {
		const char *begin;
		uint8_t n; /* so often, one after the other */
	} rows[] = { { "*", 255 }, { "*[a]", 1 } };
	char leaves[256] = {}, key[4001] = {};
	uint32_t refs[255], node, root;

	memset(key, 'a', sizeof(key) - 1);
	for (size_t i = 0; i < 255; i++)
		refs[i] = 4 | ARCHIVE_LEAF;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t text[2003] = { (uint8_t)2000, 2000 >> 8 };
		struct bytes made = {};

		memset(leaves, '\0', 255);
		memset(leaves, 'a', rows[i].n);
		memset(text + 2, 'a', 1999);
		memcpy(text + 2, rows[i].begin, strlen(rows[i].begin));
		text[2001] = 'b';
		assert_int_equal(bytes_put_number(&made, 0) ?: bytes_put(&made, text, sizeof(text)), 0);
		node = (uint32_t)made.items.n;
		put_node(&made, 0, refs, leaves);
		root = (uint32_t)made.items.n;
		put_node(&made, 1, &node, "?");
		assert_damaged_for(key, &made, root, "a lookup that does not end");
	}
}

static void a_table_behind_a_star_that_is_not_there_is_an_error(void **state)
{
	static const uint8_t table[8 + 17] = { 0, 0, 0, 0, 64, 0, 2 << 4, 0 };
	static const uint32_t place = 4;
	struct bytes made = {};

	assert_int_equal(bytes_put_number(&made, 0) ?: bytes_put(&made, table, sizeof(table)), 0);
	put_node(&made, 1, &place, "*");
	assert_damaged(&made, place + sizeof(table), "a place outside of the matcher");
}

/* Text is what the alias has behind its first character, n of the same, and the module's name a list. */
static void make_leaf(struct bytes *made, char c, uint16_t n, uint32_t n_names, uint32_t *root)
{
	uint8_t text[LIMIT_ALIAS + 3] = { (uint8_t)n, (uint8_t)(n >> 8) }, child[8];
	uint32_t list;

	memset(text + 2, c, n);
	assert_int_equal(bytes_put_number(made, 0) ?: bytes_put(made, text, n + 3U), 0);
	list = (uint32_t)made->items.n;
	assert_int_equal(bytes_put_number(made, n_names), 0);
	for (uint32_t i = 0; i < n_names; i++)
		assert_int_equal(bytes_put_number(made, 0), 0);
	*root = (uint32_t)made->items.n;
	put_node(made, 0, &(uint32_t){ 4 | ARCHIVE_LEAF }, "x");
	put_le32(child, list | ARCHIVE_LEAF);
	memcpy(made->items.items + *root + 12, child, 4);
}

static void a_leaf_that_is_too_long_or_has_too_many_names_is_an_error(void **state)
{
	struct bytes made = {};
	uint32_t root;

	make_leaf(&made, '*', LIMIT_ALIAS, 1, &root);
	assert_damaged(&made, root, "a pattern longer than 4095 bytes");
	made = (struct bytes){};
	make_leaf(&made, '*', 1, 65537, &root);
	assert_damaged(&made, root, "more answers for one alias than there can be");
}

/* A list of them could otherwise look at the same megabytes again and again. */
static void a_name_that_is_too_long_is_an_error(void **state)
{
	struct index_builder builder = {};
	uint8_t name[LIMIT_NAME + 2];
	struct both b;
	size_t n;

	add(&builder, "x", 1);
	both_make(&b, &builder);
	n = b.strings.items.n;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(bytes_put(&b.strings, name, sizeof(name)), 0);
	archive_close(&b.archive);
	make_sections(&b);
	assert_non_null(archive_string(&b.archive, n + 1, LIMIT_NAME));
	assert_null(archive_string(&b.archive, n, LIMIT_NAME));
	assert_contains(messages_text(&b.m), "too long");
	both_free(&b);
}

/* What is free in a table is work too: 255 ways to it, each with a table of which nothing is used. */
static void free_slots_are_not_looked_at_without_end(void **state)
{
	static const uint8_t table[] = { 0, 0, 0, 0, 0xFF, 0xFF, 2 << 4, 0 };
	struct bytes made = {};
	uint8_t head[] = { 0, 0, 0, 0, 0, 0, 0, 255 }, child[8] = {}, first[255];
	uint32_t place = 4;

	memset(first, 'a', sizeof(first));
	assert_int_equal(bytes_put_number(&made, 0) ?: bytes_put(&made, table, sizeof(table)), 0);
	for (uint32_t i = 0; i < 65536 / 4 + 16 * 65535; i += 4)
		assert_int_equal(bytes_put_number(&made, 0), 0);
	for (int level = 0; level < 4; level++) {
		put_le32(child, place);
		place = (uint32_t)made.items.n;
		if (level == 3) {
			head[6] = 1;
			head[7] = 0;
			first[0] = '[';
		}
		assert_int_equal(bytes_put(&made, head, sizeof(head)), 0);
		for (int i = 0; i < (level == 3 ? 1 : 255); i++)
			assert_int_equal(bytes_put(&made, child, sizeof(child)), 0);
		assert_int_equal(bytes_put(&made, first, level == 3 ? 1 : 255), 0);
	}
	assert_damaged(&made, place, "a lookup that does not end");
}

/* As many patterns behind a '*' as there is a filter for, in keys that begin to match at any place. The '*'
 * has one where the trie branches at it. */
static void a_filter_lets_through_what_matches_at_any_place(void **state)
{
	struct index_builder builder = {};
	struct dice r = dice_new(7);
	struct both b;
	char text[64];

	add(&builder, "usb:v0", 0);
	for (uint32_t i = 0; i < 64; i++) {
		snprintf(text, sizeof(text), "usb:v*%sic%02Xisc%02Xip*", i % 2 ? "p*d" : "", i / 8, i % 8);
		add(&builder, text, i % N_NAMES);
	}
	both_make(&b, &builder);
	assert_filtered(&b, "usb:v1p2");
	for (uint32_t i = 0; i < 4000; i++) {
		int n = (int)dice_roll(&r, 12);

		snprintf(text, sizeof(text), "usb:v%.*s%sic%02Xisc%02Xip50in00", n, "123456789abc",
			 i % 3 ? "p12d" : "", dice_roll(&r, 16), dice_roll(&r, 16));
		ask_both(&b, text);
	}
	both_free(&b);
}

static void no_alias_and_one_are_written_too(void **state)
{
	static const char *const only[] = { NULL, "", "a", "*", "a*" };

	for (size_t i = 0; i < ARRAY_SIZE(only); i++) {
		struct index_builder builder = {};
		struct both b;

		if (only[i])
			add(&builder, only[i], 7);
		both_make(&b, &builder);
		ask_both(&b, "");
		ask_both(&b, "a");
		ask_both(&b, "ab");
		both_free(&b);
	}
}

/* As deep as a trie can be: each alias is the beginning of the next one. */
static void the_longest_aliases_are_matched(void **state)
{
	static const char *const units[] = { "*", "?", "a", "*a", "a*b" };
	char text[LIMIT_ALIAS + 1] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		struct index_builder builder = {};
		size_t k = strlen(units[i]);
		struct both b;

		for (n = 0; n + k <= LIMIT_ALIAS; n += k) {
			memcpy(text + n, units[i], k + 1);
			if (n % 3 == 0 || n + 2 * k > LIMIT_ALIAS)
				add(&builder, text, (uint32_t)n % N_NAMES);
		}
		both_make(&b, &builder);
		ask_both(&b, "aaaaaaaaaaaaaaaaaaaaab");
		ask_both(&b, "");
		/* With a '*' in each, an alias of this length takes long by either. */
		memset(text, 'a', LIMIT_ALIAS);
		if (!strchr(units[i], '*'))
			ask_both(&b, text);
		both_free(&b);
	}
}

/* No key is needed to go on behind a '*', so nothing but the length of a pattern ends this. */
static void a_chain_of_stars_is_an_error(void **state)
{
	static const uint8_t head[] = { 0, 0, 0, 0, 0, 0, 1, 0 }, star[] = { '*' };
	struct bytes chain = {};
	uint8_t child[8] = {};
	uint32_t place = 0;

	assert_int_equal(array_append(&chain.items, child, 4), 0);
	for (int i = 0; i < 200000; i++) {
		put_le32(child, place ? place : ARCHIVE_LEAF);
		place = (uint32_t)chain.items.n;
		assert_int_equal(array_append(&chain.items, head, sizeof(head)), 0);
		assert_int_equal(array_append(&chain.items, child, sizeof(child)), 0);
		assert_int_equal(array_append(&chain.items, star, sizeof(star)), 0);
	}
	assert_damaged(&chain, place, "a pattern longer than 4095 bytes");
}

/* Of the lengths that a hash table's children can have, four bits can say more. */
static void a_hash_table_of_other_lengths_is_damaged(void **state)
{
	for (uint32_t step = 0; step < 16; step++) {
		struct index_builder builder = {};
		struct index_hits hits = {};
		struct both b;
		uint8_t *root;
		int r;

		add(&builder, "abcdefgh", 1);
		add(&builder, "efghijkl", 2);
		both_make(&b, &builder);
		root = b.archive.tables + b.archive.sections[ARCHIVE_ALIASES].place;
		root += le32(root);
		assert_int_equal(root[6], 8 << 4);
		root[6] = (uint8_t)(step << 4);
		r = archive_match(&b.archive, "abcdefgh", &hits);
		assert_row(step, (r == -EBADMSG) == (step == 1 || step > 8));
		assert_row(step, step != 8 || hits.hits.n == 1);
		index_hits_free(&hits);
		both_free(&b);
	}
}

static void a_damaged_matcher_is_an_error_or_an_answer(void **state)
{
	struct index_builder builder = {};
	struct dice r = dice_new(3);
	struct both b;
	char text[64];
	size_t errors = 0;

	add(&builder, "abc0", 0);
	for (uint32_t i = 0; i < N_NAMES; i++) {
		random_text(&r, i % 2 ? "abcdefgh" : "abc*?[]", 12, text);
		add(&builder, text, i);
		snprintf(text, sizeof(text), "abc*abcd%04Xefgh", i * 37);
		add(&builder, text, i);
	}
	both_make(&b, &builder);
	assert_filtered(&b, "abcxabcd");
	for (size_t i = 0; i < 100000; i++) {
		uint64_t at = b.archive.sections[ARCHIVE_ALIASES].place +
			dice_roll(&r, (uint32_t)b.archive.sections[ARCHIVE_ALIASES].size);
		uint8_t before = b.archive.tables[at];
		struct index_hits hits = {};
		int answer;

		b.archive.tables[at] = (uint8_t)dice_roll(&r, 256);
		random_text(&r, "abcdefgh", 12, text);
		if (i % 4 == 0)
			snprintf(text, sizeof(text), "abcxabcd%04Xefgh", (unsigned int)(i % N_NAMES) * 37);
		answer = archive_match(&b.archive, text, &hits);
		assert_true(answer == 0 || answer == -EBADMSG);
		errors += answer < 0;
		index_hits_free(&hits);
		b.archive.tables[at] = before;
	}
	assert_true(errors > 100);
	both_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answers_are_those_of_the_bin_file),
		cmocka_unit_test(random_patterns_have_the_same_answers),
		cmocka_unit_test(what_is_hashed_is_found_and_nothing_else),
		cmocka_unit_test(aliases_of_all_lengths_are_hashed),
		cmocka_unit_test(what_no_table_has_room_for_is_found_too),
		cmocka_unit_test(words_with_one_hash_are_written_once),
		cmocka_unit_test(a_filter_for_two_patterns_is_asked),
		cmocka_unit_test(what_is_compared_with_all_before_ends),
		cmocka_unit_test(what_is_nearly_a_match_everywhere_ends),
		cmocka_unit_test(a_table_behind_a_star_that_is_not_there_is_an_error),
		cmocka_unit_test(a_leaf_that_is_too_long_or_has_too_many_names_is_an_error),
		cmocka_unit_test(a_name_that_is_too_long_is_an_error),
		cmocka_unit_test(free_slots_are_not_looked_at_without_end),
		cmocka_unit_test(a_filter_lets_through_what_matches_at_any_place),
		cmocka_unit_test(no_alias_and_one_are_written_too),
		cmocka_unit_test(the_longest_aliases_are_matched),
		cmocka_unit_test(a_chain_of_stars_is_an_error),
		cmocka_unit_test(a_hash_table_of_other_lengths_is_damaged),
		cmocka_unit_test(a_damaged_matcher_is_an_error_or_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
