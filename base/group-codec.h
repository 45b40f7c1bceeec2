/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A group of members as one zstd frame with a checksum, which a dictionary may precede. Where a member
 * begins and whether it is filtered stands in the container. No state: any thread may call.
 *
 * A filtered module begins with the lengths of its streams. In the frame the same streams of all
 * members lie side by side, which takes a thirtieth off its size; group_decompress() puts them back. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/decompress.h"

/* Bytes of members, before the filter, that are put in one group. Who wants one module unpacks its
 * group: groups four times as large would take 4 % off an archive of all modules. */
#define GROUP_SIZE ((size_t)256 << 10)
#define GROUP_DICTIONARY_SIZE ((size_t)512 << 10) /* bytes of a dictionary */
#define GROUP_LEVEL 19				  /* of zstd */
#define GROUP_MEMBERS_MAX 4096U

struct group_member {
	const void *data;
	size_t size;
	int filter; /* MODULE_FILTER_ELF: data is what module_filter_apply() made; MODULE_FILTER_NONE */
};

/* What unpacking needs beside the result. Who unpacks many groups keeps it from one to the next: fresh memory
 * has to be mapped and cleared, which takes a good part of the time that unpacking takes. Zero to begin with;
 * one caller at a time. */
struct group_scratch {
	void *context; /* of zstd */
	struct blob packed, data;
};

void group_scratch_release(struct group_scratch *s);

/* Unpacks a frame whose members, one after the other as they were given, are out_size bytes.
 * dictionary: the one that it was compressed with, or NULL and 0. 0; -EBADMSG: the frame is damaged,
 * has another size, or wants another dictionary; -EOPNOTSUPP: this build lacks zstd; -ENOMEM. Memory
 * beyond out is bounded: the same again and 64 KiB. */
int group_decompress(const void *frame, size_t size, const void *dictionary, size_t n_dictionary, void *out,
		     size_t out_size);
/* The same with a scratch that is kept; the frame may lie in its blob packed, which is the caller's. */
int group_decompress_with(struct group_scratch *s, const void *frame, size_t size, const void *dictionary,
			  size_t n_dictionary, void *out, size_t out_size);

/* ---- the side that packs: only with HAVE_TOOLS ---- */

/* How many of the next n members (n > 0), with these sizes before the filter, go into one group: as
 * many as GROUP_SIZE holds, and one at least; never more than GROUP_MEMBERS_MAX. */
size_t group_fill(const size_t *sizes, size_t n);

/* Compresses n members. 0: *frame is for the caller to free; -EINVAL: more than GROUP_MEMBERS_MAX, or a
 * member that says it is filtered and is not; -EOPNOTSUPP: this build lacks zstd; -ENOMEM. The same
 * members, dictionary and level make the same bytes (with the same release of zstd). */
int group_compress(const struct group_member *members, size_t n, const void *dictionary, size_t n_dictionary,
		   int level, uint8_t **frame, size_t *size);

/* Makes a dictionary of at most max bytes for members like these, which may be all that are packed: it
 * takes a sample of its own, always the same. 1: *dictionary is for the caller to free; 0: there is too
 * little to learn from; -EOPNOTSUPP, -ENOMEM. */
int group_dictionary_train(const struct group_member *members, size_t n, size_t max, uint8_t **dictionary,
			   size_t *size);
