/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about an archive of modules, and what is unpacked from it. */
#include "engine/archive-extract.h"
#include "engine/archive-text.h"
#include "libcoldplug/context.h"

#define API __attribute__((visibility("default")))

API int coldplug_archive_list(struct coldplug *c, const char *path, bool json, char **text)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	int r = archive_open(&a, NULL, path, &c->log);

	*text = NULL;
	return r ?: archive_list(&a, json, text);
}

API int coldplug_archive_show(struct coldplug *c, const char *path, const char *module, bool json,
			      char **text)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	int r = archive_open(&a, NULL, path, &c->log);

	*text = NULL;
	return r ?: archive_show(&a, module, json, text);
}

API int coldplug_archive_diff(struct coldplug *c, const char *path, const char *other, char **text)
{
	_cleanup_archive_ struct archive a = { .fd = -1 }, b = { .fd = -1 };
	int r = archive_open(&a, NULL, path, &c->log) ?: archive_open(&b, NULL, other, &c->log);

	*text = NULL;
	return r ?: archive_diff(&a, &b, text);
}

API int coldplug_archive_extract(struct coldplug *c, const char *path, const char *directory)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	int r = archive_open(&a, NULL, path, &c->log);

	return r ?: archive_extract(&a, directory);
}

API int coldplug_archive_verify(struct coldplug *c, const char *path)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	int r = archive_open(&a, NULL, path, &c->log);

	return r ?: archive_verify(&a);
}
