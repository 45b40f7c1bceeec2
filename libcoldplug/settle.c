/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When is a machine done? When everything the kernel had to say has been heard and handled, no load is
 * in flight, and nothing new was wanted. No timer can know that: an idle timer is kept alive by a CD
 * drive that polls its tray, and ends too early when the kernel takes a break.
 *
 * So: the kernel's events are opened before the first walk. Walk, plan, load; each event that brings a
 * new alias does the same. When nothing is in flight, a barrier is sent: a synthetic event of our own
 * (netlink_send_barrier()). The kernel queues events in order, so when it comes back, all that was sent
 * before it has been received. If nothing new was wanted meanwhile, that is the end; if something was,
 * it is loaded and the next barrier decides. Events that want nothing new do not count, however many.
 *
 * What was lost (ENOBUFS, a message that did not fit) is found by another walk. A gap in SEQNUM alone
 * is no proof of loss: other network namespaces take numbers too; it is worth one walk per settling. Where
 * events are lost again and again and nothing new is wanted, the end is that of who has no events.
 *
 * Where there are no events (containers, another root) walks alone must do: done is when a walk made
 * while nothing was in flight finds nothing new.
 *
 * Nothing here waits for a device. What may block is asked (uevent/ask.c) once all that is known by then has
 * been handed over to be loaded; it is done only when all answers are there, or nobody waits for them.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "libcoldplug/context.h"
#include "libcoldplug/life.h"
#include "libcoldplug/loading.h"
#include "libcoldplug/record.h"
#include "libcoldplug/want.h"

#define API __attribute__((visibility("default")))

#define EVENTS_AT_ONCE 1024
/* Who loses events so often without having wanted anything new between will lose them for ever. */
#define LOSSES_AT_MOST 3
/* Who never sees an empty queue looks again all the same, after so long. */
#define RESCAN_LATE_US 1000000
/* How many requests a monitor remembers. */
#define REQUESTS_AT_ONCE 4096
/* A barrier is queued before the write that asks for it returns; this is for sources in between. */
#define BARRIER_US 3000000
/* udevd takes its time: rules may run programs. */
#define UDEV_BARRIER_US 60000000
/* An event that udevd does not finish for so long is not waited for when newer ones keep it busy. */
#define UDEV_OLDER_US 5000000
/* In any case: udevd itself kills a worker after so long. */
#define UDEV_STUCK_US 180000000
/* Without events: how long between two walks while loads are in flight. */
#define WALK_INTERVAL_MS 200
/* And while a monitor waits for devices: a walk takes a few ms. */
#define IDLE_WALK_US 5000000
/* A path that is waited for can be a link of udev's, which no event announces. */
#define POLL_INTERVAL_MS 50
/* At its end a run waits no longer for what only its recording wants to know of a device. */
#define RECORD_PATIENCE_MS 1000

static bool in_flight(const struct coldplug *c)
{
	return c->loading.n_results < c->loading.handed;
}

int context_watch_loader(struct coldplug *c)
{
	int r = poller_open_with_wake(&c->poller);

	if (!r && c->loading.loader)
		r = poller_watch(&c->poller, loader_fd(c->loading.loader));
	return r;
}

static int watch_asker(struct poller *p, struct asker *a)
{
	int fd = asker_fd(a);

	return fd < 0 ? fd : poller_watch(p, fd);
}

/* Where udevd does not run nothing would ever come from it. The kernel's events bring the same devices. */
static bool listens_to_udevd(struct coldplug *c)
{
	if (!has_flag(c, COLDPLUG_UDEV))
		return false;
	if (!udev_source_available())
		log_lost(&c->log, "built without libudev: the kernel's events are taken, not udevd's");
	else if (!udev_source_has_daemon(&c->machine.root))
		log_warning(&c->log,
			    "udevd does not run (no /" UDEV_CONTROL "): the kernel's events are taken");
	else
		return true;
	return false;
}

int context_listen(struct coldplug *c)
{
	int r = context_watch_loader(c);
	bool udev;

	if (!r)
		r = watch_asker(&c->poller, &c->wanted.devices_asker);
	if (!r)
		r = watch_asker(&c->poller, &c->waiting.disks_asker);
	if (r < 0 || c->listener.listening)
		return r;
	udev = listens_to_udevd(c);
	r = udev ? udev_source_open(&c->listener.udev, c->settings.receive_buffer)
		 : netlink_open(&c->listener.netlink, c->settings.receive_buffer);
	if (r < 0) {
		log_lost(
			&c->log,
			"%s uevents cannot be had (%s): devices that appear late are found by walking /sys only",
			udev ? "udev's" : "the kernel's", strerror(-r));
		return 0;
	}
	c->listener.listening = true;
	return poller_watch(&c->poller,
			    c->listener.udev ? udev_source_fd(c->listener.udev) : c->listener.netlink.fd);
}

void context_stop_listening(struct coldplug *c)
{
	netlink_close(&c->listener.netlink);
	c->listener.udev = udev_source_close(c->listener.udev);
	poller_close(&c->poller);
	c->listener.listening = false;
}

/* Whether an event can bring a device that wants a driver. unbind and remove cannot. */
static bool brings_device(const struct uevent *e)
{
	return !strcmp(e->action, "add") || !strcmp(e->action, "bind") || !strcmp(e->action, "change");
}

/* A module has come, whoever loaded it, or gone: then what wants it may bring it back. */
static void take_module_event(struct coldplug *c, const struct uevent *e)
{
	const char *name = strrchr(e->devpath, '/') + 1;
	uint32_t id = intern_find(&c->machine.modules.names, name, strlen(name));

	if (id == INTERN_NONE || id >= c->machine.expander.loaded.n)
		return;
	if (!strcmp(e->action, "add"))
		c->machine.expander.loaded.items[id] = 1;
	if (strcmp(e->action, "remove") != 0)
		return;
	c->machine.expander.loaded.items[id] = 0;
	c->machine.expander.step_of.items[id] = 0;
	if (c->wanted.alias_seen.n)
		memset(c->wanted.alias_seen.items, ALIAS_NEW, c->wanted.alias_seen.n);
}

static void tell_event(struct coldplug *c, const struct uevent *e)
{
	struct coldplug_event event = { e->action,   e->devpath, e->subsystem,
					e->modalias, e->devname, e->seqnum };

	c->listener.current_event = e;
	if (c->settings.event)
		c->settings.event(c->settings.event_data, &event);
	c->listener.current_event = NULL;
}

/* Perhaps something was lost, and it is worth a walk (ask()). */
static bool has_gap(const struct coldplug *c)
{
	return c->listener.netlink.gap && !c->settle.gap_excused;
}

static void take_barrier(struct coldplug *c, const struct uevent *e)
{
	c->settle.barrier[0] = '\0';
	c->settle.settled = !has_gap(c);
	c->settle.barrier_seqnum = e->seqnum;
	c->settle.older_us = clock_now_us();
	c->settle.newer = false;
}

/* What udevd is at: events from before the barrier, or from after it. */
static void note_age(struct coldplug *c, const struct uevent *e)
{
	if (e->seqnum > c->settle.barrier_seqnum)
		c->settle.newer = true;
	else
		c->settle.older_us = clock_now_us();
}

static void want_rescan(struct coldplug *c)
{
	if (!c->settle.rescan)
		c->settle.rescan_us = clock_now_us();
	c->settle.rescan = true;
}

/* Whether what it hears can be all. */
static bool hears(const struct coldplug *c)
{
	return c->listener.listening && !c->settle.no_barrier;
}

static bool has_given_up(const struct coldplug *c)
{
	return c->settle.losses >= LOSSES_AT_MOST;
}

static bool has_events(const struct coldplug *c)
{
	return hears(c) && !has_given_up(c);
}

/* A settling that begins again with each loss would never end while a storm lasts. */
static void count_loss(struct coldplug *c)
{
	if (c->monitor.monitoring || !has_events(c))
		return;
	c->settle.losses++;
	if (has_given_up(c))
		log_lost(&c->log,
			 "events come faster than they can be taken and are lost again and again: "
			 "devices that appear late are found by walking only");
}

/* Who has given up hearing all walks once more when nothing is in flight (ask()), and not for each loss: with
 * all that is asked on the way it would never be quiet. */
static void lose_events(struct coldplug *c)
{
	if (!has_given_up(c))
		want_rescan(c);
	c->settle.barrier[0] = '\0'; /* perhaps it was among what is lost */
}

static int take_event(struct coldplug *c, const struct uevent *e)
{
	c->listener.n_events++;
	if (e->synth_uuid && c->settle.barrier[0] && !strcmp(e->synth_uuid, c->settle.barrier)) {
		take_barrier(c, e);
		return 0;
	}
	if (c->listener.udev && c->settle.settled)
		note_age(c, e);
	tell_event(c, e);
	if (c->listener.record) {
		int r = record_event(c->listener.record, e, clock_now_us() - c->loading.start_us);

		if (r < 0)
			return r;
	}
	/* Only then: before 5.11 the event of a module whose init fails comes all the same. */
	if (c->monitor.monitoring && !strncmp(e->devpath, "/module/", 8))
		take_module_event(c, e);
	if (!strcmp(e->action, "remove") && e->modalias)
		wanted_forget_alias(&c->wanted, e->modalias);
	if (!brings_device(e))
		return 0;
	if (e->devname && e->subsystem && !strcmp(e->subsystem, "block")) {
		int r = wait_list_check_block(&c->waiting.waits, &c->machine.root, &c->waiting.disks_asker,
					      e->devname)
			?: wait_list_check_block(&c->waiting.mounts, &c->machine.root,
						 &c->waiting.disks_asker, e->devname);

		if (r < 0)
			return r;
	}
	return context_add_event(c, e);
}

/* The events that are there, but not for ever: loads have their turn too. 1: there may be more. */
static int take_events(struct coldplug *c)
{
	struct uevent e;
	int r = 0;

	for (int i = 0; c->listener.listening && r >= 0 && i < EVENTS_AT_ONCE; i++) {
		r = c->listener.udev ? udev_source_receive(c->listener.udev, &e)
				     : netlink_receive(&c->listener.netlink, &e);
		if (r == NETLINK_NOTHING) {
			c->settle.emptied_us = clock_now_us();
			return 0;
		}
		if (r == NETLINK_LOST)
			lose_events(c);
		else if (r == NETLINK_EVENT)
			r = take_event(c, &e);
	}
	return r < 0 ? r : c->listener.listening;
}

static int start_afresh(struct coldplug *c, bool keep_aliases);

/* A burst begins. What it is to be found with was read when the last one was over. */
static int refresh(struct coldplug *c)
{
	if (!c->monitor.monitoring || c->loading.handed || !c->wanted.new_aliases.n ||
	    machine_fingerprint(&c->machine) == c->monitor.fingerprint)
		return 0;
	return start_afresh(c, true);
}

static int want_names(struct coldplug *c)
{
	bool configure = c->wanted.configure;

	c->wanted.configure = false;
	return (configure ? coldplug_want_configured(c) : 0) ?: context_want_filesystems(c);
}

/* Plans and hands over what was wanted since the last time; how many new steps. */
static int64_t load_wanted(struct coldplug *c)
{
	int r = refresh(c) ?: want_names(c); /* what is wanted before a reset is forgotten by it */
	int64_t n = r < 0 ? r : context_request_devices(c);

	if (n < 0)
		return n;
	if (!n && c->machine.planner.batch_steps == c->machine.planner.steps.n)
		return 0;
	n = coldplug_plan(c);
	if (n > 0) {
		/* A barrier sent before says nothing about what these loads will bring. */
		c->settle.barrier[0] = '\0';
		c->settle.settled = c->settle.drained = false;
		if (!has_given_up(c))
			c->settle.losses = 0;
	}
	r = n < 0 ? (int)n : coldplug_load(c);
	return r < 0 ? r : n;
}

/* A walk, whose failure is told and counted by itself: what is asked for by name is loaded all the
 * same. Who only plans wants all of it at once. */
static int look_again(struct coldplug *c)
{
	int64_t n = has_flag(c, COLDPLUG_DRY_RUN) ? coldplug_walk(c) : context_walk(c);

	c->settle.rescan = c->settle.walk = c->listener.netlink.gap = false;
	context_want_again(c);
	c->waiting.look_for_waits = true;
	c->settle.walked_us = clock_now_us();
	return n == -ENOMEM ? -ENOMEM : 0;
}

static int take_disk(void *userdata, const struct ask_answer *answer)
{
	struct coldplug *c = userdata;

	return wait_list_take_answer(&c->waiting.waits, &c->machine.root, &c->waiting.disks_asker, &c->log,
				     answer)
		?: wait_list_take_answer(&c->waiting.mounts, &c->machine.root, &c->waiting.disks_asker,
					 &c->log, answer);
}

/* After what is known has been handed over: loading comes first. */
static int ask_slow_ones(struct coldplug *c)
{
	int r = 0;

	if (c->waiting.look_for_waits && wait_list_pending(&c->waiting.waits))
		r = wait_list_check_all(&c->waiting.waits, &c->machine.root, &c->waiting.disks_asker);
	if (!r && c->waiting.look_for_waits && wait_list_pending(&c->waiting.mounts))
		r = wait_list_check_all(&c->waiting.mounts, &c->machine.root, &c->waiting.disks_asker);
	c->waiting.look_for_waits = false;
	return r ?: asker_go(&c->waiting.disks_asker) ?: asker_go(&c->wanted.devices_asker);
}

static bool is_asking(const struct coldplug *c)
{
	return asker_busy(&c->wanted.devices_asker) || asker_busy(&c->waiting.disks_asker);
}

/* What signal handlers have noted, and the timer. */
static void heed_signals(struct coldplug *c)
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

API int coldplug_fd(struct coldplug *c)
{
	return c->poller.epoll_fd;
}

/* All that the next burst needs, while there is time. A loading process that cannot be had now is asked for
 * again when it is needed, and told then. */
static void get_ready(struct coldplug *c)
{
	const char *value;

	for (int i = 0; i < MODDIR_INDEXES; i++)
		(void)moddir_find(&c->machine.dir, (enum moddir_index)i, "", &value);
	if (!coldplug_start(c))
		(void)context_watch_loader(c);
}

/* Who stays for days forgets each burst of events when it is over, so that nothing grows; and reads the
 * configuration and what is loaded anew, silently: what is wrong with it was told the first time. */
static int start_afresh(struct coldplug *c, bool keep_aliases)
{
	int level = c->log.level, r;
	bool reload = c->monitor.reload;

	/* Now: a signal that comes from here on is heeded the next time. */
	c->monitor.reload = 0;
	r = in_flight(c) ? loading_set_aside(&c->loading, &c->machine.planner) : 0;
	if (r < 0)
		return r;
	context_reset(c, keep_aliases && !reload);
	if (!reload)
		c->log.level = LOG_LEVEL_DEBUG < level ? level : -1;
	r = context_open(c) ?: orphans_mark(&c->loading.orphans, &c->machine.expander);
	if (!r)
		get_ready(c);
	c->log.level = level;
	if (reload)
		c->settle.walk = c->wanted.configure = true;
	return r;
}

/* When a burst is over: nothing has been handed over or come back for a moment; for a longer one if loads
 * are in flight, which may never return. */
static uint64_t end_of_burst(const struct coldplug *c)
{
	return c->monitor.active_us + (in_flight(c) ? c->monitor.stuck_us : c->monitor.quiet_us);
}

static bool has_grown(const struct coldplug *c)
{
	return c->machine.expander.requests.n > REQUESTS_AT_ONCE ||
		c->wanted.devices.aliases.n > REQUESTS_AT_ONCE;
}

static bool is_stale(const struct coldplug *c)
{
	/* Without a fingerprint: read before it began to stay. */
	if (c->monitor.reload || has_grown(c) || !c->monitor.fingerprint)
		return true;
	return c->loading.handed && (!c->loading.loader || clock_now_us() >= end_of_burst(c));
}

/* Without events nobody says that a device has gone: who knows only walks keeps what it has seen. */
static int forget_burst(struct coldplug *c)
{
	return start_afresh(c, !hears(c) && !has_grown(c));
}

/*
 * Only when nothing is queued any more: from the first message that did not fit until then the kernel
 * drops all others too, and does not say so again. A queue that is never empty does not put it off for
 * ever, but what is lost after that look is found only by another one. The removal of a module can be among
 * what is lost: who knew it as loaded forgets that, or would not want it for a device that had it before.
 */
static int make_up_for_lost(struct coldplug *c, bool emptied)
{
	int r;

	if (!emptied && clock_now_us() < c->settle.rescan_us + RESCAN_LATE_US)
		return 0;
	if (!emptied || !in_flight(c))
		count_loss(c);
	r = (c->monitor.monitoring ? start_afresh(c, false) : 0) ?: look_again(c);
	if (r >= 0 && !emptied)
		want_rescan(c);
	return r;
}

/* Without events: another walk, in which what the one before has not seen has gone. */
static void walk_now_and_then(struct coldplug *c)
{
	if (!c->monitor.monitoring || hears(c) || clock_now_us() < c->settle.walked_us + IDLE_WALK_US)
		return;
	wanted_age_aliases(&c->wanted);
	c->settle.walk = true;
}

static void set_timer(struct coldplug *c)
{
	uint64_t until = c->loading.handed ? end_of_burst(c) : 0, walk = c->settle.walked_us + IDLE_WALK_US;

	if (!c->monitor.monitoring)
		return;
	if (!hears(c) && (!until || walk < until))
		until = walk;
	if (c->settle.rescan && (!until || c->settle.rescan_us + RESCAN_LATE_US < until))
		until = c->settle.rescan_us + RESCAN_LATE_US;
	poller_set_timer(&c->poller, until);
}

API int coldplug_dispatch(struct coldplug *c)
{
	int results = context_take_results(c);
	int r = results < 0 ? results : 0;

	heed_signals(c);
	if (r >= 0 && c->monitor.monitoring && is_stale(c))
		r = forget_burst(c);
	walk_now_and_then(c);
	if (r >= 0)
		r = context_take_devices(c) ?: asker_take(&c->waiting.disks_asker, take_disk, c);
	if (r >= 0)
		r = take_events(c);
	if (r >= 0 && c->settle.rescan)
		r = make_up_for_lost(c, r == 0);
	else if (r >= 0 && c->settle.walk)
		r = look_again(c);
	if (r >= 0) {
		int64_t n = load_wanted(c);

		r = n < 0 ? (int)n : ask_slow_ones(c);
	}
	set_timer(c);
	return r < 0 ? r : results;
}

API int coldplug_wait(struct coldplug *c)
{
	int r = context_watch_loader(c);

	while (r >= 0 && c->loading.loader && in_flight(c)) {
		r = poller_wait(&c->poller, -1);
		heed_signals(c);
		if (r >= 0)
			r = context_take_results(c);
	}
	return r < 0 ? r : 0;
}

static void give_up_barriers(struct coldplug *c, const char *why)
{
	log_lost(&c->log, "/sys/module/printk/uevent: %s: devices that appear late are found by walking only",
		 why);
	c->settle.barrier[0] = '\0';
	c->settle.no_barrier = true;
}

/* Nothing is in flight: has the kernel said all? With events a barrier asks it. Without, a walk does:
 * when it finds nothing new, that is the end. */
static int ask(struct coldplug *c)
{
	bool gap = has_events(c) && has_gap(c);
	size_t before = c->wanted.n_aliases;
	int r;

	if (has_events(c) && !gap) {
		r = netlink_send_barrier(&c->machine.root, c->settle.barrier);
		c->settle.barrier_us = clock_now_us() + (c->listener.udev ? UDEV_BARRIER_US : BARRIER_US);
		if (r < 0)
			give_up_barriers(c, strerror(-r));
		return 0;
	}
	c->settle.gap_excused |= gap;
	r = look_again(c);
	if (!r)
		r = (int)load_wanted(c);
	if (r == 0 && !gap && c->wanted.n_aliases == before)
		c->settle.settled = true;
	return r < 0 ? r : 0;
}

/*
 * udevd handles events side by side: that the barrier has come back through it means that it has
 * received what came before and begun with it (or with another event of the same devices), not that it is
 * done. Once its queue is empty it is, and what it is done with has been sent to us. A device that has
 * always something new to say keeps the queue from ever being empty: then the end is when nothing older
 * than the barrier has come for a while. And nobody waits for a udevd that has not passed the barrier on.
 */
static bool is_source_idle(struct coldplug *c)
{
	return !c->listener.udev || !has_events(c) || udev_source_idle(c->listener.udev) ||
		clock_now_us() >= c->settle.older_us + (c->settle.newer ? UDEV_OLDER_US : UDEV_STUCK_US);
}

/* How long to wait at most: 0 for ever, else a time. */
static uint64_t wait_until(const struct coldplug *c)
{
	bool limited = wait_list_pending(&c->waiting.waits) ||
		(c->waiting.waits.specs.n && !c->settle.done) || has_flag(c, COLDPLUG_MONITOR);
	uint64_t now = clock_now_us(), until = limited ? c->waiting.deadline_us : 0;
	uint64_t walk = now + WALK_INTERVAL_MS * 1000, poll = now + POLL_INTERVAL_MS * 1000;

	if (c->settle.barrier[0] && (!until || c->settle.barrier_us < until))
		until = c->settle.barrier_us;
	if (!has_events(c) && (!until || walk < until))
		until = walk;
	if ((wait_list_needs_polling(&c->waiting.waits) || (c->listener.udev && c->settle.settled)) &&
	    (!until || poll < until))
		until = poll;
	return until;
}

/* For poll(2). */
static int timeout_until(uint64_t until)
{
	uint64_t now = clock_now_us();

	return !until ? -1 : until <= now ? 0 : (int)((until - now + 999) / 1000);
}

/* The run goes on without it, and says so at its end. */
static int give_up_record(struct coldplug *c, int error)
{
	log_error(&c->log, "%s: cannot be recorded: %s", c->settings.record_path, strerror(-error));
	record_abort(c->listener.record);
	c->listener.record = NULL;
	c->listener.record_failed = true;
	return error == -ENOMEM ? error : 0;
}

static int take_news(struct coldplug *c)
{
	size_t results = c->loading.n_results;
	int r = c->listener.record ? record_take(c->listener.record) : 0;

	if (r < 0)
		r = give_up_record(c, r);
	if (!r)
		r = coldplug_dispatch(c);
	if (r < 0)
		return r;
	/* While loads are slow it may be in the queue still, behind others. */
	if (c->settle.barrier[0] && c->settle.emptied_us > c->settle.barrier_us)
		give_up_barriers(c, "its event does not come back");
	r = wait_list_check_paths(&c->waiting.waits, &c->machine.root, &c->waiting.disks_asker)		 ?:
		    wait_list_check_paths(&c->waiting.mounts, &c->machine.root, &c->waiting.disks_asker) ?:
										   ask_slow_ones(c);
	if (r < 0)
		return r;
	/* Without events, a result or the passing of time is a reason to look again. */
	if (!has_events(c) && (c->loading.n_results > results || wait_list_pending(&c->waiting.waits)) &&
	    clock_now_us() >= c->settle.walked_us + WALK_INTERVAL_MS * 1000)
		want_rescan(c);
	return 0;
}

/* Who loses events for ever cannot make up for all; ask() walks. */
static bool must_rescan(const struct coldplug *c)
{
	return c->settle.rescan && !has_given_up(c);
}

/* Nothing is in flight, nobody is asked, and the kernel has said all. */
static bool is_quiet(struct coldplug *c)
{
	return c->settle.settled && !in_flight(c) && !c->settle.barrier[0] && !must_rescan(c) &&
		!is_asking(c) && is_source_idle(c);
}

/* Loading does not wait for what is asked for it. */
static int begin_record(struct coldplug *c)
{
	int r = record_begin(&c->listener.record, &c->machine, c->settings.record_path);

	if (!r)
		r = context_watch_loader(c) ?: record_fd(c->listener.record);
	if (r >= 0)
		r = poller_watch(&c->poller, r);
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

/* 1: something was done, and there may be more to do; 0: nothing can be done but to wait. */
static int go_on(struct coldplug *c)
{
	int r;

	if (!in_flight(c) && !c->settle.barrier[0] && !must_rescan(c) && !c->settle.settled) {
		r = ask(c);
	} else if (is_quiet(c) && !c->settle.drained) {
		/* What was sent until then is there to be taken. */
		c->settle.drained = true;
		r = coldplug_dispatch(c);
	} else if (must_rescan(c)) {
		r = coldplug_dispatch(c);
	} else {
		return 0;
	}
	return r < 0 ? r : 1;
}

API bool coldplug_is_settled(struct coldplug *c)
{
	return is_quiet(c) && c->settle.drained;
}

/* What does not answer in time is found all the same if its name will do. */
static int time_is_up(struct coldplug *c)
{
	wait_list_take_named(&c->waiting.waits);
	return wait_list_pending(&c->waiting.waits) ? -ETIMEDOUT : 1;
}

/* What is to be mounted is there, and says in a moment which file system it has, or is given up. */
static bool prepares_mount(const struct coldplug *c)
{
	return wait_list_is_asking(&c->waiting.mounts) && asker_busy(&c->waiting.disks_asker);
}

/* 1: everything is done, or what is waited for is there. */
static int is_done(struct coldplug *c)
{
	bool waiting = wait_list_pending(&c->waiting.waits);
	bool late = c->waiting.deadline_us && clock_now_us() >= c->waiting.deadline_us;

	if (c->waiting.waits.specs.n && !waiting && (late || !prepares_mount(c)))
		return 1;
	if (coldplug_is_settled(c) && !waiting)
		return 1;
	/* What nothing more is loaded for is not waited for either. */
	if (c->waiting.was_cancelled && waiting && !in_flight(c))
		return 1;
	if (late && !waiting && has_flag(c, COLDPLUG_MONITOR))
		return -ETIMEDOUT;
	return late && waiting ? time_is_up(c) : 0;
}

/* Who stays makes up for each loss, when it comes; and for those that it had given up. */
static void begin_staying(struct coldplug *c)
{
	if (has_given_up(c))
		want_rescan(c);
	c->monitor.monitoring = true;
	c->settle.losses = 0;
	set_timer(c);
}

API int coldplug_advance(struct coldplug *c, int *timeout_ms)
{
	int r = take_news(c), done = 0;

	/* Who has what it waited for is told at once, and may then let it go on settling. */
	while (r >= 0 && (!(done = is_done(c)) || c->settle.done) && (r = go_on(c)) > 0)
		;
	*timeout_ms = timeout_until(wait_until(c));
	if (r >= 0 && !done)
		return 0;
	c->settle.done = true;
	r = end_record(c, r < 0 ? r : done);
	/* Who stays goes on however that ended. */
	if ((r > 0 || r == -ETIMEDOUT) && has_flag(c, COLDPLUG_MONITOR))
		begin_staying(c);
	return r;
}

API int coldplug_record(struct coldplug *c, const char *path)
{
	struct record *record;
	int r = context_open(c);

	if (!r)
		r = record_begin(&record, &c->machine, path) ?: record_end(record, ASK_GIVE_UP_MS);
	if (r < 0)
		log_error(&c->log, "%s: cannot be recorded: %s", path, strerror(-r));
	return r;
}

API int coldplug_begin(struct coldplug *c)
{
	int r = coldplug_start(c);

	c->waiting.waits.types = has_flag(c, COLDPLUG_FOUND_TYPE);
	if (!r && !has_flag(c, COLDPLUG_DRY_RUN))
		r = context_listen(c);
	c->listener.record_failed = false;
	if (!r && c->settings.record_path && !c->listener.record)
		r = begin_record(c);
	if (!r)
		r = coldplug_want_configured(c);
	if (!r)
		r = look_again(c);
	if (!r)
		r = (int)load_wanted(c);
	if (r < 0 || has_flag(c, COLDPLUG_DRY_RUN))
		return end_record(c, r < 0 ? r : 0);
	c->waiting.deadline_us =
		c->settings.timeout_ms ? c->loading.start_us + (uint64_t)c->settings.timeout_ms * 1000 : 0;
	c->settle.settled = c->settle.drained = c->settle.done = false;
	c->settle.gap_excused = false;
	c->settle.losses = 0;
	r = ask_slow_ones(c);
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
	return r < 0 ? r : 0;
}

static int replay_event(void *userdata, const struct uevent *e, uint64_t time_us)
{
	struct coldplug *c = userdata;
	int r = take_event(c, e);

	return r < 0 ? r : (int)load_wanted(c) < 0 ? -ENOMEM : 0;
}

API int coldplug_replay(struct coldplug *c)
{
	int r = coldplug_set_flag(c, COLDPLUG_DRY_RUN, true);

	if (!r)
		r = coldplug_run(c);
	return r ?: record_each_event(&c->machine.root, &c->log, replay_event, c);
}
