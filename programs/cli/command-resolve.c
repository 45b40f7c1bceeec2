/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/cli.h"

/* A word whose brackets do not balance is not an alias. Its line is as empty as that of an alias without a match. */
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

/* Reads the next line into buf and cuts it at size. Returns its length, or -1 at the end of the input. */
static ssize_t read_line(char *buf, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(stdin)) != EOF && c != '\n')
		if (n < size - 1)
			buf[n++] = (char)c;
	buf[n] = '\0';
	return c == EOF && !n ? -1 : (ssize_t)n;
}

/* This is longer than any alias: aliases are cut at 4095 bytes. */
#define LINE_MAX_BYTES 65536

static int resolve_stdin(struct cli *cli)
{
	static char line[LINE_MAX_BYTES];
	ssize_t n;
	int r = 0;

	while (r >= 0 && (n = read_line(line, sizeof(line))) >= 0) {
		if (n == sizeof(line) - 1)
			fprintf(stderr,
				"coldplug: warning: a line of standard input is too long and was cut at %d bytes\n",
				LINE_MAX_BYTES - 1);
		r = resolve_one(cli, line);
	}
	return r >= 0 && ferror(stdin) ? -EIO : r;
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
