/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Input: a byte of flags; what is asked for, a name a line, up to a NUL; the kernel's command line, up to
 * a NUL; a file of modprobe.d. The modules are always the same few.
 */
#include "engine/planner.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static const char dep[] = "k/a.ko: k/b.ko k/c.ko\n"
			  "k/b.ko: k/c.ko\n"
			  "k/c.ko:\n"
			  "k/d-e.ko: k/c.ko\n"
			  "k/f.ko: k/g.ko\n"
			  "k/g.ko: k/f.ko\n"
			  "k/h.ko: k/gone.ko\n"
			  "k/i.ko:\n";
static const char alias[] = "alias x:* a\nalias x:1* d_e\nalias x:[12]? f\nalias y h\nalias y i\n";
static const char symbols[] = "alias symbol:s b\n";
static const char builtin[] = "k/j.ko\n";

struct engine {
	struct moddir dir;
	struct modules modules;
	struct config config;
	struct lookup lookup;
	struct expander expander;
	struct planner planner;
};

static void engine_open(struct engine *e)
{
	static bool written;

	if (!written) {
		scratch_write("lib/modules/r/modules.dep", dep, sizeof(dep) - 1);
		scratch_write("lib/modules/r/modules.alias", alias, sizeof(alias) - 1);
		scratch_write("lib/modules/r/modules.symbols", symbols, sizeof(symbols) - 1);
		scratch_write("lib/modules/r/modules.builtin", builtin, sizeof(builtin) - 1);
		written = true;
	}
	MUST(moddir_open(&e->dir, scratch_root(), "r", &fuzz_log) == 1);
	e->modules.dir = &e->dir;
	e->config.log = &fuzz_log;
	e->lookup = (struct lookup){ .dir = &e->dir, .modules = &e->modules, .config = &e->config };
	e->expander.log = &fuzz_log;
	e->expander.modules = &e->modules;
	e->expander.lookup = &e->lookup;
	e->expander.config = &e->config;
	e->planner.x = &e->expander;
}

static void engine_close(struct engine *e)
{
	planner_free(&e->planner);
	expander_free(&e->expander);
	lookup_free(&e->lookup);
	config_free(&e->config);
	modules_free(&e->modules);
	moddir_close(&e->dir);
}

/* Every edge leads to an earlier step, no module has two. */
static void check_plan(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];

		MUST(s->name && s->params);
		MUST(s->kind != STEP_MODULE || s->path);
		MUST(s->kind != STEP_COMMAND || (s->command && s->origin));
		MUST(s->edge_first + s->n_edges <= plan->n_edges);
		for (uint32_t k = 0; k < s->n_edges; k++)
			MUST(plan->edges[s->edge_first + k].on < s->id);
		for (size_t k = 0; k < i; k++)
			MUST(strcmp(plan->steps[k].name, s->name) != 0);
	}
}

static void ask(struct engine *e, char *names, uint32_t flags)
{
	struct plan plan;
	char *save = NULL;
	int n = 0;

	for (char *name = strtok_r(names, "\n", &save); name && n < 20;
	     name = strtok_r(NULL, "\n", &save), n++)
		MUST(planner_request(&e->planner, name, n % 2 ? "p=1" : NULL, flags) >= 0);
	MUST(planner_finish_batch(&e->planner, &plan) == 0);
	check_plan(&plan);
	for (size_t i = 0; i < e->expander.actions.n; i++)
		MUST(expander_params(&e->expander, &e->expander.actions.items[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct engine e = {};
	uint32_t flags = input_byte(&in) & 31;
	char *names = input_part(&in, '\0', NULL), *cmdline = input_part(&in, '\0', NULL);
	size_t n;
	char *text = input_part(&in, '\0', &n);

	if (n <= 4096) {
		engine_open(&e);
		MUST(config_parse(&e.config, text, n, "/etc/modprobe.d/fuzz.conf") == 0);
		MUST(config_parse_cmdline(&e.config, cmdline) == 0);
		ask(&e, names, flags);
		engine_close(&e);
	}
	free(names);
	free(cmdline);
	free(text);
	return 0;
}
