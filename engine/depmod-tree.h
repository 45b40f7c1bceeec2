/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fills a struct depmod with the modules of a release: those of its directory as depmod.d(5) has them, or
 * some files. */
#pragma once

#include "engine/depmod.h"

struct depmod_tree {
	const char *release;		 /* for depmod.d */
	const char *const *config_paths; /* see depmod_config_load() */
	const char *const *files;	 /* paths of the root, or NULL: all of the directory */
	bool may_be_empty;		 /* nothing is said of a directory without modules */
	bool sorted; /* of two files of which depmod.d does not say which counts it is the first by name */
};

/* d->root, d->directory and d->log are set. Modules are read in as many threads as there are processors
 * for this process; the result does not depend on their number. 0, or -errno, which has been logged unless
 * it is -ENOMEM; a module that cannot be read has been logged too, and has no symbols. */
int depmod_read_tree(struct depmod *d, const struct depmod_tree *tree);

/* Whether no module of the directory is newer than its modules.dep. 1, 0; -errno, which has been logged. */
int depmod_is_up_to_date(const struct rootfs *root, const char *directory, struct log *log);
