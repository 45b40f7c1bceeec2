/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Indexes made of modules: which of two files counts, and a release that has no indexes.
 * tests/reference/depmod compares all the rest with kmod's. */
#include "tests/unit/test.h"

#include "engine/depmod-config.h"
#include "engine/depmod-order.h"
#include "engine/depmod-tree.h"
#include "engine/moddir.h"

#define DIR_ "lib/modules/1.0/"
#define N_SECTIONS 5U

struct image {
	unsigned char data[4096];
	size_t n;
};

static void put(struct image *im, uint64_t value, size_t n)
{
	assert_true(im->n + n <= sizeof(im->data));
	for (size_t i = 0; i < n; i++)
		im->data[im->n++] = i < 8 ? (unsigned char)(value >> 8 * i) : 0;
}

static void put_symbol(struct image *im, size_t name, unsigned int section)
{
	put(im, name, 4);
	put(im, 0x10, 2); /* global */
	put(im, section, 2);
	put(im, 0, 16);
}

struct place {
	uint64_t name, type, offset, size, link, entry;
};

static void put_section(struct image *im, const struct place *p)
{
	put(im, p->name, 4);
	put(im, p->type, 4);
	put(im, 0, 16);
	put(im, p->offset, 8);
	put(im, p->size, 8);
	put(im, p->link, 4);
	put(im, 0, 12);
	put(im, p->entry, 8);
}

/* A module that exports one symbol, needs another, which may be "", and says info. */
static void write_module(const struct tree *t, const char *path, const char *info, const char *has,
			 const char *needs)
{
	static const char names[] = "\0.modinfo\0.symtab\0.strtab\0.shstrtab";
	char symbols[128] = "";
	size_t n_has = 1 + (size_t)snprintf(symbols + 1, 60, "__crc_%s", has) + 1;
	size_t n_symbols = n_has + (size_t)snprintf(symbols + n_has, 60, "%s", needs) + 1;
	struct image im = { .n = 64 };
	struct place rows[N_SECTIONS] = {
		{},
		{ 1, 1, 64, strlen(info) + 1, 0, 0 },
		{ 10, 2, 0, 72, 3, 24 },
		{ 18, 3, 0, n_symbols, 0, 0 },
		{ 26, 3, 0, sizeof(names), 0, 0 },
	};
	const char *contents[] = { NULL, info, NULL, symbols, names };
	size_t sections;

	for (size_t i = 1; i < N_SECTIONS; i++) {
		rows[i].offset = im.n;
		for (size_t j = 0; contents[i] && j < rows[i].size; j++)
			put(&im, (unsigned char)contents[i][j], 1);
		if (i == 2) {
			put_symbol(&im, 0, 0);
			put_symbol(&im, 1, 0xfff1);
			put_symbol(&im, n_has, 0);
		}
	}
	sections = im.n;
	for (size_t i = 0; i < N_SECTIONS; i++)
		put_section(&im, &rows[i]);
	memcpy(im.data, "\177ELF\2\1\1", 7);
	im.data[16] = 1;
	im.data[40] = (unsigned char)sections;
	im.data[41] = (unsigned char)(sections >> 8);
	im.data[58] = 64;
	im.data[60] = N_SECTIONS;
	im.data[62] = N_SECTIONS - 1;
	tree_write_bytes(t, path, im.data, im.n);
}

static void a_release_without_indexes_is_read_itself(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct messages m;
	struct moddir d;
	struct index_hits hits = {};
	const char *value;

	write_module(&t, DIR_ "kernel/a-b.ko", "alias=pci:v1*", "of_ab", "of_c");
	write_module(&t, DIR_ "updates/c.ko", "alias=pci:v2*", "of_c", "");
	write_module(&t, DIR_ "kernel/bad.ko", "alias=caf\xe9", "of_bad", "");
	messages_init(&m);
	assert_int_equal(moddir_open(&d, &t.root, "1.0", &m.log), 1);
	assert_int_equal(moddir_match(&d, MODDIR_ALIAS, "pci:v1x", &hits), 0);
	assert_int_equal(hits.hits.n, 1);
	assert_string_equal(hits.hits.items[0].value, "a_b");
	assert_int_equal(moddir_find(&d, MODDIR_DEP, "a_b", &value), 1);
	assert_string_equal(value, "kernel/a-b.ko: updates/c.ko");
	assert_int_equal(moddir_find(&d, MODDIR_SYMBOLS, "symbol:of_c", &value), 1);
	assert_string_equal(value, "c");
	assert_contains(messages_text(&m),
			"/lib/modules/1.0: there is no modules.dep; all modules were read instead");
	assert_contains(messages_text(&m), "only 7-bit ASCII is supported: caf");
	assert_int_equal(m.log.lost, 0);
	index_hits_free(&hits);
	moddir_close(&d);
	messages_free(&m);
}

/* Half of the indexes are no reason: they were made by a depmod. */
static void a_release_with_a_modules_dep_is_not_read(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct messages m;
	struct moddir d;
	struct index_hits hits = {};

	write_module(&t, DIR_ "kernel/a.ko", "alias=pci:v1*", "of_a", "");
	tree_write(&t, DIR_ "modules.dep", "kernel/a.ko:\n");
	messages_init(&m);
	assert_int_equal(moddir_open(&d, &t.root, "1.0", &m.log), 1);
	assert_int_equal(moddir_match(&d, MODDIR_ALIAS, "pci:v1x", &hits), 0);
	assert_int_equal(hits.hits.n, 0);
	assert_contains(messages_text(&m), "and there is no modules.alias; run depmod");
	index_hits_free(&hits);
	moddir_close(&d);
	messages_free(&m);
}

static void depmod_d_says_which_of_two_files_counts(void **state)
{
	static const struct {
		const char *config, *old, *new;
		bool keeps;
	} rows[] = {
		{ "", "kernel/a.ko", "kernel/b/a.ko", true },
		{ "", "kernel/a.ko", "updates/a.ko", false },
		{ "", "updates/a.ko", "kernel/a.ko", true },
		{ "search extra built-in\n", "kernel/a.ko", "extra/a.ko", false },
		{ "search built-in extra\n", "extra/a.ko", "kernel/a.ko", false },
		{ "search extra built-in\n", "updates/a.ko", "kernel/a.ko", true },
		/* The first word is preferred. */
		{ "search one\nsearch two\n", "one/a.ko", "two/a.ko", true },
		{ "override a * own\n", "updates/a.ko", "own/a.ko", false },
		{ "override a * own\n", "own/a.ko", "updates/a.ko", true },
		{ "override a 1\\.0 own\n", "updates/a.ko", "own/a.ko", false },
		{ "override a ^2 own\n", "updates/a.ko", "own/a.ko", true },
		{ "override b * own\n", "updates/a.ko", "own/a.ko", true },
		{ "override \\\na\t* own", "updates/a.ko", "own/a.ko", false },
		{ "# override a * own\n", "updates/a.ko", "own/a.ko", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static const char *const paths[] = { "/depmod.d", NULL };
		_cleanup_tree_ struct tree t = tree_new();
		struct depmod_config c = {};
		struct messages m;
		char old[64], new[64];

		tree_write(&t, "depmod.d/x.conf", rows[i].config);
		messages_init(&m);
		assert_int_equal(depmod_config_load(&c, &t.root, paths, "1.0", &m.log), 0);
		snprintf(old, sizeof(old), "/" DIR_ "%s", rows[i].old);
		snprintf(new, sizeof(new), "/" DIR_ "%s", rows[i].new);
		assert_row(i,
			   depmod_config_keeps(
				   &c, "/lib/modules/1.0", &(struct depmod_candidate){ old, strlen(old) - 3 },
				   &(struct depmod_candidate){ new, strlen(new) - 3 }) == rows[i].keeps);
		assert_row(i, !*messages_text(&m));
		depmod_config_free(&c);
		messages_free(&m);
	}
}

static void lines_that_are_bad_are_named(void **state)
{
	static const char *const paths[] = { "/depmod.d", NULL };
	_cleanup_tree_ struct tree t = tree_new();
	struct depmod_config c = {};
	struct messages m;
	char expected[512];

	tree_write(&t, "depmod.d/x.conf", "override a\n\\\nexternal *\nexclude x y\nwhat ever\n");
	messages_init(&m);
	assert_int_equal(depmod_config_load(&c, &t.root, paths, "1.0", &m.log), 0);
	snprintf(expected, sizeof(expected),
		 "%s/depmod.d/x.conf:1: ignoring bad line starting with 'override'\n"
		 "%s/depmod.d/x.conf:3: ignoring bad line starting with 'external'\n"
		 "%s/depmod.d/x.conf:5: ignoring bad line starting with 'what'\n",
		 t.root.path, t.root.path, t.root.path);
	assert_string_equal(messages_text(&m), expected);
	assert_true(depmod_config_excludes(&c, "y"));
	assert_true(depmod_config_excludes(&c, "build"));
	assert_false(depmod_config_excludes(&c, "override"));
	depmod_config_free(&c);
	messages_free(&m);
}

/* This is the order of kmod's table on machines with the least significant byte first. */
static void names_have_the_order_of_kmods_table(void **state)
{
	static const char *const expected[] = {
		"crc16", "abcd", "mbcache", "ext4", "jbd2", "ab", "a", "abc"
	};
	static const char *const sorted[] = { "a", "ab", "abc", "abcd", "crc16", "ext4", "jbd2", "mbcache" };
	const uint16_t one = 1;
	bool is_little = *(const unsigned char *)&one;
	struct intern table = {};
	uint32_t *order, *by_name;

	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
		assert_int_equal(intern_add(&table, sorted[i], strlen(sorted[i])), i);
	assert_int_equal(depmod_order(&table, DEPMOD_MODULE_BUCKETS, &order), 0);
	assert_int_equal(depmod_order(&table, 1, &by_name), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		if (is_little)
			assert_row_string(i, sorted[order[i]], expected[i]);
		assert_row(i, by_name[i] == i);
	}
	free(order);
	free(by_name);
	intern_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_release_without_indexes_is_read_itself),
		cmocka_unit_test(a_release_with_a_modules_dep_is_not_read),
		cmocka_unit_test(depmod_d_says_which_of_two_files_counts),
		cmocka_unit_test(lines_that_are_bad_are_named),
		cmocka_unit_test(names_have_the_order_of_kmods_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
