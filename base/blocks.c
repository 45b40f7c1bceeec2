/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/rootfs.h"

#define BLOCK ((size_t)1 << BLOCKS_SHIFT)
/* Of a file up to here most blocks would be read sooner or later. */
#define WHOLE (4 * BLOCK)
/* A machine of 30 devices has both large indexes looked at in 70 blocks each, one of 71 in 100, and one of 1,000 in nine of ten. */
#define READS_OF_EACH_SIZE 64
#define WINDOW_SHIFT_MAX 5

int blocks_open(struct blocks *b, const struct rootfs *root, const char *path, size_t max)
{
	struct stat st;
	void *data;
	_cleanup_close_ int fd = rootfs_open_regular(root, path, max < UINT32_MAX ? max : UINT32_MAX, &st);
	_cleanup_blocks_ struct blocks new = {};
	int r;

	if (fd < 0)
		return fd;
	new.size = (size_t)st.st_size;
	new.mtime = st.st_mtim;
	new.ends = calloc(new.size / BLOCK + 1, sizeof(*new.ends));
	if (!new.ends)
		return -ENOMEM;
	new.fd = steal_fd(&fd);
	/* What is never written to takes no memory. A block that began within a page would take two. */
	if (posix_memalign(&data, BLOCK, new.size + 1))
		return -ENOMEM;
	new.data = data;
	if (new.size <= WHOLE) {
		r = blocks_read(&new, 0, new.size);
		if (r < 0)
			return r;
		close(steal_fd(&new.fd));
	}
	*b = new;
	new = (struct blocks){};
	return 0;
}

void blocks_close(struct blocks *b)
{
	if (!b->ends)
		return;
	free((void *)(uintptr_t)b->data);
	free(b->ends);
	cleanup_close_p(&b->fd);
	*b = (struct blocks){};
}

static int check_unchanged(const struct blocks *b)
{
	struct stat st;

	if (fstat(b->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size != b->size || st.st_mtim.tv_sec != b->mtime.tv_sec ||
	    st.st_mtim.tv_nsec != b->mtime.tv_nsec)
		return -EBADMSG;
	return 0;
}

/* A file that is read again and again is likely to be read wholly: then more and more is read at once. */
static size_t next_window(struct blocks *b)
{
	unsigned int doublings = b->n_reads++ / READS_OF_EACH_SIZE;

	return (size_t)1 << (doublings < WINDOW_SHIFT_MAX ? doublings : WINDOW_SHIFT_MAX);
}

/* Reads the blocks that are not there from one on, as far as they are wanted, and those beside it that are missing in a
 * window of n blocks. */
static int fill(struct blocks *b, size_t first, size_t wanted, size_t n)
{
	size_t low = first & ~(n - 1), high = low + n, next = first, end;
	int r;

	while (first > low && !b->ends[first - 1])
		first--;
	while (next * BLOCK < b->size && (next < high || next * BLOCK < wanted) && !b->ends[next])
		next++;
	end = next * BLOCK < b->size ? next * BLOCK : b->size;
	r = file_read_at(b->fd, (uint8_t *)(uintptr_t)b->data + first * BLOCK, end - first * BLOCK,
			 first * BLOCK)
		?: check_unchanged(b);
	if (r < 0)
		return r;
	for (size_t i = first; i < next; i++)
		b->ends[i] = (uint32_t)end;
	return 0;
}

int blocks_read(struct blocks *b, size_t offset, size_t n)
{
	size_t first = offset / BLOCK, there = first * BLOCK, wanted = offset + n;
	int r = 0;

	if (offset > b->size || n > b->size - offset)
		return -ERANGE;
	if (!n)
		return 0;
	while (!r && there < wanted) {
		size_t i = there / BLOCK;

		if (!b->ends[i])
			r = fill(b, i, wanted, next_window(b));
		/* What nobody has asked for may be what cannot be read. */
		if (r < 0 && r != -EBADMSG)
			r = fill(b, i, wanted, 1);
		if (!r)
			there = b->ends[i];
	}
	if (!r)
		b->ends[first] = (uint32_t)there;
	return r;
}

const char *blocks_strerror(int r)
{
	return r == -EBADMSG ? "changed while it was in use" : strerror(-r);
}
