/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "programs/cli/cli.h"

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
