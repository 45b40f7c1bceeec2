/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A monitor runs for days. Events come in bursts, and when one is over everything that was read, planned
 * and done for it is forgotten, so that nothing grows; what the next one needs is read at once, while there
 * is time. When it begins, a fingerprint of the files says whether any has changed since.
 *
 * A burst is over when nothing was handed over and no result has come for quiet_us; for stuck_us if loads
 * are in flight, which may never return. These are set aside (libcoldplug/orphans.c).
 */
#include "libcoldplug/afresh.h"

#include "libcoldplug/life.h"
#include "libcoldplug/loading.h"

/* A monitor that has more requests or aliases than this does not wait for the end of the burst. */
#define REQUESTS_AT_MOST 4096

/* Opens the indexes and has a loading process wait. One that cannot be started is tried again, and the
 * failure logged, when it is needed. */
static void prepare_burst(struct coldplug *c)
{
	const char *value;

	for (int i = 0; i < MODDIR_INDEXES; i++)
		(void)moddir_find(&c->machine.dir, (enum moddir_index)i, "", &value);
	if (!coldplug_start(c))
		(void)context_watch_loader(c);
}

int context_start_afresh(struct coldplug *c, bool keep_aliases)
{
	int level = c->log.level, r;
	bool reload = c->monitor.reload;

	/* Now: a signal that comes from here on counts the next time. */
	c->monitor.reload = 0;
	r = is_in_flight(&c->loading) ? loading_set_aside(&c->loading, &c->machine.planner) : 0;
	if (r < 0)
		return r;
	context_reset(c, keep_aliases && !reload);
	/* What is wrong with the files was logged the first time. */
	if (!reload)
		c->log.level = LOG_LEVEL_DEBUG < level ? level : -1;
	r = context_open(c) ?: orphans_mark(&c->loading.orphans, &c->machine.expander);
	if (!r)
		prepare_burst(c);
	c->log.level = level;
	if (!reload)
		return r;
	c->wanted.configure = true;
	settle_note_now(&c->settle, SETTLE_WALK_WANTED);
	return r;
}

uint64_t context_burst_ends(const struct coldplug *c)
{
	if (!c->loading.handed)
		return 0;
	return c->monitor.active_us + (is_in_flight(&c->loading) ? c->monitor.stuck_us : c->monitor.quiet_us);
}

static bool has_grown(const struct coldplug *c)
{
	return c->machine.expander.requests.n > REQUESTS_AT_MOST ||
		c->wanted.devices.aliases.n > REQUESTS_AT_MOST;
}

static bool is_burst_over(const struct coldplug *c)
{
	return c->loading.handed && (!c->loading.loader || clock_now_us() >= context_burst_ends(c));
}

int context_end_burst(struct coldplug *c)
{
	bool has_new_files = c->monitor.reload || !c->monitor.fingerprint; /* not read as a monitor yet */
	bool grown = has_grown(c);

	if (!c->monitor.monitoring || (!has_new_files && !grown && !is_burst_over(c)))
		return 0;
	/* Without events a removal goes unnoticed, so the aliases seen are kept. */
	return context_start_afresh(c, !settle_events_reliable(&c->settle) && !grown);
}

int context_begin_burst(struct coldplug *c)
{
	if (!c->monitor.monitoring || c->loading.handed || !c->wanted.new_aliases.n ||
	    machine_fingerprint(&c->machine) == c->monitor.fingerprint)
		return 0;
	return context_start_afresh(c, true);
}
