/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the kernel finds the firmware that a module names. */
#pragma once

#include "base/intern.h"
#include "base/log.h"
#include "base/rootfs.h"

struct firmware {
	const struct rootfs *root;
	const char *release; /* or NULL */
	const char *own_dir; /* the kernel's parameter firmware_class.path; NULL: not asked */
	struct log *log;
	struct intern known; /* names that were looked for */
	/* Called for each file that is there: its path below the root, and its name, which a pattern may
	 * have named. 0 or -errno. */
	int (*found)(void *userdata, const char *path, const char *name);
	void *userdata;
	size_t n; /* files that were found */
};

/* Finds the files of a firmware, whose name may be a pattern. A name that was looked for before is not
 * looked for again. 1: there are some, or it is not a new name; 0: there are none; -EINVAL: the name leads
 * out of lib/firmware; another -errno, which has been logged unless it is -ENOMEM or found's. */
int firmware_find(struct firmware *f, const char *name);
/* Says that there is none, or that the name is none, see firmware_find(). */
void firmware_log_absent(const struct firmware *f, const char *name, const char *module, int r);
void firmware_free(struct firmware *f);
