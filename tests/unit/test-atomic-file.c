/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/atomic-file.h"
#include "base/cleanup.h"

struct place {
	char dir[64];
	int fd;
};

static void setup(struct place *p)
{
	strcpy(p->dir, "/tmp/test-atomic-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
}

static void teardown(struct place *p)
{
	char command[128];

	close(p->fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", p->dir);
	assert_int_equal(system(command), 0);
}

static size_t count_files(const struct place *p)
{
	DIR *d = opendir(p->dir);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void write_old(const struct place *p, const char *name, mode_t mode)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	assert_int_equal(write(fd, "old", 3), 3);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void check_file(const struct place *p, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(p->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char buf[16] = "";
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
}

/* Whatever the umask is, what was there before, and whether it was a link. */
static void a_new_file_is_its_owners_alone(void **state)
{
	static const mode_t masks[] = { 0, 022, 077 };

	for (size_t i = 0; i < ARRAY_SIZE(masks) * 3; i++) {
		mode_t old = umask(masks[i / 3]);
		struct atomic_file a;
		struct place p;

		setup(&p);
		if (i % 3)
			write_old(&p, i % 3 == 1 ? "f" : "other", 0644);
		if (i % 3 == 2)
			assert_int_equal(symlinkat("other", p.fd, "f"), 0);
		assert_int_equal(atomic_file_open(&a, p.fd, "f"), 0);
		fputs("new", a.f);
		assert_int_equal(atomic_file_commit(&a), 0);
		check_file(&p, "f", "new");
		assert_int_equal(count_files(&p), i % 3 == 2 ? 2 : 1);
		teardown(&p);
		umask(old);
	}
}

static void what_is_given_up_leaves_the_old_file_and_nothing_else(void **state)
{
	struct atomic_file a;
	struct place p;
	char buf[4] = "";
	int fd;

	setup(&p);
	write_old(&p, "f", 0640);
	assert_int_equal(atomic_file_open(&a, p.fd, "f"), 0);
	assert_int_equal(count_files(&p), 2);
	fputs("new", a.f);
	atomic_file_abort(&a);
	atomic_file_abort(&a);
	assert_int_equal(count_files(&p), 1);
	fd = openat(p.fd, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, buf, 3), 3);
	assert_string_equal(buf, "old");
	close(fd);
	teardown(&p);
}

/* Where the file system has no O_TMPFILE it has a name meanwhile. */
static void an_unnamed_file_gets_its_name_at_the_end(void **state)
{
	static const bool is_there[] = { false, true };

	for (size_t i = 0; i < ARRAY_SIZE(is_there); i++) {
		struct atomic_file a;
		struct place p;

		setup(&p);
		if (is_there[i])
			write_old(&p, "f", 0644);
		assert_int_equal(atomic_file_open_unnamed(&a, p.fd, "f", 0600), 0);
		if (!a.tmp)
			assert_int_equal(count_files(&p), is_there[i] ? 1 : 0);
		fputs("new", a.f);
		assert_int_equal(atomic_file_commit(&a), 0);
		check_file(&p, "f", "new");
		assert_int_equal(count_files(&p), 1);
		assert_int_equal(atomic_file_open_unnamed(&a, p.fd, "f", 0600), 0);
		atomic_file_abort(&a);
		check_file(&p, "f", "new");
		assert_int_equal(count_files(&p), 1);
		teardown(&p);
	}
}

static void what_is_no_regular_file_is_refused(void **state)
{
	static const struct {
		const char *path;
		int r;
	} rows[] = {
		{ "/dev/null", -EINVAL }, { "device", -EINVAL }, { "directory", -EISDIR },
		{ "", -EISDIR },	  { ".", -EISDIR },	 { "..", -EISDIR },
		{ "x/", -EISDIR },	  { "none/f", -ENOENT },
	};
	struct atomic_file a;
	struct place p;

	setup(&p);
	assert_int_equal(symlinkat("/dev/null", p.fd, "device"), 0);
	assert_int_equal(mkdirat(p.fd, "directory", 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(atomic_file_open(&a, p.fd, rows[i].path), rows[i].r);
		atomic_file_abort(&a);
	}
	assert_int_equal(count_files(&p), 2);
	teardown(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_file_is_its_owners_alone),
		cmocka_unit_test(an_unnamed_file_gets_its_name_at_the_end),
		cmocka_unit_test(what_is_given_up_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
