/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/lookup.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/pattern.h"

/* Whether a module can have this name or alias. libkmod has the same limits. */
static bool is_usable(struct lookup *l, const char *name, const char *via)
{
	if (strlen(name) <= LIMIT_NAME && (!via || strlen(via) <= LIMIT_ALIAS))
		return true;
	log_warning(l->dir->log, "module name '%.64s...' for '%.64s': longer than %u or %u bytes, ignored",
		    name, via ? via : name, LIMIT_NAME, LIMIT_ALIAS);
	return false;
}

static int add_match(struct lookup *l, struct lookup_matches *ret, const char *name,
		     struct lookup_match match)
{
	if (!is_usable(l, name, match.via))
		return 0;
	match.module = modules_id(l->modules, name, strlen(name));
	if (match.module == MODULE_NONE)
		return -ENOMEM;
	return array_push(&ret->items, match);
}

static const char *keep(struct lookup *l, const char *s)
{
	uint32_t id = intern_add(&l->vias, s, strlen(s));

	return id == INTERN_NONE ? NULL : intern_string(&l->vias, id);
}

/* A match by name: the module is called what was asked for, up to a '.'. */
static int add_named(struct lookup *l, struct lookup_matches *ret, const char *alias,
		     enum lookup_source source, const struct rule *rule)
{
	char name[LIMIT_ALIAS + 1];

	normalise_name(alias, name, sizeof(name));
	return add_match(l, ret, name, (struct lookup_match){ .source = source, .rule = rule });
}

static int from_config(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->config->rules[RULE_ALIAS].n; i++) {
		const struct rule *rule = &l->config->rules[RULE_ALIAS].items[i];

		if (pattern_matches(rule->key, alias))
			r = add_match(l, ret, rule->value,
				      (struct lookup_match){ .source = LOOKUP_CONFIG,
							     .via = rule->key,
							     .pattern = rule->key,
							     .rule = rule });
	}
	return r;
}

static int from_name(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	const char *line;
	int r;

	if (strchr(alias, ':'))
		return 0;
	r = moddir_find(l->dir, MODDIR_DEP, alias, &line);
	if (r <= 0)
		return r;
	return add_named(l, ret, alias, LOOKUP_NAME, NULL);
}

static int from_index(struct lookup *l, enum moddir_index which, enum lookup_source source, const char *alias,
		      struct lookup_matches *ret)
{
	const char *via = NULL, *pattern = NULL;
	int r = moddir_match(l->dir, which, alias, &l->hits);

	if (r < 0 || !l->hits.hits.n)
		return r;
	if (!l->names_only) {
		via = keep(l, alias);
		if (!via)
			return -ENOMEM;
	}
	for (size_t i = 0; !r && i < l->hits.hits.n; i++) {
		const struct index_hit *hit = &l->hits.hits.items[i];

		if (via) {
			pattern = keep(l, l->hits.patterns.items + hit->pattern);
			if (!pattern)
				return -ENOMEM;
		}
		r = add_match(l, ret, hit->value,
			      (struct lookup_match){ .source = source, .via = via, .pattern = pattern });
	}
	return r;
}

static int from_symbols(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	if (strncmp(alias, "symbol:", 7) != 0)
		return 0;
	return from_index(l, MODDIR_SYMBOLS, LOOKUP_SYMBOL, alias, ret);
}

static int from_commands(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	const struct rule *rule = config_find(l->config, RULE_INSTALL, alias);

	if (!rule)
		rule = config_find(l->config, RULE_REMOVE, alias);
	if (!rule)
		return 0;
	return add_named(l, ret, alias, LOOKUP_COMMAND, rule);
}

static int from_aliases(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	return from_index(l, MODDIR_ALIAS, LOOKUP_ALIAS, alias, ret);
}

static int from_builtin(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	const char *value;
	int r = moddir_find(l->dir, MODDIR_BUILTIN, alias, &value);

	if (r <= 0)
		return r;
	return add_named(l, ret, alias, LOOKUP_BUILTIN, NULL);
}

static int from_builtin_aliases(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	return from_index(l, MODDIR_BUILTIN_ALIAS, LOOKUP_BUILTIN_ALIAS, alias, ret);
}

int lookup_alias(struct lookup *l, const char *alias, struct lookup_matches *ret)
{
	static int (*const sources[])(struct lookup *, const char *, struct lookup_matches *) = {
		from_config,  from_name,    from_symbols,	  from_commands,
		from_aliases, from_builtin, from_builtin_aliases,
	};
	char buf[LIMIT_ALIAS + 1];
	int r = 0;

	ret->items.n = 0;
	if (!normalise_alias(alias, buf))
		return -EINVAL;
	for (size_t i = 0; !r && !ret->items.n && i < ARRAY_SIZE(sources); i++)
		r = sources[i](l, buf, ret);
	if (r < 0)
		return r;
	return ret->items.n > 0;
}

int lookup_module(struct lookup *l, const char *name, struct lookup_matches *ret)
{
	ret->items.n = 0;
	return add_named(l, ret, name, LOOKUP_NAME, NULL) ?: 1;
}

void lookup_free(struct lookup *l)
{
	intern_free(&l->vias);
	index_hits_free(&l->hits);
}
