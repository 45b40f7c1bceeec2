/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests: of devices, by name, by configuration. */
#pragma once

#include "libcoldplug/context.h"

/* Makes requests of the aliases that are new; how many there were, or -errno. */
int64_t context_request_devices(struct coldplug *c);

/* The flags of every request. */
uint32_t context_request_flags(const struct coldplug *c);

/* Makes requests of what an earlier boot needed for the devices that are awaited, as far as the first of
 * it, for instance a PCI device, is still there. 1: all of it is, and for all of them; 0: not; -errno. */
int context_want_known(struct coldplug *c);

/* A walk, whose slow half is done by other processes: context_take_devices() takes the answers that are
 * there. Nothing becomes a request yet. 0 or -errno. */
int context_walk(struct coldplug *c);
/* What may lead to the devices that are awaited (engine/priority.h); 0: none is. */
uint32_t context_awaited_providers(const struct coldplug *c);
/* The same for what may lead to an awaited device, as far as the buses list it; what else there is is left to
 * the walk. */
int64_t context_glimpse(struct coldplug *c);
int context_take_devices(struct coldplug *c);
/* The same, but waits so long at most for those that are not stuck. */
int context_wait_devices(struct coldplug *c, unsigned int milliseconds);
/* The same for the device of an event. */
int context_add_event(struct coldplug *c, const struct uevent *e);

/* Wants the modules of the file systems on what is about to be mounted, as far as they are known: once each.
 * 0 or -errno. */
int context_want_filesystems(struct coldplug *c);
/* Requests again what was put off: its module may be loaded now, or is no longer an orphan's. */
void context_want_again(struct coldplug *c);
