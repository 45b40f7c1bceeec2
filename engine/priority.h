/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an alias tells about its device: how soon a boot wants it, how long its probe may take. */
#pragma once

#include <stdint.h>

/* Higher first: what the root file system may be on, then what leads to more devices, then the rest. */
uint32_t alias_priority(const char *alias);
