/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/faces.h"

#include <stddef.h>
#include <string.h>

static const struct face faces[] = {
	{ "init", init_main },
	{ "modprobe", modprobe_main },
};

const struct face *find_face(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	for (size_t i = 0; name && i < sizeof(faces) / sizeof(faces[0]); i++)
		if (!strcmp(faces[i].name, name))
			return &faces[i];
	return NULL;
}
