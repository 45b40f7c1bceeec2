/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a caller can ask about: the plan, the reasons, the results. */
#include "libcoldplug/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/cmdline.h"
#include "engine/closure.h"
#include "engine/config-text.h"
#include "engine/symbols.h"
#include "libcoldplug/missing-files.h"

#define API __attribute__((visibility("default")))

static bool is_listed(struct coldplug *c, const char *name)
{
	for (size_t i = 0; i < c->answers.names.n; i++)
		if (c->answers.names.items[i] == name)
			return true;
	return false;
}

API int coldplug_parameters(struct coldplug *c,
			    int (*fn)(void *userdata, const char *name, const char *value), void *userdata)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = machine_open_root(&c->machine)
		?: rootfs_read(&c->machine.root, "proc/cmdline", LIMIT_CMDLINE, &file);
	struct cmdline_arg arg;
	char *rest;

	if (r < 0)
		return r;
	rest = file.data;
	while (!r && cmdline_next(&rest, &arg))
		r = fn(userdata, arg.param, arg.value);
	return r;
}

API int coldplug_resolve(struct coldplug *c, const char *alias, const char *const **names)
{
	int r = context_open(c);

	if (r < 0)
		return r;
	c->answers.names.n = 0;
	c->machine.lookup.names_only = true;
	r = lookup_alias(&c->machine.lookup, alias, &c->answers.matches);
	c->machine.lookup.names_only = false;
	for (size_t i = 0; r > 0 && i < c->answers.matches.items.n; i++) {
		const char *name =
			modules_name(&c->machine.modules, c->answers.matches.items.items[i].module);

		if (has_flag(c, COLDPLUG_BLACKLIST) && config_find(&c->machine.config, RULE_BLACKLIST, name))
			continue;
		if (!is_listed(c, name))
			r = array_push(&c->answers.names, name) ?: 1;
	}
	if (r < 0)
		return r;
	*names = c->answers.names.items;
	return (int)c->answers.names.n;
}

static enum coldplug_initstate initstate_of(const char *word)
{
	if (!strcmp(word, "Loading"))
		return COLDPLUG_INIT_COMING;
	return strcmp(word, "Unloading") != 0 ? COLDPLUG_INIT_LIVE : COLDPLUG_INIT_GOING;
}

API int64_t coldplug_loaded(struct coldplug *c, const struct coldplug_loaded **list)
{
	int r = machine_open_root(&c->machine);

	if (r < 0)
		return r;
	loaded_free(&c->answers.loaded_now);
	c->answers.loaded_answer.n = 0;
	r = loaded_read(&c->answers.loaded_now, &c->machine.root, &c->log);
	if (r == -ENOENT)
		log_lost(&c->log, "%s/proc/modules: does not exist", c->machine.root.path);
	if (!r)
		r = loaded_read_details(&c->answers.loaded_now, &c->machine.root, &c->log);
	for (size_t i = 0; !r && i < c->answers.loaded_now.items.n; i++) {
		const struct loaded_module *m = &c->answers.loaded_now.items.items[i];

		r = array_push(&c->answers.loaded_answer,
			       { m->name, m->size, m->refcount, m->holders, initstate_of(m->state) });
	}
	*list = c->answers.loaded_answer.items;
	return r < 0 ? r : (int64_t)c->answers.loaded_answer.n;
}

API size_t coldplug_steps(struct coldplug *c)
{
	return c->loading.results.n;
}

static const enum coldplug_state states[] = {
	[LOAD_DONE] = COLDPLUG_DONE,	     [LOAD_ALREADY] = COLDPLUG_ALREADY,
	[LOAD_DECLINED] = COLDPLUG_DECLINED, [LOAD_FAILED] = COLDPLUG_FAILED,
	[LOAD_SKIPPED] = COLDPLUG_SKIPPED,
};

static enum coldplug_state state_of(const struct load_result *result)
{
	return result->outcome < ARRAY_SIZE(states) ? states[result->outcome] : COLDPLUG_PLANNED;
}

bool context_step(struct coldplug *c, size_t i, const struct step **step, const struct load_result **result)
{
	static const struct load_result none = { .outcome = RESULT_NONE };

	if (i < c->loading.results.n) {
		*step = &c->machine.planner.steps.items[i];
		*result = &c->loading.results.items[i];
		return true;
	}
	*step = orphans_step(&c->loading.orphans, i - c->loading.results.n);
	*result = c->loading.orphan_result && i == c->loading.current_step ? c->loading.orphan_result : &none;
	return *step;
}

API const struct coldplug_step *coldplug_step(struct coldplug *c, size_t i)
{
	static const enum coldplug_kind kinds[] = {
		[STEP_MODULE] = COLDPLUG_MODULE,
		[STEP_COMMAND] = COLDPLUG_COMMAND,
		[STEP_ABSENT] = COLDPLUG_ABSENT,
	};
	const struct load_result *result;
	const struct step *s;

	if (!context_step(c, i, &s, &result))
		return NULL;
	/* It is for messages, and what is longer is no file's path. */
	if (s->path)
		snprintf(c->answers.step_path, sizeof(c->answers.step_path), "%s%s%s",
			 s->member ? "" : c->machine.root.path, s->member ? "" : "/", s->path);
	c->answers.step = (struct coldplug_step){
		.module = s->name,
		.kind = kinds[s->kind],
		.path = s->path ? c->answers.step_path : NULL,
		.params = s->params,
		.command = s->command,
		.state = state_of(result),
		.error = result->error,
		.message = result->message,
		.start_us = result->start_us,
		.end_us = result->end_us,
		.worker = result->worker,
	};
	return &c->answers.step;
}

/* The line that modprobe prints for an action; "" when it prints none. NULL when out of memory. all:
 * also for what is loaded. */
static const char *action_line(struct machine *m, bool all, struct arena *arena, const struct action *a)
{
	uint32_t id = m->expander.objects.items[a->object].module;
	const char *name = modules_name(&m->modules, id);
	const char *params = expander_params(&m->expander, a);
	const struct module *module = modules_get(&m->modules, id);

	if (!params || !module)
		return NULL;
	if (!all && expander_is_loaded(&m->expander, id))
		return "";
	if (a->command)
		return arena_printf(arena, "install %s %s\n", a->command->value, params);
	if (module->path) {
		const char *path = moddir_file(&m->dir, arena, m->root.path, module->path);

		return path ? arena_printf(arena, "insmod %s %s\n", path, params) : NULL;
	}
	return a->builtin ? arena_printf(arena, "builtin %s\n", name) : "";
}

API int coldplug_plan_text(struct coldplug *c, char **ret)
{
	_cleanup_arena_ struct arena arena = {};
	bool all = has_flag(c, COLDPLUG_IGNORE_LOADED);
	struct intern lines = {};
	ARRAY(char) text = {};
	int r = 0;

	for (size_t i = 0; !r && i < c->machine.expander.actions.n; i++) {
		const char *line =
			action_line(&c->machine, all, &arena, &c->machine.expander.actions.items[i]);
		uint32_t known = lines.n;
		size_t n;

		r = line ? 0 : -ENOMEM;
		if (r < 0 || !*line)
			continue;
		n = strlen(line);
		r = intern_add(&lines, line, n) == INTERN_NONE ? -ENOMEM : 0;
		if (r < 0 || lines.n == known)
			continue;
		r = array_append(&text, line, n);
	}
	intern_free(&lines);
	r = r ?: array_push(&text, '\0');
	if (r < 0) {
		array_free(&text);
		return r;
	}
	*ret = text.items;
	return 0;
}

static int push_reason(struct coldplug *c, struct coldplug_reason reason, const struct rule *rule)
{
	if (rule) {
		reason.file = rule->origin.file;
		reason.line = rule->origin.line;
	}
	return array_push(&c->answers.reasons, reason);
}

/* A device's request is a reason for each device that has the alias. */
static int push_request(struct coldplug *c, const struct request *request, struct coldplug_reason reason,
			const struct rule *rule)
{
	uint32_t alias = request->flags & REQUEST_DEVICE
		? intern_find(&c->wanted.devices.aliases, request->text, strlen(request->text))
		: INTERN_NONE;
	int r = 0;

	reason.alias = request->text;
	if (request->origin.file && !rule) {
		reason.file = request->origin.file;
		reason.line = request->origin.line;
	}
	if (alias == INTERN_NONE)
		return push_reason(c, reason, rule);
	for (size_t i = 0; !r && i < c->wanted.devices.claims.n; i++) {
		if (c->wanted.devices.claims.items[i].alias != alias)
			continue;
		reason.device =
			intern_string(&c->wanted.devices.devpaths, c->wanted.devices.claims.items[i].device);
		r = push_reason(c, reason, rule);
	}
	return r;
}

static int push_planner_reason(struct coldplug *c, const struct reason *x)
{
	static const enum coldplug_why whys[] = {
		[REASON_REQUEST] = COLDPLUG_WHY_NAME,
		[REASON_DEPENDENCY] = COLDPLUG_WHY_DEPENDENCY,
		[REASON_SOFTDEP_PRE] = COLDPLUG_WHY_SOFTDEP_PRE,
		[REASON_SOFTDEP_POST] = COLDPLUG_WHY_SOFTDEP_POST,
	};
	struct coldplug_reason reason = { .why = whys[x->kind], .pattern = x->pattern };
	const struct request *request;

	if (x->kind != REASON_REQUEST) {
		reason.by = modules_name(&c->machine.modules, x->by);
		return push_reason(c, reason, x->rule);
	}
	request = &c->machine.expander.requests.items[x->request];
	if (request->flags & REQUEST_DEVICE)
		reason.why = COLDPLUG_WHY_DEVICE;
	return push_request(c, request, reason, x->rule);
}

static int push_withheld(struct coldplug *c, const struct withheld *w)
{
	static const enum coldplug_why whys[] = {
		[WITHHELD_BLACKLIST] = COLDPLUG_WHY_BLACKLIST,
		[WITHHELD_FORBIDDEN] = COLDPLUG_WHY_FORBIDDEN,
		[WITHHELD_OFF] = COLDPLUG_WHY_OFF,
		[WITHHELD_BANNED] = COLDPLUG_WHY_BANNED,
	};
	struct coldplug_reason reason = { .why = whys[w->kind] };

	if (w->kind == WITHHELD_FORBIDDEN || w->kind == WITHHELD_BANNED)
		reason.by = modules_name(&c->machine.modules, w->cause);
	return push_request(c, &c->machine.expander.requests.items[w->request], reason, w->rule);
}

/* Whether an options line is the module's: it may name an alias the module was reached through. */
static bool option_counts(struct machine *m, uint32_t id, const char *key)
{
	if (!strcmp(key, modules_name(&m->modules, id)))
		return true;
	for (size_t i = 0; i < m->expander.objects.n; i++) {
		const struct object *o = &m->expander.objects.items[i];

		if (o->module == id && o->via && !strcmp(o->via, key))
			return true;
	}
	return false;
}

static int push_rules(struct coldplug *c, uint32_t id)
{
	const struct rule *rule =
		config_match(&c->machine.config, RULE_INSTALL, modules_name(&c->machine.modules, id));
	int r = 0;

	if (rule)
		r = push_reason(
			c, (struct coldplug_reason){ .why = COLDPLUG_WHY_INSTALL, .pattern = rule->value },
			rule);
	rule = config_alone(&c->machine.config, modules_name(&c->machine.modules, id));
	if (!r && rule)
		r = push_reason(c, (struct coldplug_reason){ .why = COLDPLUG_WHY_ALONE }, rule);
	for (size_t i = 0; !r && i < c->machine.config.rules[RULE_OPTIONS].n; i++) {
		rule = &c->machine.config.rules[RULE_OPTIONS].items[i];
		if (option_counts(&c->machine, id, rule->key))
			r = push_reason(c,
					(struct coldplug_reason){ .why = COLDPLUG_WHY_OPTION,
								  .pattern = rule->value },
					rule);
	}
	return r;
}

/* "alias NAME off" withholds no module, but a name. */
static bool is_withheld(struct machine *m, const struct withheld *w, uint32_t id, const char *name)
{
	char asked[LIMIT_ALIAS + 1];

	if (w->module != MODULE_NONE)
		return w->module == id;
	return normalise_alias(m->expander.requests.items[w->request].text, asked) && !strcmp(asked, name);
}

/* Whether a reason of this kind is among the answers. */
static bool has_reason(const struct coldplug *c, enum coldplug_why why)
{
	for (size_t i = 0; i < c->answers.reasons.n; i++)
		if (c->answers.reasons.items[i].why == why)
			return true;
	return false;
}

static int push_missing_file(struct coldplug *c, uint32_t id)
{
	int r;

	free(steal_ptr(c->answers.missing_file));
	r = missing_file_of(c, id, &c->answers.missing_file);
	if (r <= 0)
		return r;
	return push_reason(
		c,
		(struct coldplug_reason){ .why = COLDPLUG_WHY_NO_FILE, .pattern = c->answers.missing_file },
		NULL);
}

/* What is so whether or not anything asks for the module. */
static int push_state(struct coldplug *c, const char *name, size_t n)
{
	struct machine *m = &c->machine;
	uint32_t id = modules_id(&m->modules, name, n);
	const struct rule *blacklist = config_find(&m->config, RULE_BLACKLIST, name);
	const struct rule *install = config_match(&m->config, RULE_INSTALL, name);
	int r = id == MODULE_NONE ? -ENOMEM : modules_is_builtin(&m->modules, id);

	if (r > 0)
		r = push_reason(c, (struct coldplug_reason){ .why = COLDPLUG_WHY_BUILTIN }, NULL);
	if (!r && expander_is_loaded(&m->expander, id))
		r = push_reason(c, (struct coldplug_reason){ .why = COLDPLUG_WHY_LOADED }, NULL);
	if (!r && blacklist && !has_reason(c, COLDPLUG_WHY_BLACKLIST))
		r = push_reason(c, (struct coldplug_reason){ .why = COLDPLUG_WHY_BLACKLIST }, blacklist);
	if (!r && install && rule_is_ban(install) && !has_reason(c, COLDPLUG_WHY_BANNED))
		r = push_reason(c,
				(struct coldplug_reason){ .why = COLDPLUG_WHY_BANNED,
							  .by = modules_name(&m->modules, id) },
				install);
	/* What means nothing has no file. */
	return r || has_reason(c, COLDPLUG_WHY_OFF) ? r : push_missing_file(c, id);
}

API int64_t coldplug_why(struct coldplug *c, const char *module, const struct coldplug_reason **list)
{
	char name[LIMIT_NAME + 1];
	size_t n = normalise_name(module, name, sizeof(name));
	uint32_t id;
	int r = context_open(c);

	if (r < 0)
		return r;
	c->answers.reasons.n = 0;
	*list = NULL;
	id = intern_find(&c->machine.modules.names, name, n);
	for (size_t i = 0; !r && i < c->machine.expander.reasons.n; i++)
		if (c->machine.expander.reasons.items[i].module == id)
			r = push_planner_reason(c, &c->machine.expander.reasons.items[i]);
	for (size_t i = 0; !r && i < c->machine.expander.withheld.n; i++)
		if (is_withheld(&c->machine, &c->machine.expander.withheld.items[i], id, name))
			r = push_withheld(c, &c->machine.expander.withheld.items[i]);
	if (!r && c->answers.reasons.n && id != INTERN_NONE)
		r = push_rules(c, id);
	r = r ?: push_state(c, name, n);
	*list = c->answers.reasons.items;
	return r < 0 ? r : (int64_t)c->answers.reasons.n;
}

static bool is_in_sysfs(const struct rootfs *root, const char *devpath, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "sys%s%s", devpath, name) < 0)
		return true;
	fd = rootfs_openat(root, path, O_PATH | O_NOFOLLOW);
	return fd >= 0;
}

API int64_t coldplug_undriven(struct coldplug *c, const char *const **list)
{
	int r = context_open(c);

	c->answers.undriven.n = 0;
	for (uint32_t i = 0; !r && i < c->wanted.devices.devpaths.n; i++) {
		const char *devpath = intern_string(&c->wanted.devices.devpaths, i);

		if (is_in_sysfs(&c->machine.root, devpath, "") &&
		    !is_in_sysfs(&c->machine.root, devpath, "/driver"))
			r = array_push(&c->answers.undriven, devpath);
	}
	*list = c->answers.undriven.items;
	return r < 0 ? r : (int64_t)c->answers.undriven.n;
}

static bool is_same_withheld(const struct expander *x, const struct withheld *a, const struct withheld *b)
{
	if (a->module != MODULE_NONE || b->module != MODULE_NONE)
		return a->module == b->module;
	return !strcmp(x->requests.items[a->request].text, x->requests.items[b->request].text);
}

/* Whether a module, or a name that is off, is not listed before. */
static bool is_first_withheld(const struct expander *x, size_t i)
{
	const struct withheld *list = x->withheld.items;

	for (size_t k = 0; k < i; k++)
		if (is_same_withheld(x, &list[k], &list[i]))
			return false;
	return true;
}

static size_t count_withheld(const struct expander *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->withheld.n; i++)
		n += is_first_withheld(x, i);
	return n;
}

API int64_t coldplug_withheld(struct coldplug *c, const char *const **names)
{
	int r = context_open(c);

	c->answers.withheld.n = 0;
	for (size_t i = 0; !r && i < c->machine.expander.withheld.n; i++) {
		const struct withheld *w = &c->machine.expander.withheld.items[i];
		const char *name = w->module != MODULE_NONE
			? modules_name(&c->machine.modules, w->module)
			: c->machine.expander.requests.items[w->request].text;

		if (is_first_withheld(&c->machine.expander, i))
			r = array_push(&c->answers.withheld, name);
	}
	*names = c->answers.withheld.items;
	return r < 0 ? r : (int64_t)c->answers.withheld.n;
}

API int64_t coldplug_not_found(struct coldplug *c, const char *const **names)
{
	int r = context_open(c);

	c->answers.not_found_names.n = 0;
	for (size_t i = 0; !r && i < c->machine.expander.requests.n; i++) {
		const struct request *x = &c->machine.expander.requests.items[i];

		if (!(x->flags & REQUEST_DEVICE) &&
		    (x->result == REQUEST_NOTHING || x->result == REQUEST_INVALID))
			r = array_push(&c->answers.not_found_names, x->text);
	}
	*names = c->answers.not_found_names.items;
	return r < 0 ? r : (int64_t)c->answers.not_found_names.n;
}

API int coldplug_symbols_text(const char *path, enum coldplug_symbols which, char **ret)
{
	if (which != COLDPLUG_SYMBOLS_NEEDED && which != COLDPLUG_SYMBOLS_EXPORTED)
		return -EINVAL;
	return symbols_text(path, which == COLDPLUG_SYMBOLS_EXPORTED, ret);
}

API int coldplug_config_text(struct coldplug *c, char **ret)
{
	return machine_open_for_one(&c->machine) ?: config_text(&c->machine.config, &c->machine.dir, ret);
}

static int find_files(struct coldplug *c, const char *from)
{
	struct closure_options options = { .firmware = has_flag(c, COLDPLUG_FIRMWARE),
					   .companions = has_flag(c, COLDPLUG_COMPANIONS) };
	struct rootfs other = ROOTFS_NONE;
	int r = from ? rootfs_open(&other, from) : 0;

	free(c->answers.files_from);
	c->answers.files_from = from ? strdup(from) : NULL;
	if (from && !c->answers.files_from)
		r = r ?: -ENOMEM;
	if (r < 0) {
		log_error(&c->log, "%s: %s", from, strerror(-r));
		return r;
	}
	options.files_root = from ? &other : NULL;
	r = closure_find(&c->machine, &options, &c->answers.closure);
	rootfs_close(&other);
	return r;
}

API int64_t coldplug_closure(struct coldplug *c, const char *from, const struct coldplug_file **list)
{
	static const enum coldplug_file_kind kinds[] = {
		[CLOSURE_MODULE] = COLDPLUG_FILE_MODULE,
		[CLOSURE_FIRMWARE] = COLDPLUG_FILE_FIRMWARE,
	};
	int r = -EINVAL;

	c->answers.closure.items.n = c->answers.files.n = 0;
	if (has_flag(c, COLDPLUG_DRY_RUN) && has_flag(c, COLDPLUG_IGNORE_LOADED))
		r = context_open(c) ?: find_files(c, from);
	for (size_t i = 0; !r && i < c->answers.closure.items.n; i++) {
		const struct closure_file *f = &c->answers.closure.items.items[i];

		r = array_push(&c->answers.files, { kinds[f->kind], f->path, f->name, f->by });
	}
	*list = c->answers.files.items;
	return r < 0 ? r : (int64_t)c->answers.files.n;
}

API void coldplug_get_summary(struct coldplug *c, struct coldplug_summary *ret)
{
	*ret = (struct coldplug_summary){
		.devices = c->wanted.devices.devpaths.n,
		.aliases = c->wanted.n_aliases,
		.modules = c->loading.n_steps,
		.loaded = c->loading.totals[LOAD_DONE] + c->loading.totals[LOAD_ALREADY],
		.declined = c->loading.totals[LOAD_DECLINED],
		.failed = c->loading.totals[LOAD_FAILED] + c->wanted.not_found,
		.skipped = c->loading.totals[LOAD_SKIPPED],
		.withheld = count_withheld(&c->machine.expander),
		.lost = c->log.lost,
		.start_us = c->loading.start_us,
		.end_us = c->loading.end_us,
		.events = c->listener.n_events,
		.events_ignored = c->listener.netlink.ignored,
	};
}

API int coldplug_exit_code(struct coldplug *c)
{
	struct coldplug_summary s;

	coldplug_get_summary(c, &s);
	if (c->listener.record_failed)
		return 111;
	if (s.lost)
		return 2;
	return s.failed || c->loading.n_cancelled;
}
