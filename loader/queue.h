/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which step may start next: pure data, no threads, no kernel. The essay is in queue.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "engine/plan.h"
#include "loader/loader.h"

struct queue_step {
	uint32_t priority;
	bool post_only;
	bool patient;
};

enum skip_reason {
	SKIP_NEEDS, /* a hard dependency is not live */
	SKIP_POST,  /* everything it is a post softdep of failed */
	SKIP_CANCEL,
};

struct queue_skip {
	uint32_t id;
	uint32_t reason; /* enum skip_reason */
	uint32_t on;	 /* the step whose outcome it was; STEP_NONE for SKIP_CANCEL */
	uint32_t root;	 /* the first in the chain: on itself, or what on was skipped for */
};

struct queue_node;
struct queue_link;

struct queue {
	ARRAY(struct queue_node) nodes; /* by step id */
	ARRAY(struct queue_link) links; /* who waits for a node: lists by offset */
	ARRAY(uint32_t) ready;		/* heap: what starts first on top */
	ARRAY(uint32_t) held;		/* patient steps that could start */
	ARRAY(struct queue_skip) skips; /* in order; taken up to n_taken */
	uint32_t n_taken;
	uint32_t n_done;
	uint32_t n_urgent; /* urgent steps neither ended nor forgiven */
	uint32_t n_running;
};

/* Room for that many more: the next queue_add() then cannot fail for want of memory. */
int queue_reserve(struct queue *q, size_t n_steps, size_t n_edges);
/* Appends a step, its id is the number of steps before. -EINVAL: an edge on itself or a later one. */
int queue_add(struct queue *q, const struct queue_step *step, const struct step_edge *edges, size_t n_edges);

/* A step that others wait for is as urgent as they are, also if it was added with an earlier plan. To be
 * called when a whole plan has been added. */
void queue_inherit(struct queue *q);
/* Patient steps may start now if nothing urgent is left, or in any case with all. To be called when a
 * whole plan has been added; queue_complete() and queue_forgive() do it by themselves. */
void queue_release(struct queue *q, bool all);
/* An urgent step takes so long that nobody is to be held for it. */
void queue_forgive(struct queue *q, uint32_t id);
/* What to start now, or STEP_NONE. */
uint32_t queue_pick(const struct queue *q);
/* Takes what queue_pick() names, which must be a step, and returns it. */
uint32_t queue_start(struct queue *q);
/* A started step has ended. What is skipped because of it comes from queue_skipped(). */
void queue_complete(struct queue *q, uint32_t id, enum load_outcome outcome);
/* Everything not started is skipped. */
void queue_cancel(struct queue *q);
/* The next step that was skipped; false: no more. */
bool queue_skipped(struct queue *q, struct queue_skip *ret);

/* Whether a boot waits for it, or for who waits for it. */
bool queue_is_urgent(const struct queue *q, uint32_t id);
/* Whether it was taken by queue_start(), skipped or ended; whether it was skipped or ended. */
bool queue_has_started(const struct queue *q, uint32_t id);
bool queue_has_ended(const struct queue *q, uint32_t id);

/* Of a step that has ended. */
enum load_outcome queue_outcome(const struct queue *q, uint32_t id);

static inline bool queue_drained(const struct queue *q)
{
	return q->n_done == q->nodes.n;
}

void queue_free(struct queue *q);
