/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct coldplug: the one place that sees all stages. Only the context's own files include this. */
#pragma once

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/poller.h"
#include "base/rootfs.h"
#include "libcoldplug/coldplug.h"
#include "libcoldplug/settle-state.h"
#include "engine/planner.h"
#include "engine/loaded.h"
#include "loader/loader.h"
#include "uevent/prober.h"
#include "uevent/device.h"
#include "uevent/netlink.h"
#include "uevent/udev.h"
#include "uevent/wait-for.h"

/* What was in flight when everything else was forgotten: libcoldplug/orphans.c. */
struct away {
	struct loader *loader;
	struct arena arena;
	ARRAY(struct step) steps; /* without a result, by id */
};

enum alias_seen {
	ALIAS_NEW,
	ALIAS_SEEN,
	ALIAS_AGED, /* but not since context_age_aliases() */
};

/* What the caller has set. */
struct settings {
	char *root_path;
	char *module_root; /* below "/", without a leading slash, or NULL */
	char *release;
	char **config_paths;
	unsigned int jobs;
	int receive_buffer; /* bytes */
	uint32_t flags;	    /* bits of enum coldplug_flag */
	unsigned int timeout_ms;
	char *report_path;
	char *record_path;
	int (*act)(void *userdata, const struct coldplug_act *act);
	void *act_data;
	void (*progress)(void *userdata, size_t step);
	void *progress_data;
	void (*event)(void *userdata, const struct coldplug_event *event);
	void *event_data;
	const struct kernel_ops *kernel_ops; /* a test's; NULL: the running kernel's */
	void *kernel_data;
};

/* What is read of the machine. */
struct machine {
	bool opened;
	bool loaded_known; /* proc/modules was read */
	char *unpacked;	   /* a temporary directory to be removed, or NULL */
	char *module_directory;
	struct rootfs root;
	struct moddir dir;
	struct modules modules;
	struct config config;
	struct lookup lookup;
	struct loaded_list loaded;
	struct planner planner;
};

/* What is to become requests. */
struct wanted {
	struct device_set devices;
	ARRAY(uint8_t) alias_seen;    /* by alias of devices, enum alias_seen: it is, or will be, a request */
	ARRAY(uint32_t) new_aliases;  /* not yet requests */
	size_t n_aliases;	      /* that became requests, ever */
	size_t not_found;	      /* names that nothing has */
	bool configure;		      /* modules-load.d counts again */
	bool put_off;		      /* a name's module is in flight elsewhere (orphans.c) */
	bool walk_failed;	      /* the last walk did, and that was logged */
	struct prober devices_prober; /* for the "uevent" files of devices */
};

/* What has been planned and handed over, and what came of it. */
struct loading {
	struct loader *loader;
	struct plan batch;		   /* made, not handed over yet */
	ARRAY(struct load_result) results; /* by step; outcome RESULT_NONE until it comes */
	size_t n_results;
	size_t handed;			 /* steps handed over */
	size_t n_steps;			 /* steps, ever */
	size_t n_cancelled;		 /* steps that were not started for it */
	size_t totals[LOAD_SKIPPED + 1]; /* results by outcome, ever */
	ARRAY(struct away *) away;
	int report_error;		       /* it cannot be written; told */
	size_t current_step;		       /* while progress is called */
	const struct load_result *away_result; /* if the step is away; else NULL */
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
	bool look_for_waits;	    /* a walk was made: any block device may be one of them */
	bool was_cancelled;	    /* by coldplug_cancel() */
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

/* What was handed out last. */
struct answers {
	struct coldplug_step step;
	char *step_path; /* its path */
	ARRAY(const char *) names;
	ARRAY(const char *) undriven;
	ARRAY(const char *) withheld;
	ARRAY(const char *) not_found_names;
	ARRAY(struct coldplug_reason) reasons;
	ARRAY(struct coldplug_loaded) loaded_answer;
	struct loaded_list loaded_now;
	struct lookup_matches matches;
	ARRAY(struct coldplug_file) files;
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

#define RESULT_NONE UINT32_MAX

/* 16 MiB hold some 20,000 events: the kernel accounts twice the bytes it needs. */
#define DEFAULT_RECEIVE_BUFFER (16 * 1024 * 1024)

static inline bool has_flag(const struct coldplug *c, enum coldplug_flag flag)
{
	return c->settings.flags & 1u << flag;
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

/* Reads what everything else needs, at the first call; 0 or -errno. */
int context_open(struct coldplug *c);
/* The same without what is loaded, for who asks the kernel module by module; that there is no directory of
 * modules is not told. */
int context_open_for_one(struct coldplug *c);
/* What there is to be read, as engine/fingerprint.h has it. */
uint64_t context_fingerprint(const struct coldplug *c);
/* Whether modules without drivers are to be given async_probe. */
bool context_async_probe(const struct coldplug *c);
/* The kernel as this process sees it. */
struct kernel;
void context_kernel(struct coldplug *c, struct kernel *ret);
/* Tells an act: 0, or -ECANCELED. */
int context_tell(struct coldplug *c, const struct coldplug_act *act);
/* A module's file given by its path: its name into name (LIMIT_NAME + 1 bytes). 1; 0: there is none; -errno. */
int context_name_of_path(struct coldplug *c, const char *path, char *name);
/* The root alone. */
int context_open_root(struct coldplug *c);

/* A device and one of its aliases were seen; what is new becomes a request at
 * context_request_devices(), which says how many that were. */
int context_add_device(struct coldplug *c, const char *devpath, const char *alias);
int64_t context_request_devices(struct coldplug *c);

/* Where modules-load.d(5) is, NULL-terminated. */
extern const char *const context_load_paths[];
/* What was put off is to be wanted again: its module may have come, or nobody remembers. */
void context_want_again(struct coldplug *c);
/* Wants the modules of the file systems on what is about to be mounted, as far as that has come: once each.
 * 0 or a negative errno. */
int context_want_filesystems(struct coldplug *c);
/* The same for what an event says. */
int context_add_event(struct coldplug *c, const struct uevent *e);

/* A walk, whose slow half is asked: context_take_devices() takes the answers that are there. Both as
 * coldplug_walk(), but nothing is a request yet. */
int context_walk(struct coldplug *c);
int context_take_devices(struct coldplug *c);

/* Takes the results that are there; how many. */
int context_take_results(struct coldplug *c);

/* Opens the poller, with the loader in it. */
int context_watch_loader(struct coldplug *c);

void context_stop_listening(struct coldplug *c);

/* Forgets everything that was read, wanted and done, but not what is heard: the next call reads anew. With
 * keep_aliases it remembers which aliases have been seen, and which are to become requests. What is in flight
 * must have been set aside. */
void context_reset(struct coldplug *c, bool keep_aliases);

/* Sets aside what is in flight. 0 or -ENOMEM. */
int context_set_aside(struct coldplug *c);
/* Tells a planner that has begun afresh. 0 or -ENOMEM. */
int context_mark_away(struct coldplug *c);
/* Takes the results that are there; how many. */
int context_take_away(struct coldplug *c);
void context_tell_away(struct coldplug *c, struct loader *loader, size_t i, const struct load_result *result);
size_t context_n_away(const struct coldplug *c);
const struct step *context_away_step(const struct coldplug *c, size_t i); /* NULL: there are no more */
void context_cancel_away(struct coldplug *c);
void context_free_away(struct coldplug *c);
/* Before a walk: what was not seen since the last call counts as new when it comes again. */
void context_age_aliases(struct coldplug *c);
/* A device has gone: its alias counts as new when it comes again. */
void context_forget_alias(struct coldplug *c, const char *alias);

/* A step and its result, by the number that coldplug_step() takes. */
bool context_step(struct coldplug *c, size_t i, const struct step **step, const struct load_result **result);

/* The path of a step as a user sees it; NULL when out of memory. */
const char *context_path(struct coldplug *c, struct arena *arena, const char *path);
