/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The indexes of a release that has none, because depmod was never run. */
#pragma once

#include "base/log.h"
#include "base/rootfs.h"
#include "engine/archive-index.h"

struct depmod_image {
	uint8_t *data;
	size_t size;
};

enum {
	DEPMOD_MEMORY_DEP,
	DEPMOD_MEMORY_ALIAS,
	DEPMOD_MEMORY_SYMBOLS,
	DEPMOD_MEMORY_IMAGES,
};

/* Makes them of the modules of a directory below the root, "/lib/modules/RELEASE"; to be freed. These may
 * need some of an archive, or NULL. 1; 0: it has no modules; -ENOMEM, or another -errno, which has been
 * logged. */
int depmod_in_memory(const struct rootfs *root, const char *directory, struct archive_index *archive,
		     struct log *log, struct depmod_image images[DEPMOD_MEMORY_IMAGES]);
