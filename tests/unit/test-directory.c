/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/directory.h"

/* Puts a regular file in the place of the descriptor: the next getdents64(2) fails with ENOTDIR. */
static void break_directory(const struct directory *d)
{
	_cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(dup2(fd, directory_fd(d)), directory_fd(d));
}

static void make_files(const struct tree *t, const char *dir, int n)
{
	char name[200];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%0150d", dir, i);
		tree_write(t, name, "");
	}
}

/* What is left of it: the number of entries, or the error that came before the end. */
static int count(struct directory *d)
{
	const char *name;
	int n = 0, r;

	while ((r = directory_next(d, &name)) > 0)
		n++;
	return r < 0 ? r : n;
}

static void every_entry_comes_once_but_not_the_directory_itself(void **state)
{
	static const struct {
		const char *path, *entry;
	} rows[] = { { "a", "a" },
		     { ".hidden", ".hidden" },
		     { "..also", "..also" },
		     { "b.conf", "b.conf" },
		     { "dir/x", "dir" } };
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_directory_ struct directory d = {};
	int times[ARRAY_SIZE(rows)] = {};
	const char *name;
	int r, n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tree_write(&t, rows[i].path, "");
	assert_int_equal(directory_open(&d, &t.root, "/"), 0);
	for (; (r = directory_next(&d, &name)) > 0; n++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			times[i] += !strcmp(name, rows[i].entry);
	assert_int_equal(r, 0);
	assert_int_equal(n, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, times[i] == 1);
}

static void the_end_is_0_again_and_again(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_directory_ struct directory d = {};
	const char *name;

	assert_int_equal(directory_open(&d, &t.root, ""), 0);
	for (int i = 0; i < 3; i++) {
		errno = EIO; /* what failed before is nothing of this call's */
		assert_int_equal(directory_next(&d, &name), 0);
	}
}

static void an_error_is_no_end(void **state)
{
	static const struct {
		int files, read; /* before it breaks */
	} rows[] = { { 0, 0 }, { 3, 0 }, { 1000, 1 }, { 1000, 100 } };
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_directory_ struct directory d = {};

		tree_mkdir(&t, "d/");
		make_files(&t, "d", rows[i].files);
		assert_int_equal(directory_open(&d, &t.root, "d"), 0);
		for (int n = 0; n < rows[i].read; n++)
			assert_row(i, directory_next(&d, &name) == 1);
		break_directory(&d);
		assert_row(i, count(&d) == -ENOTDIR);
	}
}

static void a_directory_that_was_removed_is_empty(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_directory_ struct directory d = {};

	tree_mkdir(&t, "d/");
	assert_int_equal(directory_open(&d, &t.root, "d"), 0);
	assert_int_equal(rmdir(tree_path(&t, "d")), 0);
	assert_int_equal(count(&d), 0);
}

static void what_cannot_be_listed_is_an_error(void **state)
{
	static const struct {
		const char *name;
		int r;
	} rows[] = {
		{ "d", 0 }, { "link", 0 }, { "none", -ENOENT }, { "file", -ENOTDIR }, { "fifo", -ENOTDIR },
	};
	_cleanup_tree_ struct tree t = tree_new();

	tree_write(&t, "d/x", "");
	tree_write(&t, "file", "");
	tree_link(&t, "link", "/d");
	assert_int_equal(mkfifo(tree_path(&t, "fifo"), 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_directory_ struct directory d = {};

		assert_row(i, directory_open(&d, &t.root, rows[i].name) == rows[i].r);
		assert_row(i, rows[i].r || count(&d) == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_comes_once_but_not_the_directory_itself),
		cmocka_unit_test(the_end_is_0_again_and_again),
		cmocka_unit_test(an_error_is_no_end),
		cmocka_unit_test(a_directory_that_was_removed_is_empty),
		cmocka_unit_test(what_cannot_be_listed_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
