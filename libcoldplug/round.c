/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One turn: take the results, the signals, the answers and the events that are there; walk if that is due;
 * load what is wanted by then; have what may block probed. Nothing here waits.
 */
#include "libcoldplug/round.h"

#include <errno.h>

#include "libcoldplug/afresh.h"
#include "libcoldplug/listen.h"
#include "libcoldplug/loading.h"
#include "libcoldplug/want.h"

#define API __attribute__((visibility("default")))

API int coldplug_fd(struct coldplug *c)
{
	return c->poller.epoll_fd;
}

static int want_names(struct coldplug *c)
{
	bool configure = c->wanted.configure;
	int r;

	c->wanted.configure = false;
	r = configure ? coldplug_want_configured(c) : 0;
	return r ?: context_want_filesystems(c);
}

int64_t context_load_wanted(struct coldplug *c)
{
	int r = context_begin_burst(c) ?: want_names(c); /* a reset forgets what was wanted before it */
	int64_t n;

	/* One order for all: nothing is planned before each device that was asked has answered, or was
	 * given up. */
	if (!r && has_flag(c, COLDPLUG_ORDERED) && prober_busy(&c->wanted.devices_prober))
		return 0;
	n = r < 0 ? r : context_request_devices(c);
	if (n < 0)
		return n;
	if (!n && !planner_has_news(&c->machine.planner))
		return 0;
	n = coldplug_plan(c);
	if (n > 0)
		settle_note_now(&c->settle, SETTLE_LOADS_PLANNED);
	r = n < 0 ? (int)n : coldplug_load(c);
	return r < 0 ? r : n;
}

/* A dry run wants all devices in one plan, so it waits for those that have to be probed. */
int context_look_again(struct coldplug *c)
{
	int64_t n = has_flag(c, COLDPLUG_DRY_RUN) ? coldplug_walk(c) : context_walk(c);

	context_want_again(c);
	c->waiting.look_for_waits = true;
	settle_note_now(&c->settle, SETTLE_WALKED);
	/* Without /sys there are still names. */
	return n < 0 && !c->wanted.walk_failed ? (int)n : 0;
}

static int take_disk(void *userdata, const struct probe_answer *answer)
{
	struct coldplug *c = userdata;
	struct waiting *w = &c->waiting;
	int r;

	r = wait_list_take_answer(&w->waits, &c->machine.root, &w->disks_prober, &c->log, answer);
	if (r < 0)
		return r;
	return wait_list_take_answer(&w->mounts, &c->machine.root, &w->disks_prober, &c->log, answer);
}

/* After a walk all block devices may be what somebody waits for. */
static int look_for_waits(struct waiting *w, const struct rootfs *root)
{
	bool look = w->look_for_waits;
	int r = 0;

	w->look_for_waits = false;
	if (look && wait_list_pending(&w->waits))
		r = wait_list_check_all(&w->waits, root, &w->disks_prober);
	if (!r && look && wait_list_pending(&w->mounts))
		r = wait_list_check_all(&w->mounts, root, &w->disks_prober);
	return r;
}

int context_probe(struct coldplug *c)
{
	int r = look_for_waits(&c->waiting, &c->machine.root);

	return r ?: prober_go(&c->waiting.disks_prober) ?: prober_go(&c->wanted.devices_prober);
}

static void take_signals(struct coldplug *c)
{
	poller_drain(&c->poller);
	if (!c->waiting.cancelled)
		return;
	c->waiting.cancelled = 0;
	c->waiting.was_cancelled = true;
	if (c->loading.loader)
		loader_cancel(c->loading.loader);
	orphans_cancel(&c->loading.orphans);
}

/* A run that began again with each loss would not end while a storm lasts. A monitor does not end. */
static void count_loss(struct coldplug *c)
{
	if (c->monitor.monitoring || c->settle.source != SETTLE_EVENTS)
		return;
	settle_note_now(&c->settle, SETTLE_LOSS_COUNTED);
	if (c->settle.source == SETTLE_OVERRUN)
		log_lost(&c->log,
			 "events arrive faster than they can be received and are lost again and again: "
			 "devices that appear late are found by walking /sys only");
}

/* The removal of a module can be among what was lost. A monitor that knew it as loaded must forget that,
 * or it would not load it for a device that had it before. */
static int rescan(struct coldplug *c, bool emptied)
{
	int r = 0;

	if (!emptied || !is_in_flight(&c->loading))
		count_loss(c);
	if (c->monitor.monitoring)
		r = context_start_afresh(c, false);
	if (!r)
		r = context_look_again(c);
	/* What is lost behind this walk is only found by another one. */
	if (!r && !emptied)
		settle_note_now(&c->settle, SETTLE_RESCAN_WANTED);
	return r;
}

static int look_if_due(struct coldplug *c, bool emptied)
{
	switch (settle_look(&c->settle, emptied, clock_now_us())) {
	case SETTLE_LOOK_RESCAN:
		return rescan(c, emptied);
	case SETTLE_LOOK_WALK:
		return context_look_again(c);
	default:
		return 0;
	}
}

/* A monitor without events: a device that two walks in a row have not seen has gone. */
static void walk_when_idle(struct coldplug *c)
{
	if (!c->monitor.monitoring || !settle_idle_walk_due(&c->settle, clock_now_us()))
		return;
	wanted_age_aliases(&c->wanted);
	settle_note_now(&c->settle, SETTLE_WALK_WANTED);
}

void context_set_timer(struct coldplug *c)
{
	uint64_t burst = context_burst_ends(c), until = settle_monitor_wakes(&c->settle);

	if (!c->monitor.monitoring)
		return;
	poller_set_timer(&c->poller, !until || (burst && burst < until) ? burst : until);
}

static int take_turn(struct coldplug *c)
{
	int64_t n;
	int r = context_end_burst(c);

	walk_when_idle(c);
	if (!r)
		r = context_take_devices(c);
	if (!r)
		r = prober_take(&c->waiting.disks_prober, take_disk, c);
	if (!r)
		r = context_take_events(c);
	if (r >= 0)
		r = look_if_due(c, r == 0);
	if (r < 0)
		return r;
	n = context_load_wanted(c);
	return n < 0 ? (int)n : context_tell_awaited(c) ?: context_probe(c);
}

API int coldplug_dispatch(struct coldplug *c)
{
	int results = context_take_results(c), r;

	take_signals(c);
	r = results < 0 ? results : take_turn(c);
	context_set_timer(c);
	return r < 0 ? r : results;
}

API int coldplug_wait(struct coldplug *c)
{
	int r = context_watch_loader(c);

	/* Now all loads are waited for. */
	c->waiting.begun = false;
	if (r >= 0)
		r = context_tell_awaited(c);
	while (r >= 0 && c->loading.loader && is_in_flight(&c->loading)) {
		r = poller_wait(&c->poller, -1);
		take_signals(c);
		if (r >= 0)
			r = context_take_results(c);
	}
	return r < 0 ? r : 0;
}
