/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which symbol the kernel did not know, and whose it is. */
#include "tests/unit/test.h"

#include "engine/modinfo.h"
#include "tests/unit/test-loader-fake.h"

static char none[] = "";

struct world {
	struct tree t;
	struct messages m;
	struct moddir d;
};

/* Names in brackets: the modules that are in the kernel. */
static bool is_there(void *userdata, const char *module)
{
	char word[300];

	snprintf(word, sizeof(word), "[%s]", module);
	return strstr(userdata, word) != NULL;
}

static void world_open(struct world *w)
{
	w->t = tree_new();
	messages_init(&w->m);
	tree_write(&w->t, "lib/modules/1/modules.symbols",
		   "# Aliases for symbols, used by symbol_request().\n"
		   "alias symbol:foo mod_a\nalias symbol:bar mod_b\nalias symbol:my_driver_register self\n"
		   "alias symbol:foo_more mod_c\n");
	assert_int_equal(moddir_open(&w->d, &w->t.root, "1", &w->m.log), 1);
}

static void world_close(struct world *w)
{
	moddir_close(&w->d);
	messages_free(&w->m);
	tree_free(&w->t);
}

static void write_module(struct world *w, const char *name, const char *first, const char *second)
{
	struct fake_module m = fake_module_of(first, second);

	tree_write_bytes(&w->t, name, &m, sizeof(m));
}

static void the_first_symbol_whose_module_is_not_there_is_named(void **state)
{
	static const struct {
		const char *first, *second, *there;
		int r;
		const char *symbol, *module;
	} rows[] = {
		{ "printk", "foo", "", 1, "foo", "mod_a" },
		{ "foo", "printk", "", 1, "foo", "mod_a" },
		{ "foo", "bar", "", 1, "foo", "mod_a" },
		{ "foo", "bar", "[mod_a]", 1, "bar", "mod_b" },
		{ "foo", "bar", "[mod_b]", 1, "foo", "mod_a" },
		{ "foo", "bar", "[mod_a][mod_b]", 0, NULL, NULL },
		/* the kernel's own: no module has it */
		{ "printk", "kmalloc", "", 0, NULL, NULL },
		/* not by the beginning of a name, nor more than it */
		{ "fo", "foo_mor", "", 0, NULL, NULL },
		{ "foo_more", "x", "[mod_a]", 1, "foo_more", "mod_c" },
		/* a pattern is none here */
		{ "*", "f?o", "", 0, NULL, NULL },
	};
	struct world w;

	world_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct missing_symbol missing = { "untouched", "untouched" };

		write_module(&w, "lib/modules/1/m.ko", rows[i].first, rows[i].second);
		assert_row(i,
			   missing_symbol_find(&w.d, "lib/modules/1/m.ko", is_there,
					       (void *)(uintptr_t)rows[i].there, &missing) == rows[i].r);
		assert_row_string(i, missing.symbol, rows[i].symbol ? rows[i].symbol : "untouched");
		assert_row_string(i, missing.module, rows[i].module ? rows[i].module : "untouched");
	}
	world_close(&w);
}

static void a_compressed_module_is_looked_into_too(void **state)
{
	static const char *const commands[] = { "gzip", "xz --check=crc32", "zstd -q" };
	struct world w;

	world_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct missing_symbol missing;
		char command[300];
		int r;

		write_module(&w, "m.ko", "printk", "bar");
		snprintf(command, sizeof(command), "%s -c <%s/m.ko >%s/m.ko.z 2>/dev/null", commands[i],
			 w.t.dir, w.t.dir);
		if (system(command) != 0) {
			print_message("no %s here\n", commands[i]);
			continue;
		}
		r = missing_symbol_find(&w.d, "m.ko.z", is_there, none, &missing);
		/* A build without the library says so. */
		if (r == -EOPNOTSUPP)
			continue;
		assert_row(i, r == 1);
		assert_row_string(i, missing.symbol, "bar");
		assert_row_string(i, missing.module, "mod_b");
	}
	world_close(&w);
}

static void a_file_that_is_no_module_is_an_error(void **state)
{
	static const struct {
		const char *path;
		int r;
	} rows[] = {
		{ "none.ko", -ENOENT }, { "text.ko", -ENOEXEC }, { "empty.ko", -ENOEXEC },
		{ "dir", -EISDIR },	{ "bad.ko", -EBADMSG },
	};
	struct missing_symbol missing = { "untouched", "untouched" };
	struct world w;

	world_open(&w);
	tree_write(&w.t, "text.ko",
		   "no module at all, but a text that is long enough to hold an ELF header of 64 bytes");
	tree_write(&w.t, "empty.ko", "");
	tree_mkdir(&w.t, "dir/");
	write_module(&w, "bad.ko", "foo", "bar");
	/* Its section headers lie at its end. */
	assert_int_equal(truncate(tree_path(&w.t, "bad.ko"), sizeof(struct fake_module) - 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, missing_symbol_find(&w.d, rows[i].path, is_there, none, &missing) == rows[i].r);
	assert_string_equal(missing.symbol, "untouched");
	world_close(&w);
}

static void without_symbols_or_an_index_there_is_no_answer(void **state)
{
	struct missing_symbol missing;
	unsigned char elf[64];
	struct world w;

	world_open(&w);
	fake_elf(elf);
	tree_write_bytes(&w.t, "bare.ko", elf, sizeof(elf));
	assert_int_equal(missing_symbol_find(&w.d, "bare.ko", is_there, none, &missing), 0);
	moddir_close(&w.d);
	assert_int_equal(unlink(tree_path(&w.t, "lib/modules/1/modules.symbols")), 0);
	assert_int_equal(moddir_open(&w.d, &w.t.root, "1", &w.m.log), 1);
	write_module(&w, "m.ko", "foo", "bar");
	assert_int_equal(missing_symbol_find(&w.d, "m.ko", is_there, none, &missing), 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_symbol_whose_module_is_not_there_is_named),
		cmocka_unit_test(a_compressed_module_is_looked_into_too),
		cmocka_unit_test(a_file_that_is_no_module_is_an_error),
		cmocka_unit_test(without_symbols_or_an_index_there_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
