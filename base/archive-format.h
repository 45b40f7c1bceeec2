/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers of docs/ARCHIVE.md. */
#pragma once

#include <stdint.h>

#define ARCHIVE_MAGIC \
	"\x8b"        \
	"cparc\r\n"
#define ARCHIVE_MAGIC_SIZE 8U
#define ARCHIVE_VERSION 1U

#define ARCHIVE_HEADER_SIZE 48U /* without the table of sections and the sums */
#define ARCHIVE_HEADER_SUM 40U	/* where its checksum is */
#define ARCHIVE_BLOCK 4096U
#define ARCHIVE_BLOCK_SHIFT 12
#define ARCHIVE_SECTION_ROW 48U
#define ARCHIVE_ENTRY_ROW 48U
#define ARCHIVE_GROUP_ROW 24U

#define ARCHIVE_REQUIRED 1U /* flags of a section */
#define ARCHIVE_PACKED 2U

#define ARCHIVE_GROUP_DICTIONARY 1U /* flag of a group */

#define ARCHIVE_LEAF 0x80000000U /* of the two numbers of a child in ALIASES: a leaf, and a list of names */

#define ARCHIVE_PIECE 4U /* characters that a filter in ALIASES is asked for */
#define ARCHIVE_STEP 8U	 /* and of a child in a hash table there, at most */

enum archive_section_type {
	ARCHIVE_META = 1,
	ARCHIVE_STRINGS,
	ARCHIVE_ENTRIES,
	ARCHIVE_NAMES,
	ARCHIVE_DEPENDENCIES,
	ARCHIVE_GROUPS,
	ARCHIVE_ALIASES,
	ARCHIVE_INFO,
	ARCHIVE_SYMBOLS,
	ARCHIVE_BUILTIN,
	ARCHIVE_BUILTIN_ALIASES,
	ARCHIVE_SOFTDEPS,
	ARCHIVE_WEAKDEPS,
	ARCHIVE_DEVNAME,
	ARCHIVE_DICTIONARY,
	ARCHIVE_SECTION_TYPES,
};

enum archive_kind {
	ARCHIVE_MODULE = 1,
	ARCHIVE_RELEASE_FILE,
	ARCHIVE_FIRMWARE,
	ARCHIVE_CONFIGURATION,
	ARCHIVE_PROFILE,
};

/* Where a profile is, below the release's directory. */
#define ARCHIVE_PROFILE_PATH "modules.profile"

/* Of a piece in ALIASES: the number of its bit in a filter, and more bits behind it. */
static inline uint32_t archive_piece_hash(uint32_t characters)
{
	return characters * 0x9E3779B1U;
}

/* Of the characters of a child in a hash table of ALIASES. */
static inline uint32_t archive_hash(uint64_t characters)
{
	return (uint32_t)(characters * 0x9E3779B97F4A7C15U >> 32);
}

static inline uint32_t archive_buckets(uint32_t n_slots)
{
	return n_slots / 4 + 1;
}

/* The bucket of a hash in a table, and with its number the slot. */
static inline uint32_t archive_bucket(uint32_t hash, uint32_t n_slots)
{
	return (uint32_t)((uint64_t)hash * archive_buckets(n_slots) >> 32);
}

static inline uint32_t archive_slot(uint32_t hash, uint8_t number, uint32_t n_slots)
{
	return (uint32_t)((uint64_t)((hash ^ number * 0x85EBCA6BU) * 0xC2B2AE35U) * n_slots >> 32);
}
