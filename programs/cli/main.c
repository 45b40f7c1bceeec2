/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "programs/cli/cli.h"
#include "programs/descriptors.h"
#include "programs/applets.h"

static const struct command commands[] = {
	{ "run", COMMAND_RUN, command_run, "[NAME [PARAM=VALUE]...]...",
	  "load what this machine's devices and modules-load.d ask for, and what is named" },
	{ "monitor", COMMAND_MONITOR, command_monitor, "[NAME [PARAM=VALUE]...]...",
	  "run, then stay and load what is plugged in" },
	{ "load", COMMAND_LOAD, command_load, "NAME|ALIAS... [PARAM=VALUE...]",
	  "load modules, with what they need" },
	{ "plan", COMMAND_PLAN, command_plan, "[NAME|ALIAS...]",
	  "show what would be loaded, in modprobe's words" },
	{ "resolve", COMMAND_RESOLVE, command_resolve, "ALIAS...|-", "show which modules aliases mean" },
	{ "why", COMMAND_WHY, command_why, "MODULE...",
	  "show what asks for a module, and what withholds it" },
	{ "record", COMMAND_RECORD, command_record, "FILE",
	  "save what this machine shows, to plan from it elsewhere" },
	{ "replay", COMMAND_REPLAY, command_replay, "FILE", "plan from what was recorded" },
	{ "closure", COMMAND_CLOSURE, command_closure, "[NAME|ALIAS...]",
	  "show the files an initramfs needs: modules with all that belongs to them, firmware" },
	{ "list", COMMAND_LIST, command_list, "", "show the loaded modules, as lsmod does" },
};

static void help(FILE *to)
{
	fputs("coldplug gets a Linux machine's kernel modules loaded: fast, in parallel, by modprobe's rules.\n\n"
	      "Usage: coldplug COMMAND [OPTION...] [ARGUMENT...]\n\n",
	      to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("\nCalled as init (or with that as its command) it is PID 1 of an initramfs, as modprobe it is modprobe.\n"
	      "'coldplug COMMAND --help' shows a command's options; 'coldplug --version' the version.\n"
	      "Exit codes: 0 done, 1 a module failed or was not found, 2 input was lost, 100 usage, 111 system call failed.\n",
	      to);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct cli cli = {};
	int r = cli_setup(&cli, command, argc, argv);

	r = r ? r - 1 : command->fn(&cli);
	coldplug_free(cli.c);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		perror("coldplug: standard output");
		return EXIT_SYSTEM;
	}
	return r;
}

int main(int argc, char **argv)
{
	const struct command *command;
	const struct applet *applet = find_applet(argv[0]);

	if (applet)
		return applet->fn(argc, argv);
	if (argc > 1 && !strchr(argv[1], '/') && (applet = find_applet(argv[1])))
		return applet->fn(argc - 1, argv + 1);
	standard_descriptors();
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		command = argc > 2 ? find_command(argv[2]) : NULL;
		if (argc > 2 && !command) {
			fprintf(stderr, "coldplug: no command '%s'; see coldplug --help\n", argv[2]);
			return EXIT_USAGE;
		}
		if (command)
			cli_help(command);
		else
			help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("coldplug " COLDPLUG_VERSION COLDPLUG_FEATURES);
		return 0;
	}
	command = find_command(argv[1]);
	if (!command) {
		fprintf(stderr, "coldplug: no command '%s'; see coldplug --help\n", argv[1]);
		return EXIT_USAGE;
	}
	return run_command(command, argc - 1, argv + 1);
}
