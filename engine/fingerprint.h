/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether what was read is still what is there, without reading it again. */
#pragma once

#include <stdint.h>

#include "base/rootfs.h"

/* A number that changes when a file of the configuration (config_paths as for config_load()) or of the
 * release's directory (the one of moddirs that there is) does, or when one comes: device, inode, size and time of change of each. Opens
 * and lists the directories, reads no file. */
uint64_t fingerprint(const struct rootfs *root, const char *const *config_paths, const char *const *moddirs);
