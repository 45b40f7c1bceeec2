/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "engine/plan.h"
#include "loader/precedence.h"

static void without_an_awaited_device_nothing_waits(void **state)
{
	struct precedence p = { .processors = 1 };

	precedence_note_start(&p, STEP_URGENT + 60);
	assert_int_equal(p.priority, 0);
	assert_false(precedence_makes_wait(&p, 0, 10));
	assert_false(precedence_leads(&p, STEP_URGENT + 60));
}

/* On two processors. started: the highest priority so far. */
static void what_leads_starts_at_once_and_the_rest_waits(void **state)
{
	enum { U = STEP_URGENT };
	static const struct {
		uint32_t started, priority;
		unsigned int n_awake;
		bool waits;
	} rows[] = {
		{ 0, U, 0, false },	      { 0, U - 1, 0, true },	   { 0, 0, 0, true },
		{ U + 60, U + 60, 1, false }, { U + 60, U + 60, 2, true }, { U + 60, U + 60, 3, true },
		{ U + 60, U + 50, 0, false }, { U + 60, U + 49, 0, true }, { U + 60, U + 61, 1, false },
		{ U, U - 1, 0, true },	      { U, 0, 0, true },	   { 200, U, 0, false },
		{ 300, 250, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct precedence p = { .processors = 2 };

		assert_true(precedence_await(&p, true));
		precedence_note_start(&p, rows[i].started);
		assert_row(i, precedence_makes_wait(&p, rows[i].priority, rows[i].n_awake) == rows[i].waits);
	}
}

/* What comes next must not disturb the probe that goes on. */
static void the_leading_priority_does_not_fall_before_the_device_is_there(void **state)
{
	struct precedence p = { .processors = 1 };

	precedence_await(&p, true);
	precedence_note_start(&p, STEP_URGENT + 60);
	precedence_note_start(&p, STEP_URGENT + 10);
	assert_true(precedence_makes_wait(&p, STEP_URGENT + 40, 0));
	assert_false(precedence_await(&p, true));
	assert_true(precedence_makes_wait(&p, STEP_URGENT + 40, 0));
	assert_true(precedence_await(&p, false));
	assert_false(precedence_makes_wait(&p, 0, 0));
	assert_true(precedence_await(&p, true));
	assert_false(precedence_makes_wait(&p, STEP_URGENT + 40, 0));
}

static void what_may_be_waited_for_gets_more_of_a_processor(void **state)
{
	static const struct {
		bool awaited;
		uint32_t priority;
		bool any_urgent;
		enum weight weight;
	} rows[] = {
		{ false, STEP_URGENT, true, WEIGHT_FULL },
		{ false, 0, true, WEIGHT_NICE },
		{ false, 0, false, WEIGHT_FULL },
		{ true, STEP_URGENT, true, WEIGHT_LEAD },
		{ true, STEP_URGENT - 1, true, WEIGHT_NICE },
		{ true, STEP_CANDIDATE, false, WEIGHT_NICE },
		{ true, STEP_CANDIDATE - 1, true, WEIGHT_IDLE },
		{ true, 0, false, WEIGHT_IDLE },
	};

	struct precedence led = { .awaited = true, .priority = STEP_URGENT + 60, .processors = 2 };

	/* What is started on an idle processor must not take one from what leads. */
	assert_int_equal(precedence_weight(&led, STEP_URGENT, true), WEIGHT_NICE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct precedence p = { .awaited = rows[i].awaited, .processors = 2 };

		assert_row(i, precedence_weight(&p, rows[i].priority, rows[i].any_urgent) == rows[i].weight);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_awaited_device_nothing_waits),
		cmocka_unit_test(what_leads_starts_at_once_and_the_rest_waits),
		cmocka_unit_test(the_leading_priority_does_not_fall_before_the_device_is_there),
		cmocka_unit_test(what_may_be_waited_for_gets_more_of_a_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
