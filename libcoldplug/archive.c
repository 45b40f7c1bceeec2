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
#include "engine/closure.h"
#include "libcoldplug/context.h"

#define API __attribute__((visibility("default")))

API int coldplug_archive_list(struct coldplug *c, const char *path, enum coldplug_listing listing,
			      char **text)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	int r = archive_open(&a, NULL, path, &c->log);

	*text = NULL;
	if (r < 0)
		return r;
	switch (listing) {
	case COLDPLUG_LISTING_TEXT:
	case COLDPLUG_LISTING_JSON:
		return archive_list(&a, listing == COLDPLUG_LISTING_JSON, text);
	case COLDPLUG_LISTING_PATHS:
		return archive_list_paths(&a, text);
	case COLDPLUG_LISTING_FIRMWARE:
		return archive_list_firmware(&a, text);
	default:
		return -EINVAL;
	}
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
	struct archive *a;  /* that group is of */
	struct rootfs root; /* where the modules are, if not below the machine's, */
	struct moddir dir;  /* and their directory there */
	struct archive_group group;
	struct blob data;
	struct unpacker unpacker;
};

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
	r = entry.name ? unpack_missing(&x->unpacker, &entry) : -ENOMEM;
	if (r < 0) {
		log_error(&x->c->log, "%s/%s: %s", x->unpacker.root.path, entry.name ?: e->path,
			  strerror(-r));
		return r;
	}
	file->path = arena_printf(arena, "%s/%s", x->unpacker.root.path, entry.name);
	return file->path ? 0 : -ENOMEM;
}

/* Those that coldplug_closure() has taken modules from: an archive of each. */
static int open_files(struct extraction *x)
{
	const char *from = x->c->answers.files_from;
	int r = from ? rootfs_open(&x->root, from) : 0;

	if (r < 0)
		log_error(&x->c->log, "%s: %s", from, strerror(-r));
	return r || !from ? r : closure_open_files(&x->dir, &x->root, x->c->machine.release, &x->c->log);
}

/* Of what only a recording has the list has told. */
static int extract_file(struct extraction *x, struct coldplug_file *file)
{
	struct moddir *dir = x->c->answers.files_from ? &x->dir : &x->c->machine.dir;
	struct archive_entry e;
	int r = moddir_member(dir, file->path, &e);

	if (r <= 0 || archive_has_tables_only(&dir->archive.archive))
		return r < 0 ? r : 0;
	x->a = &dir->archive.archive;
	return extract_module(x, &e, file);
}

API int coldplug_closure_extract(struct coldplug *c, const char *directory)
{
	struct extraction x = { .c = c, .root = ROOTFS_NONE, .unpacker.root = ROOTFS_NONE };
	int r = mkdir(directory, 0755) < 0 && errno != EEXIST ? -errno : 0;

	r = r ?: rootfs_open(&x.unpacker.root, directory);
	if (r < 0)
		log_error(&c->log, "%s: %s", directory, strerror(-r));
	r = r ?: open_files(&x);
	for (size_t i = 0; !r && i < c->answers.files.n; i++)
		r = extract_file(&x, &c->answers.files.items[i]);
	moddir_close(&x.dir);
	rootfs_close(&x.root);
	rootfs_close(&x.unpacker.root);
	archive_group_release(&x.group);
	blob_release(&x.data);
	return r;
}
