/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The archive that steps are loaded from. Neighbours are packed together in groups: what was unpacked last
 * is kept, so that a group which several workers want is unpacked once. */
#pragma once

#include "base/archive-unpack.h"

struct members;

/* One without an archive. NULL: out of memory. */
struct members *members_new(void);
/* Gives it one, once; the descriptor is copied. A dictionary that cannot be read is an answer of
 * members_unpack(). 0, -EBUSY: it has one, or another -errno. */
int members_open(struct members *m, int fd, const struct archive_dictionary *dictionary);
/* Any thread may call. 0, or -errno and *why in words. */
int members_unpack(struct members *m, const struct archive_member *member, struct blob *ret,
		   const char **why);
/* Gives up the memory of groups that nobody uses now. NULL is fine here and below. */
void members_trim(struct members *m);
void members_free(struct members *m);
