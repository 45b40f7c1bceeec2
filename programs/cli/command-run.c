/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* coldplug_run(), but it does not look at all devices before it returns. */
static int run_until_there(struct coldplug *c)
{
	int timeout, r = coldplug_begin(c);

	while (!r && (r = coldplug_advance(c, &timeout)) == 0) {
		struct pollfd fd = { .fd = coldplug_fd(c), .events = POLLIN };

		if (poll(&fd, 1, timeout) < 0 && errno != EINTR)
			r = -errno;
	}
	return r < 0 ? r : 0;
}

/* Somebody may wait for the end of a pipe. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	setsid();
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log < 0 ? null : log, STDERR_FILENO);
}

/* What is left is done by a process of its own. If there can be none, it is done now. */
static void go_on_in_background(struct cli *cli, int code)
{
	pid_t pid;

	if (fflush(stdout) == EOF || ferror(stdout))
		code = cli_fail(cli, -EIO, "standard output");
	pid = fork();
	/* Not by cli_free(), which would end the process that probes devices for the other one. */
	if (pid > 0)
		_exit(code);
	if (!pid)
		leave_terminal();
	if (coldplug_leave(cli->c) == -ENOMEM)
		fprintf(stderr, "coldplug: error: not all devices were looked at: out of memory\n");
}

int command_run(struct cli *cli)
{
	bool background;
	int r, code;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (cli_lacks_wait_for(cli, cli->timeout_ms, "timeout") ||
	    cli_lacks_wait_for(cli, cli->filesystem, "filesystem") ||
	    cli_lacks_wait_for(cli, cli->background, "background"))
		return EXIT_USAGE;
	/* A path or number that is waited for need not have a known type of file system. */
	coldplug_set_flag(cli->c, COLDPLUG_FOUND_TYPE, false);
	r = begin(cli);
	background = cli->background && !cli->dry_run;
	if (r >= 0)
		r = background ? run_until_there(cli->c) : coldplug_run(cli->c);
	code = cli_end(cli, r);
	if (background && r >= 0)
		go_on_in_background(cli, code);
	return code;
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
