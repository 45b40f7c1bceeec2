/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From requests to a plan: which modules, in what order, with which parameters, and why.
 *
 * Requests come in any number of batches. Each is expanded exactly as libkmod's probe list is
 * (libkmod-module.c __kmod_module_get_probe_list()), which gives actions: kmod's lines, repetitions
 * and all. A module's first action makes its step; the edges between steps are read off the
 * dependencies afterwards. What is loaded already is an input.
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
	REQUEST_DEVICE = 16,	    /* the alias is a device's: finding nothing is no failure */
};

enum request_result {
	REQUEST_PLANNED,  /* leads to at least one step */
	REQUEST_NOTHING,  /* nothing has this name or alias */
	REQUEST_INVALID,  /* not an alias: ']' or '[' unbalanced */
	REQUEST_PRESENT,  /* all of it is loaded, built in or planned for something else */
	REQUEST_WITHHELD, /* a rule withholds all of it */
	REQUEST_DEFERRED, /* it waits for a module that is in somebody else's hands */
};

struct request {
	const char *text;
	const char *params; /* "" when none */
	uint32_t flags;
	uint32_t result;      /* enum request_result */
	bool deferred;	      /* the same for one of its matches at least: it is to be asked again */
	struct origin origin; /* where it was asked for; file NULL: by the caller */
};

enum planner_busy {
	PLANNER_FREE,
	PLANNER_BUSY,
	PLANNER_AWAITED, /* and a request was deferred for it */
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
};

struct withheld {
	uint32_t module;  /* MODULE_NONE for "off" */
	uint32_t kind;	  /* enum withheld_kind */
	uint32_t request; /* that led to it */
	uint32_t cause;	  /* WITHHELD_FORBIDDEN: the module that is named; else the module */
	const struct rule *rule;
};

/* One of kmod's lines. */
struct action {
	uint32_t object;
	uint32_t request;
	const struct rule *command; /* the install line that is run instead, or NULL */
	bool builtin;
	bool top;      /* the module asked for: gets the request's parameters */
	bool required; /* asked for, or a hard dependency of that: its failure is the request's */
};

struct softdeps {
	bool known;
	const struct rule *rule;
	const uint32_t *pre, *post; /* objects */
	uint32_t n_pre, n_post;
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

struct planner {
	struct log *log;
	struct modules *modules;
	struct lookup *lookup;
	const struct config *config;
	struct arena arena;
	struct intern keys;
	ARRAY(struct object) objects;
	ARRAY(struct softdeps) softdeps; /* by module */
	ARRAY(uint8_t) loaded;		 /* by module */
	ARRAY(uint32_t) step_of;	 /* by module: id + 1 */
	ARRAY(uint8_t) wanted;		 /* by module: bits of enum reason_kind */
	ARRAY(uint8_t) busy;		 /* by module: enum planner_busy */
	ARRAY(struct request) requests;
	ARRAY(struct action) actions;
	ARRAY(struct reason) reasons;
	ARRAY(struct withheld) withheld;
	ARRAY(struct step) steps; /* of all batches */
	ARRAY(uint32_t) step_module;
	ARRAY(uint32_t) step_object;
	ARRAY(struct step_edge) edges;
	bool hold_nothing;  /* nobody waits for a disk: no step is patient */
	size_t batch_steps; /* where the current batch begins */
	size_t batch_edges;
	size_t batch_reasons;
	uint32_t expansion;
	struct lookup_matches matches;
};

/* Says that a module is in the kernel. 0 or -ENOMEM. */
int planner_set_loaded(struct planner *p, const char *name);
bool planner_is_loaded(const struct planner *p, uint32_t module);

/* Says that a module is being loaded by a step that is not this planner's. A request that would have to wait
 * for it makes no steps: REQUEST_DEFERRED. 0 or -ENOMEM. */
int planner_set_busy(struct planner *p, const char *name);
/* It has ended; whether a request was deferred for it. */
bool planner_end_busy(struct planner *p, const char *name);

/* Resolves and expands one request; text and params are copied. The id of the request, or -ENOMEM. */
int64_t planner_request(struct planner *p, const char *text, const char *params, uint32_t flags);

/* The same in parts, for who carries out one match after the other and makes no plan. First the request,
 * its matches left in p->matches: the id, or -ENOMEM; requests.items[id].result says when there are none.
 * Then a match, of which the caller keeps a copy: its actions are added to p->actions. */
int64_t planner_look_up(struct planner *p, const char *text, const char *params, uint32_t flags);
int planner_expand(struct planner *p, uint32_t request, const struct lookup_match *match,
		   enum request_result *result);
/* An action as a step, without id and edges. 0 or -ENOMEM. */
int planner_fill_step(struct planner *p, const struct action *a, struct step *ret);
/* A command with $CMDLINE_OPTS replaced by params. 0, -ENOMEM, -E2BIG past LIMIT_COMMAND. */
int planner_fill_command(struct planner *p, const char *command, const char *params, const char **ret);
/* The object a match means; -ENOMEM. */
int64_t planner_object(struct planner *p, const struct lookup_match *match);
/* A module's softdeps, as objects. 0 or -ENOMEM. */
int planner_softdeps(struct planner *p, uint32_t module, struct softdeps *ret);

/* Makes the steps and edges of all requests since the last call. The plan points into the planner and
 * is valid until the next call. 0, -ENOMEM, -E2BIG (more than LIMIT_STEPS). */
int planner_finish_batch(struct planner *p, struct plan *ret);

/* An action's parameters as kmod prints them: the configuration's options joined with blanks, a blank
 * even when nothing follows, the request's own. NULL when out of memory. */
const char *planner_params(struct planner *p, const struct action *a);

void planner_free(struct planner *p);
