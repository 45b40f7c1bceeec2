/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the answers come from: the .bin when it is good, else the text, and what is said about it. */
#include "tests/unit/test.h"

#include "engine/index-build.h"
#include "engine/moddir.h"

#define DIR_ "lib/modules/1.0/"

static void write_bin(const struct tree *t, const char *name, const char *key, const char *value)
{
	struct index_builder b = {};
	uint8_t *data;
	size_t size;

	/* More than one node: so that there is a middle to be broken. */
	assert_int_equal(index_builder_add(&b, key, strlen(key), value, strlen(value), 1), 0);
	assert_int_equal(index_builder_add(&b, "zzz*", 4, "zzz", 3, 2), 0);
	assert_int_equal(index_builder_finish(&b, &data, &size), 0);
	tree_write_bytes(t, name, data, size);
	index_builder_free(&b);
	free(data);
}

static void break_byte(const struct tree *t, const char *name, long at, int byte)
{
	FILE *f = fopen(tree_path(t, name), "r+e");

	assert_non_null(f);
	fseek(f, at, SEEK_SET);
	fputc(byte, f);
	fclose(f);
}

struct world {
	struct tree t;
	struct messages m;
	struct moddir d;
	struct index_hits hits;
};

static void world_open(struct world *w)
{
	messages_init(&w->m);
	assert_int_equal(moddir_open(&w->d, &w->t.root, "1.0", &w->m.log), 1);
	w->hits = (struct index_hits){};
}

static void world_close(struct world *w)
{
	index_hits_free(&w->hits);
	moddir_close(&w->d);
	messages_free(&w->m);
}

static const char *ask_alias(struct world *w, const char *alias)
{
	assert_int_equal(moddir_match(&w->d, MODDIR_ALIAS, alias, &w->hits), 0);
	return w->hits.hits.n ? w->hits.hits.items[0].value : "";
}

#define BIN "/lib/modules/1.0/modules.alias.bin"

static void an_index_that_is_no_good_is_replaced_by_its_text(void **state)
{
	enum { GOOD, MISSING, EMPTY, CUT, MAGIC, ROOT, MIDDLE, OLDER, DIRECTORY, LOOP };
	static const struct {
		int bin;
		bool text;
		const char *answer, *message;
		unsigned int warnings, lost;
	} rows[] = {
		{ GOOD, true, "from_bin", "", 0, 0 },
		{ GOOD, false, "from_bin", "", 0, 0 },
		{ MISSING, true, "from_text", BIN ": missing; using modules.alias", 1, 0 },
		{ EMPTY, true, "from_text",
		  BIN ": broken at byte 0: shorter than its header; using modules.alias", 1, 0 },
		{ CUT, true, "from_text", BIN ": broken at byte", 1, 0 },
		{ MAGIC, true, "from_text", BIN ": broken at byte 0: not a kmod index (wrong magic); using",
		  1, 0 },
		{ ROOT, true, "from_text", "node outside the file; using modules.alias", 1, 0 },
		{ MIDDLE, true, "from_text", BIN ": broken at byte", 1, 0 },
		{ OLDER, true, "from_text", BIN ": older than modules.alias; using modules.alias", 1, 0 },
		{ DIRECTORY, true, "from_text", BIN ": Is a directory; using modules.alias", 1, 0 },
		{ LOOP, true, "from_text", BIN ": Too many levels of symbolic links; using modules.alias", 1,
		  0 },
		{ MISSING, false, "", BIN ": missing, and there is no modules.alias", 0, 1 },
		{ MAGIC, false, "",
		  BIN ": broken at byte 0: not a kmod index (wrong magic), and there is no modules.alias", 0,
		  1 },
		{ MIDDLE, false, "", "and there is no modules.alias", 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w = { .t = tree_new() };

		tree_mkdir(&w.t, DIR_);
		if (rows[i].bin != MISSING && rows[i].bin != DIRECTORY && rows[i].bin != LOOP)
			write_bin(&w.t, DIR_ "modules.alias.bin", "pci:*", "from_bin");
		if (rows[i].text)
			tree_write(&w.t, DIR_ "modules.alias", "# comment\nalias pci:* from_text\n");
		switch (rows[i].bin) {
		case EMPTY:
			tree_write(&w.t, DIR_ "modules.alias.bin", "");
			break;
		case CUT:
			assert_int_equal(truncate(tree_path(&w.t, DIR_ "modules.alias.bin"), 30), 0);
			break;
		case MAGIC:
			break_byte(&w.t, DIR_ "modules.alias.bin", 0, 'x');
			break;
		case ROOT:
			break_byte(&w.t, DIR_ "modules.alias.bin", 9, 0xff);
			break;
		case MIDDLE: /* the first node behind the header is p's: how many values it has */
			break_byte(&w.t, DIR_ "modules.alias.bin", 12 + 5, 0xff);
			break;
		case OLDER:
			tree_age(&w.t, DIR_ "modules.alias.bin", 10);
			break;
		case DIRECTORY:
			tree_mkdir(&w.t, DIR_ "modules.alias.bin/");
			break;
		case LOOP:
			tree_link(&w.t, DIR_ "modules.alias.bin", "modules.alias.bin");
			break;
		}
		world_open(&w);
		assert_row_string(i, ask_alias(&w, "pci:v1"), rows[i].answer);
		assert_row_string(i, ask_alias(&w, "pci:v1"), rows[i].answer); /* and is said once */
		assert_row(i, *rows[i].message || !w.m.text.n);
		assert_contains(messages_text(&w.m), rows[i].message);
		assert_row(i, w.m.log.warnings == rows[i].warnings);
		assert_row(i, w.m.log.lost == rows[i].lost);
		world_close(&w);
		tree_free(&w.t);
	}
}

/* A machine may have none of these; but what is there and broken was input. */
static void an_index_nobody_needs_may_be_missing_but_not_broken(void **state)
{
	static const struct {
		enum moddir_index which;
		const char *bin;
	} rows[] = {
		{ MODDIR_SYMBOLS, DIR_ "modules.symbols.bin" },
		{ MODDIR_BUILTIN, DIR_ "modules.builtin.bin" },
		{ MODDIR_BUILTIN_ALIAS, DIR_ "modules.builtin.alias.bin" },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct world w = { .t = tree_new() };
		bool broken = i % 2;
		unsigned int lost;
		char text[512];

		tree_mkdir(&w.t, DIR_);
		if (broken)
			tree_write(&w.t, rows[i / 2].bin, "this is no index");
		world_open(&w);
		assert_int_equal(moddir_match(&w.d, rows[i / 2].which, "x", &w.hits), 0);
		lost = w.m.log.lost;
		snprintf(text, sizeof(text), "%s", messages_text(&w.m));
		world_close(&w);
		tree_free(&w.t);
		if (!broken)
			assert_row_string(i, text, "");
		else
			assert_contains(text, rows[i / 2].bin);
		assert_row(i, lost == broken);
	}
}

/* depmod writes 0 bytes where it has no key to write: without the text, or with one that has none. */
static int count_entry(void *userdata, const char *key, const char *value, uint32_t priority)
{
	unsigned int *n = userdata;

	++*n;
	return 0;
}

/* Whatever is broken in it: none of its entries is seen beside those of its text. */
static void each_entry_of_a_broken_index_comes_once(void **state)
{
	for (long at = 12; at < 120; at++) {
		struct world w = { .t = tree_new() };
		unsigned int n = 0;
		struct stat st;

		tree_write(&w.t, DIR_ "modules.alias", "alias b* one\nalias c* two\nalias d* three\n");
		write_bin(&w.t, DIR_ "modules.alias.bin", "a*", "from_bin");
		assert_int_equal(stat(tree_path(&w.t, DIR_ "modules.alias.bin"), &st), 0);
		if (at < st.st_size)
			break_byte(&w.t, DIR_ "modules.alias.bin", at, 0xff);
		world_open(&w);
		assert_int_equal(moddir_each(&w.d, MODDIR_ALIAS, count_entry, &n), 0);
		assert_row(at, n == (w.m.log.warnings ? 3 : 2));
		world_close(&w);
		tree_free(&w.t);
	}
}

static void an_empty_index_of_nothing_is_no_broken_one(void **state)
{
	static const struct {
		enum moddir_index which;
		const char *bin, *text_name, *text;
		const char *message;
	} rows[] = {
		{ MODDIR_BUILTIN, "modules.builtin.bin", NULL, NULL, NULL },
		{ MODDIR_BUILTIN, "modules.builtin.bin", "modules.builtin", "", NULL },
		{ MODDIR_BUILTIN, "modules.builtin.bin", "modules.builtin", "kernel/a.ko\n",
		  "modules.builtin.bin: broken at byte 0: shorter than its header; using modules.builtin" },
		{ MODDIR_BUILTIN_ALIAS, "modules.builtin.alias.bin", NULL, NULL, NULL },
		{ MODDIR_BUILTIN_ALIAS, "modules.builtin.alias.bin", "modules.builtin.modinfo",
		  "a.license=GPL", NULL },
		{ MODDIR_BUILTIN_ALIAS, "modules.builtin.alias.bin", "modules.builtin.modinfo", "a.alias=x",
		  "modules.builtin.alias.bin: broken at byte 0: shorter than its header; using" },
		{ MODDIR_SYMBOLS, "modules.symbols.bin", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w = { .t = tree_new() };
		char path[128];

		snprintf(path, sizeof(path), DIR_ "%s", rows[i].bin);
		tree_write(&w.t, path, "");
		snprintf(path, sizeof(path), DIR_ "%s", rows[i].text_name ? rows[i].text_name : "other");
		tree_write(&w.t, path, rows[i].text ? rows[i].text : "");
		world_open(&w);
		assert_int_equal(moddir_match(&w.d, rows[i].which, "?", &w.hits), 0);
		assert_row(i, w.hits.hits.n == 0 && w.m.log.lost == 0);
		if (rows[i].message)
			assert_contains(messages_text(&w.m), rows[i].message);
		else
			assert_row_string(i, messages_text(&w.m), "");
		world_close(&w);
		tree_free(&w.t);
	}
}

static void each_text_is_read_as_depmod_wrote_it(void **state)
{
	static const struct {
		enum moddir_index which;
		const char *file;
		const char *text;
		size_t size; /* when it holds NULs */
		const char *key, *value, *message;
	} rows[] = {
		{ MODDIR_DEP, "modules.dep", "kernel/a-b.ko.xz: kernel/c.ko\nkernel/c.ko:\n", 0, "a_b",
		  "kernel/a-b.ko.xz: kernel/c.ko", "" },
		{ MODDIR_DEP, "modules.dep", "a.ko:\n/abs/b.ko:", 0, "b", "/abs/b.ko:", "" },
		{ MODDIR_DEP, "modules.dep", "garbage\nkernel/c.ko:\n", 0, "c",
		  "kernel/c.ko:", "/lib/modules/1.0/modules.dep:1: no ':' in 'garbage', line ignored" },
		{ MODDIR_DEP, "modules.dep", "\0x\nkernel/c.ko:\n", 16, "c", "kernel/c.ko:", "" },
		{ MODDIR_ALIAS, "modules.alias", "alias a* mod_a\n", 0, "abc", "mod_a", "" },
		{ MODDIR_ALIAS, "modules.alias", "\n\nalias\nalias a* mod_a", 0, "a", "mod_a",
		  "/lib/modules/1.0/modules.alias:3: not an alias line: 'alias', ignored" },
		{ MODDIR_ALIAS, "modules.alias", "alias with blanks mod_a\n", 0, "with blanks", "mod_a", "" },
		{ MODDIR_SYMBOLS, "modules.symbols", "# x\nalias symbol:f_g mod_a\n", 0, "symbol:f_g",
		  "mod_a", "" },
		{ MODDIR_BUILTIN, "modules.builtin", "kernel/drivers/x-y.ko\n", 0, "x_y", "", "" },
		{ MODDIR_BUILTIN_ALIAS, "modules.builtin.modinfo",
		  "x-y.license=GPL\0x-y.alias=pci:v-1*\0x-y.parm=alias=1\0", 51, "pci:v_1234", "x_y", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w = { .t = tree_new() };
		char name[64], value[128] = "", text[1024];

		snprintf(name, sizeof(name), DIR_ "%s", rows[i].file);
		tree_write_bytes(&w.t, name, rows[i].text,
				 rows[i].size ? rows[i].size : strlen(rows[i].text));
		world_open(&w);
		assert_int_equal(moddir_match(&w.d, rows[i].which, rows[i].key, &w.hits), 0);
		if (w.hits.hits.n)
			snprintf(value, sizeof(value), "%s", w.hits.hits.items[0].value);
		assert_row(i, w.hits.hits.n == 1);
		snprintf(text, sizeof(text), "%s", messages_text(&w.m));
		world_close(&w);
		tree_free(&w.t);
		assert_row_string(i, value, rows[i].value);
		assert_contains(text, rows[i].message);
	}
}

static void a_pattern_too_long_for_kmod_is_left_out_with_its_line(void **state)
{
	struct world w = { .t = tree_new() };
	char *text = NULL;

	assert_true(asprintf(&text, "alias %05000d long\nalias b short\n", 0) > 0);
	tree_write(&w.t, DIR_ "modules.alias", text);
	free(text);
	world_open(&w);
	assert_string_equal(ask_alias(&w, "b"), "short");
	assert_contains(messages_text(&w.m), "modules.alias:1: a key longer than 4095 bytes, line ignored");
	world_close(&w);
	tree_free(&w.t);
}

static void a_release_is_found_in_lib_or_usr_lib(void **state)
{
	static const struct {
		const char *make;
		int r;
		const char *path;
	} rows[] = {
		{ "lib/modules/1.0/", 1, "lib/modules/1.0" },
		{ "usr/lib/modules/1.0/", 1, "usr/lib/modules/1.0" },
		{ "lib/modules/2.0/", 0, NULL },
		{ "lib/modules/1.0", 0, NULL }, /* a file */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_messages_ struct messages m;
		struct moddir d;
		const char *value;

		messages_init(&m);
		tree_mkdir(&t, rows[i].make);
		if (rows[i].make[strlen(rows[i].make) - 1] != '/')
			tree_write(&t, rows[i].make, "");
		assert_row(i, moddir_open(&d, &t.root, "1.0", &m.log) == rows[i].r);
		if (rows[i].r) {
			assert_row_string(i, d.path, rows[i].path);
		} else {
			assert_contains(messages_text(&m),
					"/lib/modules/1.0: there are no modules for this kernel");
			assert_row(i, m.log.lost == 1);
			assert_row(i, moddir_find(&d, MODDIR_DEP, "x", &value) == 0);
		}
		moddir_close(&d);
	}
}

/* What was found before stays readable when the file turns out broken later. */
static void values_stay_when_their_index_is_replaced(void **state)
{
	struct world w = { .t = tree_new() };
	const char *value, *other;

	/* "a" is good; the number of values of the node of "zzz*" is not. */
	write_bin(&w.t, DIR_ "modules.dep.bin", "a", "bin.ko:");
	break_byte(&w.t, DIR_ "modules.dep.bin", 12 + 4 + 4 + 8 + 4, 0xff);
	tree_write(&w.t, DIR_ "modules.dep", "a.ko:\nzzz.ko:\n");
	world_open(&w);
	assert_int_equal(moddir_find(&w.d, MODDIR_DEP, "a", &value), 1);
	assert_string_equal(value, "bin.ko:");
	assert_int_equal(moddir_find(&w.d, MODDIR_DEP, "zzz", &other), 1);
	assert_string_equal(other, "zzz.ko:");
	assert_string_equal(value, "bin.ko:");
	assert_int_equal(w.m.log.warnings, 1);
	world_close(&w);
	tree_free(&w.t);
}

/* An index of which one lookup reads a part. */
static void write_large_bin(const struct tree *t, const char *name)
{
	struct index_builder b = {};
	uint8_t *data;
	char key[64];
	size_t size;

	for (unsigned int i = 0; i < 10000; i++) {
		int n = snprintf(key, sizeof(key), "pci:%05u*", i * 9);

		assert_int_equal(index_builder_add(&b, key, (size_t)n, "from_bin", 8, i), 0);
	}
	assert_int_equal(index_builder_finish(&b, &data, &size), 0);
	tree_write_bytes(t, name, data, size);
	index_builder_free(&b);
	free(data);
}

/* Under a mapping each of these was a SIGBUS or a mixture of two files. */
static void an_index_that_is_changed_in_use_is_replaced_by_its_text(void **state)
{
	enum { NOTHING, EMPTIED, CUT, WRITTEN, REPLACED };
	static const struct {
		int event;
		bool text;
		const char *answer, *message;
		unsigned int warnings, lost;
	} rows[] = {
		{ NOTHING, true, "from_bin", "", 0, 0 },
		{ EMPTIED, true, "from_text", "changed while it was in use; using modules.alias", 1, 0 },
		{ CUT, true, "from_text", "changed while it was in use; using modules.alias", 1, 0 },
		{ WRITTEN, true, "from_text", "changed while it was in use; using modules.alias", 1, 0 },
		{ REPLACED, true, "from_bin", "", 0, 0 },
		{ CUT, false, "", "changed while it was in use, and there is no modules.alias; run depmod", 0,
		  1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w = { .t = tree_new() };
		const char *path = tree_path(&w.t, DIR_ "modules.alias.bin"), *before;

		write_large_bin(&w.t, DIR_ "modules.alias.bin");
		if (rows[i].text)
			tree_write(&w.t, DIR_ "modules.alias", "alias pci:8* from_text\n");
		world_open(&w);
		before = ask_alias(&w, "pci:00009x");
		if (rows[i].event == EMPTIED || rows[i].event == CUT)
			assert_int_equal(truncate(path, rows[i].event == CUT ? 100000 : 0), 0);
		if (rows[i].event == WRITTEN)
			tree_age(&w.t, DIR_ "modules.alias.bin", 10);
		if (rows[i].event == REPLACED)
			assert_int_equal(rename(path, tree_path(&w.t, DIR_ "old")), 0);
		for (int k = 0; k < 2; k++)
			assert_row_string(i, ask_alias(&w, "pci:81000x"), rows[i].answer);
		assert_row_string(i, before, "from_bin");
		assert_row(i, *rows[i].message || !w.m.text.n);
		assert_contains(messages_text(&w.m), *rows[i].message ? BIN ": broken at byte" : "");
		assert_contains(messages_text(&w.m), rows[i].message);
		assert_row(i, w.m.log.warnings == rows[i].warnings && w.m.log.lost == rows[i].lost);
		world_close(&w);
		tree_free(&w.t);
	}
}

static void a_modules_path_is_absolute_or_below_the_releases_directory(void **state)
{
	static const struct {
		const char *root, *file, *path;
	} rows[] = {
		{ NULL, "kernel/a.ko", "lib/modules/1.0/kernel/a.ko" },
		{ NULL, "/opt/a.ko", "opt/a.ko" },
		{ "", "kernel/a.ko", "/lib/modules/1.0/kernel/a.ko" },
		{ "", "/opt/a.ko", "/opt/a.ko" },
		{ "/mnt/root", "kernel/a.ko", "/mnt/root/lib/modules/1.0/kernel/a.ko" },
		{ "/mnt/root", "/opt/a.ko", "/mnt/root/opt/a.ko" },
	};
	const struct moddir d = { .path = (char *)"lib/modules/1.0" };
	struct arena arena = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row_string(i, moddir_file(&d, &arena, rows[i].root, rows[i].file), rows[i].path);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_that_is_no_good_is_replaced_by_its_text),
		cmocka_unit_test(an_index_nobody_needs_may_be_missing_but_not_broken),
		cmocka_unit_test(each_entry_of_a_broken_index_comes_once),
		cmocka_unit_test(an_empty_index_of_nothing_is_no_broken_one),
		cmocka_unit_test(a_modules_path_is_absolute_or_below_the_releases_directory),
		cmocka_unit_test(each_text_is_read_as_depmod_wrote_it),
		cmocka_unit_test(a_pattern_too_long_for_kmod_is_left_out_with_its_line),
		cmocka_unit_test(a_release_is_found_in_lib_or_usr_lib),
		cmocka_unit_test(values_stay_when_their_index_is_replaced),
		cmocka_unit_test(an_index_that_is_changed_in_use_is_replaced_by_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
