/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What engine/ hands on to loader/: steps and the edges between them. A plan can be made without a
 * kernel, and carried out without knowing where a module came from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/archive-unpack.h"

#define STEP_NONE UINT32_MAX
#define STEP_NEEDED 440U    /* an earlier boot needed these to find the device that is awaited */
#define STEP_URGENT 340U    /* priorities from here on: a boot waits for these */
#define STEP_CANDIDATE 200U /* it may have to wait for these */
#define STEP_BAND 10U	    /* what together leads to one device is at most so far apart */

enum step_kind {
	STEP_MODULE,  /* load the file at path */
	STEP_COMMAND, /* run the shell command of an install line instead */
	STEP_ABSENT,  /* wanted, but there is no file: fails when its turn comes, so dependents know */
};

/* How one step depends on another. */
enum edge_kind {
	EDGE_HARD, /* the other must be live; when it failed, so has this one */
	EDGE_SOFT, /* the other must have been tried */
	EDGE_POST, /* this is the other's post softdep: as EDGE_SOFT, and see step.post_only */
};

struct step_edge {
	uint32_t on;   /* the step waited for: an id below this step's own, perhaps of an earlier plan */
	uint32_t kind; /* enum edge_kind */
};

struct step {
	uint32_t id;	  /* counts up over all plans given to one loader, without gaps */
	uint32_t kind;	  /* enum step_kind */
	const char *name; /* the module's name, normalised ('_') */
	const char *path; /* STEP_MODULE: path under the root, "lib/modules/..."; else NULL */
	const struct archive_member
		*member;     /* it is in the plan's archive, and path is for people; or NULL */
	const char *params;  /* "" when none */
	const char *command; /* STEP_COMMAND: for /bin/sh -c, $CMDLINE_OPTS replaced already */
	const char *origin;  /* STEP_COMMAND: "FILE:LINE" of the install line; else NULL */
	uint32_t priority;   /* among those ready, higher starts first */
	uint32_t took_us;    /* in an earlier boot; 0: it is not known */
	bool patient;	     /* may take seconds: starts when nothing urgent is left to do */
	bool last;	     /* patient, and starts when nothing is awaited any more */
	bool alone;	     /* starts when no other load is in flight, and none starts while it is */
	bool post_only;	     /* wanted only as a post softdep: not tried when all it follows failed */
	uint32_t edge_first; /* into plan.edges */
	uint32_t n_edges;
	uint64_t planned_us; /* when the loader received it (CLOCK_MONOTONIC); 0 before */
};

/* A step of an earlier plan is more urgent than that plan said. */
struct step_raise {
	uint32_t id;
	uint32_t priority;
};

/* The archive that a plan's modules are in. */
struct plan_archive {
	int fd;		  /* borrowed */
	const char *path; /* for messages */
	struct archive_dictionary dictionary;
};

struct plan {
	const struct step *steps; /* in kmod's order: every edge points to an earlier step */
	size_t n_steps;
	const struct step_edge *edges;
	size_t n_edges;
	const struct step_raise *raises;
	size_t n_raises;
	const struct plan_archive *archive; /* NULL: no step has a member */
};

/* A copy whose strings are in arena. 0, or -ENOMEM and *ret is as it was. */
struct arena;
int step_copy(struct arena *arena, const struct step *from, struct step *ret);
