/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* insert and remove: one module and what belongs to it, one after the other and in this process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/cli.h"
#include "programs/explain.h"

struct acts {
	struct cli *cli;
	bool print;    /* what is done */
	bool reported; /* a message has said what failed */
};

static void report_failure(struct cli *cli, const struct coldplug_act *a)
{
	const char *name = cli->command->name;

	switch (a->kind) {
	case COLDPLUG_ACT_NO_FILE:
		output_message("coldplug %s: %s has no file\n", name, a->module);
		break;
	case COLDPLUG_ACT_COMMAND_FAILED:
		output_message("coldplug %s: the command '%s' for %s ended with exit status %d\n", name,
			       a->command, a->module, a->error);
		break;
	case COLDPLUG_ACT_NOT_REMOVABLE:
		output_message("coldplug %s: %s is built into the kernel\n", name, a->module);
		break;
	case COLDPLUG_ACT_IN_USE:
		output_message("coldplug %s: %s is in use\n", name, a->module);
		break;
	case COLDPLUG_ACT_KEPT:
		output_message("coldplug %s: %s could not be removed: %s\n", name, a->module,
			       strerror(a->error));
		break;
	default:
		output_message("coldplug %s: %s was not loaded: %s\n", name, a->module,
			       a->message ? a->message : strerror(a->error));
	}
}

static int take_act(void *userdata, const struct coldplug_act *a)
{
	struct acts *acts = userdata;

	if (a->kind >= COLDPLUG_ACT_NO_FILE) {
		acts->reported = true;
		report_failure(acts->cli, a);
	} else if (acts->print && a->kind != COLDPLUG_ACT_MATCH) {
		explain_act(a);
	}
	return 0;
}

static void begin(struct acts *acts)
{
	acts->print = acts->cli->verbosity > 0 || coldplug_is_dry_run(acts->cli->c);
	coldplug_set_act(acts->cli->c, take_act, acts);
}

/* r is what the library has returned. Returns the exit code. */
static int end(const struct acts *acts, int r, const char *name)
{
	struct cli *cli = acts->cli;
	int lost = coldplug_exit_code(cli->c);

	if (r >= 0)
		return lost;
	if (r == -ENOENT && !acts->reported && (lost || !cli->n_errors))
		output_message("coldplug %s: there is no module '%s'\n", cli->command->name, name);
	else if (r == -EINVAL && !acts->reported && !cli->n_errors)
		output_message("coldplug %s: '%s' is not a name or an alias\n", cli->command->name, name);
	else if (!acts->reported)
		return cli_fail(cli, r, name);
	return lost > 1 ? lost : 1;
}

static int usage(struct cli *cli, const char *what)
{
	fprintf(stderr, "coldplug %s: %s; see 'coldplug %s --help'\n", cli->command->name, what,
		cli->command->name);
	return EXIT_USAGE;
}

int command_insert(struct cli *cli)
{
	struct acts acts = { .cli = cli };
	char *params = NULL;
	int n, r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (!cli->n_args)
		return usage(cli, "no module was named");
	n = cli_join_params(cli->args + 1, &params);
	if (n >= 0 && n + 1 < cli->n_args) {
		free(params);
		return usage(cli, "one module can be named, and its parameters behind it");
	}
	begin(&acts);
	r = n < 0 ? n : coldplug_insert(cli->c, cli->args[0], params);
	free(params);
	return end(&acts, r, cli->args[0]);
}

static void print_holders(struct cli *cli, const char *name)
{
	struct coldplug_loaded m;

	if (!coldplug_initstate(cli->c, name, &m) && *m.holders)
		output_message("coldplug remove: it is used by %s; --holders removes these too\n", m.holders);
}

int command_remove(struct cli *cli)
{
	struct acts acts = { .cli = cli };
	int r;

	if (cli->n_args != 1)
		return usage(cli, cli->n_args ? "one module can be named" : "no module was named");
	begin(&acts);
	r = coldplug_remove(cli->c, cli->args[0], cli->timeout_ms);
	if (r == -EBUSY)
		print_holders(cli, cli->args[0]);
	return end(&acts, r, cli->args[0]);
}
