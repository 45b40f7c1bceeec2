/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kmod(8): what has no name of its own. */
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

static void help(void)
{
	fputs("Usage: kmod COMMAND [OPTION...]\n\n", stdout);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-13s %s\n", commands[i].name, commands[i].help);
	fputs("\n  -V, --version  print the version\n"
	      "  -h, --help     print this help\n\n"
	      "This kmod is coldplug. Called by the names depmod, insmod, lsmod, modinfo, modprobe\n"
	      "and rmmod it behaves as these programs.\n",
	      stdout);
}

static int help_main(int argc, char **argv)
{
	help();
	return kmod_end(false);
}

static const struct kmod_program program = { "kmod", "+hV", options, help };

int kmod_main(int argc, char **argv)
{
	int r, first;

	kmod_begin();
	r = kmod_options(&program, argc, argv, NULL, NULL);
	if (r)
		return r - 1;
	first = optind;
	if (first >= argc) {
		fputs("missing command\n", stderr);
		help();
		return 1;
	}
	/* The command's own options are parsed from the beginning. */
	optind = 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[first]))
			return commands[i].fn(argc - first, argv + first);
	output_message("invalid command '%s'\n", argv[first]);
	help();
	return 1;
}
