/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/log.h"
#include "base/rootfs.h"

/* What is wanted of a "uevent" file: a question's first character is '0' plus these. */
enum walk_wanted {
	WALK_MODALIAS = 1,
	WALK_DEVICETREE = 2,
	WALK_TEXT = 4, /* all of it */
};

/*
 * The walk: every device below sys/devices with its aliases. found is called for each pair of a device and
 * an alias ("/devices/...", at most LIMIT_ALIAS bytes, NUL-terminated) that stands in a "modalias" file;
 * ask for each "uevent" file that may hold another ("1/sys/devices/.../uevent"): reading it may block, so
 * that is left to the caller. A negative answer of either ends the walk and is returned. With devicetree,
 * OF_NAME, OF_TYPE and OF_COMPATIBLE_n of a device's uevent make one more alias. Devices that vanish
 * meanwhile are no error. 0; -ENOENT and the like when sys/devices cannot be opened (not logged); -ENOMEM.
 */
int walk_devices(const struct rootfs *root, bool devicetree, struct log *log,
		 int (*found)(void *userdata, const char *devpath, const char *alias),
		 int (*ask)(void *userdata, const char *question), void *userdata);

/* Answers a question: a probe_fn (uevent/prober.h), which may block. The file's text with a NUL; 0 when
 * it does not hold what is wanted, or is gone; -errno, -EBADMSG: it is not text. */
ssize_t walk_answer(const struct rootfs *root, const char *question, char *buf, size_t size);

/* Calls found for the aliases in an answer: an error, or a text that walk_answer() has written. */
int walk_take_answer(const char *question, int error, const char *text, struct log *log,
		     int (*found)(void *userdata, const char *devpath, const char *alias), void *userdata);

/* The device that a question is about. 0, or -EINVAL when it is not a question of the walk. */
int walk_devpath(const char *question, char *devpath, size_t size);
