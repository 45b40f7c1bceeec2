/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/cli.h"

/* A word whose brackets do not balance is not an alias. Its line is as empty as that of an alias without a
 * match. */
static int resolve_one(struct cli *cli, const char *alias)
{
	const char *const *names;
	int n = coldplug_resolve(cli->c, alias, &names);

	if (n == -EINVAL)
		n = 0;
	if (n < 0)
		return n;
	output_text(stdout, alias);
	putchar('\t');
	for (int i = 0; i < n; i++) {
		if (i)
			putchar(' ');
		output_text(stdout, names[i]);
	}
	putchar('\n');
	return 0;
}

static int resolve_stdin(struct cli *cli)
{
	struct cli_lines lines = { .f = stdin, .name = "standard input" };
	const char *line;
	int r = 0;

	while (r >= 0 && (line = cli_next_line(&lines)))
		r = resolve_one(cli, line);
	return r < 0 ? r : cli_lines_error(cli, &lines);
}

int command_resolve(struct cli *cli)
{
	int r = 0;

	if (!cli->n_args) {
		fprintf(stderr, "coldplug resolve: no alias was given; '-' reads them from standard input\n");
		return EXIT_USAGE;
	}
	for (int i = 0; r >= 0 && i < cli->n_args; i++)
		r = strcmp(cli->args[i], "-") ? resolve_one(cli, cli->args[i]) : resolve_stdin(cli);
	if (r < 0)
		return cli_fail(cli, r, "cannot resolve aliases");
	return coldplug_exit_code(cli->c);
}
