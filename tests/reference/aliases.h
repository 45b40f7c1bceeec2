/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Things to ask for: everything a kernel's index files name, made concrete at random, each with a near
 * miss; and aliases no sane device has. */
#pragma once

#include "base/array.h"
#include "tests/reference/random.h"

struct strings {
	ARRAY(char *) items;
};

/* What one release has. */
struct kernel {
	struct strings patterns; /* modules.alias */
	struct strings symbols;	 /* modules.symbols */
	struct strings builtin;	 /* aliases of modules.builtin.modinfo */
	struct strings modules;	 /* names as in modules.dep, '-' kept */
	struct strings builtin_modules;
};

/* directory: /lib/modules/RELEASE. A message on stderr and -errno when its text files cannot be read. */
int kernel_read(struct kernel *k, const char *directory);
void kernel_free(struct kernel *k);

/* An alias the pattern matches: '*' becomes plausible text, '?' a character, [..] a member. */
void instantiate(struct random *r, const char *pattern, char *buf, size_t size);
/* One character is changed, dropped or added. */
void near_miss(struct random *r, char *alias, size_t size);
/* Brackets, wildcards, control bytes, great lengths. */
void nasty(struct random *r, const struct kernel *k, char *buf, size_t size);

/* All of that, in a fixed order. */
void aliases_make(struct strings *ret, const struct kernel *k, struct random *r);

/* Dies when out of memory, as a test may. */
void strings_add(struct strings *s, const char *text);
void strings_free(struct strings *s);
