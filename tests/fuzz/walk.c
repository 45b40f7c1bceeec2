/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte of flags (1: device tree, 2: no modalias file, 4: no uevent file); the modalias file up to
 * a byte 0xff; the uevent file. */
#include "uevent/walk.h"

#include <string.h>

#include "base/limits.h"
#include "tests/fuzz/fuzz.h"

static int take(void *userdata, const char *devpath, const char *alias)
{
	MUST(!strcmp(devpath, "/devices/d"));
	MUST(alias[0] && strlen(alias) <= LIMIT_ALIAS);
	return 0;
}

static int answer_here(void *userdata, const char *question)
{
	static char text[LIMIT_ATTRIBUTE];
	ssize_t n = walk_answer(scratch_root(), question, text, sizeof(text));

	MUST(n <= 0 || text[n - 1] == '\0');
	return n ? walk_take_answer(question, n < 0 ? (int)n : 0, text, &fuzz_log, take, NULL) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t flags = input_byte(&in);
	size_t n;
	char *modalias = input_part(&in, '\xff', &n);

	scratch_write("sys/devices/d/modalias", flags & 2 ? NULL : modalias, n);
	scratch_write("sys/devices/d/uevent", flags & 4 ? NULL : "", 0);
	if (!(flags & 4) && in.n)
		scratch_write("sys/devices/d/uevent", in.p, in.n);
	walk_devices(scratch_root(), flags & 1, &fuzz_log, take, answer_here, NULL);
	free(modalias);
	return 0;
}
