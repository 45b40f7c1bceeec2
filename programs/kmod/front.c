/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/kmod/front.h"

#include <stdio.h>
#include <string.h>

#include "programs/descriptors.h"
#include "programs/kmod/log.h"

void kmod_begin(void)
{
	kmod_log_open(!standard_descriptors());
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
