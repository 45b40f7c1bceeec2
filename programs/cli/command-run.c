/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"

/* After the first ^C no more loads are started. The second one ends coldplug. */
static struct coldplug *interrupted;

static void on_signal(int signal)
{
	static const char text[] =
		"coldplug: interrupted: waiting for the loads in flight; interrupt again to exit now\n";

	coldplug_cancel(interrupted);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

static void catch_signals(struct coldplug *c)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	interrupted = c;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

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

/* Requests a name with the parameters that follow it. Returns how many words these are. */
static int want_one(struct cli *cli, char **words)
{
	char *params = NULL;
	int n = 1, r;

	while (words[n] && is_param(words[n]))
		if (append_param(&params, words[n++]) < 0)
			return -1;
	r = coldplug_want(cli->c, words[0], params);
	free(params);
	return r < 0 ? r : n;
}

/* As initramfs-tools has modprobe do it: the name is the first word, and all that follows it are parameters. */
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

static int want_lines(struct cli *cli, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	errno = 0;
	while (r >= 0 && getline(&line, &size, f) >= 0)
		r = want_line(cli, line);
	free(line);
	/* At the end of the file errno has not changed. */
	if (r >= 0 && !feof(f))
		r = errno ? -errno : -EIO;
	return r;
}

int cli_want(struct cli *cli)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < cli->n_args; i += r)
		r = want_one(cli, cli->args + i);
	return r >= 0 && cli->modules ? want_lines(cli, cli->modules) : r;
}

bool cli_begins_with_param(struct cli *cli)
{
	if (!cli->n_args || !is_param(cli->args[0]))
		return false;
	output_message("coldplug %s: the parameter '%s' must come after the name of its module\n",
		       cli->command->name, cli->args[0]);
	return true;
}

/* Starts the loading process and requests what the arguments name. */
static int begin(struct cli *cli)
{
	int r;

	cli->dry_run = coldplug_is_dry_run(cli->c);
	cli_follow(cli);
	catch_signals(cli->c);
	r = coldplug_start(cli->c);
	return r < 0 ? r : cli_want(cli);
}

int command_run(struct cli *cli)
{
	int r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (cli->timeout_ms && !cli->waits) {
		fprintf(stderr, "coldplug run: --timeout can only be used together with --wait-for\n");
		return EXIT_USAGE;
	}
	/* A path or number that is waited for need not have a known type of file system. */
	coldplug_set_flag(cli->c, COLDPLUG_FOUND_TYPE, false);
	r = begin(cli);
	if (r >= 0)
		r = coldplug_run(cli->c);
	return cli_end(cli, r);
}

int command_load(struct cli *cli)
{
	int r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (!cli->n_args) {
		fprintf(stderr, "coldplug load: no module was named; see 'coldplug load --help'\n");
		return EXIT_USAGE;
	}
	r = begin(cli);
	if (r >= 0)
		r = (int)coldplug_plan(cli->c);
	if (r >= 0)
		r = coldplug_load(cli->c);
	if (r >= 0)
		r = coldplug_wait(cli->c);
	return cli_end(cli, r);
}
