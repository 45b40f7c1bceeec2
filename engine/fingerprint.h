/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether files have changed since they were read, without reading them again. */
#pragma once

#include <stdint.h>

#include "base/rootfs.h"

/* A number that changes when a file of the configuration (config_paths as for config_load()) or of the
 * release's directories (moddirs, NULL-terminated) changes, appears or disappears, or the archive, which
 * is one of the caller's and not below the root, or NULL: made of device, inode, size and ctime of each.
 * Lists the directories and reads no file. */
uint64_t fingerprint(const struct rootfs *root, const char *const *config_paths, const char *const *moddirs,
		     const char *archive);
