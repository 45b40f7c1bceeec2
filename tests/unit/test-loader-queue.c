/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "engine/plan.h"
#include "loader/queue.h"

#define MODULE                \
	{                     \
		.priority = 5 \
	}

static uint32_t add(struct queue *q, struct queue_step step, const struct step_edge *edges, size_t n)
{
	assert_int_equal(queue_add(q, &step, edges, n), 0);
	return (uint32_t)q->nodes.n - 1;
}

#define add_step(q, ...) add((q), (struct queue_step)__VA_ARGS__, NULL, 0)
#define add_after(q, other, edge, ...) \
	add((q), (struct queue_step)__VA_ARGS__, &(struct step_edge){ .on = (other), .kind = (edge) }, 1)

static void start(struct queue *q, uint32_t id)
{
	assert_int_equal(queue_pick(q), id);
	assert_int_equal(queue_start(q), id);
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
		add_step(&q, { .priority = priorities[i] });
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		run(&q, order[i], LOAD_DONE);
	assert_true(queue_drained(&q));
	assert_int_equal(queue_pick(&q), STEP_NONE);
	queue_free(&q);
}

/* One edge, one outcome of the step it is on: does the other start or is it skipped? */
static const struct {
	enum edge_kind kind;
	bool post_only;
	enum load_outcome outcome;
	bool starts;
} edges[] = {
	{ EDGE_HARD, false, LOAD_DONE, true },	    { EDGE_HARD, false, LOAD_ALREADY, true },
	{ EDGE_HARD, false, LOAD_DECLINED, false }, { EDGE_HARD, false, LOAD_FAILED, false },
	{ EDGE_SOFT, false, LOAD_DONE, true },	    { EDGE_SOFT, false, LOAD_ALREADY, true },
	{ EDGE_SOFT, false, LOAD_DECLINED, true },  { EDGE_SOFT, false, LOAD_FAILED, true },
	{ EDGE_SOFT, true, LOAD_FAILED, true },	    { EDGE_POST, false, LOAD_FAILED, true },
	{ EDGE_POST, true, LOAD_DONE, true },	    { EDGE_POST, true, LOAD_ALREADY, true },
	{ EDGE_POST, true, LOAD_DECLINED, false },  { EDGE_POST, true, LOAD_FAILED, false },
};

static void check_edge(size_t row, bool ended_before)
{
	struct queue_step second = { .priority = 9, .post_only = edges[row].post_only };
	struct queue_skip skip = {};
	struct queue q = {};

	add_step(&q, MODULE);
	if (ended_before)
		run(&q, 0, edges[row].outcome);
	add(&q, second, &(struct step_edge){ .on = 0, .kind = edges[row].kind }, 1);
	if (!ended_before)
		run(&q, 0, edges[row].outcome);
	assert_int_equal(queue_pick(&q), edges[row].starts ? 1 : STEP_NONE);
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
	add(&q, (struct queue_step){ .post_only = true }, post, 2);
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

static void what_is_ready_starts_however_much_runs(void **state)
{
	struct queue q = {};

	for (uint32_t i = 0; i < 3; i++)
		add_step(&q, MODULE);
	for (uint32_t i = 0; i < 3; i++)
		start(&q, i);
	assert_int_equal(queue_pick(&q), STEP_NONE);
	assert_int_equal(q.n_running, 3);
	queue_free(&q);
}

static void a_step_of_a_later_plan_goes_by_its_priority(void **state)
{
	struct queue q = {};

	add_step(&q, { .priority = 1 });
	add_step(&q, { .priority = 3 });
	add_step(&q, { .priority = 1 });
	run(&q, 1, LOAD_DONE);
	add_step(&q, { .priority = 2 });
	add_step(&q, { .priority = 1 });
	run(&q, 3, LOAD_DONE);
	run(&q, 0, LOAD_DONE);
	run(&q, 2, LOAD_DONE);
	run(&q, 4, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

/* With what it waits for, and held or not. */
static void a_raised_step_goes_by_its_new_priority(void **state)
{
	struct queue q = {};
	uint32_t core = add_step(&q, { .priority = STEP_URGENT });
	uint32_t fs = add_after(&q, core, EDGE_HARD, { .priority = STEP_URGENT });
	uint32_t disk = add_step(&q, { .priority = STEP_URGENT + 60 });
	uint32_t held = add_step(&q, { .priority = 200, .patient = true });

	queue_inherit(&q);
	queue_release(&q, false);
	assert_int_equal(queue_pick(&q), disk);
	queue_raise(&q, fs, STEP_URGENT + 110);
	queue_raise(&q, held, STEP_URGENT + 70);
	queue_inherit(&q);
	assert_int_equal(q.n_urgent, 4);
	run(&q, core, LOAD_DONE);
	run(&q, fs, LOAD_DONE);
	/* Neither what has ended nor what is more urgent already. */
	queue_raise(&q, fs, STEP_URGENT + 200);
	queue_raise(&q, held, STEP_URGENT);
	queue_inherit(&q);
	assert_int_equal(q.n_urgent, 2);
	run(&q, held, LOAD_DONE);
	run(&q, disk, LOAD_DONE);
	assert_int_equal(q.n_urgent, 0);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

/* Nothing urgent is left that it could wait for: it would hold itself. */
static void a_patient_step_that_is_raised_while_it_waits_is_not_held(void **state)
{
	struct queue q = {};
	uint32_t core = add_step(&q, { .priority = 200 });
	uint32_t scan = add_after(&q, core, EDGE_HARD, { .priority = 200, .patient = true });
	uint32_t other = add_step(&q, { .priority = 100 });

	queue_inherit(&q);
	queue_release(&q, false);
	start(&q, core);
	queue_raise(&q, scan, STEP_URGENT + 50);
	queue_inherit(&q);
	queue_complete(&q, core, LOAD_DONE);
	run(&q, scan, LOAD_DONE);
	run(&q, other, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

/* It has taken too long already. */
static void a_forgiven_step_that_is_raised_holds_nothing(void **state)
{
	struct queue q = {};
	uint32_t slow = add_step(&q, { .priority = 200 });
	uint32_t held = add_step(&q, { .priority = 100, .patient = true });

	start(&q, slow);
	queue_forgive(&q, slow);
	queue_raise(&q, slow, STEP_URGENT + 110);
	queue_release(&q, false);
	assert_int_equal(q.n_urgent, 0);
	run(&q, held, LOAD_DONE);
	queue_complete(&q, slow, LOAD_DONE);
	assert_int_equal(q.n_urgent, 0);
	queue_free(&q);
}

/* Order: ids of the steps, each of which ends before the next one starts. */
static void run_all(struct queue *q, const char *order)
{
	queue_inherit(q);
	for (const char *c = order; *c; c++)
		run(q, (uint32_t)(*c - '0'), LOAD_DONE);
	assert_true(queue_drained(q));
	queue_free(q);
}

static void what_takes_longest_to_the_end_starts_first(void **state)
{
	struct queue q = {};

	add_step(&q, {});
	add_step(&q, { .expected_us = 1 });
	add_step(&q, { .expected_us = 4 });
	add_after(&q, 1, EDGE_POST, { .expected_us = 4 });
	add_step(&q, { .expected_us = 6 });
	add_step(&q, { .expected_us = UINT32_MAX });
	add_after(&q, 0, EDGE_SOFT, { .expected_us = UINT32_MAX });
	add_after(&q, 6, EDGE_HARD, {});
	run_all(&q, "05641237");
}

static void what_may_lead_to_a_disk_starts_by_priority(void **state)
{
	struct queue q = {};

	add_step(&q, { .priority = STEP_CANDIDATE - 1 });
	add_step(&q, { .expected_us = 4 });
	add_step(&q, { .priority = STEP_CANDIDATE });
	add_step(&q, { .priority = STEP_URGENT });
	add_step(&q, { .priority = STEP_CANDIDATE, .expected_us = 2 });
	add_step(&q, { .priority = STEP_CANDIDATE - 1, .expected_us = 5 });
	run_all(&q, "342510");
}

enum { WAITS, RUNS, ENDED, SKIPPED };

struct random_graph {
	struct queue q;
	uint32_t n, n_skipped;
	struct {
		uint32_t priority;
		uint32_t expected_us, remaining_us;
		bool alone;
		unsigned int state;
		size_t n_edges;
		struct step_edge edges[3];
	} steps[200];
};

static void what_an_urgent_step_waits_for_is_as_urgent_in_earlier_plans_too(void **state)
{
	struct queue q = {};

	add_step(&q, { .priority = 2 });
	add_step(&q, { .priority = 1 });
	add_after(&q, 1, EDGE_HARD, { .priority = 1 });
	add_step(&q, { .priority = 0 });
	add_after(&q, 3, EDGE_POST, { .priority = 9 });
	queue_inherit(&q);
	assert_int_equal(queue_pick(&q), 0);
	add_after(&q, 2, EDGE_SOFT, { .priority = 9 });
	queue_inherit(&q);
	/* A post softdep's priority is not its module's. */
	run(&q, 1, LOAD_DONE);
	run(&q, 2, LOAD_DONE);
	run(&q, 5, LOAD_DONE);
	run(&q, 0, LOAD_DONE);
	run(&q, 3, LOAD_DONE);
	run(&q, 4, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

/* What queue_inherit() does, edge by edge. */
static void inherit_random(struct random_graph *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		g->steps[i].remaining_us = g->steps[i].expected_us;
	for (uint32_t i = g->n; i-- > 0;)
		for (size_t k = 0; g->steps[i].state < ENDED && k < g->steps[i].n_edges; k++) {
			uint32_t on = g->steps[i].edges[k].on;
			uint32_t us = g->steps[on].expected_us + g->steps[i].remaining_us;

			if (us > g->steps[on].remaining_us)
				g->steps[on].remaining_us = us;
			if (g->steps[i].edges[k].kind != EDGE_POST &&
			    g->steps[i].priority > g->steps[on].priority)
				g->steps[on].priority = g->steps[i].priority;
		}
}

static bool is_before(const struct random_graph *g, uint32_t a, uint32_t b)
{
	uint32_t x = g->steps[a].priority, y = g->steps[b].priority;

	if (x != y && (x >= STEP_CANDIDATE || y >= STEP_CANDIDATE))
		return x > y;
	if (g->steps[a].remaining_us != g->steps[b].remaining_us)
		return g->steps[a].remaining_us > g->steps[b].remaining_us;
	return x > y;
}

/* What queue_pick() must name, found the slow way. */
static uint32_t expected_pick(const struct random_graph *g)
{
	uint32_t best = STEP_NONE;
	bool any_runs = false;

	for (uint32_t i = 0; i < g->n; i++) {
		bool ready = g->steps[i].state == WAITS;

		for (size_t k = 0; k < g->steps[i].n_edges; k++)
			ready &= g->steps[g->steps[i].edges[k].on].state >= ENDED;
		if (g->steps[i].state == RUNS && g->steps[i].alone)
			return STEP_NONE;
		any_runs |= g->steps[i].state == RUNS;
		if (ready && (best == STEP_NONE || is_before(g, i, best)))
			best = i;
	}
	return best != STEP_NONE && g->steps[best].alone && any_runs ? STEP_NONE : best;
}

static void take_skipped(struct random_graph *g)
{
	struct queue_skip skip;

	while (queue_skipped(&g->q, &skip)) {
		assert_int_equal(g->steps[skip.id].state, WAITS);
		g->steps[skip.id].state = SKIPPED;
		g->n_skipped++;
	}
}

static void add_random(struct random_graph *g, bool fail)
{
	uint32_t i = g->n++;

	g->steps[i].priority = (uint32_t)rand() % 4 + (rand() % 4 ? 0 : STEP_CANDIDATE);
	g->steps[i].expected_us = rand() % 2 ? (uint32_t)rand() % 100 : 0;
	g->steps[i].n_edges = i ? (size_t)rand() % 4 : 0;
	for (size_t k = 0; k < g->steps[i].n_edges; k++)
		g->steps[i].edges[k] = (struct step_edge){ (uint32_t)rand() % i, (uint32_t)rand() % 3 };
	g->steps[i].alone = rand() % 8 == 0;
	add(&g->q,
	    (struct queue_step){ .priority = g->steps[i].priority,
				 .expected_us = g->steps[i].expected_us,
				 .post_only = fail && rand() % 5 == 0,
				 .alone = g->steps[i].alone },
	    g->steps[i].edges, g->steps[i].n_edges);
}

static void add_random_plan(struct random_graph *g, uint32_t n, bool fail)
{
	while (g->n < n)
		add_random(g, fail);
	take_skipped(g);
	inherit_random(g);
	queue_inherit(&g->q);
}

/* Random graphs, in two plans, and a random order of ends: the queue never gets stuck, and always names
 * what the model does. */
static void check_random(unsigned int seed, bool fail)
{
	uint32_t running[8], n_running = 0, n_started = 0, half = 100;
	struct random_graph g = {};

	srand(seed);
	add_random_plan(&g, half, fail);
	while (!queue_drained(&g.q) || g.n == half) {
		uint32_t id, at;

		take_skipped(&g);
		if (g.n == half && g.q.n_done > half / 2)
			add_random_plan(&g, 2 * half, fail);
		else if (n_running < 8 && (id = queue_pick(&g.q)) != STEP_NONE) {
			assert_int_equal(id, expected_pick(&g));
			assert_int_equal(queue_start(&g.q), id);
			g.steps[id].state = RUNS;
			running[n_running++] = id;
			n_started++;
		} else {
			assert_true(n_running > 0);
			assert_true(n_running == 8 || expected_pick(&g) == STEP_NONE);
			at = (uint32_t)rand() % n_running;
			g.steps[running[at]].state = ENDED;
			queue_complete(&g.q, running[at], fail && rand() % 10 == 0 ? LOAD_FAILED : LOAD_DONE);
			running[at] = running[--n_running];
		}
		assert_int_equal(g.q.n_running, n_running);
	}
	take_skipped(&g);
	assert_int_equal(n_started + g.n_skipped, g.n);
	assert_true(fail || !g.n_skipped);
	queue_free(&g.q);
}

/* Steps are priorities, with an "a" those that must be alone. "S1" starts step 1, which must be the one that is next, "E1" ends it,
 * "X1" abandons it, "+7" adds a step; "-" means that none may start. */
static const struct {
	const char *what, *steps, *story;
} alone[] = {
	{ "it waits for what runs, and nothing else starts meanwhile", "9 a5 1", "S0 - E0 S1 - E1 S2 E2" },
	{ "nothing starts while it runs, however urgent", "a5 1", "S0 - +900 - E0 S2 S1 E1 E2" },
	{ "what is more urgent and becomes ready goes first", "9 a5", "S0 - +7 S2 - E0 - E2 S1 E1" },
	{ "what comes before it is not held up", "9 8 a5 1", "S0 S1 - E1 - E0 S2 - E2 S3 E3" },
	{ "two of them do not run together", "a5 a5 5", "S0 - E0 S1 - E1 S2 E2" },
	{ "it does not wait for what was abandoned", "9 a5 1", "S0 - X0 X0 S1 - E1 S2 E0 E2" },
	{ "it still waits for what was not", "9 8 a5", "S0 S1 - X0 - E1 S2 E2 E0" },
	{ "when it is abandoned, others start", "a5 1 a0", "S0 - X0 S1 - E1 S2 E2 E0" },
	{ "an abandoned one that has ended is not counted any more", "9 8 a5", "S0 S1 X0 E0 - E1 S2 E2" },
};

static void add_told(struct queue *q, const char *text)
{
	bool is_alone = *text == 'a';

	add_step(q, { .priority = (uint32_t)strtoul(text + is_alone, NULL, 10), .alone = is_alone });
}

static void do_told(struct queue *q, const char *word)
{
	uint32_t id = (uint32_t)strtoul(word + 1, NULL, 10);

	switch (*word) {
	case 'S':
		start(q, id);
		break;
	case 'E':
		queue_complete(q, id, LOAD_DONE);
		break;
	case 'X':
		queue_abandon(q, id);
		break;
	case '+':
		add_told(q, word + 1);
		break;
	default:
		assert_int_equal(queue_pick(q), STEP_NONE);
		break;
	}
}

static void a_step_that_must_be_alone_is(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
		_cleanup_free_ char *steps = strdup(alone[i].steps), *story = strdup(alone[i].story);
		char *save = NULL;
		struct queue q = {};

		print_message("%s\n", alone[i].what);
		for (char *w = strtok_r(steps, " ", &save); w; w = strtok_r(NULL, " ", &save))
			add_told(&q, w);
		for (char *w = strtok_r(story, " ", &save); w; w = strtok_r(NULL, " ", &save))
			do_told(&q, w);
		assert_true(queue_drained(&q));
		queue_free(&q);
	}
}

/* And when it is cancelled or fails, nothing is left of that. */
static void an_alone_step_that_is_skipped_or_fails_holds_nothing_up(void **state)
{
	struct queue q = {};

	add_step(&q, { .priority = 9 });
	add_after(&q, 0, EDGE_HARD, { .priority = 9, .alone = true });
	add_step(&q, { .priority = 5, .alone = true });
	add_step(&q, { .priority = 1 });
	run(&q, 0, LOAD_FAILED);
	run(&q, 2, LOAD_FAILED);
	run(&q, 3, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

static void random_graphs_drain_in_the_models_order(void **state)
{
	for (unsigned int seed = 0; seed < 500; seed++)
		check_random(seed, seed % 2);
}

static void the_last_steps_wait_as_long_as_they_are_held(void **state)
{
	struct queue q = {};
	uint32_t last = add_step(&q, { .patient = true, .last = true }),
		 patient = add_step(&q, { .patient = true });
	uint32_t urgent;

	queue_hold_last(&q, true);
	queue_release(&q, false);
	run(&q, patient, LOAD_DONE);
	assert_int_equal(queue_pick(&q), STEP_NONE);
	/* Nothing else is left to do, which is no reason. */
	queue_release(&q, true);
	assert_int_equal(queue_pick(&q), STEP_NONE);
	assert_false(queue_drained(&q));
	/* It is held for the urgent step once it is not held for a device. */
	urgent = add_step(&q, { .priority = STEP_URGENT });
	queue_hold_last(&q, false);
	run(&q, urgent, LOAD_DONE);
	run(&q, last, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

static void a_last_step_that_something_urgent_waits_for_is_not_held(void **state)
{
	struct queue q = {};
	uint32_t last = add_step(&q, { .patient = true, .last = true });

	queue_hold_last(&q, true);
	queue_release(&q, false);
	add_after(&q, last, EDGE_HARD, { .priority = STEP_URGENT + 50 });
	queue_inherit(&q);
	run(&q, last, LOAD_DONE);
	queue_free(&q);
}

/* It was patient when it was planned, and then the root's file system turned out to need it. */
static void a_patient_step_that_something_urgent_waits_for_is_not_held(void **state)
{
	struct queue q = {};
	uint32_t busy = add_step(&q, { .priority = STEP_URGENT + 10 });
	uint32_t patient = add_step(&q, { .patient = true }), other = add_step(&q, { .patient = true });
	uint32_t plain = add_step(&q, { .priority = 1 }), urgent;

	start(&q, busy);
	assert_int_equal(queue_pick(&q), plain);
	urgent = add_after(&q, patient, EDGE_HARD, { .priority = STEP_URGENT + 50 });
	queue_inherit(&q);
	run(&q, patient, LOAD_DONE);
	run(&q, urgent, LOAD_DONE);
	assert_int_equal(queue_pick(&q), plain);
	queue_complete(&q, busy, LOAD_DONE);
	run(&q, plain, LOAD_DONE);
	run(&q, other, LOAD_DONE);
	assert_true(queue_drained(&q));
	queue_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_higher_priority_starts_first_then_the_lower_id),
		cmocka_unit_test(the_last_steps_wait_as_long_as_they_are_held),
		cmocka_unit_test(a_last_step_that_something_urgent_waits_for_is_not_held),
		cmocka_unit_test(a_patient_step_that_something_urgent_waits_for_is_not_held),
		cmocka_unit_test(a_step_that_must_be_alone_is),
		cmocka_unit_test(an_alone_step_that_is_skipped_or_fails_holds_nothing_up),
		cmocka_unit_test(an_edge_is_satisfied_or_broken_by_its_kind_and_the_outcome),
		cmocka_unit_test(an_edge_on_a_step_that_has_ended_counts_at_once),
		cmocka_unit_test(a_chain_is_skipped_to_its_end_and_knows_where_it_broke),
		cmocka_unit_test(a_skipped_step_satisfies_a_soft_edge),
		cmocka_unit_test(one_module_that_went_well_is_enough_for_a_post_softdep),
		cmocka_unit_test(a_step_skipped_by_one_edge_is_not_started_by_the_other),
		cmocka_unit_test(an_edge_on_itself_or_forward_is_refused),
		cmocka_unit_test(cancelling_skips_what_has_not_started_and_only_that),
		cmocka_unit_test(what_is_ready_starts_however_much_runs),
		cmocka_unit_test(a_step_of_a_later_plan_goes_by_its_priority),
		cmocka_unit_test(a_raised_step_goes_by_its_new_priority),
		cmocka_unit_test(a_patient_step_that_is_raised_while_it_waits_is_not_held),
		cmocka_unit_test(a_forgiven_step_that_is_raised_holds_nothing),
		cmocka_unit_test(what_takes_longest_to_the_end_starts_first),
		cmocka_unit_test(what_may_lead_to_a_disk_starts_by_priority),
		cmocka_unit_test(what_an_urgent_step_waits_for_is_as_urgent_in_earlier_plans_too),
		cmocka_unit_test(random_graphs_drain_in_the_models_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
