/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes an archive of a kernel's modules (docs/ARCHIVE.md), of the modules themselves: depmod's files are
 * not needed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/elf.h"
#include "base/intern.h"
#include "base/log.h"
#include "base/rootfs.h"

struct archive_wish {
	const struct rootfs *root;
	const char *directory; /* of the release, below the root */
	const char *release;
	const char *output; /* a path, not below the root */
	FILE *stream; /* written to instead, from its beginning: output is its name in messages; or NULL */
	unsigned int threads; /* that compress; 0: as many as there are processors */
	/* The names of the modules that are to be packed, each of which must be there. NULL: all are. */
	const struct intern *wanted;
	/* Called with the names of all modules that are there: 0, or -errno that ends it and has been logged;
	 * or NULL. */
	int (*check)(void *userdata, const struct intern *names);
	/* Called in between with the bytes that are packed, and of all; or NULL. */
	void (*progress)(void *userdata, uint64_t done, uint64_t all);
	void *userdata;
	bool firmware;	     /* pack what the modules name and the root has, too */
	bool configuration;  /* and modprobe.d and modules-load.d */
	const char *profile; /* a file that is packed as the profile, not below the root; or NULL */

	bool update; /* leave an output that has all this already as it is */

	/* What has been made. */
	bool unchanged; /* nothing, because of update */
	size_t n_modules, n_files;
	struct elf_kind machine; /* of the modules */
	uint64_t unpacked;	 /* bytes of all entries */
	uint64_t tables;	 /* bytes of all but the groups */
	uint64_t size;		 /* bytes of the archive */
};

/* The output appears whole or not at all. 0, or -errno that has been logged, but for -ENOMEM: -ENOENT:
 * there is no module to be packed. */
int archive_write(struct archive_wish *wish, struct log *log);
