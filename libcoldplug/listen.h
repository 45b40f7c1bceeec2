/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where news comes from: the source of events, and what else the poller watches. */
#pragma once

#include "libcoldplug/context.h"

/* Opens the kernel's uevents, or udevd's, and has the poller watch all there is. Must come before the
 * first walk. 0 also when there are no events to be had (logged as input lost); -errno. */
int context_listen(struct coldplug *c);

/* Takes the events that are there, but no more than EVENTS_AT_ONCE. 1: there may be more; 0; -errno. */
int context_take_events(struct coldplug *c);
/* Takes one. 0 or -errno. */
int context_take_event(struct coldplug *c, const struct uevent *e);
