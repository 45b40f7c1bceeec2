/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compression for the kernel: for each method a stream that its own decoder reads, in an initramfs and in a
 * module's file. The same input gives the same output. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decompress.h"

enum compress_method {
	COMPRESS_NONE,
	COMPRESS_GZIP,
	COMPRESS_XZ,   /* CRC32: the kernel knows no other check; a dictionary of 8 MiB */
	COMPRESS_ZSTD, /* a window of 8 MiB at most: the kernel takes 128 */
	COMPRESS_LZ4,  /* the legacy frame, the only one the kernel reads */
	COMPRESS_METHODS,
};

/* "none", "gzip", "xz", "zstd", "lz4". */
const char *compress_name(enum compress_method m);
/* The method of that name, or -EINVAL. */
int compress_by_name(const char *name);
/* Whether this build supports it. */
bool compress_built_in(enum compress_method m);

struct compressor;

/* Takes output. 0, or -errno, which ends the compression. */
typedef int compress_write_fn(void *userdata, const void *data, size_t size);

/* A stream of size bytes, which are known in advance. -EOPNOTSUPP: this build lacks the library; -ENOMEM. */
int compressor_new(struct compressor **ret, enum compress_method m, uint64_t size, compress_write_fn *write,
		   void *userdata);
/* Compresses the next piece of input. */
int compressor_add(struct compressor *c, const void *data, size_t size);
/* To be called after the last piece: writes what is left. */
int compressor_end(struct compressor *c);
/* NULL is fine; returns NULL. */
struct compressor *compressor_free(struct compressor *c);

/* Compresses everything at once. */
int compress_all(enum compress_method m, const void *data, size_t size, struct blob *ret);
