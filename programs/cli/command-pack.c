/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "programs/cli/cli.h"

static void show_progress(void *userdata, uint64_t done, uint64_t all)
{
	struct cli *cli = userdata;

	output_clear_line();
	fprintf(stderr, "coldplug: %" PRIu64 " of %" PRIu64 " MB packed", done / 1000000, all / 1000000);
	cli->progress_shown = true;
}

static void end_progress(struct cli *cli)
{
	if (cli->progress_shown)
		output_clear_line();
	cli->progress_shown = false;
}

static void print_summary(const struct coldplug_pack *pack)
{
	output_printf("%s: %s%zu modules, %zu other files, %" PRIu64 " bytes: %" PRIu64
		      " bytes, of which tables %" PRIu64 "\n",
		      pack->output, pack->unchanged ? "unchanged: " : "", pack->n_modules, pack->n_files,
		      pack->unpacked, pack->size, pack->tables);
}

static int usage(const char *what)
{
	fprintf(stderr, "coldplug pack: %s\nSee 'coldplug pack --help'.\n", what);
	return EXIT_USAGE;
}

static int check(const struct cli *cli, bool recorded)
{
	if (!cli->image.image.output)
		return usage("no output file was named (-o)");
	if (cli->image.image.root && !recorded)
		return usage("--tree is for a recording (-R); use --root instead");
	if (cli->image.root && recorded)
		return usage("--root cannot be combined with a recording (-R)");
	return 0;
}

int command_pack(struct cli *cli)
{
	const char *machine = cli->image.recording;
	bool recorded = machine && strcmp(machine, "-") != 0;
	struct coldplug_pack pack = cli->pack;
	int r = check(cli, recorded);

	if (r)
		return r;
	pack.output = cli->image.image.output;
	pack.machine = machine;
	pack.names = (const char *const *)cli->args;
	pack.root = cli->image.image.root;
	pack.userdata = cli;
	if (cli->verbosity >= 0 && output_redraws())
		pack.progress = show_progress;
	if (recorded)
		r = coldplug_set_recording(cli->c, machine);
	if (!r)
		r = coldplug_pack(cli->c, &pack);
	end_progress(cli);
	if (r < 0) {
		cli_fail(cli, r, "cannot make the archive");
		return coldplug_exit_code(cli->c) ?: EXIT_SYSTEM;
	}
	if (cli->verbosity >= 0)
		print_summary(&pack);
	return coldplug_exit_code(cli->c);
}
