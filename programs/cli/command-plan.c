/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "programs/cli/cli.h"

/* An empty plan shows whether there is a root at all. Without /sys below it the plan is empty, which has been
 * reported and counts as lost input. */
static int64_t want_devices(struct cli *cli)
{
	int64_t r = coldplug_plan(cli->c);

	if (r < 0)
		return r;
	r = coldplug_walk(cli->c);
	return r == -ENOENT ? 0 : r;
}

static int64_t want_all(struct cli *cli)
{
	int64_t r = 0;

	if (!cli->n_args)
		return want_devices(cli);
	for (int i = 0; r >= 0 && i < cli->n_args; i++)
		r = coldplug_want(cli->c, cli->args[i], NULL);
	return r;
}

/* A plan is made although a file of it is missing, which was reported: only a load would fail. */
int cli_exit_code_of_plan(struct cli *cli)
{
	struct coldplug_summary sum;
	const struct coldplug_step *s;
	size_t n_absent = 0;
	int r = coldplug_exit_code(cli->c);

	coldplug_get_summary(cli->c, &sum);
	for (size_t i = 0; (s = coldplug_step(cli->c, i)); i++)
		n_absent += s->state == COLDPLUG_FAILED;
	return r == 1 && sum.failed == n_absent ? 0 : r;
}

int cli_print_plan(struct cli *cli, int r, const char *what)
{
	char *text = NULL;

	if (r >= 0)
		r = cli->json ? coldplug_json(cli->c, COLDPLUG_JSON_PLAN, &text)
			      : coldplug_plan_text(cli->c, &text);
	if (r < 0)
		return cli_fail(cli, r, what);
	output_text(stdout, text);
	if (cli->json)
		putchar('\n');
	free(text);
	return cli_exit_code_of_plan(cli);
}

int command_plan(struct cli *cli)
{
	int64_t r;

	coldplug_set_flag(cli->c, COLDPLUG_DRY_RUN, true);
	/* With names it does what modprobe -D does: it prints all modules, not only those that are
	 * missing. */
	if (cli->n_args)
		coldplug_set_flag(cli->c, COLDPLUG_IGNORE_LOADED, true);
	r = want_all(cli);
	if (r >= 0)
		r = coldplug_plan(cli->c);
	return cli_print_plan(cli, r < 0 ? (int)r : 0, "cannot plan");
}
