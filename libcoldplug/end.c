/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a caller ends: it leaves the loads to themselves, or waits for their report. What was put off comes
 * first. */
#include "base/atomic-file.h"
#include "libcoldplug/loading.h"
#include "libcoldplug/report.h"
#include "libcoldplug/round.h"

#define API __attribute__((visibility("default")))

API int coldplug_leave(struct coldplug *c)
{
	int64_t put_off = context_walk_last(c);
	int n = c->loading.loader ? loader_leave(c->loading.loader) : 0;
	int r = context_take_results(c);

	c->waiting.left = true;
	r = r < 0 ? r : context_tell_awaited(c);
	if (put_off < 0)
		return (int)put_off;
	return n < 0 || r >= 0 ? n : r;
}

API int coldplug_finish(struct coldplug *c)
{
	int64_t put_off = context_walk_last(c);
	int r = c->loading.report_error;

	if (c->loading.loader)
		r = report_send_head(c) ?: loader_finish(c->loading.loader) ?: r;
	else if (c->settings.report_path && has_flag(c, COLDPLUG_DRY_RUN))
		r = report_write_dry(c);
	if (c->settings.report_path && !c->loading.report_error && r < 0)
		log_error(&c->log, "%s: report not written: %s", c->settings.report_path,
			  atomic_file_strerror(r));
	context_take_results(c);
	/* It has ended, and its socket would stay readable. The next plan starts another one. */
	loader_free(c->loading.loader);
	c->loading.loader = NULL;
	return put_off < 0 ? (int)put_off : r;
}
