/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One table of all options: which commands have them, what they do, and their help. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"

#define LOADING (COMMAND_RUN | COMMAND_LOAD | COMMAND_MONITOR)
#define PLANNING (LOADING | COMMAND_PLAN | COMMAND_WHY)
#define ALL (PLANNING | COMMAND_RESOLVE | COMMAND_LIST | COMMAND_RECORD | COMMAND_REPLAY | COMMAND_CLOSURE)

struct setup {
	struct cli *cli;
	const char *config_paths[16];
	size_t n_config_paths;
};

static int set_root(struct setup *s, const char *value)
{
	return coldplug_set_root(s->cli->c, value);
}

static int set_release(struct setup *s, const char *value)
{
	return coldplug_set_release(s->cli->c, value);
}

static int set_config(struct setup *s, const char *value)
{
	if (s->n_config_paths == sizeof(s->config_paths) / sizeof(s->config_paths[0]) - 1)
		return -E2BIG;
	s->config_paths[s->n_config_paths++] = value;
	return coldplug_set_config_paths(s->cli->c, s->config_paths);
}

static int set_jobs(struct setup *s, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n == 0 || n > 4096)
		return -EINVAL;
	return coldplug_set_jobs(s->cli->c, (unsigned int)n);
}

static int set_receive_buffer(struct setup *s, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n > INT_MAX)
		return -EINVAL;
	return coldplug_set_receive_buffer(s->cli->c, (unsigned int)n);
}

static int set_report(struct setup *s, const char *value)
{
	return coldplug_set_report(s->cli->c, value);
}

static int set_wait_for(struct setup *s, const char *value)
{
	int r;

	if (s->cli->waits == sizeof(s->cli->wait_specs) / sizeof(s->cli->wait_specs[0]))
		return -E2BIG;
	r = coldplug_wait_for(s->cli->c, value);
	if (!r)
		s->cli->wait_specs[s->cli->waits++] = (char *)value;
	return r;
}

static int set_prepare_mount(struct setup *s, const char *value)
{
	int r = coldplug_prepare_mount(s->cli->c, value);

	/* A loss of time at most, and it has been said. */
	return r == -EOPNOTSUPP ? 0 : r;
}

/* Seconds, with a fraction of at most three digits. */
static int set_timeout(struct setup *s, const char *value)
{
	unsigned long seconds, ms = 0, digit = 100;
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	seconds = strtoul(value, &end, 10);
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9' && digit; end++, digit /= 10)
			ms += digit * (unsigned long)(*end - '0');
	if (*end || seconds > 4000000 || !(seconds || ms))
		return -EINVAL;
	s->cli->timeout_ms = (unsigned int)(seconds * 1000 + ms);
	return coldplug_set_timeout(s->cli->c, s->cli->timeout_ms);
}

static int set_notify_fd(struct setup *s, const char *value)
{
	char *end;
	unsigned long fd = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || fd < 3 || fd > 65535)
		return -EINVAL;
	/* Now: later that number may be a descriptor of coldplug's own. Programs it starts have no use for it. */
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	s->cli->notify_fd = (int)fd;
	return 0;
}

static int set_record(struct setup *s, const char *value)
{
	return coldplug_set_record(s->cli->c, value);
}

static int set_dry_run(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_DRY_RUN, true);
}

static int set_no_async(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_ASYNC_PROBE, false);
}

static int set_devicetree(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_DEVICETREE, true);
}

static int set_udev(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_UDEV, true);
}

static int set_blacklist(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_BLACKLIST, true);
}

static int set_ignore_install(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_IGNORE_INSTALL, true);
}

static int set_machine(struct setup *s, const char *value)
{
	s->cli->machine = true;
	return 0;
}

static int set_files(struct setup *s, const char *value)
{
	s->cli->files_root = (char *)value;
	return 0;
}

static int set_no_firmware(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_FIRMWARE, false);
}

static int set_no_companions(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_COMPANIONS, false);
}

static int set_json(struct setup *s, const char *value)
{
	s->cli->json = true;
	return 0;
}

static int set_verbose(struct setup *s, const char *value)
{
	s->cli->verbosity++;
	return 0;
}

static int set_quiet(struct setup *s, const char *value)
{
	s->cli->verbosity = -1;
	return 0;
}

static const struct option_row {
	const char *name;
	char letter; /* 0: none */
	int commands;
	int (*set)(struct setup *s, const char *value);
	const char *value; /* what it takes, NULL: nothing */
	const char *help;
	const char *wants; /* what is told when the value is none of it */
} rows[] = {
	{ "root", 0, ALL & ~COMMAND_REPLAY, set_root, "DIR",
	  "look for sys/, proc/, lib/modules/ and etc/ in DIR; implies -n" },
	{ "release", 'S', ALL & ~COMMAND_LIST, set_release, "KVER",
	  "the kernel's release, if not the running one", "is not a kernel release" },
	{ "set-version", 0, ALL & ~COMMAND_LIST, set_release, "KVER", NULL },
	{ "config", 'C', ALL & ~COMMAND_LIST, set_config, "PATH",
	  "read this instead of the modprobe.d directories; repeatable" },
	{ "dry-run", 'n', COMMAND_RUN | COMMAND_LOAD, set_dry_run, NULL,
	  "change nothing; with -v show what would be done" },
	{ "jobs", 'j', LOADING, set_jobs, "N", "at most N loads in flight", "wants a number from 1 to 4096" },
	{ "wait-for", 0, COMMAND_RUN, set_wait_for, "SPEC",
	  "end once /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL= is there",
	  "wants /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL=" },
	{ "prepare-mount", 0, COMMAND_RUN | COMMAND_MONITOR, set_prepare_mount, "SPEC",
	  "once that is there load the module of its file system; not waited for",
	  "wants /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL=" },
	{ "timeout", 0, COMMAND_RUN, set_timeout, "SECONDS", "how long to wait for it",
	  "wants seconds, from 0.001 on" },
	{ "timeout", 0, COMMAND_MONITOR, set_timeout, "SECONDS", "be ready after that in any case (60)",
	  "wants seconds, from 0.001 on" },
	{ "report", 0, LOADING, set_report, "FILE", "write everything as JSON, see coldplug-report(5)" },
	{ "record", 0, COMMAND_RUN, set_record, "FILE",
	  "save what the machine shows and the events of the run" },
	{ "no-async-probe", 0, LOADING, set_no_async, NULL,
	  "let modules without drivers wait for others' probes too" },
	{ "devicetree", 0,
	  COMMAND_RUN | COMMAND_MONITOR | COMMAND_PLAN | COMMAND_WHY | COMMAND_REPLAY | COMMAND_CLOSURE,
	  set_devicetree, NULL, "take device-tree compatibles as aliases too (kmod and udev do not)" },
	{ "udev", 0, COMMAND_RUN | COMMAND_MONITOR, set_udev, NULL,
	  "take events from udevd, after its rules, not from the kernel" },
	{ "use-blacklist", 'b', LOADING | COMMAND_PLAN | COMMAND_RESOLVE, set_blacklist, NULL,
	  "blacklists count for module names too" },
	{ "receive-buffer", 0, COMMAND_RUN | COMMAND_MONITOR, set_receive_buffer, "BYTES",
	  "how much the kernel keeps of its events meanwhile (16777216)",
	  "wants a number from 1 to 1073741823" },
	{ "ignore-install", 'i', COMMAND_LOAD | COMMAND_PLAN, set_ignore_install, NULL,
	  "ignore install commands and softdeps of the modules named" },
	{ "machine", 'm', COMMAND_CLOSURE, set_machine, NULL, "with names: what this machine wants too" },
	{ "files", 0, COMMAND_CLOSURE, set_files, "DIR",
	  "take modules and firmware from DIR, not from the root" },
	{ "no-firmware", 0, COMMAND_CLOSURE, set_no_firmware, NULL, "modules only" },
	{ "no-companions", 0, COMMAND_CLOSURE, set_no_companions, NULL,
	  "only what indexes, modules and configuration name" },
	{ "json", 0, COMMAND_PLAN | COMMAND_LIST | COMMAND_MONITOR | COMMAND_REPLAY, set_json, NULL,
	  "print JSON" },
	{ "notify-fd", 0, COMMAND_MONITOR, set_notify_fd, "FD", "write a newline to FD when ready (s6)",
	  "wants a descriptor from 3 on" },
	{ "verbose", 'v', ALL, set_verbose, NULL, "say more: a line for each module; twice: say everything" },
	{ "quiet", 'q', ALL, set_quiet, NULL, "no warnings, no summary" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
#define LONG_ONLY 256 /* getopt's answer for row i without a letter: LONG_ONLY + i */

void cli_help(const struct command *command)
{
	printf("coldplug %s: %s.\n\nUsage: coldplug %s [OPTION...]%s%s\n\n", command->name, command->help,
	       command->name, *command->arguments ? " " : "", command->arguments);
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[48];

		if (!(rows[i].commands & command->id) || !rows[i].help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", rows[i].letter ? '-' : ' ',
			 rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? "," : " ", rows[i].name,
			 rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
		printf("  %-26s %s\n", left, rows[i].help);
	}
	printf("  %-26s %s\n", "-h, --help", "this text");
}

static void print_log(void *userdata, int level, const char *message)
{
	struct cli *cli = userdata;

	if (cli->progress_shown) {
		fputs("\r\033[K", stderr);
		cli->progress_shown = false;
	}
	cli->n_errors += level <= 3;
	fprintf(stderr, "coldplug: %s%s\n", level <= 3 ? "error: " : level == 4 ? "warning: " : "", message);
}

int cli_fail(struct cli *cli, int error, const char *what)
{
	/* What the library has told need not be told twice; want of memory it does not tell. */
	if (!cli->n_errors || error == -ENOMEM)
		fprintf(stderr, "coldplug %s: %s: %s\n", cli->command->name, what, strerror(-error));
	return EXIT_SYSTEM;
}

static int find_row(int answer, const struct command *command)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].commands & command->id &&
		    (answer == LONG_ONLY + (int)i || (rows[i].letter && answer == rows[i].letter)))
			return (int)i;
	return -1;
}

static void make_getopt_tables(const struct command *command, struct option *longs, char *letters)
{
	*letters++ = 'h';
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!(rows[i].commands & command->id))
			continue;
		*longs++ = (struct option){ rows[i].name, rows[i].value ? required_argument : no_argument,
					    NULL, LONG_ONLY + (int)i };
		if (!rows[i].letter)
			continue;
		*letters++ = rows[i].letter;
		if (rows[i].value)
			*letters++ = ':';
	}
	*longs++ = (struct option){ "help", no_argument, NULL, 'h' };
	*longs = (struct option){};
	*letters = '\0';
}

static int usage(const struct command *command)
{
	fprintf(stderr, "See 'coldplug %s --help'.\n", command->name);
	return EXIT_USAGE + 1;
}

/* What the other options make the library say is said or not by these, wherever they stand. */
static void set_log(struct setup *s, int argc, char **argv, const char *letters, const struct option *longs)
{
	struct cli *cli = s->cli;
	int answer;

	opterr = 0;
	while ((answer = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int row = find_row(answer, cli->command);

		if (row >= 0 && (rows[row].set == set_verbose || rows[row].set == set_quiet))
			rows[row].set(s, NULL);
	}
	coldplug_set_log(cli->c, print_log, cli,
			 cli->verbosity < 0	      ? 3
				 : cli->verbosity > 1 ? 7
						      : 4 + 2 * cli->verbosity);
	cli->verbosity = 0;
	opterr = 1;
	optind = 0; /* from the beginning */
}

int cli_setup(struct cli *cli, const struct command *command, int argc, char **argv)
{
	static char program[64];
	struct setup s = { .cli = cli };
	struct option longs[N_ROWS + 2];
	char letters[3 * N_ROWS];
	int answer, r = coldplug_new(&cli->c);

	cli->command = command;
	cli->notify_fd = -1;
	if (r < 0)
		return cli_fail(cli, r, "starting") + 1;
	snprintf(program, sizeof(program), "coldplug %s", command->name);
	argv[0] = program; /* getopt's messages begin with it */
	make_getopt_tables(command, longs, letters);
	set_log(&s, argc, argv, letters, longs);
	while ((answer = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int row = find_row(answer, command);

		if (answer == 'h') {
			cli_help(command);
			return 1;
		}
		if (row < 0)
			return usage(command);
		r = rows[row].set(&s, optarg);
		if (r < 0) {
			fprintf(stderr, "coldplug %s: --%s '%s' cannot be used: %s\n", command->name,
				rows[row].name, optarg ? optarg : "",
				r == -EINVAL && rows[row].wants ? rows[row].wants : strerror(-r));
			return usage(command);
		}
	}
	cli->args = argv + optind;
	cli->n_args = argc - optind;
	return 0;
}
