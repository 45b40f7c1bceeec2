/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the archive that the kernel unpacks as its initramfs: cpio's "newc" (Documentation/driver-api/
 * early-userspace/buffer-format.rst). The bytes depend on the entries and their order alone: owners are 0,
 * inodes count up, and no file has a second link. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cpio {
	int (*write)(void *userdata, const void *data, size_t size); /* 0 or -errno */
	void *userdata;
	uint32_t mtime; /* of all entries */
	uint32_t inode; /* of the last entry */
};

struct cpio_entry {
	const char *name; /* relative, without "./" */
	mode_t mode;	  /* with its type */
	const void *data; /* of a file; the target of a symbolic link */
	size_t size;
	unsigned int major, minor; /* of a device node */
};

/* Appends an entry. 0, -EFBIG: 4 GiB or more, -ENAMETOOLONG, or the error of write. */
int cpio_write(struct cpio *c, const struct cpio_entry *e);
/* Ends the archive. */
int cpio_end(struct cpio *c);
/* How many bytes an entry takes; NULL: the end of the archive. */
uint64_t cpio_size(const struct cpio_entry *e);
