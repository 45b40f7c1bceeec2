/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rmmod(8): the modules that are named, and nothing that they need. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <coldplug.h>

#include "programs/applets.h"
#include "programs/kmod/front.h"
#include "programs/kmod/log.h"

static const struct option options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "syslog", no_argument, NULL, 's' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "wait", no_argument, NULL, 'w' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

struct rmmod {
	int level;
	bool force;
	bool wait;
};

static void help(void)
{
	fputs("Usage: rmmod [OPTION...] MODULE...\n\n"
	      "Removes modules from the kernel, and nothing that they need; modprobe -r does that.\n\n"
	      "  -f, --force    remove a module that is in use, which may crash the kernel\n"
	      "  -w, --wait     wait until a module is no longer in use\n"
	      "  -s, --syslog   send messages to syslog\n"
	      "  -v, --verbose  print more messages\n"
	      "  -V, --version  print the version\n"
	      "  -h, --help     print this help\n",
	      stdout);
}

/* The holders are separated by commas; kmod separates them by blanks. */
static void log_holders(const struct coldplug_loaded *m)
{
	char *holders = strdup(m->holders);

	for (char *p = holders; p && (p = strchr(p, ','));)
		*p = ' ';
	kmod_log(LOG_ERR, "Module %s is in use by: %s", m->name, holders ?: m->holders);
	free(holders);
}

/* Whether the kernel may be asked to remove it; if not, a message says why. */
static bool may_go(const struct rmmod *r, const struct coldplug_loaded *m)
{
	if (m->initstate == COLDPLUG_INIT_BUILTIN)
		kmod_log(LOG_ERR, "Module %s is builtin.", m->name);
	else if (m->initstate == COLDPLUG_INIT_ABSENT)
		kmod_log(LOG_ERR, "Module %s is not currently loaded", m->name);
	else if (r->wait)
		return true;
	else if (*m->holders)
		log_holders(m);
	else if (m->refcount < 0)
		kmod_log(LOG_ERR, "Module unloading is not supported");
	else if (m->refcount)
		kmod_log(LOG_ERR, "Module %s is in use", m->name);
	else
		return true;
	return false;
}

/* A word that is a file stands for the module that is called like it. */
static const char *name_of(const char *word)
{
	const char *slash = strrchr(word, '/');
	struct stat st;

	return slash && !stat(word, &st) ? slash + 1 : word;
}

static bool remove_one(const struct rmmod *rm, struct coldplug *c, const char *word)
{
	struct coldplug_loaded m;
	int r = rm->force ? 0 : coldplug_initstate(c, name_of(word), &m);

	if (r < 0) {
		kmod_log(LOG_ERR, "could not use module %s: %s", word, strerror(-r));
		return false;
	}
	if (!rm->force && !may_go(rm, &m))
		return false;
	r = coldplug_remove_module(c, name_of(word), rm->wait ? UINT_MAX : 0);
	if (r < 0)
		kmod_log(LOG_ERR, "could not remove module %s: %s", word, strerror(-r));
	return !r;
}

static int remove_all(const struct rmmod *rm, char **words, int n)
{
	struct coldplug *c = kmod_context(rm->level);
	int failed = 0;

	if (!c)
		return 1;
	if (coldplug_set_flag(c, COLDPLUG_FORCE_REMOVE, rm->force) < 0)
		failed++;
	for (int i = 0; i < n; i++)
		failed += !remove_one(rm, c, words[i]);
	coldplug_free(c);
	return failed > 0;
}

/* Returns 0, or 1 + the exit code. */
static int take_option(void *userdata, int option)
{
	struct rmmod *rm = userdata;

	switch (option) {
	case 'f':
		rm->force = true;
		return 0;
	case 'w':
		rm->wait = true;
		return 0;
	case 'v':
		rm->level++;
		return 0;
	default:
		return 2;
	}
}

static const struct kmod_program program = { "rmmod", "fsvwVh", options, help };

int rmmod_main(int argc, char **argv)
{
	struct rmmod rm = { .level = LOG_ERR };
	int r;

	kmod_begin();
	r = kmod_options(&program, argc, argv, take_option, &rm);
	if (r)
		return r - 1;
	if (optind >= argc) {
		kmod_log(LOG_ERR, "missing module name.");
		return 1;
	}
	return remove_all(&rm, argv + optind, argc - optind);
}
