/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about an archive of modules, and what is unpacked from it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/unpack.h"
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

/* ---- the files of an image ---- */

struct extraction {
	struct coldplug *c;
	struct archive *a;
	struct archive_group group;
	struct blob data;
	struct unpacker unpacker;
};

/* Whether the file is there already. */
static bool is_there(const struct extraction *x, const char *path)
{
	_cleanup_file_ struct file_bytes file = {};

	return !rootfs_read(&x->unpacker.root, path, LIMIT_IMAGE, &file) && file.size == x->data.size &&
		!memcmp(file.data, x->data.data, file.size);
}

/* Writes the module that the file is, and makes the file that. */
static int extract_module(struct extraction *x, const struct archive_entry *e, struct coldplug_file *file)
{
	struct tar_entry entry = { .mtime = x->a->mtime };
	struct arena *arena = &x->c->machine.expander.arena;
	int r = archive_unpack(x->a, e, &x->group, &x->data);

	if (r < 0) {
		x->c->log.lost++;
		return r == -ENOMEM ? r : 0;
	}
	entry.name = arena_printf(arena, "lib/modules/%s/%s", x->c->machine.release, e->path);
	entry.data = x->data.data;
	entry.size = x->data.size;
	r = entry.name ? unpack_entry(&x->unpacker, &entry) : -ENOMEM;
	if (r == -EEXIST && is_there(x, entry.name))
		r = 0;
	if (r < 0) {
		log_error(&x->c->log, "%s/%s: %s", x->unpacker.root.path, entry.name ?: e->path,
			  strerror(-r));
		return r;
	}
	file->path = arena_printf(arena, "%s/%s", x->unpacker.root.path, entry.name);
	return file->path ? 0 : -ENOMEM;
}

API int coldplug_closure_extract(struct coldplug *c, const char *directory)
{
	struct extraction x = { .c = c, .a = &c->machine.dir.archive.archive, .unpacker.root = ROOTFS_NONE };
	struct archive_entry e;
	int r = mkdir(directory, 0755) < 0 && errno != EEXIST ? -errno : 0;

	r = r ?: rootfs_open(&x.unpacker.root, directory);
	if (r < 0)
		log_error(&c->log, "%s: %s", directory, strerror(-r));
	for (size_t i = 0; !r && i < c->answers.files.n; i++) {
		r = moddir_member(&c->machine.dir, c->answers.files.items[i].path, &e);
		if (r > 0)
			r = extract_module(&x, &e, &c->answers.files.items[i]);
	}
	rootfs_close(&x.unpacker.root);
	archive_group_release(&x.group);
	blob_release(&x.data);
	return r;
}
