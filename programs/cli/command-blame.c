/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "programs/cli/cli.h"
#include "programs/cli/critical-path.h"

/* In milliseconds: what is behind them differs from boot to boot. */
static double seconds(uint64_t us)
{
	return (double)us / 1e6;
}

static void print_part(const struct run_report *r, const struct wait_part *part)
{
	const struct report_load *l = part->load == REPORT_NONE ? NULL : &r->loads[part->load];
	const struct report_load *by = l && l->provider != REPORT_NONE ? &r->loads[l->provider] : NULL;

	output_printf("%9.3f s %9.3f s  ", seconds(part->end_us - part->start_us), seconds(part->gain_us));
	switch (part->kind) {
	case WAIT_LOAD:
		output_printf(l->outcome == OUTCOME_LOADED ? "%s\n" : "%s (%s)\n", l->module,
			      outcome_name(l->outcome));
		break;
	case WAIT_FOR_PLAN:
		output_printf("(looking for devices, until %s was planned)\n", l->module);
		break;
	case WAIT_FOR_START:
		output_printf("(until %s started)\n", l->module);
		break;
	case WAIT_FOR_DEVICE:
		output_printf("(after %s, until the device for %s was there)\n", by ? by->module : "",
			      l->module);
		break;
	case WAIT_FOR_TURN:
		output_printf("(%s could start, but other loads went first)\n", l->module);
		break;
	case WAIT_FOR_NODE:
		if (l)
			output_printf("(after %s, until the device was there)\n", l->module);
		else
			output_printf("(the report does not say which module brought the device)\n");
		break;
	}
}

/* The longest first. Those of the same length stay in the order of time. */
static int compare_parts(const void *a, const void *b)
{
	const struct wait_part *x = a, *y = b;
	uint64_t s = x->end_us - x->start_us, t = y->end_us - y->start_us;

	return ((s < t) - (s > t)) ?: (x->start_us > y->start_us) - (x->start_us < y->start_us);
}

static int blame(const struct run_report *r, const struct report_awaited *awaited)
{
	struct critical_path path;
	int error = critical_path_find(&path, r, awaited);

	if (error)
		return error;
	if (path.n_parts)
		qsort(path.parts, path.n_parts, sizeof(*path.parts), compare_parts);
	output_printf("%s after %.3f s, which passed with:\n     took        gain\n",
		      awaited ? awaited->spec : "the last load ended", seconds(path.end_us - path.start_us));
	for (size_t i = 0; i < path.n_parts; i++)
		print_part(r, &path.parts[i]);
	critical_path_free(&path);
	return 0;
}

static int blame_all(const struct run_report *r)
{
	int error = 0;

	if (!r->n_awaited && r->last == REPORT_NONE)
		puts("no load was tried");
	else if (!r->n_awaited)
		return blame(r, NULL);
	for (uint32_t i = 0; !error && i < r->n_awaited; i++) {
		if (r->awaited[i].node)
			error = blame(r, &r->awaited[i]);
		else
			output_printf("%s has not come\n", r->awaited[i].spec);
	}
	return error;
}

int command_blame(struct cli *cli)
{
	struct run_report report;
	int r;

	if (cli->n_args != 1) {
		fprintf(stderr, "coldplug blame: one report must be named\n");
		return EXIT_USAGE;
	}
	r = run_report_read(&report, cli->args[0]);
	if (r < 0)
		return r == -ENOMEM ? EXIT_SYSTEM : EXIT_INPUT;
	r = blame_all(&report);
	run_report_free(&report);
	return r < 0 ? cli_fail(cli, r, "computing the path") : 0;
}
