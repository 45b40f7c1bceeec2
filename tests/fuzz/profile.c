/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A profile of earlier boots: what it makes for modprobe.d is one softdep line for each request. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile_fault fault;
	struct profile p;

	if (profile_parse(&p, (const char *)data, size, "1.0", &fault) < 0)
		return 0;
	for (const char *line = p.softdeps; line && *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, "softdep ", 8) != 0 || !strchr(line, '\n'))
			abort();
	profile_free(&p);
	return 0;
}
