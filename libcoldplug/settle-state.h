/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settling as a state machine: what has happened (settle_note()) and how things stand (struct settle_facts)
 * go in, what to do next comes out. It has no clock, no descriptor and no context; times are microseconds
 * of any clock that does not go back. libcoldplug/settle.c feeds it and does what it says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum settle_phase {
	SETTLE_WORKING,	  /* nothing says yet that this was all */
	SETTLE_FENCED,	  /* a barrier was sent and has not come back */
	SETTLE_CONFIRMED, /* it has, or a walk has found nothing new */
	SETTLE_DRAINED,	  /* and what had been sent until then has been taken */
};

/* How devices that appear late are found. */
enum settle_source {
	SETTLE_NO_EVENTS, /* by walks only: there are no events, or no barriers */
	SETTLE_EVENTS,	  /* by events, which are complete or known to be lost */
	SETTLE_OVERRUN,	  /* by walks only: events were lost again and again in this settling */
};

/* Whether the next turn is to walk. */
enum settle_look {
	SETTLE_LOOK_NOT,
	SETTLE_LOOK_WALK,   /* yes, but nothing was lost */
	SETTLE_LOOK_RESCAN, /* yes: a device may have been missed */
};

/* A gap in the events' numbers. */
enum settle_gap {
	SETTLE_GAP_NONE,
	SETTLE_GAP_SEEN,    /* something may have been lost */
	SETTLE_GAP_EXCUSED, /* one has had its walk; others are ignored until the next settling */
};

/* All zero: no events, nothing begun. */
struct settle {
	enum settle_phase phase;
	enum settle_source source;
	enum settle_look look;
	enum settle_gap gap;
	unsigned int losses; /* with nothing in flight, and nothing planned since */
	bool udevd;	     /* events come through udevd */
	bool newer;	     /* udevd: an event from after the barrier has come */
	bool answered;	     /* the caller has had its verdict */
	uint64_t rescan_us;  /* since when a rescan is due */
	uint64_t walked_us;  /* when the last walk ended */
	uint64_t emptied_us; /* when all events that were there had last been taken */
	uint64_t barrier_limit_us;
	uint64_t barrier_seqnum; /* of the last barrier that has come back */
	uint64_t older_us;	 /* udevd: when it or an event from before it has last come */
};

enum settle_event_kind {
	SETTLE_BEGINS,		/* a settling */
	SETTLE_SOURCE_OPENS,	/* the kernel's events are received from now on */
	SETTLE_UDEVD_OPENS,	/* udevd's are */
	SETTLE_BARRIER_SENT,	/* the kernel was asked for it */
	SETTLE_BARRIER_RETURNS, /* seqnum */
	SETTLE_BARRIER_FAILS,	/* it cannot be sent, or does not come back */
	SETTLE_EVENT_RECEIVED,	/* any other event; seqnum */
	SETTLE_GAP_FOUND,	/* a number was skipped */
	SETTLE_EVENTS_LOST,	/* the kernel says so */
	SETTLE_QUEUE_EMPTIED,	/* all events that were there have been taken */
	SETTLE_LOADS_PLANNED,	/* something new was wanted */
	SETTLE_WALK_WANTED,
	SETTLE_RESCAN_WANTED,
	SETTLE_TIME_PASSES,    /* results have come, or a device is waited for */
	SETTLE_LOSS_COUNTED,   /* a rescan is made with nothing in flight, or the queue is never empty */
	SETTLE_GAP_WALKED,     /* SETTLE_DO_WALK_GAP is done now */
	SETTLE_WALKED,	       /* a walk has ended */
	SETTLE_NOTHING_NEW,    /* SETTLE_DO_WALK has found nothing new */
	SETTLE_LAST_TURN,      /* SETTLE_DO_LAST_TURN is done now */
	SETTLE_ANSWERED,       /* the caller was given a verdict */
	SETTLE_MONITOR_BEGINS, /* from now on each loss is made up for when it comes */

	SETTLE_EVENT_KINDS /* how many */
};

struct settle_event {
	enum settle_event_kind kind;
	uint64_t now_us;
	uint64_t seqnum;
};

/* How things stand outside. */
struct settle_facts {
	uint64_t now_us;
	uint64_t deadline_us;  /* 0: none */
	bool in_flight;	       /* a load has no result yet */
	bool probing;	       /* a device or a disk has been asked and has not answered */
	bool udevd_busy;       /* udevd has events in its queue */
	bool waits_any;	       /* the caller waits for devices */
	bool waits_missing;    /* one of them is not there yet */
	bool waits_polled;     /* and such a one may appear without an event */
	bool mount_unprepared; /* what is about to be mounted has been asked for its file system */
	bool cancelled;
	bool monitor; /* the caller stays when all has settled */
};

enum settle_action {
	SETTLE_DO_WAIT,
	SETTLE_DO_TURN,		   /* take what is there and walk */
	SETTLE_DO_SEND_BARRIER,	   /* ask the kernel whether it has said all */
	SETTLE_DO_GIVE_UP_BARRIER, /* its event does not come back */
	SETTLE_DO_WALK_GAP,	   /* walk once for what a gap may have hidden */
	SETTLE_DO_WALK,		   /* walk; if it finds nothing new that is the end */
	SETTLE_DO_LAST_TURN,	   /* take what was sent until now */
};

enum settle_verdict {
	SETTLE_GOES_ON,
	SETTLE_IS_DONE,
	SETTLE_TIMED_OUT,
};

void settle_note(struct settle *s, struct settle_event e);

/* What can be done without waiting; again until it says SETTLE_DO_WAIT. */
enum settle_action settle_next(const struct settle *s, const struct settle_facts *f);
/* What to answer the caller. */
enum settle_verdict settle_verdict(const struct settle *s, const struct settle_facts *f);
/* Whether nothing is in flight and the kernel has said all. */
bool settle_is_settled(const struct settle *s, const struct settle_facts *f);
/* Until when to wait at most; 0: until something happens. */
uint64_t settle_wait_until(const struct settle *s, const struct settle_facts *f);

/* Whether a turn is to walk. emptied: it has taken all events that were there. */
enum settle_look settle_look(const struct settle *s, bool emptied, uint64_t now_us);

/* Whether events are to be relied upon at all. In a monitor, where they are not, a walk is made now and
 * then. */
bool settle_events_reliable(const struct settle *s);
bool settle_idle_walk_due(const struct settle *s, uint64_t now_us);
/* When a monitor has to look by itself again; 0: never. */
uint64_t settle_monitor_wakes(const struct settle *s);
