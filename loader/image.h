/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module's image and the way it gets into the kernel. */
#pragma once

#include "loader/kernel.h"

/* A file, or bytes in memory (a member of an archive: it cannot be given to finit_module by offset). */
struct image {
	const char *path; /* for messages */
	int fd;		  /* -1: bytes */
	const void *bytes;
	size_t size;
	struct blob plain; /* what bytes are of, when they are the image's own */
};

struct image_load {
	char complaint[256]; /* what is wrong with the image itself; "": the errno is the kernel's */
	bool own;	     /* the complaint is about this process: no memory, no descriptor */
	int refused;	     /* errno of an in-kernel decompression we had to stand in for; 0 */
};

/* 0 or -errno; path is under the root. -EFBIG and -EISDIR, -EINVAL as the file is. */
int image_open(struct image *ret, const struct rootfs *root, const char *path);
void image_close(struct image *image);

/* A compressed image that the kernel does not decompress itself: as bytes, to be closed. 1; 0: it is another one;
 * -errno: it cannot be read or is broken, which image_load() says better. */
int image_decompress(const struct kernel *k, const struct image *image, struct image *ret);

/* Whether an error of opening or reading a file says something about this process and not about the file. */
bool image_error_is_own(int error);

/* Gives the image to the kernel: 0 or -errno. how is always written. */
int image_load(const struct kernel *k, const struct image *image, const char *params, struct image_load *how);

/* Whether loading it can begin a device's probe, as far as can be told: it registers a driver, or does
 * asynchronous work of its own. Of a file reads the symbols only. True when in doubt (compressed ones too). */
bool image_probes(const struct image *image);
