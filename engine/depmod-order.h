/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order in which kmod's hash tables are walked: by the bucket that a name is in, and within it by
 * name. depmod writes modules.symbols in this order, and it numbers so the modules that modules.order does
 * not list. The table's function is Paul Hsieh's SuperFastHash. It reads 16 bits in the order of the
 * machine's bytes, so kmod's files differ between machines, and ours with them.
 */
#pragma once

#include <stdint.h>

#include "base/intern.h"

#define DEPMOD_SYMBOL_BUCKETS 2048U
#define DEPMOD_MODULE_BUCKETS 512U

/* The ids of all the names in that order, to be freed. n_buckets is a power of two. 0 or -ENOMEM. */
int depmod_order(const struct intern *names, uint32_t n_buckets, uint32_t **ret);
