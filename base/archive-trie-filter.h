/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filter of a '*' in an archive's matcher (docs/ARCHIVE.md, ALIASES). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/archive-trie.h"

struct pieces;

/* Counts of pieces, all 0; NULL: out of memory. They are freed by free(). */
struct pieces *filter_pieces_new(void);
void filter_count(struct pieces *pieces, const char *pattern);

/* Appends a filter for n aliases that have the same '*' in front of depth, if it is worth it, and sets
 * *place then. all: the pieces of all aliases. 0 or -ENOMEM. */
int filter_put(const struct pieces *all, const struct trie_alias *aliases, size_t n, size_t depth,
	       struct bytes *out, uint32_t *place);
