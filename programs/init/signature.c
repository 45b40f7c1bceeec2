/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libblkid sees on a device, right before it is mounted. The engine has asked already; this is
 * for a device of which it could not tell, since libblkid does not choose between two signatures
 * (an ext4 where a reiserfs was before): then neither may be mounted, or the wrong one destroys the
 * other. And it is for a PID 1 without an engine.
 */
#include <stdio.h>

#include "programs/init/init.h"

int signatures_read(const char *node, struct signatures *ret)
{
	struct coldplug *c;
	const char *types;
	int r = coldplug_new(&c);

	if (r < 0)
		return r;
	r = coldplug_signatures(c, node, &types);
	if (r >= 0) {
		snprintf(ret->types, sizeof(ret->types), "%s", types);
		ret->ambivalent = r > 0;
	}
	coldplug_free(c);
	return r < 0 ? r : 0;
}
