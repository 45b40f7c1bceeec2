/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index files of a set of modules, made of the modules themselves, with the bytes that kmod's depmod writes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/elf.h"
#include "base/intern.h"

struct depmod_strings {
	ARRAY(const char *) items;
};

struct depmod_module {
	const char *path; /* below the release's directory, as the indexes will have it */
	const char *name;
	uint32_t rank; /* its place among the modules; equal ones are sorted by path */
	struct depmod_strings aliases, softdeps, exported, undefined;
	/* of depmod_solve() */
	ARRAY(uint32_t) deps;  /* the modules that have what is undefined here */
	uint32_t users;	       /* how many have it among their deps */
	uint32_t dep_position; /* a module stands in front of all that it needs */
};

struct depmod {
	struct arena arena;
	ARRAY(struct depmod_module) modules;
	struct intern symbols;
	ARRAY(uint32_t) owners; /* by symbol: the module that exports it */
};

/* Adds a module; elf is needed meanwhile only. 0, -ENOMEM, -EBADMSG: its sections are damaged. */
int depmod_add(struct depmod *d, const char *path, uint32_t rank, const struct elf *elf);
/* To be called after the last module was added: finds out which module needs which. */
int depmod_solve(struct depmod *d);

enum depmod_file {
	DEPMOD_DEP,
	DEPMOD_ALIAS,
	DEPMOD_SYMBOLS,
	DEPMOD_SOFTDEP, /* a text */
	DEPMOD_FILES,
};
/* "modules.dep.bin" and so on. */
extern const char *const depmod_names[DEPMOD_FILES];
/* The contents of one of the files, to be freed. 0 or -ENOMEM. */
int depmod_make(struct depmod *d, enum depmod_file which, uint8_t **data, size_t *size);

void depmod_free(struct depmod *d);
