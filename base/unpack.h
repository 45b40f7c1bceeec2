/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unpacks an archive below a root. Links do not lead out of it, and nothing is written through one. */
#pragma once

#include "base/rootfs.h"
#include "base/tar.h"

struct unpacker {
	struct rootfs root;
	size_t n;	 /* files, links and directories so far */
	const char *why; /* what is wrong with the archive, after -EFBIG */
};

/* Writes one entry: a function for tar_read(). 0, or -errno: -EFBIG for a name that is too long, or for more
 * than LIMIT_RECORDING_FILES. */
int unpack_entry(void *unpacker, const struct tar_entry *e);
/* The same, but a file that is there already is right if it has the same contents; else -EEXIST. */
int unpack_missing(struct unpacker *u, const struct tar_entry *e);
