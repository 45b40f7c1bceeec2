/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From requests to actions: which modules a name or an alias leads to, in which order, and with which
 * parameters.
 *
 * A request is expanded exactly as libkmod's probe list is (libkmod-module.c
 * __kmod_module_get_probe_list()), which gives actions: the lines of modprobe, repetitions and all.
 * What is loaded already is an input. Each decision is kept as a reason, or as what withholds a module.
 */
#pragma once

#include "base/arena.h"
#include "base/array.h"
#include "base/intern.h"
#include "base/log.h"
#include "engine/lookup.h"
#include "engine/plan.h"

enum request_flag {
	REQUEST_BLACKLIST = 1,	    /* modprobe -b: blacklists count for names too */
	REQUEST_IGNORE_COMMAND = 2, /* modprobe -i, for the module named */
	REQUEST_SHOW = 4,	    /* what is built in or planned already gives actions too */
	REQUEST_IGNORE_LOADED = 8,  /* and what is loaded: modprobe -D is both */
	REQUEST_EXACT = 32,	    /* text is a module's name, not looked up as an alias */
	REQUEST_BANS = 64,	    /* an install line that only says true or false withholds its module */
	REQUEST_DEVICE = 16,	    /* the alias is a device's: finding nothing is no failure */
	REQUEST_NEEDED = 128,	    /* for what is awaited, as an earlier boot or who asks knows */
};

enum request_result {
	REQUEST_PLANNED,  /* leads to at least one step */
	REQUEST_NOTHING,  /* nothing has this name or alias */
	REQUEST_INVALID,  /* not an alias: ']' or '[' unbalanced */
	REQUEST_PRESENT,  /* all of it is loaded, built in or planned for something else */
	REQUEST_WITHHELD, /* a rule withholds all of it */
	REQUEST_DEFERRED, /* it waits for a module that a step of another planner is loading */
};

struct request {
	const char *text;
	const char *params; /* "" when none */
	uint32_t flags;
	uint32_t result;      /* enum request_result */
	bool deferred;	      /* at least one match waits so: the request is to be made again */
	struct origin origin; /* where it was written; file NULL: the caller made it */
};

enum module_busy {
	MODULE_FREE,
	MODULE_BUSY,
	MODULE_AWAITED, /* and a request was deferred for it */
};

enum reason_kind {
	REASON_REQUEST,	     /* request, pattern, rule (an alias line) */
	REASON_DEPENDENCY,   /* by needs it */
	REASON_SOFTDEP_PRE,  /* by has it in front, rule */
	REASON_SOFTDEP_POST, /* by has it behind, rule */
};

struct reason {
	uint32_t module;
	uint32_t kind;		 /* enum reason_kind */
	uint32_t by;		 /* module; MODULE_NONE for a request */
	uint32_t request;	 /* REASON_REQUEST: which */
	const char *pattern;	 /* or NULL */
	const struct rule *rule; /* or NULL */
};

enum withheld_kind {
	WITHHELD_BLACKLIST,
	WITHHELD_FORBIDDEN, /* module_blacklist= names it, or what it needs */
	WITHHELD_OFF,	    /* alias NAME off */
	WITHHELD_BANNED,    /* an install line of /bin/true forbids it, or what it needs */
};

struct withheld {
	uint32_t module;  /* MODULE_NONE for "off" */
	uint32_t kind;	  /* enum withheld_kind */
	uint32_t request; /* that led to it */
	uint32_t cause;	  /* WITHHELD_FORBIDDEN, _BANNED: the module that is named; else the module */
	const struct rule *rule;
};

/* One line of modprobe's output. */
struct action {
	uint32_t object;
	uint32_t request;
	const struct rule *command; /* the install line that is run instead, or NULL */
	bool builtin;
	bool top;      /* the requested module, which gets the request's parameters */
	bool required; /* the requested module or one it depends on: when it fails, so does the request */
};

struct softdeps {
	bool known;
	const struct rule *rule;
	const uint32_t *pre, *post; /* objects */
	uint32_t n_pre, n_post;
	const uint32_t *requests;	   /* what the module's init will ask the kernel for, */
	const struct rule **request_rules; /* and which line says so, for each of them */
	uint32_t n_requests;
};

/* A module by the name or alias it was reached through: libkmod's struct kmod_module. */
struct object {
	uint32_t module;
	uint32_t visited; /* the last expansion that came here */
	const char *via;
	const struct rule *command; /* found by exactly this name */
	const struct rule *remove;  /* the same for a remove line */
	bool builtin;
};

struct expander {
	struct log *log;
	struct modules *modules;
	struct lookup *lookup;
	const struct config *config;
	const struct config *requests_known;  /* requests_text of engine/companions.h, or NULL */
	const struct config *requests_learnt; /* those of a profile, or NULL */
	struct arena arena;
	struct intern keys;
	ARRAY(struct object) objects;
	ARRAY(struct softdeps) softdeps; /* by module */
	ARRAY(uint8_t) loaded;		 /* by module */
	ARRAY(uint32_t) step_of; /* by module: id + 1 of the step that the planner has made of it; 0: none */
	ARRAY(uint8_t) wanted;	 /* by module: bits of enum reason_kind */
	ARRAY(uint32_t) named;	 /* by module: id + 1 of its object without via; 0: none */
	ARRAY(uint8_t) busy;	 /* by module: enum module_busy */
	ARRAY(struct request) requests;
	ARRAY(struct action) actions;
	ARRAY(struct reason) reasons;
	ARRAY(struct withheld) withheld;
	uint32_t expansion;
	struct lookup_matches matches;
};

/* Says that a module is in the kernel. 0 or -ENOMEM. */
int expander_set_loaded(struct expander *x, const char *name);
bool expander_is_loaded(const struct expander *x, uint32_t module);

/* Says that a module is being loaded by a step of another planner. A request that would have to wait
 * for it gives no actions: REQUEST_DEFERRED. 0 or -ENOMEM. */
int expander_set_busy(struct expander *x, const char *name);
/* That step has ended; whether a request was deferred for it. */
bool expander_end_busy(struct expander *x, const char *name);

/* Looks up what a request means; text and params are copied, the matches are left in x->matches. The id
 * of the request, or -ENOMEM; requests.items[id].result says when there are no matches. */
int64_t expander_look_up(struct expander *x, const char *text, const char *params, uint32_t flags);
/* Adds one match's actions to x->actions; the match is a copy of the caller's. 0, and *result says what
 * came of it; or -ENOMEM. */
int expander_expand(struct expander *x, uint32_t request, const struct lookup_match *match,
		    enum request_result *result);
/* Keeps a reason. 0 or -ENOMEM. */
int expander_add_reason(struct expander *x, const struct reason *reason);
/* The object a match means; -ENOMEM. */
int64_t expander_object(struct expander *x, const struct lookup_match *match);
/* A module's softdeps, as objects. 0 or -ENOMEM. */
int expander_softdeps(struct expander *x, uint32_t module, struct softdeps *ret);

/* An action as a step, without id and edges. 0 or -ENOMEM. */
int expander_fill_step(struct expander *x, const struct action *a, struct step *ret);
/* The same with these parameters; NULL is -ENOMEM. */
int expander_fill_step_with(struct expander *x, const struct action *a, const char *params, struct step *ret);
/* A command with $CMDLINE_OPTS replaced by params. 0, -ENOMEM, -E2BIG past LIMIT_COMMAND. */
int expander_fill_command(struct expander *x, const char *command, const char *params, const char **ret);
/* An action's parameters as kmod prints them: the configuration's options joined with blanks, a blank
 * even when nothing follows, the request's own. NULL when out of memory. */
const char *expander_params(struct expander *x, const struct action *a);

void expander_free(struct expander *x);
