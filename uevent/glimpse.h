/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A first look at the devices that an awaited disk may be behind, before all devices are walked
 * (uevent/walk.h). */
#pragma once

#include "base/rootfs.h"

/* Calls found for the alias of each device on the buses that disk controllers are on. It finds nothing
 * that a walk does not find; what it cannot read is left to that. A negative answer of found ends it and
 * is returned. 0 or -errno. */
int glimpse(const struct rootfs *root, int (*found)(void *userdata, const char *alias), void *userdata);
