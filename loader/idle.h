/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds out when a processor has nothing better to do. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct idle;

/* How long a processor must be idle to count. */
#define IDLE_US 4000

/* Starts a thread that calls found(userdata, true), once for each idle_ask(), when a processor is idle, or
 * runs nothing but threads of the policy SCHED_IDLE; and found(userdata, false) when there is none and
 * nothing was noted for half a second. found is borrowed and may call idle_ask(). 0 or -errno. */
int idle_start(struct idle **ret, void (*found)(void *userdata, bool idle), void *userdata);

/* Asks. Does not wait, and may be called with locks held that found takes. A question that has not been
 * answered yet is not asked again. */
void idle_ask(struct idle *i);

/* What keeps the processors busy makes progress. */
void idle_note_progress(struct idle *i);

/* Waits for the thread; a question without an answer is dropped. NULL is allowed. */
void idle_stop(struct idle *i);
