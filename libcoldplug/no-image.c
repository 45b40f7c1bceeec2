/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of a library built without tools: the function is there, and cannot do it. */
#include <errno.h>

#include "libcoldplug/coldplug.h"

#define API __attribute__((visibility("default")))

API int coldplug_image(struct coldplug *c, struct coldplug_image *image)
{
	return -EOPNOTSUPP;
}
