/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes what archive-match.c reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

struct bytes {
	ARRAY(uint8_t) items;
};

/* Append to a section. 0; -ENOMEM; -EFBIG when it would be larger than LIMIT_INDEX. */
int bytes_put(struct bytes *to, const void *data, size_t n);
int bytes_put_number(struct bytes *to, uint32_t v);

struct trie_alias {
	const char *key;
	uint32_t name; /* of the module that has it, a place in the strings */
};

/* Makes the section of n aliases, which stand in the order of modules.alias.bin. 0, -ENOMEM, -EFBIG. */
int archive_trie_build(const struct trie_alias *aliases, size_t n, struct bytes *ret);
