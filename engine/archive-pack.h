/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files archive-*.c that write an archive share: one that is being made. */
#pragma once

#include "base/arena.h"
#include "base/atomic-file.h"
#include "base/decompress.h"
#include "base/elf.h"
#include "base/archive-format.h"
#include "base/archive-trie.h"
#include "engine/archive-write.h"
#include "engine/depmod.h"

struct pack_entry {
	enum archive_kind kind;
	const char *file; /* below the root; of a profile not */
	const char *path; /* in the archive */
	const char *name; /* of a module, else "" */
	uint8_t compression, filter;
	uint32_t size;
	uint64_t sum;
	uint32_t info; /* its place in INFO */
	uint32_t group, place, stored;
};

struct pack_group {
	uint32_t first, n; /* of pack.order */
	uint64_t place;
	uint32_t size, unpacked, flags;
};

struct pack {
	struct archive_wish *wish;
	struct log *log;
	struct arena arena;
	struct elf_kind machine; /* of the modules; its type is 0 while that is not known */
	struct depmod depmod;
	ARRAY(struct pack_entry) entries; /* modules first, in depmod's order */
	uint32_t n_modules;
	struct bytes sections[ARCHIVE_SECTION_TYPES]; /* their contents */
	ARRAY(uint32_t) order;			      /* of entries in the groups */
	ARRAY(struct pack_group) groups;
	struct atomic_file out; /* not open if there is a stream */
	FILE *f;		/* what is written to */
};

/* Finds the modules and files that are to be packed, and has depmod's answers about the modules made. 0 or
 * -errno. */
int pack_find(struct pack *p);
/* Finds what goes with them: firmware that they name, configuration, a profile. To be called when the
 * facts of all entries so far were taken. 0 or -errno. */
int pack_find_others(struct pack *p);
/* Reads a file as the archive will have it: modules decompressed. Any thread may call. 0 or -errno, which
 * has been logged, but for -ENOMEM. */
int pack_read(const struct rootfs *root, struct log *log, const struct pack_entry *e, struct blob *ret,
	      uint8_t *compression);
/* Reads every file, from an entry on, for what else it says. */
int pack_take_facts(struct pack *p, size_t first);
/* The next string of a module's .modinfo, or NULL; *at, 0 before the first one, moves on. */
const char *pack_info(const struct pack *p, const struct pack_entry *e, size_t *at);
/* Logs what is wrong with a file below the root, which is lost input, unless it is -ENOMEM; returns r. */
int pack_fail(struct pack *p, const char *file, const char *why, int r);

/* Makes all sections. What of ENTRIES and GROUPS depends on the groups is filled in by pack_fill_tables(). */
int pack_make_tables(struct pack *p);
void pack_fill_tables(struct pack *p);

/* Whether the output is a sound archive of all this already. */
bool pack_is_same(struct pack *p);

/* Divides the entries into groups. */
int pack_divide(struct pack *p);
/* Makes the section DICTIONARY, if it is worth it. */
int pack_make_dictionary(struct pack *p);
/* Compresses the groups, and writes them to p->f, which is at place. *end: where they end. */
int pack_write_groups(struct pack *p, uint64_t place, uint64_t *end);
