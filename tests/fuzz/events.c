/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: the events of a recording. */
#include <string.h>

#include "libcoldplug/record.h"
#include "tests/fuzz/fuzz.h"

static int check_event(void *userdata, const struct uevent *e, uint64_t time_us)
{
	size_t *n = userdata;
	const char *end = e->variables + e->size;

	MUST(e->action && *e->action && e->devpath);
	for (const char *p = e->variables; p < end; p += strlen(p) + 1)
		MUST(p + strlen(p) < end);
	return ++*n > 1000 ? -E2BIG : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = 0;
	int r;

	scratch_write("coldplug/events", data, size);
	r = record_each_event(scratch_root(), &fuzz_log, check_event, &n);
	MUST((r == 0 && n <= size) || r == -E2BIG);
	return 0;
}
