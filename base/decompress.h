/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounded decompression into anonymous memory. The format is recognized by the bytes, never by a suffix. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest signature of these formats, that of xz. kmod has EINVAL for a shorter file. */
#define COMPRESSION_MAGIC_MAX 6U

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_XZ,
	COMPRESSION_ZSTD,
};

/* Anonymous pages: blob_release() gives them back to the system at once, whatever malloc does. */
struct blob {
	char *data;
	size_t size;
	size_t capacity; /* bytes mapped */
};

#define _cleanup_blob_ __attribute__((cleanup(blob_release)))

/* Room for capacity bytes at least; -ENOMEM. */
int blob_reserve(struct blob *b, size_t capacity);
void blob_release(struct blob *b);

/* The format whose magic bytes data begins with; six bytes are enough. */
enum compression compression_of(const void *data, size_t size);
/* By "gzip", "xz", "zstd", the words of /sys/module/compression; any other word is COMPRESSION_NONE. */
enum compression compression_by_name(const char *name);

/* Decompresses all members of data into ret, at most max bytes.
 * -EFBIG: more than max; -ENODATA: the data ends too early; -EBADMSG: it is damaged; -EOPNOTSUPP: this
 * build lacks the library; -E2BIG: its dictionary is larger than LIMIT_IMAGE; -ENOMEM. Bytes after the last
 * gzip member are ignored, as zlib's gzread and the kernel do; after xz and zstd they are damage. */
int decompress(enum compression c, const void *data, size_t size, size_t max, struct blob *ret);
/* What a negative answer of decompress() means, in words. */
const char *decompress_strerror(enum compression c, int r);
