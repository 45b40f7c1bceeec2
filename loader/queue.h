/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which step may start next: data only, no threads, no kernel. The design is described in queue.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "engine/plan.h"
#include "loader/loader.h"

struct queue_step {
	uint32_t priority;
	uint32_t expected_us; /* that it takes; 0: it is not known */
	bool post_only;
	bool patient;
	bool last; /* only with patient */
	bool alone;
};

enum skip_reason {
	SKIP_NEEDS, /* a hard dependency is not live */
	SKIP_POST,  /* every module that it is a post softdep of failed */
	SKIP_CANCEL,
};

struct queue_skip {
	uint32_t id;
	uint32_t reason; /* enum skip_reason */
	uint32_t on;	 /* the step because of whose outcome it was skipped; STEP_NONE for SKIP_CANCEL */
	uint32_t root;	 /* the first step of the chain: on, or the step that on was skipped for */
};

struct queue_node;
struct queue_link;

struct queue {
	ARRAY(struct queue_node) nodes; /* by step id */
	ARRAY(struct queue_link) links; /* lists of the steps that wait for a node */
	ARRAY(uint32_t) ready;		/* a heap, the step that starts next on top */
	ARRAY(uint32_t) held;		/* patient steps that could start */
	ARRAY(struct queue_skip) skips; /* in order; taken up to n_taken */
	uint32_t n_taken;
	uint32_t n_done;
	uint32_t n_urgent; /* urgent steps neither ended nor forgiven */
	uint32_t n_running;
	bool holds_last;
	uint32_t n_abandoned; /* of these */
	uint32_t n_alone;     /* running, not abandoned, and nothing starts meanwhile */
};

/* Makes room for that many more: queue_add() then cannot fail with -ENOMEM. */
int queue_reserve(struct queue *q, size_t n_steps, size_t n_edges);
/* Appends a step, whose id is the number of steps before it. -EINVAL: an edge on itself or a later step. */
int queue_add(struct queue *q, const struct queue_step *step, const struct step_edge *edges, size_t n_edges);

/* It is more urgent than it was said to be when it was added. To be called before queue_inherit(). */
void queue_raise(struct queue *q, uint32_t id, uint32_t priority);
/* Raises the priority of each step to that of the steps that wait for it, also across plans, and finds how
 * long these are expected to take. To be called when a whole plan has been added. */
void queue_inherit(struct queue *q);
/* As long as this is so, the last steps are held whatever else there is to do; at first it is not. */
void queue_hold_last(struct queue *q, bool hold);
/* Lets patient steps start if no urgent step is left, or with all in any case. To be called when a whole
 * plan has been added; queue_complete() and queue_forgive() do it themselves. */
void queue_release(struct queue *q, bool all);
/* An urgent step takes so long that no step is held for it any longer. */
void queue_forgive(struct queue *q, uint32_t id);
/* A running step takes so long that being alone does not matter any more, neither its own nor that of others. */
void queue_abandon(struct queue *q, uint32_t id);
/* The step to start next, or STEP_NONE. */
uint32_t queue_pick(const struct queue *q);
/* Starts and returns the step that queue_pick() names; there must be one. */
uint32_t queue_start(struct queue *q);
/* A started step has ended. queue_skipped() then names the steps that are skipped because of it. */
void queue_complete(struct queue *q, uint32_t id, enum load_outcome outcome);
/* Skips every step that has not started. */
void queue_cancel(struct queue *q);
/* The next step that was skipped; false: there is none. */
bool queue_skipped(struct queue *q, struct queue_skip *ret);

uint32_t queue_priority(const struct queue *q, uint32_t id);
/* Whether a boot waits for it, or for a step that waits for it. */
bool queue_is_urgent(const struct queue *q, uint32_t id);
/* Whether it was taken by queue_start(), skipped or ended; whether it was skipped or ended. */
bool queue_has_started(const struct queue *q, uint32_t id);
bool queue_has_ended(const struct queue *q, uint32_t id);

/* The outcome of a step that has ended. */
enum load_outcome queue_outcome(const struct queue *q, uint32_t id);

static inline bool queue_drained(const struct queue *q)
{
	return q->n_done == q->nodes.n;
}

void queue_free(struct queue *q);
