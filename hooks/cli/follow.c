/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What run and load print while they work and at their end. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hooks/cli/cli.h"

static const char *const words[] = {
	[COLDPLUG_PLANNED] = "planned",	  [COLDPLUG_DONE] = "loaded",	[COLDPLUG_ALREADY] = "present",
	[COLDPLUG_DECLINED] = "declined", [COLDPLUG_FAILED] = "failed", [COLDPLUG_SKIPPED] = "skipped",
};

static void print_step(struct cli *cli, const struct coldplug_step *s)
{
	struct coldplug_summary sum;

	coldplug_get_summary(cli->c, &sum);
	printf("%8.3f s  %-8s  %-24s", s->end_us ? (double)(s->end_us - sum.start_us) / 1e6 : 0.0, words[s->state],
	       s->module);
	if (s->end_us)
		printf(" %9.3f ms", (double)(s->end_us - s->start_us) / 1e3);
	if (s->message[0])
		printf("  %s", s->message);
	else if (s->params[0])
		printf("  %s", s->params);
	putchar('\n');
}

static void print_failure(struct cli *cli, const struct coldplug_step *s)
{
	if (cli->progress_shown)
		fputs("\r\033[K", stderr);
	cli->progress_shown = false;
	fprintf(stderr, "coldplug: error: %s\n", s->message[0] ? s->message : s->module);
}

static void follow(void *userdata, size_t step)
{
	struct cli *cli = userdata;
	const struct coldplug_step *s = coldplug_step(cli->c, step);
	struct coldplug_summary sum;

	if (cli->verbosity > 0)
		print_step(cli, s);
	else if (s->state == COLDPLUG_FAILED)
		print_failure(cli, s);
	if (cli->verbosity != 0 || !isatty(STDERR_FILENO))
		return;
	coldplug_get_summary(cli->c, &sum);
	fprintf(stderr, "\r\033[Kcoldplug: %zu of %zu modules",
		sum.loaded + sum.declined + sum.failed + sum.skipped, sum.modules);
	cli->progress_shown = true;
}

void cli_follow(struct cli *cli)
{
	coldplug_set_progress(cli->c, follow, cli);
}

static void print_summary(struct cli *cli)
{
	struct coldplug_summary s;

	coldplug_get_summary(cli->c, &s);
	if (cli->progress_shown)
		fputs("\r\033[K", stderr);
	printf("coldplug: ");
	if (cli->command->id == COMMAND_RUN)
		printf("%zu devices, %zu aliases, ", s.devices, s.aliases);
	if (cli->dry_run) {
		printf("%zu modules would be loaded", s.modules);
	} else {
		printf("%zu modules: %zu loaded", s.modules, s.loaded);
		if (s.declined)
			printf(", %zu declined", s.declined);
		if (s.skipped)
			printf(", %zu skipped", s.skipped);
	}
	printf(", %zu failed", s.failed);
	if (s.withheld)
		printf(", %zu withheld", s.withheld);
	if (!cli->dry_run)
		printf(", in %.3f s", s.end_us ? (double)(s.end_us - s.start_us) / 1e6 : 0.0);
	putchar('\n');
}

int cli_end(struct cli *cli, int r)
{
	char *text;
	int finished;

	if (r < 0)
		return cli_fail(cli, r, "loading");
	finished = coldplug_finish(cli->c);
	if (cli->dry_run && cli->verbosity > 0 && !coldplug_plan_text(cli->c, &text)) {
		fputs(text, stdout);
		free(text);
	}
	if (cli->verbosity >= 0)
		print_summary(cli);
	return finished < 0 ? EXIT_SYSTEM : coldplug_exit_code(cli->c);
}
