/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads an archive of modules (docs/ARCHIVE.md). It is data from outside: each block of the tables is
 * checked when it is first looked at, each place before it is followed. A reader belongs to one thread, but
 * for archive_unpack().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/archive-unpack.h"
#include "base/array.h"
#include "base/decompress.h"
#include "base/log.h"
#include "base/rootfs.h"

struct archive_section {
	uint32_t flags;
	uint64_t place, size; /* in the file; a section that is not there has no size */
	uint64_t unpacked;
	uint64_t sum;
	struct blob contents; /* of a packed one, when it was first looked at */
};

/* The earliest place in a key from which the rest behind one '*' was tried. */
struct archive_star {
	uint32_t node, at, from;
};

/* A block of the tables. */
enum archive_block {
	ARCHIVE_BLOCK_UNREAD,
	ARCHIVE_BLOCK_GOOD,
	ARCHIVE_BLOCK_DAMAGED,
	ARCHIVE_BLOCK_UNCHECKED, /* read with its neighbours */
};

struct archive {
	struct log *log;
	char *path; /* for messages, with the root in front */
	int fd;	    /* -1: not open */
	int64_t mtime;
	uint64_t size;
	uint64_t tables_size;
	uint64_t first;	  /* where the first section may begin */
	uint8_t *tables;  /* only what archive_need() has answered for may be looked at */
	uint8_t *blocks;  /* enum archive_block, by block */
	uint64_t unread;  /* blocks with something of ALIASES that are not there */
	uint32_t singles; /* blocks that were read alone */
	uint32_t n_entries, n_groups;
	unsigned int complaints;
	struct archive_section sections[ARCHIVE_SECTION_TYPES];
	int dictionary_error; /* with which it could not be read, and why */
	const char *dictionary_why;
	/* What archive_match() has on the way, kept from one lookup to the next. */
	ARRAY(struct archive_star) stars;
	ARRAY(uint32_t) found;
};

struct archive_entry {
	uint32_t id;
	enum archive_kind kind;
	uint8_t filter, compression;
	const char *name, *path;
	uint32_t size;
	uint64_t sum;
	uint32_t group, place, stored;
	uint32_t dependencies, n_dependencies, info;
};

/* An unpacked group, kept by a caller that reads one entry after the other. One of zeros is empty. */
struct archive_group {
	struct blob data;
	struct group_scratch scratch;
	uint32_t next; /* the group's number + 1 */
	int error;     /* with which it could not be unpacked, and why */
	const char *why;
};

#define _cleanup_archive_ __attribute__((cleanup(archive_close)))
#define _cleanup_archive_group_ __attribute__((cleanup(archive_group_release)))

/* Opens an archive below a root; root NULL: the path is one of the caller's. 0; -EBADMSG: it is no
 * archive, or damaged; -EOPNOTSUPP: it wants a newer reader; or another -errno. Here and below the origin
 * has logged what is wrong, but for -ENOMEM. */
int archive_open(struct archive *a, const struct rootfs *root, const char *path, struct log *log);
/* Also one that is not open (zeros with fd -1, or after an error of archive_open()). */
void archive_close(struct archive *a);

/* The value of a key of META. 1 and *value, 0: it has none, -EBADMSG. */
int archive_meta(struct archive *a, const char *key, const char **value);
/* The entry with this id, which is less than n_entries. 0 or -EBADMSG. */
int archive_entry(struct archive *a, uint32_t id, struct archive_entry *ret);
/* The module of this name ('_' for '-'). 1, 0: there is none, -EBADMSG. */
int archive_find(struct archive *a, const char *name, struct archive_entry *ret);
/* The id of the entry's dependency i, which is less than n_dependencies; the last one is loaded first. */
int archive_dependency(struct archive *a, const struct archive_entry *e, uint32_t i, uint32_t *id);
/* The .modinfo of a module: n bytes of strings that are separated by NULs, and a NUL behind them. */
int archive_info(struct archive *a, const struct archive_entry *e, const char **text, size_t *n);
/* The contents of a section, valid until archive_close(). 1, 0: it is not there, -EBADMSG, -ENOMEM. */
int archive_section(struct archive *a, enum archive_section_type type, const uint8_t **data, size_t *size);

/* Whether it is one that archive_copy_tables() has made. */
static inline bool archive_has_tables_only(const struct archive *a)
{
	return a->size == a->tables_size;
}
/* Makes an archive of the tables alone: all but the contents of the entries is in it. 0 or -ENOMEM. */
int archive_copy_tables(struct archive *a, struct blob *ret);
/* Whether an entry may have this path: it is relative, and has no component that is empty, "." or "..",
 * and no control character. */
bool archive_is_plain_path(const char *path);
/* What is needed to unpack the entry without the tables. 0 or -EBADMSG. That the group is in the file is
 * found out when it is read: a copy of the tables has none. */
int archive_member(struct archive *a, const struct archive_entry *e, struct archive_member *ret);
struct archive_dictionary archive_dictionary(const struct archive *a);
/* Unpacks the entry into ret, and checks it. After the first call any thread may make others, with groups
 * of its own. 0, -EBADMSG, -EOPNOTSUPP: this build lacks zstd, -ENOMEM. */
int archive_unpack(struct archive *a, const struct archive_entry *e, struct archive_group *group,
		   struct blob *ret);
void archive_group_release(struct archive_group *group);

/* For archive-match.c. Makes sure that n bytes of the tables are there; 0 or -EBADMSG. */
int archive_need(struct archive *a, uint64_t place, uint64_t n);
/* The string at this place of STRINGS, of at most limit bytes, or NULL. No more than these are looked at: many
 * places can be in one long string. */
const char *archive_string(struct archive *a, uint64_t place, size_t limit);
/* Logs what is wrong, unless that has been done often, and returns -EBADMSG. */
int archive_damaged(struct archive *a, uint64_t place, const char *what);
