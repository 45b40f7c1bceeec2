/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes what archive-match.c reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

struct bytes {
	ARRAY(uint8_t) items;
};

struct trie_alias {
	const char *key;
	uint32_t name; /* of the module that has it, a place in the strings */
};

/* Makes the section of n aliases, which stand in the order of modules.alias.bin. 0, -ENOMEM, -EFBIG. */
int archive_trie_build(const struct trie_alias *aliases, size_t n, struct bytes *ret);
