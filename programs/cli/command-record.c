/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"

/* Returns 0, a negative errno, or an exit code. */
static int take_stdout(struct cli *cli)
{
	if (!isatty(STDOUT_FILENO))
		return cli_take_stdout(cli);
	fprintf(stderr, "coldplug record: a recording is not written to a terminal\n");
	return EXIT_USAGE;
}

int command_record(struct cli *cli)
{
	int r;

	if (cli->n_args != 1) {
		fprintf(stderr, "coldplug record: no file was named\n");
		return EXIT_USAGE;
	}
	r = strcmp(cli->args[0], "-") != 0 ? 0 : take_stdout(cli);
	if (r > 0)
		return r;
	if (!r)
		r = coldplug_record(cli->c, cli->args[0]);
	return r < 0 ? cli_fail(cli, r, cli->args[0]) : coldplug_exit_code(cli->c);
}

static void print_event(void *userdata, const struct coldplug_event *e)
{
	output_printf("# %s %s%s%s\n", e->action, e->devpath, e->modalias ? " " : "",
		      e->modalias ? e->modalias : "");
}

int command_replay(struct cli *cli)
{
	int r;

	if (cli->n_args != 1) {
		fprintf(stderr, "coldplug replay: no file was named\n");
		return EXIT_USAGE;
	}
	if (cli->verbosity > 0)
		coldplug_set_event(cli->c, print_event, cli);
	r = coldplug_set_recording(cli->c, strcmp(cli->args[0], "-") != 0 ? cli->args[0] : "/dev/stdin");
	/* What cannot be read is input lost. */
	if (r < 0 && coldplug_exit_code(cli->c))
		return coldplug_exit_code(cli->c);
	if (!r)
		r = coldplug_replay(cli->c);
	return cli_print_plan(cli, r, cli->args[0]);
}
