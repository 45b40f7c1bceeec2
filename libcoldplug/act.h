/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What inserting and removing one module have in common. */
#pragma once

#include "libcoldplug/context.h"
#include "loader/kernel.h"

/* The kernel as this process sees it. */
void context_kernel(struct coldplug *c, struct kernel *ret);
/* Reports an act to the caller: 0, or -ECANCELED when that ends the call. */
int context_report(struct coldplug *c, const struct coldplug_act *act);
