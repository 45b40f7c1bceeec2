/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan, and the front's half of the report, as JSON: see coldplug-report(5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "libcoldplug/answers.h"

#define API __attribute__((visibility("default")))

#define REPORT_FORMAT 1

static void put_rule(struct json *j, const struct rule *rule)
{
	if (!rule)
		return;
	json_string(j, "file", rule->origin.file);
	if (rule->origin.line)
		json_number(j, "line", rule->origin.line);
}

static void put_devices(struct json *j, const struct device_set *set)
{
	json_open(j, "devices", '[');
	for (uint32_t i = 0; i < set->devpaths.n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "path", intern_string(&set->devpaths, i));
		json_open(j, "aliases", '[');
		for (uint32_t k = set->first.items[i]; k != CLAIM_NONE; k = set->claims.items[k].next)
			json_string(j, NULL, intern_string(&set->aliases, set->claims.items[k].alias));
		json_close(j, ']');
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_requests(struct json *j, struct machine *m)
{
	static const char *const results[] = {
		[REQUEST_PLANNED] = "planned",	 [REQUEST_NOTHING] = "nothing",
		[REQUEST_INVALID] = "invalid",	 [REQUEST_PRESENT] = "present",
		[REQUEST_WITHHELD] = "withheld", [REQUEST_DEFERRED] = "deferred",
	};

	json_open(j, "requests", '[');
	for (size_t i = 0; i < m->expander.requests.n; i++) {
		const struct request *request = &m->expander.requests.items[i];

		json_open(j, NULL, '{');
		json_string(j, "alias", request->text);
		json_bool(j, "device", request->flags & REQUEST_DEVICE);
		json_string(j, "result", results[request->result]);
		if (request->origin.file)
			json_string(j, "file", request->origin.file);
		if (request->origin.line)
			json_number(j, "line", request->origin.line);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_reason(struct json *j, struct machine *m, const struct reason *reason)
{
	static const char *const kinds[] = {
		[REASON_REQUEST] = "request",
		[REASON_DEPENDENCY] = "dependency",
		[REASON_SOFTDEP_PRE] = "softdep-pre",
		[REASON_SOFTDEP_POST] = "softdep-post",
	};

	json_open(j, NULL, '{');
	json_string(j, "kind", kinds[reason->kind]);
	if (reason->kind == REASON_REQUEST) {
		json_string(j, "alias", m->expander.requests.items[reason->request].text);
		if (reason->pattern)
			json_string(j, "pattern", reason->pattern);
	} else {
		json_string(j, "by", modules_name(&m->modules, reason->by));
	}
	put_rule(j, reason->rule);
	json_close(j, '}');
}

/* The reasons of all modules, gathered once: a list of indexes by module. */
struct by_module {
	uint32_t *first; /* by module */
	uint32_t *next;	 /* by reason */
};

static int gather_reasons(struct machine *m, struct by_module *b)
{
	size_t n = m->expander.reasons.n;

	b->first = malloc((m->modules.items.n + 1) * sizeof(*b->first));
	b->next = malloc((n + 1) * sizeof(*b->next));
	if (!b->first || !b->next)
		return -ENOMEM;
	for (size_t i = 0; i < m->modules.items.n; i++)
		b->first[i] = UINT32_MAX;
	for (size_t i = n; i-- > 0;) {
		uint32_t module = m->expander.reasons.items[i].module;

		b->next[i] = b->first[module];
		b->first[module] = (uint32_t)i;
	}
	return 0;
}

/* The edges of a step begin at first: those of all steps are stored one after the other, in the order
 * of the steps. */
static void put_edges(struct json *j, struct machine *m, uint32_t id, size_t first)
{
	static const struct {
		const char *key;
		bool hard;
	} lists[] = { { "needs", true }, { "after", false } };

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		json_open(j, lists[k].key, '[');
		for (size_t i = 0; i < m->planner.steps.items[id].n_edges; i++) {
			const struct step_edge *e = &m->planner.edges.items[first + i];

			if ((e->kind == EDGE_HARD) == lists[k].hard)
				json_string(j, NULL, m->planner.steps.items[e->on].name);
		}
		json_close(j, ']');
	}
}

static void put_step(struct json *j, struct machine *m, uint32_t id, size_t first_edge,
		     const struct by_module *reasons)
{
	static const char *const kinds[] = {
		[STEP_MODULE] = "module",
		[STEP_COMMAND] = "command",
		[STEP_ABSENT] = "absent",
	};
	const struct step *s = &m->planner.steps.items[id];
	uint32_t module = m->planner.step_module.items[id];
	_cleanup_arena_ struct arena arena = {};

	json_open(j, NULL, '{');
	json_string(j, "module", s->name);
	json_string(j, "kind", kinds[s->kind]);
	if (s->path) {
		const char *path = s->member ? s->path : machine_path(m, &arena, s->path);

		j->failed = j->failed || !path;
		json_string(j, "path", path);
	}
	json_string(j, "params", s->params);
	if (s->command) {
		json_string(j, "command", s->command);
		json_string(j, "command_from", s->origin);
	}
	json_number(j, "priority", s->priority);
	if (s->alone)
		json_bool(j, "alone", true);
	put_edges(j, m, id, first_edge);
	json_open(j, "reasons", '[');
	for (uint32_t i = reasons->first[module]; i != UINT32_MAX; i = reasons->next[i])
		put_reason(j, m, &m->expander.reasons.items[i]);
	json_close(j, ']');
	json_close(j, '}');
}

static void put_withheld(struct json *j, struct machine *m)
{
	static const char *const kinds[] = {
		[WITHHELD_BLACKLIST] = "blacklist",
		[WITHHELD_FORBIDDEN] = "module_blacklist",
		[WITHHELD_OFF] = "off",
		[WITHHELD_BANNED] = "install",
	};

	json_open(j, "withheld", '[');
	for (size_t i = 0; i < m->expander.withheld.n; i++) {
		const struct withheld *w = &m->expander.withheld.items[i];

		json_open(j, NULL, '{');
		json_string(j, "module",
			    w->module == MODULE_NONE ? NULL : modules_name(&m->modules, w->module));
		json_string(j, "alias", m->expander.requests.items[w->request].text);
		json_string(j, "rule", kinds[w->kind]);
		if (w->kind == WITHHELD_FORBIDDEN || w->kind == WITHHELD_BANNED)
			json_string(j, "named", modules_name(&m->modules, w->cause));
		put_rule(j, w->rule);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* For blame and plot. A program that is counted in bytes leaves it out. */
#ifdef HAVE_TOOLS
static void put_waits(struct json *j, const struct wait_list *l, const struct rootfs *root)
{
	for (size_t i = 0; i < l->specs.n; i++) {
		const struct wait_spec *spec = &l->specs.items[i];
		char path[PATH_MAX];

		json_open(j, NULL, '{');
		json_string(j, "spec", spec->text);
		json_string(j, "node", spec->node);
		json_string(j, "path", wait_spec_device(spec, root, path) ? path : NULL);
		json_number(j, "found_us", (int64_t)spec->found_us);
		json_close(j, '}');
	}
}

static void put_awaited(struct json *j, const struct waiting *w, const struct rootfs *root)
{
	json_open(j, "awaited", '[');
	put_waits(j, &w->waits, root);
	put_waits(j, &w->mounts, root);
	json_close(j, ']');
}
#endif

static int put_plan(struct json *j, struct coldplug *c)
{
	struct by_module reasons = {};
	size_t first_edge = 0;
	int r = gather_reasons(&c->machine, &reasons);

	if (!r) {
		json_open(j, NULL, '{');
		json_string(j, "program", "coldplug " COLDPLUG_VERSION);
		json_number(j, "format", REPORT_FORMAT);
		json_string(j, "release", c->machine.release);
		json_string(j, "root", c->machine.root.path[0] ? c->machine.root.path : "/");
		json_number(j, "start_us", (int64_t)c->loading.start_us);
		put_devices(j, &c->wanted.devices);
		put_requests(j, &c->machine);
		json_open(j, "steps", '[');
		for (uint32_t id = 0; id < c->machine.planner.steps.n; id++) {
			put_step(j, &c->machine, id, first_edge, &reasons);
			first_edge += c->machine.planner.steps.items[id].n_edges;
		}
		json_close(j, ']');
		put_withheld(j, &c->machine);
#ifdef HAVE_TOOLS
		put_awaited(j, &c->waiting, &c->machine.root);
#endif
		json_close(j, '}');
	}
	free(reasons.first);
	free(reasons.next);
	return r;
}

static int put_loaded(struct json *j, struct coldplug *c)
{
	const struct coldplug_loaded *list;
	int64_t n = coldplug_loaded(c, &list);

	if (n < 0)
		return (int)n;
	json_open(j, NULL, '[');
	for (int64_t i = 0; i < n; i++) {
		json_open(j, NULL, '{');
		json_string(j, "module", list[i].name);
		json_number(j, "size", (int64_t)list[i].size);
		json_number(j, "refcount", list[i].refcount);
		json_string(j, "holders", list[i].holders);
		json_close(j, '}');
	}
	json_close(j, ']');
	return 0;
}

static int put_event(struct json *j, struct coldplug *c)
{
	const struct uevent *e = c->listener.current_event;

	if (!e)
		return -EINVAL;
	json_open(j, NULL, '{');
	json_string(j, "action", e->action);
	json_string(j, "devpath", e->devpath);
	json_string(j, "subsystem", e->subsystem);
	json_string(j, "modalias", e->modalias);
	json_string(j, "devname", e->devname);
	json_number(j, "seqnum", (int64_t)e->seqnum);
	json_number(j, "time_us", (int64_t)clock_now_us());
	json_close(j, '}');
	return 0;
}

static int put_result(struct json *j, struct coldplug *c)
{
	static const char *const outcomes[] = {
		[LOAD_DONE] = "loaded",	  [LOAD_ALREADY] = "already", [LOAD_DECLINED] = "declined",
		[LOAD_FAILED] = "failed", [LOAD_SKIPPED] = "skipped",
	};
	const struct load_result *result;
	const struct step *step;

	if (!context_step(c, c->loading.current_step, &step, &result))
		return -EINVAL;
	if (result->outcome > LOAD_SKIPPED)
		return -EINVAL;
	json_open(j, NULL, '{');
	json_string(j, "module", step->name);
	json_string(j, "outcome", outcomes[result->outcome]);
	json_string(j, "message", result->message);
	json_number(j, "start_us", (int64_t)result->start_us);
	json_number(j, "end_us", (int64_t)result->end_us);
	json_close(j, '}');
	return 0;
}

API int coldplug_json(struct coldplug *c, enum coldplug_json what, char **ret)
{
	static int (*const writers[])(struct json *, struct coldplug *) = {
		[COLDPLUG_JSON_PLAN] = put_plan,
		[COLDPLUG_JSON_LOADED] = put_loaded,
		[COLDPLUG_JSON_EVENT] = put_event,
		[COLDPLUG_JSON_RESULT] = put_result,
	};
	struct json j = {};
	int r = what == COLDPLUG_JSON_LOADED ? machine_open_root(&c->machine) : context_open(c);

	if (!r)
		r = what < ARRAY_SIZE(writers) ? writers[what](&j, c) : -EINVAL;
	if (!r) {
		*ret = json_steal(&j);
		return *ret ? 0 : -ENOMEM;
	}
	free(json_steal(&j));
	return r;
}
