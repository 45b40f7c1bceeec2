/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is planned for a request: kmod's lines, the steps they become, and what is withheld. */
#include "tests/unit/test-engine.h"

#include "base/limits.h"
#include "engine/priority.h"

#define MODPROBE_D (REQUEST_SHOW | REQUEST_IGNORE_LOADED) /* modprobe -D */

/* kmod's lines: a name each; "!" a command instead, "^" built in. */
static const char *spell_actions(struct engine *e)
{
	size_t n = 0;

	e->text[0] = '\0';
	for (size_t i = 0; i < e->expander.actions.n; i++) {
		const struct action *a = &e->expander.actions.items[i];

		n += (size_t)snprintf(e->text + n, sizeof(e->text) - n, "%s%s%s%s", n ? " " : "",
				      modules_name(&e->modules, e->expander.objects.items[a->object].module),
				      a->command ? "!" : "", a->builtin ? "^" : "");
	}
	return e->text;
}

/* Each step: "name{params}" or "name!command" or "name?" (no file), then its edges "<kind:on,...". */
static const char *spell_plan(struct engine *e, const struct plan *plan)
{
	size_t n = 0, size = sizeof(e->text);

	e->text[0] = '\0';
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];

		n += (size_t)snprintf(e->text + n, size - n, "%s%s", n ? " " : "", s->name);
		if (s->kind == STEP_COMMAND)
			n += (size_t)snprintf(e->text + n, size - n, "!%s", s->command);
		else if (s->kind == STEP_ABSENT)
			n += (size_t)snprintf(e->text + n, size - n, "?");
		else if (*s->params)
			n += (size_t)snprintf(e->text + n, size - n, "{%s}", s->params);
		for (uint32_t k = 0; k < s->n_edges; k++) {
			const struct step_edge *edge = &plan->edges[s->edge_first + k];

			n += (size_t)snprintf(e->text + n, size - n, "%c%c:%s", k ? ',' : '<',
					      "hsp"[edge->kind], e -> planner.steps.items[edge->on].name);
		}
	}
	return e->text;
}

static const char *const result_names[] = {
	[REQUEST_PLANNED] = "planned", [REQUEST_NOTHING] = "nothing",	[REQUEST_INVALID] = "invalid",
	[REQUEST_PRESENT] = "present", [REQUEST_WITHHELD] = "withheld",
};

static uint32_t ask(struct engine *e, const char *requests, uint32_t flags)
{
	char *copy = strdup(requests), *save = NULL;
	int64_t id = 0;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *params = strchr(w, '{');

		if (params) {
			*params++ = '\0';
			params[strlen(params) - 1] = '\0';
		}
		id = planner_request(&e->planner, w, params, flags);
		assert_true(id >= 0);
	}
	free(copy);
	return e->expander.requests.items[id].result;
}

struct row {
	struct engine_files f;
	const char *loaded; /* names */
	uint32_t flags;
	const char *requests; /* "name{params} ..." */
	const char *result;   /* of the last */
	const char *actions;  /* NULL: not looked at */
	const char *plan;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct engine *e = engine_new(&rows[i].f);
		char *loaded = strdup(rows[i].loaded ? rows[i].loaded : ""), *save = NULL;
		struct plan plan;
		uint32_t result;

		for (char *w = strtok_r(loaded, " ", &save); w; w = strtok_r(NULL, " ", &save))
			assert_int_equal(expander_set_loaded(&e->expander, w), 0);
		free(loaded);
		result = ask(e, rows[i].requests, rows[i].flags);
		assert_row_string(i, result_names[result], rows[i].result);
		if (rows[i].actions)
			assert_row_string(i, spell_actions(e), rows[i].actions);
		assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
		if (rows[i].plan)
			assert_row_string(i, spell_plan(e, &plan), rows[i].plan);
		assert_row_string(i, messages_text(&e->m), "");
		engine_free(e);
	}
}

static void dependencies_come_first_and_are_hard(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a:" }, NULL, 0, "a", "planned", "a", "a" },
		{ { .dep = "a: b c; b: c; c:" }, NULL, 0, "a", "planned", "c b a", "c b<h:c a<h:c,h:b" },
		/* asked for twice, or needed by two: one step */
		{ { .dep = "a: c; b: c; c:" }, NULL, 0, "a b", "planned", "c a c b", "c a<h:c b<h:c" },
		{ { .dep = "a:" }, NULL, 0, "a a", "present", "a", "a" },
		{ { .dep = "a:" }, NULL, MODPROBE_D, "a a", "planned", "a a", "a" },
		{ { .dep = "a: b; b:" }, NULL, 0, "b a", "planned", "b b a", "b a<h:b" },
		/* no such name */
		{ { .dep = "a:" }, NULL, 0, "x", "nothing", "", "" },
		{ { .dep = "a:" }, NULL, 0, "x a", "planned", "a", "a" },
		{ { .dep = "a:" }, NULL, 0, "a]", "invalid", "", "" },
		/* modules.dep names what it has no line for */
		{ { .dep = "a: gone" }, NULL, 0, "a", "planned", "gone a", "gone? a<h:gone" },
		{ { .dep = "x:", .alias = "alias al gone\n" }, NULL, 0, "al", "planned", "gone", "gone?" },
		/* spelling */
		{ { .dep = "a-b:" }, NULL, 0, "a-b", "planned", "a_b", "a_b" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void softdeps_stand_around_their_module(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a:; b:; c:", .conf = "softdep a pre: b post: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b a c",
		  "b a<s:b c<p:a" },
		/* a dependency's softdeps count too, and go before what needs it */
		{ { .dep = "a: d; d:; b:; c:", .conf = "softdep d pre: b post: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b d c a",
		  "b d<s:b c<p:d a<h:d" },
		/* softdeps of softdeps */
		{ { .dep = "a:; b:; c:", .conf = "softdep a pre: b\nsoftdep b pre: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "c b a",
		  "c b<s:c a<s:b" },
		/* what a softdep needs */
		{ { .dep = "a:; b: c; c:", .conf = "softdep a pre: b\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "c b a",
		  "c b<h:c a<s:b" },
		/* only the first line that matches counts */
		{ { .dep = "a:; b:; c:", .conf = "softdep a pre: b\nsoftdep a pre: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b a",
		  NULL },
		{ { .dep = "a:; b:; c:", .conf = "softdep * pre: b\nsoftdep a pre: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b a",
		  NULL },
		{ { .dep = "a:; b:; c:", .conf = "softdep a pre: b\n", .softdep = "softdep a pre: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "c a",
		  NULL }, /* modules.softdep < x.conf */
		/* an empty one counts as well */
		{ { .dep = "a:; c:", .conf = "softdep a x\nsoftdep a pre: c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "a",
		  "a" },
		/* names are looked up: aliases, several modules, nothing at all */
		{ { .dep = "a:; b:; c:",
		    .conf = "softdep a pre: al nothing\n",
		    .alias = "alias al b\nalias al c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b c a",
		  "b c a<s:b,s:c" },
		{ { .dep = "a:; b-c:", .conf = "softdep a pre: b-c\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b_c a",
		  NULL },
		/* -i leaves the softdeps of what is named out, not those of its dependencies */
		{ { .dep = "a: d; d:; b:; c:", .conf = "softdep a pre: b\nsoftdep d pre: c\n" },
		  NULL,
		  REQUEST_IGNORE_COMMAND,
		  "a",
		  "planned",
		  "c d a",
		  NULL },
		/* weakdeps are never loaded */
		{ { .dep = "a:; b:", .conf = "weakdep a b\n" }, NULL, 0, "a", "planned", "a", "a" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void a_cycle_is_cut_where_it_is_entered(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a:; b:", .conf = "softdep a pre: b\nsoftdep b pre: a\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b a",
		  "b a<s:b" },
		{ { .dep = "a:; b:", .conf = "softdep a pre: b\nsoftdep b pre: a\n" },
		  NULL,
		  0,
		  "b",
		  "planned",
		  "a b",
		  "a b<s:a" },
		{ { .dep = "a:", .conf = "softdep a pre: a\n" }, NULL, 0, "a", "planned", "a", "a" },
		{ { .dep = "a:; b:", .conf = "softdep a post: b\nsoftdep b post: a\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "a b",
		  "a b<p:a" },
		{ { .dep = "a:; b:; c:", .conf = "softdep a pre: b\nsoftdep b pre: c\nsoftdep c pre: a\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "c b a",
		  "c b<s:c a<s:b" },
		/* a hard dependency is visited again behind a soft cycle: ext4 and mbcache */
		{ { .dep = "ext4: mbcache; mbcache:", .conf = "softdep mbcache pre: ext4\n" },
		  NULL,
		  0,
		  "mbcache",
		  "planned",
		  "mbcache ext4 mbcache",
		  "mbcache ext4<h:mbcache" },
		{ { .dep = "ext4: mbcache; mbcache:", .conf = "softdep mbcache pre: ext4\n" },
		  NULL,
		  0,
		  "ext4",
		  "planned",
		  "mbcache ext4",
		  "mbcache ext4<h:mbcache" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void what_is_there_is_not_expanded(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a: b; b:; c:", .conf = "softdep a pre: c\n" }, "a", 0, "a", "present", "", "" },
		{ { .dep = "a: b; b:; c:", .conf = "softdep a pre: c\n" },
		  "b",
		  0,
		  "a",
		  "planned",
		  NULL,
		  "c a<s:c" },
		/* a loaded dependency's softdeps are looked at all the same */
		{ { .dep = "a: b; b:; c:", .conf = "softdep b pre: c\n" },
		  "b",
		  0,
		  "a",
		  "planned",
		  "c b a",
		  "c a" },
		{ {
			  .dep = "a: b; b:",
		  },
		  "a b",
		  MODPROBE_D,
		  "a",
		  "planned",
		  "b a",
		  NULL },
		{ { .dep = "x:", .builtin = "bi.ko\n" }, NULL, 0, "bi", "present", "", "" },
		{ { .dep = "x:", .builtin = "bi.ko\n" }, NULL, MODPROBE_D, "bi", "planned", "bi^", "" },
		{ { .dep = "x:", .builtin = "bi.ko\n", .modinfo = "bi.alias=al*;" },
		  NULL,
		  0,
		  "al1",
		  "present",
		  "",
		  "" },
		{ { .dep = "a:", .builtin = "bi.ko\n", .conf = "softdep a pre: bi\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "bi^ a",
		  "a" },
		{ { .dep = "x:", .builtin = "bi.ko\n", .conf = "alias al bi\n" },
		  NULL,
		  0,
		  "al",
		  "present",
		  "",
		  "" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void a_blacklist_counts_for_what_an_alias_leads_to(void **state)
{
	static const char alias[] = "alias al a\nalias al b\nalias only a\n";
	static const struct row rows[] = {
		{ { .dep = "a:; b:", .alias = alias, .conf = "blacklist a\n" },
		  NULL,
		  0,
		  "al",
		  "planned",
		  "b",
		  "b" },
		{ { .dep = "a:; b:", .alias = alias, .conf = "blacklist a\n" },
		  NULL,
		  0,
		  "only",
		  "withheld",
		  "",
		  "" },
		/* a name only with -b */
		{ { .dep = "a:; b:", .conf = "blacklist a\n" }, NULL, 0, "a", "planned", "a", "a" },
		{ { .dep = "a:; b:", .conf = "blacklist a\n" },
		  NULL,
		  REQUEST_BLACKLIST,
		  "a",
		  "withheld",
		  "",
		  "" },
		/* the name is compared exactly, and it is the module's, not the alias's */
		{ { .dep = "a:; b:", .alias = alias, .conf = "blacklist a*\nblacklist only\n" },
		  NULL,
		  0,
		  "only",
		  "planned",
		  "a",
		  "a" },
		{ { .dep = "a-b:", .conf = "blacklist a-b\n" },
		  NULL,
		  REQUEST_BLACKLIST,
		  "a_b",
		  "withheld",
		  "",
		  "" },
		/* dependencies and softdeps are never filtered */
		{ { .dep = "a: d; d:; s:", .conf = "blacklist d\nblacklist s\nsoftdep a pre: s\n" },
		  NULL,
		  REQUEST_BLACKLIST,
		  "a",
		  "planned",
		  "d s a",
		  NULL },
		/* through a configuration's alias */
		{ { .dep = "a:", .conf = "alias x a\nblacklist a\n" }, NULL, 0, "x", "withheld", "", "" },
		{ { .dep = "a:", .alias = alias, .cmdline = "modprobe.blacklist=a" },
		  NULL,
		  0,
		  "only",
		  "withheld",
		  "",
		  "" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void what_the_kernel_would_refuse_is_withheld_with_its_dependents(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a:", .cmdline = "module_blacklist=a" }, NULL, 0, "a", "withheld", "", "" },
		{ { .dep = "a: b c; b: c; c:", .cmdline = "module_blacklist=c" },
		  NULL,
		  0,
		  "a",
		  "withheld",
		  "",
		  "" },
		{ { .dep = "a: b c; b: c; c:", .cmdline = "module_blacklist=a" },
		  NULL,
		  0,
		  "b",
		  "planned",
		  "c b",
		  NULL },
		/* exactly as it is written, no '-' for '_' */
		{ { .dep = "a-b:", .cmdline = "module_blacklist=a-b" },
		  NULL,
		  0,
		  "a-b",
		  "planned",
		  "a_b",
		  NULL },
		{ { .dep = "a-b:", .cmdline = "module_blacklist=x,a_b" },
		  NULL,
		  0,
		  "a-b",
		  "withheld",
		  "",
		  NULL },
		/* a softdep is left out, its module is not */
		{ { .dep = "a:; s: t; t:", .conf = "softdep a pre: s\n", .cmdline = "module_blacklist=t" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "a",
		  "a" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void an_alias_to_off_is_withheld(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a:", .conf = "alias x off\n" }, NULL, 0, "x", "withheld", "", "" },
		{ { .dep = "a:", .conf = "alias a off\n" }, NULL, 0, "a", "withheld", "", "" },
		{ { .dep = "a: b; b:", .conf = "alias b off\n" }, NULL, 0, "a", "planned", "b a", NULL },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void a_command_stands_for_its_module(void **state)
{
	static const struct row rows[] = {
		{ { .dep = "a: b; b:", .conf = "install a /bin/x\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b a!",
		  "b a!/bin/x<h:b" },
		{ { .dep = "a: b; b:", .conf = "install b /bin/x\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "b! a",
		  "b!/bin/x a<h:b" },
		/* the first pattern that matches, -i asks for none */
		{ { .dep = "a1:", .conf = "install a? one\ninstall a1 two\n" },
		  NULL,
		  0,
		  "a1",
		  "planned",
		  "a1!",
		  "a1!one" },
		{ { .dep = "a: b; b:", .conf = "install a x\ninstall b y\n" },
		  NULL,
		  REQUEST_IGNORE_COMMAND,
		  "a",
		  "planned",
		  "b! a",
		  "b!y a<h:b" },
		/* ignored when the module has a softdep that means something */
		{ { .dep = "a:; s:", .conf = "install a x\nsoftdep a pre: s\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "s a",
		  NULL },
		{ { .dep = "a:; s:", .conf = "install a x\nsoftdep a post: s\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "a s",
		  NULL },
		{ { .dep = "a:; s:", .conf = "install a x\nsoftdep a pre: none\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "a!",
		  NULL },
		/* but counted where it is another's softdep */
		{ { .dep = "a:; s:", .conf = "install s x\nsoftdep a pre: s\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  "s! a",
		  NULL },
		/* without a file the line must be exact */
		{ { .dep = "a:", .conf = "install nofile x\n" },
		  NULL,
		  0,
		  "nofile",
		  "planned",
		  "nofile!",
		  "nofile!x" },
		{ { .dep = "a:", .conf = "install no* x\n" }, NULL, 0, "nofile", "nothing", "", "" },
		{ { .dep = "dummy:", .conf = "install dum* x\n" },
		  NULL,
		  0,
		  "dummy",
		  "planned",
		  "dummy!",
		  NULL },
		{ { .dep = "dummy:", .conf = "install dum* x\n" }, NULL, 0, "dumx", "nothing", "", NULL },
		/* a remove line makes a name known and does nothing */
		{ { .dep = "a:", .conf = "remove nofile x\n" },
		  NULL,
		  0,
		  "nofile",
		  "planned",
		  "nofile",
		  NULL },
		/* parameters: all of them where the mark stands */
		{ { .dep = "a:", .conf = "install a m $CMDLINE_OPTS && n $CMDLINE_OPTS\noptions a o=1\n" },
		  NULL,
		  0,
		  "a{p=2}",
		  "planned",
		  NULL,
		  "a!m o=1 p=2 && n o=1 p=2" },
		{ { .dep = "a:", .conf = "install a m $CMDLINE_OPTS.\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  NULL,
		  "a!m ." },
		{ { .dep = "a:", .conf = "install a m $CMDLINE_OPTS\n" },
		  NULL,
		  0,
		  "a{p=$CMDLINE_OPTS}",
		  "planned",
		  NULL,
		  "a!m p=$CMDLINE_OPTS" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void options_count_by_name_and_by_the_alias_it_was_found_by(void **state)
{
	static const char alias[] = "alias al a\nalias pat* a\n";
	static const struct row rows[] = {
		{ { .dep = "a:", .conf = "options a x=1\noptions a y=2\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  NULL,
		  "a{x=1 y=2}" },
		{ { .dep = "a:", .conf = "options a* x=1\n" }, NULL, 0, "a", "planned", NULL, "a" },
		{ { .dep = "a:", .conf = "options a x=1 # why\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  NULL,
		  "a{x=1 # why}" },
		{ { .dep = "a:", .alias = alias, .conf = "options al y=2\noptions a x=1\n" },
		  NULL,
		  0,
		  "al",
		  "planned",
		  NULL,
		  "a{y=2 x=1}" },
		{ { .dep = "a:", .alias = alias, .conf = "options al y=2\n" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  NULL,
		  "a" },
		/* the index's alias: what was asked; the configuration's: the pattern as written */
		{ { .dep = "a:", .alias = alias, .conf = "options patx y=2\noptions pat* z=3\n" },
		  NULL,
		  0,
		  "patx",
		  "planned",
		  NULL,
		  "a{y=2}" },
		{ { .dep = "a:", .conf = "alias foo-* a\noptions foo-* y=2\noptions foo-bar z=3\n" },
		  NULL,
		  0,
		  "foo-bar",
		  "planned",
		  NULL,
		  "a{y=2}" },
		/* the command line behind the files, the caller last */
		{ { .dep = "a:", .conf = "options a x=1\n", .cmdline = "a.x=2" },
		  NULL,
		  0,
		  "a{x=3}",
		  "planned",
		  NULL,
		  "a{x=1 x=2 x=3}" },
		{ { .dep = "a:", .cmdline = "a.q=\"b c\" a.flag" },
		  NULL,
		  0,
		  "a",
		  "planned",
		  NULL,
		  "a{q=\"b c\" flag}" },
		/* given parameters are for the module named only */
		{ { .dep = "a: b; b:" }, NULL, 0, "a{x=3}", "planned", NULL, "b a{x=3}<h:b" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void a_later_batch_builds_on_the_earlier(void **state)
{
	struct engine *e = engine_new(
		&(struct engine_files){ .dep = "a: c; b: c; c:; d: a c", .conf = "softdep b pre: a\n" });
	struct plan plan;

	ask(e, "a", 0);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "c a<h:c");
	ask(e, "b d", 0);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "b<h:c,s:a d<h:c,h:a");
	assert_int_equal(plan.steps[0].id, 2);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_int_equal(plan.n_steps, 0);
	engine_free(e);
}

/* What a module is in a plan for is known, and which rule withheld it. */
static void every_module_has_its_reason(void **state)
{
	struct engine *e = engine_new(
		&(struct engine_files){ .dep = "a: d; d:; s:; black:; off:",
					.alias = "alias pci:* a\nalias pci:* black\n",
					.conf = "softdep d pre: s\nblacklist black\nalias n off\n" });
	const struct reason *r;
	struct plan plan;

	ask(e, "pci:x n", 0);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_int_equal(e->expander.reasons.n, 3);
	for (size_t i = 0; i < 3; i++) {
		r = &e->expander.reasons.items[i];
		switch (r->kind) {
		case REASON_REQUEST:
			assert_string_equal(modules_name(&e->modules, r->module), "a");
			assert_string_equal(r->pattern, "pci:*");
			break;
		case REASON_DEPENDENCY:
			assert_string_equal(modules_name(&e->modules, r->module), "d");
			assert_string_equal(modules_name(&e->modules, r->by), "a");
			break;
		case REASON_SOFTDEP_PRE:
			assert_string_equal(modules_name(&e->modules, r->module), "s");
			assert_string_equal(r->rule->origin.file, "/etc/modprobe.d/x.conf");
			assert_int_equal(r->rule->origin.line, 1);
			break;
		}
	}
	assert_int_equal(e->expander.withheld.n, 2);
	assert_int_equal(e->expander.withheld.items[0].kind, WITHHELD_BLACKLIST);
	assert_int_equal(e->expander.withheld.items[0].rule->origin.line, 2);
	assert_int_equal(e->expander.withheld.items[1].kind, WITHHELD_OFF);
	assert_int_equal(e->expander.withheld.items[1].rule->origin.line, 3);
	engine_free(e);
}

static void what_a_fast_disk_needs_is_as_urgent_as_the_disk(void **state)
{
	static const char nvme[] = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02";
	struct engine *e = engine_new(&(struct engine_files){ .dep = "nvme: core; core:; z:; y:",
							      .alias = "alias pci:*bc01sc08* nvme\n",
							      .conf = "softdep nvme post: y\n" });
	struct plan plan;

	ask(e, "z", 0);
	ask(e, nvme, REQUEST_DEVICE);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "z core nvme<h:core y<p:nvme");
	assert_int_equal(plan.steps[0].priority, 0);
	assert_true(plan.steps[2].priority > 0);
	assert_int_equal(plan.steps[1].priority, plan.steps[2].priority);
	assert_int_equal(plan.steps[3].priority, 0);
	assert_true(plan.steps[3].post_only);
	assert_false(plan.steps[0].post_only);
	engine_free(e);
}

static void an_adapter_that_scans_is_held_back_for_who_waits_for_a_disk(void **state)
{
	for (uint32_t awaited = 0; awaited <= PROVIDER_ANY; awaited += PROVIDER_ANY) {
		struct engine *e = engine_new(&(struct engine_files){
			.dep = "sym: scsi; scsi:; nvme:",
			.alias = "alias pci:*bc01sc00* sym\nalias pci:*bc01sc08* nvme\n" });
		struct plan plan;

		e->planner.awaited = awaited;
		ask(e, "pci:v00001000d00000012sv00000000sd00001000bc01sc00i00", REQUEST_DEVICE);
		ask(e, "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", REQUEST_DEVICE);
		assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
		assert_string_equal(spell_plan(e, &plan), "scsi sym<h:scsi nvme");
		assert_int_equal(plan.steps[1].patient, awaited != 0);
		assert_false(plan.steps[1].last);
		assert_int_equal(plan.steps[1].priority < plan.steps[2].priority, awaited != 0);
		assert_false(plan.steps[0].patient || plan.steps[2].patient);
		engine_free(e);
	}
}

/* What an earlier boot needed for its device leads, whatever it is; what is mounted from it comes next; what found
 * nothing waits, unless it is needed. */
static void a_profile_says_what_comes_first_and_last(void **state)
{
	struct profile_fault fault;
	struct profile profile;
	struct engine *e = engine_new(&(struct engine_files){
		.dep = "mmc:; ext4:; vain:; again:; net:",
		.alias = "alias of:N* mmc\nalias fs-ext4 ext4\nalias acpi:V vain\nalias acpi:A again\n" });
	static const char text[] = "coldplug-profile 1\ndeclined vain\ndeclined again\ndeclined net\nend\n";
	struct plan plan;

	assert_int_equal(profile_parse(&profile, text, sizeof(text) - 1, NULL, &fault), 0);
	e->planner.awaited = PROVIDER_ANY;
	e->planner.profile = &profile;
	ask(e, "of:Nmmc", REQUEST_DEVICE | REQUEST_NEEDED);
	ask(e, "fs-ext4", REQUEST_NEEDED);
	ask(e, "acpi:V", REQUEST_DEVICE);
	ask(e, "acpi:A", REQUEST_DEVICE | REQUEST_NEEDED);
	ask(e, "net", 0);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "mmc ext4 vain again net");
	assert_int_equal(plan.steps[0].priority, STEP_NEEDED);
	assert_int_equal(plan.steps[1].priority, STEP_NEEDED - STEP_BAND - 1);
	assert_true(plan.steps[2].patient && plan.steps[2].last);
	assert_false(plan.steps[3].patient || plan.steps[3].last);
	/* Who names it wants it. */
	assert_false(plan.steps[4].patient);
	profile_free(&profile);
	engine_free(e);
}

/* A file system that is expected is less urgent than what the device is behind, until the device is there. */
static void what_is_requested_again_is_raised_if_it_is_more_urgent(void **state)
{
	struct engine *e =
		engine_new(&(struct engine_files){ .dep = "ext4: jbd2; jbd2:; xfs:",
						   .alias = "alias fs-ext4 ext4\nalias fs-xfs xfs\n" });
	struct plan plan;

	e->planner.awaited = PROVIDER_ANY;
	ask(e, "fs-ext4", REQUEST_NEEDED);
	assert_true(planner_has_news(&e->planner));
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_false(planner_has_news(&e->planner));
	assert_int_equal(plan.steps[1].priority, STEP_CANDIDATE);
	assert_int_equal(plan.n_raises, 0);
	ask(e, "fs-ext4 fs-xfs", 0);
	assert_true(planner_has_news(&e->planner));
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "xfs");
	assert_int_equal(plan.n_raises, 1);
	assert_int_equal(plan.raises[0].id, 1);
	assert_true(plan.raises[0].priority > STEP_NEEDED);
	/* It was not handed over. */
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_int_equal(plan.n_raises, 1);
	e->planner.raises.n = 0;
	ask(e, "fs-ext4", 0);
	ask(e, "fs-xfs", REQUEST_NEEDED);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_int_equal(plan.n_steps + plan.n_raises, 0);
	engine_free(e);
}

/* Between what leads and what may not be needed; nowhere does it lead itself. */
static void what_will_be_mounted_comes_after_what_leads(void **state)
{
	static const struct {
		const char *alias, *devices;
	} rows[] = {
		{ "alias pci:*bc01sc08* lead\nalias pci:*bc01sc06* other\n",
		  "pci:v1d2sv3sd4bc01sc06i01 pci:v1d2sv3sd4bc01sc08i02" },
		{ "alias pci:*bc08sc05* lead\nalias pci:*bc02* other\n",
		  "pci:v1d2sv3sd4bc02sc00i00 pci:v1d2sv3sd4bc08sc05i01" },
		{ "alias pci:*bc0Csc03* lead\nalias pci:*bc02* other\n",
		  "pci:v1d2sv3sd4bc02sc00i00 pci:v1d2sv3sd4bc0Csc03i30" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char alias[256];
		struct engine *e;
		struct plan plan;

		snprintf(alias, sizeof(alias), "alias fs-ext4 ext4\n%s", rows[i].alias);
		e = engine_new(&(struct engine_files){ .dep = "ext4:; lead:; other:", .alias = alias });
		e->planner.awaited = PROVIDER_ANY;
		ask(e, "fs-ext4", REQUEST_NEEDED);
		ask(e, rows[i].devices, REQUEST_DEVICE);
		assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
		assert_string_equal(spell_plan(e, &plan), "ext4 other lead");
		assert_true(plan.steps[0].priority > plan.steps[1].priority);
		assert_true(plan.steps[0].priority + STEP_BAND < plan.steps[2].priority);
		assert_false(plan.steps[0].patient);
		engine_free(e);
	}
}

/* What slept in an earlier boot is patient, if only a device wants it; the times are handed on. */
static void a_profile_says_how_long_loads_take(void **state)
{
	struct profile_fault fault;
	struct profile profile;
	struct engine *e = engine_new(&(struct engine_files){
		.dep = "sleeper: lib; lib:; named:; needed:; quick:; disk:; fresh:",
		.alias = "alias acpi:S sleeper\nalias acpi:N named\nalias acpi:D needed\nalias acpi:Q quick\n"
			 "alias pci:*bc01sc08* disk\nalias acpi:F fresh\n" });
	static const uint32_t took[] = { 1000000, 7, 2000000, 3000000, 999999, 4000000, 0 };
	static const bool patient[] = { false, true, false, false, false, false, false };
	static const char text[] = "coldplug-profile 1\ntook lib 1000000\ntook sleeper 7000000\n"
				   "took sleeper 1000007\ntook named 2000000\ntook needed 3000000\n"
				   "took quick 999999\ntook disk 4000000\nend\n";
	struct plan plan;

	assert_int_equal(profile_parse(&profile, text, sizeof(text) - 1, NULL, &fault), 0);
	e->planner.awaited = PROVIDER_ANY;
	e->planner.profile = &profile;
	ask(e, "acpi:S", REQUEST_DEVICE);
	ask(e, "named", 0);
	ask(e, "acpi:N", REQUEST_DEVICE);
	ask(e, "acpi:D", REQUEST_DEVICE | REQUEST_NEEDED);
	ask(e, "acpi:Q", REQUEST_DEVICE);
	ask(e, "pci:v1d1sv1sd1bc01sc08i02", REQUEST_DEVICE);
	ask(e, "acpi:F", REQUEST_DEVICE);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "lib sleeper<h:lib named needed quick disk fresh");
	for (size_t i = 0; i < plan.n_steps; i++) {
		assert_row(i, plan.steps[i].took_us == (i == 1 ? 1000007 : took[i]));
		assert_row(i, plan.steps[i].patient == patient[i]);
	}
	profile_free(&profile);
	engine_free(e);
}

static void modules_order_counts_where_order_is_wanted(void **state)
{
	struct engine *e =
		engine_new(&(struct engine_files){ .dep = "late: core; core:; early:; nvme:; other_one:",
						   .alias = "alias pci:*bc01sc08* nvme\n" });
	struct order order = {};
	struct plan plan;

	engine_write(
		e, "lib/modules/1/modules.order",
		"kernel/drivers/early.ko\nkernel/other-one.ko\nkernel/core.ko\nkernel/late.ko\nkernel/early.ko\n\nx",
		'\n');
	assert_int_equal(order_read(&order, &e->modules), 1);
	e->planner.order = &order;
	e->planner.awaited = PROVIDER_ANY;
	ask(e, "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", REQUEST_DEVICE);
	ask(e, "late", 0);
	ask(e, "other-one", 0);
	ask(e, "early", 0);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_string_equal(spell_plan(e, &plan), "nvme core late<h:core other_one early");
	/* What is not listed comes last; what is needed has its own place. */
	assert_true(plan.steps[4].priority > plan.steps[3].priority);
	assert_true(plan.steps[3].priority > plan.steps[2].priority);
	assert_int_equal(plan.steps[1].priority, plan.steps[2].priority + 1);
	assert_int_equal(plan.steps[0].priority, 0);
	order_free(&order);
	engine_free(e);
}

static void a_step_must_be_alone_if_modprobe_d_or_the_command_line_says_so(void **state)
{
	static const struct {
		const char *conf, *cmdline;
		bool a, other_one;
	} rows[] = {
		{ "", "", false, false },
		{ "alias coldplug:alone other-one", "", false, true },
		{ "alias coldplug:alone other_one\nalias coldplug:alone a\n", "", true, true },
		{ "", "coldplug.alone=other-one", false, true },
		{ "", "quiet coldplug.alone=none,,a,other-one,x[ coldplug.debug", true, true },
		{ "alias coldplug:alone a", "coldplug.alone=other_one", true, true },
		/* Neither is the rule. */
		{ "alias coldplug:alon* a\nalias coldplug:alone2 a", "coldplug.alone a.coldplug.alone=a",
		  false, false },
		/* Who is needed is not alone because of that, nor who needs it. */
		{ "alias coldplug:alone needed", "", false, false },
	};
	struct plan plan;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct engine *e = engine_new(&(struct engine_files){ .dep = "a: needed; needed:; other_one:",
								      .conf = rows[i].conf,
								      .cmdline = rows[i].cmdline });

		ask(e, "a other-one", 0);
		assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
		assert_string_equal(spell_plan(e, &plan), "needed a<h:needed other_one");
		assert_int_equal(plan.steps[0].alone, i == ARRAY_SIZE(rows) - 1);
		assert_int_equal(plan.steps[1].alone, rows[i].a);
		assert_int_equal(plan.steps[2].alone, rows[i].other_one);
		engine_free(e);
	}
}

static void without_modules_order_a_message_says_so(void **state)
{
	struct engine *e = engine_new(&(struct engine_files){ .dep = "a:" });
	struct order order = {};

	assert_int_equal(order_read(&order, &e->modules), 0);
	assert_contains(messages_text(&e->m), "lib/modules/1/modules.order: cannot be read: No such file");
	assert_int_equal(e->m.log.lost, 1);
	assert_int_equal(order_priority(&order, 0), 0);
	order_free(&order);
	engine_free(e);
}

/* The kernel would start a process for it, and the init would wait for that. */
static void what_an_init_asks_for_is_loaded_before_it(void **state)
{
	static const struct {
		const char *conf, *text;
		uint32_t flags;
		const char *plan;
		bool learnt; /* a profile has a request too */
	} rows[] = {
		{ "", "pci:v1", REQUEST_DEVICE, "generic asker<s:generic disk<h:asker" },
		/* One of a profile is added to those that are known. */
		{ "", "pci:v1", REQUEST_DEVICE, "generic other asker<s:generic,s:other disk<h:asker", true },
		/* As modprobe would have it. */
		{ "", "disk", 0, "asker disk<h:asker" },
		/* The request would have been refused too. */
		{ "blacklist generic", "pci:v1", REQUEST_DEVICE, "asker disk<h:asker" },
		/* The module's own softdep still counts. */
		{ "softdep asker pre: other", "pci:v1", REQUEST_DEVICE,
		  "other generic asker<s:other,s:generic disk<h:asker" },
	};
	struct config requests = {}, learnt = {};
	char text[] = "softdep asker pre: crypto-asked\n", more[] = "softdep asker pre: other\n";

	assert_int_equal(config_parse(&learnt, more, strlen(more), "profile"), 0);
	assert_int_equal(config_parse(&requests, text, strlen(text), "requests"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct engine *e = engine_new(
			&(struct engine_files){ .dep = "disk: asker; asker:; generic:; other:",
						.alias = "alias pci:v1 disk\nalias crypto-asked generic\n",
						.conf = rows[i].conf });
		struct plan plan;

		e->expander.requests_known = &requests;
		e->expander.requests_learnt = rows[i].learnt ? &learnt : NULL;
		ask(e, rows[i].text, rows[i].flags);
		assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
		assert_string_equal(spell_plan(e, &plan), rows[i].plan);
		engine_free(e);
	}
	config_free(&requests);
	config_free(&learnt);
}

/* Thousands of softdeps one behind the other: cut with a word, no overflow. */
static void a_chain_of_softdeps_too_long_is_cut(void **state)
{
	ARRAY(char) dep = {}, conf = {};
	struct engine *e;
	struct plan plan;

	for (int i = 0; i < 3000; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "m%d:;", i);

		assert_int_equal(array_make_room(&dep, 64), 0);
		memcpy(dep.items + dep.n, line, (size_t)n);
		dep.n += (size_t)n;
		n = snprintf(line, sizeof(line), "softdep m%d pre: m%d\n", i, i + 1);
		assert_int_equal(array_make_room(&conf, 64), 0);
		memcpy(conf.items + conf.n, line, (size_t)n);
		conf.n += (size_t)n;
	}
	array_push(&dep, '\0');
	array_push(&conf, '\0');
	e = engine_new(&(struct engine_files){ .dep = dep.items, .conf = conf.items });
	ask(e, "m0", 0);
	assert_contains(messages_text(&e->m), "softdeps more than 1000 deep, cut at m");
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_in_range(plan.n_steps, 1000, 1001);
	assert_string_equal(plan.steps[plan.n_steps - 1].name, "m0");
	engine_free(e);
	array_free(&dep);
	array_free(&conf);
}

static void modules_that_need_each_other_are_named(void **state)
{
	struct engine *e = engine_new(&(struct engine_files){ .dep = "a: b; b: a" });
	struct plan plan;

	ask(e, "a", 0);
	assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
	assert_contains(messages_text(&e->m), "/lib/modules/1/modules.dep: b and a need each other");
	assert_int_equal(plan.n_steps, 2);
	assert_string_equal(spell_plan(e, &plan), "b a<h:b");
	engine_free(e);
}

/* ---- random graphs ---- */

#define MODULES 14

struct graph {
	bool needs[MODULES][MODULES]; /* closed: also indirectly */
	uint32_t order[MODULES];      /* module i may need those before it here */
};

/* modules.dep as depmod writes it: what is needed, the last one first. */
static void random_graph(struct dice *d, struct graph *g, char *dep, size_t size)
{
	size_t n = 0;

	memset(g->needs, 0, sizeof(g->needs));
	for (uint32_t i = 0; i < MODULES; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (dice_roll(d, 5))
				continue;
			g->needs[i][k] = true;
			for (uint32_t j = 0; j < k; j++)
				g->needs[i][j] |= g->needs[k][j];
		}
		n += (size_t)snprintf(dep + n, size - n, "m%u:", i);
		for (uint32_t k = i; k-- > 0;)
			if (g->needs[i][k])
				n += (size_t)snprintf(dep + n, size - n, " m%u", k);
		n += (size_t)snprintf(dep + n, size - n, ";");
	}
}

static void random_softdeps(struct dice *d, char *conf, size_t size)
{
	size_t n = 0, lines = dice_roll(d, 12);

	*conf = '\0';
	for (size_t i = 0; i < lines; i++) {
		n += (size_t)snprintf(conf + n, size - n, "softdep m%u", dice_roll(d, MODULES));
		for (int part = 0; part < 2; part++) {
			n += (size_t)snprintf(conf + n, size - n, part ? " post:" : " pre:");
			for (uint32_t k = dice_roll(d, 3); k > 0; k--)
				n += (size_t)snprintf(conf + n, size - n, " %s%u",
						      dice_roll(d, 6) ? "m" : "al", dice_roll(d, MODULES));
		}
		n += (size_t)snprintf(conf + n, size - n, "\n");
	}
}

static uint32_t module_number(const char *name)
{
	return (uint32_t)strtoul(name + 1, NULL, 10);
}

static bool has_hard_edge(const struct plan *plan, const struct step *s, uint32_t on)
{
	for (uint32_t i = 0; i < s->n_edges; i++)
		if (plan->edges[s->edge_first + i].on == on &&
		    plan->edges[s->edge_first + i].kind == EDGE_HARD)
			return true;
	return false;
}

/* Steps of one module stand for it once; what it needs is loaded or an earlier step with an edge. */
static void check_plan(struct engine *e, const struct graph *g, const struct plan *plan, const bool *loaded)
{
	uint32_t step_of[MODULES];

	memset(step_of, 0xff, sizeof(step_of));
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];
		uint32_t m = module_number(s->name);

		assert_int_equal(s->id, i);
		assert_int_equal(step_of[m], UINT32_MAX);
		assert_false(loaded[m]);
		for (uint32_t k = 0; k < MODULES; k++)
			if (g->needs[m][k] && !loaded[k])
				assert_true(step_of[k] != UINT32_MAX && has_hard_edge(plan, s, step_of[k]));
		assert_true(s->edge_first + s->n_edges <= plan->n_edges);
		for (uint32_t k = 0; k < s->n_edges; k++)
			assert_true(plan->edges[s->edge_first + k].on < s->id);
		step_of[m] = s->id;
	}
}

static void in_any_graph_what_is_needed_comes_first(void **state)
{
	struct dice d = dice_new(11);
	char dep[8192], conf[8192], alias[1024];
	size_t n = 0;

	for (uint32_t i = 0; i < MODULES; i++)
		n += (size_t)snprintf(alias + n, sizeof(alias) - n, "alias al%u m%u\nalias al%u m%u\n", i, i,
				      i, (i * 5 + 3) % MODULES);
	for (int round = 0; round < 800; round++) {
		bool loaded[MODULES] = {};
		struct engine *e;
		struct graph g;
		struct plan plan;
		char name[16];

		random_graph(&d, &g, dep, sizeof(dep));
		random_softdeps(&d, conf, sizeof(conf));
		e = engine_new(&(struct engine_files){ .dep = dep, .alias = alias, .conf = conf });
		for (uint32_t i = dice_roll(&d, 3); i > 0; i--) {
			uint32_t m = dice_roll(&d, MODULES);

			loaded[m] = true;
			snprintf(name, sizeof(name), "m%u", m);
			assert_int_equal(expander_set_loaded(&e->expander, name), 0);
		}
		for (uint32_t i = 1 + dice_roll(&d, 4); i > 0; i--) {
			snprintf(name, sizeof(name), "%s%u", dice_roll(&d, 3) ? "m" : "al",
				 dice_roll(&d, MODULES));
			assert_true(planner_request(&e->planner, name, NULL, 0) >= 0);
		}
		assert_int_equal(planner_finish_batch(&e->planner, &plan), 0);
		check_plan(e, &g, &plan, loaded);
		engine_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dependencies_come_first_and_are_hard),
		cmocka_unit_test(a_step_must_be_alone_if_modprobe_d_or_the_command_line_says_so),
		cmocka_unit_test(softdeps_stand_around_their_module),
		cmocka_unit_test(a_cycle_is_cut_where_it_is_entered),
		cmocka_unit_test(what_is_there_is_not_expanded),
		cmocka_unit_test(a_blacklist_counts_for_what_an_alias_leads_to),
		cmocka_unit_test(what_the_kernel_would_refuse_is_withheld_with_its_dependents),
		cmocka_unit_test(an_alias_to_off_is_withheld),
		cmocka_unit_test(a_command_stands_for_its_module),
		cmocka_unit_test(options_count_by_name_and_by_the_alias_it_was_found_by),
		cmocka_unit_test(a_later_batch_builds_on_the_earlier),
		cmocka_unit_test(every_module_has_its_reason),
		cmocka_unit_test(what_a_fast_disk_needs_is_as_urgent_as_the_disk),
		cmocka_unit_test(an_adapter_that_scans_is_held_back_for_who_waits_for_a_disk),
		cmocka_unit_test(a_profile_says_what_comes_first_and_last),
		cmocka_unit_test(what_is_requested_again_is_raised_if_it_is_more_urgent),
		cmocka_unit_test(what_will_be_mounted_comes_after_what_leads),
		cmocka_unit_test(a_profile_says_how_long_loads_take),
		cmocka_unit_test(modules_order_counts_where_order_is_wanted),
		cmocka_unit_test(without_modules_order_a_message_says_so),
		cmocka_unit_test(what_an_init_asks_for_is_loaded_before_it),
		cmocka_unit_test(a_chain_of_softdeps_too_long_is_cut),
		cmocka_unit_test(modules_that_need_each_other_are_named),
		cmocka_unit_test(in_any_graph_what_is_needed_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
