/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of which only what is looked at is read. It looks like a mapped file: one range of addresses, which do not
 * change. But a page of a mapping that cannot be filled, since the disk fails or the file was cut meanwhile, is SIGBUS,
 * and no library can live through that; here it is an error. A reader calls blocks_have() first.
 *
 * Refused: reading all of it (1.3 MB of modules.alias.bin for one lookup take longer than the rest of a modprobe), and
 * a handler for SIGBUS (signals are the program's, and values found are used long after the lookup).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BLOCK_SIZE ((size_t)4096)

struct rootfs;

struct blocks {
	const uint8_t *data; /* NULL when the file is empty */
	size_t size;
	int64_t mtime; /* seconds */
	int error;     /* why blocks_have() last failed, -errno */
	int fd;
	uint8_t *have; /* for each block: 1 it was read; 2 the one behind it too */
};

#define BLOCKS_NONE ((struct blocks){ .fd = -1 })

#define _cleanup_blocks_ __attribute__((cleanup(blocks_close)))

/* Opens a regular file of at most max bytes. 0 or -errno, as rootfs_open_regular(). */
int blocks_open(struct blocks *ret, const struct rootfs *root, const char *path, size_t max);
void blocks_close(struct blocks *b);

/* blocks_have() for what was not read yet. */
size_t blocks_read(struct blocks *b, size_t offset);

/* How many bytes can be looked at from offset on, which must be within the file: all that are left, or more than
 * BLOCK_SIZE. 0 when they cannot be read, error says why. */
static inline size_t blocks_have(struct blocks *b, size_t offset)
{
	size_t block = offset / BLOCK_SIZE, end = (block + 2) * BLOCK_SIZE;

	if (!(b->have[block] & 2))
		return blocks_read(b, offset);
	return (end < b->size ? end : b->size) - offset;
}
