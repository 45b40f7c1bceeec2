/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "loader/queue.h"

#define MODULE { .priority = 5, .module = true }
#define ASYNC { .priority = 5, .module = true, .async = true }

static uint32_t add(struct queue *q, struct queue_step step, const struct step_edge *edges, size_t n)
{
	assert_int_equal(queue_add(q, &step, edges, n), 0);
	return (uint32_t)q->nodes.n - 1;
}

#define add_step(q, ...) add((q), (struct queue_step)__VA_ARGS__, NULL, 0)
#define add_after(q, other, edge, ...) \
	add((q), (struct queue_step)__VA_ARGS__, &(struct step_edge){ .on = (other), .kind = (edge) }, 1)

static bool start(struct queue *q, uint32_t id)
{
	assert_int_equal(queue_pick(q, 0), id);
	return queue_start(q, id);
}

static void run(struct queue *q, uint32_t id, enum load_outcome outcome)
{
	start(q, id);
	queue_complete(q, id, outcome);
}

static void the_higher_priority_starts_first_then_the_lower_id(void **state)
{
	static const uint32_t priorities[] = { 1, 7, 3, 7, 0, 3 }, order[] = { 1, 3, 2, 5, 0, 4 };
	struct queue q = {};

	for (size_t i = 0; i < ARRAY_SIZE(priorities); i++)
		add_step(&q, { .priority = priorities[i], .module = true });
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		run(&q, order[i], LOAD_DONE);
	assert_true(queue_drained(&q));
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_free(&q);
}

/* One edge, one outcome of the step it is on: does the other start or is it skipped? */
static const struct {
	enum edge_kind kind;
	bool post_only;
	enum load_outcome outcome;
	bool starts;
} edges[] = {
	{ EDGE_HARD, false, LOAD_DONE, true },	   { EDGE_HARD, false, LOAD_ALREADY, true },
	{ EDGE_HARD, false, LOAD_DECLINED, false }, { EDGE_HARD, false, LOAD_FAILED, false },
	{ EDGE_SOFT, false, LOAD_DONE, true },	   { EDGE_SOFT, false, LOAD_ALREADY, true },
	{ EDGE_SOFT, false, LOAD_DECLINED, true },  { EDGE_SOFT, false, LOAD_FAILED, true },
	{ EDGE_SOFT, true, LOAD_FAILED, true },	   { EDGE_POST, false, LOAD_FAILED, true },
	{ EDGE_POST, true, LOAD_DONE, true },	   { EDGE_POST, true, LOAD_ALREADY, true },
	{ EDGE_POST, true, LOAD_DECLINED, false },  { EDGE_POST, true, LOAD_FAILED, false },
};

static void check_edge(size_t row, bool ended_before)
{
	struct queue_step second = { .priority = 9, .module = true, .post_only = edges[row].post_only };
	struct queue_skip skip = {};
	struct queue q = {};

	add_step(&q, MODULE);
	if (ended_before)
		run(&q, 0, edges[row].outcome);
	add(&q, second, &(struct step_edge){ .on = 0, .kind = edges[row].kind }, 1);
	if (!ended_before)
		run(&q, 0, edges[row].outcome);
	assert_int_equal(queue_pick(&q, 0), edges[row].starts ? 1 : STEP_NONE);
	assert_int_equal(queue_skipped(&q, &skip), !edges[row].starts);
	if (!edges[row].starts) {
		assert_int_equal(skip.id, 1);
		assert_int_equal(skip.on, 0);
		assert_int_equal(skip.root, 0);
		assert_int_equal(skip.reason, edges[row].kind == EDGE_POST ? SKIP_POST : SKIP_NEEDS);
		assert_true(queue_drained(&q));
	}
	queue_free(&q);
}

static void an_edge_is_satisfied_or_broken_by_its_kind_and_the_outcome(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		check_edge(i, false);
}

static void an_edge_on_a_step_that_has_ended_counts_at_once(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		check_edge(i, true);
}

static void a_chain_is_skipped_to_its_end_and_knows_where_it_broke(void **state)
{
	struct queue_skip skip;
	struct queue q = {};

	add_step(&q, MODULE);
	for (uint32_t i = 0; i < 100; i++)
		add_after(&q, i, EDGE_HARD, MODULE);
	run(&q, 0, LOAD_FAILED);
	for (uint32_t i = 1; i <= 100; i++) {
		assert_true(queue_skipped(&q, &skip));
		assert_int_equal(skip.id, i);
		assert_int_equal(skip.on, i - 1);
		assert_int_equal(skip.root, 0);
	}
	assert_true(queue_drained(&q));
	queue_free(&q);
}

static void a_skipped_step_satisfies_a_soft_edge(void **state)
{
	struct queue q = {};

	add_step(&q, MODULE);
	add_after(&q, 0, EDGE_HARD, MODULE);
	add_after(&q, 1, EDGE_SOFT, MODULE);
	run(&q, 0, LOAD_FAILED);
	run(&q, 2, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

static void one_module_that_went_well_is_enough_for_a_post_softdep(void **state)
{
	static const struct step_edge post[] = { { 0, EDGE_POST }, { 1, EDGE_POST } };
	struct queue q = {};

	add_step(&q, MODULE);
	add_step(&q, MODULE);
	add(&q, (struct queue_step){ .post_only = true, .module = true }, post, 2);
	run(&q, 0, LOAD_DONE);
	run(&q, 1, LOAD_FAILED);
	run(&q, 2, LOAD_DONE);
	queue_free(&q);
}

static void a_step_skipped_by_one_edge_is_not_started_by_the_other(void **state)
{
	static const struct step_edge two[] = { { 0, EDGE_HARD }, { 1, EDGE_HARD }, { 1, EDGE_SOFT } };
	struct queue_skip skip;
	struct queue q = {};

	add_step(&q, MODULE);
	add_step(&q, MODULE);
	add(&q, (struct queue_step)MODULE, two, ARRAY_SIZE(two));
	run(&q, 0, LOAD_FAILED);
	assert_true(queue_skipped(&q, &skip));
	run(&q, 1, LOAD_FAILED);
	assert_false(queue_skipped(&q, &skip));
	assert_int_equal(q.n_done, 3);
	queue_free(&q);
}

static void an_edge_on_itself_or_forward_is_refused(void **state)
{
	struct queue_step step = MODULE;
	struct queue q = {};

	assert_int_equal(queue_add(&q, &step, &(struct step_edge){ .on = 0 }, 1), -EINVAL);
	assert_int_equal(queue_add(&q, &step, &(struct step_edge){ .on = STEP_NONE }, 1), -EINVAL);
	assert_int_equal(q.nodes.n, 0);
	queue_free(&q);
}

static void cancelling_skips_what_has_not_started_and_only_that(void **state)
{
	struct queue_skip skip;
	struct queue q = {};

	add_step(&q, MODULE);
	add_step(&q, MODULE);
	add_after(&q, 0, EDGE_HARD, MODULE);
	start(&q, 0);
	queue_cancel(&q);
	for (uint32_t i = 1; i < 3; i++) {
		assert_true(queue_skipped(&q, &skip));
		assert_int_equal(skip.id, i);
		assert_int_equal(skip.reason, SKIP_CANCEL);
		assert_int_equal(skip.on, STEP_NONE);
	}
	assert_false(queue_drained(&q));
	queue_complete(&q, 0, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

/* The barrier. */

static void without_asynchronous_loads_nothing_is_held_back(void **state)
{
	struct queue q = {};

	add_step(&q, MODULE);
	add_step(&q, MODULE);
	assert_false(start(&q, 0));
	assert_false(start(&q, 1));
	queue_free(&q);
}

static void the_last_leaf_waits_for_all_others_and_is_synchronous(void **state)
{
	struct queue q = {};

	add_step(&q, ASYNC);
	add_step(&q, { .priority = 1, .module = true });
	add_step(&q, ASYNC);
	assert_true(start(&q, 0));
	assert_true(start(&q, 2));
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_complete(&q, 0, LOAD_DONE);
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_complete(&q, 2, LOAD_DONE);
	assert_false(start(&q, 1));
	queue_complete(&q, 1, LOAD_DONE);
	assert_int_equal(q.async_covered, 2);
	queue_free(&q);
}

static void a_synchronous_leaf_is_held_rather_than_one_that_may_be_asynchronous(void **state)
{
	struct queue q = {};

	add_step(&q, { .priority = 9, .module = true });
	add_step(&q, { .priority = 1, .module = true, .async = true });
	assert_true(start(&q, 1));
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_complete(&q, 1, LOAD_DONE);
	assert_false(start(&q, 0));
	queue_free(&q);
}

static void when_all_may_be_asynchronous_the_last_is_not(void **state)
{
	struct queue q = {};

	for (int i = 0; i < 3; i++)
		add_step(&q, ASYNC);
	assert_true(start(&q, 0));
	assert_true(start(&q, 1));
	queue_complete(&q, 0, LOAD_DONE);
	queue_complete(&q, 1, LOAD_FAILED);
	assert_false(start(&q, 2));
	queue_free(&q);
}

static void a_leaf_of_higher_priority_is_not_held_for_one_that_waits(void **state)
{
	struct queue q = {};

	add_step(&q, { .priority = 2, .module = true, .async = true });
	add_after(&q, 0, EDGE_HARD, { .priority = 1, .module = true });
	add_step(&q, { .priority = 1, .module = true });
	add_after(&q, 2, EDGE_HARD, { .priority = 9, .module = true });
	start(&q, 0);
	start(&q, 2);
	queue_complete(&q, 2, LOAD_DONE);
	start(&q, 3);
	queue_complete(&q, 0, LOAD_DONE);
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_complete(&q, 3, LOAD_DONE);
	start(&q, 1);
	queue_free(&q);
}

static void slow_loads_do_not_hold_the_barrier_for_ever(void **state)
{
	struct queue q = {};

	add_step(&q, ASYNC);
	add_step(&q, ASYNC);
	add_step(&q, MODULE);
	start(&q, 0);
	start(&q, 1);
	assert_int_equal(queue_pick(&q, 1), STEP_NONE);
	assert_int_equal(queue_pick(&q, 2), 2);
	queue_free(&q);
}

static void a_barrier_that_fails_covers_nothing(void **state)
{
	static const struct {
		enum load_outcome outcome;
		uint32_t covered;
	} rows[] = { { LOAD_DONE, 1 }, { LOAD_ALREADY, 0 }, { LOAD_DECLINED, 0 }, { LOAD_FAILED, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct queue q = {};

		add_step(&q, ASYNC);
		add_step(&q, MODULE);
		run(&q, 0, LOAD_DONE);
		run(&q, 1, rows[i].outcome);
		assert_int_equal(q.async_covered, rows[i].covered);
		/* The next plan's last is held for it. */
		add_step(&q, MODULE);
		add_step(&q, MODULE);
		start(&q, 2);
		assert_int_equal(queue_pick(&q, 0), rows[i].covered ? 3 : STEP_NONE);
		queue_free(&q);
	}
}

static void a_command_is_no_barrier(void **state)
{
	struct queue q = {};

	add_step(&q, ASYNC);
	add_step(&q, ASYNC);
	add_step(&q, { .priority = 0 });
	assert_true(start(&q, 0));
	assert_false(start(&q, 2));
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_complete(&q, 0, LOAD_DONE);
	queue_complete(&q, 2, LOAD_DONE);
	assert_false(start(&q, 1));
	queue_free(&q);
}

static void what_a_skipped_step_waited_for_can_be_the_barrier(void **state)
{
	static const struct step_edge two[] = { { 0, EDGE_HARD }, { 1, EDGE_HARD } };
	struct queue q = {};

	add_step(&q, { .priority = 9, .module = true, .async = true });
	add_step(&q, MODULE);
	add_step(&q, { .priority = 7, .module = true, .async = true });
	add(&q, (struct queue_step)MODULE, two, 2);
	start(&q, 0);
	assert_true(start(&q, 2));
	queue_complete(&q, 0, LOAD_FAILED);
	assert_int_equal(queue_pick(&q, 0), STEP_NONE);
	queue_complete(&q, 2, LOAD_DONE);
	assert_false(start(&q, 1));
	queue_complete(&q, 1, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

/* Random graphs, random order of ends: the queue never gets stuck; and unless something fails, a
 * synchronous load is started after all asynchronous ones have ended. */
static void check_random(unsigned int seed, bool fail)
{
	uint32_t running[8], n_running = 0, n_started = 0, skipped = 0, n = 200, last_async_end = 0, clock = 0;
	uint32_t barrier = 0;
	struct queue_skip skip;
	struct queue q = {};

	srand(seed);
	for (uint32_t i = 0; i < n; i++) {
		struct step_edge e[3];
		size_t n_edges = i ? (size_t)rand() % 4 : 0;

		for (size_t k = 0; k < n_edges; k++)
			e[k] = (struct step_edge){ (uint32_t)rand() % i, (uint32_t)rand() % 3 };
		add(&q, (struct queue_step){ (uint32_t)rand() % 4, fail && rand() % 5 == 0, true, rand() % 2 }, e, n_edges);
	}
	while (!queue_drained(&q)) {
		uint32_t id = n_running < 8 ? queue_pick(&q, 0) : STEP_NONE;

		clock++;
		if (id != STEP_NONE) {
			if (!queue_start(&q, id) && !q.n_async_running)
				barrier = clock;
			running[n_running++] = id;
			n_started++;
			continue;
		}
		assert_true(n_running > 0);
		uint32_t at = (uint32_t)rand() % n_running;
		uint32_t async_before = q.n_async_running;

		queue_complete(&q, running[at], fail && rand() % 10 == 0 ? LOAD_FAILED : LOAD_DONE);
		if (q.n_async_running < async_before)
			last_async_end = clock;
		running[at] = running[--n_running];
	}
	while (queue_skipped(&q, &skip))
		skipped++;
	assert_int_equal(n_started + skipped, n);
	assert_true(fail || barrier > last_async_end);
	assert_true(fail || q.async_covered == q.async_started);
	queue_free(&q);
}

static void random_graphs_drain_and_end_in_a_barrier(void **state)
{
	for (unsigned int seed = 0; seed < 500; seed++)
		check_random(seed, seed % 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_higher_priority_starts_first_then_the_lower_id),
		cmocka_unit_test(an_edge_is_satisfied_or_broken_by_its_kind_and_the_outcome),
		cmocka_unit_test(an_edge_on_a_step_that_has_ended_counts_at_once),
		cmocka_unit_test(a_chain_is_skipped_to_its_end_and_knows_where_it_broke),
		cmocka_unit_test(a_skipped_step_satisfies_a_soft_edge),
		cmocka_unit_test(one_module_that_went_well_is_enough_for_a_post_softdep),
		cmocka_unit_test(a_step_skipped_by_one_edge_is_not_started_by_the_other),
		cmocka_unit_test(an_edge_on_itself_or_forward_is_refused),
		cmocka_unit_test(cancelling_skips_what_has_not_started_and_only_that),
		cmocka_unit_test(without_asynchronous_loads_nothing_is_held_back),
		cmocka_unit_test(the_last_leaf_waits_for_all_others_and_is_synchronous),
		cmocka_unit_test(a_synchronous_leaf_is_held_rather_than_one_that_may_be_asynchronous),
		cmocka_unit_test(when_all_may_be_asynchronous_the_last_is_not),
		cmocka_unit_test(a_leaf_of_higher_priority_is_not_held_for_one_that_waits),
		cmocka_unit_test(slow_loads_do_not_hold_the_barrier_for_ever),
		cmocka_unit_test(a_barrier_that_fails_covers_nothing),
		cmocka_unit_test(a_command_is_no_barrier),
		cmocka_unit_test(what_a_skipped_step_waited_for_can_be_the_barrier),
		cmocka_unit_test(random_graphs_drain_and_end_in_a_barrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
