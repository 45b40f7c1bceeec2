/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index files of a set of modules, made of the modules themselves, with the bytes that kmod's depmod
 * writes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/elf.h"
#include "base/intern.h"
#include "base/log.h"
#include "base/rootfs.h"

#define DEPMOD_NO_MODULE UINT32_MAX
/* The owner of what the kernel itself exports. */
#define DEPMOD_KERNEL (UINT32_MAX - 1)

/* Levels of messages beside those of base/log.h: FATAL ends depmod; with -v it tells what needs what. */
#define DEPMOD_FATAL 2
#define DEPMOD_NOTICE 5

struct depmod_strings {
	ARRAY(const char *) items;
};

struct depmod_symbol {
	const char *name;
	uint64_t crc; /* 0: none */
	bool weak;
};

struct depmod_symbols {
	ARRAY(struct depmod_symbol) items;
};

struct depmod_module {
	const char *file; /* to be opened, and for messages */
	const char *path; /* as the indexes will have it: below the release's directory, or absolute */
	const char *name;
	uint32_t rank; /* its place among the modules; equal ones are sorted by path */
	uint64_t size; /* of the file */
	int error;     /* why its symbols could not be read */
	struct depmod_strings aliases, softdeps, weakdeps;
	struct depmod_symbols exported, needed;
	/* of depmod_solve() */
	ARRAY(uint32_t) deps;  /* the modules that have what is needed here */
	uint32_t users;	       /* how many have it among their deps */
	uint32_t dep_position; /* a module stands in front of all that it needs */
};

struct depmod_owner {
	uint32_t module; /* that exports it, or one of the two above */
	uint64_t crc;
};

struct depmod {
	/* To be set before, all may be zero. */
	struct log *log; /* NULL: nothing is said */
	bool tell_unknown, check_versions, tell_duplicates;
	bool leave_out; /* what no index can hold, with a warning, and go on */
	char symbol_prefix;
	/* Where modules.builtin is. */
	const struct rootfs *root;
	const char *directory;

	struct arena arena;
	ARRAY(struct depmod_module) modules;
	struct intern symbols;
	ARRAY(struct depmod_owner) owners; /* by symbol */
	bool indexed;
	uint32_t n_own;	   /* those behind are needed, but have their files elsewhere (depmod-beside.c) */
	uint32_t n_unread; /* modules and directories that could not be read, which has been logged */
	uint32_t n_sorted; /* the other modules are in circles, or are needed by one that is */
};

/* Adds a module; elf is needed meanwhile only. 0, -ENOMEM, -EBADMSG: its sections are damaged. */
int depmod_add(struct depmod *d, const char *path, uint32_t rank, const struct elf *elf);
/* What a module says, its strings copied into the arena; versions are looked at if they are wanted. It
 * takes what is sound. 0, -ENOMEM, -EBADMSG: some of its sections are damaged. */
int depmod_take_facts(struct depmod_module *m, struct arena *arena, const struct elf *elf, bool versions);
/* A symbol of the kernel itself. 0 or -ENOMEM. */
int depmod_add_kernel_symbol(struct depmod *d, const char *name, uint64_t crc);
/* To be called after the last module was added: sorts the modules, and enters what they export. Once is
 * enough. */
int depmod_index(struct depmod *d);
/* To be called after that, or in its place: finds out which module needs which. */
int depmod_solve(struct depmod *d);
/* Undoes depmod_solve(), so that modules can be removed, and it can be called again. */
void depmod_forget(struct depmod *d);
/* For depmod-beside.c, after depmod_index(): the name that an undefined symbol has where it is exported;
 * whether the kernel, as far as it is known, or a module has it; and makes a module its owner (0 or
 * -ENOMEM). */
const char *depmod_plain_symbol(const struct depmod *d, const char *symbol);
bool depmod_has_symbol(const struct depmod *d, const char *symbol);
int depmod_set_owner(struct depmod *d, const char *symbol, uint32_t module, uint64_t crc);
/* Tells of the circles that are left when depmod_solve() could not sort all (engine/depmod-cycles.c). 0 or
 * -ENOMEM. */
int depmod_tell_cycles(struct depmod *d);

/* In the order in which depmod writes them. */
enum depmod_file {
	DEPMOD_DEP_TEXT,
	DEPMOD_DEP,
	DEPMOD_ALIAS_TEXT,
	DEPMOD_ALIAS,
	DEPMOD_SOFTDEP,
	DEPMOD_WEAKDEP,
	DEPMOD_SYMBOLS_TEXT,
	DEPMOD_SYMBOLS,
	DEPMOD_BUILTIN,
	DEPMOD_BUILTIN_ALIAS,
	DEPMOD_DEVNAME,
	DEPMOD_FILES,
};
/* "modules.dep.bin" and so on. */
extern const char *const depmod_names[DEPMOD_FILES];
bool depmod_is_text(enum depmod_file which);
/* The contents of one of the files, to be freed (engine/depmod-output.c). 0, -ENOMEM, -EFBIG, or
 * -EINVAL: a name has bytes that no index can hold, which has been logged. */
int depmod_make(struct depmod *d, enum depmod_file which, uint8_t **data, size_t *size);
/* One of the two about what is built in, for depmod_make(). */
int depmod_make_builtin(struct depmod *d, enum depmod_file which, uint8_t **data, size_t *size);

/* A path of a file with the root in front, for messages. */
const char *depmod_shown(struct depmod *d, const char *path);
/* Warns that a file of the directory, or the directory itself, cannot be opened. 0 if it is not there;
 * else r: it is no reason to do without it. */
int depmod_log_unopened(struct depmod *d, const char *name, int r);

struct index_builder;
/* Adds an entry as depmod does: 0, -ENOMEM or -EINVAL as above. */
int depmod_add_entry(struct depmod *d, struct index_builder *b, const char *key, const char *value,
		     uint32_t priority);

void depmod_free(struct depmod *d);
