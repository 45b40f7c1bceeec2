/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct coldplug: the one place that sees all stages. Only the context's own files include this. */
#pragma once

#include <limits.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/poller.h"
#include "base/rootfs.h"
#include "libcoldplug/coldplug.h"
#include "engine/closure.h"
#include "engine/fields.h"
#include "engine/machine.h"
#include "engine/nodes.h"
#include "engine/users.h"
#include "engine/values.h"
#include "libcoldplug/orphans.h"
#include "libcoldplug/wanted.h"
#include "libcoldplug/settle-state.h"
#include "loader/loader.h"
#include "uevent/prober.h"
#include "uevent/device.h"
#include "uevent/netlink.h"
#include "uevent/udev.h"
#include "uevent/wait-for.h"

/* Set by the caller. */
struct settings {
	struct machine_paths paths;
	char *unpacked;	    /* a recording's temporary directory until it is removed, or NULL */
	bool keep_unpacked; /* after coldplug_replay(): more will be read */
	unsigned int jobs;
	int receive_buffer; /* bytes */
	uint32_t flags;	    /* bits of enum coldplug_flag */
	unsigned int timeout_ms;
	char *report_path;
	char *record_path;
	int stream; /* see settings_stream(), or -1 */
	int (*act)(void *userdata, const struct coldplug_act *act);
	void *act_data;
	int (*command)(void *userdata, const char *module, const char *command);
	void *command_data;
	void (*progress)(void *userdata, size_t step);
	void *progress_data;
	void (*event)(void *userdata, const struct coldplug_event *event);
	void *event_data;
	const struct kernel_ops *kernel_ops; /* a test's; NULL: the running kernel's */
	void *kernel_data;
};

/* The plan: what was handed over to the loading process, and the results. */
struct loading {
	struct loader *loader;
	struct plan batch;		   /* made, not handed over yet */
	ARRAY(struct load_result) results; /* by step; outcome RESULT_NONE until it comes */
	size_t n_results;
	bool awaits;			 /* the loading process has been told that a device is awaited */
	size_t handed;			 /* steps handed over */
	size_t n_steps;			 /* steps, ever */
	size_t n_cancelled;		 /* steps that were not started for it */
	size_t totals[LOAD_SKIPPED + 1]; /* results by outcome, ever */
	struct orphans orphans;
	int report_error;	 /* why it cannot be written, which was reported */
	struct members *members; /* of what coldplug_insert() loads from an archive, once it does */
	size_t current_step;	 /* while progress is called */
	const struct load_result *orphan_result; /* if that is an orphan; else NULL */
	uint64_t start_us;
	uint64_t end_us;
};

/* Where events come from. */
struct listener {
	bool listening;
	bool record_failed;
	char barrier[37]; /* the UUID of the last one that was sent */
	struct netlink netlink;
	struct udev_source *udev; /* instead of netlink */
	uint64_t n_events;
	const struct uevent *current_event; /* while the event callback is called */
	struct record *record;		    /* of the run that is under way */
};

/* Devices that the caller waits for. */
struct waiting {
	struct wait_list waits;
	struct wait_list mounts;    /* not waited for: only their file systems are of interest */
	struct prober disks_prober; /* looks at their contents */
	bool walk_put_off; /* the first walk is still to be made: what leads to the devices goes before it */
	bool look_for_waits; /* a walk was made: any block device may be one of them */
	bool was_cancelled;  /* by coldplug_cancel() */
	bool left;	     /* by coldplug_leave() or coldplug_finish() */
	bool begun; /* by coldplug_begin(), and the caller has no answer or has not come back with it */
	volatile sig_atomic_t cancelled;
	uint64_t deadline_us; /* 0: none */
};

/* What a monitor needs. */
struct monitor {
	bool monitoring;      /* after the first settling, with COLDPLUG_MONITOR */
	uint64_t fingerprint; /* of what context_open() reads; 0 but when monitoring */
	uint64_t active_us;   /* when steps were last handed over or a result came */
	uint64_t quiet_us;    /* so long after that a burst is over, */
	uint64_t stuck_us;    /* or so long if loads are in flight */
	volatile sig_atomic_t reload;
};

/* What the last calls have returned pointers to. */
struct answers {
	struct coldplug_step step;
	char step_path[2 * PATH_MAX]; /* its path */
	char signatures[256];
	ARRAY(const char *) names;
	ARRAY(const char *) undriven;
	ARRAY(const char *) withheld;
	ARRAY(const char *) not_found_names;
	ARRAY(struct coldplug_reason) reasons;
	char *missing_file; /* what one of them says */
	ARRAY(struct coldplug_loaded) loaded_answer;
	struct loaded_list loaded_now;
	struct lookup_matches matches;
	struct closure_files closure;
	char *files_from; /* the root of these, if another one was named */
	ARRAY(struct coldplug_file) files;
	/* The rest is about single modules. A program that asks no such question is not linked with what frees it. */
	void (*free_modules)(struct answers *a);
	struct arena module_paths;
	ARRAY(struct coldplug_module) modules;
	struct fields fields_now;
	ARRAY(struct coldplug_field) fields;
	struct nodes nodes_now;
	ARRAY(struct coldplug_node) nodes;
	struct loaded_list loaded_one;
	struct module_ids users;
	ARRAY(const char *) related[2]; /* by enum coldplug_relation */
	struct closure_files firmware_now;
	ARRAY(const char *) firmware;
	struct values values_now;
	ARRAY(struct coldplug_value) values;
	/* Made by the first question of this kind (libcoldplug/entries.h), which says how to free it. */
	struct entries *entries;
	void (*free_entries)(struct answers *a);
};

struct coldplug {
	struct log log;
	struct settings settings;
	struct machine machine;
	struct wanted wanted;
	struct loading loading;
	struct poller poller; /* the loading processes, the probers and the source of events */
	struct listener listener;
	struct settle settle;
	struct waiting waiting;
	struct monitor monitor;
	struct answers answers;
};

/* 16 MiB hold some 20,000 events: the kernel accounts twice the bytes it needs. */
#define DEFAULT_RECEIVE_BUFFER (16 * 1024 * 1024)

static inline bool has_flag(const struct coldplug *c, enum coldplug_flag flag)
{
	return c->settings.flags & 1u << flag;
}

/* The descriptor that is written to if this is the path of a report or a recording; -1: there is a file of
 * that name. */
static inline int settings_stream(const struct settings *s, const char *path)
{
	return strcmp(path, "-") != 0 ? -1 : s->stream;
}

/* Opens the machine at the first call; 0 or -errno. A monitor keeps its fingerprint. */
static inline int context_open(struct coldplug *c)
{
	return machine_open(&c->machine, c->monitor.monitoring ? &c->monitor.fingerprint : NULL);
}

static inline bool is_in_flight(const struct loading *l)
{
	return l->n_results < l->handed;
}

/* Tells the state machine what has happened just now. */
static inline void settle_note_now(struct settle *s, enum settle_event_kind kind)
{
	settle_note(s, (struct settle_event){ .kind = kind, .now_us = clock_now_us() });
}

/* Opens the poller, with the loader in it. */
int context_watch_loader(struct coldplug *c);

void context_stop_listening(struct coldplug *c);
