/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A trie of patterns in the format of kmod's modules.*.bin (version 2.1; shared/index.h and
 * tools/depmod.c of kmod are the reference), read in place. A file is data from outside:
 * every offset is checked when it is followed, and a lookup has a budget that no valid file reaches.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/blocks.h"

#define INDEX_MAGIC 0xB007F457U
#define INDEX_VERSION 0x00020001U

#define INDEX_NODE_PREFIX 0x80000000U
#define INDEX_NODE_VALUES 0x40000000U
#define INDEX_NODE_CHILDS 0x20000000U
#define INDEX_NODE_MASK 0x0FFFFFFFU

struct index {
	const uint8_t *data; /* borrowed; outlives the index */
	size_t size;
	struct blocks *file; /* what data is read from when it is looked at; NULL: all is there */
	int error;	     /* of reading it */
	uint32_t root;
	/* After an -EBADMSG: where the file is broken and how. */
	uint32_t bad_offset;
	const char *bad;
};

/* One value found. */
struct index_hit {
	const char *value; /* points into the data */
	uint32_t priority;
	uint32_t pattern; /* index_hits.patterns + this: the pattern that matched, NUL-terminated */
	/* Where it was found: decides the order among equal priorities. */
	uint32_t entry, node, position;
};

struct index_hits {
	ARRAY(struct index_hit) hits;
	ARRAY(char) patterns;
};

/* Checks the header. 0, or -EBADMSG with index->bad set. */
int index_open(struct index *index, const void *data, size_t size);
/* The same for a file that is read on demand: it outlives the index. From here on -EBADMSG also means that it
 * could not be read, or was changed while it was in use. */
int index_open_file(struct index *index, struct blocks *file);

/* The first value of exactly this key: 1 and *value, 0 when there is none, -EBADMSG. */
int index_find(struct index *index, const char *key, const char **value);

/* All values whose pattern matches key as fnmatch(3) with no flags would, in libkmod's order: by
 * priority, equal ones in the reverse order of its walk. Appends nothing but replaces *hits. 0,
 * -EBADMSG or -ENOMEM. */
int index_match(struct index *index, const char *key, struct index_hits *hits);

/* Every key and value, in the order of the file. A negative answer of fn ends it and is returned. */
int index_each(struct index *index,
	       int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority),
	       void *userdata);

void index_hits_free(struct index_hits *hits);
