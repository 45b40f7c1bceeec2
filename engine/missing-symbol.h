/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/moddir.h"

struct missing_symbol {
	char symbol[128];
	char module[256];
};

/* After "unknown symbol": an undefined symbol of the module's file that a module exports which is_there
 * does not know to be in the kernel. 1 and *ret, 0 when none is found (then the symbol is the
 * kernel's own, or its version differs), -errno. */
int missing_symbol_find(struct moddir *d, const char *path,
			bool (*is_there)(void *userdata, const char *module), void *userdata,
			struct missing_symbol *ret);
