/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/udev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "uevent/netlink.h"

bool udev_source_has_daemon(const struct rootfs *root)
{
	_cleanup_close_ int fd = rootfs_openat(root, UDEV_CONTROL, O_PATH);

	return fd >= 0;
}

#ifdef HAVE_UDEV
#include <libudev.h>
#include <poll.h>

struct udev_source {
	struct udev *udev;
	struct udev_monitor *monitor;
	struct udev_queue *queue;
	ARRAY(char) text; /* the event as a message of the kernel's form */
};

bool udev_source_available(void)
{
	return true;
}

struct udev_source *udev_source_close(struct udev_source *u)
{
	if (!u)
		return NULL;
	udev_queue_unref(u->queue);
	udev_monitor_unref(u->monitor);
	udev_unref(u->udev);
	array_free(&u->text);
	free(u);
	return NULL;
}

int udev_source_open(struct udev_source **ret, int rcvbuf)
{
	struct udev_source *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->udev = udev_new();
	u->monitor = u->udev ? udev_monitor_new_from_netlink(u->udev, "udev") : NULL;
	u->queue = u->udev ? udev_queue_new(u->udev) : NULL;
	if (!u->monitor || !u->queue) {
		udev_source_close(u);
		return -ENOMEM;
	}
	/* Without the privilege the buffer stays as it is. */
	if (rcvbuf)
		udev_monitor_set_receive_buffer_size(u->monitor, rcvbuf);
	r = udev_monitor_enable_receiving(u->monitor);
	if (r < 0) {
		udev_source_close(u);
		return r;
	}
	*ret = u;
	return 0;
}

int udev_source_fd(const struct udev_source *u)
{
	return udev_monitor_get_fd(u->monitor);
}

static int append(struct udev_source *u, const char *s, size_t n)
{
	return array_append(&u->text, s, n);
}

static int append_variable(struct udev_source *u, const char *key, const char *value)
{
	return append(u, key, strlen(key)) ?: append(u, "=", 1) ?: append(u, value, strlen(value) + 1);
}

/* Writes a device as the kernel's message would be, so that both sources have one parser. */
static int write_message(struct udev_source *u, struct udev_device *d)
{
	const char *action = udev_device_get_action(d), *devpath = udev_device_get_devpath(d);
	struct udev_list_entry *entry;
	int r;

	u->text.n = 0;
	if (!action || !devpath)
		return -EBADMSG;
	r = append(u, action, strlen(action)) ?: append(u, "@", 1) ?: append(u, devpath, strlen(devpath) + 1);
	udev_list_entry_foreach(entry, udev_device_get_properties_list_entry(d))
	{
		const char *name = udev_list_entry_get_name(entry), *value = udev_list_entry_get_value(entry);

		/* The kernel's DEVNAME is relative to /dev. */
		if (!strcmp(name, "DEVNAME") && value && !strncmp(value, "/dev/", 5))
			value += 5;
		if (!r && value)
			r = append_variable(u, name, value);
	}
	return r;
}

/* libudev also returns no device for a message that it drops (not from root, not from udevd): that is not the
 * end. */
static bool has_more(const struct udev_source *u)
{
	struct pollfd pfd = { .fd = udev_source_fd(u), .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN;
}

int udev_source_receive(struct udev_source *u, struct uevent *ret)
{
	struct udev_device *d;
	const char *why;
	int r;

	for (;;) {
		errno = 0;
		d = udev_monitor_receive_device(u->monitor);
		if (!d && errno == ENOBUFS)
			return NETLINK_LOST;
		if (!d && !has_more(u))
			return NETLINK_NOTHING;
		if (!d)
			continue;
		r = write_message(u, d);
		udev_device_unref(d);
		if (r == -ENOMEM)
			return r;
		if (!r && !uevent_parse(u->text.items, u->text.n, ret, &why))
			return NETLINK_EVENT;
	}
}

bool udev_source_idle(struct udev_source *u)
{
	return udev_queue_get_queue_is_empty(u->queue);
}

#else

bool udev_source_available(void)
{
	return false;
}

struct udev_source *udev_source_close(struct udev_source *u)
{
	return NULL;
}

int udev_source_open(struct udev_source **ret, int rcvbuf)
{
	return -EOPNOTSUPP;
}

int udev_source_fd(const struct udev_source *u)
{
	return -1;
}

int udev_source_receive(struct udev_source *u, struct uevent *ret)
{
	return NETLINK_NOTHING;
}

bool udev_source_idle(struct udev_source *u)
{
	return true;
}

#endif
