/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/config.h"
#include "engine/moddir.h"

/* The configuration and the two indexes of aliases as modprobe -c prints them, for the caller to free(). 0 or
 * -ENOMEM. */
int config_text(const struct config *c, struct moddir *d, char **ret);
