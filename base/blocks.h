/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file that is read on demand, block by block, into memory whose addresses stay. A mapping would do the
 * same with less code, but when somebody truncates a file that is mapped, the next look at it is a SIGBUS.
 * Here it is an error of the read, and what has been read before stays as it was.
 *
 * A file that was changed is refused as one that was truncated is, so that the blocks are always those of one
 * file.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct rootfs;

/* A page: larger ones cost more in memory than they save in calls, until most of a file is read. */
#define BLOCKS_SHIFT 12

/* One of zeros is not open. */
struct blocks {
	const uint8_t *data; /* only what blocks_read() has answered for may be looked at */
	size_t size;
	struct timespec mtime;

	int fd;		      /* -1 when all has been read */
	unsigned int n_reads; /* decides how much the next one reads */
	/* For each block the place up to which all bytes from its first one on are there; or 0. */
	uint32_t *ends;
};

#define _cleanup_blocks_ __attribute__((cleanup(blocks_close)))

/* Opens a regular file of at most max bytes, less than 4 GiB. A small one is read at once. 0 or -errno: those
 * of rootfs_open_regular() and blocks_read(), -ENOMEM. */
int blocks_open(struct blocks *b, const struct rootfs *root, const char *path, size_t max);
/* Also one that is not open. */
void blocks_close(struct blocks *b);

/* The place up to which all bytes from offset on are known to be there, offset being less than the size; not
 * greater than offset when none are. For a reader that looks at many small things: data + what this answers
 * is how far it may look without asking again. */
static inline size_t blocks_end(const struct blocks *b, size_t offset)
{
	return b->ends[offset >> BLOCKS_SHIFT];
}

/* Makes sure that the n bytes from offset on are there. 0, -ERANGE when they are not within the file,
 * -EBADMSG when the file is shorter now or was changed since it was opened, or another -errno of reading
 * it. */
int blocks_read(struct blocks *b, size_t offset, size_t n);

/* What an error of blocks_open() or blocks_read() means, for a message. */
const char *blocks_strerror(int r);
