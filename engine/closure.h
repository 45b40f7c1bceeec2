/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that an image needs. */
#pragma once

#include "engine/machine.h"

enum closure_kind {
	CLOSURE_MODULE,
	CLOSURE_FIRMWARE,
};

struct closure_file {
	enum closure_kind kind;
	const char *path; /* with the root it was found below */
	const char *name; /* the module's, or the firmware's as the module has it */
	const char *by;	  /* the module that named it; NULL when the caller wanted it */
	bool archived;	  /* the module is in an archive, and path is "FILE:PATH" */
};

struct closure_files {
	ARRAY(struct closure_file) items;
};

struct closure_options {
	const struct rootfs *files_root; /* where modules and firmware are; NULL: below the machine's root */
	bool firmware;			 /* list it too */
	bool companions;		 /* add what engine/companions.c says */
};

/* Finds what the requests made of the machine's planner so far need, and makes requests of what that
 * names more. They must have been made with REQUEST_SHOW and REQUEST_IGNORE_LOADED. Replaces *ret,
 * modules first, sorted by path; its strings live as long as the planner's. 0 or -ENOMEM. */
int closure_find(struct machine *m, const struct closure_options *options, struct closure_files *ret);

/* Opens the directory or archive of the release below such a root; there may be neither. 0 or -ENOMEM. */
int closure_open_files(struct moddir *d, const struct rootfs *root, const char *release, struct log *log);

/* Replaces *ret by the files of a firmware, which may be a pattern, below the machine's root: none if it
 * is not there. The strings live as long as the planner's. 0 or -errno. */
int closure_firmware(struct machine *m, const char *name, struct closure_files *ret);
