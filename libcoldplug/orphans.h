/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loads in flight that their plan has been forgotten of: a loading process with all it has, and a copy of each of its
 * steps that has no result yet. */
#pragma once

#include "base/arena.h"
#include "base/array.h"
#include "engine/expand.h"
#include "loader/loader.h"

/* The outcome of a step that has no result yet. */
#define RESULT_NONE UINT32_MAX

struct orphan {
	struct loader *loader;
	struct arena arena;
	ARRAY(struct step) steps; /* without a result, by id */
};

struct orphans {
	ARRAY(struct orphan *) items;
};

/* Takes over a loader that has n steps in hand, with their results so far. 0, or -ENOMEM and nothing was done. */
int orphans_add(struct orphans *o, struct loader *loader, const struct step *steps,
		const struct load_result *results, size_t n);

/* Tells an expander that has begun anew that their modules are being loaded. 0 or -ENOMEM. */
int orphans_mark(const struct orphans *o, struct expander *x);

/* A step without a result by its number among all of them; NULL: there are no more. */
const struct step *orphans_step(const struct orphans *o, size_t i);

/* Takes the results that are there: fn is called with the number of the step, which is forgotten afterwards. How many
 * there were, or -errno. */
int orphans_take(struct orphans *o,
		 void (*fn)(void *userdata, struct loader *loader, size_t i,
			    const struct load_result *result),
		 void *userdata);

/* Starts no more loads of theirs. */
void orphans_cancel(struct orphans *o);
void orphans_free(struct orphans *o);
