/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/filesystem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* The next of a list of types as mount(2) asks for its module (fs/filesystems.c); false at the end. */
static bool next_type(const char **p, char alias[64])
{
	size_t n;

	*p += strspn(*p, ",");
	n = strcspn(*p, ",");
	snprintf(alias, 64, "fs-%.*s", (int)(n < 50 ? n : 50), *p);
	*p += n;
	return n;
}

static void each_type(struct coldplug *c, const char *types, int (*fn)(struct coldplug *c, const char *type))
{
	char alias[64];

	while (next_type(&types, alias))
		(void)fn(c, alias + strlen("fs-"));
}

void filesystem_want(struct coldplug *c, const char *types)
{
	each_type(c, types, coldplug_want_filesystem);
}

void filesystem_expect(struct coldplug *c, const char *types)
{
	each_type(c, types, coldplug_expect_filesystem);
}

static bool is_planned(struct coldplug *c, const char *module)
{
	const struct coldplug_step *step;

	for (size_t i = 0; (step = coldplug_step(c, i)); i++)
		if (!strcmp(step->module, module))
			return step->state == COLDPLUG_PLANNED;
	return false;
}

bool filesystem_is_tried(struct coldplug *c, const char *types)
{
	const char *const *names;
	char alias[64];

	while (next_type(&types, alias)) {
		int n = coldplug_resolve(c, alias, &names);

		for (int i = 0; i < n; i++)
			if (is_planned(c, names[i]))
				return false;
	}
	return true;
}

bool filesystem_has_firmware(void)
{
	DIR *dir = opendir("/lib/firmware");
	const struct dirent *entry = NULL;

	while (dir && (entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	if (dir)
		closedir(dir);
	return entry;
}
