/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module's file says: the "key=value" strings of its .modinfo section, and the symbols it needs. */
#pragma once

#include "base/decompress.h"
#include "base/elf.h"
#include "base/rootfs.h"
#include "engine/moddir.h"

struct modinfo {
	struct file_bytes file;
	struct blob bytes; /* or the entry of an archive */
	struct blob blob;  /* the file decompressed, when it was compressed */
	struct elf elf;
	size_t cursor;
};

#define _cleanup_modinfo_ __attribute__((cleanup(modinfo_close)))

/* Reads a module, compressed or not. 0, or -errno and *why in words. */
int modinfo_open(struct modinfo *ret, const struct rootfs *root, const char *path, const char **why);
/* The same for a module of an archive. */
int modinfo_open_member(struct modinfo *ret, struct archive *a, const struct archive_entry *e,
			const char **why);
/* The same for a module that may be in the directory's archive: path is as a step has it. */
int modinfo_open_in(struct modinfo *ret, struct moddir *d, const char *path, const char **why);
/* The next string, "key=value". 1: *string is one, valid until modinfo_close(); 0: no more; -EBADMSG. */
int modinfo_next(struct modinfo *m, const char **string);
/* The value when string is that key's, else NULL. */
const char *modinfo_value(const char *string, const char *key);
void modinfo_close(struct modinfo *m);

struct missing_symbol {
	char symbol[128];
	char module[256];
};

/* After "unknown symbol": an undefined symbol of the module's file that is exported by a module which
 * is_there() does not know to be in the kernel. 1 and *ret; 0 when none is found (then the symbol is
 * the kernel's own, or its version differs); -errno. */
int missing_symbol_find(struct moddir *d, const char *path,
			bool (*is_there)(void *userdata, const char *module), void *userdata,
			struct missing_symbol *ret);
