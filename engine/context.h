/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct coldplug: the one place that sees all stages. Only the context's own files include this. */
#pragma once

#include <signal.h>

#include "base/log.h"
#include "base/rootfs.h"
#include "engine/coldplug.h"
#include "engine/planner.h"
#include "loader/loaded.h"
#include "loader/loader.h"
#include "uevent/device.h"

struct coldplug {
	/* settings */
	struct log log;
	char *root_path;
	char *release;
	char **config_paths;
	unsigned int jobs;
	uint32_t flags; /* bits of enum coldplug_flag */
	char *report_path;
	void (*progress)(void *userdata, size_t step);
	void *progress_data;

	/* what is read */
	bool opened;
	struct rootfs root;
	struct moddir dir;
	struct modules modules;
	struct config config;
	struct lookup lookup;
	struct loaded_list loaded;

	/* what is wanted, planned and done */
	struct planner planner;
	struct device_set devices;
	ARRAY(uint32_t) alias_request; /* by alias of devices: the request it became */
	struct plan batch;	       /* made, not handed over yet */
	struct loader *loader;
	ARRAY(struct load_result) results; /* by step; outcome RESULT_NONE until it comes */
	size_t n_results;
	volatile sig_atomic_t cancelled;
	size_t handed;	  /* steps handed over */
	size_t not_found; /* names that nothing has */
	uint64_t start_us;
	uint64_t end_us;

	/* what was handed out last */
	struct coldplug_step step;
	struct arena answer;
	ARRAY(const char *) names;
	ARRAY(struct coldplug_reason) reasons;
	ARRAY(struct coldplug_loaded) loaded_answer;
	struct loaded_list loaded_now;
	struct lookup_matches matches;
};

#define RESULT_NONE UINT32_MAX

static inline bool has_flag(const struct coldplug *c, enum coldplug_flag flag)
{
	return c->flags & 1u << flag;
}

/* Reads what everything else needs, at the first call; 0 or -errno. */
int context_open(struct coldplug *c);

/* The path of a step as a user sees it; NULL when out of memory. */
const char *context_path(struct coldplug *c, struct arena *arena, const char *path);

uint64_t context_now_us(void);
