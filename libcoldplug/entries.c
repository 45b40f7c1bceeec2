/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration and the indexes entry by entry, and what the configuration says of one module. */
#include "libcoldplug/entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/context.h"

#define API __attribute__((visibility("default")))

static void free_entries(struct answers *a)
{
	struct entries *e = a->entries;

	arena_free(&e->words);
	array_free(&e->config);
	arena_free(&e->keys);
	array_free(&e->index);
	arena_free(&e->options);
	for (size_t i = 0; i < ARRAY_SIZE(e->lists); i++)
		array_free(&e->lists[i]);
	array_free(&e->matches.items);
	modinfo_close(&e->file);
	array_free(&e->symbols);
	arena_free(&e->section_names);
	array_free(&e->sections);
	free(e);
	a->entries = NULL;
}

struct entries *context_entries(struct coldplug *c)
{
	if (!c->answers.entries)
		c->answers.entries = calloc(1, sizeof(*c->answers.entries));
	c->answers.free_entries = free_entries;
	return c->answers.entries;
}

/* Each question begins with this. */
static int open_entries(struct coldplug *c, struct entries **ret)
{
	*ret = context_entries(c);
	return *ret ? machine_open_for_one(&c->machine) : -ENOMEM;
}

static const char *join_words(struct arena *a, const char *text, const char *head, const char *const *words,
			      uint32_t n)
{
	if (text && *head && n)
		text = arena_printf(a, "%s%s%s", text, *text ? " " : "", head);
	for (uint32_t i = 0; text && i < n; i++)
		text = arena_printf(a, "%s%s%s", text, *text ? " " : "", words[i]);
	return text;
}

/* Lists of names are kept as such. */
static const char *text_of(struct arena *a, enum coldplug_config kind, const struct rule *rule)
{
	const char *const *pre = (const char *const *)rule->pre;
	const char *const *post = (const char *const *)rule->post;

	switch (kind) {
	case COLDPLUG_CONFIG_SOFTDEP:
		return join_words(a, join_words(a, "", "pre:", pre, rule->n_pre), "post:", post,
				  rule->n_post);
	case COLDPLUG_CONFIG_WEAKDEP:
		return join_words(a, "", "", pre, rule->n_pre);
	default:
		return rule->value;
	}
}

static int add_rule(struct entries *e, enum coldplug_config kind, const struct rule *rule)
{
	const char *value = text_of(&e->words, kind, rule);

	return value ? array_push(&e->config, { rule->key, value, rule->origin.file, rule->origin.line })
		     : -ENOMEM;
}

API int64_t coldplug_config(struct coldplug *c, enum coldplug_config kind, const struct coldplug_entry **list)
{
	static const enum rule_kind kinds[] = {
		[COLDPLUG_CONFIG_ALIAS] = RULE_ALIAS,	  [COLDPLUG_CONFIG_BLACKLIST] = RULE_BLACKLIST,
		[COLDPLUG_CONFIG_INSTALL] = RULE_INSTALL, [COLDPLUG_CONFIG_REMOVE] = RULE_REMOVE,
		[COLDPLUG_CONFIG_OPTIONS] = RULE_OPTIONS, [COLDPLUG_CONFIG_SOFTDEP] = RULE_SOFTDEP,
		[COLDPLUG_CONFIG_WEAKDEP] = RULE_WEAKDEP, [COLDPLUG_CONFIG_FORBIDDEN] = RULE_FORBID,
	};
	const struct config *config = &c->machine.config;
	struct entries *e;
	int r = (size_t)kind < ARRAY_SIZE(kinds) ? open_entries(c, &e) : -EINVAL;

	if (r < 0)
		return r;
	arena_free(&e->words);
	e->config.n = 0;
	for (size_t i = 0; !r && i < config->rules[kinds[kind]].n; i++)
		r = add_rule(e, kind, &config->rules[kinds[kind]].items[i]);
	*list = e->config.items;
	return r < 0 ? r : (int64_t)e->config.n;
}

static int take_entry(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct entries *e = userdata;
	const char *copy = arena_strdup(&e->keys, key);

	return copy ? array_push(&e->index, { .key = copy, .value = value }) : -ENOMEM;
}

static int read_index(struct coldplug *c, struct entries *e, enum moddir_index which)
{
	arena_free(&e->keys);
	e->index.n = 0;
	return moddir_each(&c->machine.dir, which, take_entry, e);
}

API int64_t coldplug_index(struct coldplug *c, enum coldplug_index index, const struct coldplug_entry **list)
{
	static const enum moddir_index indexes[] = {
		[COLDPLUG_INDEX_DEP] = MODDIR_DEP,
		[COLDPLUG_INDEX_ALIAS] = MODDIR_ALIAS,
		[COLDPLUG_INDEX_SYMBOLS] = MODDIR_SYMBOLS,
		[COLDPLUG_INDEX_BUILTIN] = MODDIR_BUILTIN,
		[COLDPLUG_INDEX_BUILTIN_ALIAS] = MODDIR_BUILTIN_ALIAS,
	};
	const struct moddir_source *source;
	struct entries *e;
	bool from_text;
	int r = (size_t)index < ARRAY_SIZE(indexes) ? open_entries(c, &e) : -EINVAL;

	if (r < 0)
		return r;
	source = &c->machine.dir.sources[indexes[index]];
	from_text = source->from_text;
	r = read_index(c, e, indexes[index]);
	/* What came before the place at which it is broken is not to come twice. */
	if (!r && source->from_text != from_text)
		r = read_index(c, e, indexes[index]);
	*list = e->index.items;
	return r < 0 ? r : (int64_t)e->index.n;
}

/* As libkmod joins them: those of the module's name, in the order of the lines. */
static int join_options(const struct config *config, struct entries *e, const char *module, const char **ret)
{
	const char *options = "";

	arena_free(&e->options);
	for (size_t i = 0; options && i < config->rules[RULE_OPTIONS].n; i++) {
		const struct rule *rule = &config->rules[RULE_OPTIONS].items[i];

		if (!strcmp(rule->key, module))
			options = arena_printf(&e->options, "%s%s%s", options, *options ? " " : "",
					       rule->value);
	}
	*ret = options;
	return options ? 0 : -ENOMEM;
}

enum { LIST_PRE, LIST_POST, LIST_WEAK };

static int end_list(struct entries *e, unsigned int which, const char *const **ret)
{
	int r = array_push(&e->lists[which], NULL);

	*ret = e->lists[which].items;
	return r;
}

static int list_objects(struct coldplug *c, unsigned int which, const uint32_t *objects, uint32_t n,
			const char *const **ret)
{
	struct entries *e = c->answers.entries;
	int r = 0;

	e->lists[which].n = 0;
	for (uint32_t i = 0; !r && i < n; i++) {
		uint32_t module = c->machine.expander.objects.items[objects[i]].module;

		r = array_push(&e->lists[which], modules_name(&c->machine.modules, module));
	}
	return r ?: end_list(e, which, ret);
}

/* No load asks for these, so the expander does not know them. A word that is no alias is passed over. */
static int list_weak(struct coldplug *c, const char *module, const char *const **ret)
{
	const struct rule *rule = config_match(&c->machine.config, RULE_WEAKDEP, module);
	struct entries *e = c->answers.entries;
	int r = 0;

	e->lists[LIST_WEAK].n = 0;
	for (uint32_t i = 0; r != -ENOMEM && rule && i < rule->n_pre; i++) {
		r = lookup_alias(&c->machine.lookup, rule->pre[i], &e->matches);
		for (size_t k = 0; r > 0 && k < e->matches.items.n; k++)
			r = array_push(&e->lists[LIST_WEAK],
				       modules_name(&c->machine.modules, e->matches.items.items[k].module))
				?: 1;
	}
	return r == -ENOMEM ? r : end_list(e, LIST_WEAK, ret);
}

static const char *command_of(const struct config *config, enum rule_kind kind, const char *module)
{
	const struct rule *rule = config_match(config, kind, module);

	return rule ? rule->value : NULL;
}

/* The expander knows modules that it has an object for. */
static int find_softdeps(struct coldplug *c, const char *module, struct softdeps *ret)
{
	struct lookup_match match = { .source = LOOKUP_NAME };
	int64_t object;

	match.module = modules_id(&c->machine.modules, module, strlen(module));
	object = match.module == MODULE_NONE ? -ENOMEM : expander_object(&c->machine.expander, &match);
	return object < 0 ? (int)object : expander_softdeps(&c->machine.expander, match.module, ret);
}

API int coldplug_rules(struct coldplug *c, const char *module, struct coldplug_rules *ret)
{
	const struct config *config = &c->machine.config;
	struct coldplug_rules rules = {};
	struct softdeps s = {};
	char name[LIMIT_NAME + 1];
	struct entries *e;
	int r = open_entries(c, &e);

	if (r < 0)
		return r;
	normalise_name(module, name, sizeof(name));
	r = find_softdeps(c, name, &s);
	r = r ?: join_options(config, e, name, &rules.options);
	r = r ?: list_objects(c, LIST_PRE, s.pre, s.n_pre, &rules.pre);
	r = r ?: list_objects(c, LIST_POST, s.post, s.n_post, &rules.post);
	r = r ?: list_weak(c, name, &rules.weak);
	if (r < 0)
		return r;
	rules.install = command_of(config, RULE_INSTALL, name);
	rules.remove = command_of(config, RULE_REMOVE, name);
	rules.blacklisted = config_find(config, RULE_BLACKLIST, name);
	*ret = rules;
	return 0;
}

API int coldplug_changed(struct coldplug *c)
{
	struct entries *e = context_entries(c);
	uint64_t now;
	int r;

	if (!e)
		return -ENOMEM;
	/* Of a context that has read nothing yet it is taken before anything is read. */
	if (!e->watched)
		c->machine.fingerprint = &e->fingerprint;
	r = machine_open_for_one(&c->machine);
	c->machine.fingerprint = NULL;
	if (r < 0)
		return r;
	now = machine_fingerprint(&c->machine);
	if (!e->fingerprint)
		e->fingerprint = now;
	e->watched = true;
	return now != e->fingerprint;
}
