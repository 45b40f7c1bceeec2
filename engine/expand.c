/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/expand.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"

/* Has the arrays by module cover all modules that are known by now. */
static int make_room(struct expander *x)
{
	size_t n = x->modules->items.n;
	int r;

	/* The last one to grow. */
	if (x->busy.n == n)
		return 0;
	r = array_make_room(&x->softdeps, n - x->softdeps.n);
	r = r ?: array_make_room(&x->loaded, n - x->loaded.n);
	r = r ?: array_make_room(&x->step_of, n - x->step_of.n);
	r = r ?: array_make_room(&x->wanted, n - x->wanted.n);
	r = r ?: array_make_room(&x->named, n - x->named.n);
	r = r ?: array_make_room(&x->busy, n - x->busy.n);
	if (r < 0)
		return r;
	for (; x->softdeps.n < n; x->softdeps.n++)
		x->softdeps.items[x->softdeps.n] = (struct softdeps){};
	while (x->loaded.n < n)
		x->loaded.items[x->loaded.n++] = 0;
	while (x->step_of.n < n)
		x->step_of.items[x->step_of.n++] = 0;
	while (x->wanted.n < n)
		x->wanted.items[x->wanted.n++] = 0;
	while (x->named.n < n)
		x->named.items[x->named.n++] = 0;
	while (x->busy.n < n)
		x->busy.items[x->busy.n++] = MODULE_FREE;
	return 0;
}

int expander_set_loaded(struct expander *x, const char *name)
{
	uint32_t id = modules_id(x->modules, name, strlen(name));
	int r = id == MODULE_NONE ? -ENOMEM : make_room(x);

	if (!r)
		x->loaded.items[id] = 1;
	return r;
}

bool expander_is_loaded(const struct expander *x, uint32_t module)
{
	return module < x->loaded.n && x->loaded.items[module];
}

int expander_set_busy(struct expander *x, const char *name)
{
	uint32_t id = modules_id(x->modules, name, strlen(name));
	int r = id == MODULE_NONE ? -ENOMEM : make_room(x);

	if (!r)
		x->busy.items[id] = MODULE_BUSY;
	return r;
}

bool expander_end_busy(struct expander *x, const char *name)
{
	uint32_t id = intern_find(&x->modules->names, name, strlen(name));
	bool awaited = id != INTERN_NONE && id < x->busy.n && x->busy.items[id] == MODULE_AWAITED;

	if (id != INTERN_NONE && id < x->busy.n)
		x->busy.items[id] = MODULE_FREE;
	return awaited;
}

/* The object of a module reached through via (or by its name); its id, or -ENOMEM. */
static int64_t object_id(struct expander *x, uint32_t module, const char *via)
{
	char key[2 * LIMIT_ALIAS + 2];
	const char *name = modules_name(x->modules, module);
	size_t n = strlen(name);
	uint32_t id;
	int r;

	if (!via && module < x->named.n && x->named.items[module])
		return x->named.items[module] - 1;
	memcpy(key, name, n);
	if (via) {
		key[n++] = '\\';
		memcpy(key + n, via, strlen(via));
		n += strlen(via);
	}
	/* The object's room is made first: a key without an object would move the objects of all later keys. */
	r = make_room(x) ?: array_make_room(&x->objects, 1);
	if (r < 0)
		return r;
	id = intern_add(&x->keys, key, n);
	if (id == x->objects.n)
		x->objects.items[x->objects.n++] = (struct object){ .module = module, .via = via };
	if (!via && id != INTERN_NONE)
		x->named.items[module] = id + 1;
	return id == INTERN_NONE ? -ENOMEM : (int64_t)id;
}

int64_t expander_object(struct expander *x, const struct lookup_match *match)
{
	int64_t id = object_id(x, match->module, match->via);
	struct object *o;

	if (id < 0)
		return id;
	o = &x->objects.items[id];
	/* A remove line loads nothing. */
	if (match->source == LOOKUP_COMMAND) {
		if (match->rule == config_find(x->config, RULE_INSTALL, match->rule->key))
			o->command = match->rule;
		else
			o->remove = match->rule;
	}
	if (match->source == LOOKUP_BUILTIN || match->source == LOOKUP_BUILTIN_ALIAS)
		o->builtin = true;
	return id;
}

/* The names of a softdep line, each looked up as modprobe would. */
static int resolve_list(struct expander *x, const struct rule *rule, const char **names, uint32_t n,
			const uint32_t **ret, uint32_t *n_ret)
{
	ARRAY(uint32_t) ids = {};
	struct lookup_matches matches = {};
	uint32_t *copy;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		r = lookup_alias(x->lookup, names[i], &matches);
		if (r == -EINVAL) {
			log_warning(x->log, "%s:%u: softdep %s: '%s' is not an alias, ignored",
				    rule->origin.file, rule->origin.line, rule->key, names[i]);
			r = 0;
		}
		for (size_t k = 0; r > 0 && k < matches.items.n; k++) {
			int64_t id = expander_object(x, &matches.items.items[k]);

			r = id < 0 ? (int)id : array_push(&ids, (uint32_t)id) ?: 1;
		}
	}
	array_free(&matches.items);
	copy = r < 0 ? NULL : arena_alloc(&x->arena, (ids.n + 1) * sizeof(*copy));
	if (copy) {
		if (ids.n)
			memcpy(copy, ids.items, ids.n * sizeof(*copy));
		*ret = copy;
		*n_ret = (uint32_t)ids.n;
	}
	array_free(&ids);
	return copy ? 0 : -ENOMEM;
}

/* Adds the requests of this module that requests has, which may be NULL. */
static int add_requests(struct expander *x, const struct config *requests, uint32_t module,
			struct softdeps *s)
{
	const struct rule *rule =
		requests ? config_find(requests, RULE_SOFTDEP, modules_name(x->modules, module)) : NULL;
	const struct rule **rules;
	const uint32_t *more;
	uint32_t n, *both;
	int r;

	if (!rule)
		return 0;
	r = resolve_list(x, rule, rule->pre, rule->n_pre, &more, &n);
	if (r < 0)
		return r;
	both = arena_alloc(&x->arena, ((size_t)s->n_requests + n + 1) * sizeof(*both));
	rules = arena_alloc(&x->arena, ((size_t)s->n_requests + n + 1) * sizeof(*rules));
	if (!both || !rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_requests + n; i++) {
		both[i] = i < s->n_requests ? s->requests[i] : more[i - s->n_requests];
		rules[i] = i < s->n_requests ? s->request_rules[i] : rule;
	}
	s->requests = both;
	s->request_rules = rules;
	s->n_requests += n;
	return 0;
}

/* Only the first line whose pattern matches counts. */
int expander_softdeps(struct expander *x, uint32_t module, struct softdeps *ret)
{
	struct softdeps s = x->softdeps.items[module];
	int r;

	if (!s.known) {
		s.known = true;
		s.rule = config_match(x->config, RULE_SOFTDEP, modules_name(x->modules, module));
		if (s.rule) {
			r = resolve_list(x, s.rule, s.rule->pre, s.rule->n_pre, &s.pre, &s.n_pre)
				?: resolve_list(x, s.rule, s.rule->post, s.rule->n_post, &s.post, &s.n_post);
			if (r < 0)
				return r;
		}
		r = add_requests(x, x->requests_known, module, &s)
			?: add_requests(x, x->requests_learnt, module, &s);
		if (r < 0)
			return r;
		r = make_room(x);
		if (r < 0)
			return r;
		x->softdeps.items[module] = s;
	}
	*ret = s;
	return 0;
}

/* One request being expanded. */
struct expansion {
	struct expander *x;
	uint32_t request;
	uint32_t top; /* object */
	uint32_t depth;
};

static int add_withheld(struct expander *x, const struct withheld *w)
{
	for (size_t i = 0; i < x->withheld.n; i++)
		if (x->withheld.items[i].module == w->module && x->withheld.items[i].request == w->request)
			return 0;
	return array_push(&x->withheld, *w);
}

/* 1 when an install line forbids the module, which is then *ret; 0; -ENOMEM. What is there anyway cannot be
 * forbidden, and -i lifts the ban on the requested module. */
static int find_ban(const struct expansion *e, uint32_t module, const struct rule **ret)
{
	struct expander *x = e->x;
	uint32_t flags = x->requests.items[e->request].flags;
	const struct rule *rule;
	int r;

	if (!(flags & REQUEST_BANS) ||
	    (flags & REQUEST_IGNORE_COMMAND && module == x->objects.items[e->top].module) ||
	    (!(flags & REQUEST_IGNORE_LOADED) && expander_is_loaded(x, module)))
		return 0;
	rule = config_match(x->config, RULE_INSTALL, modules_name(x->modules, module));
	if (!rule || !rule_is_ban(rule))
		return 0;
	r = modules_is_builtin(x->modules, module);
	if (r)
		return r < 0 ? r : 0;
	*ret = rule;
	return 1;
}

/* 1 when a rule forbids the module itself; 0; -ENOMEM. */
static int find_rule_against(const struct expansion *e, uint32_t module, struct withheld *w)
{
	w->kind = WITHHELD_FORBIDDEN;
	w->cause = module;
	w->rule = config_find(e->x->config, RULE_FORBID, modules_name(e->x->modules, module));
	if (w->rule)
		return 1;
	w->kind = WITHHELD_BANNED;
	return find_ban(e, module, &w->rule);
}

/* 1 when module_blacklist= or an install line forbids the module or one that it needs: it is withheld, and
 * noted as such; 0; -errno. */
static int is_forbidden(const struct expansion *e, uint32_t module)
{
	struct expander *x = e->x;
	struct withheld w = { .module = module, .request = e->request };
	const struct module *m;
	const uint32_t *deps;
	uint32_t n;
	int r = 0;

	if (!x->config->rules[RULE_FORBID].n && !x->config->rules[RULE_INSTALL].n)
		return 0;
	m = modules_get(x->modules, module);
	if (!m)
		return -ENOMEM;
	deps = m->deps;
	n = m->n_deps;
	for (uint32_t i = 0; !r && i <= n; i++)
		r = find_rule_against(e, i < n ? deps[i] : module, &w);
	return r > 0 ? (add_withheld(x, &w) ?: 1) : r;
}

/* Whether the requested module depends on this one. */
static bool is_dependency(const struct expansion *e, uint32_t module)
{
	const struct module *top = modules_get(e->x->modules, e->x->objects.items[e->top].module);

	for (uint32_t i = 0; top && i < top->n_deps; i++)
		if (top->deps[i] == module)
			return true;
	return false;
}

static int add_action(struct expansion *e, uint32_t object, bool ignore_command)
{
	struct expander *x = e->x;
	const struct object *o = &x->objects.items[object];
	struct action a = { .object = object, .request = e->request, .top = object == e->top };
	int r = modules_is_builtin(x->modules, o->module);

	if (r < 0)
		return r;
	a.required = a.top || (!o->via && is_dependency(e, o->module));
	a.builtin = r > 0 || o->builtin;
	/* -i holds wherever the requested module comes up, in a cycle of softdeps too. */
	if (!ignore_command && !(a.top && x->requests.items[e->request].flags & REQUEST_IGNORE_COMMAND))
		a.command = o->command
			?: config_match(x->config, RULE_INSTALL, modules_name(x->modules, o->module));
	return array_push(&x->actions, a);
}

static int expand(struct expansion *e, uint32_t object, bool ignore_command);

static int expand_list(struct expansion *e, const uint32_t *objects, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		r = expand(e, objects[i], false);
	return r;
}

/* The kernel's request would be subject to blacklists, because it names an alias. */
static int expand_requests(struct expansion *e, const struct softdeps *s)
{
	struct expander *x = e->x;
	int r = 0;

	if (!(x->requests.items[e->request].flags & REQUEST_DEVICE))
		return 0;
	for (uint32_t i = 0; !r && i < s->n_requests; i++) {
		const char *name = modules_name(x->modules, x->objects.items[s->requests[i]].module);

		if (!config_find(x->config, RULE_BLACKLIST, name))
			r = expand(e, s->requests[i], false);
	}
	return r;
}

/* A module between its softdeps. When these lead to any module, an install command is ignored. */
static int add_with_softdeps(struct expansion *e, uint32_t object)
{
	struct softdeps s;
	int r = expander_softdeps(e->x, e->x->objects.items[object].module, &s);

	if (!r)
		r = expand_list(e, s.pre, s.n_pre) ?: expand_requests(e, &s);
	if (!r)
		r = add_action(e, object, s.n_pre || s.n_post);
	if (!r)
		r = expand_list(e, s.post, s.n_post);
	return r;
}

static int add_dependencies(struct expansion *e, uint32_t module)
{
	const struct module *m = modules_get(e->x->modules, module);
	const uint32_t *deps;
	uint32_t n;
	int r = 0;

	if (!m)
		return -ENOMEM;
	deps = m->deps;
	n = m->n_deps;
	for (uint32_t i = 0; !r && i < n; i++) {
		int64_t id = object_id(e->x, deps[i], NULL);

		r = id < 0 ? (int)id : add_with_softdeps(e, (uint32_t)id);
	}
	return r;
}

static int expand(struct expansion *e, uint32_t object, bool ignore_command)
{
	struct expander *x = e->x;
	struct object *o = &x->objects.items[object];
	uint32_t module = o->module;
	int r;

	if (o->visited == x->expansion)
		return 0;
	o->visited = x->expansion;
	r = is_forbidden(e, module);
	if (r != 0)
		return r < 0 ? r : 0;
	if (e->depth == LIMIT_SOFTDEP_DEPTH) {
		log_warning(x->log, "softdeps more than %u deep, cut at %s", LIMIT_SOFTDEP_DEPTH,
			    modules_name(x->modules, module));
		return 0;
	}
	e->depth++;
	r = add_dependencies(e, module);
	if (!r)
		r = ignore_command ? add_action(e, object, true) : add_with_softdeps(e, object);
	e->depth--;
	return r;
}

int expander_add_reason(struct expander *x, const struct reason *reason)
{
	x->wanted.items[reason->module] |= (uint8_t)(1u << reason->kind);
	return array_push(&x->reasons, *reason);
}

/* 1, with *result saying so, or -ENOMEM. */
static int withhold(struct expander *x, enum request_result *result, struct withheld w)
{
	*result = REQUEST_WITHHELD;
	return add_withheld(x, &w) < 0 ? -ENOMEM : 1;
}

/* Decides about one match before it is expanded, as kmod_module_probe_insert_module() does: 1 when
 * *result says why it is not, 0 when it is to be expanded. */
static int judge_match(struct expander *x, uint32_t request, const struct lookup_match *match,
		       uint32_t object, enum request_result *result)
{
	uint32_t flags = x->requests.items[request].flags, module = match->module;
	const char *name = modules_name(x->modules, module);
	const struct rule *rule;
	int r;

	if (match->source == LOOKUP_CONFIG && !strcmp(name, "off"))
		return withhold(
			x, result,
			(struct withheld){ MODULE_NONE, WITHHELD_OFF, request, MODULE_NONE, match->rule });
	r = modules_is_builtin(x->modules, module);
	if (r < 0)
		return r;
	*result = REQUEST_PRESENT;
	if (!(flags & REQUEST_IGNORE_LOADED) && expander_is_loaded(x, module))
		return 1;
	if (!(flags & REQUEST_SHOW) && (r || x->objects.items[object].builtin))
		return 1;
	rule = config_find(x->config, RULE_BLACKLIST, name);
	if (rule && (match->via || flags & REQUEST_BLACKLIST))
		return withhold(x, result,
				(struct withheld){ module, WITHHELD_BLACKLIST, request, module, rule });
	return 0;
}

/* Whether one of the actions from first on must wait for a step of another planner. No step of this one
 * can wait for it, so then none of the actions becomes a step. */
static bool must_wait(struct expander *x, size_t first)
{
	bool waits = false;

	for (size_t i = first; i < x->actions.n; i++) {
		uint32_t module = x->objects.items[x->actions.items[i].object].module;

		if (x->busy.items[module] == MODULE_FREE || expander_is_loaded(x, module))
			continue;
		x->busy.items[module] = MODULE_AWAITED;
		waits = true;
	}
	return waits;
}

int expander_expand(struct expander *x, uint32_t request, const struct lookup_match *match,
		    enum request_result *result)
{
	int64_t object = expander_object(x, match);
	struct expansion e = { .x = x, .request = request };
	bool show = x->requests.items[request].flags & REQUEST_SHOW;
	size_t before = x->actions.n, refused = x->withheld.n;
	int r;

	if (object < 0)
		return (int)object;
	r = judge_match(x, request, match, (uint32_t)object, result);
	if (r != 0)
		return r < 0 ? r : 0;
	r = expander_add_reason(x,
				&(struct reason){ match->module, REASON_REQUEST, MODULE_NONE, request,
						  match->pattern, match->rule });
	if (r < 0)
		return r;
	/* An earlier request has made a step of it: by the time of this one it is loaded. */
	if (!show && x->step_of.items[match->module])
		return 0;
	x->expansion++;
	e.top = (uint32_t)object;
	r = expand(&e, (uint32_t)object, x->requests.items[request].flags & REQUEST_IGNORE_COMMAND);
	if (r < 0)
		return r;
	if (must_wait(x, before)) {
		x->actions.n = before;
		x->requests.items[request].deferred = true;
		*result = REQUEST_DEFERRED;
		return 0;
	}
	if (x->actions.n > before)
		*result = REQUEST_PLANNED;
	else if (x->withheld.n > refused)
		*result = REQUEST_WITHHELD;
	else
		*result = REQUEST_PRESENT;
	return 0;
}

int64_t expander_look_up(struct expander *x, const char *text, const char *params, uint32_t flags)
{
	struct request request = { .flags = flags, .result = REQUEST_NOTHING };
	uint32_t id = (uint32_t)x->requests.n;
	int r;

	request.text = arena_strdup(&x->arena, text);
	request.params = arena_strdup(&x->arena, params ? params : "");
	if (!request.text || !request.params)
		return -ENOMEM;
	r = array_push(&x->requests, request);
	if (!r)
		r = flags & REQUEST_EXACT ? lookup_module(x->lookup, text, &x->matches)
					  : lookup_alias(x->lookup, text, &x->matches);
	if (r == -EINVAL)
		x->requests.items[id].result = REQUEST_INVALID;
	else if (r < 0)
		return r;
	else if (x->matches.items.n)
		x->requests.items[id].result = REQUEST_PRESENT;
	return id;
}

/* A text of at most LIMIT_PARAMS bytes. */
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

static int join_params(struct expander *x, const struct action *a, struct params *t)
{
	const struct object *o = &x->objects.items[a->object];
	const char *name = modules_name(x->modules, o->module);
	const char *given = a->top ? x->requests.items[a->request].params : "";
	int r = 0;

	for (size_t i = 0; !r && i < x->config->rules[RULE_OPTIONS].n; i++) {
		const struct rule *rule = &x->config->rules[RULE_OPTIONS].items[i];

		if (strcmp(rule->key, name) != 0 && (!o->via || strcmp(rule->key, o->via) != 0))
			continue;
		r = add_params(t, rule->value, strlen(rule->value)) ?: add_params(t, " ", 1);
		if (r == -E2BIG)
			log_warning(
				x->log,
				"%s:%u: options of %s are longer than %u bytes in all, the rest is ignored",
				rule->origin.file, rule->origin.line, name, LIMIT_PARAMS);
	}
	if (r != -ENOMEM)
		r = add_params(t, given, strlen(given));
	return r == -ENOMEM ? r : 0;
}

const char *expander_params(struct expander *x, const struct action *a)
{
	struct params t = {};
	const char *params = NULL;

	if (!join_params(x, a, &t))
		params = t.text.n ? arena_strndup(&x->arena, t.text.items, t.text.n) : "";
	array_free(&t.text);
	return params;
}

int expander_fill_command(struct expander *x, const char *command, const char *params, const char **ret)
{
	static const char mark[] = "$CMDLINE_OPTS";
	size_t n_params = strlen(params), n = 0;
	char *out = arena_alloc(&x->arena, LIMIT_COMMAND + 1);

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

int expander_fill_step(struct expander *x, const struct action *a, struct step *s)
{
	const char *params = expander_params(x, a);
	size_t n = params ? strlen(params) : 0;

	if (n && params[n - 1] == ' ')
		params = arena_strndup(&x->arena, params, n - 1);
	return expander_fill_step_with(x, a, params, s);
}

/* What is damaged was logged; there is no module then. */
static int fill_member(struct expander *x, const struct module *m, struct step *s)
{
	struct archive *a = &x->lookup->dir->archive.archive;
	struct archive_member *member = arena_alloc(&x->arena, sizeof(*member));
	struct archive_entry e;
	int r = member ? archive_find(a, s->name, &e) : -ENOMEM;

	if (r > 0)
		r = archive_member(a, &e, member);
	if (r < 0 && r != -ENOMEM) {
		x->log->lost++;
		s->kind = STEP_ABSENT;
		return 0;
	}
	s->path = m->path;
	s->member = member;
	return r;
}

int expander_fill_step_with(struct expander *x, const struct action *a, const char *params, struct step *s)
{
	uint32_t module = x->objects.items[a->object].module;
	const struct module *m = modules_get(x->modules, module);
	int r;

	s->name = modules_name(x->modules, module);
	s->params = params;
	s->member = NULL;
	if (!m || !s->params)
		return -ENOMEM;
	s->alone = config_alone(x->lookup->config, s->name) != NULL;
	if (a->command) {
		s->origin =
			arena_printf(&x->arena, "%s:%u", a->command->origin.file, a->command->origin.line);
		r = s->origin ? expander_fill_command(x, a->command->value, s->params, &s->command) : -ENOMEM;
		s->kind = r < 0 ? STEP_ABSENT : STEP_COMMAND;
		if (r == -E2BIG)
			log_lost(x->log,
				 "%s: install command of %s is longer than %u bytes with its parameters",
				 s->origin, s->name, LIMIT_COMMAND);
		return r == -E2BIG ? 0 : r;
	}
	s->kind = STEP_ABSENT;
	if (!m->path)
		return 0;
	s->kind = STEP_MODULE;
	if (m->archived)
		return fill_member(x, m, s);
	s->path = moddir_file(x->lookup->dir, &x->arena, NULL, m->path);
	return s->path ? 0 : -ENOMEM;
}

void expander_free(struct expander *x)
{
	array_free(&x->objects);
	array_free(&x->softdeps);
	array_free(&x->loaded);
	array_free(&x->step_of);
	array_free(&x->wanted);
	array_free(&x->named);
	array_free(&x->busy);
	array_free(&x->requests);
	array_free(&x->actions);
	array_free(&x->reasons);
	array_free(&x->withheld);
	array_free(&x->matches.items);
	intern_free(&x->keys);
	arena_free(&x->arena);
}
