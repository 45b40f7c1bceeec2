/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The path is found from its end. A load that could start when the last one ended that it has an edge on
 * has waited for that one; if its plan came later, it has waited for the load that brought the device
 * (report-read.c), or for the walk.
 *
 * What would be gained without a part is computed, not guessed: all loads that lead to the end get their
 * times again, from the first on, with this part taking no time. Each starts when what it needs has ended,
 * as long after that as in the report. So the gain is less than the part where another load would have been
 * waited for instead. It does not know that fewer loads at a time would each be faster.
 */
#include "programs/cli/critical-path.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The load with an edge that ended last, or REPORT_NONE. */
static uint32_t last_needed(const struct run_report *r, const struct report_load *l)
{
	uint32_t last = REPORT_NONE;

	for (uint32_t i = 0; i < l->n_edges; i++) {
		uint32_t on = r->edges[l->first_edge + i];

		if (r->loads[on].start_us &&
		    (last == REPORT_NONE || r->loads[on].end_us > r->loads[last].end_us))
			last = on;
	}
	return last;
}

static uint64_t end_of(const struct run_report *r, uint32_t load)
{
	return load == REPORT_NONE ? 0 : r->loads[load].end_us;
}

/* ---- the path, from its end ---- */

static int add_part(struct critical_path *path, enum wait_kind kind, uint32_t load, uint64_t start_us,
		    uint64_t end_us)
{
	struct wait_part *parts;

	if (start_us >= end_us && kind != WAIT_LOAD)
		return 0;
	parts = reallocarray(path->parts, path->n_parts + 1, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	path->parts = parts;
	parts[path->n_parts++] = (struct wait_part){ kind, load, start_us, end_us, 0 };
	return 0;
}

/* What load i has waited for until it started. *ret: the load before it, and *until when that one counts. */
static int add_load(struct critical_path *path, const struct run_report *r, uint32_t i, uint32_t *ret,
		    uint64_t *until)
{
	const struct report_load *l = &r->loads[i];
	uint32_t needed = last_needed(r, l);
	uint64_t ready = latest(end_of(r, needed), l->planned_us), back;
	int error;

	*ret = needed;
	*until = end_of(r, needed);
	if (!ready)
		return add_part(path, WAIT_FOR_START, i, r->start_us, l->start_us);
	error = add_part(path, WAIT_FOR_TURN, i, ready, l->start_us);
	if (error || (needed != REPORT_NONE && *until >= l->planned_us))
		return error;
	*ret = l->provider;
	if (l->provider == REPORT_NONE)
		return add_part(path, WAIT_FOR_PLAN, i, r->start_us, l->planned_us);
	back = earliest(end_of(r, l->provider), l->planned_us);
	*until = back;
	return add_part(path, WAIT_FOR_DEVICE, i, back, l->planned_us);
}

static int find_parts(struct critical_path *path, const struct run_report *r, uint32_t load, uint64_t until)
{
	int error = 0;

	while (!error && load != REPORT_NONE) {
		uint32_t i = load;

		error = add_part(path, WAIT_LOAD, i, r->loads[i].start_us, until)
			?: add_load(path, r, i, &load, &until);
	}
	for (size_t i = 0; i < path->n_parts / 2; i++) {
		struct wait_part part = path->parts[i];

		path->parts[i] = path->parts[path->n_parts - 1 - i];
		path->parts[path->n_parts - 1 - i] = part;
	}
	return error;
}

/* ---- the gain ---- */

struct started {
	uint64_t start_us;
	uint32_t load;
};

/* The times of the loads that the end depends on, in the order in which they started. */
struct schedule {
	const struct run_report *report;
	struct started *order;
	size_t n;
	uint64_t *start, *end; /* by load, as they would be */
	const struct wait_part *without;
};

static bool is_without(const struct schedule *s, uint32_t load, enum wait_kind kind)
{
	return s->without && s->without->load == load && s->without->kind == kind;
}

/* When the device is there that load brings, which was at time at. */
static uint64_t arrival(const struct schedule *s, uint32_t load, uint64_t at, bool at_once)
{
	const struct report_load *l = &s->report->loads[load];
	uint64_t shown = earliest(at, l->end_us);
	uint64_t share = is_without(s, load, WAIT_LOAD) ? 0 : shown - l->start_us;

	return s->start[load] + share + (at_once ? 0 : at - shown);
}

static uint64_t planned(const struct schedule *s, uint32_t i)
{
	const struct report_load *l = &s->report->loads[i];

	if (l->provider != REPORT_NONE)
		return arrival(s, l->provider, l->planned_us, is_without(s, i, WAIT_FOR_DEVICE));
	return is_without(s, i, WAIT_FOR_PLAN) ? s->report->start_us : l->planned_us;
}

static void schedule_load(struct schedule *s, uint32_t i)
{
	const struct run_report *r = s->report;
	const struct report_load *l = &r->loads[i];
	uint64_t was = latest(l->planned_us, r->start_us), is = latest(planned(s, i), r->start_us);
	bool at_once = is_without(s, i, WAIT_FOR_TURN) || is_without(s, i, WAIT_FOR_START);

	for (uint32_t k = 0; k < l->n_edges; k++) {
		uint32_t on = r->edges[l->first_edge + k];

		if (!r->loads[on].start_us)
			continue;
		was = latest(was, r->loads[on].end_us);
		is = latest(is, s->end[on]);
	}
	s->start[i] = is + (at_once ? 0 : l->start_us - was);
	s->end[i] = s->start[i] + (is_without(s, i, WAIT_LOAD) ? 0 : l->end_us - l->start_us);
}

/* When the end would come. last is the load that leads to it. */
static uint64_t end_without(struct schedule *s, const struct critical_path *path, uint32_t last,
			    const struct wait_part *part)
{
	s->without = part;
	for (size_t i = 0; i < s->n; i++)
		schedule_load(s, s->order[i].load);
	if (path->awaited)
		return arrival(s, last, path->end_us, part->kind == WAIT_FOR_NODE);
	return s->end[last];
}

/* Marks what load i waits for, directly or not; without recursion, which a long chain would make deep. */
static void mark_needed(const struct run_report *r, uint32_t last, bool *marked, uint32_t *stack)
{
	size_t n = 0;

	marked[last] = true;
	stack[n++] = last;
	while (n) {
		const struct report_load *l = &r->loads[stack[--n]];

		for (uint32_t k = 0; k <= l->n_edges; k++) {
			uint32_t on = k < l->n_edges ? r->edges[l->first_edge + k] : l->provider;

			if (on == REPORT_NONE || marked[on] || !r->loads[on].start_us)
				continue;
			marked[on] = true;
			stack[n++] = on;
		}
	}
}

static int compare_starts(const void *a, const void *b)
{
	const struct started *x = a, *y = b;

	return ((x->start_us > y->start_us) - (x->start_us < y->start_us))
		?: (x->load > y->load) - (x->load < y->load);
}

static void free_schedule(struct schedule *s)
{
	free(s->order);
	free(s->start);
	free(s->end);
}

/* The loads that lead to the last one. */
static int make_schedule(struct schedule *s, uint32_t last)
{
	const struct run_report *r = s->report;
	uint32_t *stack = calloc(r->n_loads, sizeof(*stack));
	bool *marked = calloc(r->n_loads, sizeof(*marked));
	int error = 0;

	s->order = calloc(r->n_loads, sizeof(*s->order));
	s->start = calloc(r->n_loads, sizeof(*s->start));
	s->end = calloc(r->n_loads, sizeof(*s->end));
	if (!stack || !marked || !s->order || !s->start || !s->end)
		error = -ENOMEM;
	else
		mark_needed(r, last, marked, stack);
	for (uint32_t i = 0; !error && i < r->n_loads; i++)
		if (marked[i])
			s->order[s->n++] = (struct started){ r->loads[i].start_us, i };
	if (!error)
		qsort(s->order, s->n, sizeof(*s->order), compare_starts);
	free(stack);
	free(marked);
	return error;
}

static int find_gains(struct critical_path *path, const struct run_report *r, uint32_t last)
{
	struct schedule s = { .report = r };
	int error = make_schedule(&s, last);

	for (size_t i = 0; !error && i < path->n_parts; i++)
		path->parts[i].gain_us = path->end_us - end_without(&s, path, last, &path->parts[i]);
	free_schedule(&s);
	return error;
}

int critical_path_find(struct critical_path *ret, const struct run_report *report,
		       const struct report_awaited *awaited)
{
	uint32_t last = awaited ? awaited->provider : report->last;
	struct critical_path path = { .awaited = awaited, .start_us = report->start_us };
	uint64_t until = end_of(report, last);
	int error = 0;

	path.end_us = awaited ? awaited->found_us : last == REPORT_NONE ? report->start_us : until;
	if (awaited) {
		until = earliest(until, awaited->found_us);
		error = add_part(&path, WAIT_FOR_NODE, last, last == REPORT_NONE ? path.start_us : until,
				 path.end_us);
	}
	error = error ?: find_parts(&path, report, last, until);
	if (!error && last != REPORT_NONE)
		error = find_gains(&path, report, last);
	if (error)
		critical_path_free(&path);
	else
		*ret = path;
	return error;
}

void critical_path_free(struct critical_path *path)
{
	free(path->parts);
	*path = (struct critical_path){};
}
