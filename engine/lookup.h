/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an alias or a name to modules, in kmod's order of sources (libkmod-module.c
 * kmod_module_new_from_lookup()): the first source with a hit ends it. */
#pragma once

#include "engine/config.h"
#include "engine/moddir.h"
#include "engine/modules.h"

enum lookup_source {
	LOOKUP_CONFIG, /* an alias line of the configuration */
	LOOKUP_NAME,   /* modules.dep has a module of that name */
	LOOKUP_SYMBOL,
	LOOKUP_COMMAND, /* an install or remove line for exactly this name */
	LOOKUP_ALIAS,	/* modules.alias */
	LOOKUP_BUILTIN, /* modules.builtin has that name */
	LOOKUP_BUILTIN_ALIAS,
};

struct lookup_match {
	uint32_t module;
	uint32_t source;	 /* enum lookup_source */
	const char *via;	 /* what "options" lines may name beside the module: the alias as asked,
				  * or the pattern of a configuration's alias; NULL for a name */
	const char *pattern;	 /* what matched; NULL for a name */
	const struct rule *rule; /* LOOKUP_CONFIG, LOOKUP_COMMAND */
};

struct lookup {
	struct moddir *dir;
	struct modules *modules;
	const struct config *config;
	struct intern vias;
	bool names_only; /* via and pattern are not wanted: nothing is kept of them */
	struct index_hits hits;
};

struct lookup_matches {
	ARRAY(struct lookup_match) items;
};

/* Replaces *ret by what alias means; modules may repeat, as in libkmod. 1 when something was found, 0
 * when not, -EINVAL when it is no alias (a ']' alone, an open '['), -ENOMEM. */
int lookup_alias(struct lookup *l, const char *alias, struct lookup_matches *ret);
/* The module of that name, whatever an alias of the same name means. 1 or -ENOMEM. */
int lookup_module(struct lookup *l, const char *name, struct lookup_matches *ret);
void lookup_free(struct lookup *l);
