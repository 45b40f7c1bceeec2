/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unpacks what is in an archive of modules (docs/ARCHIVE.md), without its tables: whoever has read these
 * knows the numbers. There is no state here: any thread may call. */
#pragma once

#include <stdint.h>

#include "base/archive-format.h"
#include "base/decompress.h"
#include "base/group-codec.h"

/* What the tables say of an entry and of the group that it is in. All of it is checked when it is used. */
struct archive_member {
	uint64_t group; /* the place of the group in the file */
	uint64_t sum;	/* XXH64 of the entry */
	uint32_t packed, unpacked, flags;
	uint32_t filter;
	uint32_t place, stored,
		size; /* of the entry: its place and size in the unpacked group, and its own size */
	uint32_t reserved;
};

/* Where the dictionary is in the file; size 0: there is none. */
struct archive_dictionary {
	uint64_t place, size, sum;
};

/* These return 0, -EBADMSG, -EOPNOTSUPP or another -errno, and then *why says what is wrong. A blob that
 * they write to may have been used before. */
int archive_read_dictionary(int fd, const struct archive_dictionary *d, struct blob *ret, const char **why);
/* The group of a member; dictionary is empty if there is none. */
int archive_read_group(int fd, const struct archive_member *m, const struct blob *dictionary,
		       struct group_scratch *scratch, struct blob *ret, const char **why);
/* The entry itself. */
int archive_take_member(const struct archive_member *m, const struct blob *group, struct blob *ret,
			const char **why);
