/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/listen.h"

#include <string.h>

#include "libcoldplug/record.h"
#include "libcoldplug/want.h"

/* In one turn: loads have theirs too. */
#define EVENTS_AT_ONCE 1024

int context_watch_loader(struct coldplug *c)
{
	int r = poller_open_with_wake(&c->poller);

	if (!r && c->loading.loader)
		r = poller_watch(&c->poller, loader_fd(c->loading.loader));
	return r;
}

static int watch_prober(struct poller *p, struct prober *a)
{
	int fd = prober_fd(a);

	return fd < 0 ? fd : poller_watch(p, fd);
}

/* Without a running udevd its socket stays silent. The kernel's events bring the same devices. */
static bool listens_to_udevd(struct coldplug *c)
{
	if (!has_flag(c, COLDPLUG_UDEV))
		return false;
	if (!udev_source_available())
		log_lost(&c->log, "built without libudev: listening to the kernel's events, not to udevd's");
	else if (!udev_source_has_daemon(&c->machine.root))
		log_warning(&c->log,
			    "udevd does not run (no /" UDEV_CONTROL "): listening to the kernel's events");
	else
		return true;
	return false;
}

static int open_source(struct listener *l, bool udev, int receive_buffer)
{
	int r;

	if (udev)
		r = udev_source_open(&l->udev, receive_buffer);
	else
		r = netlink_open(&l->netlink, receive_buffer);
	l->listening = r >= 0;
	return r;
}

static int source_fd(const struct listener *l)
{
	return l->udev ? udev_source_fd(l->udev) : l->netlink.fd;
}

int context_listen(struct coldplug *c)
{
	int r = context_watch_loader(c);
	bool udev;

	if (!r)
		r = watch_prober(&c->poller, &c->wanted.devices_prober);
	if (!r)
		r = watch_prober(&c->poller, &c->waiting.disks_prober);
	if (r < 0 || c->listener.listening)
		return r;
	udev = listens_to_udevd(c);
	r = open_source(&c->listener, udev, c->settings.receive_buffer);
	if (r < 0) {
		log_lost(&c->log,
			 "%s uevents cannot be received (%s): "
			 "devices that appear late are found by walking /sys only",
			 udev ? "udevd's" : "the kernel's", strerror(-r));
		return 0;
	}
	settle_note_now(&c->settle, udev ? SETTLE_UDEVD_OPENS : SETTLE_SOURCE_OPENS);
	return poller_watch(&c->poller, source_fd(&c->listener));
}

void context_stop_listening(struct coldplug *c)
{
	netlink_close(&c->listener.netlink);
	c->listener.udev = udev_source_close(c->listener.udev);
	c->listener.listening = false;
	poller_close(&c->poller);
}

/* Whether an event can bring a device that wants a driver. unbind and remove cannot. */
static bool brings_device(const struct uevent *e)
{
	return !strcmp(e->action, "add") || !strcmp(e->action, "bind") || !strcmp(e->action, "change");
}

/* A module was loaded, by anybody, or removed: then what wants it may have it loaded again. */
static void take_module_event(struct machine *m, struct wanted *w, const struct uevent *e)
{
	const char *name = strrchr(e->devpath, '/') + 1;
	uint32_t id = intern_find(&m->modules.names, name, strlen(name));

	if (id == INTERN_NONE || id >= m->expander.loaded.n)
		return;
	if (!strcmp(e->action, "add"))
		m->expander.loaded.items[id] = 1;
	if (strcmp(e->action, "remove") != 0)
		return;
	m->expander.loaded.items[id] = 0;
	m->expander.step_of.items[id] = 0;
	if (w->alias_seen.n)
		memset(w->alias_seen.items, ALIAS_NEW, w->alias_seen.n);
}

static void report_event(struct listener *l, const struct settings *s, const struct uevent *e)
{
	struct coldplug_event event = { e->action,   e->devpath, e->subsystem,
					e->modalias, e->devname, e->seqnum };

	l->current_event = e;
	if (s->event)
		s->event(s->event_data, &event);
	l->current_event = NULL;
}

/* Whether an event is the barrier that was sent last. */
static bool is_barrier(const struct coldplug *c, const struct uevent *e)
{
	return c->settle.phase == SETTLE_FENCED && e->synth_uuid &&
		!strcmp(e->synth_uuid, c->listener.barrier);
}

/* A block device may be what somebody waits for. */
static int check_block(struct waiting *w, const struct rootfs *root, const struct uevent *e)
{
	int r;

	if (!e->devname || !e->subsystem || strcmp(e->subsystem, "block") != 0)
		return 0;
	r = wait_list_check_block(&w->waits, root, &w->disks_prober, e->devname);
	return r ?: wait_list_check_block(&w->mounts, root, &w->disks_prober, e->devname);
}

static int take_device_event(struct coldplug *c, const struct uevent *e)
{
	/* Only now: before 5.11 also a module whose init fails is announced. */
	if (c->monitor.monitoring && !strncmp(e->devpath, "/module/", 8))
		take_module_event(&c->machine, &c->wanted, e);
	if (!strcmp(e->action, "remove") && e->modalias)
		wanted_forget_alias(&c->wanted, e->modalias);
	if (!brings_device(e))
		return 0;
	return check_block(&c->waiting, &c->machine.root, e) ?: context_add_event(c, e);
}

int context_take_event(struct coldplug *c, const struct uevent *e)
{
	uint64_t now = clock_now_us();
	int r = 0;

	c->listener.n_events++;
	if (is_barrier(c, e)) {
		settle_note(&c->settle, (struct settle_event){ SETTLE_BARRIER_RETURNS, now, e->seqnum });
		return 0;
	}
	settle_note(&c->settle, (struct settle_event){ SETTLE_EVENT_RECEIVED, now, e->seqnum });
	report_event(&c->listener, &c->settings, e);
	if (c->listener.record)
		r = record_event(c->listener.record, e, now - c->loading.start_us);
	return r < 0 ? r : take_device_event(c, e);
}

/* The next event. A gap in the numbers is noted before the event that shows it: that may be the barrier. */
static int receive(struct listener *l, struct settle *s, struct uevent *e)
{
	int r = l->udev ? udev_source_receive(l->udev, e) : netlink_receive(&l->netlink, e);

	if (l->netlink.gap)
		settle_note_now(s, SETTLE_GAP_FOUND);
	l->netlink.gap = false;
	if (r == NETLINK_LOST)
		settle_note_now(s, SETTLE_EVENTS_LOST);
	if (r == NETLINK_NOTHING)
		settle_note_now(s, SETTLE_QUEUE_EMPTIED);
	return r;
}

int context_take_events(struct coldplug *c)
{
	struct uevent e;
	int r;

	for (int i = 0; c->listener.listening && i < EVENTS_AT_ONCE; i++) {
		r = receive(&c->listener, &c->settle, &e);
		if (r == NETLINK_EVENT)
			r = context_take_event(c, &e);
		else if (r == NETLINK_NOTHING)
			return 0;
		if (r < 0)
			return r;
	}
	return c->listener.listening;
}
