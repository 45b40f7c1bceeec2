/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another init of the same image takes over where this one is not enough, as if it had been the first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/init/init.h"

static void cannot_run(const struct init_options *o, int error)
{
	say(3, "%s: the fallback %s cannot be run: %s", INIT_CONF, o->fallback, strerror(error));
}

void fallback_run(const struct init_options *o, char **argv, const char *why)
{
	char *first = argv[0];
	int error;

	say(5, "running %s: %s", o->fallback, why);
	say_restore_limit();
	process_reset();
	(void)!chdir("/");
	mount_undo_api_file_systems();
	argv[0] = o->fallback;
	execv(o->fallback, argv);
	error = errno;
	argv[0] = first;
	process_setup();
	mount_api_file_systems();
	cannot_run(o, error);
}

void fallback_run_if_asked(struct init_options *o, char **argv)
{
	const char *reason = "root= is missing";
	char *spec, *why = NULL;

	if (o->fallback && access(o->fallback, X_OK) < 0) {
		cannot_run(o, errno);
		free(o->fallback);
		o->fallback = NULL;
	}
	if (!o->fallback)
		return;
	spec = o->root ? init_spec_of(o->root, &reason) : NULL;
	if (o->fallback_why && asprintf(&why, "%s is on the command line", o->fallback_why) < 0)
		why = NULL;
	if (o->fallback_why)
		fallback_run(o, argv, why ? why : "the command line asks for it");
	else if (!spec)
		fallback_run(o, argv, reason);
	free(why);
	free(spec);
}
