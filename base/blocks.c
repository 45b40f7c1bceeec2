/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/rootfs.h"

int blocks_open(struct blocks *ret, const struct rootfs *root, const char *path, size_t max)
{
	struct stat st;
	_cleanup_close_ int fd = rootfs_open_regular(root, path, max, &st);
	_cleanup_free_ uint8_t *have = NULL;
	void *data = NULL;

	if (fd < 0)
		return fd;
	have = calloc(1, (size_t)st.st_size / BLOCK_SIZE + 1);
	if (!have)
		return -ENOMEM;
	/* Memory is taken when something is read into it. */
	if (st.st_size > 0)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (data == MAP_FAILED)
		return -errno;
	*ret = (struct blocks){ .data = data,
				.size = (size_t)st.st_size,
				.mtime = st.st_mtime,
				.fd = steal_fd(&fd),
				.have = steal_ptr(have) };
	return 0;
}

void blocks_close(struct blocks *b)
{
	if (b->data)
		munmap((void *)(uintptr_t)b->data, b->size);
	if (b->fd >= 0)
		close(b->fd);
	free(b->have);
	*b = BLOCKS_NONE;
}

/* 0 or -errno; -ESTALE when the file has become shorter. */
static int read_range(struct blocks *b, size_t from, size_t to)
{
	uint8_t *data = (uint8_t *)(uintptr_t)b->data;

	while (from < to) {
		ssize_t n = pread(b->fd, data + from, to - from, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ESTALE;
		from += (size_t)n;
	}
	return 0;
}

size_t blocks_read(struct blocks *b, size_t offset)
{
	size_t last = (b->size - 1) / BLOCK_SIZE, block = offset / BLOCK_SIZE;
	size_t next = block < last ? block + 1 : last;
	size_t first = b->have[block] ? next : block;
	size_t end = b->have[next] && first != next ? first + 1 : next + 1;

	if (!b->have[first]) {
		b->error = read_range(b, first * BLOCK_SIZE,
				      end * BLOCK_SIZE < b->size ? end * BLOCK_SIZE : b->size);
		if (b->error < 0)
			return 0;
	}
	b->have[next] |= 1;
	b->have[block] |= 3;
	return (next == last ? b->size : (next + 1) * BLOCK_SIZE) - offset;
}
