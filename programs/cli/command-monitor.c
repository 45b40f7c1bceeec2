/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hotplug daemon: it does what `coldplug run` does, and then serves the devices that appear. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "programs/cli/cli.h"
#include "programs/cli/monitor-wait.h"

/* Readiness is reported after this time at the latest. coldplug-initrd.service uses the same limit. */
#define READY_MS 60000

/* Something that happened is missing in the output. */
static bool incomplete;

/* The modules of a device are more important than the line about it, so this is no reason to end. */
static void print_json(struct cli *cli, enum coldplug_json what, const char *loss)
{
	char *text;
	int r = coldplug_json(cli->c, what, &text);

	if (r < 0) {
		cli_fail(cli, r, loss);
		incomplete = true;
		return;
	}
	puts(text);
	fflush(stdout);
	free(text);
}

static void print_event(void *userdata, const struct coldplug_event *e)
{
	struct cli *cli = userdata;

	if (cli->json) {
		print_json(cli, COLDPLUG_JSON_EVENT, "an event is missing in the output");
		return;
	}
	output_printf("event   %-8s %s%s%s\n", e->action, e->devpath, e->modalias ? "  " : "",
		      e->modalias ? e->modalias : "");
	fflush(stdout);
}

static void print_result(void *userdata, size_t step)
{
	struct cli *cli = userdata;
	const struct coldplug_step *s = coldplug_step(cli->c, step);

	if (cli->json)
		print_json(cli, COLDPLUG_JSON_RESULT, "a result is missing in the output");
	else if (cli->verbosity > 0 || s->state == COLDPLUG_FAILED)
		cli_print_step(cli, s);
	fflush(stdout);
}

static int stay(struct cli *cli, const sigset_t *waiting)
{
	int r = 0;

	while (r >= 0 && !monitor_is_stopped() && (r = coldplug_dispatch(cli->c)) >= 0)
		r = monitor_wait_for_news(cli, NULL, waiting);
	return r;
}

/* Does what coldplug_run() does, but handles signals meanwhile, also while a driver hangs. */
static int settle(struct cli *cli, const sigset_t *waiting)
{
	int timeout, r = coldplug_begin(cli->c);

	while (r >= 0 && !monitor_is_stopped() && (r = coldplug_advance(cli->c, &timeout)) == 0) {
		struct timespec t = { .tv_sec = timeout / 1000, .tv_nsec = (long)(timeout % 1000) * 1000000 };

		r = monitor_wait_for_news(cli, timeout < 0 ? NULL : &t, waiting);
	}
	return r;
}

/* Waits until the machine has settled, or until the timeout. After a timeout the loading process writes the
 * report later. */
static int get_ready(struct cli *cli, const sigset_t *waiting)
{
	int r = settle(cli, waiting);

	if (monitor_is_stopped())
		return r == -ETIMEDOUT ? 0 : r;
	if (r == -ETIMEDOUT)
		monitor_explain_late(cli);
	else if (r >= 0)
		r = coldplug_finish(cli->c);
	if (r >= 0 || r == -ETIMEDOUT)
		monitor_report_ready(cli);
	return r == -ETIMEDOUT ? 0 : r;
}

int command_monitor(struct cli *cli)
{
	sigset_t waiting;
	int r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (coldplug_is_dry_run(cli->c)) {
		fprintf(stderr, "coldplug monitor: --root cannot be used: a directory sends no uevents\n");
		return EXIT_USAGE;
	}
	if (cli_lacks_wait_for(cli, cli->filesystem, "filesystem"))
		return EXIT_USAGE;
	coldplug_set_flag(cli->c, cli->waits ? COLDPLUG_AWAIT_END : COLDPLUG_MONITOR, true);
	coldplug_set_progress(cli->c, print_result, cli);
	if (cli->verbosity > 0 || cli->json)
		coldplug_set_event(cli->c, print_event, cli);
	if (!cli->timeout_ms)
		cli->timeout_ms = READY_MS;
	if (!cli->waits)
		coldplug_set_timeout(cli->c, cli->timeout_ms);
	monitor_set_signals(cli, &waiting);
	r = coldplug_start(cli->c);
	if (r >= 0)
		r = cli_want(cli);
	if (r >= 0)
		r = cli->waits ? monitor_stay_behind(cli, &waiting) : get_ready(cli, &waiting);
	if (r >= 0 && !cli->waits && !monitor_is_stopped())
		r = stay(cli, &waiting);
	monitor_notify("STOPPING=1");
	/* Each failure was reported when it happened, so the exit code does not repeat it. */
	if (r >= 0)
		return incomplete ? EXIT_SYSTEM : 0;
	return cli_fail(cli, r, "cannot go on");
}
