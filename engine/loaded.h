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
/* One module, whether or not it is in proc/modules: its size, holders and reference count (-1: it has
 * none) are those of sys/module, or 0, "" and -1. The strings live in list. 0 or -ENOMEM. */
int loaded_read_one(struct loaded_list *list, const struct rootfs *root, struct log *log, const char *name,
		    struct loaded_module *ret);
void loaded_free(struct loaded_list *list);
