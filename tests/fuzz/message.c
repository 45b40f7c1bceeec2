/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a kernel uevent message. */
#include "uevent/message.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void check_inside(const char *s, const uint8_t *data, size_t size)
{
	const char *first = (const char *)data;

	MUST(!s || (s >= first && s < first + size && s + strlen(s) < first + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct uevent e;
	const char *why = NULL;

	if (uevent_parse((const char *)data, size, &e, &why) < 0) {
		MUST(why && *why);
		return 0;
	}
	check_inside(e.devpath, data, size);
	check_inside(e.subsystem, data, size);
	check_inside(e.modalias, data, size);
	check_inside(e.devname, data, size);
	check_inside(e.synth_uuid, data, size);
	MUST(e.action && e.devpath);
	check_inside(uevent_find(&e, "MODALIAS"), data, size);
	check_inside(uevent_find(&e, "X"), data, size);
	return 0;
}
