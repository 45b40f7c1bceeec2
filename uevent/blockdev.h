/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on a block device: by libblkid, where it was built in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct blockdev {
	char type[32]; /* of the file system, "" */
	char uuid[64];
	char label[256];
	char partuuid[64]; /* of the partition table's entry */
	char partlabel[256];
	char signatures[256]; /* there is more than one: their types, with commas, and all others are "" */
};

/* Whether this build can look. */
bool blockdev_available(void);

/* Has a process of its own look at a device node, which may never end, and which is confined before it
 * interprets what it reads. What is not known is "". 0, -EOPNOTSUPP, -errno of opening it, -ECHILD: the
 * process has died, or a code of confine_is_error(): it could not be confined, and has not looked. */
int blockdev_probe(const char *node, struct blockdev *ret);

/* Takes what such a process has written. A name with control characters is taken for none. 0, or -EBADMSG
 * when this cannot be what is on a device. */
int blockdev_take(const void *data, size_t size, struct blockdev *ret);
