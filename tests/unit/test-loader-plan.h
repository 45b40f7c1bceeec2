/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans for the tests of the pool and of the process, and what must come of them. */
#pragma once

#include "base/array.h"
#include "engine/plan.h"
#include "loader/loader.h"
#include "tests/unit/test-loader-fake.h"

struct plan_builder {
	ARRAY(struct step) steps;
	ARRAY(struct step_edge) edges;
	ARRAY(enum load_outcome) expected; /* by step id */
	uint32_t first_id;
};

static inline uint32_t build_step(struct plan_builder *b, struct step step)
{
	step.id = b->first_id + (uint32_t)b->steps.n;
	step.edge_first = (uint32_t)b->edges.n;
	step.name = step.name ? step.name : "m";
	if (step.kind == STEP_MODULE && !step.path)
		step.path = "m.ko";
	assert_int_equal(array_push(&b->steps, step), 0);
	return step.id;
}

/* For the step built last. */
static inline void build_edge(struct plan_builder *b, uint32_t on, enum edge_kind kind)
{
	assert_int_equal(array_push(&b->edges, (struct step_edge){ .on = on, .kind = kind }), 0);
	b->steps.items[b->steps.n - 1].n_edges++;
}

static inline struct plan built(const struct plan_builder *b)
{
	return (struct plan){ b->steps.items, b->steps.n, b->edges.items, b->edges.n };
}

static inline void build_clear(struct plan_builder *b)
{
	for (size_t i = 0; i < b->steps.n; i++)
		if (b->steps.items[i].params && strchr(b->steps.items[i].params, '='))
			free((void *)(uintptr_t)b->steps.items[i].params);
	b->steps.n = b->edges.n = 0;
}

/* A further plan for the same loader. */
static inline void build_next(struct plan_builder *b)
{
	b->first_id += (uint32_t)b->steps.n;
	build_clear(b);
}

static inline void build_free(struct plan_builder *b)
{
	build_clear(b);
	array_free(&b->steps);
	array_free(&b->edges);
	array_free(&b->expected);
}

__attribute__((format(printf, 1, 2))) static inline char *params(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&s, fmt, ap) > 0);
	va_end(ap);
	return s;
}

static inline bool is_live(enum load_outcome o)
{
	return o == LOAD_DONE || o == LOAD_ALREADY;
}

/* The model: what becomes of a step, from what became of those before it. */
static inline enum load_outcome model(const struct plan_builder *b, const struct step *s, int ret)
{
	size_t n_post = 0, n_live = 0;

	for (uint32_t i = 0; i < s->n_edges; i++) {
		const struct step_edge *e = &b->edges.items[s->edge_first + i];
		bool live = is_live(b->expected.items[e->on]);

		if (e->kind == EDGE_HARD && !live)
			return LOAD_SKIPPED;
		n_post += e->kind == EDGE_POST;
		n_live += e->kind == EDGE_POST && live;
	}
	if (s->post_only && n_post && !n_live)
		return LOAD_SKIPPED;
	return ret == 0 ? LOAD_DONE : ret == -ENODEV ? LOAD_DECLINED : LOAD_FAILED;
}

/* n steps, some of which fail or decline, with edges of all kinds on those shortly before. */
static inline void build_random(struct plan_builder *b, size_t n, unsigned int seed)
{
	srand(seed);
	for (size_t i = 0; i < n; i++) {
		int r = rand() % 40, ret = r == 0 ? -ENOMEM : r == 1 ? -ENODEV : 0;
		int ms = rand() % 50 == 0 ? rand() % 5 : 0;
		uint32_t id = build_step(b,
					 (struct step){ .params = params("id=%zu ret=%d ms=%d", i, ret, ms),
							.priority = (uint32_t)rand() % 4,
							.took_us = (uint32_t)rand() % 100,
							.post_only = rand() % 20 == 0 });
		int n_edges = id ? rand() % 4 : 0;

		for (int k = 0; k < n_edges; k++) {
			uint32_t back = 1 + (uint32_t)rand() % 60;

			build_edge(b, id < back ? 0 : id - back,
				   rand() % 3 ? EDGE_HARD : (enum edge_kind)(rand() % 3));
		}
		assert_int_equal(array_push(&b->expected, model(b, &b->steps.items[i], ret)), 0);
	}
}

/* Exactly one result for each step, as the model has it, and nobody began before what it needs had
 * ended. results is by step id. */
static inline void check_results(const struct plan_builder *b, const struct load_result *results)
{
	for (size_t i = 0; i < b->steps.n; i++) {
		const struct step *s = &b->steps.items[i];
		const struct load_result *r = &results[i];

		assert_int_equal(r->step, i);
		assert_int_equal(r->outcome, b->expected.items[i]);
		assert_true(r->outcome == LOAD_SKIPPED || (r->start_us && r->start_us <= r->end_us));
		assert_true(r->outcome == LOAD_DONE || r->message[0]);
		for (uint32_t k = 0; k < s->n_edges && r->outcome != LOAD_SKIPPED; k++)
			assert_true(results[b->edges.items[s->edge_first + k].on].end_us <= r->start_us);
	}
}
