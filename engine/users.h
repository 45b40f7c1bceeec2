/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other direction of modules.dep: which modules need one. */
#pragma once

#include "base/array.h"
#include "engine/modules.h"

struct module_ids {
	ARRAY(uint32_t) items;
};

/* Replaces *ret by the modules that need this one, also indirectly, each once and in the order of the
 * index. 0 or -ENOMEM. */
int users_find(struct modules *m, uint32_t module, struct module_ids *ret);
