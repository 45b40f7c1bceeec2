/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/planner.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "engine/priority.h"

/* What has taken so long in an earlier boot has waited for its devices. */
#define SLEEPER_US 1000000

/* The first action of a module that is not in the kernel makes its step. */
static int make_steps(struct planner *p, size_t first_action)
{
	for (size_t i = first_action; i < p->x->actions.n; i++) {
		const struct action *a = &p->x->actions.items[i];
		uint32_t module = p->x->objects.items[a->object].module;
		struct step step = { .id = (uint32_t)p->steps.n };
		int r;

		if (a->builtin || expander_is_loaded(p->x, module) || p->x->step_of.items[module])
			continue;
		if (p->steps.n == LIMIT_STEPS) {
			log_error(p->x->log, "the plan has more than %u steps", LIMIT_STEPS);
			return -E2BIG;
		}
		r = expander_fill_step(p->x, a, &step) ?: array_make_room(&p->steps, 1) ?:
		    array_make_room(&p->step_module, 1);
		if (r < 0)
			return r;
		p->steps.items[p->steps.n++] = step;
		p->step_module.items[p->step_module.n++] = module;
		p->x->step_of.items[module] = step.id + 1;
	}
	return 0;
}

static int64_t plan_request(struct planner *p, const char *text, const char *params, uint32_t flags)
{
	int64_t id = expander_look_up(p->x, text, params, flags);
	int r;

	for (size_t i = 0; id >= 0 && i < p->x->matches.items.n; i++) {
		struct lookup_match match = p->x->matches.items.items[i];
		enum request_result result = REQUEST_PRESENT,
				    *best = (enum request_result *)&p->x->requests.items[id].result;
		size_t first = p->x->actions.n;

		r = expander_expand(p->x, (uint32_t)id, &match, &result);
		if (!r)
			r = make_steps(p, first);
		if (r < 0)
			return r;
		if (result == REQUEST_PLANNED || (i == 0 && result == REQUEST_WITHHELD))
			*best = result;
		else if (*best == REQUEST_WITHHELD && result == REQUEST_PRESENT)
			*best = result;
	}
	return id;
}

int64_t planner_request(struct planner *p, const char *text, const char *params, uint32_t flags)
{
	int64_t id = p->error ? p->error : plan_request(p, text, params, flags);

	if (id < 0)
		p->error = (int)id;
	return id;
}

/* An edge from the step of id to the step of another module, when that comes first: the order of
 * steps is kmod's, so an edge in the other direction is part of a cycle, which is cut where kmod
 * enters it. */
static int add_edge(struct planner *p, uint32_t id, uint32_t on_module, enum edge_kind kind)
{
	uint32_t on = p->x->step_of.items[on_module];

	if (!on || on - 1 >= id)
		return 0;
	p->steps.items[id].n_edges++;
	return array_push(&p->edges, { on - 1, kind });
}

static int add_hard_edges(struct planner *p, uint32_t id, uint32_t module)
{
	const struct module *m = modules_get(p->x->modules, module);
	int r = 0;

	for (uint32_t i = 0; m && !r && i < m->n_deps; i++) {
		uint32_t dep = m->deps[i];

		if (p->x->step_of.items[dep] > id + 1 || dep == module)
			log_warning(p->x->log, "/%s/modules.dep: %s and %s need each other",
				    moddir_shown(p->x->lookup->dir), modules_name(p->x->modules, module),
				    modules_name(p->x->modules, dep));
		r = expander_add_reason(p->x,
					&(struct reason){ dep, REASON_DEPENDENCY, module, 0, NULL, NULL })
			?: add_edge(p, id, dep, EDGE_HARD);
	}
	return m ? r : -ENOMEM;
}

static int add_pre_edges(struct planner *p, uint32_t id, uint32_t module)
{
	struct softdeps s;
	int r = expander_softdeps(p->x, module, &s);

	for (uint32_t i = 0; !r && i < s.n_pre; i++) {
		uint32_t pre = p->x->objects.items[s.pre[i]].module;

		r = expander_add_reason(p->x,
					&(struct reason){ pre, REASON_SOFTDEP_PRE, module, 0, NULL, s.rule })
			?: add_edge(p, id, pre, EDGE_SOFT);
	}
	for (uint32_t i = 0; !r && i < s.n_requests; i++) {
		uint32_t module_asked = p->x->objects.items[s.requests[i]].module;

		/* It is not planned for every request (expand.c). */
		if (p->x->step_of.items[module_asked])
			r = expander_add_reason(p->x,
						&(struct reason){ module_asked, REASON_SOFTDEP_PRE, module, 0,
								  NULL, s.request_rules[i] })
				?: add_edge(p, id, module_asked, EDGE_SOFT);
	}
	return r;
}

/* A post softdep is an edge of the module that it names: they are gathered first and added to its edges
 * later. */
struct post_edge {
	uint32_t id, on_module;
};

struct post_edges {
	ARRAY(struct post_edge) items;
};

static int note_post_edges(struct planner *p, uint32_t id, uint32_t module, struct post_edges *list)
{
	struct softdeps s;
	int r = expander_softdeps(p->x, module, &s);

	for (uint32_t i = 0; !r && i < s.n_post; i++) {
		uint32_t post = p->x->objects.items[s.post[i]].module;
		uint32_t post_id = p->x->step_of.items[post];

		r = expander_add_reason(
			p->x, &(struct reason){ post, REASON_SOFTDEP_POST, module, 0, NULL, s.rule });
		if (!r && post_id > id + 1)
			r = array_push(&list->items, { post_id - 1, module });
	}
	return r;
}

static int compare_post_edges(const void *a, const void *b)
{
	const struct post_edge *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->on_module > y->on_module) - (x->on_module < y->on_module);
}

static int make_edges(struct planner *p, const struct post_edges *posts)
{
	size_t next = 0;
	int r = 0;

	for (size_t id = p->batch_steps; !r && id < p->steps.n; id++) {
		uint32_t module = p->step_module.items[id];

		p->steps.items[id].edge_first = (uint32_t)(p->edges.n - p->batch_edges);
		r = add_hard_edges(p, (uint32_t)id, module) ?: add_pre_edges(p, (uint32_t)id, module);
		for (; !r && next < posts->items.n && posts->items.items[next].id == id; next++)
			r = add_edge(p, (uint32_t)id, posts->items.items[next].on_module, EDGE_POST);
	}
	return r;
}

static uint32_t took_us(const struct planner *p, uint32_t module)
{
	return p->profile && !p->order ? profile_took_us(p->profile, modules_name(p->x->modules, module)) : 0;
}

/* What an earlier boot has loaded in vain comes last too, and what slept then is patient. */
static enum alias_patience patience_of(const struct planner *p, const struct reason *reason)
{
	const struct request *request = &p->x->requests.items[reason->request];

	if (request->flags & REQUEST_NEEDED)
		return ALIAS_NOT_PATIENT;
	if (p->profile && request->flags & REQUEST_DEVICE &&
	    profile_declined(p->profile, modules_name(p->x->modules, reason->module)))
		return ALIAS_LAST;
	if (alias_patience(request->text) == ALIAS_NOT_PATIENT && request->flags & REQUEST_DEVICE &&
	    took_us(p, reason->module) >= SLEEPER_US)
		return ALIAS_PATIENT;
	return alias_patience(request->text);
}

static uint32_t device_priority(const struct planner *p, const struct request *request)
{
	return request->flags & REQUEST_NEEDED ? STEP_NEEDED : alias_priority(request->text, p->awaited);
}

/* What will be mounted comes after the devices that lead (loader/precedence.c), and before most others: these may be
 * needed for it, and it is needed in any case. What leads may come in a later batch; but when it is there, this is
 * raised. */
static uint32_t contents_priority(const struct planner *p)
{
	uint32_t most = 0;

	for (size_t i = p->batch_reasons; i < p->x->reasons.n; i++) {
		const struct reason *reason = &p->x->reasons.items[i];
		const struct request *request = &p->x->requests.items[reason->request];
		uint32_t priority;

		if (reason->kind != REASON_REQUEST || !(request->flags & REQUEST_DEVICE))
			continue;
		priority = device_priority(p, request);
		if (priority > most)
			most = priority;
	}
	return most > STEP_CANDIDATE + STEP_BAND ? most - STEP_BAND - 1 : STEP_CANDIDATE;
}

static uint32_t request_priority(const struct planner *p, const struct request *request)
{
	if (request->flags & REQUEST_NEEDED && !(request->flags & REQUEST_DEVICE))
		return contents_priority(p);
	return device_priority(p, request);
}

/* The step of this batch that a request has led to, or NULL. */
static struct step *requested_step(const struct planner *p, const struct reason *reason)
{
	uint32_t id = p->x->step_of.items[reason->module];

	return reason->kind == REASON_REQUEST && id && id - 1 >= p->batch_steps ? &p->steps.items[id - 1]
										: NULL;
}

/* A step is as patient as the least patient request for it. */
static void set_patience(struct planner *p)
{
	struct step *s;

	for (size_t i = p->batch_reasons; i < p->x->reasons.n; i++)
		if ((s = requested_step(p, &p->x->reasons.items[i])))
			s->patient = s->last = true;
	for (size_t i = p->batch_reasons; i < p->x->reasons.n; i++) {
		const struct reason *reason = &p->x->reasons.items[i];

		s = requested_step(p, reason);
		if (!s)
			continue;
		s->patient &= patience_of(p, reason) >= ALIAS_PATIENT;
		s->last &= patience_of(p, reason) == ALIAS_LAST;
	}
}

/* From the requests that led to it, or from its place in an order. */
static void set_own_priorities(struct planner *p)
{
	for (size_t id = p->batch_steps; p->order && id < p->steps.n; id++)
		p->steps.items[id].priority = order_priority(p->order, p->step_module.items[id]);
	for (size_t i = p->batch_reasons; !p->order && i < p->x->reasons.n; i++) {
		const struct reason *reason = &p->x->reasons.items[i];
		struct step *s = requested_step(p, reason);
		uint32_t priority;

		if (!s)
			continue;
		priority = request_priority(p, &p->x->requests.items[reason->request]);
		if (priority > s->priority)
			s->priority = priority;
	}
	if (p->awaited && !p->order)
		set_patience(p);
}

/* How urgent each step is: by itself, and from the steps that wait for it. */
static void set_priorities(struct planner *p)
{
	const struct step_edge *edges = p->edges.n ? p->edges.items + p->batch_edges : NULL;

	set_own_priorities(p);
	for (size_t id = p->steps.n; id-- > p->batch_steps;) {
		struct step *s = &p->steps.items[id];

		s->took_us = took_us(p, p->step_module.items[id]);
		s->patient &= s->priority < STEP_URGENT;
		s->last &= s->patient;
		s->post_only = p->x->wanted.items[p->step_module.items[id]] == 1u << REASON_SOFTDEP_POST;
		for (uint32_t i = 0; i < s->n_edges; i++) {
			struct step *on = &p->steps.items[edges[s->edge_first + i].on];

			/* A step that was handed over already keeps its priority. */
			if (on->id >= p->batch_steps && on->priority < s->priority)
				on->priority = s->priority;
		}
	}
}

/* A module that was requested before may be more urgent now: a file system that was expected has been found. Who has
 * planned need not have loaded, so raises are kept until they are handed over. */
static int note_raises(struct planner *p)
{
	int r = 0;

	for (size_t i = p->batch_reasons; !r && !p->order && i < p->x->reasons.n; i++) {
		const struct reason *reason = &p->x->reasons.items[i];
		uint32_t id = p->x->step_of.items[reason->module], priority;

		if (reason->kind != REASON_REQUEST || !id || id > p->batch_steps)
			continue;
		priority = request_priority(p, &p->x->requests.items[reason->request]);
		if (priority <= p->steps.items[id - 1].priority)
			continue;
		p->steps.items[id - 1].priority = priority;
		r = array_push(&p->raises, { id - 1, priority });
	}
	return r;
}

bool planner_has_news(const struct planner *p)
{
	return p->steps.n > p->batch_steps || p->x->reasons.n > p->batch_reasons;
}

static void set_archive(struct planner *p)
{
	const struct archive_index *x = &p->x->lookup->dir->archive;

	p->archive = (struct plan_archive){ .fd = -1 };
	if (x->open)
		p->archive = (struct plan_archive){ .fd = x->archive.fd,
						    .path = x->archive.path,
						    .dictionary = archive_dictionary(&x->archive) };
}

int planner_finish_batch(struct planner *p, struct plan *ret)
{
	struct post_edges posts = {};
	int r = p->error;

	for (size_t id = p->batch_steps; !r && id < p->steps.n; id++)
		r = note_post_edges(p, (uint32_t)id, p->step_module.items[id], &posts);
	if (posts.items.n)
		qsort(posts.items.items, posts.items.n, sizeof(*posts.items.items), compare_post_edges);
	if (!r)
		r = make_edges(p, &posts);
	array_free(&posts.items);
	if (!r)
		r = note_raises(p);
	if (r < 0)
		return r;
	set_priorities(p);
	set_archive(p);
	*ret = (struct plan){
		.steps = p->steps.n ? p->steps.items + p->batch_steps : NULL,
		.n_steps = p->steps.n - p->batch_steps,
		.edges = p->edges.n ? p->edges.items + p->batch_edges : NULL,
		.n_edges = p->edges.n - p->batch_edges,
		.raises = p->raises.items,
		.n_raises = p->raises.n,
		.archive = &p->archive,
	};
	p->batch_steps = p->steps.n;
	p->batch_edges = p->edges.n;
	p->batch_reasons = p->x->reasons.n;
	return 0;
}

bool planner_has_absent(const struct planner *p, uint32_t module)
{
	for (size_t i = 0; i < p->steps.n; i++)
		if (p->step_module.items[i] == module && p->steps.items[i].kind == STEP_ABSENT)
			return true;
	return false;
}

void planner_free(struct planner *p)
{
	array_free(&p->steps);
	array_free(&p->step_module);
	array_free(&p->edges);
	array_free(&p->raises);
}
