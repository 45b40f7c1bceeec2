/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From plans to results: what joins the planner and the loader. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic-file.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/context.h"
#include "engine/missing-symbol.h"

#define API __attribute__((visibility("default")))

API int64_t coldplug_plan(struct coldplug *c)
{
	size_t n;
	int r = context_open(c);

	if (r < 0)
		return r;
	/* One batch at a time: what is planned and not handed over would be lost to the next. */
	if (c->loading.batch.n_steps && !has_flag(c, COLDPLUG_DRY_RUN))
		return -EBUSY;
	/* An adapter sleeps for seconds while it scans its bus. Who waits for the root's disk has it start when
	 * nothing urgent is left; where only the end of all counts, the rest is better done meanwhile. */
	c->machine.planner.hold_nothing = !c->waiting.waits.specs.n;
	r = planner_finish_batch(&c->machine.planner, &c->loading.batch);
	if (r == -E2BIG)
		log_error(&c->log, "a plan of more than %u steps", LIMIT_STEPS);
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
	return (int64_t)n;
}

static int send_report_head(struct coldplug *c)
{
	_cleanup_free_ char *head = NULL;
	size_t n;
	int r;

	if (!c->settings.report_path || c->loading.report_error || c->monitor.monitoring)
		return 0;
	r = coldplug_json(c, COLDPLUG_JSON_PLAN, &head);
	if (r < 0)
		return r;
	/* The loader's half goes in front of the last brace. */
	n = strlen(head);
	return loader_report_head(c->loading.loader, head, n - 1);
}

API int coldplug_load(struct coldplug *c)
{
	int r;

	if (has_flag(c, COLDPLUG_DRY_RUN))
		return 0;
	r = coldplug_start(c) ?: context_watch_loader(c);
	if (!r && c->loading.batch.n_steps)
		r = loader_submit(c->loading.loader, &c->loading.batch);
	if (r < 0)
		return r;
	c->loading.handed += c->loading.batch.n_steps;
	c->monitor.active_us = context_now_us();
	c->loading.batch = (struct plan){};
	/* While the loads begin: it takes its time to write down. */
	return send_report_head(c);
}

/* Whether a module is in the kernel, as far as results tell. */
static bool is_there(void *userdata, const char *name)
{
	struct coldplug *c = userdata;
	uint32_t id = modules_id(&c->machine.modules, name, strlen(name));
	uint32_t step;

	if (id == MODULE_NONE || planner_is_loaded(&c->machine.planner, id) ||
	    modules_is_builtin(&c->machine.modules, id) > 0)
		return true;
	if (id >= c->machine.planner.step_of.n)
		return false;
	step = c->machine.planner.step_of.items[id];
	return step &&
		(c->loading.results.items[step - 1].outcome == LOAD_DONE ||
		 c->loading.results.items[step - 1].outcome == LOAD_ALREADY);
}

/* "Unknown symbol" without saying which helps nobody. */
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
	/* The report is the loading process's. If that has gone, the message is here all the same. */
	(void)loader_annotate(loader, result->step, result->message);
}

/* A module that was removed since its step ended (its event came first) is not there. */
static void note_module(struct coldplug *c, uint32_t module, const struct load_result *result)
{
	uint32_t *step = &c->machine.planner.step_of.items[module];

	if (*step != result->step + 1)
		return;
	if (result->outcome == LOAD_DONE || result->outcome == LOAD_ALREADY)
		c->machine.planner.loaded.items[module] = 1;
	/* Who stays tries again what failed when something comes that wants it. */
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

void context_tell_away(struct coldplug *c, struct loader *loader, size_t i, const struct load_result *result)
{
	struct load_result own = *result;

	explain_enoent(c, loader, context_away_step(c, i), &own);
	count(c, &own);
	c->loading.away_result = &own;
	c->loading.current_step = c->loading.results.n + i;
	if (c->settings.progress)
		c->settings.progress(c->settings.progress_data, c->loading.current_step);
	c->loading.away_result = NULL;
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
	c->loading.current_step = result->step;
	if (c->settings.progress)
		c->settings.progress(c->settings.progress_data, result->step);
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
		r = context_take_away(c);
		n += r > 0 ? r : 0;
	}
	if (r == -EPIPE)
		log_error(&c->log, "the process that loads has died");
	if (n)
		c->monitor.active_us = context_now_us();
	return r < 0 ? r : n;
}

/* So that a signal is not slept through that comes just before the wait. */
static void wake(struct coldplug *c)
{
	uint64_t one = 1;
	int saved = errno;

	if (c->poller.wake_fd >= 0)
		(void)!write(c->poller.wake_fd, &one, sizeof(one));
	errno = saved;
}

/* Only notes them: a signal's handler may come in the middle of anything. */
API void coldplug_cancel(struct coldplug *c)
{
	c->waiting.cancelled = 1;
	wake(c);
}

/* A dry run has no loading process that could write it. */
static int write_dry_report(struct coldplug *c)
{
	_cleanup_free_ char *text = NULL;
	struct atomic_file file;
	int r = coldplug_json(c, COLDPLUG_JSON_PLAN, &text);

	if (!r)
		r = atomic_file_open(&file, AT_FDCWD, c->settings.report_path);
	if (r < 0)
		return r;
	fprintf(file.f, "%s\n", text);
	return atomic_file_commit(&file);
}

API int coldplug_leave(struct coldplug *c)
{
	int n = c->loading.loader ? loader_leave(c->loading.loader) : 0;
	int r = context_take_results(c);

	return n < 0 ? n : r < 0 ? r : n;
}

API void coldplug_reload(struct coldplug *c)
{
	c->monitor.reload = 1;
	wake(c);
}

API int coldplug_finish(struct coldplug *c)
{
	int r = c->loading.report_error;

	if (c->loading.loader)
		r = send_report_head(c) ?: loader_finish(c->loading.loader) ?: r;
	else if (c->settings.report_path && has_flag(c, COLDPLUG_DRY_RUN))
		r = write_dry_report(c);
	if (c->settings.report_path && !c->loading.report_error && r < 0)
		log_error(&c->log, "%s: report not written: %s", c->settings.report_path, strerror(-r));
	context_take_results(c);
	/* It has ended, and its end of the socket would be readable for ever. The next plan gets another. */
	loader_free(c->loading.loader);
	c->loading.loader = NULL;
	return r;
}
