/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kmod(8): what has no name of its own. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "programs/applets.h"
#include "programs/kmod/front.h"
#include "programs/kmod/static-nodes.h"
#include "programs/output.h"

static int help_main(int argc, char **argv);

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "help", help_main, "print this help" },
	{ "list", lsmod_main, "list the modules that are loaded, as lsmod does" },
	{ "static-nodes", static_nodes_main, "print the device nodes of modules that are not loaded yet" },
};

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{},
};

static int help_main(int argc, char **argv)
{
	fputs("Usage: kmod COMMAND [OPTION...]\n\n", stdout);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-13s %s\n", commands[i].name, commands[i].help);
	fputs("\n  -V, --version  print the version\n"
	      "  -h, --help     print this help\n\n"
	      "This kmod is coldplug. Called by the names depmod, insmod, lsmod, modinfo, modprobe\n"
	      "and rmmod it behaves as these programs.\n",
	      stdout);
	return kmod_end(false);
}

int kmod_main(int argc, char **argv)
{
	int option = getopt_long(argc, argv, "+hV", options, NULL), first = optind;

	kmod_begin();
	if (option == 'h')
		return help_main(0, NULL);
	if (option == 'V') {
		kmod_version("kmod");
		return kmod_end(false);
	}
	if (option != -1)
		return 1;
	if (first >= argc) {
		fputs("missing command\n", stderr);
		help_main(0, NULL);
		return 1;
	}
	/* The command's own options are parsed from the beginning. */
	optind = 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[first]))
			return commands[i].fn(argc - first, argv + first);
	output_message("invalid command '%s'\n", argv[first]);
	help_main(0, NULL);
	return 1;
}
