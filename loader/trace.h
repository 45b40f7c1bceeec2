/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel says of its modules where tracefs is mounted on /sys/kernel/tracing: which ones it asks
 * for itself (request_module(): each time it starts modprobe, and whatever asked waits for that), and when
 * a module's init begins and ends. A program without tools traces nothing. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/array.h"
#include "base/arena.h"
#include "base/rootfs.h"

enum trace_kind {
	TRACE_REQUEST,
	TRACE_INIT,   /* a module has been linked, and its init is called next */
	TRACE_INITED, /* an init has returned */
};

struct trace_event {
	enum trace_kind kind;
	uint32_t thread;
	uint64_t time_us; /* CLOCK_MONOTONIC */
	/* Of a request; else NULL. */
	const char *name;      /* as it was asked for: "crypto-cryptd(ecb(aes))" */
	const char *by;	       /* the name of the process that asked, up to 15 bytes */
	const char *call_site; /* the function of the kernel */
};

/* A line of the file "trace". The strings of *ret are in line, which is changed. false: it is no such
 * event. */
bool trace_parse(char *line, struct trace_event *ret);

struct trace {
	int instances; /* -1: nothing is traced */
	FILE *file;
	char name[40]; /* of our own instance: nobody else's trace is touched */
};

#define TRACE_NONE ((struct trace){ .instances = -1 })

struct trace_events {
	ARRAY(struct trace_event) items; /* in order */
	struct arena arena;
};

#ifdef HAVE_TOOLS
/* Begins; 0 or -errno. */
int trace_open(struct trace *t, const struct rootfs *root);
/* All events since then, for trace_events_free(). 0 or -errno; without a trace there are none. */
int trace_read(struct trace *t, struct trace_events *ret);
void trace_events_free(struct trace_events *events);
void trace_close(struct trace *t);

/* When the init of the load that ran in this thread at that time began and ended: 0 if it is not known. */
void trace_find_init(const struct trace_events *events, uint32_t thread, uint64_t start_us, uint64_t end_us,
		     uint64_t *init_us, uint64_t *inited_us);
#else
static inline int trace_open(struct trace *t, const struct rootfs *root)
{
	return -EOPNOTSUPP;
}

static inline int trace_read(struct trace *t, struct trace_events *ret)
{
	return 0;
}

static inline void trace_events_free(struct trace_events *events)
{
}

static inline void trace_close(struct trace *t)
{
}

static inline void trace_find_init(const struct trace_events *events, uint32_t thread, uint64_t start_us,
				   uint64_t end_us, uint64_t *init_us, uint64_t *inited_us)
{
	*init_us = *inited_us = 0;
}
#endif
