/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/report.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/output-file.h"

void report_open(struct coldplug *c)
{
	int stream;

	if (!c->settings.report_path || c->loading.report_error || c->monitor.monitoring)
		return;
	stream = settings_stream(&c->settings, c->settings.report_path);
	if (stream >= 0)
		c->loading.report_error = loader_report_open_fd(c->loading.loader, stream);
	else
		c->loading.report_error = loader_report_open(c->loading.loader, c->settings.report_path);
	if (c->loading.report_error < 0)
		log_error(&c->log, "%s: the report cannot be written: %s", c->settings.report_path,
			  atomic_file_strerror(c->loading.report_error));
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
	struct output_file file;
	int r = coldplug_json(c, COLDPLUG_JSON_PLAN, &text);

	if (!r)
		r = output_file_open(&file, AT_FDCWD, c->settings.report_path,
				     settings_stream(&c->settings, c->settings.report_path));
	if (r < 0)
		return r;
	fprintf(file.f, "%s\n", text);
	return output_file_commit(&file);
}
