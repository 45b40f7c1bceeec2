/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When has a machine settled? When everything the kernel had to say has been received and acted upon, no
 * load is in flight, and nothing new was wanted.
 *
 * The idea: a barrier. When nothing is in flight the kernel is asked for a synthetic event of our own. It
 * queues events in order, so when that one is received, all that were sent before it have been. If nothing
 * new was wanted meanwhile (SETTLE_LOADS_PLANNED), that was all; if something was, it is loaded and another
 * barrier decides. Events that want nothing new do not count, however many they are. A last turn then takes
 * what had been sent by the time the last load or probe ended.
 *
 * Losses. When the kernel says that it dropped events (ENOBUFS, a message that did not fit) sysfs is walked
 * again, once the queue is empty: until then it drops all others too and does not say so again. A queue
 * that is never empty puts this off for RESCAN_LATE_US only. A run that loses events LOSSES_AT_MOST times
 * without having wanted anything new in between will lose them for as long as the storm lasts: it goes on
 * as if it had none (SETTLE_OVERRUN). A monitor does not end, so it makes up for each loss.
 *
 * A gap in the numbers is no proof of a loss, because other network namespaces take numbers too. It is
 * worth one walk per settling.
 *
 * Without events (a container, another root) a walk takes the barrier's place: one that is made while
 * nothing is in flight and finds nothing new is the end.
 *
 * A barrier that does not come back means that events cannot be relied upon. But under load it may be
 * queued behind thousands of others, so it is given up only when the queue has been seen empty after its
 * time was up.
 *
 * udevd handles events side by side. A barrier that comes back through it means that all before it have
 * been received and begun, not that they are done. They are when udevd's queue is empty; a device that
 * reports something all the time keeps it from ever being so, and then it is the end when no event from
 * before the barrier has come for UDEVD_OLDER_US. Where none at all has come, UDEVD_STUCK_US is the limit.
 *
 * Refused: an idle timer (a drive that polls its tray keeps it alive, a break that the kernel takes ends
 * it); a barrier after each load (only the one with nothing in flight says anything); counting a run's
 * losses from its start (a storm of new devices is not the same as a storm that brings nothing); a table of
 * phase times event (most events do not look at the phase).
 *
 * Invariant: the phase is SETTLE_CONFIRMED or SETTLE_DRAINED only if since the last plan a barrier has come
 * back without an unexcused gap, or a walk has found nothing new. And SETTLE_FENCED only with
 * SETTLE_EVENTS.
 */
#include "libcoldplug/settle-state.h"

/* A run that loses events so often without wanting anything new in between walks instead. */
#define LOSSES_AT_MOST 3
/* A queue that is never empty puts off a rescan for so long at most. */
#define RESCAN_LATE_US 1000000
/* The kernel queues a barrier before the write that asks for it returns; this is for sources in between. */
#define BARRIER_US 3000000
/* udevd's rules may run programs. */
#define UDEVD_BARRIER_US 60000000
/* When newer events keep udevd busy, it is waited so long for another that is older than the barrier. */
#define UDEVD_OLDER_US 5000000
/* udevd kills a worker after so long. */
#define UDEVD_STUCK_US 180000000
/* Without events: the time between two walks while loads are in flight, */
#define WALK_INTERVAL_US 200000
/* and while a monitor is idle. A walk takes a few ms. */
#define IDLE_WALK_US 5000000
/* No event announces a link that udev makes, nor the end of udevd's queue. */
#define POLL_INTERVAL_US 50000

static void want_rescan(struct settle *s, const struct settle_event *e)
{
	if (s->look != SETTLE_LOOK_RESCAN)
		s->rescan_us = e->now_us;
	s->look = SETTLE_LOOK_RESCAN;
}

static void want_walk(struct settle *s, const struct settle_event *e)
{
	if (s->look == SETTLE_LOOK_NOT)
		s->look = SETTLE_LOOK_WALK;
}

static void begin(struct settle *s, const struct settle_event *e)
{
	s->phase = SETTLE_WORKING;
	s->gap = SETTLE_GAP_NONE;
	s->losses = 0;
	s->answered = false;
	if (s->source == SETTLE_OVERRUN)
		s->source = SETTLE_EVENTS;
}

static void open_source(struct settle *s, const struct settle_event *e)
{
	s->source = SETTLE_EVENTS;
	s->udevd = e->kind == SETTLE_UDEVD_OPENS;
}

static void send_barrier(struct settle *s, const struct settle_event *e)
{
	s->phase = SETTLE_FENCED;
	s->barrier_limit_us = e->now_us + (s->udevd ? UDEVD_BARRIER_US : BARRIER_US);
}

static void take_barrier(struct settle *s, const struct settle_event *e)
{
	if (s->phase != SETTLE_FENCED)
		return;
	s->phase = s->gap == SETTLE_GAP_SEEN ? SETTLE_WORKING : SETTLE_CONFIRMED;
	s->barrier_seqnum = e->seqnum;
	s->older_us = e->now_us;
	s->newer = false;
}

/* A barrier that is under way says nothing any more. */
static void drop_barrier(struct settle *s)
{
	if (s->phase == SETTLE_FENCED)
		s->phase = SETTLE_WORKING;
}

static void give_up_barriers(struct settle *s, const struct settle_event *e)
{
	drop_barrier(s);
	s->source = SETTLE_NO_EVENTS;
}

/* What udevd is at: events from before the barrier, or from after it. */
static void take_event(struct settle *s, const struct settle_event *e)
{
	if (!s->udevd || s->phase < SETTLE_CONFIRMED)
		return;
	if (e->seqnum > s->barrier_seqnum)
		s->newer = true;
	else
		s->older_us = e->now_us;
}

static void find_gap(struct settle *s, const struct settle_event *e)
{
	if (s->gap == SETTLE_GAP_NONE)
		s->gap = SETTLE_GAP_SEEN;
}

static void excuse_gap(struct settle *s, const struct settle_event *e)
{
	s->gap = SETTLE_GAP_EXCUSED;
}

/* After an overrun a walk is made when nothing is in flight, not for each loss: with all that is probed
 * on the way there would be no end. The barrier may be among what is lost. */
static void lose_events(struct settle *s, const struct settle_event *e)
{
	if (s->source != SETTLE_OVERRUN)
		want_rescan(s, e);
	drop_barrier(s);
}

static void count_loss(struct settle *s, const struct settle_event *e)
{
	if (s->source == SETTLE_EVENTS && ++s->losses >= LOSSES_AT_MOST)
		s->source = SETTLE_OVERRUN;
}

static void empty_queue(struct settle *s, const struct settle_event *e)
{
	s->emptied_us = e->now_us;
}

/* A barrier that was sent before says nothing about what these loads will bring. */
static void plan_loads(struct settle *s, const struct settle_event *e)
{
	s->phase = SETTLE_WORKING;
	s->losses = 0;
}

/* Without events a result, or time, is the only reason to look again. */
static void pass_time(struct settle *s, const struct settle_event *e)
{
	if (s->source != SETTLE_EVENTS && e->now_us >= s->walked_us + WALK_INTERVAL_US)
		want_rescan(s, e);
}

static void end_walk(struct settle *s, const struct settle_event *e)
{
	s->look = SETTLE_LOOK_NOT;
	if (s->gap == SETTLE_GAP_SEEN)
		s->gap = SETTLE_GAP_NONE;
	s->walked_us = e->now_us;
}

static void find_nothing_new(struct settle *s, const struct settle_event *e)
{
	s->phase = SETTLE_CONFIRMED;
}

static void begin_last_turn(struct settle *s, const struct settle_event *e)
{
	s->phase = SETTLE_DRAINED;
}

static void answer(struct settle *s, const struct settle_event *e)
{
	s->answered = true;
}

/* What was not made up for in a storm is now. */
static void begin_monitor(struct settle *s, const struct settle_event *e)
{
	if (s->source == SETTLE_OVERRUN) {
		s->source = SETTLE_EVENTS;
		want_rescan(s, e);
	}
	s->losses = 0;
}

void settle_note(struct settle *s, struct settle_event e)
{
	static void (*const handlers[])(struct settle * s, const struct settle_event *e) = {
		[SETTLE_BEGINS] = begin,
		[SETTLE_SOURCE_OPENS] = open_source,
		[SETTLE_UDEVD_OPENS] = open_source,
		[SETTLE_BARRIER_SENT] = send_barrier,
		[SETTLE_BARRIER_RETURNS] = take_barrier,
		[SETTLE_BARRIER_FAILS] = give_up_barriers,
		[SETTLE_EVENT_RECEIVED] = take_event,
		[SETTLE_GAP_FOUND] = find_gap,
		[SETTLE_EVENTS_LOST] = lose_events,
		[SETTLE_QUEUE_EMPTIED] = empty_queue,
		[SETTLE_LOADS_PLANNED] = plan_loads,
		[SETTLE_WALK_WANTED] = want_walk,
		[SETTLE_RESCAN_WANTED] = want_rescan,
		[SETTLE_TIME_PASSES] = pass_time,
		[SETTLE_LOSS_COUNTED] = count_loss,
		[SETTLE_GAP_WALKED] = excuse_gap,
		[SETTLE_WALKED] = end_walk,
		[SETTLE_NOTHING_NEW] = find_nothing_new,
		[SETTLE_LAST_TURN] = begin_last_turn,
		[SETTLE_ANSWERED] = answer,
		[SETTLE_MONITOR_BEGINS] = begin_monitor,
	};

	handlers[e.kind](s, &e);
}

/* After an overrun there is no making up for all: the walk that is made with nothing in flight must do. */
static bool must_rescan(const struct settle *s)
{
	return s->look == SETTLE_LOOK_RESCAN && s->source != SETTLE_OVERRUN;
}

/* Whether udevd has done what came before the barrier. Without barriers it is not waited for. */
static bool is_source_idle(const struct settle *s, const struct settle_facts *f)
{
	return s->source != SETTLE_EVENTS || !f->udevd_busy ||
		f->now_us >= s->older_us + (s->newer ? UDEVD_OLDER_US : UDEVD_STUCK_US);
}

static bool is_quiet(const struct settle *s, const struct settle_facts *f)
{
	return s->phase >= SETTLE_CONFIRMED && !f->in_flight && !f->probing && !must_rescan(s) &&
		is_source_idle(s, f);
}

static enum settle_action how_to_ask(const struct settle *s)
{
	if (s->source != SETTLE_EVENTS)
		return SETTLE_DO_WALK;
	return s->gap == SETTLE_GAP_SEEN ? SETTLE_DO_WALK_GAP : SETTLE_DO_SEND_BARRIER;
}

enum settle_action settle_next(const struct settle *s, const struct settle_facts *f)
{
	if (s->phase == SETTLE_FENCED && s->emptied_us > s->barrier_limit_us)
		return SETTLE_DO_GIVE_UP_BARRIER;
	if (must_rescan(s))
		return SETTLE_DO_TURN;
	if (s->phase == SETTLE_WORKING && !f->in_flight)
		return how_to_ask(s);
	if (s->phase == SETTLE_CONFIRMED && is_quiet(s, f))
		return SETTLE_DO_LAST_TURN;
	return SETTLE_DO_WAIT;
}

bool settle_is_settled(const struct settle *s, const struct settle_facts *f)
{
	return s->phase == SETTLE_DRAINED && is_quiet(s, f);
}

static bool is_late(const struct settle_facts *f)
{
	return f->deadline_us && f->now_us >= f->deadline_us;
}

enum settle_verdict settle_verdict(const struct settle *s, const struct settle_facts *f)
{
	bool late = is_late(f);

	if (f->waits_any && !f->waits_missing && (late || !f->mount_unprepared))
		return SETTLE_IS_DONE;
	if (settle_is_settled(s, f) && !f->waits_missing)
		return SETTLE_IS_DONE;
	/* Nothing more is loaded for a device that is still missing. */
	if (f->cancelled && f->waits_missing && !f->in_flight)
		return SETTLE_IS_DONE;
	return late && (f->waits_missing || f->monitor) ? SETTLE_TIMED_OUT : SETTLE_GOES_ON;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || b < a ? b : a;
}

uint64_t settle_wait_until(const struct settle *s, const struct settle_facts *f)
{
	bool limited = f->waits_missing || (f->waits_any && !s->answered) || f->monitor;
	uint64_t until = limited ? f->deadline_us : 0;

	if (s->phase == SETTLE_FENCED)
		until = earlier(until, s->barrier_limit_us);
	if (s->source != SETTLE_EVENTS)
		until = earlier(until, f->now_us + WALK_INTERVAL_US);
	if (f->waits_polled || (s->udevd && s->phase >= SETTLE_CONFIRMED))
		until = earlier(until, f->now_us + POLL_INTERVAL_US);
	return until;
}

enum settle_look settle_look(const struct settle *s, bool emptied, uint64_t now_us)
{
	if (s->look == SETTLE_LOOK_RESCAN && !emptied && now_us < s->rescan_us + RESCAN_LATE_US)
		return SETTLE_LOOK_NOT;
	return s->look;
}

bool settle_events_reliable(const struct settle *s)
{
	return s->source != SETTLE_NO_EVENTS;
}

bool settle_idle_walk_due(const struct settle *s, uint64_t now_us)
{
	return !settle_events_reliable(s) && now_us >= s->walked_us + IDLE_WALK_US;
}

uint64_t settle_monitor_wakes(const struct settle *s)
{
	uint64_t until = settle_events_reliable(s) ? 0 : s->walked_us + IDLE_WALK_US;

	return s->look == SETTLE_LOOK_RESCAN ? earlier(until, s->rescan_us + RESCAN_LATE_US) : until;
}
