/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What devices want: each distinct alias becomes one request. */
#pragma once

#include "base/array.h"
#include "engine/planner.h"
#include "uevent/prober.h"
#include "uevent/device.h"

enum alias_seen {
	ALIAS_NEW,
	ALIAS_SEEN,
	ALIAS_AGED, /* but not since wanted_age_aliases() */
};

struct wanted {
	struct device_set devices;
	ARRAY(uint8_t) alias_seen;    /* by alias of devices, enum alias_seen: it is, or will be, a request */
	ARRAY(uint32_t) new_aliases;  /* not yet requests */
	size_t n_aliases;	      /* that became requests, ever */
	size_t not_found;	      /* names that nothing has, or whose parameters are too long */
	bool configure;		      /* modules-load.d counts again */
	bool lenient;		      /* a name of modules-load.d that nothing has is a warning */
	bool put_off;		      /* the module of a name is an orphan's (orphans.h) */
	bool walk_failed;	      /* logged: it is not said again each time */
	struct prober devices_prober; /* for the "uevent" files of devices */
};

/* A device with one of its aliases, which becomes a request when it is first seen, and again when a
 * device that had it has gone. Without list nothing is kept of the device. 0 or -ENOMEM. */
int wanted_add_device(struct wanted *w, const char *devpath, const char *alias, bool list);
/* Makes a request of this alias now, unless it is one; with further flags. 0 or -errno. */
int wanted_request_now(struct wanted *w, struct planner *p, const char *alias, uint32_t flags);
/* Makes requests of the aliases that are new, in bytewise order: the same devices give the same plan.
 * How many there were, or -errno. */
int64_t wanted_request_aliases(struct wanted *w, struct planner *p, uint32_t flags);

/* Before a walk: an alias that was not seen since the last call is new when it is seen again. */
void wanted_age_aliases(struct wanted *w);
/* A device has gone: its alias is new when it is seen again. */
void wanted_forget_alias(struct wanted *w, const char *alias);

/* Forgets devices and aliases. */
void wanted_free_aliases(struct wanted *w);
