/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A module's image, and how it is given to the kernel. */
#pragma once

#include "loader/kernel.h"

/* A file, or bytes in memory (a member of an archive: it cannot be given to finit_module by offset). */
struct image {
	const char *path; /* for messages */
	int fd;		  /* -1: bytes */
	const void *bytes;
	size_t size;
	struct blob plain; /* owns bytes, if the image owns them */
	uint64_t read_us;  /* when its file had been read; 0: it was not */
};

struct image_load {
	char complaint[256]; /* why the kernel was not asked; "": the errno is the kernel's */
	bool own;	     /* the complaint is about this process: no memory, no descriptor */
	int refused; /* errno with which the kernel refused to decompress it, so that it was done here; or 0 */
};

/* path is below the root. 0 or -errno: -EFBIG beyond LIMIT_IMAGE, -EISDIR, -EINVAL for another file that
 * is not regular. */
int image_open(struct image *ret, const struct rootfs *root, const char *path);
void image_close(struct image *image);

/* Decompresses an image that is compressed and that the kernel would not decompress itself. 1: *ret is its
 * bytes, for the caller to close; 0: it is not such an image; -errno: it cannot be read or is damaged, and
 * image_load() will say why. */
int image_decompress(const struct kernel *k, const struct image *image, struct image *ret);

/* Whether an error of opening or reading a file says something about this process and not about the file. */
bool image_error_is_own(int error);

/* Gives the image to the kernel: 0 or -errno. how is always written. */
int image_load(const struct kernel *k, const struct image *image, const char *params, struct image_load *how);

/* Whether loading it can start the probe of a device, as far as its symbols tell: it registers a driver,
 * or schedules asynchronous work itself. Reads only the symbols of a file. True when in doubt, and for a
 * compressed image. */
bool image_probes(const struct image *image);
