/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of modprobe.d, modules-load.d and whatever else is read from several directories at once. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/log.h"
#include "base/rootfs.h"

/* Where modules-load.d(5) is, NULL-terminated. */
extern const char *const modules_load_paths[];

struct conf_file {
	const char *path;
	const char *name; /* its last part: what the files are sorted by */
};

struct conf_files {
	struct arena arena;
	ARRAY(struct conf_file) items;
};

#define _cleanup_conf_files_ __attribute__((cleanup(conf_files_free)))

/* Adds a file, unless one of the same name is there already: that hides it. 0 or -ENOMEM. */
int conf_files_add(struct conf_files *list, const char *path);
/* Adds a directory's *.conf files, or path itself when it is no directory. What cannot be read is reported to log as
 * input lost, unless there is no such path. 0 or -ENOMEM. */
int conf_files_scan(struct conf_files *list, const struct rootfs *root, const char *path, struct log *log);
/* Sorts them by name: the order in which they are read. */
void conf_files_sort(struct conf_files *list);
void conf_files_free(struct conf_files *list);

/* A link to /dev/null masks a file; the root it is looked up in may have no /dev. */
bool conf_file_is_mask(const struct rootfs *root, const char *path);
