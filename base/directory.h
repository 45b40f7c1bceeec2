/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entries of a directory. readdir(3) answers NULL for the end and for an error alike, so that a failing
 * disk looks like a directory with fewer files; here the two are told apart. */
#pragma once

#include <dirent.h>

struct rootfs;

struct directory {
	DIR *stream;
};

#define _cleanup_directory_ __attribute__((cleanup(directory_close)))

/* Opens path below the root. 0 or -errno. */
int directory_open(struct directory *d, const struct rootfs *root, const char *path);
void directory_close(struct directory *d);

/* The descriptor that the entries' names are relative to; it belongs to the directory. */
int directory_fd(const struct directory *d);

/* The next entry but "." and "..": 1 and its name, which is valid until the next call; 0 at the end; -errno
 * when the directory cannot be read any further. */
int directory_next(struct directory *d, const char **name);

/* Makes a directory and all above it that are not there yet, as mkdirat(2) does. 0 or -errno. */
int make_directories(int dirfd, const char *path);
