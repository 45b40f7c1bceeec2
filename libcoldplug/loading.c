/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From plans to results: what joins the planner and the loader. */
#include "libcoldplug/loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine/modinfo.h"
#include "libcoldplug/missing-files.h"
#include "libcoldplug/report.h"
#include "libcoldplug/want.h"

/* With COLDPLUG_ORDERED, a load that has not returned after so long does not hold up the next one. */
#define ORDERED_SLOW_MS 30000

#define API __attribute__((visibility("default")))

/* Since 5.17 every load waits for all asynchronous probes (commit 67d6212afda2). Before that,
 * async_probe gains nothing. */
static bool kernel_synchronizes(void)
{
	unsigned long major, minor;
	struct utsname u;
	char *end;

	if (uname(&u) < 0)
		return false;
	major = strtoul(u.release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return major > 5 || (major == 5 && minor >= 17);
}

bool context_async_probe(const struct coldplug *c)
{
	return has_flag(c, COLDPLUG_ASYNC_PROBE) && !has_flag(c, COLDPLUG_ORDERED) && kernel_synchronizes();
}

API int coldplug_start(struct coldplug *c)
{
	struct loader_options options = { .jobs = c->settings.jobs,
					  .ops = c->settings.kernel_ops,
					  .ops_data = c->settings.kernel_data };
	int r = context_open(c);

	if (r < 0 || c->loading.loader || has_flag(c, COLDPLUG_DRY_RUN))
		return r;
	options.root = c->machine.root.path;
	options.rootfd = c->machine.root.fd;
	options.async_probe = context_async_probe(c);
	if (has_flag(c, COLDPLUG_ORDERED)) {
		options.jobs = 1;
		options.slow_ms = ORDERED_SLOW_MS;
	}
	r = loader_start(&c->loading.loader, &options);
	if (r < 0) {
		log_error(&c->log, "cannot start the loading process: %s", strerror(-r));
		return r;
	}
	c->loading.awaits = false;
	report_open(c);
	return 0;
}

API int64_t coldplug_plan(struct coldplug *c)
{
	size_t n;
	int r = context_open(c);

	if (r < 0)
		return r;
	/* One batch at a time: the next one would replace what is planned and not handed over yet. */
	if (c->loading.batch.n_steps && !has_flag(c, COLDPLUG_DRY_RUN))
		return -EBUSY;
	/* An adapter sleeps for seconds while it scans its bus. Where a disk is waited for, its driver
	 * starts when nothing urgent is left; where only the end of all loads counts, the others are
	 * better done meanwhile. */
	c->machine.planner.awaited = context_awaited_providers(c);
	r = has_flag(c, COLDPLUG_ORDERED) ? order_read(&c->machine.order, &c->machine.modules) : 0;
	c->machine.planner.order = has_flag(c, COLDPLUG_ORDERED) ? &c->machine.order : NULL;
	if (r >= 0)
		r = planner_finish_batch(&c->machine.planner, &c->loading.batch);
	if (r < 0)
		return r;
	n = c->machine.planner.steps.n - c->loading.results.n;
	r = array_make_room(&c->loading.results, n);
	if (r < 0)
		return r;
	c->loading.n_steps += n;
	while (c->loading.results.n < c->machine.planner.steps.n)
		c->loading.results.items[c->loading.results.n++] =
			(struct load_result){ .outcome = RESULT_NONE };
	missing_files_check(c);
	return (int64_t)n;
}

/* Until the caller of coldplug_advance() comes back with its answer: it may be about to end, and what it does for that
 * goes before the loads that nobody waits for. They begin, where no processor is idle, when it comes back or has gone. */
static bool is_awaiting(const struct coldplug *c)
{
	const struct waiting *w = &c->waiting;
	bool to_end = has_flag(c, COLDPLUG_AWAIT_END);

	if (has_flag(c, COLDPLUG_ORDERED) || (w->left && !to_end))
		return false;
	return wait_list_pending(&w->waits) ||
		(w->waits.specs.n && (w->begun || to_end || has_flag(c, COLDPLUG_AWAIT_LEAVE)));
}

int context_tell_awaited(struct coldplug *c)
{
	bool awaits = is_awaiting(c);

	if (!c->loading.loader || awaits == c->loading.awaits)
		return 0;
	c->loading.awaits = awaits;
	return loader_await(c->loading.loader, awaits);
}

API int coldplug_load(struct coldplug *c)
{
	int r;

	if (has_flag(c, COLDPLUG_DRY_RUN))
		return 0;
	r = coldplug_start(c) ?: context_watch_loader(c) ?: context_tell_awaited(c);
	if (!r)
		r = loader_submit(c->loading.loader, &c->loading.batch);
	if (r < 0)
		return r;
	c->loading.handed += c->loading.batch.n_steps;
	c->monitor.active_us = clock_now_us();
	c->loading.batch = (struct plan){};
	c->machine.planner.raises.n = 0;
	/* This takes some time, in which the loads begin. */
	return report_send_head(c);
}

/* Whether a module is in the kernel, as far as is known. */
static bool is_there(void *userdata, const char *name)
{
	struct coldplug *c = userdata;
	uint32_t id = modules_id(&c->machine.modules, name, strlen(name));
	uint32_t step;

	if (id == MODULE_NONE || expander_is_loaded(&c->machine.expander, id) ||
	    modules_is_builtin(&c->machine.modules, id) > 0)
		return true;
	if (id >= c->machine.expander.step_of.n)
		return false;
	step = c->machine.expander.step_of.items[id];
	return step &&
		(c->loading.results.items[step - 1].outcome == LOAD_DONE ||
		 c->loading.results.items[step - 1].outcome == LOAD_ALREADY);
}

/* Completes "Unknown symbol", which the kernel says without naming the symbol. */
static void explain_enoent(struct coldplug *c, struct loader *loader, const struct step *step,
			   struct load_result *result)
{
	struct missing_symbol missing;
	size_t n = strlen(result->message);

	if (step->kind != STEP_MODULE || result->outcome != LOAD_FAILED || result->error != ENOENT)
		return;
	if (missing_symbol_find(&c->machine.dir, step->path, is_there, c, &missing) > 0)
		snprintf(result->message + n, sizeof(result->message) - n,
			 ": %s is in module %s, which is not loaded", missing.symbol, missing.module);
	else
		return;
	/* The loading process writes the report. When it has ended, the result has the message all the
	 * same. */
	(void)loader_annotate(loader, result->step, result->message);
}

/* A module may have been removed since its step ended, and the event came first: then it is not loaded. */
static void note_module(struct coldplug *c, uint32_t module, const struct load_result *result)
{
	uint32_t *step = &c->machine.expander.step_of.items[module];

	if (*step != result->step + 1)
		return;
	if (result->outcome == LOAD_DONE || result->outcome == LOAD_ALREADY)
		c->machine.expander.loaded.items[module] = 1;
	/* A monitor tries a failed module again when another device wants it. */
	else if (c->monitor.monitoring)
		*step = 0;
}

static void count(struct coldplug *c, const struct load_result *result)
{
	if (result->end_us > c->loading.end_us)
		c->loading.end_us = result->end_us;
	if (result->outcome == LOAD_SKIPPED && result->error == ECANCELED)
		c->loading.n_cancelled++;
	if (result->outcome <= LOAD_SKIPPED)
		c->loading.totals[result->outcome]++;
}

static void report_progress(struct coldplug *c, size_t step)
{
	c->loading.current_step = step;
	if (c->settings.progress)
		c->settings.progress(c->settings.progress_data, step);
}

static void take_result(struct coldplug *c, const struct load_result *result)
{
	struct load_result *place;
	uint32_t module;

	if (result->step >= c->loading.results.n ||
	    c->loading.results.items[result->step].outcome != RESULT_NONE)
		return;
	place = &c->loading.results.items[result->step];
	*place = *result;
	explain_enoent(c, c->loading.loader, &c->machine.planner.steps.items[result->step], place);
	c->loading.n_results++;
	module = c->machine.planner.step_module.items[result->step];
	note_module(c, module, place);
	count(c, place);
	report_progress(c, result->step);
}

static void take_orphan(void *userdata, struct loader *loader, size_t i, const struct load_result *result)
{
	struct coldplug *c = userdata;
	const struct step *step = orphans_step(&c->loading.orphans, i);
	struct load_result own = *result;

	explain_enoent(c, loader, step, &own);
	count(c, &own);
	c->loading.orphan_result = &own;
	report_progress(c, c->loading.results.n + i);
	c->loading.orphan_result = NULL;
	/* A request was deferred for it. */
	if (expander_end_busy(&c->machine.expander, step->name))
		settle_note_now(&c->settle, SETTLE_WALK_WANTED);
}

int context_take_results(struct coldplug *c)
{
	struct load_result result;
	int n = 0, r = 0;

	while (c->loading.loader && (r = loader_next(c->loading.loader, &result)) > 0) {
		take_result(c, &result);
		n++;
	}
	if (r >= 0) {
		r = orphans_take(&c->loading.orphans, take_orphan, c);
		n += r > 0 ? r : 0;
	}
	if (r == -EPIPE)
		log_error(&c->log, "the loading process has died");
	if (n)
		c->monitor.active_us = clock_now_us();
	return r < 0 ? r : n;
}

int loading_set_aside(struct loading *l, const struct planner *p)
{
	int r = orphans_add(&l->orphans, l->loader, p->steps.items, l->results.items, l->handed);

	if (!r)
		l->loader = NULL;
	return r;
}

/* Only sets a flag: it may be called from a signal handler. */
API void coldplug_cancel(struct coldplug *c)
{
	c->waiting.cancelled = 1;
	poller_wake(&c->poller);
}

API void coldplug_reload(struct coldplug *c)
{
	c->monitor.reload = 1;
	poller_wake(&c->poller);
}
