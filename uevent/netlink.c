/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define GROUP_KERNEL 1

static void set_buffer(int fd, int rcvbuf)
{
	if (!rcvbuf)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
}

static int open_socket(void *data, int rcvbuf)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	int on = 1;

	if (fd < 0)
		return -errno;
	set_buffer(fd, rcvbuf);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return steal_fd(&fd);
}

static ssize_t receive_message(void *data, int fd, struct msghdr *msg)
{
	ssize_t n = recvmsg(fd, msg, MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

static const struct netlink_ops netlink_ops_real = { .open = open_socket, .receive = receive_message };

static const struct netlink_ops *ops_of(const struct netlink *n)
{
	return n->ops ? n->ops : &netlink_ops_real;
}

int netlink_open(struct netlink *n, int rcvbuf)
{
	int fd = ops_of(n)->open(n->ops_data, rcvbuf);

	if (fd < 0)
		return fd;
	n->fd = fd;
	n->last_seqnum = 0;
	n->gap = false;
	n->ignored = 0;
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

/* Sent by the kernel itself: port 0, and credentials of root. */
static bool is_from_kernel(const struct msghdr *msg, const struct sockaddr_nl *sender)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct ucred cred;

	if (msg->msg_namelen != sizeof(*sender) || sender->nl_pid != 0 || !(sender->nl_groups & GROUP_KERNEL))
		return false;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
	    c->cmsg_len < CMSG_LEN(sizeof(cred)))
		return false;
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	return cred.uid == 0;
}

static void note_seqnum(struct netlink *n, uint64_t seqnum)
{
	if (!seqnum)
		return;
	if (n->last_seqnum && seqnum > n->last_seqnum + 1)
		n->gap = true;
	if (seqnum > n->last_seqnum)
		n->last_seqnum = seqnum;
}

int netlink_receive(struct netlink *n, struct uevent *ret)
{
	for (;;) {
		char control[CMSG_SPACE(sizeof(struct ucred))];
		struct sockaddr_nl sender = {};
		struct iovec iov = { n->buf, sizeof(n->buf) };
		struct msghdr msg = { .msg_name = &sender,
				      .msg_namelen = sizeof(sender),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		const char *why;
		ssize_t size = ops_of(n)->receive(n->ops_data, n->fd, &msg);

		if (size == -EINTR)
			continue;
		if (size < 0)
			return size == -EAGAIN	   ? NETLINK_NOTHING
				: size == -ENOBUFS ? NETLINK_LOST
						   : (int)size;
		if (!is_from_kernel(&msg, &sender)) {
			n->ignored++;
			continue;
		}
		if (msg.msg_flags & MSG_TRUNC)
			return NETLINK_LOST;
		if (uevent_parse(n->buf, (size_t)size, ret, &why) < 0) {
			n->ignored++;
			continue;
		}
		note_seqnum(n, ret->seqnum);
		return NETLINK_EVENT;
	}
}

static int make_uuid(char uuid[37])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), GRND_NONBLOCK) != sizeof(b)) {
		/* Early in a boot there may be no randomness yet; it only has to be unique. */
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		memset(b, 0, sizeof(b));
		memcpy(b, &ts.tv_nsec, 4);
		memcpy(b + 4, &ts.tv_sec, 4);
		memcpy(b + 8, &(pid_t){ getpid() }, sizeof(pid_t));
	}
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	return snprintf(uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
			b[13], b[14], b[15]) == 36
		? 0
		: -EINVAL;
}

int netlink_send_barrier(const struct rootfs *root, char uuid[37])
{
	/* A module is no device, so no rule or driver reacts to the event. Every kernel with printk has this
	 * directory. */
	_cleanup_close_ int fd = rootfs_openat(root, "sys/module/printk/uevent", O_WRONLY);
	char line[64];
	int n;

	if (fd < 0)
		return fd;
	if (make_uuid(uuid) < 0)
		return -EINVAL;
	n = snprintf(line, sizeof(line), "add %s", uuid);
	if (write(fd, line, (size_t)n) != n)
		return -errno;
	return 0;
}
