/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of several directories are read, and in which order. */
#include "tests/unit/test.h"

#include "engine/conf-files.h"

struct world {
	struct tree t;
	struct messages m;
	struct conf_files list;
	char text[1024];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tree_new();
	messages_init(&w->m);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	conf_files_free(&w->list);
	messages_free(&w->m);
	tree_free(&w->t);
	free(w);
	return 0;
}

/* The paths in order, separated by blanks. */
static const char *scan(struct world *w, const char *const *paths)
{
	size_t n = 0;

	for (; *paths; paths++)
		assert_int_equal(conf_files_scan(&w->list, &w->t.root, *paths, &w->m.log), 0);
	conf_files_sort(&w->list);
	for (size_t i = 0; i < w->list.items.n; i++)
		n += (size_t)snprintf(w->text + n, sizeof(w->text) - n, "%s%s", n ? " " : "",
				      w->list.items.items[i].path);
	return w->text;
}

static void an_earlier_directory_hides_and_names_decide_the_order(void **state)
{
	static const char *const paths[] = { "/etc/x.d", "/none", "/usr/x.d", "/single", NULL };
	static const char *const files[] = { "etc/x.d/b.conf", "etc/x.d/README", "etc/x.d/.c.conf",
					     "etc/x.d/.conf",  "usr/x.d/a.conf", "usr/x.d/b.conf",
					     "usr/x.d/c.conf", "single" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		tree_write(&w->t, files[i], "");
	assert_string_equal(scan(w, paths), "/usr/x.d/a.conf /etc/x.d/b.conf /usr/x.d/c.conf /single");
	assert_string_equal(messages_text(&w->m), "");
}

static void a_directory_in_a_files_place_is_a_warning(void **state)
{
	static const char *const paths[] = { "/etc/x.d", NULL };
	struct world *w = *state;

	tree_mkdir(&w->t, "etc/x.d/a.conf/");
	tree_write(&w->t, "etc/x.d/b.conf", "");
	assert_string_equal(scan(w, paths), "/etc/x.d/b.conf");
	assert_contains(messages_text(&w->m), "/etc/x.d/a.conf: a directory inside a directory is not read");
	assert_int_equal(w->m.log.lost, 0);
}

static void a_directory_that_cannot_be_read_is_input_lost(void **state)
{
	static const char *const paths[] = { "/loop", NULL };
	struct world *w = *state;

	tree_link(&w->t, "loop", "loop");
	assert_string_equal(scan(w, paths), "");
	assert_contains(messages_text(&w->m), "/loop: cannot be read: ");
	assert_int_equal(w->m.log.lost, 1);
}

static void only_a_link_to_dev_null_masks(void **state)
{
	static const struct {
		const char *target;
		bool mask;
	} rows[] = {
		{ "/dev/null", true },	  { "/dev/nul", false }, { "/dev/nulls", false },
		{ "../dev/null", false }, { "file", false },
	};
	struct world *w = *state;

	tree_write(&w->t, "file", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char name[16];

		snprintf(name, sizeof(name), "link%zu", i);
		tree_link(&w->t, name, rows[i].target);
		assert_row(i, conf_file_is_mask(&w->t.root, name) == rows[i].mask);
	}
	assert_false(conf_file_is_mask(&w->t.root, "file"));
	assert_false(conf_file_is_mask(&w->t.root, "none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_earlier_directory_hides_and_names_decide_the_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_directory_in_a_files_place_is_a_warning, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_read_is_input_lost, setup,
						teardown),
		cmocka_unit_test_setup_teardown(only_a_link_to_dev_null_masks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
