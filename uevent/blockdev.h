/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on a block device: by libblkid, where it was built in. */
#pragma once

#include <stdbool.h>

struct blockdev {
	char type[32]; /* of the file system, "" */
	char uuid[64];
	char label[256];
	char partuuid[64]; /* of the partition table's entry */
	char partlabel[256];
};

/* Whether this build can look. */
bool blockdev_available(void);

/* Looks at a device node; what is not known is "". 0, -EOPNOTSUPP, or -errno of opening it. */
int blockdev_probe(const char *node, struct blockdev *ret);
