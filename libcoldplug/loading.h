/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From plans to results. */
#pragma once

#include "libcoldplug/context.h"

/* Whether modules without drivers are to be given async_probe. */
bool context_async_probe(const struct coldplug *c);

/* Tells the loading process whether a device is awaited, if that has changed. 0 or -errno. */
int context_tell_awaited(struct coldplug *c);

/* Takes the results that are there; how many, or -errno. */
int context_take_results(struct coldplug *c);

/* Makes orphans of what is in flight. 0 or -ENOMEM. */
int loading_set_aside(struct loading *l, const struct planner *p);
