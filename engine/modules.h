/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The modules of a release, each known by a 32-bit id from the moment its name first came up, and what
 * modules.dep says of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/intern.h"
#include "engine/moddir.h"

#define MODULE_NONE UINT32_MAX

struct module {
	const char *path;     /* as modules.dep has it: below the release's directory, or absolute;
			       * NULL: there is no file */
	const uint32_t *deps; /* all it needs, also indirectly, in the order to load them */
	uint32_t n_deps;
	uint32_t mark;	    /* 1 + the module whose dependencies have met this one last */
	bool archived;	    /* it is in the archive, and path is "ARCHIVE:PATH" as a user sees it */
	bool known;	    /* modules.dep was asked */
	bool complete;	    /* and what it says of the dependencies, where that matters */
	bool builtin_known; /* modules.builtin was asked */
	bool builtin;
};

struct modules {
	struct moddir *dir;
	struct arena arena;
	struct intern names;
	ARRAY(struct module) items;
};

/* The id of a name (as it is: normalise first), MODULE_NONE when out of memory. */
uint32_t modules_id(struct modules *m, const char *name, size_t len);
static inline const char *modules_name(const struct modules *m, uint32_t id)
{
	return intern_string(&m->names, id);
}
/* What modules.dep says of it; NULL when out of memory. Valid until the next call of any function
 * here, its strings and deps until modules_free(). */
const struct module *modules_get(struct modules *m, uint32_t id);
/* Gives a module another file than modules.dep does; path is below the root, with a leading slash. 0 or
 * -ENOMEM. */
int modules_set_path(struct modules *m, uint32_t id, const char *path);
/* 1 when modules.builtin names it, 0, -ENOMEM. */
int modules_is_builtin(struct modules *m, uint32_t id);
void modules_free(struct modules *m);
