/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cpio.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HEADER 110 /* a magic number and 13 fields of 8 digits */
#define TRAILER "TRAILER!!!"

static size_t padding(uint64_t n)
{
	return -n % 4;
}

static int put_padded(struct cpio *c, const void *data, size_t n, size_t before)
{
	static const char zeros[4];
	size_t pad = padding(before + n);
	int r = n ? c->write(c->userdata, data, n) : 0;

	return r < 0 || !pad ? r : c->write(c->userdata, zeros, pad);
}

static int put_header(struct cpio *c, const struct cpio_entry *e)
{
	char header[HEADER + 1];
	size_t n_name = strlen(e->name) + 1;
	int r;

	snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		 ++c->inode, (unsigned int)e->mode, 0U, 0U, 1U, c->mtime, (unsigned int)e->size, 0U, 0U,
		 e->major, e->minor, (unsigned int)n_name, 0U);
	r = c->write(c->userdata, header, HEADER);
	return r < 0 ? r : put_padded(c, e->name, n_name, HEADER);
}

int cpio_write(struct cpio *c, const struct cpio_entry *e)
{
	int r;

	if (e->size > UINT32_MAX)
		return -EFBIG;
	/* The kernel leaves out an entry with a longer name. */
	if (strlen(e->name) >= PATH_MAX)
		return -ENAMETOOLONG;
	r = put_header(c, e);
	return r < 0 ? r : put_padded(c, e->data, e->size, 0);
}

int cpio_end(struct cpio *c)
{
	return put_header(c, &(struct cpio_entry){ .name = TRAILER });
}

uint64_t cpio_size(const struct cpio_entry *e)
{
	uint64_t head = HEADER + strlen(e ? e->name : TRAILER) + 1, data = e ? e->size : 0;

	return head + padding(head) + data + padding(data);
}
