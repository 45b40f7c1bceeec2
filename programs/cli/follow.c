/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `coldplug run` and `coldplug load` print while they work and at their end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "programs/cli/cli.h"
#include "programs/explain.h"

static const char *const words[] = {
	[COLDPLUG_PLANNED] = "planned",	  [COLDPLUG_DONE] = "loaded",	[COLDPLUG_ALREADY] = "already",
	[COLDPLUG_DECLINED] = "declined", [COLDPLUG_FAILED] = "failed", [COLDPLUG_SKIPPED] = "skipped",
};

/* Prints thousandths without floating point, whose code would be a tenth of the static program. */
static void print_thousandths(uint64_t n, int width, const char *unit)
{
	printf("%*llu.%03llu %s", width, (unsigned long long)(n / 1000), (unsigned long long)(n % 1000),
	       unit);
}

/* The time since the start of the program, in milliseconds. */
static uint64_t since_start(const struct coldplug_summary *sum, uint64_t us)
{
	return us > sum->start_us ? (us - sum->start_us) / 1000 : 0;
}

void cli_print_step(struct cli *cli, const struct coldplug_step *s)
{
	struct coldplug_summary sum;

	coldplug_get_summary(cli->c, &sum);
	if (s->end_us)
		print_thousandths(since_start(&sum, s->end_us), 4, "s");
	else
		printf("%10s", "");
	output_printf("  %-8s  %-24s", words[s->state], s->module);
	if (s->end_us)
		print_thousandths(s->end_us - s->start_us, 5, "ms");
	if (s->message[0])
		output_printf("  %s", s->message);
	else if (s->params[0])
		output_printf("  %s", s->params);
	putchar('\n');
}

static void print_failure(struct cli *cli, const struct coldplug_step *s)
{
	if (cli->progress_shown)
		output_clear_line();
	cli->progress_shown = false;
	output_message("coldplug: error: %s\n", s->message[0] ? s->message : s->module);
}

static void follow(void *userdata, size_t step)
{
	struct cli *cli = userdata;
	const struct coldplug_step *s = coldplug_step(cli->c, step);
	struct coldplug_summary sum;

	if (cli->verbosity > 0)
		cli_print_step(cli, s);
	else if (s->state == COLDPLUG_FAILED)
		print_failure(cli, s);
	if (cli->verbosity != 0 || !output_redraws())
		return;
	coldplug_get_summary(cli->c, &sum);
	output_clear_line();
	fprintf(stderr, "coldplug: %zu of %zu modules", sum.loaded + sum.declined + sum.failed + sum.skipped,
		sum.modules);
	cli->progress_shown = true;
}

void cli_follow(struct cli *cli)
{
	coldplug_set_progress(cli->c, follow, cli);
}

/* A dry run knows already of some modules that they would fail, because their files are missing. */
static size_t count_loadable(struct coldplug *c)
{
	const struct coldplug_step *s;
	size_t n = 0;

	for (size_t i = 0; (s = coldplug_step(c, i)); i++)
		n += s->state == COLDPLUG_PLANNED;
	return n;
}

static void print_summary(struct cli *cli)
{
	struct coldplug_summary s;
	size_t n;

	coldplug_get_summary(cli->c, &s);
	if (cli->progress_shown)
		output_clear_line();
	printf("coldplug: ");
	if (cli->command->id == COMMAND_RUN)
		printf("%zu device%s, %zu alias%s, ", s.devices, s.devices == 1 ? "" : "s", s.aliases,
		       s.aliases == 1 ? "" : "es");
	n = cli->dry_run ? count_loadable(cli->c) : s.modules;
	printf("%zu module%s", n, n == 1 ? "" : "s");
	if (cli->dry_run) {
		printf(" would be loaded");
	} else {
		printf(": %zu loaded", s.loaded);
		if (s.declined)
			printf(", %zu declined", s.declined);
		if (s.skipped)
			printf(", %zu skipped", s.skipped);
	}
	printf(", %zu failed", s.failed);
	if (s.withheld)
		printf(", %zu withheld", s.withheld);
	if (cli->waits && !cli->dry_run && s.loaded + s.declined + s.skipped + s.failed < s.modules)
		printf(", %zu still loading", s.modules - s.loaded - s.declined - s.skipped - s.failed);
	if (!cli->dry_run) {
		printf(", in ");
		print_thousandths(since_start(&s, s.end_us), 0, "s");
	}
	putchar('\n');
}

static void print_line(void *userdata, const char *line)
{
	output_message("coldplug:   %s\n", line);
}

static int explain_timeout(struct cli *cli, char **specs)
{
	if (cli->progress_shown)
		output_clear_line();
	fprintf(stderr, "coldplug: error: timed out after %u.%03u s of waiting\n", cli->timeout_ms / 1000,
		cli->timeout_ms % 1000);
	for (int i = 0; i < cli->waits; i++)
		if (!coldplug_found(cli->c, (size_t)i))
			output_message("coldplug:   not found: %s\n", specs[i]);
	explain_missing(cli->c, print_line, NULL);
	return 1;
}

int cli_end(struct cli *cli, int r)
{
	char *text = NULL;
	int finished = 0;

	if (r == -ETIMEDOUT)
		return explain_timeout(cli, cli->wait_specs);
	if (r < 0)
		return cli_fail(cli, r, "cannot go on");
	/* After --wait-for the other loads go on, and the loading process writes the report. */
	if (!cli->waits || cli->dry_run)
		finished = coldplug_finish(cli->c);
	/* In an initramfs the caller may be about to delete the modules' files. */
	else if (!cli->background)
		(void)coldplug_leave(cli->c);
	r = cli->dry_run && cli->verbosity > 0 ? coldplug_plan_text(cli->c, &text) : 0;
	if (r < 0)
		return cli_fail(cli, r, "cannot show the plan");
	if (text)
		output_text(stdout, text);
	free(text);
	if (cli->verbosity >= 0)
		print_summary(cli);
	if (finished < 0)
		return cli_fail(cli, finished, "cannot wait for the end of all loads");
	if (!cli->waits || cli->dry_run)
		return coldplug_exit_code(cli->c);
	for (int i = 0; i < cli->waits; i++) {
		if (coldplug_found(cli->c, (size_t)i))
			continue;
		output_message("coldplug: error: interrupted while waiting for %s\n", cli->wait_specs[i]);
		return 1;
	}
	return coldplug_exit_code(cli->c) == EXIT_SYSTEM ? EXIT_SYSTEM : 0;
}
