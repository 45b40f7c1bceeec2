/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/planner.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "engine/priority.h"

/* Per-module arrays grow with the modules that come up. */
static int make_room(struct planner *p)
{
	size_t n = p->modules->items.n;
	int r;

	r = array_make_room(&p->softdeps, n - p->softdeps.n) ?: array_make_room(&p->loaded, n - p->loaded.n) ?:
	    array_make_room(&p->step_of, n - p->step_of.n) ?: array_make_room(&p->wanted, n - p->wanted.n) ?:
	    array_make_room(&p->busy, n - p->busy.n);
	if (r < 0)
		return r;
	for (; p->softdeps.n < n; p->softdeps.n++)
		p->softdeps.items[p->softdeps.n] = (struct softdeps){};
	while (p->loaded.n < n)
		p->loaded.items[p->loaded.n++] = 0;
	while (p->step_of.n < n)
		p->step_of.items[p->step_of.n++] = 0;
	while (p->wanted.n < n)
		p->wanted.items[p->wanted.n++] = 0;
	while (p->busy.n < n)
		p->busy.items[p->busy.n++] = PLANNER_FREE;
	return 0;
}

int planner_set_loaded(struct planner *p, const char *name)
{
	uint32_t id = modules_id(p->modules, name, strlen(name));
	int r = id == MODULE_NONE ? -ENOMEM : make_room(p);

	if (!r)
		p->loaded.items[id] = 1;
	return r;
}

bool planner_is_loaded(const struct planner *p, uint32_t module)
{
	return module < p->loaded.n && p->loaded.items[module];
}

int planner_set_busy(struct planner *p, const char *name)
{
	uint32_t id = modules_id(p->modules, name, strlen(name));
	int r = id == MODULE_NONE ? -ENOMEM : make_room(p);

	if (!r)
		p->busy.items[id] = PLANNER_BUSY;
	return r;
}

bool planner_end_busy(struct planner *p, const char *name)
{
	uint32_t id = intern_find(&p->modules->names, name, strlen(name));
	bool awaited = id != INTERN_NONE && id < p->busy.n && p->busy.items[id] == PLANNER_AWAITED;

	if (id != INTERN_NONE && id < p->busy.n)
		p->busy.items[id] = PLANNER_FREE;
	return awaited;
}

/* The object of a module reached through via (or by its name); its id, or -ENOMEM. */
static int64_t object_id(struct planner *p, uint32_t module, const char *via)
{
	char key[2 * LIMIT_ALIAS + 2];
	const char *name = modules_name(p->modules, module);
	size_t n = strlen(name);
	uint32_t id;
	int r;

	memcpy(key, name, n);
	if (via) {
		key[n++] = '\\';
		memcpy(key + n, via, strlen(via));
		n += strlen(via);
	}
	id = intern_add(&p->keys, key, n);
	if (id == INTERN_NONE)
		return -ENOMEM;
	if (id < p->objects.n)
		return id;
	r = make_room(p) ?: array_push(&p->objects, { .module = module, .via = via });
	return r < 0 ? (int64_t)r : id;
}

int64_t planner_object(struct planner *p, const struct lookup_match *match)
{
	int64_t id = object_id(p, match->module, match->via);
	struct object *o;

	if (id < 0)
		return id;
	o = &p->objects.items[id];
	/* A remove line loads nothing. */
	if (match->source == LOOKUP_COMMAND) {
		if (match->rule == config_find(p->config, RULE_INSTALL, match->rule->key))
			o->command = match->rule;
		else
			o->remove = match->rule;
	}
	if (match->source == LOOKUP_BUILTIN || match->source == LOOKUP_BUILTIN_ALIAS)
		o->builtin = true;
	return id;
}

/* The names of a softdep line, each looked up as modprobe would. */
static int resolve_list(struct planner *p, const struct rule *rule, const char **names, uint32_t n,
			const uint32_t **ret, uint32_t *n_ret)
{
	ARRAY(uint32_t) ids = {};
	struct lookup_matches matches = {};
	uint32_t *copy;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		r = lookup_alias(p->lookup, names[i], &matches);
		if (r == -EINVAL) {
			log_warning(p->log, "%s:%u: softdep %s: '%s' is not an alias, ignored",
				    rule->origin.file, rule->origin.line, rule->key, names[i]);
			r = 0;
		}
		for (size_t k = 0; r > 0 && k < matches.items.n; k++) {
			int64_t id = planner_object(p, &matches.items.items[k]);

			r = id < 0 ? (int)id : array_push(&ids, (uint32_t)id) ?: 1;
		}
	}
	array_free(&matches.items);
	copy = r < 0 ? NULL : arena_alloc(&p->arena, (ids.n + 1) * sizeof(*copy));
	if (copy) {
		if (ids.n)
			memcpy(copy, ids.items, ids.n * sizeof(*copy));
		*ret = copy;
		*n_ret = (uint32_t)ids.n;
	}
	array_free(&ids);
	return copy ? 0 : -ENOMEM;
}

/* Only the first line whose pattern matches counts. */
int planner_softdeps(struct planner *p, uint32_t module, struct softdeps *ret)
{
	struct softdeps s = p->softdeps.items[module];
	int r;

	if (!s.known) {
		s.known = true;
		s.rule = config_match(p->config, RULE_SOFTDEP, modules_name(p->modules, module));
		if (s.rule) {
			r = resolve_list(p, s.rule, s.rule->pre, s.rule->n_pre, &s.pre, &s.n_pre)
				?: resolve_list(p, s.rule, s.rule->post, s.rule->n_post, &s.post, &s.n_post);
			if (r < 0)
				return r;
		}
		r = make_room(p);
		if (r < 0)
			return r;
		p->softdeps.items[module] = s;
	}
	*ret = s;
	return 0;
}

/* One request being expanded. */
struct expansion {
	struct planner *p;
	uint32_t request;
	uint32_t top; /* object */
	uint32_t depth;
};

static int add_withheld(struct planner *p, const struct withheld *w)
{
	for (size_t i = 0; i < p->withheld.n; i++)
		if (p->withheld.items[i].module == w->module && p->withheld.items[i].request == w->request)
			return 0;
	return array_push(&p->withheld, *w);
}

/* 1 when the kernel was told to refuse the module or something it needs: withheld, and noted so. */
static int is_forbidden(struct planner *p, uint32_t module, uint32_t request)
{
	const struct module *m;
	int r;

	if (!p->config->rules[RULE_FORBID].n)
		return 0;
	m = modules_get(p->modules, module);
	if (!m)
		return -ENOMEM;
	for (uint32_t i = 0; i <= m->n_deps; i++) {
		uint32_t cause = i < m->n_deps ? m->deps[i] : module;
		const struct rule *rule =
			config_find(p->config, RULE_FORBID, modules_name(p->modules, cause));

		if (!rule)
			continue;
		r = add_withheld(p, &(struct withheld){ module, WITHHELD_FORBIDDEN, request, cause, rule });
		return r < 0 ? r : 1;
	}
	return 0;
}

/* Of the module asked for. */
static bool is_dependency(const struct expansion *e, uint32_t module)
{
	const struct module *top = modules_get(e->p->modules, e->p->objects.items[e->top].module);

	for (uint32_t i = 0; top && i < top->n_deps; i++)
		if (top->deps[i] == module)
			return true;
	return false;
}

static int add_action(struct expansion *e, uint32_t object, bool ignore_command)
{
	struct planner *p = e->p;
	const struct object *o = &p->objects.items[object];
	struct action a = { .object = object, .request = e->request, .top = object == e->top };
	int r = modules_is_builtin(p->modules, o->module);

	if (r < 0)
		return r;
	a.required = a.top || (!o->via && is_dependency(e, o->module));
	a.builtin = r > 0 || o->builtin;
	/* -i counts wherever the module that was named comes up, a soft cycle included. */
	if (!ignore_command && !(a.top && p->requests.items[e->request].flags & REQUEST_IGNORE_COMMAND))
		a.command = o->command
			?: config_match(p->config, RULE_INSTALL, modules_name(p->modules, o->module));
	return array_push(&p->actions, a);
}

static int expand(struct expansion *e, uint32_t object, bool ignore_command);

static int expand_list(struct expansion *e, const uint32_t *objects, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		r = expand(e, objects[i], false);
	return r;
}

/* A module between its softdeps. A command is ignored when it has any that mean something. */
static int add_with_softdeps(struct expansion *e, uint32_t object)
{
	struct softdeps s;
	int r = planner_softdeps(e->p, e->p->objects.items[object].module, &s);

	if (!r)
		r = expand_list(e, s.pre, s.n_pre);
	if (!r)
		r = add_action(e, object, s.n_pre || s.n_post);
	if (!r)
		r = expand_list(e, s.post, s.n_post);
	return r;
}

static int add_dependencies(struct expansion *e, uint32_t module)
{
	const struct module *m = modules_get(e->p->modules, module);
	const uint32_t *deps;
	uint32_t n;
	int r = 0;

	if (!m)
		return -ENOMEM;
	deps = m->deps;
	n = m->n_deps;
	for (uint32_t i = 0; !r && i < n; i++) {
		int64_t id = object_id(e->p, deps[i], NULL);

		r = id < 0 ? (int)id : add_with_softdeps(e, (uint32_t)id);
	}
	return r;
}

static int expand(struct expansion *e, uint32_t object, bool ignore_command)
{
	struct planner *p = e->p;
	struct object *o = &p->objects.items[object];
	uint32_t module = o->module;
	int r;

	if (o->visited == p->expansion)
		return 0;
	o->visited = p->expansion;
	r = is_forbidden(p, module, e->request);
	if (r != 0)
		return r < 0 ? r : 0;
	if (e->depth == LIMIT_SOFTDEP_DEPTH) {
		log_warning(p->log, "softdeps more than %u deep, cut at %s", LIMIT_SOFTDEP_DEPTH,
			    modules_name(p->modules, module));
		return 0;
	}
	e->depth++;
	r = add_dependencies(e, module);
	if (!r)
		r = ignore_command ? add_action(e, object, true) : add_with_softdeps(e, object);
	e->depth--;
	return r;
}

static int add_reason(struct planner *p, const struct reason *reason)
{
	p->wanted.items[reason->module] |= (uint8_t)(1u << reason->kind);
	return array_push(&p->reasons, *reason);
}

/* Decides about one match before it is expanded, as kmod_module_probe_insert_module() does: 1 when
 * *result says why it is not, 0 when it is to be expanded. */
static int judge_match(struct planner *p, uint32_t request, const struct lookup_match *match, uint32_t object,
		       enum request_result *result)
{
	uint32_t flags = p->requests.items[request].flags;
	const char *name = modules_name(p->modules, match->module);
	const struct rule *rule;
	int r;

	if (match->source == LOOKUP_CONFIG && !strcmp(name, "off")) {
		*result = REQUEST_WITHHELD;
		return add_withheld(p,
				    &(struct withheld){ MODULE_NONE, WITHHELD_OFF, request, MODULE_NONE,
							match->rule })
			?: 1;
	}
	r = modules_is_builtin(p->modules, match->module);
	if (r < 0)
		return r;
	*result = REQUEST_PRESENT;
	if (!(flags & REQUEST_IGNORE_LOADED) && planner_is_loaded(p, match->module))
		return 1;
	if (!(flags & REQUEST_SHOW) && (r || p->objects.items[object].builtin))
		return 1;
	rule = config_find(p->config, RULE_BLACKLIST, name);
	if (rule && (match->via || flags & REQUEST_BLACKLIST)) {
		*result = REQUEST_WITHHELD;
		return add_withheld(p,
				    &(struct withheld){ match->module, WITHHELD_BLACKLIST, request,
							match->module, rule })
			?: 1;
	}
	return 0;
}

/* Whether one of the actions from first on must wait for a step that is not ours: then none is carried out,
 * for no step of ours could wait for it. */
static bool must_wait(struct planner *p, size_t first)
{
	bool waits = false;

	for (size_t i = first; i < p->actions.n; i++) {
		uint32_t module = p->objects.items[p->actions.items[i].object].module;

		if (p->busy.items[module] == PLANNER_FREE || planner_is_loaded(p, module))
			continue;
		p->busy.items[module] = PLANNER_AWAITED;
		waits = true;
	}
	return waits;
}

int planner_expand(struct planner *p, uint32_t request, const struct lookup_match *match,
		   enum request_result *result)
{
	int64_t object = planner_object(p, match);
	struct expansion e = { .p = p, .request = request };
	bool show = p->requests.items[request].flags & REQUEST_SHOW;
	size_t before = p->actions.n, refused = p->withheld.n;
	int r;

	if (object < 0)
		return (int)object;
	r = judge_match(p, request, match, (uint32_t)object, result);
	if (r != 0)
		return r < 0 ? r : 0;
	r = add_reason(p,
		       &(struct reason){ match->module, REASON_REQUEST, MODULE_NONE, request, match->pattern,
					 match->rule });
	if (r < 0)
		return r;
	/* What a request before this one leads to will be loaded by the time it is this one's turn. */
	if (!show && p->step_of.items[match->module])
		return 0;
	p->expansion++;
	e.top = (uint32_t)object;
	r = expand(&e, (uint32_t)object, p->requests.items[request].flags & REQUEST_IGNORE_COMMAND);
	if (r < 0)
		return r;
	if (must_wait(p, before)) {
		p->actions.n = before;
		p->requests.items[request].deferred = true;
		*result = REQUEST_DEFERRED;
		return 0;
	}
	*result = p->actions.n > before	  ? REQUEST_PLANNED
		: p->withheld.n > refused ? REQUEST_WITHHELD
					  : REQUEST_PRESENT;
	return 0;
}

static int make_steps(struct planner *p, size_t first_action);

int64_t planner_look_up(struct planner *p, const char *text, const char *params, uint32_t flags)
{
	struct request request = { .flags = flags, .result = REQUEST_NOTHING };
	uint32_t id = (uint32_t)p->requests.n;
	int r;

	request.text = arena_strdup(&p->arena, text);
	request.params = arena_strdup(&p->arena, params ? params : "");
	if (!request.text || !request.params)
		return -ENOMEM;
	r = array_push(&p->requests, request);
	if (!r)
		r = flags & REQUEST_EXACT ? lookup_module(p->lookup, text, &p->matches)
					  : lookup_alias(p->lookup, text, &p->matches);
	if (r == -EINVAL)
		p->requests.items[id].result = REQUEST_INVALID;
	else if (r < 0)
		return r;
	else if (p->matches.items.n)
		p->requests.items[id].result = REQUEST_PRESENT;
	return id;
}

int64_t planner_request(struct planner *p, const char *text, const char *params, uint32_t flags)
{
	int64_t id = planner_look_up(p, text, params, flags);
	int r;

	for (size_t i = 0; id >= 0 && i < p->matches.items.n; i++) {
		struct lookup_match match = p->matches.items.items[i];
		enum request_result result = REQUEST_PRESENT,
				    *best = (enum request_result *)&p->requests.items[id].result;
		size_t first = p->actions.n;

		r = planner_expand(p, (uint32_t)id, &match, &result);
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

/* One growing text; LIMIT_PARAMS bytes at most. */
struct params {
	ARRAY(char) text;
};

static int add_params(struct params *t, const char *s, size_t n)
{
	int r;

	if (n > LIMIT_PARAMS - t->text.n)
		return -E2BIG;
	r = array_make_room(&t->text, n + 1);
	if (r < 0)
		return r;
	memcpy(t->text.items + t->text.n, s, n);
	t->text.n += n;
	return 0;
}

static int join_params(struct planner *p, const struct action *a, struct params *t)
{
	const struct object *o = &p->objects.items[a->object];
	const char *name = modules_name(p->modules, o->module);
	const char *given = a->top ? p->requests.items[a->request].params : "";
	int r = 0;

	for (size_t i = 0; !r && i < p->config->rules[RULE_OPTIONS].n; i++) {
		const struct rule *rule = &p->config->rules[RULE_OPTIONS].items[i];

		if (strcmp(rule->key, name) != 0 && (!o->via || strcmp(rule->key, o->via) != 0))
			continue;
		r = add_params(t, rule->value, strlen(rule->value)) ?: add_params(t, " ", 1);
		if (r == -E2BIG)
			log_warning(
				p->log,
				"%s:%u: options of %s are longer than %u bytes in all, the rest is ignored",
				rule->origin.file, rule->origin.line, name, LIMIT_PARAMS);
	}
	return r == -ENOMEM ? r : add_params(t, given, strlen(given)) == -ENOMEM ? -ENOMEM : 0;
}

const char *planner_params(struct planner *p, const struct action *a)
{
	struct params t = {};
	int r = join_params(p, a, &t);
	const char *params = r < 0 ? NULL : t.text.n ? arena_strndup(&p->arena, t.text.items, t.text.n) : "";

	array_free(&t.text);
	return params;
}

int planner_fill_command(struct planner *p, const char *command, const char *params, const char **ret)
{
	static const char mark[] = "$CMDLINE_OPTS";
	size_t n_params = strlen(params), n = 0;
	char *out = arena_alloc(&p->arena, LIMIT_COMMAND + 1);

	if (!out)
		return -ENOMEM;
	while (*command) {
		bool at_mark = !strncmp(command, mark, sizeof(mark) - 1);
		size_t add = at_mark ? n_params : 1;

		if (add > LIMIT_COMMAND - n)
			return -E2BIG;
		memcpy(out + n, at_mark ? params : command, add);
		n += add;
		command += at_mark ? sizeof(mark) - 1 : 1;
	}
	out[n] = '\0';
	*ret = out;
	return 0;
}

/* Below the root: what modules.dep names is below the release's directory, or absolute. */
static const char *step_path(struct planner *p, const char *path)
{
	if (path[0] == '/')
		return path + 1;
	return arena_printf(&p->arena, "%s/%s", p->lookup->dir->path, path);
}

int planner_fill_step(struct planner *p, const struct action *a, struct step *s)
{
	uint32_t module = p->objects.items[a->object].module;
	const struct module *m = modules_get(p->modules, module);
	size_t n;
	int r;

	s->name = modules_name(p->modules, module);
	s->params = planner_params(p, a);
	if (!m || !s->params)
		return -ENOMEM;
	n = strlen(s->params);
	if (n && s->params[n - 1] == ' ')
		s->params = arena_strndup(&p->arena, s->params, n - 1);
	if (!s->params)
		return -ENOMEM;
	if (a->command) {
		s->origin =
			arena_printf(&p->arena, "%s:%u", a->command->origin.file, a->command->origin.line);
		r = s->origin ? planner_fill_command(p, a->command->value, s->params, &s->command) : -ENOMEM;
		s->kind = r < 0 ? STEP_ABSENT : STEP_COMMAND;
		if (r == -E2BIG)
			log_lost(p->log,
				 "%s: install command of %s is longer than %u bytes with its parameters",
				 s->origin, s->name, LIMIT_COMMAND);
		return r == -E2BIG ? 0 : r;
	}
	s->kind = STEP_ABSENT;
	if (!m->path)
		return 0;
	s->kind = STEP_MODULE;
	s->path = step_path(p, m->path);
	return s->path ? 0 : -ENOMEM;
}

/* The first action of a module that is not in the kernel makes its step. */
static int make_steps(struct planner *p, size_t first_action)
{
	for (size_t i = first_action; i < p->actions.n; i++) {
		const struct action *a = &p->actions.items[i];
		uint32_t module = p->objects.items[a->object].module;
		struct step step = { .id = (uint32_t)p->steps.n };
		int r;

		if (a->builtin || planner_is_loaded(p, module) || p->step_of.items[module])
			continue;
		if (p->steps.n == LIMIT_STEPS)
			return -E2BIG;
		r = planner_fill_step(p, a, &step) ?: array_push(&p->steps, step) ?:
		    array_push(&p->step_module, module) ?: array_push(&p->step_object, a->object);
		if (r < 0)
			return r;
		p->step_of.items[module] = step.id + 1;
	}
	return 0;
}

/* An edge from the step of id on the step of another module, when that comes first: the order of
 * steps is kmod's, so what points the other way is a cycle, cut where kmod enters it. */
static int add_edge(struct planner *p, uint32_t id, uint32_t on_module, enum edge_kind kind)
{
	uint32_t on = p->step_of.items[on_module];

	if (!on || on - 1 >= id)
		return 0;
	p->steps.items[id].n_edges++;
	return array_push(&p->edges, { on - 1, kind });
}

static int add_hard_edges(struct planner *p, uint32_t id, uint32_t module)
{
	const struct module *m = modules_get(p->modules, module);
	int r = 0;

	for (uint32_t i = 0; m && !r && i < m->n_deps; i++) {
		uint32_t dep = m->deps[i];

		if (p->step_of.items[dep] > id + 1 || dep == module)
			log_warning(p->log, "/%s/modules.dep: %s and %s need each other",
				    p->lookup->dir->path, modules_name(p->modules, module),
				    modules_name(p->modules, dep));
		r = add_reason(p, &(struct reason){ dep, REASON_DEPENDENCY, module, 0, NULL, NULL })
			?: add_edge(p, id, dep, EDGE_HARD);
	}
	return m ? r : -ENOMEM;
}

static int add_pre_edges(struct planner *p, uint32_t id, uint32_t module)
{
	struct softdeps s;
	int r = planner_softdeps(p, module, &s);

	for (uint32_t i = 0; !r && i < s.n_pre; i++) {
		uint32_t pre = p->objects.items[s.pre[i]].module;

		r = add_reason(p, &(struct reason){ pre, REASON_SOFTDEP_PRE, module, 0, NULL, s.rule })
			?: add_edge(p, id, pre, EDGE_SOFT);
	}
	return r;
}

/* Post softdeps are edges of the other module: noted first, entered when its turn comes. */
struct post_edge {
	uint32_t id, on_module;
};

struct post_edges {
	ARRAY(struct post_edge) items;
};

static int note_post_edges(struct planner *p, uint32_t id, uint32_t module, struct post_edges *list)
{
	struct softdeps s;
	int r = planner_softdeps(p, module, &s);

	for (uint32_t i = 0; !r && i < s.n_post; i++) {
		uint32_t post = p->objects.items[s.post[i]].module;
		uint32_t post_id = p->step_of.items[post];

		r = add_reason(p, &(struct reason){ post, REASON_SOFTDEP_POST, module, 0, NULL, s.rule });
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

/* What the loader may do with a step, from what asked for it and what hangs on it. */
static void set_priorities(struct planner *p)
{
	const struct step_edge *edges = p->edges.n ? p->edges.items + p->batch_edges : NULL;

	for (size_t i = p->batch_reasons; i < p->reasons.n; i++) {
		const struct reason *reason = &p->reasons.items[i];
		uint32_t id = p->step_of.items[reason->module];
		struct step *s;
		uint32_t priority;

		if (reason->kind != REASON_REQUEST || !id || id - 1 < p->batch_steps)
			continue;
		s = &p->steps.items[id - 1];
		priority = alias_priority(p->requests.items[reason->request].text, p->hold_nothing);
		if (priority > s->priority)
			s->priority = priority;
		s->patient |= !p->hold_nothing && alias_scans(p->requests.items[reason->request].text);
	}
	for (size_t id = p->steps.n; id-- > p->batch_steps;) {
		struct step *s = &p->steps.items[id];

		s->patient &= s->priority < STEP_URGENT;
		s->post_only = p->wanted.items[p->step_module.items[id]] == 1u << REASON_SOFTDEP_POST;
		for (uint32_t i = 0; i < s->n_edges; i++) {
			struct step *on = &p->steps.items[edges[s->edge_first + i].on];

			/* What was handed over earlier keeps what it had. */
			if (on->id >= p->batch_steps && on->priority < s->priority)
				on->priority = s->priority;
		}
	}
}

int planner_finish_batch(struct planner *p, struct plan *ret)
{
	struct post_edges posts = {};
	int r = 0;

	for (size_t id = p->batch_steps; !r && id < p->steps.n; id++)
		r = note_post_edges(p, (uint32_t)id, p->step_module.items[id], &posts);
	if (posts.items.n)
		qsort(posts.items.items, posts.items.n, sizeof(*posts.items.items), compare_post_edges);
	if (!r)
		r = make_edges(p, &posts);
	array_free(&posts.items);
	if (r < 0)
		return r;
	set_priorities(p);
	*ret = (struct plan){
		.steps = p->steps.n ? p->steps.items + p->batch_steps : NULL,
		.n_steps = p->steps.n - p->batch_steps,
		.edges = p->edges.n ? p->edges.items + p->batch_edges : NULL,
		.n_edges = p->edges.n - p->batch_edges,
	};
	p->batch_steps = p->steps.n;
	p->batch_edges = p->edges.n;
	p->batch_reasons = p->reasons.n;
	return 0;
}

void planner_free(struct planner *p)
{
	array_free(&p->objects);
	array_free(&p->softdeps);
	array_free(&p->loaded);
	array_free(&p->step_of);
	array_free(&p->wanted);
	array_free(&p->busy);
	array_free(&p->requests);
	array_free(&p->actions);
	array_free(&p->reasons);
	array_free(&p->withheld);
	array_free(&p->steps);
	array_free(&p->step_module);
	array_free(&p->step_object);
	array_free(&p->edges);
	array_free(&p->matches.items);
	intern_free(&p->keys);
	arena_free(&p->arena);
}
