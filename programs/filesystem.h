/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include <coldplug.h>

/* What a file system needs that is about to be mounted, and what is lost with the one that goes. */

/* Requests the modules of types (one, or a list with commas), without waiting for that. */
void filesystem_want(struct coldplug *c, const char *types);
/* The same for one that is mounted when a device is there that is still waited for. */
void filesystem_expect(struct coldplug *c, const char *types);
/* Whether those that were requested have been tried. */
bool filesystem_is_tried(struct coldplug *c, const char *types);
/* Whether drivers may ask for firmware that is here. */
bool filesystem_has_firmware(void);
