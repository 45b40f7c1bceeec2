/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "loader/idle.h"

struct answers {
	struct idle *idle;
	atomic_uint n;
	atomic_uint n_idle;	 /* because there was an idle processor, */
	atomic_uint n_impatient; /* or no progress */
	unsigned int again;	 /* so often the answer asks once more */
	sem_t last;
};

static void take_answer(void *userdata, bool idle)
{
	struct answers *a = userdata;

	atomic_fetch_add(&a->n, 1);
	atomic_fetch_add(idle ? &a->n_idle : &a->n_impatient, 1);
	if (!a->again)
		sem_post(&a->last);
	else if (a->again--)
		idle_ask(a->idle);
}

static void start_answers(struct answers *a, unsigned int again)
{
	*a = (struct answers){ .again = again };
	sem_init(&a->last, 0, 0);
	assert_int_equal(idle_start(&a->idle, take_answer, a), 0);
}

static void stop(struct answers *a)
{
	idle_stop(a->idle);
	sem_destroy(&a->last);
}

static void without_a_question_there_is_no_answer(void **state)
{
	struct answers a;

	start_answers(&a, 0);
	stop(&a);
	assert_int_equal(a.n, 0);
}

/* On a busy machine too, but then it takes longer. */
static void each_question_is_answered_once(void **state)
{
	struct answers a;

	start_answers(&a, 20);
	idle_ask(a.idle);
	while (sem_wait(&a.last))
		;
	stop(&a);
	assert_int_equal(a.n, 21);
}

static void a_question_without_an_answer_is_dropped_at_the_end(void **state)
{
	struct answers a;

	start_answers(&a, 0);
	for (int i = 0; i < 5; i++)
		idle_ask(a.idle);
	stop(&a);
	assert_true(a.n <= 1);
}

/* Keeps to the processor on which the caller runs, with all threads that it starts from now on. */
static void stay_here(cpu_set_t *before)
{
	cpu_set_t one;

	assert_int_equal(sched_getaffinity(0, sizeof(*before), before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* For longer than the patience that there is without any, also when a lucky answer in between is followed by
 * the next question. Where the machine lets this thread wait for a good part of that, there was no progress. */
static void progress_is_waited_for(void **state)
{
	uint64_t start = clock_now_us(), last = start, longest_us = 0;
	unsigned int n_impatient = 0;
	cpu_set_t before;
	struct answers a;

	stay_here(&before);
	start_answers(&a, UINT_MAX);
	idle_ask(a.idle);
	for (uint64_t now = start; now < start + 800000; last = now) {
		idle_note_progress(a.idle);
		n_impatient = a.n_impatient;
		now = clock_now_us();
		if (now - last > longest_us)
			longest_us = now - last;
	}
	stop(&a);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	if (longest_us > 200000)
		skip();
	assert_int_equal(n_impatient, 0);
}

static uint64_t my_processor_time_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Whether this thread had the processor all the time, but for the moments that the other one needs to look.
 * If others had it, it may well have been idle between them. */
static bool keep_busy(unsigned int us)
{
	uint64_t start = clock_now_us(), mine = my_processor_time_us();

	while (clock_now_us() < start + us)
		;
	mine = my_processor_time_us() - mine;
	return mine >= (clock_now_us() - start) / 100 * 97;
}

/* The thread shares one processor with this one, which does not let go of it. Now and then it may be
 * lucky. */
static void a_busy_processor_is_not_idle(void **state)
{
	unsigned int n_lucky = 0, n_busy = 0;
	cpu_set_t before;
	struct answers a;

	/* Then the scheduler lets the two share it. */
	if (getpriority(PRIO_PROCESS, 0) > 0)
		skip();
	stay_here(&before);
	start_answers(&a, 0);
	for (unsigned int round = 0; n_busy < 10 && round < 40; round++) {
		unsigned int n = a.n_idle;
		bool busy;

		idle_ask(a.idle);
		busy = keep_busy(60000);
		n_busy += busy;
		n_lucky += busy && a.n_idle != n;
		while (sem_wait(&a.last))
			;
	}
	stop(&a);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	if (n_busy < 10)
		skip();
	assert_true(n_lucky <= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_question_there_is_no_answer),
		cmocka_unit_test(each_question_is_answered_once),
		cmocka_unit_test(a_question_without_an_answer_is_dropped_at_the_end),
		cmocka_unit_test(progress_is_waited_for),
		cmocka_unit_test(a_busy_processor_is_not_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
