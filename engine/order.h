/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order in which the kernel's build lists its modules (modules.order), for names that never move:
 * where one module is loaded after the other in this order, sda is always the same disk. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "engine/modules.h"

struct order {
	bool opened;
	ARRAY(uint32_t) places; /* by module: from 1; 0: it is not listed */
};

/* Reads the file at the first call. 1; 0: it cannot be read, which is logged as input lost; -ENOMEM. */
int order_read(struct order *o, struct modules *m);
/* Higher for what comes earlier; 0 for what is not listed, which comes last. */
uint32_t order_priority(const struct order *o, uint32_t module);
void order_free(struct order *o);
