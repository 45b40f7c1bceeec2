/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's uevents: what another process sends is none. */
#include "tests/unit/test.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "uevent/netlink.h"

static const char message[] =
	"add@/devices/forged\0ACTION=add\0DEVPATH=/devices/forged\0MODALIAS=forged\0SEQNUM=9";

/* In a container there may be none. */
static void open_or_skip(struct netlink *n)
{
	int r = netlink_open(n, 0);

	if (r < 0) {
		print_message("no netlink here: %s\n", strerror(-r));
		skip();
	}
}

static struct sockaddr_nl address_of(int fd)
{
	struct sockaddr_nl address = {};
	socklen_t size = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return address;
}

static int other_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	assert_true(fd >= 0);
	return fd;
}

/* Everything that is there; real events of this machine may be among it, forged ones may not. */
static void receive_all(struct netlink *n)
{
	struct uevent e;
	int r;

	while ((r = netlink_receive(n, &e)) == NETLINK_EVENT || r == NETLINK_LOST)
		if (r == NETLINK_EVENT)
			assert_null(strstr(e.devpath, "forged"));
	assert_int_equal(r, NETLINK_NOTHING);
}

static void a_socket_is_not_inherited_and_never_blocks(void **state)
{
	struct netlink n = {};
	struct uevent e;

	open_or_skip(&n);
	assert_true(fcntl(n.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(address_of(n.fd).nl_groups, 1);
	alarm(10);
	for (int i = 0; i < 1000 && netlink_receive(&n, &e) != NETLINK_NOTHING; i++)
		;
	alarm(0);
	netlink_close(&n);
	assert_int_equal(n.fd, -1);
	netlink_close(&n);
}

static void the_receive_buffer_is_as_large_as_asked_for_or_allowed(void **state)
{
	struct netlink small = {}, large = {};
	int before, after;
	socklen_t size = sizeof(int);

	open_or_skip(&small);
	assert_int_equal(netlink_open(&large, 16 << 20), 0);
	assert_int_equal(getsockopt(small.fd, SOL_SOCKET, SO_RCVBUF, &before, &size), 0);
	assert_int_equal(getsockopt(large.fd, SOL_SOCKET, SO_RCVBUF, &after, &size), 0);
	assert_true(after >= before);
	if (geteuid() == 0 && after <= before)
		print_message("no SO_RCVBUFFORCE here\n");
	netlink_close(&small);
	netlink_close(&large);
}

static void another_processs_unicast_is_ignored(void **state)
{
	struct netlink n = {};
	int fd, on = 1;

	open_or_skip(&n);
	fd = other_socket();
	for (int as_group = 0; as_group < 2; as_group++) {
		struct sockaddr_nl from = { .nl_family = AF_NETLINK, .nl_groups = as_group ? 1 : 0 };
		struct sockaddr_nl to = address_of(n.fd);
		uint64_t ignored = n.ignored;

		/* A sender that is a member of the group itself is no kernel either. */
		if (as_group && bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			break;
		assert_int_not_equal(to.nl_pid, 0);
		to.nl_groups = 0;
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
		for (int i = 0; i < 3; i++) {
			ssize_t sent =
				sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to));

			/* Since 2.6 a user may not even send to a user here, in some kernels. */
			if (sent < 0) {
				assert_true(errno == EPERM || errno == ECONNREFUSED);
				print_message("not even sent: %s\n", strerror(errno));
				goto out;
			}
			assert_int_equal(sent, sizeof(message));
		}
		receive_all(&n);
		assert_int_equal(n.ignored, ignored + 3);
		assert_int_not_equal(n.last_seqnum, 9);
	}
out:
	close(fd);
	netlink_close(&n);
}

/* To the group: root may, as udevd does with its own. The sender has a port then, which the kernel has
 * not. */
static void another_processs_multicast_is_ignored(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	struct netlink n = {};
	int fd;

	open_or_skip(&n);
	fd = other_socket();
	if (sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
		print_message("not even sent: %s\n", strerror(errno));
		assert_true(errno == EPERM || errno == ESRCH || errno == ECONNREFUSED);
	} else {
		uint64_t ignored = n.ignored;

		receive_all(&n);
		assert_int_equal(n.ignored, ignored + 1);
	}
	close(fd);
	netlink_close(&n);
}

/* A socket of another kind has neither port nor credentials of the kernel's. */
static void what_no_kernel_sent_is_ignored_even_with_credentials_of_root(void **state)
{
	struct netlink n = {};
	struct uevent e;
	int pair[2], on = 1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	n.fd = pair[0];
	for (int i = 0; i < 4; i++)
		assert_int_equal(write(pair[1], message, sizeof(message)), sizeof(message));
	assert_int_equal(netlink_receive(&n, &e), NETLINK_NOTHING);
	assert_int_equal(n.ignored, 4);
	close(pair[1]);
	netlink_close(&n);
}

static bool is_uuid(const char *s)
{
	for (int i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-' : !strchr("0123456789abcdef", s[i]))
			return false;
	return s[14] == '4' && strchr("89ab", s[19]) && !s[36];
}

/* What the kernel takes: Documentation/ABI/testing/sysfs-uevent. */
static void a_barrier_is_one_line_with_a_new_uuid(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	char uuid[37], last[37] = "", expected[64];

	assert_int_equal(netlink_send_barrier(&t.root, uuid), -ENOENT);
	for (int i = 0; i < 100; i++) {
		_cleanup_file_ struct file_bytes file = {};

		tree_write(&t, "sys/module/printk/uevent", "");
		assert_int_equal(netlink_send_barrier(&t.root, uuid), 0);
		assert_true(is_uuid(uuid));
		assert_string_not_equal(uuid, last);
		strcpy(last, uuid);
		snprintf(expected, sizeof(expected), "add %s", uuid);
		assert_int_equal(rootfs_read(&t.root, "sys/module/printk/uevent", 100, &file), 0);
		assert_string_equal(file.data, expected);
	}
}

/* With a kernel that has it, and only as root of it all. */
static void a_barrier_comes_back(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct netlink n = {};
	struct rootfs root;
	char uuid[37];
	bool back = false;
	int r;

	open_or_skip(&n);
	assert_int_equal(rootfs_open(&root, NULL), 0);
	r = netlink_send_barrier(&root, uuid);
	pfd.fd = n.fd;
	for (int i = 0; r == 0 && !back && i < 10000 && poll(&pfd, 1, 2000) == 1; i++) {
		struct uevent e;

		if (netlink_receive(&n, &e) == NETLINK_EVENT)
			back = e.synth_uuid && !strcmp(e.synth_uuid, uuid);
	}
	if (r < 0)
		print_message("no barrier here: %s\n", strerror(-r));
	else if (!back)
		print_message("the barrier does not come back here: another network namespace?\n");
	else
		assert_true(n.last_seqnum > 0);
	rootfs_close(&root);
	netlink_close(&n);
	if (!back)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_is_not_inherited_and_never_blocks),
		cmocka_unit_test(the_receive_buffer_is_as_large_as_asked_for_or_allowed),
		cmocka_unit_test(another_processs_unicast_is_ignored),
		cmocka_unit_test(another_processs_multicast_is_ignored),
		cmocka_unit_test(what_no_kernel_sent_is_ignored_even_with_credentials_of_root),
		cmocka_unit_test(a_barrier_is_one_line_with_a_new_uuid),
		cmocka_unit_test(a_barrier_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
