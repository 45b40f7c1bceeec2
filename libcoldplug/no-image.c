/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of a library built without tools: the functions are there, and cannot do it. */
#include <errno.h>

#include "libcoldplug/coldplug.h"

#define API __attribute__((visibility("default")))

API int coldplug_image(struct coldplug *c, struct coldplug_image *image)
{
	return -EOPNOTSUPP;
}

API int coldplug_depmod(struct coldplug *c, const struct coldplug_depmod *how)
{
	return -EOPNOTSUPP;
}
