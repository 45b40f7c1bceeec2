/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One machine, or a tree that looks like one: its modules, its configuration and what it has loaded,
 * all opened below one root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/profile.h"
#include "base/rootfs.h"
#include "engine/loaded.h"
#include "engine/planner.h"

/* Where to look. NULL stands for the default. */
struct machine_paths {
	char *root;	   /* "/" */
	bool root_unnamed; /* it is a recording's temporary directory: paths are as in the recording */
	char *module_root; /* below "/", without a leading slash: the modules are taken from there */
	char *archive; /* of modules, a path of the caller's; NULL: one in the usual places, if there is one */
	char *release; /* the running kernel's; below another root the only one there is */
	char **config; /* what is read instead of the modprobe.d directories, NULL-terminated */
	/* Modules that load alone, beside those of the configuration: names with commas between them. */
	char *alone;
	char *profile; /* of earlier boots, not below the root; /etc/coldplug/profile below it, if there is one */
};

struct machine {
	struct log *log;
	const struct machine_paths *paths;
	bool opened;
	bool loaded_known; /* proc/modules was read */
	char *release;	   /* NULL: none was found, and that was reported */
	char *cmdline;	   /* the kernel's, or NULL: read once, so that one error is one message */
	char *directory;   /* what machine_directory() answers */
	/* If not NULL, machine_open_for_one() writes there what machine_open() writes to its *fingerprint. */
	uint64_t *fingerprint;
	struct rootfs root;
	struct moddir dir;
	struct modules modules;
	struct config config;
	struct profile profile;
	struct config requests; /* that modules are known to make (engine/companions.h) */
	struct config learnt;	/* the same, by the profile */
	struct lookup lookup;
	struct loaded_list loaded;
	struct expander expander;
	struct planner planner;
	struct order order; /* read for COLDPLUG_ORDERED only */
};

/* Both must outlive the machine. */
void machine_init(struct machine *m, const struct machine_paths *paths, struct log *log);

/* Opens the root alone. 0 or -errno. Here and below a second call does nothing. */
int machine_open_root(struct machine *m);
/* Opens all of it. Into *fingerprint, which may be NULL, goes machine_fingerprint() as it was before
 * anything was read: a change that comes later makes a difference. 0 or -errno. */
int machine_open(struct machine *m, uint64_t *fingerprint);
/* The same for a caller that asks the kernel about one module after the other: what is loaded is not
 * read, and a missing directory of modules is not reported. */
int machine_open_for_one(struct machine *m);
/* Forgets all that was read; the machine can be opened again. */
void machine_close(struct machine *m);

/* Identifies the state of the files that machine_open() reads (engine/fingerprint.h). Never 0. */
uint64_t machine_fingerprint(const struct machine *m);

/* Where the modules are, or would be, as a user sees it; NULL when out of memory. */
const char *machine_directory(struct machine *m);
/* A path below the root as a user sees it; NULL when out of memory. */
const char *machine_path(const struct machine *m, struct arena *arena, const char *path);
/* Whether something other than a regular file is at path, for instance a directory. */
bool machine_is_other_than_file(const struct machine *m, const char *path);
/* Makes the file at path the one of the module that is called like it, and writes the module's name to name
 * (LIMIT_NAME + 1 bytes). 1; 0 when there is no such file; -ENOMEM, -EINVAL when that is not a name. */
int machine_name_of_path(struct machine *m, const char *path, char *name);
