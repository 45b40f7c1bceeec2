/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device nodes of modules.devname: opening one makes the kernel request its module. */
#pragma once

#include <stdint.h>

#include "base/array.h"
#include "base/log.h"
#include "base/rootfs.h"

struct node {
	const char *module;
	const char *name; /* below /dev */
	char type;	  /* 'c' or 'b' */
	uint32_t major, minor;
};

struct nodes {
	struct file_bytes file; /* has the strings */
	ARRAY(struct node) items;
};

/* Replaces *n by what modules.devname in a release's directory has ("MODULE NAME c10:234", '#' begins a
 * comment). A line that cannot be read is logged as lost input and left out. 0, -ENOENT when there is no
 * such file, another -errno. */
int nodes_read(struct nodes *n, const struct rootfs *root, const char *directory, struct log *log);
/* The same for a text, which is taken over; path is named in messages. */
int nodes_take(struct nodes *n, struct file_bytes *text, const char *path, struct log *log);
void nodes_free(struct nodes *n);
