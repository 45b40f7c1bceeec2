/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that work through the queue. The design is described in pool.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "engine/plan.h"
#include "loader/kernel.h"
#include "loader/loader.h"

#define POOL_SLOW_MS 1000U    /* a load that takes longer gives its place to another */
#define POOL_NAP_MS 10U	      /* so does one that is asleep after this time, unless jobs is given */
#define POOL_ALONE_MS 30000U  /* one that takes longer does not keep others from being alone */
#define POOL_WORKERS_MAX 512U /* more loads that never return leave no worker */

struct pool;

struct pool_options {
	unsigned int jobs;     /* 0: chosen by the number of processors */
	unsigned int slow_ms;  /* 0: POOL_SLOW_MS */
	unsigned int alone_ms; /* 0: POOL_ALONE_MS */
};

/* kernel is borrowed. */
int pool_start(struct pool **ret, const struct kernel *kernel, const struct pool_options *options);
/* Copies the plan, whose ids must continue those of the last one. 0; -EINVAL or -ENOMEM: no step of it is
 * taken. */
int pool_submit(struct pool *p, const struct plan *plan);
/* Opens the files that are still to be loaded, so that nothing below the root is needed any more. Returns how
 * many steps need it all the same: commands that have not ended, and files for which there was no descriptor. */
size_t pool_open_ahead(struct pool *p);
/* Whether a device is awaited (loader_await()). */
void pool_await(struct pool *p, bool awaited);
/* Asks for a processor that the steps do not use. pool_found_idle() says once that there is one; pool_fd() is then readable. */
void pool_ask_idle(struct pool *p);
bool pool_found_idle(struct pool *p);
/* From now on no step is started, also none of later plans. */
void pool_cancel(struct pool *p);
/* An eventfd, readable when there are new results since it was last read. */
int pool_fd(const struct pool *p);
/* Gets the result at *cursor, in order of completion, and advances it; it begins at 0. false: none yet. */
bool pool_next(struct pool *p, size_t *cursor, struct load_result *ret);
/* Replaces the message of a step's result, if it has one. */
void pool_annotate(struct pool *p, uint32_t step, const char *message);
/* The step of a result; its strings are valid as long as the pool. */
struct step pool_step(struct pool *p, uint32_t id);

struct pool_state {
	size_t n_steps;
	size_t n_results;
	bool drained; /* every step has a result */
	bool stalled; /* nothing runs but slow loads, and nothing can be started */
};

struct pool_state pool_look(struct pool *p);
/* Waits for loads in flight. NULL is fine. */
void pool_free(struct pool *p);
