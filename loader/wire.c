/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define NO_STRING UINT32_MAX

/* Followed by the steps, the edges, the raises, and the strings, NUL-terminated. */
struct wire_plan {
	uint32_t n_steps;
	uint32_t n_edges;
	uint32_t n_strings; /* bytes */
	uint32_t n_raises;
};

struct wire_step {
	struct archive_member member;
	uint32_t id;
	uint32_t kind;
	uint32_t name; /* offsets into the strings, or NO_STRING */
	uint32_t path;
	uint32_t params;
	uint32_t command;
	uint32_t origin;
	uint32_t priority;
	uint32_t edge_first;
	uint32_t n_edges;
	uint32_t took_us;
	uint8_t post_only;
	uint8_t patient;
	uint8_t has_member;
	uint8_t alone;
	uint8_t last;
	uint8_t unused[7];
};

static int check_step(const struct plan *plan, const struct step *s, size_t id)
{
	if (s->id != id || s->kind > STEP_ABSENT || !s->name)
		return -EINVAL;
	if ((s->kind == STEP_MODULE && !s->path) || (s->kind == STEP_COMMAND && !s->command))
		return -EINVAL;
	if (s->edge_first > plan->n_edges || s->n_edges > plan->n_edges - s->edge_first)
		return -EINVAL;
	for (uint32_t e = 0; e < s->n_edges; e++)
		if (plan->edges[s->edge_first + e].on >= id ||
		    plan->edges[s->edge_first + e].kind > EDGE_POST)
			return -EINVAL;
	return 0;
}

int wire_check_plan(const struct plan *plan, size_t first_id, size_t *n_edges)
{
	size_t total = 0;
	int r;

	if (plan->n_steps > LIMIT_STEPS || plan->n_steps >= STEP_NONE - first_id)
		return -EINVAL;
	for (size_t i = 0; i < plan->n_steps; i++) {
		r = check_step(plan, &plan->steps[i], first_id + i);
		if (r < 0)
			return r;
		total += plan->steps[i].n_edges;
		/* Steps may share a range of edges: the sum can exceed any memory. */
		if (total > WIRE_MAX / sizeof(struct step_edge))
			return -EINVAL;
	}
	for (size_t i = 0; i < plan->n_raises; i++)
		if (plan->raises[i].id >= first_id)
			return -EINVAL;
	*n_edges = total;
	return 0;
}

static size_t string_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static uint64_t strings_size(const struct plan *plan)
{
	uint64_t n = 0;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];

		n += string_size(s->name) + string_size(s->path) + string_size(s->params) +
			string_size(s->command) + string_size(s->origin);
	}
	return n;
}

static uint32_t put_string(char *strings, uint32_t *used, const char *s)
{
	uint32_t at = *used;
	size_t n = string_size(s);

	if (!s)
		return NO_STRING;
	memcpy(strings + at, s, n);
	*used += (uint32_t)n;
	return at;
}

static void put_step(struct wire_step *w, const struct step *s, char *strings, uint32_t *used)
{
	*w = (struct wire_step){
		.id = s->id,
		.kind = s->kind,
		.name = put_string(strings, used, s->name),
		.path = put_string(strings, used, s->path),
		.params = put_string(strings, used, s->params),
		.command = put_string(strings, used, s->command),
		.origin = put_string(strings, used, s->origin),
		.priority = s->priority,
		.edge_first = s->edge_first,
		.n_edges = s->n_edges,
		.took_us = s->took_us,
		.post_only = s->post_only,
		.patient = s->patient,
		.has_member = s->member != NULL,
		.alone = s->alone,
		.last = s->last,
	};
	if (s->member)
		w->member = *s->member;
}

int wire_encode_plan(const struct plan *plan, void **ret, size_t *ret_size)
{
	uint64_t n_strings = strings_size(plan), size = sizeof(struct wire_plan) + n_strings;
	struct wire_header *header;
	struct wire_step *steps;
	struct step_edge *edges;
	struct step_raise *raises;
	struct wire_plan *w;
	uint32_t used = 0;
	char *strings;

	if (plan->n_steps > LIMIT_STEPS || plan->n_edges > WIRE_MAX / sizeof(struct step_edge) ||
	    plan->n_raises > WIRE_MAX / sizeof(struct step_raise))
		return -EFBIG;
	size += plan->n_steps * sizeof(*steps) + plan->n_edges * sizeof(struct step_edge) +
		plan->n_raises * sizeof(struct step_raise);
	if (size > WIRE_MAX)
		return -EFBIG;
	header = malloc(sizeof(*header) + (size_t)size);
	if (!header)
		return -ENOMEM;
	*header = (struct wire_header){ .type = WIRE_PLAN, .size = (uint32_t)size };
	w = (struct wire_plan *)(header + 1);
	*w = (struct wire_plan){ (uint32_t)plan->n_steps, (uint32_t)plan->n_edges, (uint32_t)n_strings,
				 (uint32_t)plan->n_raises };
	steps = (struct wire_step *)(w + 1);
	edges = (struct step_edge *)(steps + plan->n_steps);
	raises = (struct step_raise *)(edges + plan->n_edges);
	strings = (char *)(raises + plan->n_raises);
	for (size_t i = 0; i < plan->n_steps; i++)
		put_step(&steps[i], &plan->steps[i], strings, &used);
	for (size_t i = 0; i < plan->n_edges; i++)
		edges[i] = plan->edges[i];
	for (size_t i = 0; i < plan->n_raises; i++)
		raises[i] = plan->raises[i];
	*ret = header;
	*ret_size = sizeof(*header) + (size_t)size;
	return 0;
}

/* Any offset below n_strings is a string: the last byte is a NUL. */
static int get_string(const char *strings, uint32_t n_strings, uint32_t at, const char **ret)
{
	if (at != NO_STRING && at >= n_strings)
		return -EBADMSG;
	*ret = at == NO_STRING ? NULL : strings + at;
	return 0;
}

static int get_step(const struct wire_step *w, const char *strings, uint32_t n, struct step *s)
{
	*s = (struct step){
		.id = w->id,
		.kind = w->kind,
		.priority = w->priority,
		.edge_first = w->edge_first,
		.n_edges = w->n_edges,
		.took_us = w->took_us,
		.post_only = w->post_only != 0,
		.patient = w->patient != 0,
		.member = w->has_member ? &w->member : NULL,
		.alone = w->alone != 0,
		.last = w->last != 0,
	};
	if (get_string(strings, n, w->name, &s->name) < 0 || get_string(strings, n, w->path, &s->path) < 0 ||
	    get_string(strings, n, w->params, &s->params) < 0 ||
	    get_string(strings, n, w->command, &s->command) < 0 ||
	    get_string(strings, n, w->origin, &s->origin) < 0)
		return -EBADMSG;
	return 0;
}

static bool sizes_fit(const struct wire_plan *w, size_t size)
{
	uint64_t want = sizeof(*w) + (uint64_t)w->n_steps * sizeof(struct wire_step) +
		(uint64_t)w->n_edges * sizeof(struct step_edge) +
		(uint64_t)w->n_raises * sizeof(struct step_raise) + w->n_strings;

	return w->n_steps <= LIMIT_STEPS && want == size;
}

int wire_decode_plan(struct arena *arena, const void *data, size_t size, struct plan *ret)
{
	const struct wire_plan *w;
	const struct wire_step *wire_steps;
	const struct step_edge *edges;
	const struct step_raise *raises;
	const char *strings;
	struct step *steps;
	int r;

	if (size < sizeof(*w))
		return -EBADMSG;
	/* A copy is aligned and outlives the buffer. */
	w = arena_alloc(arena, size);
	if (!w)
		return -ENOMEM;
	memcpy((void *)(uintptr_t)w, data, size);
	if (!sizes_fit(w, size))
		return -EBADMSG;
	wire_steps = (const struct wire_step *)(w + 1);
	edges = (const struct step_edge *)(wire_steps + w->n_steps);
	raises = (const struct step_raise *)(edges + w->n_edges);
	strings = (const char *)(raises + w->n_raises);
	if (w->n_strings && strings[w->n_strings - 1])
		return -EBADMSG;
	steps = arena_alloc(arena, (w->n_steps + 1) * sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->n_steps; i++) {
		r = get_step(&wire_steps[i], strings, w->n_strings, &steps[i]);
		if (r < 0)
			return r;
	}
	*ret = (struct plan){ .steps = steps,
			      .n_steps = w->n_steps,
			      .edges = edges,
			      .n_edges = w->n_edges,
			      .raises = raises,
			      .n_raises = w->n_raises };
	return 0;
}
