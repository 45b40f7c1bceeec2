/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of an image, in memory until all are there: directories above an entry are made, a later entry
 * takes the place of an earlier one, and the archive has them sorted by name. */
#pragma once

#include "base/array.h"
#include "base/cpio.h"
#include "base/decompress.h"
#include "base/intern.h"
#include "base/rootfs.h"

struct image_tree {
	struct intern names;
	ARRAY(struct cpio_entry) entries; /* by name; theirs is NULL */
	/* What entries' data points into. */
	ARRAY(struct file_bytes) files;
	ARRAY(struct blob) blobs;
	ARRAY(void *) memory;
};

/* Adds an entry; its data is borrowed. 0; -ENOTDIR: a file is where a directory above it should be;
 * -EISDIR: a directory has this name already; -ENOMEM. Adding a directory again is not an error. */
int image_tree_add(struct image_tree *t, const struct cpio_entry *e);
int image_tree_directory(struct image_tree *t, const char *name);
int image_tree_link(struct image_tree *t, const char *name, const char *target);

/* Files with these contents, which the tree frees from now on, also after an error. */
int image_tree_file(struct image_tree *t, const char *name, mode_t mode, struct file_bytes *file);
int image_tree_blob(struct image_tree *t, const char *name, struct blob *blob);
int image_tree_memory(struct image_tree *t, const char *name, void *data, size_t size);

/* The entry of that name, or NULL. */
const struct cpio_entry *image_tree_find(const struct image_tree *t, const char *name);

/* Calls fn for each entry, sorted by name as strcmp(3) has it. 0, -ENOMEM, or fn's first negative answer. */
int image_tree_each(const struct image_tree *t, int (*fn)(void *userdata, const struct cpio_entry *e),
		    void *userdata);

void image_tree_free(struct image_tree *t);
