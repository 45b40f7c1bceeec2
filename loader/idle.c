/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idea: ask the scheduler. A thread of the policy SCHED_IDLE sleeps for a moment and compares the time at
 * which it was to be woken with the time at which it runs. On an idle processor that is the time of a
 * context switch. Where each processor has something else to do, it is the rest of somebody's time slice,
 * because a thread of this policy never takes a processor from another one (sched(7)). On several
 * processors the kernel wakes it on an idle one.
 *
 * Where no processor ever becomes idle, the answer is given all the same when there has been no progress
 * for PATIENCE_US, and sooner each time that this happens again: it must not hold a boot up.
 *
 * This needs no file, no privilege and no kernel option, and sees everything that wants a processor: the
 * probes in kernel threads too. Refused: /proc/stat (its hundredths of a second are too coarse),
 * /proc/pressure (often not there), and the mere fact that the thread runs: it gets a little of each
 * processor's time in any case.
 */
#include "loader/idle.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"

#define NAP_US 1000U /* between two looks */
/* In a row; one alone can be lucky. */
#define LOOKS (IDLE_US / NAP_US)
#define PATIENCE_US 500000U /* without an idle processor or progress; half of it the next time, and so on */
#define PATIENCE_MIN_US 8000U
#define LATE_US 500U /* a processor in a deep sleep needs hundreds; a time slice is much longer */

struct idle {
	pthread_t thread;
	sem_t asked;
	atomic_bool is_asked;
	atomic_bool quit;
	atomic_uint since_us; /* the last progress, or the question; wraps around */
	uint32_t patience_us; /* of the thread */
	uint64_t late_us;     /* a nap may take so much longer */
	void (*found)(void *userdata, bool idle);
	void *userdata;
};

static void set_policy(int policy)
{
	struct sched_param param = {};

	(void)pthread_setschedparam(pthread_self(), policy, &param);
}

/* Without high-resolution timers a nap ends with a tick, the first one or the second. */
static uint64_t choose_late_us(void)
{
	struct timespec resolution;

	if (clock_getres(CLOCK_MONOTONIC, &resolution) < 0 || resolution.tv_sec || resolution.tv_nsec < 2000)
		return LATE_US;
	return LATE_US + 2 * (uint64_t)resolution.tv_nsec / 1000;
}

static bool wakes_at_once(const struct idle *i)
{
	struct timespec nap = { .tv_nsec = NAP_US * 1000 };
	uint64_t start = clock_now_us();

	(void)nanosleep(&nap, NULL);
	return clock_now_us() - start < NAP_US + i->late_us;
}

static bool is_idle_now(const struct idle *i)
{
	for (unsigned int n = 0; n < LOOKS; n++)
		if (!wakes_at_once(i))
			return false;
	return true;
}

void idle_note_progress(struct idle *i)
{
	atomic_store(&i->since_us, (uint32_t)clock_now_us());
}

static bool is_patient(const struct idle *i)
{
	/* Read before the clock: the difference would be huge if it were later. */
	uint32_t since = atomic_load(&i->since_us);

	return (uint32_t)clock_now_us() - since < i->patience_us;
}

/* Whether there was one. */
static bool wait_for_idle(struct idle *i)
{
	idle_note_progress(i);
	while (!atomic_load(&i->quit) && is_patient(i)) {
		if (is_idle_now(i)) {
			i->patience_us = PATIENCE_US;
			return true;
		}
	}
	if (i->patience_us > PATIENCE_MIN_US)
		i->patience_us /= 2;
	return false;
}

static void *idle_main(void *arg)
{
	struct idle *i = arg;
	bool idle;

	for (;;) {
		set_policy(SCHED_IDLE);
		while (sem_wait(&i->asked))
			;
		idle = wait_for_idle(i);
		/* Whoever waits for a lock that found takes must not wait for an idle processor. */
		set_policy(SCHED_OTHER);
		if (atomic_load(&i->quit))
			return NULL;
		atomic_store(&i->is_asked, false);
		i->found(i->userdata, idle);
	}
}

int idle_start(struct idle **ret, void (*found)(void *userdata, bool idle), void *userdata)
{
	_cleanup_free_ struct idle *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return -ENOMEM;
	i->found = found;
	i->userdata = userdata;
	i->patience_us = PATIENCE_US;
	i->late_us = choose_late_us();
	if (sem_init(&i->asked, 0, 0) < 0)
		return -errno;
	r = thread_start(&i->thread, idle_main, i);
	if (r < 0) {
		sem_destroy(&i->asked);
		return r;
	}
	*ret = steal_ptr(i);
	return 0;
}

void idle_ask(struct idle *i)
{
	if (!atomic_exchange(&i->is_asked, true))
		sem_post(&i->asked);
}

void idle_stop(struct idle *i)
{
	if (!i)
		return;
	atomic_store(&i->quit, true);
	sem_post(&i->asked);
	pthread_join(i->thread, NULL);
	sem_destroy(&i->asked);
	free(i);
}
