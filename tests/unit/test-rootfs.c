/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include <sys/mman.h>
#include <sys/socket.h>

static void a_link_stays_inside_the_root(void **state)
{
	static const struct {
		const char *target;
		int r; /* of reading it */
	} rows[] = {
		{ "file", 0 },		       /* beside it */
		{ "/etc/file", 0 },	       /* absolute: the root's */
		{ "../../../../etc/file", 0 }, /* upwards: stops at the root */
		{ "/etc/outside", -ENOENT },
		{ "loop", -ELOOP },
	};
	_cleanup_tree_ struct tree t = tree_new();

	tree_write(&t, "etc/file", "inside");
	tree_link(&t, "etc/loop", "loop");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_file_ struct file_bytes file = {};
		int r;

		unlink(tree_path(&t, "etc/link"));
		tree_link(&t, "etc/link", rows[i].target);
		r = rootfs_read(&t.root, "etc/link", 100, &file);
		assert_row(i, r == rows[i].r);
		if (!r)
			assert_row_string(i, file.data, "inside");
	}
}

static void a_path_upwards_stops_at_the_root(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_file_ struct file_bytes file = {};

	tree_write(&t, "etc/passwd", "mine");
	assert_int_equal(rootfs_read(&t.root, "../../../etc/passwd", 100, &file), 0);
	assert_string_equal(file.data, "mine");
}

static void a_leading_slash_is_the_roots(void **state)
{
	static const char *const paths[] = { "a/b", "/a/b", "///a/b" };
	_cleanup_tree_ struct tree t = tree_new();

	tree_write(&t, "a/b", "x");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_file_ struct file_bytes file = {};

		assert_row(i, !rootfs_read(&t.root, paths[i], 1, &file) && file.size == 1);
	}
}

static void more_than_the_maximum_is_EFBIG(void **state)
{
	static const struct {
		size_t size, max;
		int r;
	} rows[] = {
		{ 0, 0, 0 },
		{ 0, 10, 0 },
		{ 10, 10, 0 },
		{ 11, 10, -EFBIG },
		{ 100000, 99999, -EFBIG },
		{ 100000, 100000, 0 },
	};
	static const char bytes[100000];
	_cleanup_tree_ struct tree t = tree_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_file_ struct file_bytes file = {};

		tree_write_bytes(&t, "f", bytes, rows[i].size);
		assert_row(i, rootfs_read(&t.root, "f", rows[i].max, &file) == rows[i].r);
		if (rows[i].r)
			continue;
		assert_row(i, file.size == rows[i].size && file.data[file.size] == '\0');
		assert_row(i, llabs(file.mtime - time(NULL)) < 60);
	}
}

/* st_size is 0 for what proc makes up as it is read. */
static void a_file_whose_size_lies_is_read_to_its_end(void **state)
{
	enum { N = 200 };
	_cleanup_file_ struct file_bytes file = {};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct rootfs root;
	char *p;

	/* Every second page otherwise: a line for each. */
	p = mmap(NULL, N * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	for (size_t i = 0; i < N; i += 2)
		assert_int_equal(mprotect(p + i * page, page, PROT_READ), 0);
	assert_int_equal(rootfs_open(&root, NULL), 0);
	assert_string_equal(root.path, "");
	assert_int_equal(rootfs_read(&root, "proc/self/maps", 1 << 20, &file), 0);
	assert_true(file.size > 4096 && file.size == strlen(file.data));
	assert_int_equal(rootfs_read(&root, "proc/self/maps", 1000, &(struct file_bytes){}), -EFBIG);
	munmap(p, N * page);
	rootfs_close(&root);
}

static void what_is_no_file_is_an_error_and_never_waits(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_close_ int fd = -1;
	struct file_bytes file = {};
	int pair[2];

	tree_mkdir(&t, "dir/");
	assert_int_equal(mkfifo(tree_path(&t, "fifo"), 0600), 0);
	alarm(10);
	assert_int_equal(rootfs_read(&t.root, "dir", 100, &file), -EISDIR);
	assert_int_equal(rootfs_read(&t.root, "none", 100, &file), -ENOENT);
	assert_int_equal(rootfs_read(&t.root, "none/none", 100, &file), -ENOENT);
	assert_int_equal(rootfs_read(&t.root, "dir/..", 100, &file), -EISDIR);
	assert_int_equal(rootfs_read(&t.root, "fifo", 100, &file), -EINVAL);
	/* Nor when somebody writes into it. */
	fd = open(tree_path(&t, "fifo"), O_RDWR | O_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(rootfs_read(&t.root, "fifo", 100, &file), -EINVAL);
	/* A socket cannot be opened, but it can be handed in. */
	assert_int_equal(mknod(tree_path(&t, "socket"), S_IFSOCK | 0600, 0), 0);
	assert_int_equal(rootfs_read(&t.root, "socket", 100, &file), -ENXIO);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	assert_int_equal(file_read(pair[0], 100, &file), -EINVAL);
	alarm(0);
	assert_true(!file.data && !file.size);
	close(pair[0]);
	close(pair[1]);
}

static void descriptors_are_not_inherited(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_close_ int fd = rootfs_openat(&t.root, "", O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(t.root.fd, F_GETFD) & FD_CLOEXEC);
}

static void an_attribute_loses_its_newlines_and_must_fit(void **state)
{
	static const struct {
		const char *content;
		int r;
		const char *text;
	} rows[] = {
		{ "", 0, "" },
		{ "\n", 0, "" },
		{ "abc\n", 3, "abc" },
		{ "abc", 3, "abc" },
		{ "a\nb\n\n", 3, "a\nb" },
		{ "1234567", 7, "1234567" },
		{ "12345678", -EFBIG, NULL },
		{ "123456789", -EFBIG, NULL },
	};
	_cleanup_tree_ struct tree t = tree_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[8];

		tree_write(&t, "attr", rows[i].content);
		assert_row(i, read_attribute(t.root.fd, "attr", buf, sizeof(buf)) == rows[i].r);
		if (rows[i].text)
			assert_row_string(i, buf, rows[i].text);
	}
}

static void an_attribute_that_is_a_link_is_not_followed(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	char buf[100];

	tree_link(&t, "attr", "/etc/hostname");
	assert_int_equal(read_attribute(t.root.fd, "attr", buf, sizeof(buf)), -ELOOP);
	assert_int_equal(read_attribute(t.root.fd, "none", buf, sizeof(buf)), -ENOENT);
}

static void a_root_that_is_none_is_an_error(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct rootfs root;

	tree_write(&t, "file", "");
	assert_int_equal(rootfs_open(&root, tree_path(&t, "none")), -ENOENT);
	assert_int_equal(rootfs_open(&root, tree_path(&t, "file")), -ENOTDIR);
}

/* What the rest of the file tests with openat2, when there is none. */
static void the_root_is_kept_without_openat2_too(void **state)
{
	rootfs_without_openat2 = true;
	a_link_stays_inside_the_root(state);
	a_path_upwards_stops_at_the_root(state);
	a_leading_slash_is_the_roots(state);
	more_than_the_maximum_is_EFBIG(state);
	a_file_whose_size_lies_is_read_to_its_end(state);
	what_is_no_file_is_an_error_and_never_waits(state);
	descriptors_are_not_inherited(state);
	rootfs_without_openat2 = false;
}

static uint32_t random_below(uint32_t n)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 33) % n;
}

/* One to five names, of which few exist, with slashes where they may be. */
static const char *random_path(char buf[64])
{
	static const char *const names[] = { "a", "b", "c", "..", ".", "a", "b", "outside" };
	char *p = buf;

	*p = '\0';
	if (!random_below(4))
		p = stpcpy(p, "/");
	for (uint32_t i = 0, n = 1 + random_below(5); i < n; i++)
		p = stpcpy(stpcpy(p, i ? (random_below(8) ? "/" : "//") : ""),
			   names[random_below(ARRAY_SIZE(names))]);
	if (!random_below(6))
		strcpy(p, "/");
	return buf;
}

/* Directories, files and links, each where chance has it, also on the way out of the root. */
static void fill(const struct rootfs *root)
{
	for (int i = 0; i < 30; i++) {
		char path[64], target[64];
		_cleanup_close_ int dir = -1;
		char *last;

		random_path(path);
		last = strrchr(path, '/');
		if (last)
			*last++ = '\0';
		dir = rootfs_openat(root, last ? path : ".", O_RDONLY | O_DIRECTORY);
		last = last ? last : path;
		if (dir < 0 || !*last || last[0] == '.')
			continue;
		switch (random_below(4)) {
		case 0:
			mkdirat(dir, last, 0755);
			break;
		case 1:
			close(openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
			break;
		default:
			if (symlinkat(random_path(target), dir, last) < 0)
				assert_int_equal(errno, EEXIST);
		}
	}
}

/* The file that was opened, or the error. */
static int64_t answer(const struct rootfs *root, const char *path, int flags, bool without)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	rootfs_without_openat2 = without;
	fd = rootfs_openat(root, path, flags);
	rootfs_without_openat2 = false;
	if (fd < 0)
		return fd;
	assert_int_equal(fstat(fd, &st), 0);
	return (int64_t)st.st_ino;
}

static void a_walk_by_name_answers_as_openat2_does(void **state)
{
	static const int flags[] = { O_RDONLY,
				     O_PATH,
				     O_PATH | O_NOFOLLOW,
				     O_RDONLY | O_NOFOLLOW,
				     O_PATH | O_DIRECTORY,
				     O_PATH | O_DIRECTORY | O_NOFOLLOW,
				     O_RDONLY | O_NONBLOCK,
				     O_RDONLY | O_DIRECTORY };
	unsigned int found = 0;

	for (int i = 0; i < 60; i++) {
		_cleanup_tree_ struct tree t = tree_new();
		struct rootfs root;

		tree_mkdir(&t, "root/a/");
		tree_mkdir(&t, "root/b/");
		tree_write(&t, "outside", "");
		tree_write(&t, "a", "");
		assert_int_equal(rootfs_open(&root, tree_path(&t, "root")), 0);
		fill(&root);
		for (int j = 0; j < 400; j++) {
			int f = flags[random_below(ARRAY_SIZE(flags))];
			char path[64];
			int64_t r;

			random_path(path);
			r = answer(&root, path, f, false);
			found += r >= 0;
			if (answer(&root, path, f, true) != r)
				fail_msg("%s, flags %x: %lld by name, %lld by openat2", path, (unsigned int)f,
					 (long long)answer(&root, path, f, true), (long long)r);
		}
		rootfs_close(&root);
	}
	assert_true(found > 1000);
}

static void forty_links_are_followed_and_no_more(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	char name[32], target[32];

	tree_write(&t, "l0", "x");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		tree_link(&t, name, target);
	}
	for (int without = 0; without < 2; without++) {
		assert_true(answer(&t.root, "l40", O_RDONLY, without) > 0);
		assert_int_equal(answer(&t.root, "l41", O_RDONLY, without), -ELOOP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_stays_inside_the_root),
		cmocka_unit_test(a_path_upwards_stops_at_the_root),
		cmocka_unit_test(a_leading_slash_is_the_roots),
		cmocka_unit_test(more_than_the_maximum_is_EFBIG),
		cmocka_unit_test(a_file_whose_size_lies_is_read_to_its_end),
		cmocka_unit_test(what_is_no_file_is_an_error_and_never_waits),
		cmocka_unit_test(descriptors_are_not_inherited),
		cmocka_unit_test(an_attribute_loses_its_newlines_and_must_fit),
		cmocka_unit_test(an_attribute_that_is_a_link_is_not_followed),
		cmocka_unit_test(a_root_that_is_none_is_an_error),
		cmocka_unit_test(the_root_is_kept_without_openat2_too),
		cmocka_unit_test(a_walk_by_name_answers_as_openat2_does),
		cmocka_unit_test(forty_links_are_followed_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
