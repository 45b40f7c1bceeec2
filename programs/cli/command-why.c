/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/cli.h"

static void print_origin(const struct coldplug_reason *r)
{
	if (r->file && r->line)
		output_printf(" (%s:%u)", r->file, r->line);
	else if (r->file)
		output_printf(" (%s)", r->file);
}

static void print_alias(const struct coldplug_reason *r)
{
	output_printf("\n      alias   %s", r->alias);
	if (r->pattern)
		output_printf("\n      matches %s", r->pattern);
}

/* Who wants what is withheld. */
static void print_withheld(const struct coldplug_reason *r)
{
	bool by_name = r->why == COLDPLUG_WHY_BLACKLIST || r->why == COLDPLUG_WHY_FORBIDDEN ||
		r->why == COLDPLUG_WHY_BANNED;

	if (r->device && (by_name || r->why == COLDPLUG_WHY_OFF))
		output_printf("\n      device  %s", r->device);
	if (r->alias && by_name)
		print_alias(r);
}

static void print_reason(const struct coldplug_reason *r)
{
	output_text(stdout, "  ");
	switch (r->why) {
	case COLDPLUG_WHY_DEVICE:
		output_printf("wanted by the device %s", r->device);
		print_alias(r);
		break;
	case COLDPLUG_WHY_NAME:
		output_printf("requested as %s", r->alias);
		if (r->pattern)
			output_printf(" through the alias %s", r->pattern);
		break;
	case COLDPLUG_WHY_DEPENDENCY:
		output_printf("needed by %s", r->by);
		break;
	case COLDPLUG_WHY_SOFTDEP_PRE:
		output_printf("pre softdep of %s", r->by);
		break;
	case COLDPLUG_WHY_SOFTDEP_POST:
		output_printf("post softdep of %s", r->by);
		break;
	case COLDPLUG_WHY_BLACKLIST:
		output_printf("withheld by a blacklist");
		break;
	case COLDPLUG_WHY_OFF:
		output_printf("withheld by 'alias %s off'", r->alias);
		break;
	case COLDPLUG_WHY_FORBIDDEN:
		output_printf("withheld because module_blacklist= names %s", r->by);
		break;
	case COLDPLUG_WHY_BANNED:
		output_printf("withheld because an install line forbids %s", r->by);
		break;
	case COLDPLUG_WHY_BUILTIN:
		output_printf("built into the kernel");
		break;
	case COLDPLUG_WHY_LOADED:
		output_printf("loaded");
		break;
	case COLDPLUG_WHY_OPTION:
		output_printf("options %s", r->pattern);
		break;
	case COLDPLUG_WHY_INSTALL:
		output_printf("install command %s", r->pattern);
		break;
	case COLDPLUG_WHY_ALONE:
		output_printf("must load alone");
		break;
	case COLDPLUG_WHY_NO_FILE:
		output_printf("has no file that can be loaded: %s", r->pattern);
		break;
	}
	print_origin(r);
	print_withheld(r);
	putchar('\n');
}

/* Whether both are spellings of one name: '-' and '_' are equal in it. */
static bool is_same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && (*a != '_' || *b != '-'))
			return false;
	return *a == *b;
}

/* Whether anything asks for the module, or would if no rule withheld it. */
static bool is_asked_for(const struct coldplug_reason *list, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		if (list[i].alias || (list[i].by && list[i].why != COLDPLUG_WHY_BANNED))
			return true;
	return false;
}

/* n: what coldplug_why() has returned. */
static int64_t print_list(const char *module, const struct coldplug_reason *list, int64_t n)
{
	if (n < 0)
		return n;
	output_printf("%s\n", module);
	if (!is_asked_for(list, n))
		output_printf("  nothing asks for it\n");
	for (int64_t i = 0; i < n; i++)
		print_reason(&list[i]);
	return n;
}

static int64_t print_module(struct cli *cli, const char *module)
{
	const struct coldplug_reason *list;
	int64_t n = coldplug_why(cli->c, module, &list);

	return print_list(module, list, n);
}

/* The modules that an alias leads to. */
static int64_t print_modules_of(struct cli *cli, const char *const *names, int n)
{
	const char **copy = calloc((size_t)n, sizeof(*copy));
	int64_t r = copy ? 0 : -ENOMEM;

	for (int i = 0; copy && i < n; i++)
		copy[i] = names[i];
	for (int i = 0; r >= 0 && i < n; i++)
		r = print_module(cli, copy[i]);
	free(copy);
	return r;
}

static int64_t print_reasons(struct cli *cli, const char *word)
{
	const struct coldplug_reason *list;
	const char *const *names;
	int64_t n = coldplug_why(cli->c, word, &list);
	int found;

	if (n)
		return print_list(word, list, n);
	found = coldplug_resolve(cli->c, word, &names);
	/* A name that is an alias to "off" leads to no module. */
	if (found == 1 && (is_same_name(names[0], word) || !strcmp(names[0], "off")))
		return print_module(cli, word);
	if (found > 0)
		return print_modules_of(cli, names, found);
	output_printf("%s\n  there is no such module\n", word);
	cli->not_found = true;
	return found == -EINVAL ? 0 : found;
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
	r = cli_exit_code_of_plan(cli);
	return r || !cli->not_found ? (int)r : 1;
}
