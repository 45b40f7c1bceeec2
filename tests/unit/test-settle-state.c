/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settling's state machine, three times: a table that has exactly one row for each state and event; tables of
 * what is to be done next and told; and a million random events beside a model, in which each fact is a
 * variable of its own and nothing is folded into a phase.
 */
#include "tests/unit/test.h"

#include "libcoldplug/settle-state.h"

#define SECOND UINT64_C(1000000)
#define NOW (1000 * SECOND)

/* ---- transitions ---- */

#define WORKING (1u << SETTLE_WORKING)
#define FENCED (1u << SETTLE_FENCED)
#define CONFIRMED (1u << SETTLE_CONFIRMED)
#define DRAINED (1u << SETTLE_DRAINED)
#define NO_EVENTS (1u << SETTLE_NO_EVENTS)
#define EVENTS (1u << SETTLE_EVENTS)
#define OVERRUN (1u << SETTLE_OVERRUN)
#define LOOK_NOT (1u << SETTLE_LOOK_NOT)
#define LOOK_WALK (1u << SETTLE_LOOK_WALK)
#define LOOK_RESCAN (1u << SETTLE_LOOK_RESCAN)
#define GAP_NONE (1u << SETTLE_GAP_NONE)
#define GAP_SEEN (1u << SETTLE_GAP_SEEN)
#define GAP_EXCUSED (1u << SETTLE_GAP_EXCUSED)
/* Of what has two values; 0 is any, as above. */
#define NO 1u
#define YES 2u

/* A state to start from. */
struct state {
	enum settle_phase phase;
	enum settle_source source;
	enum settle_look look;
	enum settle_gap gap;
	bool udevd;
	bool last_loss; /* one more is too many */
	bool newer;	/* the event's number is higher than the barrier's */
	bool late;	/* the last walk was long ago */
};

/* In the states that all masks agree to, an event changes what stands in to, and nothing else. */
struct transition {
	enum settle_event_kind kind;
	unsigned int phase, source, look, gap, udevd, last_loss, newer, late;
	struct {
		unsigned int phase, source, look, gap, udevd, newer, answered;
		unsigned int losses; /* NO: 0; YES: one more */
		bool rescan, walked, emptied, older, seqnum;
		uint64_t limit_us; /* from now */
	} to;
};

static const struct transition transitions[] = {
	{ SETTLE_BEGINS, .source = NO_EVENTS | EVENTS,
	  .to = { .phase = WORKING, .gap = GAP_NONE, .losses = NO, .answered = NO } },
	{ SETTLE_BEGINS, .source = OVERRUN,
	  .to = { .phase = WORKING, .source = EVENTS, .gap = GAP_NONE, .losses = NO, .answered = NO } },

	{ SETTLE_SOURCE_OPENS, .to = { .source = EVENTS, .udevd = NO } },
	{ SETTLE_UDEVD_OPENS, .to = { .source = EVENTS, .udevd = YES } },

	{ SETTLE_BARRIER_SENT, .udevd = NO, .to = { .phase = FENCED, .limit_us = 3 * SECOND } },
	{ SETTLE_BARRIER_SENT, .udevd = YES, .to = { .phase = FENCED, .limit_us = 60 * SECOND } },

	{ SETTLE_BARRIER_RETURNS, .phase = WORKING | CONFIRMED | DRAINED },
	{ SETTLE_BARRIER_RETURNS, .phase = FENCED, .gap = GAP_NONE | GAP_EXCUSED,
	  .to = { .phase = CONFIRMED, .seqnum = true, .older = true, .newer = NO } },
	{ SETTLE_BARRIER_RETURNS, .phase = FENCED, .gap = GAP_SEEN,
	  .to = { .phase = WORKING, .seqnum = true, .older = true, .newer = NO } },

	{ SETTLE_BARRIER_FAILS, .phase = FENCED, .to = { .phase = WORKING, .source = NO_EVENTS } },
	{ SETTLE_BARRIER_FAILS, .phase = WORKING | CONFIRMED | DRAINED, .to = { .source = NO_EVENTS } },

	{ SETTLE_EVENT_RECEIVED, .udevd = NO },
	{ SETTLE_EVENT_RECEIVED, .udevd = YES, .phase = WORKING | FENCED },
	{ SETTLE_EVENT_RECEIVED, .udevd = YES, .phase = CONFIRMED | DRAINED, .newer = NO,
	  .to = { .older = true } },
	{ SETTLE_EVENT_RECEIVED, .udevd = YES, .phase = CONFIRMED | DRAINED, .newer = YES,
	  .to = { .newer = YES } },

	{ SETTLE_GAP_FOUND, .gap = GAP_NONE, .to = { .gap = GAP_SEEN } },
	{ SETTLE_GAP_FOUND, .gap = GAP_SEEN | GAP_EXCUSED },

	{ SETTLE_EVENTS_LOST, .source = NO_EVENTS | EVENTS, .phase = FENCED, .look = LOOK_NOT | LOOK_WALK,
	  .to = { .phase = WORKING, .look = LOOK_RESCAN, .rescan = true } },
	{ SETTLE_EVENTS_LOST, .source = NO_EVENTS | EVENTS, .phase = FENCED, .look = LOOK_RESCAN,
	  .to = { .phase = WORKING } },
	{ SETTLE_EVENTS_LOST, .source = NO_EVENTS | EVENTS, .phase = WORKING | CONFIRMED | DRAINED,
	  .look = LOOK_NOT | LOOK_WALK, .to = { .look = LOOK_RESCAN, .rescan = true } },
	{ SETTLE_EVENTS_LOST, .source = NO_EVENTS | EVENTS, .phase = WORKING | CONFIRMED | DRAINED,
	  .look = LOOK_RESCAN },
	{ SETTLE_EVENTS_LOST, .source = OVERRUN, .phase = FENCED, .to = { .phase = WORKING } },
	{ SETTLE_EVENTS_LOST, .source = OVERRUN, .phase = WORKING | CONFIRMED | DRAINED },

	{ SETTLE_QUEUE_EMPTIED, .to = { .emptied = true } },
	{ SETTLE_LOADS_PLANNED, .to = { .phase = WORKING, .losses = NO } },

	{ SETTLE_WALK_WANTED, .look = LOOK_NOT, .to = { .look = LOOK_WALK } },
	{ SETTLE_WALK_WANTED, .look = LOOK_WALK | LOOK_RESCAN },
	{ SETTLE_RESCAN_WANTED, .look = LOOK_NOT | LOOK_WALK, .to = { .look = LOOK_RESCAN, .rescan = true } },
	{ SETTLE_RESCAN_WANTED, .look = LOOK_RESCAN },

	{ SETTLE_TIME_PASSES, .source = EVENTS },
	{ SETTLE_TIME_PASSES, .source = NO_EVENTS | OVERRUN, .late = NO },
	{ SETTLE_TIME_PASSES, .source = NO_EVENTS | OVERRUN, .late = YES, .look = LOOK_NOT | LOOK_WALK,
	  .to = { .look = LOOK_RESCAN, .rescan = true } },
	{ SETTLE_TIME_PASSES, .source = NO_EVENTS | OVERRUN, .late = YES, .look = LOOK_RESCAN },

	{ SETTLE_LOSS_COUNTED, .source = NO_EVENTS | OVERRUN },
	{ SETTLE_LOSS_COUNTED, .source = EVENTS, .last_loss = NO, .to = { .losses = YES } },
	{ SETTLE_LOSS_COUNTED, .source = EVENTS, .last_loss = YES,
	  .to = { .losses = YES, .source = OVERRUN } },

	{ SETTLE_GAP_WALKED, .to = { .gap = GAP_EXCUSED } },
	{ SETTLE_WALKED, .gap = GAP_NONE | GAP_SEEN,
	  .to = { .look = LOOK_NOT, .gap = GAP_NONE, .walked = true } },
	{ SETTLE_WALKED, .gap = GAP_EXCUSED, .to = { .look = LOOK_NOT, .walked = true } },

	{ SETTLE_NOTHING_NEW, .to = { .phase = CONFIRMED } },
	{ SETTLE_LAST_TURN, .to = { .phase = DRAINED } },
	{ SETTLE_ANSWERED, .to = { .answered = YES } },

	{ SETTLE_MONITOR_BEGINS, .source = NO_EVENTS | EVENTS, .to = { .losses = NO } },
	{ SETTLE_MONITOR_BEGINS, .source = OVERRUN, .look = LOOK_NOT | LOOK_WALK,
	  .to = { .source = EVENTS, .look = LOOK_RESCAN, .rescan = true, .losses = NO } },
	{ SETTLE_MONITOR_BEGINS, .source = OVERRUN, .look = LOOK_RESCAN,
	  .to = { .source = EVENTS, .losses = NO } },
};

#define ALL_STATES (4 * 3 * 3 * 3 * 2 * 2 * 2 * 2)

static unsigned int digit(unsigned int *n, unsigned int base)
{
	unsigned int d = *n % base;

	*n /= base;
	return d;
}

static struct state state_of(unsigned int n)
{
	struct state x;

	x.phase = digit(&n, 4);
	x.source = digit(&n, 3);
	x.look = digit(&n, 3);
	x.gap = digit(&n, 3);
	x.udevd = digit(&n, 2);
	x.last_loss = digit(&n, 2);
	x.newer = digit(&n, 2);
	x.late = digit(&n, 2);
	return x;
}

static bool agrees(unsigned int mask, unsigned int value)
{
	return !mask || mask & 1u << value;
}

static bool is_for(const struct transition *t, enum settle_event_kind kind, const struct state *x)
{
	return t->kind == kind && agrees(t->phase, x->phase) && agrees(t->source, x->source) &&
		agrees(t->look, x->look) && agrees(t->gap, x->gap) && agrees(t->udevd, x->udevd) &&
		agrees(t->last_loss, x->last_loss) && agrees(t->newer, x->newer) && agrees(t->late, x->late);
}

static struct settle settle_in(const struct state *x)
{
	return (struct settle){
		.phase = x->phase,
		.source = x->source,
		.look = x->look,
		.gap = x->gap,
		.udevd = x->udevd,
		.losses = x->last_loss ? 2 : 0,
		/* Each to be told from the others. */
		.rescan_us = 1,
		.walked_us = x->late ? NOW - SECOND / 5 : NOW - SECOND / 5 + 1,
		.emptied_us = 2,
		.barrier_limit_us = 3,
		.barrier_seqnum = 100,
		.older_us = 4,
	};
}

static void change(unsigned int to, unsigned int *value)
{
	if (to)
		*value = (unsigned int)__builtin_ctz(to);
}

static void change_flag(unsigned int to, bool *value)
{
	if (to)
		*value = to == YES;
}

static void change_time(bool changes, uint64_t *value)
{
	if (changes)
		*value = NOW;
}

static struct settle settle_after(const struct transition *t, const struct settle *before, uint64_t seqnum)
{
	struct settle s = *before;

	change(t->to.phase, &s.phase);
	change(t->to.source, &s.source);
	change(t->to.look, &s.look);
	change(t->to.gap, &s.gap);
	change_flag(t->to.udevd, &s.udevd);
	change_flag(t->to.newer, &s.newer);
	change_flag(t->to.answered, &s.answered);
	if (t->to.losses)
		s.losses = t->to.losses == NO ? 0 : s.losses + 1;
	change_time(t->to.rescan, &s.rescan_us);
	change_time(t->to.walked, &s.walked_us);
	change_time(t->to.emptied, &s.emptied_us);
	change_time(t->to.older, &s.older_us);
	if (t->to.seqnum)
		s.barrier_seqnum = seqnum;
	if (t->to.limit_us)
		s.barrier_limit_us = NOW + t->to.limit_us;
	return s;
}

static bool is_equal(const struct settle *a, const struct settle *b)
{
	return a->phase == b->phase && a->source == b->source && a->look == b->look && a->gap == b->gap &&
		a->losses == b->losses && a->udevd == b->udevd && a->newer == b->newer &&
		a->answered == b->answered && a->rescan_us == b->rescan_us && a->walked_us == b->walked_us &&
		a->emptied_us == b->emptied_us && a->barrier_limit_us == b->barrier_limit_us &&
		a->barrier_seqnum == b->barrier_seqnum && a->older_us == b->older_us;
}

/* With the flags that an event might set or clear, either way. */
static void check_transition(size_t row, const struct state *x, bool flags)
{
	struct settle s = settle_in(x), after;
	uint64_t seqnum = x->newer ? 101 : 100;

	s.newer = s.answered = flags;
	after = settle_after(&transitions[row], &s, seqnum);
	settle_note(&s, (struct settle_event){ transitions[row].kind, NOW, seqnum });
	assert_row(row, is_equal(&s, &after));
}

static void each_state_and_event_has_one_row_which_is_true(void **state)
{
	bool used[ARRAY_SIZE(transitions)] = {};

	for (unsigned int n = 0; n < ALL_STATES * SETTLE_EVENT_KINDS; n++) {
		enum settle_event_kind kind = n % SETTLE_EVENT_KINDS;
		struct state x = state_of(n / SETTLE_EVENT_KINDS);
		unsigned int rows = 0;

		for (size_t i = 0; i < ARRAY_SIZE(transitions); i++) {
			if (!is_for(&transitions[i], kind, &x))
				continue;
			check_transition(i, &x, false);
			check_transition(i, &x, true);
			used[i] = true;
			rows++;
		}
		if (rows != 1)
			fail_msg("event %d in phase %d, source %d, look %d, gap %d: %u rows", kind, x.phase,
				 x.source, x.look, x.gap, rows);
	}
	for (size_t i = 0; i < ARRAY_SIZE(transitions); i++)
		assert_row(i, used[i]);
}

/* ---- what is to be done ---- */

/* Where nothing else is said: events, nothing in flight, nothing wanted, at NOW. */
struct next_row {
	const char *what;
	struct settle s;
	struct settle_facts f;
	enum settle_action action;
	bool settled;
};

#define ON .source = SETTLE_EVENTS

static const struct next_row next_rows[] = {
	{ "nothing in flight", { ON }, {}, SETTLE_DO_SEND_BARRIER, false },
	{ "a load in flight", { ON }, { .in_flight = true }, SETTLE_DO_WAIT, false },
	{ "a probe does not keep a barrier from being sent",
	  { ON },
	  { .probing = true },
	  SETTLE_DO_SEND_BARRIER,
	  false },
	{ "a gap", { ON, .gap = SETTLE_GAP_SEEN }, {}, SETTLE_DO_WALK_GAP, false },
	{ "a gap, and one was walked for",
	  { ON, .gap = SETTLE_GAP_EXCUSED },
	  {},
	  SETTLE_DO_SEND_BARRIER,
	  false },
	{ "no events", {}, {}, SETTLE_DO_WALK, false },
	{ "no events, and a load in flight", {}, { .in_flight = true }, SETTLE_DO_WAIT, false },
	{ "no events, so no gap", { .gap = SETTLE_GAP_SEEN }, {}, SETTLE_DO_WALK, false },
	{ "an overrun", { .source = SETTLE_OVERRUN }, {}, SETTLE_DO_WALK, false },

	{ "a barrier under way",
	  { ON, .phase = SETTLE_FENCED, .barrier_limit_us = NOW },
	  {},
	  SETTLE_DO_WAIT,
	  false },
	{ "its time is up, but behind it may be others",
	  { ON, .phase = SETTLE_FENCED, .barrier_limit_us = NOW - 1, .emptied_us = NOW - 1 },
	  {},
	  SETTLE_DO_WAIT,
	  false },
	{ "its time was up when the queue was empty",
	  { ON, .phase = SETTLE_FENCED, .barrier_limit_us = NOW - 2, .emptied_us = NOW - 1 },
	  { .in_flight = true },
	  SETTLE_DO_GIVE_UP_BARRIER,
	  false },

	{ "a walk is no reason to be quick",
	  { ON, .look = SETTLE_LOOK_WALK, .phase = SETTLE_DRAINED },
	  {},
	  SETTLE_DO_WAIT,
	  true },
	{ "a rescan", { ON, .look = SETTLE_LOOK_RESCAN }, { .in_flight = true }, SETTLE_DO_TURN, false },
	{ "a rescan after all had settled",
	  { ON, .look = SETTLE_LOOK_RESCAN, .phase = SETTLE_DRAINED },
	  {},
	  SETTLE_DO_TURN,
	  false },
	{ "a rescan without events", { .look = SETTLE_LOOK_RESCAN }, {}, SETTLE_DO_TURN, false },
	{ "a rescan in an overrun",
	  { .source = SETTLE_OVERRUN, .look = SETTLE_LOOK_RESCAN },
	  {},
	  SETTLE_DO_WALK,
	  false },
	{ "a rescan in an overrun does not unsettle",
	  { .source = SETTLE_OVERRUN, .look = SETTLE_LOOK_RESCAN, .phase = SETTLE_DRAINED },
	  {},
	  SETTLE_DO_WAIT,
	  true },

	{ "the barrier is back", { ON, .phase = SETTLE_CONFIRMED }, {}, SETTLE_DO_LAST_TURN, false },
	{ "a probe is awaited",
	  { ON, .phase = SETTLE_CONFIRMED },
	  { .probing = true },
	  SETTLE_DO_WAIT,
	  false },
	{ "and after the last turn", { ON, .phase = SETTLE_DRAINED }, {}, SETTLE_DO_WAIT, true },
	{ "with another probe", { ON, .phase = SETTLE_DRAINED }, { .probing = true }, SETTLE_DO_WAIT, false },
	{ "with another load",
	  { ON, .phase = SETTLE_DRAINED },
	  { .in_flight = true },
	  SETTLE_DO_WAIT,
	  false },

	{ "udevd is busy with what is older",
	  { ON, .udevd = true, .phase = SETTLE_CONFIRMED, .older_us = NOW - 180 * SECOND + 1 },
	  { .udevd_busy = true },
	  SETTLE_DO_WAIT,
	  false },
	{ "udevd has been for three minutes",
	  { ON, .udevd = true, .phase = SETTLE_CONFIRMED, .older_us = NOW - 180 * SECOND },
	  { .udevd_busy = true },
	  SETTLE_DO_LAST_TURN,
	  false },
	{ "udevd is busy with what is newer",
	  { ON, .udevd = true, .phase = SETTLE_CONFIRMED, .older_us = NOW - 5 * SECOND + 1, .newer = true },
	  { .udevd_busy = true },
	  SETTLE_DO_WAIT,
	  false },
	{ "udevd has been for five seconds",
	  { ON, .udevd = true, .phase = SETTLE_CONFIRMED, .older_us = NOW - 5 * SECOND, .newer = true },
	  { .udevd_busy = true },
	  SETTLE_DO_LAST_TURN,
	  false },
	{ "udevd was given up",
	  { .udevd = true, .phase = SETTLE_CONFIRMED, .older_us = NOW },
	  { .udevd_busy = true },
	  SETTLE_DO_LAST_TURN,
	  false },
};

static void what_is_done_next_follows_from_the_state(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(next_rows); i++) {
		const struct next_row *row = &next_rows[i];
		struct settle_facts f = row->f;

		f.now_us = NOW;
		if (settle_next(&row->s, &f) != row->action || settle_is_settled(&row->s, &f) != row->settled)
			fail_msg("%s: action %d, settled %d", row->what, settle_next(&row->s, &f),
				 settle_is_settled(&row->s, &f));
	}
}

static const struct {
	const char *what;
	bool settled;
	struct settle_facts f;
	enum settle_verdict verdict;
} verdict_rows[] = {
	{ "settled", true, {}, SETTLE_IS_DONE },
	{ "not yet", false, {}, SETTLE_GOES_ON },
	{ "settled, but the device is not there",
	  true,
	  { .waits_any = true, .waits_missing = true },
	  SETTLE_GOES_ON },
	{ "the device is there", false, { .waits_any = true, .in_flight = true }, SETTLE_IS_DONE },
	{ "and its file system is to be known too",
	  false,
	  { .waits_any = true, .mount_unprepared = true },
	  SETTLE_GOES_ON },
	{ "but not for ever",
	  false,
	  { .waits_any = true, .mount_unprepared = true, .deadline_us = NOW },
	  SETTLE_IS_DONE },
	{ "before the deadline",
	  false,
	  { .waits_any = true, .waits_missing = true, .deadline_us = NOW + 1 },
	  SETTLE_GOES_ON },
	{ "at the deadline",
	  false,
	  { .waits_any = true, .waits_missing = true, .deadline_us = NOW },
	  SETTLE_TIMED_OUT },
	{ "the deadline is for devices", false, { .deadline_us = NOW }, SETTLE_GOES_ON },
	{ "and for a monitor", false, { .deadline_us = NOW, .monitor = true }, SETTLE_TIMED_OUT },
	{ "which has settled in time", true, { .deadline_us = NOW, .monitor = true }, SETTLE_IS_DONE },
	{ "cancelled: no device will come",
	  false,
	  { .waits_any = true, .waits_missing = true, .cancelled = true },
	  SETTLE_IS_DONE },
	{ "cancelled, with a load in flight",
	  false,
	  { .waits_any = true, .waits_missing = true, .cancelled = true, .in_flight = true },
	  SETTLE_GOES_ON },
	{ "cancelled, and nothing waited for", false, { .cancelled = true }, SETTLE_GOES_ON },
};

static void the_verdict_follows_from_the_facts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdict_rows); i++) {
		struct settle s = { ON, .phase = verdict_rows[i].settled ? SETTLE_DRAINED : SETTLE_WORKING };
		struct settle_facts f = verdict_rows[i].f;

		f.now_us = NOW;
		if (settle_verdict(&s, &f) != verdict_rows[i].verdict)
			fail_msg("%s: %d", verdict_rows[i].what, settle_verdict(&s, &f));
	}
}

/* ---- times ---- */

static const struct {
	const char *what;
	struct settle s;
	struct settle_facts f;
	uint64_t until_us;
} wait_rows[] = {
	{ "events wake it", { ON }, {}, 0 },
	{ "a deadline for nothing", { ON }, { .deadline_us = NOW + 7 }, 0 },
	{ "a deadline for a device",
	  { ON, .answered = true },
	  { .deadline_us = NOW + 7, .waits_any = true, .waits_missing = true },
	  NOW + 7 },
	{ "a deadline for a device that is there",
	  { ON },
	  { .deadline_us = NOW + 7, .waits_any = true },
	  NOW + 7 },
	{ "and was told", { ON, .answered = true }, { .deadline_us = NOW + 7, .waits_any = true }, 0 },
	{ "a monitor's", { ON }, { .deadline_us = NOW + 7, .monitor = true }, NOW + 7 },
	{ "a barrier", { ON, .phase = SETTLE_FENCED, .barrier_limit_us = NOW + 9 }, {}, NOW + 9 },
	{ "a barrier before the deadline",
	  { ON, .phase = SETTLE_FENCED, .barrier_limit_us = NOW + 5 },
	  { .deadline_us = NOW + 7, .monitor = true },
	  NOW + 5 },
	{ "no events", {}, {}, NOW + SECOND / 5 },
	{ "an overrun", { .source = SETTLE_OVERRUN }, {}, NOW + SECOND / 5 },
	{ "a path", { ON }, { .waits_polled = true }, NOW + SECOND / 20 },
	{ "udevd's queue", { ON, .udevd = true, .phase = SETTLE_CONFIRMED }, {}, NOW + SECOND / 20 },
	{ "udevd's barrier comes first", { ON, .udevd = true }, {}, 0 },
};

static void it_waits_until_something_is_due(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wait_rows); i++) {
		struct settle_facts f = wait_rows[i].f;

		f.now_us = NOW;
		if (settle_wait_until(&wait_rows[i].s, &f) != wait_rows[i].until_us)
			fail_msg("%s", wait_rows[i].what);
	}
}

static void a_rescan_waits_for_an_empty_queue_but_not_for_ever(void **state)
{
	struct settle s = { ON, .look = SETTLE_LOOK_RESCAN, .rescan_us = NOW };

	assert_int_equal(settle_look(&s, false, NOW + SECOND - 1), SETTLE_LOOK_NOT);
	assert_int_equal(settle_look(&s, false, NOW + SECOND), SETTLE_LOOK_RESCAN);
	assert_int_equal(settle_look(&s, true, NOW), SETTLE_LOOK_RESCAN);
	s.look = SETTLE_LOOK_WALK;
	assert_int_equal(settle_look(&s, false, NOW), SETTLE_LOOK_WALK);
	s.look = SETTLE_LOOK_NOT;
	assert_int_equal(settle_look(&s, true, NOW + SECOND), SETTLE_LOOK_NOT);
}

static void a_monitor_wakes_for_rescans_and_without_events_for_walks(void **state)
{
	static const struct {
		struct settle s;
		uint64_t wakes;
		bool due;
	} rows[] = {
		{ { ON }, 0, false },
		{ { ON, .look = SETTLE_LOOK_WALK }, 0, false },
		{ { ON, .look = SETTLE_LOOK_RESCAN, .rescan_us = NOW }, NOW + SECOND, false },
		{ { .walked_us = NOW - 5 * SECOND + 1 }, NOW + 1, false },
		{ { .walked_us = NOW - 5 * SECOND }, NOW, true },
		{ { .walked_us = NOW, .look = SETTLE_LOOK_RESCAN, .rescan_us = NOW - 1 },
		  NOW + SECOND - 1,
		  false },
		{ { .walked_us = NOW - 5 * SECOND, .look = SETTLE_LOOK_RESCAN, .rescan_us = NOW },
		  NOW,
		  true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_row(i, settle_monitor_wakes(&rows[i].s) == rows[i].wakes);
		assert_row(i, settle_idle_walk_due(&rows[i].s, NOW) == rows[i].due);
		assert_row(i, settle_events_reliable(&rows[i].s) == (rows[i].s.source == SETTLE_EVENTS));
	}
}

/* ---- a random walk beside a model ---- */

/* Each fact by itself. */
struct model {
	bool rescan, walk;
	bool gap, gap_excused;
	bool barrier; /* one is under way */
	bool settled, drained, answered;
	bool listening, no_barrier, udevd, newer;
	unsigned int losses;
	uint64_t rescan_us, barrier_us, emptied_us, walked_us, older_us, barrier_seqnum;
};

struct walker {
	struct dice dice;
	struct settle s;
	struct model m;
	struct settle_facts f;
	bool monitoring;
	bool proven; /* since the last plan something has said that this was all */
	uint64_t n_actions[SETTLE_DO_LAST_TURN + 1], n_verdicts[SETTLE_TIMED_OUT + 1], n_overruns;
};

static bool hears(const struct model *m)
{
	return m->listening && !m->no_barrier;
}

static bool has_given_up(const struct model *m)
{
	return m->losses >= 3;
}

static bool has_events(const struct model *m)
{
	return hears(m) && !has_given_up(m);
}

static bool has_gap(const struct model *m)
{
	return m->gap && !m->gap_excused;
}

static bool must_rescan(const struct model *m)
{
	return m->rescan && !has_given_up(m);
}

static void model_rescan(struct model *m, uint64_t now)
{
	if (!m->rescan)
		m->rescan_us = now;
	m->rescan = true;
}

static void model_begin(struct model *m)
{
	m->settled = m->drained = m->answered = m->barrier = false;
	m->gap_excused = false;
	m->losses = 0;
}

static void model_barrier(struct model *m, uint64_t now, uint64_t seqnum)
{
	if (!m->barrier)
		return;
	m->barrier = false;
	m->settled = !has_gap(m);
	m->barrier_seqnum = seqnum;
	m->older_us = now;
	m->newer = false;
}

static void model_event(struct model *m, uint64_t now, uint64_t seqnum)
{
	if (!m->udevd || !m->settled)
		return;
	if (seqnum > m->barrier_seqnum)
		m->newer = true;
	else
		m->older_us = now;
}

static void model_loss(struct model *m, uint64_t now)
{
	if (!has_given_up(m))
		model_rescan(m, now);
	m->barrier = false;
}

static void model_plan(struct model *m)
{
	m->barrier = m->settled = m->drained = false;
	if (!has_given_up(m))
		m->losses = 0;
}

static void model_monitor(struct model *m, uint64_t now)
{
	if (has_given_up(m))
		model_rescan(m, now);
	m->losses = 0;
}

/* What the source of events says. */
static void model_hear(struct model *m, enum settle_event_kind kind, uint64_t now, uint64_t seqnum)
{
	switch (kind) {
	case SETTLE_SOURCE_OPENS:
	case SETTLE_UDEVD_OPENS:
		m->listening = true;
		m->udevd = kind == SETTLE_UDEVD_OPENS;
		break;
	case SETTLE_BARRIER_SENT:
		m->barrier = true;
		m->barrier_us = now + (m->udevd ? 60 : 3) * SECOND;
		break;
	case SETTLE_BARRIER_RETURNS:
		model_barrier(m, now, seqnum);
		break;
	case SETTLE_BARRIER_FAILS:
		m->barrier = false;
		m->no_barrier = true;
		break;
	case SETTLE_EVENT_RECEIVED:
		model_event(m, now, seqnum);
		break;
	case SETTLE_GAP_FOUND:
		m->gap = true;
		break;
	case SETTLE_EVENTS_LOST:
		model_loss(m, now);
		break;
	case SETTLE_QUEUE_EMPTIED:
		m->emptied_us = now;
		break;
	default:
		break;
	}
}

/* What coldplug does. */
static void model_do(struct model *m, enum settle_event_kind kind, uint64_t now)
{
	switch (kind) {
	case SETTLE_BEGINS:
		model_begin(m);
		break;
	case SETTLE_LOADS_PLANNED:
		model_plan(m);
		break;
	case SETTLE_LOSS_COUNTED:
		m->losses += has_events(m);
		break;
	case SETTLE_NOTHING_NEW:
		m->settled = true;
		break;
	case SETTLE_LAST_TURN:
		m->drained = true;
		break;
	case SETTLE_ANSWERED:
		m->answered = true;
		break;
	case SETTLE_MONITOR_BEGINS:
		model_monitor(m, now);
		break;
	default:
		break;
	}
}

static void model_walk(struct model *m, enum settle_event_kind kind, uint64_t now)
{
	switch (kind) {
	case SETTLE_WALK_WANTED:
		m->walk = true;
		break;
	case SETTLE_RESCAN_WANTED:
		model_rescan(m, now);
		break;
	case SETTLE_TIME_PASSES:
		if (!has_events(m) && now >= m->walked_us + SECOND / 5)
			model_rescan(m, now);
		break;
	case SETTLE_GAP_WALKED:
		m->gap_excused = true;
		break;
	case SETTLE_WALKED:
		m->rescan = m->walk = m->gap = false;
		m->walked_us = now;
		break;
	default:
		break;
	}
}

static bool model_is_idle(const struct model *m, const struct settle_facts *f)
{
	return !has_events(m) || !f->udevd_busy || f->now_us >= m->older_us + (m->newer ? 5 : 180) * SECOND;
}

static bool model_is_quiet(const struct model *m, const struct settle_facts *f)
{
	return m->settled && !f->in_flight && !m->barrier && !must_rescan(m) && !f->probing &&
		model_is_idle(m, f);
}

static enum settle_action model_next(const struct model *m, const struct settle_facts *f)
{
	if (m->barrier && m->emptied_us > m->barrier_us)
		return SETTLE_DO_GIVE_UP_BARRIER;
	if (!f->in_flight && !m->barrier && !must_rescan(m) && !m->settled) {
		if (has_events(m) && !has_gap(m))
			return SETTLE_DO_SEND_BARRIER;
		return has_events(m) ? SETTLE_DO_WALK_GAP : SETTLE_DO_WALK;
	}
	if (model_is_quiet(m, f) && !m->drained)
		return SETTLE_DO_LAST_TURN;
	return must_rescan(m) ? SETTLE_DO_TURN : SETTLE_DO_WAIT;
}

static enum settle_verdict model_verdict(const struct model *m, const struct settle_facts *f)
{
	bool late = f->deadline_us && f->now_us >= f->deadline_us;

	if (f->waits_any && !f->waits_missing && (late || !f->mount_unprepared))
		return SETTLE_IS_DONE;
	if (model_is_quiet(m, f) && m->drained && !f->waits_missing)
		return SETTLE_IS_DONE;
	if (f->cancelled && f->waits_missing && !f->in_flight)
		return SETTLE_IS_DONE;
	if (late && !f->waits_missing && f->monitor)
		return SETTLE_TIMED_OUT;
	return late && f->waits_missing ? SETTLE_TIMED_OUT : SETTLE_GOES_ON;
}

static uint64_t model_wait_until(const struct model *m, const struct settle_facts *f)
{
	bool limited = f->waits_missing || (f->waits_any && !m->answered) || f->monitor;
	uint64_t until = limited && f->deadline_us ? f->deadline_us : UINT64_MAX;

	if (m->barrier && m->barrier_us < until)
		until = m->barrier_us;
	if (!has_events(m) && f->now_us + SECOND / 5 < until)
		until = f->now_us + SECOND / 5;
	if ((f->waits_polled || (m->udevd && m->settled)) && f->now_us + SECOND / 20 < until)
		until = f->now_us + SECOND / 20;
	return until == UINT64_MAX ? 0 : until;
}

static enum settle_look model_look(const struct model *m, bool emptied, uint64_t now)
{
	if (m->rescan)
		return emptied || now >= m->rescan_us + SECOND ? SETTLE_LOOK_RESCAN : SETTLE_LOOK_NOT;
	return m->walk ? SETTLE_LOOK_WALK : SETTLE_LOOK_NOT;
}

static uint64_t model_wakes(const struct model *m)
{
	uint64_t until = hears(m) ? UINT64_MAX : m->walked_us + 5 * SECOND;

	if (m->rescan && m->rescan_us + SECOND < until)
		until = m->rescan_us + SECOND;
	return until == UINT64_MAX ? 0 : until;
}

static void compare(struct walker *w)
{
	const struct settle *s = &w->s;
	const struct settle_facts *f = &w->f;
	bool emptied = dice_roll(&w->dice, 2);

	assert_int_equal(settle_next(s, f), model_next(&w->m, f));
	assert_int_equal(settle_verdict(s, f), model_verdict(&w->m, f));
	assert_int_equal(settle_is_settled(s, f), model_is_quiet(&w->m, f) && w->m.drained);
	assert_int_equal(settle_wait_until(s, f), model_wait_until(&w->m, f));
	assert_int_equal(settle_look(s, emptied, f->now_us), model_look(&w->m, emptied, f->now_us));
	assert_int_equal(settle_events_reliable(s), hears(&w->m));
	assert_int_equal(settle_idle_walk_due(s, f->now_us),
			 !hears(&w->m) && f->now_us >= w->m.walked_us + 5 * SECOND);
	assert_int_equal(settle_monitor_wakes(s), model_wakes(&w->m));
	/* The invariant at the head of settle-state.c. */
	assert_true(s->phase < SETTLE_CONFIRMED || w->proven);
	assert_true(s->phase != SETTLE_FENCED || s->source == SETTLE_EVENTS);
	w->n_verdicts[settle_verdict(s, f)]++;
}

static void note(struct walker *w, enum settle_event_kind kind, uint64_t seqnum)
{
	bool overrun = w->s.source == SETTLE_OVERRUN;

	if (kind == SETTLE_BEGINS || kind == SETTLE_LOADS_PLANNED)
		w->proven = false;
	if (kind == SETTLE_NOTHING_NEW || (kind == SETTLE_BARRIER_RETURNS && w->m.barrier && !has_gap(&w->m)))
		w->proven = true;
	settle_note(&w->s, (struct settle_event){ kind, w->f.now_us, seqnum });
	model_hear(&w->m, kind, w->f.now_us, seqnum);
	model_do(&w->m, kind, w->f.now_us);
	model_walk(&w->m, kind, w->f.now_us);
	w->n_overruns += !overrun && w->s.source == SETTLE_OVERRUN;
}

static void note_plain(struct walker *w, enum settle_event_kind kind)
{
	note(w, kind, 0);
}

/* As libcoldplug/round.c does it. */
static void take_turn(struct walker *w, bool emptied)
{
	enum settle_look look;

	if (emptied)
		note_plain(w, SETTLE_QUEUE_EMPTIED);
	look = settle_look(&w->s, emptied, w->f.now_us);
	if (look == SETTLE_LOOK_NOT)
		return;
	if (look == SETTLE_LOOK_RESCAN && !w->monitoring && (!emptied || !w->f.in_flight))
		note_plain(w, SETTLE_LOSS_COUNTED);
	note_plain(w, SETTLE_WALKED);
	if (look == SETTLE_LOOK_RESCAN && !emptied)
		note_plain(w, SETTLE_RESCAN_WANTED);
}

/* As libcoldplug/settle.c does it. new_ones: a walk finds something; fails: a barrier cannot be sent;
 * lost: the kernel drops events whenever it is read from. */
static enum settle_action obey(struct walker *w, bool new_ones, bool fails, bool lost)
{
	enum settle_action action = settle_next(&w->s, &w->f);

	w->n_actions[action]++;
	switch (action) {
	case SETTLE_DO_WAIT:
		break;
	case SETTLE_DO_SEND_BARRIER:
		note_plain(w, fails ? SETTLE_BARRIER_FAILS : SETTLE_BARRIER_SENT);
		break;
	case SETTLE_DO_GIVE_UP_BARRIER:
		note_plain(w, SETTLE_BARRIER_FAILS);
		break;
	case SETTLE_DO_WALK_GAP:
		note_plain(w, SETTLE_GAP_WALKED);
		note_plain(w, SETTLE_WALKED);
		if (new_ones)
			note_plain(w, SETTLE_LOADS_PLANNED);
		break;
	case SETTLE_DO_WALK:
		note_plain(w, SETTLE_WALKED);
		note_plain(w, new_ones ? SETTLE_LOADS_PLANNED : SETTLE_NOTHING_NEW);
		break;
	case SETTLE_DO_LAST_TURN:
		note_plain(w, SETTLE_LAST_TURN);
		/* fallthrough */
	case SETTLE_DO_TURN:
		if (lost)
			note_plain(w, SETTLE_EVENTS_LOST);
		take_turn(w, true);
		break;
	}
	return action;
}

static void change_facts(struct walker *w)
{
	struct settle_facts *f = &w->f;
	uint32_t bits = dice_roll(&w->dice, 1 << 16);

	f->in_flight = bits & 1;
	f->probing = (bits & 6) == 6;
	f->udevd_busy = bits & 8;
	f->waits_any = bits & 16;
	f->waits_missing = (bits & 48) == 48;
	f->waits_polled = (bits & 112) == 112;
	f->mount_unprepared = bits & 128;
	f->cancelled = (bits & 0x700) == 0x700;
	f->monitor = bits & 0x800;
	f->deadline_us = bits & 0x1000 ? f->now_us + dice_roll(&w->dice, 2000000) : 0;
}

static void begin_anew(struct walker *w)
{
	uint32_t n = dice_roll(&w->dice, 8);

	w->s = (struct settle){};
	w->m = (struct model){};
	w->monitoring = w->proven = false;
	if (n)
		note_plain(w, n > 4 ? SETTLE_UDEVD_OPENS : SETTLE_SOURCE_OPENS);
	note_plain(w, SETTLE_WALKED);
	note_plain(w, SETTLE_BEGINS);
}

static void begin_again(struct walker *w)
{
	note_plain(w, SETTLE_WALKED);
	note_plain(w, SETTLE_BEGINS);
}

static void enter_monitor_mode(struct walker *w)
{
	w->monitoring = true;
	note_plain(w, SETTLE_MONITOR_BEGINS);
}

static void let_time_pass(struct walker *w)
{
	static const uint32_t most_us[] = { 1000, 100000, 1000000, 70000000 };

	w->f.now_us += dice_roll(&w->dice, most_us[dice_roll(&w->dice, ARRAY_SIZE(most_us))]);
}

static void something_happens(struct walker *w)
{
	uint32_t n = dice_roll(&w->dice, 1000);
	uint64_t seqnum = w->m.barrier_seqnum + dice_roll(&w->dice, 5);

	if (n < 1)
		begin_anew(w);
	else if (n < 3)
		begin_again(w);
	else if (n < 5)
		enter_monitor_mode(w);
	else if (n < 10)
		note_plain(w, SETTLE_ANSWERED);
	else if (n < 60)
		note_plain(w, SETTLE_LOADS_PLANNED);
	else if (n < 80)
		note_plain(w, SETTLE_WALK_WANTED);
	else if (n < 120)
		note_plain(w, SETTLE_EVENTS_LOST);
	else if (n < 140)
		note_plain(w, SETTLE_GAP_FOUND);
	else if (n < 250)
		note(w, SETTLE_EVENT_RECEIVED, seqnum - (seqnum > 2 ? 2 : 0));
	else if (n < 320)
		note(w, SETTLE_BARRIER_RETURNS, seqnum);
	else if (n < 400)
		note_plain(w, SETTLE_TIME_PASSES);
	else if (n < 500)
		take_turn(w, dice_roll(&w->dice, 2));
	else if (n < 700)
		change_facts(w);
	else if (n < 800)
		let_time_pass(w);
	else
		obey(w, dice_roll(&w->dice, 4) == 0, dice_roll(&w->dice, 50) == 0,
		     dice_roll(&w->dice, 8) == 0);
}

/* With nothing new and nothing in flight any more it comes to its end, whether events are lost for ever
 * or not. A barrier comes back; in a storm it is among what is lost. */
static void check_that_it_ends(const struct walker *now, bool storm)
{
	struct walker w = *now;

	w.f = (struct settle_facts){ .now_us = now->f.now_us };
	w.monitoring = false;
	for (int i = 0; i < 30; i++) {
		if (settle_is_settled(&w.s, &w.f))
			return;
		w.f.now_us += 1000;
		obey(&w, false, false, storm);
		if (w.m.barrier)
			note(&w, storm ? SETTLE_EVENTS_LOST : SETTLE_BARRIER_RETURNS, w.m.barrier_seqnum + 1);
	}
	fail_msg("phase %d, source %d, look %d, gap %d: it does not end", now->s.phase, now->s.source,
		 now->s.look, now->s.gap);
}

static void a_million_random_events_do_what_the_model_does(void **state)
{
	struct walker w = { .dice = dice_new(11), .f.now_us = NOW };

	begin_anew(&w);
	for (unsigned int i = 0; i < 1000000; i++) {
		something_happens(&w);
		compare(&w);
		if (i % 50 == 0) {
			check_that_it_ends(&w, false);
			check_that_it_ends(&w, true);
		}
	}
	/* It has been everywhere. */
	for (size_t i = 0; i < ARRAY_SIZE(w.n_actions); i++)
		assert_row(i, w.n_actions[i] > 100);
	for (size_t i = 0; i < ARRAY_SIZE(w.n_verdicts); i++)
		assert_row(i, w.n_verdicts[i] > 100);
	assert_true(w.n_overruns > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_and_event_has_one_row_which_is_true),
		cmocka_unit_test(what_is_done_next_follows_from_the_state),
		cmocka_unit_test(the_verdict_follows_from_the_facts),
		cmocka_unit_test(it_waits_until_something_is_due),
		cmocka_unit_test(a_rescan_waits_for_an_empty_queue_but_not_for_ever),
		cmocka_unit_test(a_monitor_wakes_for_rescans_and_without_events_for_walks),
		cmocka_unit_test(a_million_random_events_do_what_the_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
