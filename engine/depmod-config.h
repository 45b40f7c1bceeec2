/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* depmod.d(5): which directories are searched, and which of two files of one module counts. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/log.h"
#include "base/rootfs.h"

enum depmod_search {
	DEPMOD_SEARCH_PATH,
	DEPMOD_SEARCH_BUILTIN,	/* all that no other word is about */
	DEPMOD_SEARCH_EXTERNAL, /* the directories of external lines */
};

struct depmod_config {
	struct arena arena;
	/* Lines are kept as they come; the last one is asked first. */
	ARRAY(struct {
		enum depmod_search type;
		const char *path;
	})
	searches;
	ARRAY(const char *) overrides; /* "DIRECTORY/NAME" */
	ARRAY(const char *) externals;
	ARRAY(const char *) excludes;
};

/* Reads the configuration for a release. paths: files and directories of the root, or NULL for those of
 * depmod.d(5). What cannot be read is logged. 0 or -ENOMEM. */
int depmod_config_load(struct depmod_config *c, const struct rootfs *root, const char *const *paths,
		       const char *release, struct log *log);
void depmod_config_free(struct depmod_config *c);

/* A file of a module: its path, of which the first n bytes lead up to the end of the module's name. */
struct depmod_candidate {
	const char *file;
	size_t n;
};

/* Whether the file that was found first stays, and the new one of the same name does not count. */
bool depmod_config_keeps(const struct depmod_config *c, const char *directory,
			 const struct depmod_candidate *old, const struct depmod_candidate *new);
bool depmod_config_excludes(const struct depmod_config *c, const char *name);
