/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What PID 1 makes of a command line, of what is on a disk, of its own crash. Whole boots are in
 * tests/init and tests/vm/pid1. */
#include "programs/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
/* NULL: there is no init.conf. */
static const char *conf;

static int setup(void **state)
{
	char path[128];

	snprintf(dir, sizeof(dir), "/tmp/coldplug-init.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/proc", dir);
	return mkdir(path, 0755);
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

/* The options of a command line; what coldplug_parameters() answers. */
static int read_line(struct init_options *o, const char *line)
{
	struct coldplug *c;
	char path[128];
	FILE *f;
	int r;

	snprintf(path, sizeof(path), "%s/proc/cmdline", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(line, f);
	fclose(f);
	assert_int_equal(coldplug_new(&c), 0);
	assert_int_equal(coldplug_set_root(c, dir), 0);
	*o = (struct init_options)INIT_OPTIONS_DEFAULT;
	r = conf ? init_conf_read(o, conf) : 0;
	if (!r)
		r = init_options_read(o, c);
	coldplug_free(c);
	return r;
}

static void each_word_has_its_place(void **state)
{
	struct init_options o;

	assert_int_equal(
		read_line(
			&o,
			"BOOT_IMAGE=/vmlinuz root=UUID=1234 rootfstype=ext4,xfs rootflags=noatime,commit=5 rw "
			"init=/lib/systemd/systemd resume=LABEL=swap coldplug.jobs=3 coldplug.keep-archive coldplug.debug quiet "
			"coldplug.break=switch panic=-1 mount.usr=/dev/x -- root=other\n"),
		0);
	assert_string_equal(o.root, "UUID=1234");
	assert_string_equal(o.root_fs_types, "ext4,xfs");
	assert_string_equal(o.root_flags, "noatime,commit=5");
	assert_string_equal(o.init, "/lib/systemd/systemd");
	assert_string_equal(o.resume, "LABEL=swap");
	assert_true(o.read_write && o.debug && o.keep_archive && o.usr && o.has_panic);
	assert_int_equal(o.panic, -1);
	assert_int_equal(o.jobs, 3);
	assert_int_equal(o.stop_at, STAGE_SWITCH);
	assert_int_equal(o.wait_s, 30);
	assert_int_equal(o.unknown, 0);
	init_options_free(&o);
}

/* Makes conf of these lines. */
static void write_conf(const char *lines)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/init.conf", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(lines, f);
	fclose(f);
	conf = path;
}

static void assert_text(const char *is, const char *wanted)
{
	if (!is || !wanted)
		assert_ptr_equal(is, wanted);
	else
		assert_string_equal(is, wanted);
}

static void init_conf_says_what_the_command_line_does_not(void **state)
{
	static const struct {
		const char *lines, *line, *expected, *resume, *fallback, *why;
		unsigned int unknown;
	} rows[] = {
		{ "", "root=/dev/a", NULL, NULL, NULL, NULL, 0 },
		{ "# of the image\n\n \texpect  ext4,xfs \nresume UUID=1 2\nfallback /other\n", "root=/dev/a",
		  "ext4,xfs", "UUID=1 2", "/other", NULL, 0 },
		{ "resume UUID=1\n", "resume=/dev/b", NULL, "/dev/b", NULL, NULL, 0 },
		{ "resume UUID=1\n", "resume=", NULL, "", NULL, NULL, 0 },
		{ "fallback /a\nfallback /b", "", NULL, NULL, "/b", NULL, 0 },
		{ "fallback /o\nfallback-if break break=* boot=*", "root=/dev/a ro", NULL, NULL, "/o", NULL,
		  0 },
		{ "fallback /o\nfallback-if break break=* boot=*", "break=mount boot=nfs", NULL, NULL, "/o",
		  "break=mount", 0 },
		{ "fallback-if break\nfallback-if root=/dev/mapper/*\nfallback /o", "root=/dev/mapper/a-b",
		  NULL, NULL, "/o", "root=/dev/mapper/a-b", 0 },
		{ "fallback /o\nfallback-if break", "breaks break=x -- break", NULL, NULL, "/o", NULL, 0 },
		{ "fallback-if break", "break", NULL, NULL, NULL, NULL, 0 },
		{ "expect\nfallback other\nfall /x\nfallback /o", "", NULL, NULL, "/o", NULL, 3 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_options o;

		write_conf(rows[i].lines);
		assert_int_equal(read_line(&o, rows[i].line), 0);
		assert_text(o.expected_types, rows[i].expected);
		assert_text(o.resume, rows[i].resume);
		assert_text(o.fallback, rows[i].fallback);
		assert_text(o.fallback_why, rows[i].why);
		assert_int_equal(o.unknown, rows[i].unknown);
		init_options_free(&o);
	}
	conf = "/nonexistent/init.conf";
	assert_int_equal(read_line(&(struct init_options){}, ""), 0);
	conf = dir;
	assert_int_equal(read_line(&(struct init_options){}, ""), -EISDIR);
	conf = NULL;
}

static void the_last_of_two_counts_and_quotes_are_the_kernels(void **state)
{
	struct init_options o;

	assert_int_equal(
		read_line(
			&o,
			"root=/dev/a rw ro root=\"LABEL=my root\" \"init=/bin/my init\" rootwait rootwait=7"),
		0);
	assert_string_equal(o.root, "LABEL=my root");
	assert_string_equal(o.init, "/bin/my init");
	assert_false(o.read_write);
	assert_int_equal(o.wait_s, 7);
	init_options_free(&o);
}

static void what_is_empty_or_auto_is_not_given(void **state)
{
	static const struct {
		const char *line, *types, *init;
	} rows[] = {
		{ "rootfstype= init=", NULL, NULL },
		{ "rootfstype=auto", NULL, NULL },
		{ "rootfstype=ext4 rootfstype=auto init=/bin/sh init=", NULL, NULL },
		{ "rootfstype=auto rootfstype=ext4 init= init=/bin/sh", "ext4", "/bin/sh" },
		{ "rootfstype=autofs", "autofs", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_options o;

		assert_int_equal(read_line(&o, rows[i].line), 0);
		assert_true(!!o.root_fs_types == !!rows[i].types && !!o.init == !!rows[i].init);
		if (o.root_fs_types)
			assert_string_equal(o.root_fs_types, rows[i].types);
		if (o.init)
			assert_string_equal(o.init, rows[i].init);
		init_options_free(&o);
	}
}

static void a_swap_file_has_an_offset(void **state)
{
	static const struct {
		const char *line;
		bool in_file;
	} rows[] = {
		{ "resume=/dev/sda1", false },
		{ "resume=/dev/sda1 resume_offset=34816", true },
		{ "resume=/dev/sda1 resume_offset=0", false },
		{ "resume=/dev/sda1 resume_offset=", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_options o;

		assert_int_equal(read_line(&o, rows[i].line), 0);
		assert_int_equal(o.resume_in_file, rows[i].in_file);
		init_options_free(&o);
	}
}

static void waiting_is_for_ever_or_as_long_as_the_longest_says(void **state)
{
	static const struct {
		const char *line;
		unsigned int wait_s;
	} rows[] = {
		{ "", 30 },
		{ "rootwait", 0 },
		{ "rootdelay=5", 30 },
		{ "rootdelay=90", 90 },
		{ "rootwait rootdelay=90", 0 },
		{ "coldplug.wait=0", 0 },
		{ "coldplug.wait=3", 3 },
		{ "rootwait coldplug.wait=nonsense", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct init_options o;

		assert_int_equal(read_line(&o, rows[i].line), 0);
		assert_int_equal(o.wait_s, rows[i].wait_s);
		init_options_free(&o);
	}
}

static void what_is_not_understood_is_counted(void **state)
{
	struct init_options o;

	assert_int_equal(read_line(&o,
				   "coldplug.nonsense coldplug.break=nowhere coldplug.jobs=many panic=soon "
				   "foo.coldplug=1 root"),
			 0);
	assert_int_equal(o.unknown, 4);
	assert_null(o.root);
	init_options_free(&o);
}

static void a_line_of_a_megabyte_is_read_and_a_longer_one_is_an_error(void **state)
{
	static char line[1200000];
	struct init_options o;

	memset(line, 'x', sizeof(line));
	strcpy(line + 1000000, " root=UUID=end");
	assert_int_equal(read_line(&o, line), 0);
	assert_string_equal(o.root, "UUID=end");
	init_options_free(&o);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_true(read_line(&o, line) < 0);
	init_options_free(&o);
}

static void what_names_a_block_device_can_be_waited_for(void **state)
{
	static const struct {
		const char *device, *spec;
	} rows[] = {
		{ "/dev/sda1", "/dev/sda1" },
		{ "UUID=x", "UUID=x" },
		{ "LABEL=x", "LABEL=x" },
		{ "PARTUUID=x", "PARTUUID=x" },
		{ "PARTUUID=x/PARTNROFF=1", "PARTUUID=x/PARTNROFF=1" },
		{ "PARTLABEL=x", "PARTLABEL=x" },
		{ "/dev/disk/by-uuid/x", "/dev/disk/by-uuid/x" },
		{ "8:1", "8:1" },
		{ "259:10", "259:10" },
		{ "0801", "8:1" },
		{ "801", "8:1" },
		{ "10302", "259:2" },
		{ "UUID=", NULL },
		{ "/dev/", NULL },
		{ "/dev/nfs", NULL },
		{ "/dev/ram0", NULL },
		{ "ubi0:root", NULL },
		{ "mtd:root", NULL },
		{ "ZFS=pool", NULL },
		{ "sda1", NULL },
		{ "8:", NULL },
		{ ":1", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = NULL;
		char *spec = init_spec_of(rows[i].device, &why);

		if (rows[i].spec) {
			assert_string_equal(spec, rows[i].spec);
		} else {
			assert_null(spec);
			assert_non_null(why);
		}
		free(spec);
	}
}

static void options_are_for_mount_or_for_the_file_system(void **state)
{
	static const struct {
		const char *options;
		unsigned long flags;
		const char *data;
	} rows[] = {
		{ "", 0, "" },
		{ "noatime", MS_NOATIME, "" },
		{ "subvol=@,compress=zstd:3", 0, "subvol=@,compress=zstd:3" },
		{ "noatime,data=journal,nodev,x-systemd.growfs,commit=5", MS_NOATIME | MS_NODEV,
		  "data=journal,commit=5" },
		{ "ro,rw,nosuid,suid", 0, "" },
		{ ",,sync,,", MS_SYNCHRONOUS, "" },
		{ "defaults,relatime", MS_RELATIME, "" },
		{ "noatimes", 0, "noatimes" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned long flags = 0;
		char data[128];

		mount_split_flags(rows[i].options, &flags, data);
		assert_int_equal(flags, rows[i].flags);
		assert_string_equal(data, rows[i].data);
	}
}

static void only_what_is_named_of_two_signatures_is_mounted(void **state)
{
	static const struct {
		const char *types, *signatures, *chosen;
	} rows[] = {
		{ "ext4", "ext4,reiserfs", "ext4" },
		{ "xfs,reiserfs,ext4", "ext4,reiserfs", "reiserfs,ext4" },
		{ "xfs", "ext4,reiserfs", "" },
		{ "", "ext4,reiserfs", "" },
		{ "ext", "ext4,reiserfs", "" },
		{ "ext44", "ext4,reiserfs", "" },
		{ ",,ext4,,", "ext4", "ext4" },
		{ "ext4", "", "" },
		{ "ntfs3", "ntfs,ext4", "ntfs3" },
		{ "ext4,ext3", "ext3,xfs", "ext4,ext3" },
		{ "ext3", "ext4,xfs", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char chosen[64];

		mount_choose_types(rows[i].types, rows[i].signatures, chosen, sizeof(chosen));
		assert_string_equal(chosen, rows[i].chosen);
	}
}

static void what_does_not_fit_is_not_chosen(void **state)
{
	char chosen[8];

	mount_choose_types("ext4,xfs,btrfs", "btrfs,xfs,ext4", chosen, sizeof(chosen));
	assert_string_equal(chosen, "ext4");
}

/* In the test's directory, as root of that or of a namespace: 0, or 77 if that cannot be had. */
static int keep_what_cannot_be_mounted(void)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return 77;
	if (chroot(dir) < 0 || chdir("/") < 0)
		return 77;
	/* No directory is mounted on a file. */
	mkdir("/run", 0755);
	mkdir("/boot", 0755);
	mkdir("/boot/modules.archive", 0755);
	mount_kept_archive();
	return access("/run/coldplug", F_OK) < 0 || !access("/run/coldplug/modules.archive", F_OK);
}

static void an_archive_that_cannot_be_kept_leaves_no_file(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(keep_what_cannot_be_mounted());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What is written in two places of an image. */
static const char *write_image(const char *name, off_t at, const void *data, size_t n)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0 && !ftruncate(fd, 4 << 20));
	assert_int_equal(pwrite(fd, data, n, at), (ssize_t)n);
	close(fd);
	return path;
}

/* The last 10 bytes of the first page; and a superblock with 4,096 blocks of 4 KiB and its journal
 * in block 18. */
static const char swap_space[] = { 1, 0, 0, 0, (char)0xff, 3 };
static const char reiserfs[] =
	"\0\x10\0\0\0\0\0\0\0\0\0\0\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	"\0\0\0\0\0\0\0\x10\0\0\0\0\0\0ReIsEr2Fs";

static void the_signatures_of_a_device_are_named(void **state)
{
	struct signatures s = {};
	int r = signatures_read(write_image("image", 65536, reiserfs, sizeof(reiserfs) - 1), &s);

	if (r == -EOPNOTSUPP)
		skip();
	assert_int_equal(r, 0);
	assert_string_equal(s.types, "reiserfs");
	assert_false(s.ambivalent);
	write_image("image", 1024, swap_space, sizeof(swap_space));
	assert_int_equal(signatures_read(write_image("image", 4086, "SWAPSPACE2", 10), &s), 0);
	assert_true(s.ambivalent);
	assert_non_null(strstr(s.types, "reiserfs"));
	assert_non_null(strstr(s.types, "swap"));
	assert_int_equal(signatures_read(write_image("blank", 0, "", 1), &s), 0);
	assert_string_equal(s.types, "");
	assert_false(s.ambivalent);
	assert_int_equal(signatures_read("/nonexistent", &s), -ENOENT);
}

static int overflow(int depth)
{
	volatile char page[4096];

	page[0] = (char)depth;
	return depth < 0 ? 0 : overflow(depth + 1) + page[0];
}

/* It cannot open /dev/kmsg, so it speaks to standard error. */
static _Noreturn void crash(int fd)
{
	struct rlimit none = {};

	process_setup();
	dup2(fd, STDERR_FILENO);
	setrlimit(RLIMIT_NOFILE, &none);
	_exit(overflow(0));
}

static void a_crash_is_told_although_the_stack_has_overflowed(void **state)
{
	char text[128] = "";
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		crash(fds[1]);
	close(fds[1]);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "PID 1 has crashed"));
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* A child that has ended, one that has not, and a program that is not there. */
static void a_child_is_waited_for_as_long_as_asked(void **state)
{
	char sleep_[] = "/bin/sleep", ten[] = "10", none[] = "/nonexistent", text[64];
	char *argv[] = { sleep_, ten, NULL }, *no_argv[] = { none, NULL };
	struct child child;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	process_setup();
	assert_int_equal(process_start(&child, argv, false), 0);
	assert_false(process_await(&child, 50));
	kill(child.pid, SIGTERM);
	assert_true(process_await(&child, -1));
	assert_string_equal(process_status_text(child.status, text), "killed by signal 15");
	assert_string_equal(process_status_text(process_run(no_argv, false), text), "exit status 127");
	process_reset();
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* A file, a link, and so many directories within each other. */
static int make_initramfs(int depth)
{
	char path[128], command[512];

	snprintf(path, sizeof(path), "%s/initramfs", dir);
	snprintf(
		command, sizeof(command),
		"mkdir %s && cd %s && touch file && ln -s /dev/null link && for i in $(seq %d); do mkdir .d d && "
		"touch d/x && cd d; done",
		path, path, depth);
	assert_int_equal(system(command), 0);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What is said on standard error meanwhile. */
static void empty_and_listen(int initramfs, rlim_t descriptors, char *text, size_t size)
{
	int saved = dup(STDERR_FILENO), fds[2];
	struct rlimit before, limit;
	ssize_t n;

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){ descriptors ? (rlim_t)fds[1] + 1 + descriptors : before.rlim_cur,
				 before.rlim_max };
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	initramfs_empty(initramfs);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	n = read(fds[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

static void an_initramfs_is_emptied_and_what_cannot_be_is_said(void **state)
{
	static const struct {
		rlim_t descriptors; /* that may be opened */
		bool is_file;
		const char *message;
	} rows[] = {
		{ 0, false, NULL },
		{ 0, true,
		  "the initramfs cannot be emptied, and what is left of it takes memory: Not a directory\n" },
		{ 4, false, "takes memory: Too many open files\n" },
	};
	char path[128], text[512], command[160];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = make_initramfs(10);

		if (rows[i].is_file) {
			close(fd);
			fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		}
		empty_and_listen(fd, rows[i].descriptors, text, sizeof(text));
		snprintf(path, sizeof(path), "%s/initramfs/file", dir);
		assert_int_equal(access(path, F_OK) == 0, rows[i].is_file);
		assert_int_equal(fcntl(fd, F_GETFD), -1); /* it is closed */
		snprintf(path, sizeof(path), "%s/initramfs", dir);
		assert_int_equal(rmdir(path) == 0, !rows[i].message);
		assert_true(rows[i].message ? strstr(text, rows[i].message) != NULL : !*text);
		snprintf(command, sizeof(command), "rm -rf %s", path);
		assert_int_equal(system(command), 0);
	}
	initramfs_empty(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_has_its_place),
		cmocka_unit_test(init_conf_says_what_the_command_line_does_not),
		cmocka_unit_test(the_last_of_two_counts_and_quotes_are_the_kernels),
		cmocka_unit_test(what_is_empty_or_auto_is_not_given),
		cmocka_unit_test(a_swap_file_has_an_offset),
		cmocka_unit_test(waiting_is_for_ever_or_as_long_as_the_longest_says),
		cmocka_unit_test(what_is_not_understood_is_counted),
		cmocka_unit_test(a_line_of_a_megabyte_is_read_and_a_longer_one_is_an_error),
		cmocka_unit_test(what_names_a_block_device_can_be_waited_for),
		cmocka_unit_test(options_are_for_mount_or_for_the_file_system),
		cmocka_unit_test(an_archive_that_cannot_be_kept_leaves_no_file),
		cmocka_unit_test(only_what_is_named_of_two_signatures_is_mounted),
		cmocka_unit_test(what_does_not_fit_is_not_chosen),
		cmocka_unit_test(the_signatures_of_a_device_are_named),
		cmocka_unit_test(a_crash_is_told_although_the_stack_has_overflowed),
		cmocka_unit_test(a_child_is_waited_for_as_long_as_asked),
		cmocka_unit_test(an_initramfs_is_emptied_and_what_cannot_be_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
