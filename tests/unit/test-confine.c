/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a confined process can do no more, and that what it is for still works. */
#include "tests/unit/test.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/confine.h"
#include "uevent/blockdev.h"
#include "uevent/prober.h"

#ifdef HAVE_BLKID
#include <blkid/blkid.h>
#endif

static char victim[64];	     /* a file that nobody may change */
static int ends[2] = { -1 }; /* a socket that a confined process has */

/* ---- attempts: 0 is success ---- */

static int try_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) < 0;
}

static int try_execve(void)
{
	char path[] = "/bin/true";
	char *argv[] = { path, NULL };

	execve(path, argv, NULL);
	return 1;
}

static int try_to_write(void)
{
	int fd = open(victim, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "x", 1) != 1;
}

static int try_to_truncate(void)
{
	return open(victim, O_RDONLY | O_TRUNC | O_CLOEXEC) < 0;
}

static int try_to_create(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s.new", victim);
	return open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600) < 0;
}

static int try_to_remove(void)
{
	return unlink(victim);
}

static int try_to_chmod(void)
{
	return chmod(victim, 0777);
}

static int try_to_kill(void)
{
	return kill(getppid(), 0);
}

static int try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0;
}

static int try_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int try_to_load_a_module(void)
{
	return syscall(SYS_init_module, "", 0UL, "") == 0 || errno != ENOEXEC;
}

static int try_a_namespace(void)
{
	return unshare(CLONE_NEWNS);
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED;
}

static int try_to_become_somebody(void)
{
	return setresuid(1, 1, 1);
}

static int try_to_open(void)
{
	return open(victim, O_RDONLY | O_CLOEXEC) < 0;
}

static int try_to_list(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0;
}

static int try_to_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) != pid;
}

static int try_to_send(void)
{
	return send(ends[1], "x", 1, MSG_NOSIGNAL) != 1;
}

static int try_to_allocate(void)
{
	void *p = malloc(1 << 20);
	int r = !p;

	free(p);
	return r;
}

static int try_a_gigabyte(void)
{
	return mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int try_an_ioctl(void)
{
	int n;

	return ioctl(ends[1], FIONREAD, &n);
}

/* Without a filter it fails too, for want of a capability, but not with ENOSYS. */
static int try_to_clone_a_namespace(void)
{
	long pid = syscall(SYS_clone, (long)CLONE_NEWNS | SIGCHLD, 0L, 0L, 0L, 0L);

	if (pid == 0)
		_exit(0);
	return pid < 0 && errno == ENOSYS;
}

static int run(int (*confine)(void), int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		_exit(confine() < 0 ? 2 : attempt() ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

enum { READING = 1, DESCRIPTORS = 2 };

static const struct {
	const char *name;
	int (*attempt)(void);
	unsigned int allowed; /* at these levels */
} attempts[] = {
	{ "socket", try_socket, 0 },
	{ "execve", try_execve, 0 },
	{ "write", try_to_write, 0 },
	{ "truncate", try_to_truncate, 0 },
	{ "create", try_to_create, 0 },
	{ "remove", try_to_remove, 0 },
	{ "chmod", try_to_chmod, 0 },
	{ "kill", try_to_kill, 0 },
	{ "ptrace", try_ptrace, 0 },
	{ "mount", try_mount, 0 },
	{ "init_module", try_to_load_a_module, 0 },
	{ "unshare", try_a_namespace, 0 },
	{ "code", try_code, 0 },
	{ "setuid", try_to_become_somebody, 0 },
	{ "clone", try_to_clone_a_namespace, 0 },
	{ "ioctl", try_an_ioctl, READING },
	{ "open", try_to_open, READING },
	{ "list", try_to_list, READING },
	{ "fork", try_to_fork, READING },
	{ "send", try_to_send, READING | DESCRIPTORS },
	{ "malloc", try_to_allocate, READING | DESCRIPTORS },
	{ "gigabyte", try_a_gigabyte, READING },
};

static void check(unsigned int level)
{
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		bool allowed = attempts[i].allowed & level;
		int r = run(level == READING ? confine_to_reading : confine_to_descriptors,
			    attempts[i].attempt);

		if (r != !allowed)
			fprintf(stderr, "%s at level %u: %d\n", attempts[i].name, level, r);
		assert_int_equal(r, !allowed);
	}
}

static void only_what_is_needed_is_allowed(void **state)
{
	if (!confine_has_filter())
		skip();
	check(READING);
	check(DESCRIPTORS);
}

/* From now on a call fails; if it is prctl(), with this first argument. */
static void forbid(unsigned int call, unsigned int argument, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ ARRAY_SIZE(code), code }) < 0)
		_exit(77);
}

/* The capabilities that it has are in a line "CapPrm: 0...". */
static int count_capabilities(void)
{
	char text[4096], *p;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strstr(text, "CapPrm:");
	return p ? __builtin_popcountll(strtoull(p + strlen("CapPrm:"), NULL, 16)) : -1;
}

/* Without a file that has to be opened. */
static bool has_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};

	return syscall(SYS_capget, &head, sets) < 0 || sets[0].permitted || sets[1].permitted;
}

static int check_rest(unsigned int error)
{
	struct rlimit limit;

	forbid(SYS_prctl, PR_SET_SECCOMP, error);
	if (confine_to_reading() < 0 || count_capabilities() > 1 || try_mount() == 0)
		return 1;
	if (confine_to_descriptors() < 0 || try_to_open() == 0 || try_socket() == 0)
		return 2;
	if (has_capabilities() || getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_max != 0 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 3;
	return getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 0 ||
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static void without_a_filter_the_rest_is_done(void **state)
{
	static const unsigned int errors[] = { EINVAL, ENOSYS };
	int status;
	pid_t pid;

	if (!confine_has_filter())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		pid = fork();
		if (pid == 0)
			_exit(check_rest(errors[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_row(i, status == 0);
	}
}

/* ---- a call that confines and fails is named ---- */

static const struct failing {
	unsigned int call, argument, error;
	const char *text;
	bool reading; /* the first level needs it too */
} failing[] = {
	{ SYS_capset, 0, EPERM, "capset(): Operation not permitted", true },
	{ SYS_capset, 0, ENOSYS, "capset(): Function not implemented", true },
	{ SYS_prctl, PR_SET_NO_NEW_PRIVS, EPERM, "prctl(PR_SET_NO_NEW_PRIVS): Operation not permitted",
	  true },
	{ SYS_prctl, PR_SET_SECCOMP, EPERM, "prctl(PR_SET_SECCOMP): Operation not permitted", true },
#if defined(SYS_prlimit64) && __SIZEOF_LONG__ == 8
	{ SYS_prlimit64, 0, EPERM, "setrlimit(): Operation not permitted", false },
#endif
};

/* Of what libblkid runs in: the code that blockdev_probe() passes on. */
static int check_blockdev(const struct failing *f)
{
	struct blockdev dev;
	char text[128];
	int r;

	forbid(f->call, f->argument, f->error);
	r = blockdev_probe(victim, &dev);
	return !confine_is_error(r) || strcmp(confine_strerror(r, text), f->text) != 0;
}

static ssize_t answer_blockdev(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	struct blockdev dev;

	return question[0] == 'b' ? blockdev_probe(probe_name(question), &dev) : 0;
}

static int note_loss(void *userdata, const struct probe_answer *x)
{
	*(int *)userdata += x->error == PROBE_LOST;
	return 0;
}

/* Each of its questions is lost, for a reason that is told. */
static int check_prober(const struct failing *f)
{
	struct rootfs root = ROOTFS_NONE;
	struct messages m;
	struct prober p;
	char question[80], expected[256];
	int n_lost = 0, r;

	messages_init(&m);
	if (rootfs_open(&root, "/") < 0)
		return 1;
	prober_init(&p, answer_blockdev, &root, &m.log);
	snprintf(question, sizeof(question), "b%s", victim);
	snprintf(expected, sizeof(expected), "%s%s: cannot be probed: %s\n", victim,
		 f->reading ? " and 1 more" : "", f->text);
	r = prober_add(&p, question) ?: prober_add(&p, "nothing");
	forbid(f->call, f->argument, f->error);
	r = r ?: prober_wait(&p, note_loss, &n_lost);
	if (r || n_lost != 1 + f->reading || strcmp(messages_text(&m), expected) != 0) {
		fprintf(stderr, "%d, %d lost: %s", r, n_lost, messages_text(&m));
		return 1;
	}
	prober_free(&p);
	messages_free(&m);
	rootfs_close(&root);
	return 0;
}

static void a_call_that_cannot_confine_is_named(void **state)
{
	static int (*const checks[])(const struct failing *f) = { check_blockdev, check_prober };

	if (!confine_has_filter() || !blockdev_available())
		skip();
	for (size_t i = 0; i < 2 * ARRAY_SIZE(failing); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			_exit(checks[i % 2](&failing[i / 2]));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_row(i, status == 0);
	}
}

/* ---- libblkid sees the same as without ---- */

struct row {
	const char *name, *command; /* "%s": the image */
	const char *type;	    /* what must be found at least, if the command works */
};

static const struct row images[] = {
	{ "ext4", "mke2fs -q -F -t ext4 -L some %s 8M", "ext4" },
	{ "xfs", "truncate -s 320M %s && mkfs.xfs -q -L some %s", "xfs" },
	{ "btrfs", "truncate -s 128M %s && mkfs.btrfs -q -L some %s", "btrfs" },
	{ "vfat", "mkfs.vfat -C -n SOME %s 4096", "vfat" },
	{ "swap", "truncate -s 8M %s && mkswap -L some %s", "swap" },
	{ "luks",
	  "truncate -s 20M %s && echo pass | cryptsetup -q luksFormat --type luks1 --iter-time 10 %s -",
	  "crypto_LUKS" },
	{ "minix", "truncate -s 8M %s && mkfs.minix %s", "minix" },
	{ "gpt", "truncate -s 8M %s && echo 'label: gpt' | sfdisk -q %s", NULL },
	/* the magics alone, where there are no tools */
	{ "squashfs", "printf 'hsqs' >%s && truncate -s 8M %s", NULL },
	{ "iso9660", "truncate -s 8M %s && printf '\\001CD001\\001' | dd of=%s bs=2048 seek=16 conv=notrunc",
	  NULL },
	{ "random", "head -c 1000000 /dev/urandom >%s", NULL },
	{ "empty", "true >%s", "" },
};

#ifdef HAVE_BLKID

static void see(blkid_probe probe, const char *name, char *place, size_t size)
{
	const char *value;

	if (!blkid_probe_lookup_value(probe, name, &value, NULL))
		snprintf(place, size, "%s", value);
}

static void probe_unconfined(const char *path, struct blockdev *ret)
{
	blkid_probe probe = blkid_new_probe_from_filename(path);

	assert_non_null(probe);
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
	if (blkid_do_safeprobe(probe) >= 0) {
		see(probe, "TYPE", ret->type, sizeof(ret->type));
		see(probe, "UUID", ret->uuid, sizeof(ret->uuid));
		see(probe, "LABEL", ret->label, sizeof(ret->label));
	}
	blkid_free_probe(probe);
}

#else

static void probe_unconfined(const char *path, struct blockdev *ret)
{
}

#endif

/* False: there is no tool for it. */
static bool make_image(const struct row *row, const char *path)
{
	char command[512], text[512];

	unlink(path);
	snprintf(text, sizeof(text), "PATH=$PATH:/usr/sbin:/sbin; { %s; } >/dev/null 2>&1", row->command);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), text, path, path);
#pragma GCC diagnostic pop
	return system(command) == 0;
}

/* In a process that may only read, as the prober's child is. */
static int probe_twice_confined(const char *path, int fd)
{
	struct blockdev dev = {};

	if (confine_to_reading() < 0 || blockdev_probe(path, &dev) < 0)
		return 1;
	return send(fd, &dev, sizeof(dev), 0) != sizeof(dev);
}

static void probe_confined(const char *path, struct blockdev *ret)
{
	struct blockdev raw;
	int pair[2], status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	if (pid == 0)
		_exit(probe_twice_confined(path, pair[1]));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(pair[0], &raw, sizeof(raw)), sizeof(raw));
	assert_int_equal(blockdev_take(&raw, sizeof(raw), ret), 0);
	close(pair[0]);
	close(pair[1]);
}

static void the_same_is_seen_as_without(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();

	if (!blockdev_available())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		const char *path = tree_path(&t, images[i].name);
		struct blockdev here = {}, there = {};

		if (!make_image(&images[i], path)) {
			print_message("no tool for %s\n", images[i].name);
			continue;
		}
		probe_unconfined(path, &here);
		probe_confined(path, &there);
		assert_memory_equal(&here, &there, sizeof(here));
		if (images[i].type)
			assert_string_equal(there.type, images[i].type);
		unlink(path);
	}
}

/* ---- what it answers is not believed ---- */

static struct blockdev a_device(void)
{
	return (struct blockdev){ .type = "ext4", .uuid = "1-2", .label = "my disk", .partuuid = "3-4" };
}

static void an_answer_that_cannot_be_is_refused(void **state)
{
	struct blockdev dev = a_device(), got = {};

	assert_int_equal(blockdev_take(&dev, sizeof(dev), &got), 0);
	assert_memory_equal(&dev, &got, sizeof(dev));
	assert_int_equal(blockdev_take(&dev, sizeof(dev) - 1, &got), -EBADMSG);
	assert_int_equal(blockdev_take(&dev, 0, &got), -EBADMSG);
	memset(dev.type, 'x', sizeof(dev.type));
	assert_int_equal(blockdev_take(&dev, sizeof(dev), &got), -EBADMSG);
	dev = a_device();
	memset(dev.partlabel, 'x', sizeof(dev.partlabel));
	assert_int_equal(blockdev_take(&dev, sizeof(dev), &got), -EBADMSG);
	static const char *const types[] = { "../x", "a b", "ext4\n", "ext4,xfs", "x=y", "\xff", "-r$(x)" };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		dev = a_device();
		snprintf(dev.type, sizeof(dev.type), "%s", types[i]);
		assert_row(i, blockdev_take(&dev, sizeof(dev), &got) == -EBADMSG);
	}
	dev = a_device();
	snprintf(dev.signatures, sizeof(dev.signatures), "ext4,\x1b[2J");
	assert_int_equal(blockdev_take(&dev, sizeof(dev), &got), -EBADMSG);
	assert_string_equal(got.label, "my disk");
}

static void a_name_with_control_characters_is_none(void **state)
{
	struct blockdev dev = a_device(), got = {};

	snprintf(dev.label, sizeof(dev.label), "my\x1b[2Jdisk");
	snprintf(dev.partlabel, sizeof(dev.partlabel), "caf\xc3\xa9");
	assert_int_equal(blockdev_take(&dev, sizeof(dev), &got), 0);
	assert_string_equal(got.label, "");
	assert_string_equal(got.partlabel, "caf\xc3\xa9");
	assert_string_equal(got.uuid, "1-2");
}

static int setup(void **state)
{
	int fd;

	snprintf(victim, sizeof(victim), "/tmp/coldplug-confine.XXXXXX");
	fd = mkstemp(victim);
	if (fd < 0)
		return -1;
	close(fd);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
	return unlink(victim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_needed_is_allowed),
		cmocka_unit_test(without_a_filter_the_rest_is_done),
		cmocka_unit_test(a_call_that_cannot_confine_is_named),
		cmocka_unit_test(the_same_is_seen_as_without),
		cmocka_unit_test(an_answer_that_cannot_be_is_refused),
		cmocka_unit_test(a_name_with_control_characters_is_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
