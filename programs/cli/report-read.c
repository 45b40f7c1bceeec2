/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A report says by name what each step needs. It does not say which module brought a device: that follows
 * from the paths of the devices. A step that was planned for a device was planned late because the device
 * came late; and it came from the driver of a device that it is below. That is one of the modules with an
 * alias of that one, if it had started by then; of several, the one that took longest until then. For a
 * device that is awaited the same is true.
 *
 * A report may come from anywhere: each name, number and order in it is checked, so that what is made of a
 * report may rely on it. Every load ends after it starts, and starts after the loads have ended that it has
 * an edge on.
 */
#include "programs/cli/report-read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/json-read.h"
#include "programs/output.h"

#define REPORT_FORMAT 1
#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Entries of one key that are looked at; hundreds of devices of the same kind have come in the same way. */
#define LIKE_ENTRIES_MAX 64U
#define PATH_LENGTH_MAX 4096U

struct entry {
	const char *key;
	const char *value;
	uint32_t step;
};

struct table {
	struct entry *items;
	size_t n, capacity;
};

/* The name of a step that another one needs. */
struct edge_name {
	const char *module;
	struct json_place place;
};

struct step {
	const char *module;
	size_t first_edge, first_alias;
};

struct reading {
	struct run_report *report;
	struct report_load load; /* the one that is being read */
	const char *outcome;
	uint64_t format;
	bool has_start, has_loads;
	const char *device; /* the path of the device that is being read */
	struct {
		struct step *items;
		size_t n, capacity;
	} steps;
	struct {
		struct edge_name *items;
		size_t n, capacity;
	} edges;
	size_t loads_capacity, awaited_capacity, requests_capacity, way_capacity, filesystems_capacity;
	struct table modules;	   /* of steps, by name */
	struct table reasons;	   /* aliases that steps were planned for, in the order of the steps */
	struct table alias_steps;  /* the same, by alias */
	struct table alias_paths;  /* of devices, by alias */
	struct table path_aliases; /* the same, by path */
};

/* Makes room for one more. */
static int grow(void **items, size_t *capacity, size_t n, size_t size)
{
	size_t want = *capacity ? 2 * *capacity : 64;
	void *p;

	if (n < *capacity)
		return 0;
	p = reallocarray(*items, want, size);
	if (!p)
		return -ENOMEM;
	*items = p;
	*capacity = want;
	return 0;
}

#define GROW(a) grow((void **)&(a)->items, &(a)->capacity, (a)->n, sizeof(*(a)->items))

static int add_entry(struct table *t, const char *key, const char *value, uint32_t step)
{
	int r = GROW(t);

	if (!r)
		t->items[t->n++] = (struct entry){ key, value, step };
	return r;
}

/* By key, and within one key by step. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->key, y->key) ?: (x->step > y->step) - (x->step < y->step);
}

static void sort(struct table *t)
{
	if (t->n)
		qsort(t->items, t->n, sizeof(*t->items), compare_entries);
}

/* The first entry that is not in front of this key and step. */
static size_t find(const struct table *t, const char *key, uint32_t step)
{
	struct entry wanted = { .key = key, .step = step };
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_entries(&t->items[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_key(const struct table *t, size_t i, const char *key)
{
	return i < t->n && !strcmp(t->items[i].key, key);
}

/* ---- reading ---- */

static int read_device_alias(struct json_reader *r, void *data)
{
	struct reading *reading = data;
	const char *alias;
	int error = json_read_text(r, &alias);

	return error ?: add_entry(&reading->alias_paths, alias, NULL, 0);
}

static int read_device_aliases(struct json_reader *r, void *data)
{
	return json_read_array(r, read_device_alias, data);
}

static int read_device(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "path", JSON_TEXT, offsetof(struct reading, device), .required = true },
		{ "aliases", JSON_OTHER, .read = read_device_aliases, .required = true },
	};
	struct reading *reading = data;
	size_t first = reading->alias_paths.n;
	int error = json_read_object(r, members, N(members), reading);

	for (size_t i = first; !error && i < reading->alias_paths.n; i++) {
		struct entry *e = &reading->alias_paths.items[i];

		e->value = reading->device;
		error = add_entry(&reading->path_aliases, e->value, e->key, 0);
	}
	return error;
}

static int read_devices(struct json_reader *r, void *data)
{
	return json_read_array(r, read_device, data);
}

struct reason {
	const char *alias;
};

static int read_reason(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "alias", JSON_TEXT, offsetof(struct reason, alias) },
	};
	struct reading *reading = data;
	struct reason reason = {};
	int error = json_read_object(r, members, N(members), &reason);

	if (error || !reason.alias)
		return error;
	return add_entry(&reading->reasons, reason.alias, NULL, (uint32_t)reading->steps.n)
		?: add_entry(&reading->alias_steps, reason.alias, NULL, (uint32_t)reading->steps.n);
}

static int read_reasons(struct json_reader *r, void *data)
{
	return json_read_array(r, read_reason, data);
}

static int read_edge(struct json_reader *r, void *data)
{
	struct reading *reading = data;
	struct edge_name edge = { .place = json_place(r) };
	int error = json_read_text(r, &edge.module) ?: GROW(&reading->edges);

	if (!error)
		reading->edges.items[reading->edges.n++] = edge;
	return error;
}

static int read_edges(struct json_reader *r, void *data)
{
	return json_read_array(r, read_edge, data);
}

static int read_step(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "module", JSON_TEXT, offsetof(struct reading, load.module), .required = true },
		{ "needs", JSON_OTHER, .read = read_edges },
		{ "after", JSON_OTHER, .read = read_edges },
		{ "reasons", JSON_OTHER, .read = read_reasons },
	};
	struct reading *reading = data;
	struct step step = { .first_edge = reading->edges.n, .first_alias = reading->reasons.n };
	int error = GROW(&reading->steps);

	if (reading->steps.n == REPORT_LOADS_MAX)
		return json_error(r, json_place(r), "there are more than %u steps", REPORT_LOADS_MAX);
	error = error ?: json_read_object(r, members, N(members), reading);
	if (error)
		return error;
	step.module = reading->load.module;
	reading->steps.items[reading->steps.n] = step;
	return add_entry(&reading->modules, step.module, NULL, (uint32_t)reading->steps.n++);
}

static int read_steps(struct json_reader *r, void *data)
{
	struct reading *reading = data;

	if (reading->has_loads)
		return json_error(r, json_place(r), "\"steps\" must come before \"loads\"");
	return json_read_array(r, read_step, data);
}

static const char *const outcomes[] = {
	[OUTCOME_LOADED] = "loaded", [OUTCOME_ALREADY] = "already", [OUTCOME_DECLINED] = "declined",
	[OUTCOME_FAILED] = "failed", [OUTCOME_SKIPPED] = "skipped", [OUTCOME_PENDING] = "pending",
};

const char *outcome_name(enum outcome outcome)
{
	return outcomes[outcome];
}

static int take_outcome(struct json_reader *r, struct json_place at, struct reading *reading)
{
	for (size_t i = 0; i < N(outcomes); i++)
		if (!strcmp(outcomes[i], reading->outcome)) {
			reading->load.outcome = (enum outcome)i;
			return 0;
		}
	return json_error(r, at, "there is no outcome \"%s\"", reading->outcome);
}

/* The times of one load by itself; start_us of the report comes in front of it. */
static int check_times(struct json_reader *r, struct json_place at, const struct reading *reading)
{
	const struct report_load *l = &reading->load;
	uint64_t begin = reading->report->start_us;

	if (l->end_us < l->start_us || (l->end_us && !l->start_us))
		return json_error(r, at, "the load of %s ends before it starts", l->module);
	if ((l->start_us && l->start_us < begin) || (l->planned_us && l->planned_us < begin))
		return json_error(r, at, "the load of %s starts or is planned before the run", l->module);
	if (l->start_us && l->planned_us > l->start_us)
		return json_error(r, at, "the load of %s starts before it is planned", l->module);
	return 0;
}

/* Phases that are in no order say nothing. */
static void order_phases(struct report_load *l)
{
	uint64_t *const phases[] = { &l->read_us, &l->given_us, &l->init_us, &l->inited_us };
	uint64_t last = l->start_us;
	bool bad = false;

	for (size_t i = 0; i < N(phases); i++) {
		bad |= *phases[i] && (*phases[i] < last || *phases[i] > l->end_us);
		last = *phases[i] ? *phases[i] : last;
	}
	for (size_t i = 0; bad && i < N(phases); i++)
		*phases[i] = 0;
}

static int check_step(struct json_reader *r, struct json_place at, const struct reading *reading)
{
	uint32_t i = reading->report->n_loads;

	if (i >= reading->steps.n)
		return json_error(r, at, "there is no step for the load of %s", reading->load.module);
	if (strcmp(reading->steps.items[i].module, reading->load.module) != 0)
		return json_error(r, at, "the load of %s is in the place of step %s", reading->load.module,
				  reading->steps.items[i].module);
	return 0;
}

/* No step starts before those that it waits for have ended. */
static int check_order(struct json_reader *r, struct json_place at, const struct reading *reading)
{
	const struct run_report *report = reading->report;
	const struct report_load *l = &reading->load;

	for (uint32_t i = 0; l->start_us && i < l->n_edges; i++) {
		const struct report_load *on = &report->loads[report->edges[l->first_edge + i]];

		if (on->end_us > l->start_us)
			return json_error(r, at,
					  "the load of %s starts before that of %s ends, which it waits for",
					  l->module, on->module);
	}
	return 0;
}

static int read_load(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "module", JSON_TEXT, offsetof(struct reading, load.module), .required = true },
		{ "outcome", JSON_TEXT, offsetof(struct reading, outcome), .required = true },
		{ "error", JSON_TEXT_OR_NULL, offsetof(struct reading, load.error) },
		{ "message", JSON_TEXT, offsetof(struct reading, load.message) },
		{ "worker", JSON_COUNT, offsetof(struct reading, load.worker), .required = true },
		{ "start_us", JSON_COUNT, offsetof(struct reading, load.start_us), .required = true },
		{ "end_us", JSON_COUNT, offsetof(struct reading, load.end_us), .required = true },
		{ "planned_us", JSON_COUNT, offsetof(struct reading, load.planned_us) },
		{ "read_us", JSON_COUNT, offsetof(struct reading, load.read_us) },
		{ "given_us", JSON_COUNT, offsetof(struct reading, load.given_us) },
		{ "init_us", JSON_COUNT, offsetof(struct reading, load.init_us) },
		{ "inited_us", JSON_COUNT, offsetof(struct reading, load.inited_us) },
	};
	struct json_place at = json_place(r);
	struct reading *reading = data;
	struct run_report *report = reading->report;
	uint32_t i = report->n_loads;
	int error;

	reading->load = (struct report_load){ .message = "", .provider = REPORT_NONE };
	error = json_read_object(r, members, N(members), reading) ?: take_outcome(r, at, reading)
		?: check_step(r, at, reading) ?: check_times(r, at, reading);
	if (error)
		return error;
	order_phases(&reading->load);
	reading->load.first_edge = (uint32_t)reading->steps.items[i].first_edge;
	reading->load.n_edges = (uint32_t)((i + 1 < reading->steps.n ? reading->steps.items[i + 1].first_edge
								     : reading->edges.n) -
					   reading->load.first_edge);
	error = check_order(r, at, reading)
		?: grow((void **)&report->loads, &reading->loads_capacity, i, sizeof(*report->loads));
	if (!error)
		report->loads[report->n_loads++] = reading->load;
	return error;
}

/* All steps are known: their names become numbers. */
static int resolve_edges(struct json_reader *r, struct reading *reading)
{
	struct run_report *report = reading->report;
	uint32_t step = 0;

	report->edges = calloc(reading->edges.n + 1, sizeof(*report->edges));
	if (!report->edges)
		return -ENOMEM;
	sort(&reading->modules);
	for (size_t i = 0; i < reading->edges.n; i++) {
		const struct edge_name *edge = &reading->edges.items[i];
		size_t at;

		while (step + 1 < reading->steps.n && reading->steps.items[step + 1].first_edge <= i)
			step++;
		at = find(&reading->modules, edge->module, step);
		if (!at || !has_key(&reading->modules, at - 1, edge->module))
			return json_error(r, edge->place, "there is no step \"%s\" in front of this one",
					  edge->module);
		report->edges[i] = reading->modules.items[at - 1].step;
	}
	return 0;
}

/* Times are compared with the beginning while they are read. */
static int check_start(struct json_reader *r, struct json_place at, const struct reading *reading)
{
	return reading->has_start ? 0 : json_error(r, at, "\"start_us\" must come before this");
}

static int read_loads(struct json_reader *r, void *data)
{
	struct json_place at = json_place(r);
	struct reading *reading = data;
	int error = check_start(r, at, reading) ?: resolve_edges(r, reading);

	reading->has_loads = true;
	error = error ?: json_read_array(r, read_load, data);
	if (!error && reading->report->n_loads < reading->steps.n)
		return json_error(r, at, "there are %zu steps, but loads for %u only", reading->steps.n,
				  reading->report->n_loads);
	return error;
}

static int read_awaited_device(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "spec", JSON_TEXT, offsetof(struct report_awaited, spec), .required = true },
		{ "node", JSON_TEXT_OR_NULL, offsetof(struct report_awaited, node), .required = true },
		{ "path", JSON_TEXT_OR_NULL, offsetof(struct report_awaited, path) },
		{ "found_us", JSON_COUNT, offsetof(struct report_awaited, found_us), .required = true },
	};
	struct json_place at = json_place(r);
	struct reading *reading = data;
	struct run_report *report = reading->report;
	struct report_awaited awaited = { .provider = REPORT_NONE };
	int error = json_read_object(r, members, N(members), &awaited);

	if (!error && awaited.node && awaited.found_us < report->start_us)
		return json_error(r, at, "%s is found before the run", awaited.spec);
	error = error
		?: grow((void **)&report->awaited, &reading->awaited_capacity, report->n_awaited,
			sizeof(*report->awaited));
	if (!error)
		report->awaited[report->n_awaited++] = awaited;
	return error;
}

static int read_awaited(struct json_reader *r, void *data)
{
	return check_start(r, json_place(r), data) ?: json_read_array(r, read_awaited_device, data);
}

static int read_request(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "name", JSON_TEXT, offsetof(struct report_request, name), .required = true },
		{ "by", JSON_TEXT, offsetof(struct report_request, by), .required = true },
		{ "module", JSON_TEXT_OR_NULL, offsetof(struct report_request, module) },
		{ "time_us", JSON_COUNT, offsetof(struct report_request, time_us), .required = true },
	};
	struct reading *reading = data;
	struct run_report *report = reading->report;
	struct report_request request = {};
	int error = json_read_object(r, members, N(members), &request)
		?: grow((void **)&report->requests, &reading->requests_capacity, report->n_requests,
			sizeof(*report->requests));

	if (!error)
		report->requests[report->n_requests++] = request;
	return error;
}

static int read_requests(struct json_reader *r, void *data)
{
	return json_read_array(r, read_request, data);
}

static int read_format(struct json_reader *r, void *data)
{
	struct json_place at = json_place(r);
	struct reading *reading = data;
	int error = json_read_count(r, &reading->format);

	if (!error && reading->format != REPORT_FORMAT)
		return json_error(r, at, "the report has format %llu; this version knows format %d",
				  (unsigned long long)reading->format, REPORT_FORMAT);
	return error;
}

static int read_start(struct json_reader *r, void *data)
{
	struct reading *reading = data;

	reading->has_start = true;
	return json_read_count(r, &reading->report->start_us);
}

static int read_program(struct json_reader *r, void *data)
{
	return json_read_text(r, &((struct reading *)data)->report->program);
}

static int read_release(struct json_reader *r, void *data)
{
	return json_read_text(r, &((struct reading *)data)->report->release);
}

static int read_all(struct json_reader *r, struct reading *reading)
{
	static const struct json_member members[] = {
		{ "format", JSON_OTHER, .read = read_format, .required = true },
		{ "program", JSON_OTHER, .read = read_program },
		{ "release", JSON_OTHER, .read = read_release },
		{ "start_us", JSON_OTHER, .read = read_start, .required = true },
		{ "devices", JSON_OTHER, .read = read_devices },
		{ "steps", JSON_OTHER, .read = read_steps, .required = true },
		{ "awaited", JSON_OTHER, .read = read_awaited },
		{ "kernel_requests", JSON_OTHER, .read = read_requests },
		{ "loads", JSON_OTHER, .read = read_loads },
	};
	struct json_place at = json_place(r);
	int error = json_read_object(r, members, N(members), reading) ?: json_read_end(r);

	if (!error && !reading->has_loads)
		return json_error(r, at, "there are no \"loads\": this is the report of a dry run");
	return error;
}

/* ---- which load brought a device ---- */

/* Whether the load took longer than the other one until then, or began later. */
static bool is_later(const struct report_load *l, const struct report_load *other, uint64_t until_us)
{
	uint64_t a = l->end_us < until_us ? l->end_us : until_us;
	uint64_t b = other->end_us < until_us ? other->end_us : until_us;

	return a > b || (a == b && l->start_us > other->start_us);
}

static void consider(const struct run_report *report, uint32_t load, uint64_t until_us, uint32_t *best)
{
	const struct report_load *l = &report->loads[load];

	if (l->start_us && l->start_us < until_us &&
	    (*best == REPORT_NONE || is_later(l, &report->loads[*best], until_us)))
		*best = load;
}

/* The loads that drive the device with this path. */
static void consider_device(const struct reading *reading, const char *path, uint64_t until_us,
			    uint32_t *best)
{
	const struct table *aliases = &reading->path_aliases, *steps = &reading->alias_steps;
	size_t i = find(aliases, path, 0);

	for (size_t n = 0; n < LIKE_ENTRIES_MAX && has_key(aliases, i, path); i++, n++) {
		const char *alias = aliases->items[i].value;
		size_t k = find(steps, alias, 0);

		for (size_t m = 0; m < LIKE_ENTRIES_MAX && has_key(steps, k, alias); k++, m++)
			consider(reading->report, steps->items[k].step, until_us, best);
	}
}

/* The loads that drive the devices that this one is below. */
static void consider_parents(const struct reading *reading, const char *path, uint64_t until_us,
			     uint32_t *best)
{
	char parent[PATH_LENGTH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(parent))
		return;
	memcpy(parent, path, n + 1);
	for (char *slash; (slash = strrchr(parent, '/')) && slash > parent;) {
		*slash = '\0';
		consider_device(reading, parent, until_us, best);
	}
}

static void find_provider(const struct reading *reading, uint32_t i)
{
	struct report_load *l = &reading->report->loads[i];
	size_t k = reading->steps.items[i].first_alias;

	for (; l->start_us && l->planned_us && k < reading->reasons.n && reading->reasons.items[k].step == i;
	     k++) {
		const char *alias = reading->reasons.items[k].key;
		size_t at = find(&reading->alias_paths, alias, 0);

		for (size_t n = 0; n < LIKE_ENTRIES_MAX && has_key(&reading->alias_paths, at, alias);
		     at++, n++)
			consider_parents(reading, reading->alias_paths.items[at].value, l->planned_us,
					 &l->provider);
	}
}

static void find_providers(struct reading *reading)
{
	struct run_report *report = reading->report;

	sort(&reading->alias_steps);
	sort(&reading->alias_paths);
	sort(&reading->path_aliases);
	for (uint32_t i = 0; i < report->n_loads; i++)
		find_provider(reading, i);
	for (uint32_t i = 0; i < report->n_awaited; i++) {
		struct report_awaited *a = &report->awaited[i];

		if (a->node && a->path)
			consider_parents(reading, a->path, a->found_us, &a->provider);
	}
}

/* ---- what an awaited device was behind ---- */

static bool is_awaited_below(const struct run_report *report, const char *path)
{
	size_t n = strlen(path);

	for (uint32_t i = 0; i < report->n_awaited; i++) {
		const char *awaited = report->awaited[i].node ? report->awaited[i].path : NULL;

		if (awaited && !strncmp(awaited, path, n) && awaited[n] == '/')
			return true;
	}
	return false;
}

static int find_way(struct reading *reading)
{
	struct run_report *report = reading->report;
	int error = 0;

	for (size_t i = 0; !error && i < reading->path_aliases.n; i++) {
		const struct entry *e = &reading->path_aliases.items[i];

		if (!is_awaited_below(report, e->key))
			continue;
		error = grow((void **)&report->way, &reading->way_capacity, report->n_way,
			     sizeof(*report->way));
		if (!error)
			report->way[report->n_way++] = (struct report_device){ e->key, e->value };
	}
	return error;
}

static int find_filesystems(struct reading *reading)
{
	struct run_report *report = reading->report;
	const struct table *aliases = &reading->alias_steps;
	int error = 0;

	for (size_t i = find(aliases, "fs-", 0); !error && i < aliases->n; i++) {
		const char *alias = aliases->items[i].key;

		if (strncmp(alias, "fs-", 3) != 0)
			break;
		error = grow((void **)&report->filesystems, &reading->filesystems_capacity,
			     report->n_filesystems, sizeof(*report->filesystems));
		if (!error)
			report->filesystems[report->n_filesystems++] = alias + 3;
	}
	return error;
}

static void find_end(struct run_report *report)
{
	report->last = REPORT_NONE;
	report->end_us = report->start_us;
	for (uint32_t i = 0; i < report->n_loads; i++) {
		if (!report->loads[i].start_us)
			continue;
		if (report->last == REPORT_NONE || report->loads[i].end_us > report->end_us)
			report->last = i;
		if (report->loads[i].end_us > report->end_us)
			report->end_us = report->loads[i].end_us;
	}
	for (uint32_t i = 0; i < report->n_awaited; i++)
		if (report->awaited[i].node && report->awaited[i].found_us > report->end_us)
			report->end_us = report->awaited[i].found_us;
}

/* ---- all of it ---- */

static void free_reading(struct reading *reading)
{
	free(reading->steps.items);
	free(reading->edges.items);
	free(reading->modules.items);
	free(reading->reasons.items);
	free(reading->alias_steps.items);
	free(reading->alias_paths.items);
	free(reading->path_aliases.items);
}

int run_report_parse(struct run_report *ret, const char *name, char *text, size_t n)
{
	struct run_report report = { .name = name, .program = "", .release = "", .text = text };
	struct reading reading = { .report = &report };
	struct json_reader r;
	int error;

	json_reader_init(&r, name, text, n);
	error = read_all(&r, &reading);
	if (!error) {
		find_providers(&reading);
		find_end(&report);
		error = find_way(&reading) ?: find_filesystems(&reading);
	}
	if (error == -ENOMEM)
		output_message("coldplug: %s: out of memory\n", name);
	free_reading(&reading);
	if (error)
		run_report_free(&report);
	else
		*ret = report;
	return error;
}

static int read_file(FILE *f, char **ret, size_t *ret_n)
{
	size_t n = 0, capacity = 0, got;
	char *text = NULL;

	do {
		char *more = realloc(text, capacity = capacity ? 2 * capacity : 65536);

		if (!more) {
			free(text);
			return -ENOMEM;
		}
		text = more;
		got = fread(text + n, 1, capacity - n - 1, f);
		n += got;
	} while (n == capacity - 1 && n <= REPORT_SIZE_MAX);
	if (ferror(f) || n > REPORT_SIZE_MAX) {
		int r = ferror(f) ? -errno : -EFBIG;

		free(text);
		return r;
	}
	text[n] = '\0';
	*ret = text;
	*ret_n = n;
	return 0;
}

int run_report_read(struct run_report *ret, const char *name)
{
	FILE *f = strcmp(name, "-") != 0 ? fopen(name, "re") : stdin;
	char *text = NULL;
	size_t n = 0;
	int r = f ? read_file(f, &text, &n) : -errno;

	if (f && f != stdin)
		fclose(f);
	if (r < 0) {
		output_message("coldplug: %s: the report cannot be read: %s\n", name, strerror(-r));
		return r;
	}
	return run_report_parse(ret, name, text, n);
}

void run_report_free(struct run_report *r)
{
	free(r->loads);
	free(r->edges);
	free(r->awaited);
	free(r->requests);
	free(r->way);
	free(r->filesystems);
	free(r->text);
	*r = (struct run_report){};
}
