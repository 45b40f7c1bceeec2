/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a report, as plot and blame read it. A path is one part after the other, and without a part nothing
 * takes longer. */
#include "programs/cli/critical-path.h"

#include <stdarg.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "programs/output.h"

/* In place of programs/output.c: a message is a line, and names a place. */
void output_message(const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	MUST(!strncmp(line, "coldplug: x.json:", 17) && strchr(line, '\n'));
}

static void check_path(const struct run_report *r, const struct report_awaited *awaited)
{
	struct critical_path path;
	uint64_t at = r->start_us;

	MUST(!critical_path_find(&path, r, awaited));
	MUST(path.start_us == r->start_us && path.end_us >= path.start_us && path.end_us <= r->end_us);
	for (size_t i = 0; i < path.n_parts; i++) {
		const struct wait_part *part = &path.parts[i];

		MUST(part->start_us == at && part->end_us >= at);
		MUST(part->gain_us <= part->end_us - part->start_us);
		MUST(part->kind == WAIT_FOR_NODE || part->load < r->n_loads);
		at = part->end_us;
	}
	MUST(at == path.end_us);
	critical_path_free(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct run_report r;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (run_report_parse(&r, "x.json", text, size) < 0)
		return 0;
	check_path(&r, NULL);
	for (uint32_t i = 0; i < r.n_awaited; i++)
		if (r.awaited[i].node)
			check_path(&r, &r.awaited[i]);
	run_report_free(&r);
	return 0;
}
