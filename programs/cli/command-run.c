/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "programs/cli/cli.h"

/* After the first ^C no more loads are started. The second one ends coldplug. */
static struct coldplug *interrupted;

static void on_signal(int signal)
{
	static const char text[] =
		"coldplug: interrupted: waiting for the loads in flight; interrupt again to exit now\n";

	coldplug_cancel(interrupted);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

static void catch_signals(struct coldplug *c)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	interrupted = c;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* Starts the loading process and requests what the arguments name. */
static int begin(struct cli *cli)
{
	int r;

	cli->dry_run = coldplug_is_dry_run(cli->c);
	cli_follow(cli);
	catch_signals(cli->c);
	r = coldplug_start(cli->c);
	return r < 0 ? r : cli_want(cli);
}

int command_run(struct cli *cli)
{
	int r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (cli->timeout_ms && !cli->waits) {
		fprintf(stderr, "coldplug run: --timeout can only be used together with --wait-for\n");
		return EXIT_USAGE;
	}
	/* A path or number that is waited for need not have a known type of file system. */
	coldplug_set_flag(cli->c, COLDPLUG_FOUND_TYPE, false);
	r = begin(cli);
	if (r >= 0)
		r = coldplug_run(cli->c);
	return cli_end(cli, r);
}

int command_load(struct cli *cli)
{
	int r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (!cli->n_args) {
		fprintf(stderr, "coldplug load: no module was named; see 'coldplug load --help'\n");
		return EXIT_USAGE;
	}
	r = begin(cli);
	if (r >= 0)
		r = (int)coldplug_plan(cli->c);
	if (r >= 0)
		r = coldplug_load(cli->c);
	if (r >= 0)
		r = coldplug_wait(cli->c);
	return cli_end(cli, r);
}
