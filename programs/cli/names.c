/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of modules with their parameters, as arguments and as lines of a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/cli/cli.h"
#include "programs/filesystem.h"

/* This is longer than any alias: aliases are cut at 4095 bytes. */
#define LINE_MAX_BYTES 65536

/* Whether this is PARAM=VALUE. An alias may contain a '=' too, but other characters before it. */
static bool is_param(const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n && word[n] == '=';
}

/* A value with blanks is quoted as modprobe does it, so that the kernel takes it as one value. */
static int append_param(char **params, const char *word)
{
	const char *value = strchr(word, '=') + 1;
	const char *quote = strpbrk(value, " \t\n") && *value != '"' ? "\"" : "";
	char *joined;

	if (asprintf(&joined, "%s%s%.*s%s%s%s", *params ? *params : "", *params ? " " : "",
		     (int)(value - word), word, quote, value, quote) < 0)
		return -1;
	free(*params);
	*params = joined;
	return 0;
}

int cli_join_params(char **words, char **params)
{
	int n = 0;

	while (words[n] && is_param(words[n]))
		if (append_param(params, words[n++]) < 0)
			return -ENOMEM;
	return n;
}

/* Requests a name with the parameters that follow it. Returns how many words these are. */
static int want_one(struct cli *cli, char **words)
{
	char *params = NULL;
	int n = cli_join_params(words + 1, &params), r = n;

	if (n >= 0)
		r = coldplug_want(cli->c, words[0], params);
	free(params);
	return r < 0 ? r : n + 1;
}

char *cli_next_line(struct cli_lines *l)
{
	static char line[LINE_MAX_BYTES];
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(l->f)) != EOF && c != '\n')
		if (n++ < sizeof(line) - 1)
			line[n - 1] = (char)c;
	if (c == EOF && !n)
		return NULL;
	l->number++;
	if (n > sizeof(line) - 1) {
		n = sizeof(line) - 1;
		output_message("coldplug: warning: %s:%u: the line is too long and was cut at %zu bytes\n",
			       l->name, l->number, n);
	}
	line[n] = '\0';
	return line;
}

int cli_lines_error(struct cli *cli, const struct cli_lines *l)
{
	int r = ferror(l->f) ? -errno : 0;

	if (!r)
		return 0;
	output_message("coldplug %s: %s:%u: cannot be read: %s\n", cli->command->name, l->name, l->number + 1,
		       strerror(-r));
	cli->n_errors++;
	return r;
}

/* As initramfs-tools has modprobe do it: the name is the first word, and all that follows it are
 * parameters. */
static int want_line(struct cli *cli, char *line)
{
	static const char blanks[] = " \t\r\n";
	char *name = line + strspn(line, blanks);
	char *params = name + strcspn(name, blanks);
	size_t n;

	if (!*name || *name == '#')
		return 0;
	if (*params)
		*params++ = '\0';
	params += strspn(params, blanks);
	for (n = strlen(params); n && strchr(blanks, params[n - 1]);)
		params[--n] = '\0';
	return coldplug_want(cli->c, name, n ? params : NULL);
}

static int want_lines(struct cli *cli)
{
	struct cli_lines lines = { .f = cli->modules, .name = cli->modules_name };
	char *line;
	int r = 0;

	while (r >= 0 && (line = cli_next_line(&lines)))
		r = want_line(cli, line);
	return r < 0 ? r : cli_lines_error(cli, &lines);
}

int cli_want(struct cli *cli)
{
	int r = 0;

	if (cli->filesystem)
		filesystem_expect(cli->c, cli->filesystem);
	for (int i = 0; r >= 0 && i < cli->n_args; i += r)
		r = want_one(cli, cli->args + i);
	return r >= 0 && cli->modules ? want_lines(cli) : r;
}

bool cli_lacks_wait_for(struct cli *cli, bool given, const char *option)
{
	if (!given || cli->waits)
		return false;
	fprintf(stderr, "coldplug %s: --%s can only be used together with --wait-for\n", cli->command->name,
		option);
	return true;
}

bool cli_begins_with_param(struct cli *cli)
{
	if (!cli->n_args || !is_param(cli->args[0]))
		return false;
	output_message("coldplug %s: the parameter '%s' must come after the name of its module\n",
		       cli->command->name, cli->args[0]);
	return true;
}
