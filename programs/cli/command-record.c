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
