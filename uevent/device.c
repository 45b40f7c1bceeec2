/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/device.h"

#include <string.h>

int device_set_add(struct device_set *set, const char *devpath, const char *alias, size_t alias_len)
{
	uint32_t id = intern_add(&set->aliases, alias, alias_len), device;
	/* The room is made first: a path without its claims would move the claims of all later paths. */
	int r = array_make_room(&set->first, 1);

	if (r < 0 || id == INTERN_NONE)
		return -ENOMEM;
	device = intern_add(&set->devpaths, devpath, strlen(devpath));
	if (device == INTERN_NONE)
		return -ENOMEM;
	if (device == set->first.n)
		set->first.items[set->first.n++] = CLAIM_NONE;
	for (uint32_t i = set->first.items[device]; i != CLAIM_NONE; i = set->claims.items[i].next)
		if (set->claims.items[i].alias == id)
			return 0;
	r = array_push(&set->claims, { device, id, set->first.items[device] });
	if (r < 0)
		return r;
	set->first.items[device] = (uint32_t)set->claims.n - 1;
	return 1;
}

void device_set_free(struct device_set *set)
{
	intern_free(&set->devpaths);
	intern_free(&set->aliases);
	array_free(&set->first);
	array_free(&set->claims);
}
