/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An archive of modules as one of the sources of moddir.c: what depmod's files would say of the modules in
 * it. */
#pragma once

#include "base/archive-kernel.h"
#include "base/arena.h"
#include "engine/index.h"

struct archive_index {
	bool open;
	struct archive archive; /* only when it is open */
	const char *prefix;	/* "FILE:" as a user sees the file: in front of a module's path */
	struct index tries[ARCHIVE_SECTION_TYPES]; /* data NULL: not looked at yet */
	uint8_t *aliases;			   /* data of one of them */
	struct arena arena;
};

/* Which archive is wanted. */
struct archive_wanted {
	const struct rootfs *root; /* NULL: path is one of the caller's */
	const char *path;
	const char *release; /* of the kernel; NULL: any */
	const char *machine; /* of uname(2); NULL: any */
	bool any_release;    /* one of another release is no mistake */
};

/* 1; 0: it is another release's, and that is no mistake; or -errno: it cannot be used, which was logged
 * and counted as input lost. */
int archive_index_open(struct archive_index *x, const struct archive_wanted *w, struct log *log);
void archive_index_close(struct archive_index *x);

/* All these: negative is -ENOMEM, or -EBADMSG, which was logged. */

/* The line that modules.dep would have for a module ('_' for '-'); valid until archive_index_close(). 1,
 * 0. */
int archive_index_line(struct archive_index *x, const char *name, const char **line);
/* What a module needs directly: the names in depends= of its .modinfo, separated by commas. 1; 0: it does
 * not say. */
int archive_index_depends(struct archive_index *x, const struct archive_entry *e, const char **names);
/* One of the sections as a trie. 1, 0: there is none. */
int archive_index_trie(struct archive_index *x, enum archive_section_type type, struct index **ret);
/* The module whose path as a user sees it this is. 1, 0: it is another file. */
int archive_index_member(struct archive_index *x, const char *path, struct archive_entry *ret);
typedef int archive_index_fn(void *userdata, const char *key, const char *value, uint32_t priority);
/* Calls fn for the name and the line of each module; an answer other than 0 ends it. */
int archive_index_each(struct archive_index *x, archive_index_fn *fn, void *userdata);
