/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "programs/cli/cli.h"
#include "programs/descriptors.h"
#include "programs/applets.h"

static const struct command commands[] = {
	{ "run", COMMAND_RUN, command_run, "[NAME [PARAM=VALUE]...]...",
	  "load the modules for this machine's devices, those of modules-load.d and those named" },
	{ "monitor", COMMAND_MONITOR, command_monitor, "[NAME [PARAM=VALUE]...]...",
	  "do what run does, then stay and load modules for devices that appear" },
	{ "load", COMMAND_LOAD, command_load, "NAME|ALIAS|PATH... [PARAM=VALUE...]",
	  "load modules by name, alias or path, with their dependencies" },
#ifdef HAVE_TOOLS
	{ "insert", COMMAND_INSERT, command_insert, "MODULE [PARAM=VALUE...]",
	  "load one module with what it needs, one after the other, as modprobe does" },
	{ "remove", COMMAND_REMOVE, command_remove, "MODULE",
	  "remove one module from the kernel, and what only it needed" },
	{ "show", COMMAND_SHOW, command_show, "MODULE|ALIAS|PATH...",
	  "show what is known about a module: file, state, parameters, firmware, devices" },
#endif
	{ "plan", COMMAND_PLAN, command_plan, "[NAME|ALIAS|PATH...]",
	  "show what would be loaded, as modprobe -D does" },
	{ "resolve", COMMAND_RESOLVE, command_resolve, "ALIAS...|-", "show which modules match an alias" },
	{ "why", COMMAND_WHY, command_why, "MODULE|ALIAS...",
	  "show why a module is loaded, or which rule withholds it" },
	{ "record", COMMAND_RECORD, command_record, "FILE",
	  "save the machine's devices and configuration, to plan from them elsewhere" },
#ifdef HAVE_TOOLS
	{ "replay", COMMAND_REPLAY, command_replay, "FILE",
	  "show what would be loaded on a recorded machine" },
#endif
	{ "closure", COMMAND_CLOSURE, command_closure, "[NAME|ALIAS...]",
	  "list the module and firmware files that an initramfs needs" },
#ifdef HAVE_TOOLS
	{ "image", COMMAND_IMAGE, command_image, "-o FILE", "make an initramfs with coldplug as its init" },
	{ "pack", COMMAND_PACK, command_pack, "-o FILE [NAME|ALIAS|PATTERN...]",
	  "put a kernel's modules and their indexes into one file" },
	{ "archive", COMMAND_ARCHIVE, command_archive, "list|show|extract|verify|diff FILE [ARGUMENT...]",
	  "look at such a file, or unpack it" },
#endif
#ifdef HAVE_TOOLS
	{ "plot", COMMAND_PLOT, command_plot, "REPORT...",
	  "draw when each module was loaded, as an SVG picture" },
	{ "blame", COMMAND_BLAME, command_blame, "REPORT",
	  "show what an awaited device, or the end, waited for" },
	{ "profile", COMMAND_PROFILE, command_profile, "REPORT",
	  "make a profile of a boot's report, by which the next boot has its root sooner" },
	{ "bench", COMMAND_BENCH, command_bench, "",
	  "compare what modprobe and coldplug cost on this machine; loads nothing" },
#endif
	{ "list", COMMAND_LIST, command_list, "", "show the loaded modules, as lsmod does" },
};

/* The programs of kmod's that it can be: "a, b or c". */
static void print_applets(FILE *to)
{
	const char *name, *next = applet_name(1);

	for (size_t i = 1; (name = next); i++) {
		next = applet_name(i + 1);
		fprintf(to, "%s%s", name, !next ? "" : applet_name(i + 2) ? ", " : " or ");
	}
}

static void help(FILE *to)
{
	fputs("coldplug loads the kernel modules that a Linux machine needs, in parallel, by modprobe's rules.\n\n"
	      "Usage: coldplug COMMAND [OPTION...] [ARGUMENT...]\n\n",
	      to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fputs("  init     start a machine: be PID 1 of an initramfs, as coldplug is by the name init too\n"
	      "\nCalled by the name ",
	      to);
	print_applets(to);
	fputs(",\ncoldplug behaves as kmod's program of that name.\n"
	      "'coldplug COMMAND --help' shows the options of a command, 'coldplug --version' the version.\n\n"
	      "Exit codes:\n"
	      "    0  everything was done\n"
	      "    1  a module failed or was not found\n"
	      "    2  some input could not be read\n"
	      "  100  the command line was wrong\n"
	      "  111  a system call failed\n",
	      to);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* The command that a link to the program is called like, or NULL. */
static const struct command *find_command_of_link(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	return name && !strcmp(name, "coldplug-mkimage") ? find_command("image") : NULL;
}

static int no_command(const char *name)
{
	output_message("coldplug: there is no command '%s'; see 'coldplug --help'\n", name);
	return EXIT_USAGE;
}

static bool has_stderr;

/* Whether all that was printed could be. Where nobody can be told, as in an initramfs without a console, it
 * does not matter. */
static bool end_output(void)
{
	if ((fflush(stdout) != EOF && !ferror(stdout)) || !has_stderr)
		return true;
	perror("coldplug: standard output");
	return false;
}

/* name is a subcommand or another program that coldplug can be, or NULL. */
static int show_help(char *name)
{
	static char option[] = "--help";
	char *args[] = { name, option, NULL };
	const struct command *command = name ? find_command(name) : NULL;
	const struct applet *applet = name ? find_applet(name) : NULL;

	if (applet)
		return applet->fn(2, args);
	if (name && !command)
		return no_command(name);
	if (command)
		cli_help(command);
	else
		help(stdout);
	return end_output() ? 0 : EXIT_SYSTEM;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct cli cli = {};
	int r = cli_setup(&cli, command, argc, argv);

	r = r ? r - 1 : command->fn(&cli);
	cli_free(&cli);
	return end_output() ? r : EXIT_SYSTEM;
}

int main(int argc, char **argv)
{
	const struct command *command;
	const struct applet *applet = find_applet(argv[0]);

	if (applet)
		return applet->fn(argc, argv);
	if (argc > 1 && !strchr(argv[1], '/') && (applet = find_applet(argv[1])))
		return applet->fn(argc - 1, argv + 1);
	has_stderr = standard_descriptors(true);
	command = find_command_of_link(argv[0]);
	if (command)
		return run_command(command, argc, argv);
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return show_help(argc > 2 ? argv[2] : NULL);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("coldplug " COLDPLUG_VERSION COLDPLUG_FEATURES);
		return end_output() ? 0 : EXIT_SYSTEM;
	}
	command = find_command(argv[1]);
	if (!command)
		return no_command(argv[1]);
	return run_command(command, argc - 1, argv + 1);
}
