/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hash table of a node of an archive's matcher (docs/ARCHIVE.md, ALIASES). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/archive-format.h"
#include "base/array.h"
#include "base/archive-trie.h"

#define TABLE_MAX 30000U /* children */

/* One way to go on from a node. */
struct table_child {
	uint8_t first[ARCHIVE_STEP];
	uint32_t ref, value;
};

struct table {
	size_t n;
	struct hashed *hashed;
	uint32_t n_slots;
	uint8_t *numbers; /* of the buckets */
	size_t *slots;	  /* the numbers of children, from 1 on; 0: free */
};

/* Finds slots for n children by their characters, which are different. 1; 0: there is no table for them;
 * -ENOMEM. */
int table_make(struct table *t, const struct table_child *children, size_t n);
/* Appends the numbers of the buckets and the slots with these children. 0 or -ENOMEM. */
int table_put(const struct table *t, const struct table_child *children, struct bytes *out);
void table_free(struct table *t);
