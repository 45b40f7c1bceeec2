/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/cli/cli.h"

/* What does not balance its brackets is no alias and means nothing: an empty line, as for any other. */
static int resolve_one(struct cli *cli, const char *alias, size_t len)
{
	const char *const *names;
	int n = coldplug_resolve(cli->c, alias, &names);

	if (n == -EINVAL)
		n = 0;
	if (n < 0)
		return n;
	fwrite(alias, 1, len, stdout);
	putchar('\t');
	for (int i = 0; i < n; i++) {
		if (i)
			putchar(' ');
		fputs(names[i], stdout);
	}
	putchar('\n');
	return 0;
}

static int resolve_stdin(struct cli *cli)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	while (r >= 0 && (n = getline(&line, &size, stdin)) >= 0) {
		if (n && line[n - 1] == '\n')
			line[--n] = '\0';
		r = resolve_one(cli, line, strlen(line));
	}
	if (r >= 0 && ferror(stdin))
		r = -EIO;
	free(line);
	return r;
}

int command_resolve(struct cli *cli)
{
	int r = 0;

	if (!cli->n_args) {
		fprintf(stderr, "coldplug resolve: say which aliases, or - to read them\n");
		return EXIT_USAGE;
	}
	for (int i = 0; r >= 0 && i < cli->n_args; i++)
		r = strcmp(cli->args[i], "-") ? resolve_one(cli, cli->args[i], strlen(cli->args[i])) :
						resolve_stdin(cli);
	if (r < 0)
		return cli_fail(cli, r, "resolving");
	return coldplug_exit_code(cli->c);
}
