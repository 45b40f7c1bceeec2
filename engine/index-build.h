/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing what index.h reads: the same trie depmod writes, in memory. Used for an index whose .bin is
 * missing, broken or stale. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"

struct index_entry {
	const char *key;
	const char *value;
	uint32_t priority;
	uint32_t order; /* of insertion */
};

struct index_builder {
	struct arena arena;
	ARRAY(struct index_entry) entries;
};

/* Copies key and value. 0, -ENOMEM, or -E2BIG when the key is longer than LIMIT_ALIAS. */
int index_builder_add(struct index_builder *b, const char *key, size_t key_len, const char *value,
		      size_t value_len, uint32_t priority);

/* The finished image, for the caller to free(); -ENOMEM, or -EFBIG past the format's 256 MiB. */
int index_builder_finish(struct index_builder *b, uint8_t **data, size_t *size);

void index_builder_free(struct index_builder *b);
