/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that is written from its beginning to its end: one with a name appears whole or not at all
 * (base/atomic-file.h), a descriptor gets what is written. It can be compressed. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/atomic-file.h"
#include "base/compress.h"

struct output_file {
	FILE *f; /* what is written to */
	/* private */
	struct atomic_file file;
	FILE *stream; /* a duplicate of the descriptor, or NULL */
	FILE *memory; /* keeps what is written out at the end, or NULL */
	char *text;
	size_t size;
	enum compress_method method;
};

/* A file with a name, see atomic_file_open(); unless stream is -1, that descriptor, which is duplicated. 0 or
 * -errno. */
int output_file_open(struct output_file *o, int dirfd, const char *path, int stream);
/* Has what is written from now on compressed by the method that the end of a name means: .gz, .xz, .zst; any
 * other means none. A descriptor gets everything at the end, so that nobody waits for its reader before. 0,
 * -ENOMEM, or -EOPNOTSUPP: this program lacks it. */
int output_file_compress(struct output_file *o, const char *name);
/* Writes the rest, and puts a file in its place; closes it in any case. 0 or -errno. */
int output_file_commit(struct output_file *o);
/* Discards a file. Does nothing if it was committed or never opened. */
void output_file_abort(struct output_file *o);
