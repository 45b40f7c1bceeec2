/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds out when a processor has nothing better to do. */
#pragma once

#include <stdint.h>

struct idle;

/* Starts a thread that calls found(userdata), once for each idle_ask(), when a processor is idle, or runs nothing but
 * threads of the policy SCHED_IDLE; but after half a second in any case. found is borrowed and may call idle_ask(). 0 or -errno. */
int idle_start(struct idle **ret, void (*found)(void *userdata), void *userdata);

/* Asks. Does not wait, and may be called with locks held that found takes. A question that has not been answered yet
 * is not asked again. */
void idle_ask(struct idle *i);

/* Waits for the thread; a question without an answer is dropped. NULL is allowed. */
void idle_stop(struct idle *i);
