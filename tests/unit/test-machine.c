/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a machine is made of, and when it counts as changed. */
#include "tests/unit/test.h"

#include "base/limits.h"
#include "engine/machine.h"

struct world {
	struct tree t;
	struct messages m;
	struct machine_paths paths;
	struct machine machine;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tree_new();
	messages_init(&w->m);
	w->m.log.level = LOG_LEVEL_ERROR;
	w->paths.root = w->t.dir;
	machine_init(&w->machine, &w->paths, &w->m.log);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	machine_close(&w->machine);
	messages_free(&w->m);
	tree_free(&w->t);
	free(w);
	return 0;
}

static void the_only_release_is_taken_and_two_are_a_question(void **state)
{
	struct world *w = *state;
	struct machine *m = &w->machine;

	assert_int_equal(machine_open(m, NULL), 0);
	assert_null(m->release);
	assert_contains(messages_text(&w->m), "/lib/modules: ");
	machine_close(m);

	tree_write(&w->t, "lib/modules/1/modules.dep", "");
	assert_int_equal(machine_open(m, NULL), 0);
	assert_string_equal(m->release, "1");
	assert_string_equal(m->dir.path, "lib/modules/1");
	machine_close(m);

	tree_mkdir(&w->t, "lib/modules/2/");
	assert_int_equal(machine_open(m, NULL), 0);
	assert_null(m->release);
	assert_contains(messages_text(&w->m), "choose one with --release");
	machine_close(m);

	w->paths.release = (char *)"2";
	assert_int_equal(machine_open(m, NULL), 0);
	assert_string_equal(m->release, "2");
}

static void what_is_live_is_loaded_unless_one_module_is_asked_about(void **state)
{
	struct world *w = *state;
	struct machine *m = &w->machine;

	tree_write(&w->t, "lib/modules/1/modules.dep", "a.ko:\nb.ko:\n");
	tree_write(&w->t, "proc/modules", "a 1 0 - Live 0x0\nb 1 0 - Loading 0x0\n");
	assert_int_equal(machine_open_for_one(m), 0);
	assert_false(expander_is_loaded(&m->expander, modules_id(&m->modules, "a", 1)));
	assert_int_equal(machine_open(m, NULL), 0);
	assert_true(expander_is_loaded(&m->expander, modules_id(&m->modules, "a", 1)));
	assert_false(expander_is_loaded(&m->expander, modules_id(&m->modules, "b", 1)));
}

static void a_fingerprint_changes_with_each_file_that_is_read(void **state)
{
	static const char *const files[] = { "etc/modprobe.d/a.conf", "usr/lib/modprobe.d/b.conf",
					     "lib/modules/1/modules.alias" };
	struct world *w = *state;
	struct machine *m = &w->machine;
	uint64_t before = 0, same = 0;

	tree_write(&w->t, "lib/modules/1/modules.dep", "");
	assert_int_equal(machine_open(m, &before), 0);
	assert_int_not_equal(before, 0);
	/* What was opened stays as it is, its fingerprint too. */
	assert_int_equal(machine_open(m, &same), 0);
	assert_int_equal(same, 0);
	tree_write(&w->t, "etc/other", "");
	assert_true(machine_fingerprint(m) == before);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		tree_write(&w->t, files[i], "");
		assert_row(i, machine_fingerprint(m) != before);
		before = machine_fingerprint(m);
	}
}

static void a_fingerprint_changes_with_the_archive_that_is_named(void **state)
{
	struct world *w = *state;
	struct machine *m = &w->machine;
	struct tree host = tree_new();
	uint64_t before = 0;

	tree_write(&w->t, "lib/modules/1/modules.dep", "");
	tree_write(&host, "a.archive", "");
	w->paths.archive = strdup(tree_path(&host, "a.archive"));
	w->paths.release = (char *)"1";
	assert_int_equal(machine_open(m, &before), 0);
	assert_true(machine_fingerprint(m) == before);
	tree_write(&host, "a.archive", "other");
	assert_true(machine_fingerprint(m) != before);
	before = machine_fingerprint(m);
	assert_int_equal(unlink(w->paths.archive), 0);
	assert_true(machine_fingerprint(m) != before);
	free(w->paths.archive);
	w->paths.archive = NULL;
	tree_free(&host);
}

static void a_file_is_the_module_that_is_called_like_it(void **state)
{
	static const struct {
		const char *path;
		int r;
		const char *name;
	} rows[] = {
		{ "/opt/my-driver.ko", 1, "my_driver" },
		{ "/opt/my-driver.ko.xz", 1, "my_driver" },
		{ "/opt/none.ko", 0, NULL },
		{ "opt/my-driver.ko", 0, NULL },
		{ "/opt/.ko", -EINVAL, NULL },
	};
	struct world *w = *state;
	struct machine *m = &w->machine;

	tree_write(&w->t, "lib/modules/1/modules.dep", "kernel/my-driver.ko:\n");
	tree_write(&w->t, "opt/my-driver.ko", "");
	tree_write(&w->t, "opt/my-driver.ko.xz", "");
	tree_write(&w->t, "opt/.ko", "");
	assert_int_equal(machine_open(m, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[LIMIT_NAME + 1];
		uint32_t id;

		assert_row(i, machine_name_of_path(m, rows[i].path, name) == rows[i].r);
		assert_false(machine_is_other_than_file(m, rows[i].path));
		if (!rows[i].name)
			continue;
		assert_row_string(i, name, rows[i].name);
		id = modules_id(&m->modules, name, strlen(name));
		assert_row_string(i, modules_get(&m->modules, id)->path, rows[i].path);
	}
	assert_true(machine_is_other_than_file(m, "/opt"));
}

static void a_root_and_a_place_for_the_modules_exclude_each_other(void **state)
{
	struct world *w = *state;

	w->paths.module_root = (char *)"elsewhere";
	w->paths.release = (char *)"1";
	assert_int_equal(machine_open(&w->machine, NULL), -EINVAL);
	assert_contains(messages_text(&w->m), "cannot be combined");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_only_release_is_taken_and_two_are_a_question),
		TEST(what_is_live_is_loaded_unless_one_module_is_asked_about),
		TEST(a_fingerprint_changes_with_each_file_that_is_read),
		TEST(a_fingerprint_changes_with_the_archive_that_is_named),
		TEST(a_file_is_the_module_that_is_called_like_it),
		TEST(a_root_and_a_place_for_the_modules_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
