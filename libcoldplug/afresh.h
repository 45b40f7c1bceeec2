/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a monitor forgets: so that its memory does not grow, and what it knows is never stale. */
#pragma once

#include "libcoldplug/context.h"

/* Forgets everything that was read, wanted and done, and reads it again; loads in flight are set aside. With
 * keep_aliases it remembers which aliases it has seen, unless a reload was asked for. 0 or -errno. */
int context_start_afresh(struct coldplug *c, bool keep_aliases);

/* At the end of a burst of events: starts afresh when it is over, or the context has grown too much. */
int context_end_burst(struct coldplug *c);
/* At the beginning of one: starts afresh when a file has changed since it was read. */
int context_begin_burst(struct coldplug *c);

/* When the burst will be over; 0: there is none. */
uint64_t context_burst_ends(const struct coldplug *c);
