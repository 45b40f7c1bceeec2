/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's uevents: netlink group 1 of NETLINK_KOBJECT_UEVENT. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rootfs.h"
#include "uevent/message.h"

struct msghdr;

/* The two calls that receiving events needs; a test passes its own. */
struct netlink_ops {
	/* A descriptor that polls readable when there is a message, or -errno. */
	int (*open)(void *data, int rcvbuf);
	/* As recvmsg(2) with MSG_DONTWAIT: a size or -errno. */
	ssize_t (*receive)(void *data, int fd, struct msghdr *msg);
};

struct netlink {
	const struct netlink_ops *ops; /* NULL: the running kernel's */
	void *ops_data;
	int fd;
	uint64_t last_seqnum;
	bool gap;	  /* a number was skipped: an event may be lost, see libcoldplug/settle-state.c */
	uint64_t ignored; /* messages that are not the kernel's, or malformed */
	char buf[UEVENT_MESSAGE_MAX];
};

enum netlink_answer {
	NETLINK_NOTHING = 0,
	NETLINK_EVENT = 1,
	NETLINK_LOST = 2, /* the kernel dropped messages, or one did not fit: walk /sys again */
};

/* Opens the socket with a receive buffer of rcvbuf bytes (SO_RCVBUFFORCE, or what is allowed); 0
 * leaves it as it is. *n is all zero except for ops. -errno: netlink is not available (containers). */
int netlink_open(struct netlink *n, int rcvbuf);
void netlink_close(struct netlink *n);

/* Takes one message without blocking: enum netlink_answer or -errno. *ret points into n->buf. What the
 * kernel has not sent (another process's unicast, another uid) is dropped silently. */
int netlink_receive(struct netlink *n, struct uevent *ret);

/*
 * A barrier: asks the kernel for a synthetic event of our own (Documentation/ABI/testing/sysfs-uevent,
 * 4.13). When it comes back, everything that was sent before has been received. uuid: 37 bytes, filled
 * in. 0; -ENOENT, -EACCES and the like when the file cannot be written.
 */
int netlink_send_barrier(const struct rootfs *root, char uuid[37]);
