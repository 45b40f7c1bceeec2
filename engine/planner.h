/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From actions to a plan: a module's first action makes its step; the edges between steps are read off the
 * dependencies afterwards.
 *
 * Requests come in any number of batches.
 */
#pragma once

#include "base/profile.h"
#include "engine/expand.h"
#include "engine/order.h"
#include "engine/plan.h"

struct planner {
	struct expander *x;
	struct plan_archive archive; /* of the last batch */
	ARRAY(struct step) steps;    /* of all batches */
	ARRAY(uint32_t) step_module; /* by step */
	ARRAY(struct step_edge) edges;
	ARRAY(struct step_raise) raises; /* of all batches; whoever hands them over empties it */
	/* Providers (engine/priority.h). 0: only the end of all loads counts, and no step is patient. */
	uint32_t awaited;
	const struct profile *profile; /* of earlier boots, or NULL */
	const struct order *order;     /* one step after the other in this order, not by urgency; or NULL */
	size_t batch_steps;	       /* where the current batch begins */
	size_t batch_edges;
	size_t batch_reasons;
	int error; /* of the first request that ended halfway: nothing is planned any more */
};

/* Looks up and expands one request, and makes steps of its actions; text and params are copied. The id of the
 * request, or -ENOMEM, -E2BIG (more than LIMIT_STEPS): then half of it may be planned, and every later call
 * of this and of planner_finish_batch() answers the same. */
int64_t planner_request(struct planner *p, const char *text, const char *params, uint32_t flags);

/* Whether a request has led to a step since the last planner_finish_batch(), or to one that existed. */
bool planner_has_news(const struct planner *p);

/* Makes the edges and priorities of all steps since the last call, and raises those of earlier steps. The plan
 * points into the planner and is valid until the next call. 0, -ENOMEM, or the error of a request. */
int planner_finish_batch(struct planner *p, struct plan *ret);

/* Whether it has a step of this module with STEP_ABSENT. */
bool planner_has_absent(const struct planner *p, uint32_t module);

void planner_free(struct planner *p);
