/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One turn (coldplug_dispatch()), and its parts. */
#pragma once

#include "libcoldplug/context.h"

/* A walk. That it fails is logged and counted as input lost: what is wanted by name is loaded all the same.
 * 0 or -ENOMEM. */
int context_look_again(struct coldplug *c);

/* Makes the first walk if it was put off (libcoldplug/settle.c), and hands over what it finds; how many
 * new steps, or -errno. */
int64_t context_walk_first(struct coldplug *c);

/* The same at a caller's end: devices that were asked for their aliases have a second to answer. */
int64_t context_walk_last(struct coldplug *c);

/* Plans what was wanted since the last time and hands it over; how many new steps, or -errno. */
int64_t context_load_wanted(struct coldplug *c);

/* Has devices and disks probed, which may block. Comes after context_load_wanted(): loading comes first.
 * 0 or -errno. */
int context_probe(struct coldplug *c);

/* Has the poller wake a monitor when it has something to do by itself. */
void context_set_timer(struct coldplug *c);
