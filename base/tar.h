/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tar archive (POSIX.1-1988 ustar, with GNU's long names; read also with those of pax), written and read in
 * order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct tar_entry {
	const char *name; /* relative, without "./" */
	const char *link; /* of a symbolic link, else NULL */
	const void *data;
	size_t size;
	mode_t mode;
	int64_t mtime;
	bool owner_only; /* what unpack_entry() writes; false in what tar_read() has read */
};

/* Appends an entry: a link, or a file. 0, -EIO and such, -ENAMETOOLONG. */
int tar_write(FILE *f, const struct tar_entry *e);
/* The two empty blocks at the end. */
int tar_finish(FILE *f);

/* Where and why reading has failed. */
struct tar_error {
	const char *why; /* what is wrong with the archive; NULL: the errno says it */
	bool in_entry;	 /* at this byte of the archive there is an entry, or should be one, */
	size_t at;
	char name[256]; /* whose name begins so; "": it has none */
};

/* Calls fn for each file and link of an archive in memory; directories are left out. Names that leave
 * the archive ("..", absolute) are an error. 0, -EBADMSG, -ENOMEM, or what fn answered when it was negative;
 * *error, which is to be empty before, says more. */
int tar_read(const char *data, size_t size, int (*fn)(void *userdata, const struct tar_entry *e),
	     void *userdata, struct tar_error *error);
