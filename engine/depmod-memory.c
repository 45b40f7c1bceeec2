/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/depmod-memory.h"

#include <stdlib.h>
#include <string.h>

#include "engine/depmod-beside.h"
#include "engine/depmod-tree.h"

static int make_images(struct depmod *d, struct depmod_image images[DEPMOD_MEMORY_IMAGES])
{
	static const enum depmod_file files[DEPMOD_MEMORY_IMAGES] = { DEPMOD_DEP, DEPMOD_ALIAS,
								      DEPMOD_SYMBOLS };
	int r = 0;

	for (size_t i = 0; !r && i < DEPMOD_MEMORY_IMAGES; i++)
		r = depmod_make(d, files[i], &images[i].data, &images[i].size);
	for (size_t i = 0; r && i < DEPMOD_MEMORY_IMAGES; i++) {
		free(images[i].data);
		images[i].data = NULL;
	}
	return r;
}

int depmod_in_memory(const struct rootfs *root, const char *directory, struct archive_index *archive,
		     struct log *log, struct depmod_image images[DEPMOD_MEMORY_IMAGES])
{
	struct depmod d = { .log = log, .root = root, .directory = directory, .leave_out = true };
	int r = depmod_read_tree(
		&d, &(struct depmod_tree){ .release = strrchr(directory, '/') + 1, .may_be_empty = true });

	memset(images, 0, DEPMOD_MEMORY_IMAGES * sizeof(*images));
	if (!r && d.modules.n) {
		r = (archive ? depmod_add_beside(&d, archive) : 0) ?: depmod_solve(&d);
		/* What is not in a circle can be loaded. */
		if (!r && d.n_sorted < d.modules.n)
			r = depmod_tell_cycles(&d);
		r = r ?: make_images(&d, images) ?: 1;
	}
	depmod_free(&d);
	return r;
}
