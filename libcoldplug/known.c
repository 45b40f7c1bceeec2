/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a profile says of the devices that are awaited or about to be mounted (base/profile.h): the devices
 * they were behind. One alias in one file of sysfs is read where the glimpse lists buses. What is on a bus
 * is requested together with the bus's driver, although it is not there yet. All buses are served alike,
 * also those of which engine/priority.c knows nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/want.h"

static bool has_alias(const struct rootfs *root, const struct profile_device *d)
{
	char path[PATH_MAX], alias[LIMIT_ALIAS + 1];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (snprintf(path, sizeof(path), "sys%s/modalias", d->path) >= (int)sizeof(path))
		return false;
	fd = rootfs_openat(root, path, O_RDONLY | O_NONBLOCK);
	n = fd < 0 ? fd : read_attribute_fd(fd, alias, sizeof(alias));
	if (n <= 0)
		return false;
	alias[strcspn(alias, "\n")] = '\0';
	return !strcmp(alias, d->alias);
}

static bool is_below(const char *path, const char *parent)
{
	size_t n = strlen(parent);

	return !strncmp(path, parent, n) && path[n] == '/';
}

/* The device on whose bus it is, or NULL. */
static const struct profile_device *parent_of(const struct profile *p, size_t i)
{
	for (size_t k = i; k-- > 0;)
		if (is_below(p->devices.items[i].path, p->devices.items[k].path))
			return &p->devices.items[k];
	return NULL;
}

static bool is_known(const struct profile *p, const struct wait_spec *spec)
{
	for (size_t i = 0; i < p->awaited.n; i++)
		if (!strcmp(p->awaited.items[i], spec->text))
			return true;
	return false;
}

static bool are_known(const struct profile *p, const struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++)
		if (!is_known(p, &l->specs.items[i]))
			return false;
	return true;
}

/* Devices that the profile has in front are looked at before those on them. */
static int want_devices(struct coldplug *c, const struct profile *p, bool *all)
{
	ARRAY(bool) there = {};
	int r = 0;

	for (size_t i = 0; !r && i < p->devices.n; i++) {
		const struct profile_device *d = &p->devices.items[i], *parent = parent_of(p, i);
		bool is_there =
			parent ? there.items[parent - p->devices.items] : has_alias(&c->machine.root, d);

		r = array_push(&there, is_there);
		if (!r && is_there)
			r = wanted_request_now(&c->wanted, &c->machine.planner, d->alias,
					       context_request_flags(c) | REQUEST_NEEDED);
		*all = *all && is_there;
	}
	array_free(&there);
	return r;
}

static int want_filesystems(struct coldplug *c, const struct profile *p)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->filesystems.n; i++) {
		char alias[64];

		snprintf(alias, sizeof(alias), "fs-%.50s", p->filesystems.items[i]);
		r = (int)planner_request(&c->machine.planner, alias, NULL,
					 context_request_flags(c) | REQUEST_BLACKLIST | REQUEST_NEEDED);
	}
	return r < 0 ? r : 0;
}

int context_want_known(struct coldplug *c)
{
	const struct profile *p = &c->machine.profile;
	bool all = p->devices.n && are_known(p, &c->waiting.waits) && are_known(p, &c->waiting.mounts);
	int r = want_devices(c, p, &all);

	/* What is on the devices is mounted if they are there. */
	if (!r && all)
		r = want_filesystems(c, p);
	return r < 0 ? r : all;
}
