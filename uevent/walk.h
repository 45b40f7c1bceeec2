/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/rootfs.h"

/*
 * The walk: every device below sys/devices with its aliases. found is called for each pair of a device
 * and an alias ("/devices/...", at most LIMIT_ALIAS bytes, NUL-terminated); a negative answer ends the
 * walk and is returned. With devicetree, OF_NAME, OF_TYPE and OF_COMPATIBLE_n of a device's uevent make
 * one more alias. Devices that vanish meanwhile are no error. 0; -ENOENT and such when sys/devices
 * cannot be opened (told to nobody); -ENOMEM.
 */
int walk_devices(const struct rootfs *root, bool devicetree, struct log *log,
		 int (*found)(void *userdata, const char *devpath, const char *alias), void *userdata);
