/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module's file says of itself: the "key=value" strings of its .modinfo section. */
#pragma once

#include "base/decompress.h"
#include "base/elf.h"
#include "base/rootfs.h"

struct modinfo {
	struct file_bytes file;
	struct blob blob; /* the file decompressed, when it was compressed */
	struct elf elf;
	size_t cursor;
};

#define _cleanup_modinfo_ __attribute__((cleanup(modinfo_close)))

/* Reads a module, compressed or not. 0, or -errno and *why in words. */
int modinfo_open(struct modinfo *ret, const struct rootfs *root, const char *path, const char **why);
/* The next string, "key=value". 1: *string is one, valid until modinfo_close(); 0: no more; -EBADMSG. */
int modinfo_next(struct modinfo *m, const char **string);
/* The value when string is that key's, else NULL. */
const char *modinfo_value(const char *string, const char *key);
void modinfo_close(struct modinfo *m);
