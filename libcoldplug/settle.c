/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A run from its beginning until all has settled, or what is waited for is there.
 *
 * This only joins: libcoldplug/settle-state.c says what to do next, libcoldplug/round.c is one turn. Events
 * are opened before the first walk, so that no device falls between the two. Nothing waits for a device:
 * what may block is probed by a process of its own (uevent/prober.c), once all that is known by then has been
 * handed over to be loaded; it has settled only when all answers are there or were given up.
 *
 * While a device is awaited, a glimpse of the buses (uevent/glimpse.c) finds what leads to it, and the first walk is put off
 * until a processor has been idle for a while. On one processor the walk and the plan
 * of all devices take a fifth of the time that an NVMe disk's modules take. The caller may have its answer before the
 * walk; the loads that nobody waits for follow, at the latest in coldplug_leave() or coldplug_finish().
 */
#include <errno.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libcoldplug/listen.h"
#include "libcoldplug/loading.h"
#include "libcoldplug/record.h"
#include "libcoldplug/report.h"
#include "libcoldplug/round.h"
#include "libcoldplug/want.h"

#define API __attribute__((visibility("default")))

/* At its end a run waits so long for a device that only its recording wants to know more of. */
#define RECORD_PATIENCE_MS 1000
#define WALK_NICE 10
/* At the caller's end the answers of devices are waited for so long. */
#define LAST_PATIENCE_MS 1000

/* ---- the recording of a run ---- */

/* The run goes on without it; the exit code shows that. */
static int give_up_record(struct coldplug *c, int error)
{
	log_error(&c->log, "%s: cannot be recorded: %s", c->settings.record_path, record_strerror(error));
	record_abort(c->listener.record);
	c->listener.record = NULL;
	c->listener.record_failed = true;
	return error == -ENOMEM ? error : 0;
}

/* Loading does not wait for what is probed for it. */
static int begin_record(struct coldplug *c)
{
	int r;

	c->listener.record_failed = false;
	if (!c->settings.record_path || c->listener.record)
		return 0;
	r = record_begin(&c->listener.record, &c->machine, c->settings.record_path,
			 settings_stream(&c->settings, c->settings.record_path));
	if (!r)
		r = context_watch_loader(c) ?: record_fd(c->listener.record);
	if (r >= 0)
		r = poller_watch(&c->poller, r);
	return r < 0 ? give_up_record(c, r) : 0;
}

static int take_record(struct coldplug *c)
{
	int r = c->listener.record ? record_take(c->listener.record) : 0;

	return r < 0 ? give_up_record(c, r) : 0;
}

/* Passes the run's answer on. */
static int end_record(struct coldplug *c, int answer)
{
	struct record *record = c->listener.record;
	int r = record ? record_end(record, RECORD_PATIENCE_MS) : 0;

	c->listener.record = NULL;
	return (r < 0 ? give_up_record(c, r) : 0) ?: answer;
}

/* ---- settling ---- */

/* What is to be mounted is there, and its file system will be known in a moment, or given up. */
static bool is_mount_unprepared(const struct waiting *w)
{
	return wait_list_is_probing(&w->mounts) && prober_busy(&w->disks_prober);
}

static struct settle_facts collect_facts(struct coldplug *c)
{
	const struct waiting *w = &c->waiting;

	return (struct settle_facts){
		.now_us = clock_now_us(),
		.deadline_us = w->deadline_us,
		.in_flight = is_in_flight(&c->loading) || w->walk_put_off,
		.probing = prober_busy(&c->wanted.devices_prober) || prober_busy(&w->disks_prober),
		/* A system call, so only when it counts. */
		.udevd_busy = c->listener.udev && c->settle.phase >= SETTLE_CONFIRMED &&
			!udev_source_idle(c->listener.udev),
		.waits_any = w->waits.specs.n > 0,
		.waits_missing = wait_list_pending(&w->waits),
		.waits_polled = wait_list_needs_polling(&w->waits),
		.mount_unprepared = is_mount_unprepared(w),
		.cancelled = w->was_cancelled,
		.monitor = has_flag(c, COLDPLUG_MONITOR),
	};
}

API bool coldplug_is_settled(struct coldplug *c)
{
	struct settle_facts f = collect_facts(c);

	return settle_is_settled(&c->settle, &f);
}

static void give_up_barriers(struct coldplug *c, const char *why)
{
	log_lost(&c->log,
		 "/sys/module/printk/uevent: %s: devices that appear late are found by walking /sys only",
		 why);
	settle_note_now(&c->settle, SETTLE_BARRIER_FAILS);
}

static void send_barrier(struct coldplug *c)
{
	int r = netlink_send_barrier(&c->machine.root, c->listener.barrier);

	if (r < 0)
		give_up_barriers(c, strerror(-r));
	else
		settle_note_now(&c->settle, SETTLE_BARRIER_SENT);
}

static int64_t walk_and_load(struct coldplug *c)
{
	int r = context_look_again(c);

	return r < 0 ? r : context_load_wanted(c);
}

/* Without events: if a walk with nothing in flight finds nothing new, that is the end. */
static int64_t walk_for_the_end(struct coldplug *c)
{
	size_t before = c->wanted.n_aliases;
	int64_t n = walk_and_load(c);

	if (n == 0 && c->wanted.n_aliases == before)
		settle_note_now(&c->settle, SETTLE_NOTHING_NEW);
	return n;
}

int64_t context_walk_first(struct coldplug *c)
{
	int r;

	if (!c->waiting.walk_put_off)
		return 0;
	c->waiting.walk_put_off = false;
	r = coldplug_want_configured(c);
	return r < 0 ? r : walk_and_load(c);
}

/* What the walk finds by itself is handed over first. */
int64_t context_walk_last(struct coldplug *c)
{
	bool put_off = c->waiting.walk_put_off;
	int64_t n = context_walk_first(c), more;
	int r;

	if (n < 0 || !put_off)
		return n;
	r = context_probe(c) ?: context_wait_devices(c, LAST_PATIENCE_MS);
	more = r < 0 ? r : context_load_wanted(c);
	return more < 0 ? more : n + more;
}

/* Whether this process may go back to the priority that it has. */
static bool may_raise_priority(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	return syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1U << CAP_SYS_NICE;
}

/* While a device is awaited: the kernel's threads that look for it need the processor now and then, and at once. */
static int64_t walk_first_nicely(struct coldplug *c)
{
	int before = getpriority(PRIO_PROCESS, 0);
	bool nice = c->loading.awaits && before < WALK_NICE && may_raise_priority() &&
		!setpriority(PRIO_PROCESS, 0, WALK_NICE);
	int64_t n = context_walk_first(c);

	if (nice)
		(void)setpriority(PRIO_PROCESS, 0, before);
	return n;
}

/* Whether the walk that was put off is due. */
static bool is_walk_due(const struct coldplug *c)
{
	const struct waiting *w = &c->waiting;

	if (!w->walk_put_off)
		return false;
	return !c->loading.loader || loader_found_idle(c->loading.loader) || w->was_cancelled ||
		(w->deadline_us && clock_now_us() >= w->deadline_us);
}

/* 1: something was done, and there may be more to do; 0: there is nothing to do but to wait; -errno. */
static int act(struct coldplug *c, enum settle_action action)
{
	int64_t r = 0;

	switch (action) {
	case SETTLE_DO_WAIT:
		return 0;
	case SETTLE_DO_SEND_BARRIER:
		send_barrier(c);
		break;
	case SETTLE_DO_GIVE_UP_BARRIER:
		give_up_barriers(c, "its event does not come back");
		break;
	case SETTLE_DO_WALK_GAP:
		settle_note_now(&c->settle, SETTLE_GAP_WALKED);
		r = walk_and_load(c);
		break;
	case SETTLE_DO_WALK:
		r = walk_for_the_end(c);
		break;
	case SETTLE_DO_LAST_TURN:
		settle_note_now(&c->settle, SETTLE_LAST_TURN);
		r = coldplug_dispatch(c);
		break;
	case SETTLE_DO_TURN:
		r = coldplug_dispatch(c);
		break;
	}
	return r < 0 ? (int)r : 1;
}

/* No event announces a link that udev makes. */
static int check_paths(struct waiting *w, const struct rootfs *root)
{
	int r = wait_list_check_paths(&w->waits, root, &w->disks_prober);

	return r ?: wait_list_check_paths(&w->mounts, root, &w->disks_prober);
}

static int take_news(struct coldplug *c)
{
	size_t results = c->loading.n_results;
	int r = take_record(c);

	if (!r)
		r = coldplug_dispatch(c);
	if (r >= 0)
		r = check_paths(&c->waiting, &c->machine.root) ?: context_probe(c);
	if (r < 0)
		return r;
	if (c->loading.n_results > results || wait_list_pending(&c->waiting.waits))
		settle_note_now(&c->settle, SETTLE_TIME_PASSES);
	return 0;
}

/* A device that has not answered in time is found all the same if its name will do. */
static void take_named_when_late(struct waiting *w)
{
	if (w->deadline_us && clock_now_us() >= w->deadline_us)
		wait_list_take_named(&w->waits);
}

/* Does all that can be done without waiting, until there is a verdict that the caller has not been given yet.
 * *f is how things stand then. */
static int go_on(struct coldplug *c, struct settle_facts *f, enum settle_verdict *verdict)
{
	int r;

	do {
		r = is_walk_due(c) ? (int)walk_first_nicely(c) : 0;
		if (r >= 0)
			r = context_probe(c);
		if (r < 0)
			return r;
		take_named_when_late(&c->waiting);
		*f = collect_facts(c);
		*verdict = settle_verdict(&c->settle, f);
		if (*verdict != SETTLE_GOES_ON && !c->settle.answered)
			return 0;
		r = act(c, settle_next(&c->settle, f));
	} while (r > 0);
	return r;
}

/* For poll(2). */
static int timeout_until(uint64_t until, uint64_t now)
{
	if (!until)
		return -1;
	return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

/* Whatever the settling's end was, unless it was an error: a monitor goes on. */
static void enter_monitor_mode(struct coldplug *c)
{
	c->monitor.monitoring = true;
	settle_note_now(&c->settle, SETTLE_MONITOR_BEGINS);
	context_set_timer(c);
}

API int coldplug_advance(struct coldplug *c, int *timeout_ms)
{
	enum settle_verdict verdict = SETTLE_GOES_ON;
	struct settle_facts f = {};
	int r;

	/* The caller has its answer and goes on. */
	if (c->settle.answered)
		c->waiting.begun = false;
	r = take_news(c);
	if (!r)
		r = go_on(c, &f, &verdict);
	*timeout_ms = r < 0 ? 0 : timeout_until(settle_wait_until(&c->settle, &f), f.now_us);
	if (!r && verdict == SETTLE_GOES_ON)
		return 0;
	settle_note_now(&c->settle, SETTLE_ANSWERED);
	if (!r)
		r = verdict == SETTLE_TIMED_OUT ? -ETIMEDOUT : 1;
#ifdef HAVE_TOOLS
	/* The caller may leave now, and the report says when the device came. If it cannot, the run has not failed. */
	if ((r > 0 || r == -ETIMEDOUT) && c->waiting.waits.specs.n && c->loading.loader)
		(void)report_send_head(c);
#endif
	r = end_record(c, r);
	if ((r <= 0 && r != -ETIMEDOUT) || !has_flag(c, COLDPLUG_MONITOR))
		return r;
	if (context_walk_first(c) == -ENOMEM)
		return -ENOMEM;
	enter_monitor_mode(c);
	return r;
}

/* What leads to an awaited device is loaded before the walk: what a profile says, or else what is to be seen. How many steps
 * that is, or -errno. */
static int64_t load_glimpsed(struct coldplug *c)
{
	int64_t n;
	int r;

	if (has_flag(c, COLDPLUG_DRY_RUN) || has_flag(c, COLDPLUG_ORDERED) ||
	    (!wait_list_pending(&c->waiting.waits) && !wait_list_pending(&c->waiting.mounts)))
		return 0;
	r = context_open(c);
	if (r < 0)
		return r;
	c->machine.planner.awaited = context_awaited_providers(c);
	r = context_want_known(c);
	n = r || !wait_list_pending(&c->waiting.waits) ? r : context_glimpse(c);
	if (n >= 0)
		n = coldplug_plan(c);
	r = n > 0 || (!n && c->loading.batch.n_raises) ? coldplug_load(c) : 0;
	return r < 0 ? r : n;
}

/* The first walk, at once or later. */
static int begin_walk(struct coldplug *c, bool put_off)
{
	c->waiting.walk_put_off = true;
	/* What is there already is looked at first. */
	c->waiting.look_for_waits = true;
	return put_off ? loader_ask_idle(c->loading.loader) : (int)context_walk_first(c);
}

API int coldplug_begin(struct coldplug *c)
{
	int64_t n = 0;
	int r = coldplug_start(c);

	c->waiting.left = false;
	c->waiting.waits.types = has_flag(c, COLDPLUG_FOUND_TYPE);
	if (!r && !has_flag(c, COLDPLUG_DRY_RUN))
		r = context_listen(c);
	if (!r)
		r = begin_record(c);
	if (!r)
		n = load_glimpsed(c);
	if (!r)
		r = n < 0 ? (int)n : begin_walk(c, n > 0 && wait_list_pending(&c->waiting.waits));
	if (r < 0 || has_flag(c, COLDPLUG_DRY_RUN))
		return end_record(c, r < 0 ? r : 0);
	c->waiting.deadline_us =
		c->settings.timeout_ms ? c->loading.start_us + (uint64_t)c->settings.timeout_ms * 1000 : 0;
	settle_note_now(&c->settle, SETTLE_BEGINS);
	c->waiting.begun = true;
	r = context_probe(c);
	return r < 0 ? end_record(c, r) : 0;
}

API int coldplug_run(struct coldplug *c)
{
	int timeout, r = coldplug_begin(c);

	if (r < 0 || has_flag(c, COLDPLUG_DRY_RUN))
		return r;
	while ((r = coldplug_advance(c, &timeout)) == 0) {
		r = poller_wait(&c->poller, timeout);
		if (r < 0)
			return end_record(c, r);
	}
	/* The caller may call coldplug_free() next. */
	if (r > 0)
		r = (int)context_walk_last(c);
	return r < 0 ? r : 0;
}

/* ---- recordings ---- */

API int coldplug_record(struct coldplug *c, const char *path)
{
	struct record *record;
	int r = context_open(c);

	if (!r)
		r = record_begin(&record, &c->machine, path, settings_stream(&c->settings, path))
			?: record_end(record, PROBE_GIVE_UP_MS);
	if (r < 0)
		log_error(&c->log, "%s: cannot be recorded: %s", path, record_strerror(r));
	return r;
}

static int replay_event(void *userdata, const struct uevent *e, uint64_t time_us)
{
	struct coldplug *c = userdata;
	int r = context_take_event(c, e);
	int64_t n = r < 0 ? r : context_load_wanted(c);

	return n < 0 ? (int)n : 0;
}

API int coldplug_replay(struct coldplug *c)
{
	int r = coldplug_set_flag(c, COLDPLUG_DRY_RUN, true);

	if (!r)
		r = coldplug_run(c);
	r = r ?: record_each_event(&c->machine.root, &c->log, replay_event, c);
	return r ?: c->settings.keep_unpacked ? 0 : record_drop(&c->settings.unpacked, &c->log);
}
