/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that appears whole or not at all: written beside its place, then put there. Only its owner can read
 * it: reports and recordings hold modprobe.d, parts of which may be for root only. */
#pragma once

#include <fcntl.h> /* AT_FDCWD */
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct atomic_file {
	FILE *f;
	int dirfd; /* borrowed */
	char *path;
	char *tmp; /* NULL: it has no name yet */
	bool flushed;
};

/* Whether path can be written so, as far as that can be known in advance: 0, -EINVAL: what is there, or what
 * a link there points to, is no regular file (a device must not be replaced); -EISDIR. */
int atomic_file_check(int dirfd, const char *path);
/* What its negative errno means, or another one. */
const char *atomic_file_strerror(int r);
/* path is relative to dirfd, which may be AT_FDCWD and must stay open. 0 or -errno, also that of
 * atomic_file_check(). */
int atomic_file_open(struct atomic_file *a, int dirfd, const char *path);
/* The same for a file that others may read too; the umask counts. */
int atomic_file_open_mode(struct atomic_file *a, int dirfd, const char *path, mode_t mode);
/* The same where a process that is killed is to leave nothing behind, on file systems that support this
 * (O_TMPFILE): the file has no name until it is committed. */
int atomic_file_open_unnamed(struct atomic_file *a, int dirfd, const char *path, mode_t mode);
/* Has all that was written reach the disk, and nothing is written any more: for several files of which all
 * are put in their places, or none. */
int atomic_file_flush(struct atomic_file *a);
/* Puts it in its place; closes it in any case. */
int atomic_file_commit(struct atomic_file *a);
/* Discards it. Does nothing if it was committed or never opened. */
void atomic_file_abort(struct atomic_file *a);
