/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"

/* What is damaged or cannot be read is lost input. */
static int exit_code(struct cli *cli, int r)
{
	if (r >= 0)
		return r;
	cli_fail(cli, r, "cannot use the archive");
	if (r == -ENOENT && cli->not_found)
		return 1;
	return r == -ENOMEM || r == -EOPNOTSUPP ? EXIT_SYSTEM : EXIT_INPUT;
}

/* Prints what there is, also after an error. */
static int print(struct cli *cli, int r, char *text)
{
	if (text)
		output_text(stdout, text);
	if (text && *text && text[strlen(text) - 1] != '\n')
		putchar('\n');
	free(text);
	return exit_code(cli, r);
}

static enum coldplug_listing listing_of(const struct cli *cli)
{
	if (cli->json)
		return COLDPLUG_LISTING_JSON;
	if (cli->list_paths)
		return COLDPLUG_LISTING_PATHS;
	return cli->list_firmware ? COLDPLUG_LISTING_FIRMWARE : COLDPLUG_LISTING_TEXT;
}

static int list(struct cli *cli, char **args)
{
	char *text;
	int r = coldplug_archive_list(cli->c, args[0], listing_of(cli), &text);

	return print(cli, r, text);
}

static int show(struct cli *cli, char **args)
{
	char *text;
	int r = coldplug_archive_show(cli->c, args[0], args[1], cli->json, &text);

	cli->not_found = r == -ENOENT && !access(args[0], F_OK);
	return print(cli, r, text);
}

static int extract(struct cli *cli, char **args)
{
	return exit_code(cli, coldplug_archive_extract(cli->c, args[0], args[1]));
}

static int verify(struct cli *cli, char **args)
{
	return exit_code(cli, coldplug_archive_verify(cli->c, args[0]));
}

static int diff(struct cli *cli, char **args)
{
	char *text;
	int r = coldplug_archive_diff(cli->c, args[0], args[1], &text);

	return print(cli, r, text);
}

static const struct action {
	const char *name;
	int n_args;
	int (*fn)(struct cli *cli, char **args);
	const char *arguments;
	bool json;
} actions[] = {
	{ "list", 1, list, "FILE", true },
	{ "show", 2, show, "FILE MODULE", true },
	{ "extract", 2, extract, "FILE DIR", false },
	{ "verify", 1, verify, "FILE", false },
	{ "diff", 2, diff, "FILE FILE", false },
};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	return NULL;
}

static int no_action(const char *name)
{
	if (name)
		output_message("coldplug archive: there is no action '%s'\n", name);
	else
		output_message("coldplug archive: no action was named\n");
	output_message("See 'coldplug archive --help'.\n");
	return EXIT_USAGE;
}

/* Whether the action has the options; what is wrong has been reported. */
static bool has_options(const struct cli *cli, const struct action *action)
{
	const char *option = cli->list_paths ? "paths" : "firmware";
	bool lists = cli->list_paths || cli->list_firmware;

	if (cli->json + cli->list_paths + cli->list_firmware > 1) {
		output_message("coldplug archive: --json, --paths and --firmware cannot be combined\n");
		return false;
	}
	if ((!cli->json || action->json) && (!lists || action->fn == list))
		return true;
	output_message("coldplug archive: %s has no --%s\n", action->name, cli->json ? "json" : option);
	return false;
}

int command_archive(struct cli *cli)
{
	const struct action *action = find_action(cli->args[0]);

	if (!action)
		return no_action(cli->args[0]);
	if (cli->n_args - 1 != action->n_args) {
		output_message("coldplug archive: usage: coldplug archive %s %s\n", action->name,
			       action->arguments);
		return EXIT_USAGE;
	}
	if (!has_options(cli, action))
		return EXIT_USAGE;
	return action->fn(cli, cli->args + 1);
}
