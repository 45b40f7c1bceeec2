/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What modinfo(8) shows of a module: keys and values. */
#pragma once

#include "base/archive-read.h"
#include "base/arena.h"
#include "base/array.h"
#include "base/decompress.h"
#include "base/rootfs.h"

enum field_source {
	FIELD_MODINFO,	 /* a string of its .modinfo section, or of modules.builtin.modinfo */
	FIELD_SIGNATURE, /* its appended signature */
	FIELD_NOTE,	 /* its notes */
};

struct field {
	const char *key;
	const char *value;
	enum field_source source;
};

struct fields {
	struct blob image; /* a module's file, or the pieces of it that were read, in their places */
	struct arena arena;
	ARRAY(struct field) items; /* the strings are in image or in arena */
};

/* Replaces *f by the fields of the module at path: first those of .modinfo, then those of the signature,
 * then "build-id". 0; -ENODATA: it has no .modinfo; -ENOEXEC: it is no ELF file; -EINVAL: it is damaged or
 * cut short; another -errno. *why: what is wrong, in words. */
int fields_read_file(struct fields *f, const struct rootfs *root, const char *path, const char **why);
/* The same for a module of an archive. */
int fields_read_member(struct fields *f, struct archive *a, const struct archive_entry *e, const char **why);
/* The same for a module that is built in, out of the text of modules.builtin.modinfo: "MODULE.KEY=VALUE"
 * with a NUL behind each. 0 or -ENOMEM. */
int fields_read_builtin(struct fields *f, const char *text, size_t size, const char *module);
void fields_free(struct fields *f);
