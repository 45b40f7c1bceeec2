/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of a library built without tools: the functions are there, and cannot do it. */
#include <errno.h>

#include "libcoldplug/coldplug.h"

#define API __attribute__((visibility("default")))

API int coldplug_pack(struct coldplug *c, struct coldplug_pack *pack)
{
	return -EOPNOTSUPP;
}

API int coldplug_closure_extract(struct coldplug *c, const char *directory)
{
	return -EOPNOTSUPP;
}

API int coldplug_archive_list(struct coldplug *c, const char *path, enum coldplug_listing listing,
			      char **text)
{
	return -EOPNOTSUPP;
}

API int coldplug_archive_show(struct coldplug *c, const char *path, const char *module, bool json,
			      char **text)
{
	return -EOPNOTSUPP;
}

API int coldplug_archive_diff(struct coldplug *c, const char *path, const char *other, char **text)
{
	return -EOPNOTSUPP;
}

API int coldplug_archive_extract(struct coldplug *c, const char *path, const char *directory)
{
	return -EOPNOTSUPP;
}

API int coldplug_archive_verify(struct coldplug *c, const char *path)
{
	return -EOPNOTSUPP;
}
