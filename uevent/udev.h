/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events that udevd has processed, for systems where it runs. libudev is systemd's or eudev's. */
#pragma once

#include <stdbool.h>

#include "base/rootfs.h"
#include "uevent/message.h"

/* udevd's socket. libudev too takes it for the sign that udevd runs. */
#define UDEV_CONTROL "run/udev/control"

struct udev_source;

/* Whether this build has libudev. */
bool udev_source_available(void);
/* Whether udevd runs, or is started when its socket is used. */
bool udev_source_has_daemon(const struct rootfs *root);
/* 0, -EOPNOTSUPP (not built in), -errno. */
int udev_source_open(struct udev_source **ret, int rcvbuf);
/* NULL is fine; returns NULL. */
struct udev_source *udev_source_close(struct udev_source *u);
int udev_source_fd(const struct udev_source *u);
/* As netlink_receive(): enum netlink_answer or -errno; *ret is valid until the next call. */
int udev_source_receive(struct udev_source *u, struct uevent *ret);
/* Whether udevd's queue is empty. Meaningful once an event that was sent after all others has been
 * received. */
bool udev_source_idle(struct udev_source *u);
