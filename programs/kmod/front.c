/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/kmod/front.h"

#include <stdio.h>
#include <string.h>

#include "programs/descriptors.h"
#include "programs/kmod/log.h"
#include "programs/output.h"

void kmod_begin(void)
{
	kmod_log_open(!standard_descriptors(false));
}

static void take_message(void *userdata, int level, const char *message)
{
	kmod_log(level, "%s", message);
}

struct coldplug *kmod_context(int level)
{
	static const char *const no_config[] = { NULL };
	struct coldplug *c = NULL;
	int r = coldplug_new(&c);

	kmod_log_level(level);
	if (!r)
		r = coldplug_set_config_paths(c, no_config);
	if (r < 0) {
		kmod_log(LOG_ERR, "%s", strerror(-r));
		return coldplug_free(c);
	}
	coldplug_set_log(c, take_message, NULL, level);
	return c;
}

void kmod_version(const char *name)
{
	printf("coldplug " COLDPLUG_VERSION COLDPLUG_FEATURES ", as %s\n", name);
}

int kmod_end(bool failed)
{
	bool lost = fflush(stdout) == EOF || ferror(stdout);

	if (lost)
		kmod_log(LOG_ERR, "could not write to standard output");
	return failed || lost;
}

static int take_option(const struct kmod_program *p, int option, int (*take)(void *userdata, int option),
		       void *userdata)
{
	switch (option) {
	case 's':
		kmod_log_open(true);
		return 0;
	case 'V':
		kmod_version(p->name);
		return 1 + kmod_end(false);
	case 'h':
		p->help();
		return 1 + kmod_end(false);
	case '?': /* getopt_long() has printed a message */
		return 2;
	default:
		return take(userdata, option);
	}
}

int kmod_options(const struct kmod_program *p, int argc, char **argv, int (*take)(void *userdata, int option),
		 void *userdata)
{
	int option, r = 0;

	output_check_options(argc, argv, p->letters, p->options);
	while (!r && (option = getopt_long(argc, argv, p->letters, p->options, NULL)) != -1)
		r = take_option(p, option, take, userdata);
	return r;
}
