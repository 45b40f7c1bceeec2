/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of a library built without tools: it records, and reads no recordings. */
#include <errno.h>

#include "libcoldplug/coldplug.h"
#include "libcoldplug/record.h"

#define API __attribute__((visibility("default")))

API int coldplug_set_recording(struct coldplug *c, const char *path)
{
	return -EOPNOTSUPP;
}

int record_remove(const char *dir, struct log *log)
{
	return 0;
}

int record_drop(char **dir, struct log *log)
{
	return 0;
}
