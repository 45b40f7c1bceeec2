/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "programs/cli/cli.h"

/* lsmod's columns (kmod's tools/lsmod.c). */
static void print_table(const struct coldplug_loaded *list, int64_t n)
{
	puts("Module                  Size  Used by");
	for (int64_t i = 0; i < n; i++)
		output_printf("%-19s %8" PRIu64 "  %" PRId64 "%s%s\n", list[i].name, list[i].size,
			      list[i].refcount, *list[i].holders ? " " : "", list[i].holders);
}

int command_list(struct cli *cli)
{
	const struct coldplug_loaded *list;
	char *text;
	int64_t r;

	if (cli->n_args) {
		output_message("coldplug list: this command takes no argument, but '%s' was given\n",
			       cli->args[0]);
		return EXIT_USAGE;
	}
	if (cli->json) {
		r = coldplug_json(cli->c, COLDPLUG_JSON_LOADED, &text);
		if (!r) {
			puts(text);
			free(text);
		}
	} else {
		r = coldplug_loaded(cli->c, &list);
		if (r >= 0)
			print_table(list, r);
	}
	if (r < 0 && !coldplug_exit_code(cli->c))
		return cli_fail(cli, (int)r, "cannot list the modules");
	return coldplug_exit_code(cli->c);
}
