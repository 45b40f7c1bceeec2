/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that appears whole or not at all: written beside its place, then put there. Only its owner can read it,
 * whatever the umask: what is written so may hold a machine's configuration, or keys. */
#pragma once

#include <stdio.h>

struct atomic_file {
	FILE *f;
	char *path;
	char *tmp;
};

/* 0 or -errno. -EINVAL: what is there is no regular file (a device must not be replaced). */
int atomic_file_open(struct atomic_file *a, const char *path);
/* Puts it in its place; closes it in any case. */
int atomic_file_commit(struct atomic_file *a);
/* Throws it away. Fine when it was committed or never opened. */
void atomic_file_abort(struct atomic_file *a);
