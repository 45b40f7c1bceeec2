/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "programs/cli/cli.h"

/* Requests what the machine needs: for its devices (and the events of a recording), for modules-load.d and
 * the kernel command line, and the modules that are loaded now. */
static int want_machine(struct cli *cli)
{
	int r = coldplug_replay(cli->c);

	return r < 0 ? r : coldplug_want_loaded(cli->c);
}

static int want_names(struct cli *cli)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < cli->n_args; i++)
		r = coldplug_want(cli->c, cli->args[i], NULL);
	return r;
}

static void print_files(struct cli *cli, const struct coldplug_file *files, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		output_printf("%s\n", files[i].path);
		if (cli->verbosity > 0 && files[i].by)
			output_message("coldplug: %s: needed by %s\n", files[i].name, files[i].by);
	}
}

int command_closure(struct cli *cli)
{
	const struct coldplug_file *files;
	int64_t n;
	int r;

	coldplug_set_flag(cli->c, COLDPLUG_DRY_RUN, true);
	coldplug_set_flag(cli->c, COLDPLUG_IGNORE_LOADED, true);
	r = cli->machine || !cli->n_args ? want_machine(cli) : 0;
	if (r >= 0)
		r = want_names(cli);
	n = r < 0 ? r : coldplug_closure(cli->c, cli->files_root, &files);
	if (n < 0)
		return cli_fail(cli, (int)n, "cannot list the files");
	r = cli->extract ? coldplug_closure_extract(cli->c, cli->extract) : 0;
	if (r < 0)
		return cli_fail(cli, r, "cannot unpack the modules");
	print_files(cli, files, n);
	return coldplug_exit_code(cli->c);
}
