/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel has: proc/modules and sys/module under a root. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/log.h"
#include "base/rootfs.h"

struct loaded_module {
	const char *name;
	const char *state;   /* "Live", "Loading", "Unloading" */
	const char *holders; /* comma-separated, "" */
	uint64_t size;
	int64_t refcount; /* -1: this kernel cannot unload */
};

struct loaded_list {
	struct arena arena;
	ARRAY(struct loaded_module) items;
};

/* Reads proc/modules (fs/proc, kernel/module/procfs.c m_show()). A line that cannot be read is logged
 * and left out. 0, -ENOENT when there is none, another -errno. */
int loaded_read(struct loaded_list *list, const struct rootfs *root, struct log *log);
/* Adds what lsmod takes from sys/module: the core size and the holders in the directory's order. */
int loaded_read_details(struct loaded_list *list, const struct rootfs *root, struct log *log);
void loaded_free(struct loaded_list *list);
