/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libudev's events without a udevd: umockdev makes a /sys of its own and plays udevd towards libudev's
 * monitor. It does so below libc (LD_PRELOAD, umockdev-wrapper), by the paths of open(2) and its kin;
 * coldplug opens by openat2(2) below a root, so its root here is umockdev's directory, and the program
 * cannot be tested so (under another root it only plans).
 *
 * Of the two groups of messages umockdev has udevd's only: also a socket that listens to the kernel gets
 * udevd's message, with group 2. So of plain netlink it shows one thing: that this is ignored.
 */
#include "tests/unit/test-loader-fake.h"

#include <glob.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <umockdev.h>

#include "libcoldplug/context.h"
#include "tests/unit/test.h"
#include "uevent/udev.h"

#define ALIAS_OF(name) "mock:" name

struct bed {
	UMockdevTestbed *mock;
	struct tree t; /* umockdev's directory: not ours to remove */
};

static struct bed bed_new(void)
{
	struct bed b = { .mock = umockdev_testbed_new() };
	char *dir = umockdev_testbed_get_root_dir(b.mock);

	snprintf(b.t.dir, sizeof(b.t.dir), "%s", dir);
	g_free(dir);
	return b;
}

static void bed_free(struct bed *b)
{
	g_object_unref(b->mock);
}

#define _cleanup_bed_ __attribute__((cleanup(bed_free)))

/* A device with an alias "mock:NAME"; "add" is said. Its path in /sys is the caller's to g_free(). */
static char *plug(struct bed *b, const char *name)
{
	char alias[64];

	snprintf(alias, sizeof(alias), ALIAS_OF("%s"), name);
	return umockdev_testbed_add_device(b->mock, "mock", name, NULL, "modalias", alias, NULL, "MODALIAS",
					   alias, NULL);
}

static void wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, 10000), 1);
}

static void libudevs_events_are_understood(void **state)
{
	static const char *const actions[] = { "change", "bind", "unbind", "remove" };
	_cleanup_bed_ struct bed b = bed_new();
	struct udev_source *u;
	struct uevent e;
	char *path;

	assert_int_equal(udev_source_open(&u, 1 << 20), 0);
	assert_int_equal(udev_source_receive(u, &e), NETLINK_NOTHING);
	path = plug(&b, "one");
	for (size_t i = 0; i <= ARRAY_SIZE(actions); i++) {
		wait_readable(udev_source_fd(u));
		assert_int_equal(udev_source_receive(u, &e), NETLINK_EVENT);
		assert_string_equal(e.action, i ? actions[i - 1] : "add");
		assert_string_equal(e.devpath, "/devices/one");
		assert_string_equal(e.subsystem, "mock");
		assert_string_equal(e.modalias, "mock:one");
		assert_true(e.seqnum > 0);
		assert_int_equal(udev_source_receive(u, &e), NETLINK_NOTHING);
		if (i < ARRAY_SIZE(actions))
			umockdev_testbed_uevent(b.mock, path, actions[i]);
	}
	assert_true(udev_source_idle(u));
	udev_source_close(u);
	g_free(path);
}

/* As the kernel writes it: relative to /dev. */
static void a_device_node_is_relative_to_dev(void **state)
{
	_cleanup_bed_ struct bed b = bed_new();
	struct udev_source *u;
	struct uevent e;

	assert_int_equal(udev_source_open(&u, 0), 0);
	g_free(umockdev_testbed_add_device(b.mock, "block", "mockblk", NULL, "dev", "8:1", NULL, "DEVNAME",
					   "/dev/mockblk", "DEVTYPE", "disk", NULL));
	wait_readable(udev_source_fd(u));
	assert_int_equal(udev_source_receive(u, &e), NETLINK_EVENT);
	assert_string_equal(e.devname, "mockblk");
	assert_string_equal(uevent_find(&e, "DEVTYPE"), "disk");
	udev_source_close(u);
}

/* To libudev's socket, as umockdev sends. */
static void send_bytes(struct bed *b, const void *data, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	glob_t found;

	assert_int_equal(glob(tree_path(&b->t, "event[0-9]*"), 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 1);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", found.gl_pathv[0]);
	assert_int_equal(sendto(fd, data, size, 0, (struct sockaddr *)&address, sizeof(address)), size);
	globfree(&found);
	close(fd);
}

static void what_libudev_drops_hides_nothing_behind_it(void **state)
{
	static const char not_udevds[64] = "libudev\0no magic";
	_cleanup_bed_ struct bed b = bed_new();
	struct udev_source *u;
	struct uevent e;

	assert_int_equal(udev_source_open(&u, 0), 0);
	for (int i = 0; i < 3; i++)
		send_bytes(&b, not_udevds, sizeof(not_udevds));
	g_free(plug(&b, "one"));
	assert_int_equal(udev_source_receive(u, &e), NETLINK_EVENT);
	assert_string_equal(e.modalias, "mock:one");
	assert_int_equal(udev_source_receive(u, &e), NETLINK_NOTHING);
	udev_source_close(u);
}

static void udevds_messages_are_none_of_the_kernels(void **state)
{
	_cleanup_bed_ struct bed b = bed_new();
	struct netlink n = {};
	struct uevent e;

	assert_int_equal(netlink_open(&n, 0), 0);
	g_free(plug(&b, "one"));
	wait_readable(n.fd);
	assert_int_equal(netlink_receive(&n, &e), NETLINK_NOTHING);
	assert_int_equal(n.ignored, 1);
	netlink_close(&n);
}

/* ---- the whole way, from libudev to a load ---- */

/* Modules one, two and three; a load tells by its parameters which. */
static void write_modules(const struct tree *t)
{
	static const char *const names[] = { "one", "two", "three" };
	char path[128], text[512];
	unsigned char elf[64];

	fake_elf(elf);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "lib/modules/1/%s.ko", names[i]);
		tree_write_bytes(t, path, elf, sizeof(elf));
		snprintf(text, sizeof(text), "options %s id=%zu\n", names[i], i + 1);
		snprintf(path, sizeof(path), "etc/modprobe.d/%s.conf", names[i]);
		tree_write(t, path, text);
	}
	tree_write(t, "lib/modules/1/modules.dep", "one.ko:\ntwo.ko:\nthree.ko:\n");
	tree_write(t, "lib/modules/1/modules.alias",
		   "alias mock:one one\nalias mock:two two\nalias mock:three three\n");
	tree_write(t, "proc/cmdline", "quiet\n");
	tree_write(t, "proc/modules", "");
}

/* udevd passes the barrier on: in a process of its own. */
static pid_t answer_barriers(struct bed *b, const char *path)
{
	int fd = open(tree_path(&b->t, "sys/module/printk/uevent"), O_RDWR | O_CLOEXEC);
	char line[64];
	pid_t pid;
	ssize_t n;

	assert_true(fd >= 0);
	pid = fork();
	if (pid) {
		close(fd);
		return pid;
	}
	while ((n = read(fd, line, sizeof(line) - 1)) > 4) {
		line[n] = '\0';
		umockdev_testbed_set_property(b->mock, path, "SYNTH_UUID", line + 4);
		umockdev_testbed_uevent(b->mock, path, "add");
	}
	_exit(0);
}

static struct coldplug *monitor(struct bed *b, struct fake *f)
{
	struct coldplug *c;

	assert_int_equal(coldplug_new(&c), 0);
	assert_int_equal(coldplug_set_root(c, b->t.dir), 0);
	coldplug_set_flag(c, COLDPLUG_DRY_RUN, false);
	coldplug_set_flag(c, COLDPLUG_ASYNC_PROBE, false);
	coldplug_set_flag(c, COLDPLUG_MONITOR, true);
	coldplug_set_flag(c, COLDPLUG_UDEV, true);
	c->settings.kernel_ops = &fake_ops;
	c->settings.kernel_data = f;
	assert_int_equal(coldplug_run(c), 0);
	assert_int_equal(coldplug_finish(c), 0);
	assert_int_equal(coldplug_exit_code(c), 0);
	return c;
}

static void await_loads(struct coldplug *c, struct fake *f, unsigned int n)
{
	for (int i = 0; i < 1000 && atomic_load(&f->n_loads) < n; i++) {
		wait_readable(coldplug_fd(c));
		assert_true(coldplug_dispatch(c) >= 0);
	}
	assert_int_equal(atomic_load(&f->n_loads), n);
}

static void what_is_plugged_in_is_loaded_after_udevd_has_said_so(void **state)
{
	_cleanup_bed_ struct bed b = bed_new();
	char *barrier = umockdev_testbed_add_device(b.mock, "module", "printk", NULL, NULL, "X", "1", NULL);
	struct fake *f = fake_new();
	struct coldplug *c;
	char *two;
	pid_t pid;

	write_modules(&b.t);
	tree_write(&b.t, UDEV_CONTROL, "");
	tree_mkdir(&b.t, "sys/module/printk/uevent");
	assert_int_equal(mkfifo(tree_path(&b.t, "sys/module/printk/uevent"), 0600), 0);
	pid = answer_barriers(&b, barrier);
	g_free(plug(&b, "one"));
	c = monitor(&b, f);
	assert_int_equal(f->n_loads, 1);
	assert_int_equal(f->loads[0].id, 1);
	two = plug(&b, "two");
	await_loads(c, f, 2);
	assert_int_equal(f->loads[1].id, 2);
	/* Out, and something else in: nothing is loaded twice but what comes again. */
	umockdev_testbed_uevent(b.mock, two, "remove");
	umockdev_testbed_remove_device(b.mock, two);
	g_free(plug(&b, "three"));
	await_loads(c, f, 3);
	assert_int_equal(f->loads[2].id, 3);
	coldplug_free(c);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fake_free(f);
	g_free(two);
	g_free(barrier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libudevs_events_are_understood),
		cmocka_unit_test(a_device_node_is_relative_to_dev),
		cmocka_unit_test(what_libudev_drops_hides_nothing_behind_it),
		cmocka_unit_test(udevds_messages_are_none_of_the_kernels),
		cmocka_unit_test(what_is_plugged_in_is_loaded_after_udevd_has_said_so),
	};

	if (!strstr(getenv("LD_PRELOAD") ?: "", "umockdev")) {
		print_message("to be run by umockdev-wrapper\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
