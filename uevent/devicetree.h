/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

/* The alias of a device-tree node out of OF_NAME, OF_TYPE and OF_COMPATIBLE_n, as drivers/of/module.c
 * of_modalias() writes it: "of:N<name>T<type>C<c0>C<c1>...". get returns a variable's value and length,
 * or NULL. False when the device has no node. */
bool devicetree_alias(const char *(*get)(void *userdata, const char *key, size_t *len), void *userdata,
		      char alias[LIMIT_ALIAS + 1]);
