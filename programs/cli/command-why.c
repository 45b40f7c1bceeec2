/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "programs/cli/cli.h"

static void print_origin(const struct coldplug_reason *r)
{
	if (r->file && r->line)
		printf(" (%s:%u)", r->file, r->line);
	else if (r->file)
		printf(" (%s)", r->file);
}

static void print_alias(const struct coldplug_reason *r)
{
	printf("\n      alias   %s", r->alias);
	if (r->pattern)
		printf("\n      matches %s", r->pattern);
}

static void print_reason(const struct coldplug_reason *r)
{
	fputs("  ", stdout);
	switch (r->why) {
	case COLDPLUG_WHY_DEVICE:
		printf("wanted by the device %s", r->device);
		print_alias(r);
		break;
	case COLDPLUG_WHY_NAME:
		printf("requested as %s", r->alias);
		if (r->pattern)
			printf(" through the alias %s", r->pattern);
		break;
	case COLDPLUG_WHY_DEPENDENCY:
		printf("needed by %s", r->by);
		break;
	case COLDPLUG_WHY_SOFTDEP_PRE:
		printf("pre softdep of %s", r->by);
		break;
	case COLDPLUG_WHY_SOFTDEP_POST:
		printf("post softdep of %s", r->by);
		break;
	case COLDPLUG_WHY_BLACKLIST:
		printf("withheld by a blacklist");
		break;
	case COLDPLUG_WHY_OFF:
		printf("withheld by 'alias %s off'", r->alias);
		break;
	case COLDPLUG_WHY_FORBIDDEN:
		printf("withheld because module_blacklist= names %s", r->by);
		break;
	case COLDPLUG_WHY_OPTION:
		printf("options %s", r->pattern);
		break;
	case COLDPLUG_WHY_INSTALL:
		printf("install command %s", r->pattern);
		break;
	}
	print_origin(r);
	if (r->why == COLDPLUG_WHY_OFF && r->device)
		printf("\n      device  %s", r->device);
	if (r->why == COLDPLUG_WHY_BLACKLIST || r->why == COLDPLUG_WHY_FORBIDDEN) {
		if (r->device)
			printf("\n      device  %s", r->device);
		print_alias(r);
	}
	putchar('\n');
}

static int64_t print_reasons(struct cli *cli, const char *module)
{
	const struct coldplug_reason *list;
	const char *const *names;
	int64_t n = coldplug_why(cli->c, module, &list);

	if (n < 0)
		return n;
	printf("%s\n", module);
	if (!n && !coldplug_resolve(cli->c, module, &names)) {
		printf("  there is no such module\n");
		cli->not_found = true;
	} else if (!n) {
		printf("  nothing asks for it\n");
	}
	for (int64_t i = 0; i < n; i++)
		print_reason(&list[i]);
	return n;
}

int command_why(struct cli *cli)
{
	int64_t r;

	if (!cli->n_args) {
		fprintf(stderr, "coldplug why: no module was named\n");
		return EXIT_USAGE;
	}
	/* The modules that are loaded have reasons too. */
	coldplug_set_flag(cli->c, COLDPLUG_DRY_RUN, true);
	coldplug_set_flag(cli->c, COLDPLUG_IGNORE_LOADED, true);
	r = coldplug_want_configured(cli->c);
	/* Without /sys, which has been reported by then, what the configuration names is still there. */
	if (r >= 0) {
		r = coldplug_walk(cli->c);
		r = r == -ENOENT ? 0 : r;
	}
	if (r >= 0)
		r = coldplug_plan(cli->c);
	for (int i = 0; r >= 0 && i < cli->n_args; i++)
		r = print_reasons(cli, cli->args[i]);
	if (r < 0)
		return cli_fail(cli, (int)r, "cannot plan");
	r = coldplug_exit_code(cli->c);
	return r || !cli->not_found ? (int)r : 1;
}
