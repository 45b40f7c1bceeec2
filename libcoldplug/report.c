/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/report.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic-file.h"
#include "base/cleanup.h"

void report_open(struct coldplug *c)
{
	if (!c->settings.report_path || c->loading.report_error || c->monitor.monitoring)
		return;
	c->loading.report_error = loader_report_open(c->loading.loader, c->settings.report_path);
	if (c->loading.report_error < 0)
		log_error(&c->log, "%s: the report cannot be written: %s", c->settings.report_path,
			  strerror(-c->loading.report_error));
}

int report_send_head(struct coldplug *c)
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

int report_write_dry(struct coldplug *c)
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
