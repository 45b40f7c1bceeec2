/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/applets.h"

#include <string.h>

static const struct applet applets[] = {
	{ "init", init_main },	     { "modprobe", modprobe_main },
#ifdef HAVE_TOOLS
	{ "insmod", insmod_main },   { "kmod", kmod_main },	    { "lsmod", lsmod_main },
	{ "modinfo", modinfo_main }, { "rmmod", rmmod_main },	    { "depmod", depmod_main },
#endif
};

const struct applet *find_applet(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	for (size_t i = 0; name && i < sizeof(applets) / sizeof(applets[0]); i++)
		if (!strcmp(applets[i].name, name))
			return &applets[i];
	return NULL;
}

const char *applet_name(size_t i)
{
	return i < sizeof(applets) / sizeof(applets[0]) ? applets[i].name : NULL;
}
