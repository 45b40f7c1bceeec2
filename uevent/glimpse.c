/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where processors are short, the walk takes longer than it takes to load a disk's driver: it opens a
 * thousand directories, and the controllers of disks are a few dozen devices. Their buses list them
 * (sys/bus/BUS/devices) by links, one for each device, so three system calls a device are enough.
 */
#include "uevent/glimpse.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"

/* A virtio, USB or SCSI device is there when its bus's driver is built in or was loaded before. */
static const char *const buses[] = { "pci", "virtio", "scsi", "usb", "vmbus" };

static int look_at(struct directory *d, const char *name, int (*found)(void *userdata, const char *alias),
		   void *userdata)
{
	char path[NAME_MAX + sizeof("/modalias")], alias[LIMIT_ALIAS + 1];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/modalias", name);
	n = read_attribute(directory_fd(d), path, alias, sizeof(alias));
	if (n <= 0 || memchr(alias, '\0', (size_t)n))
		return 0;
	alias[strcspn(alias, "\n")] = '\0';
	return found(userdata, alias);
}

static int look_at_bus(const struct rootfs *root, const char *bus,
		       int (*found)(void *userdata, const char *alias), void *userdata)
{
	_cleanup_directory_ struct directory d = {};
	char path[64];
	const char *name;
	int r;

	snprintf(path, sizeof(path), "sys/bus/%s/devices", bus);
	if (directory_open(&d, root, path) < 0)
		return 0;
	while ((r = directory_next(&d, &name)) > 0) {
		r = look_at(&d, name, found, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}

int glimpse(const struct rootfs *root, int (*found)(void *userdata, const char *alias), void *userdata)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(buses); i++)
		r = look_at_bus(root, buses[i], found, userdata);
	return r;
}
