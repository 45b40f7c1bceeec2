/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libcoldplug/context.h"

/* A step and its result by the number that coldplug_step() takes; false: there is none. */
bool context_step(struct coldplug *c, size_t i, const struct step **step, const struct load_result **result);
