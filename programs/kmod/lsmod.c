/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lsmod(8), and "kmod list". */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <coldplug.h>

#include "programs/applets.h"
#include "programs/kmod/front.h"
#include "programs/kmod/log.h"
#include "programs/output.h"

static const struct option options[] = {
	{ "syslog", no_argument, NULL, 's' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void help(void)
{
	fputs("Usage: lsmod [OPTION...]\n\n"
	      "Lists the modules that are loaded, with their sizes in bytes, how often each is used,\n"
	      "and by which modules.\n\n"
	      "  -s, --syslog   send messages to syslog\n"
	      "  -v, --verbose  print more messages\n"
	      "  -V, --version  print the version\n"
	      "  -h, --help     print this help\n",
	      stdout);
}

/* A kernel that cannot unload modules has no reference counts. kmod prints its errno, ENOENT, in their
 * place. */
static void print_table(const struct coldplug_loaded *list, int64_t n)
{
	puts("Module                  Size  Used by");
	for (int64_t i = 0; i < n; i++)
		output_printf("%-19s %8" PRIu64 "  %" PRId64 "%s%s\n", list[i].name, list[i].size,
			      list[i].refcount < 0 ? -2 : list[i].refcount, *list[i].holders ? " " : "",
			      list[i].holders);
}

static int fail(int error)
{
	kmod_log(LOG_ERR, "could not get list of modules: %s", strerror(error));
	return 1;
}

static int list_modules(int level)
{
	const struct coldplug_loaded *list;
	struct coldplug *c;
	int64_t n;
	int r;

	/* coldplug_loaded() says it in other words. */
	if (access("/proc/modules", F_OK) < 0) {
		r = errno;
		kmod_log(LOG_ERR, "could not open /proc/modules: %s", strerror(r));
		return fail(r);
	}
	c = kmod_context(level);
	if (!c)
		return 1;
	n = coldplug_loaded(c, &list);
	if (n < 0) {
		r = fail((int)-n);
	} else {
		print_table(list, n);
		/* A line that could not be read was reported. */
		r = kmod_end(coldplug_exit_code(c) != 0);
	}
	coldplug_free(c);
	return r;
}

/* -v is the only one. */
static int take_option(void *level, int option)
{
	++*(int *)level;
	return 0;
}

static const struct kmod_program program = { "lsmod", "svVh", options, help };

int lsmod_main(int argc, char **argv)
{
	int level = LOG_ERR, r;

	kmod_begin();
	r = kmod_options(&program, argc, argv, take_option, &level);
	if (r)
		return r - 1;
	if (optind < argc) {
		kmod_log(LOG_ERR, "too many arguments provided.");
		return 1;
	}
	return list_modules(level);
}
