/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context: how it is made, emptied and freed. */
#include "libcoldplug/life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcoldplug/record.h"
#include "libcoldplug/want.h"
#include "loader/members.h"
#include "uevent/walk.h"

#define API __attribute__((visibility("default")))

/* A device that appears in several stages (virtio, USB) reaches the next one within a few ms. */
#define QUIET_US 200000
/* Nearly all loads are faster, those of adapters that scan a bus included. */
#define STUCK_US 5000000

API int coldplug_new(struct coldplug **ret)
{
	struct coldplug *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->log.level = LOG_LEVEL_WARNING;
	machine_init(&c->machine, &c->settings.paths, &c->log);
	c->poller = POLLER_NONE;
	c->listener.netlink.fd = -1;
	c->settings.stream = -1;
	c->settings.receive_buffer = DEFAULT_RECEIVE_BUFFER;
	c->monitor.quiet_us = QUIET_US;
	c->monitor.stuck_us = STUCK_US;
	prober_init(&c->wanted.devices_prober, walk_answer, &c->machine.root, &c->log);
	prober_init(&c->waiting.disks_prober, wait_list_answer, &c->machine.root, &c->log);
	c->settings.flags = 1u << COLDPLUG_ASYNC_PROBE | 1u << COLDPLUG_FOUND_TYPE | 1u << COLDPLUG_FIRMWARE |
		1u << COLDPLUG_COMPANIONS;
	c->loading.start_us = clock_now_us();
	*ret = c;
	return 0;
}

/* What was read, and all that came of it. */
static void free_contents(struct coldplug *c)
{
	members_free(c->loading.members);
	c->loading.members = NULL;
	machine_close(&c->machine);
	loaded_free(&c->answers.loaded_now);
	array_free(&c->loading.results);
	array_free(&c->answers.names);
	array_free(&c->answers.undriven);
	array_free(&c->answers.withheld);
	array_free(&c->answers.not_found_names);
	array_free(&c->answers.reasons);
	free(c->answers.missing_file);
	array_free(&c->answers.loaded_answer);
	array_free(&c->answers.matches.items);
	array_free(&c->answers.closure.items);
	array_free(&c->answers.files);
	free(c->answers.files_from);
	if (c->answers.free_modules)
		c->answers.free_modules(&c->answers);
	if (c->answers.entries)
		c->answers.free_entries(&c->answers);
}

void context_reset(struct coldplug *c, bool keep_aliases)
{
	/* A loading process that was given nothing yet is kept. */
	if (c->loading.handed)
		loader_free(c->loading.loader);
	if (c->loading.handed)
		c->loading.loader = NULL;
	free_contents(c);
	if (!keep_aliases)
		wanted_free_aliases(&c->wanted);
	c->loading.batch = (struct plan){};
	c->loading.n_results = c->loading.handed = 0;
	context_want_again(c);
}

static void free_settings(struct settings *s, struct log *log)
{
	if (s->unpacked)
		record_remove(s->unpacked, log);
	free(s->unpacked);
	for (char **p = s->paths.config; p && *p; p++)
		free(*p);
	free(s->paths.config);
	free(s->paths.alone);
	free(s->paths.root);
	free(s->paths.module_root);
	free(s->paths.archive);
	free(s->paths.release);
	free(s->paths.profile);
	free(s->report_path);
	free(s->record_path);
}

API struct coldplug *coldplug_free(struct coldplug *c)
{
	if (!c)
		return NULL;
	context_stop_listening(c);
	record_abort(c->listener.record);
	prober_free(&c->wanted.devices_prober);
	prober_free(&c->waiting.disks_prober);
	loader_free(c->loading.loader);
	orphans_free(&c->loading.orphans);
	free_contents(c);
	wanted_free_aliases(&c->wanted);
	wait_list_free(&c->waiting.waits);
	wait_list_free(&c->waiting.mounts);
	free_settings(&c->settings, &c->log);
	free(c);
	return NULL;
}
