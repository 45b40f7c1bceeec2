/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the index files of a release: all of them are written beside their places before the first is put
 * there, so that a full disk leaves the old ones, which belong together. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic-file.h"
#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"
#include "engine/depmod-beside.h"
#include "engine/depmod-kernel.h"
#include "engine/depmod-tree.h"
#include "engine/moddir.h"
#include "libcoldplug/context.h"

#define API __attribute__((visibility("default")))

struct writer {
	struct log *log;
	const char *directory;
	int dirfd;
	struct atomic_file files[DEPMOD_FILES];
};

static int open_directory(struct writer *w)
{
	int r;

	w->dirfd = open(w->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->dirfd >= 0)
		return 0;
	r = errno == ENOENT ? make_directories(AT_FDCWD, w->directory) : -errno;
	if (!r) {
		w->dirfd = open(w->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = w->dirfd < 0 ? -errno : 0;
	}
	if (r < 0)
		log_print(w->log, DEPMOD_FATAL, "could not open directory %s: %s", w->directory,
			  strerror(-r));
	return r;
}

static int write_file(struct writer *w, enum depmod_file which, const uint8_t *data, size_t size)
{
	struct atomic_file *file = &w->files[which];
	int r = atomic_file_open_mode(file, w->dirfd, depmod_names[which], 0644);

	errno = 0;
	if (!r && fwrite(data, 1, size, file->f) != size)
		r = errno ? -errno : -EIO;
	if (!r)
		r = atomic_file_flush(file);
	return r;
}

static int log_unwritten(const struct writer *w, enum depmod_file which, int r)
{
	if (r < 0 && r != -ENOMEM)
		log_error(w->log, "Could not write index '%s/%s': %s", w->directory, depmod_names[which],
			  strerror(-r));
	return r;
}

static int write_files(struct writer *w, struct depmod *d)
{
	int r = 0;

	for (enum depmod_file i = 0; !r && i < DEPMOD_FILES; i++) {
		_cleanup_free_ uint8_t *data = NULL;
		size_t size;

		r = depmod_make(d, i, &data, &size);
		if (!r)
			r = log_unwritten(w, i, write_file(w, i, data, size));
	}
	for (enum depmod_file i = 0; !r && i < DEPMOD_FILES; i++)
		r = log_unwritten(w, i, atomic_file_commit(&w->files[i]));
	return r;
}

static int write_indexes(struct depmod *d, const struct coldplug_depmod *how)
{
	struct writer w = { .log = d->log, .directory = how->output ?: how->directory, .dirfd = -1 };
	int r = open_directory(&w) ?: write_files(&w, d);

	for (enum depmod_file i = 0; i < DEPMOD_FILES; i++)
		atomic_file_abort(&w.files[i]);
	cleanup_close_p(&w.dirfd);
	return r;
}

static int hand_over_texts(struct depmod *d, const struct coldplug_depmod *how)
{
	int r = 0;

	for (enum depmod_file i = 0; !r && i < DEPMOD_FILES; i++) {
		_cleanup_free_ uint8_t *data = NULL;
		size_t size;

		if (!depmod_is_text(i))
			continue;
		r = depmod_make(d, i, &data, &size);
		if (!r)
			how->text(how->userdata, depmod_names[i], (const char *)data, size);
	}
	return r;
}

/* The file may be a pipe. */
static int take_kernel(struct depmod *d, const char *path,
		       int (*take)(struct depmod *d, const char *path, char *text, size_t size))
{
	_cleanup_file_ struct file_bytes file = {};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : file_or_pipe_read(fd, LIMIT_INDEX, &file);

	/* kmod reads a directory as a file that is empty. */
	if (r == -EISDIR)
		return 0;
	if (r < 0 && r != -ENOMEM)
		log_print(d->log, DEPMOD_FATAL, "could not load %s: %s", path, strerror(-r));
	return r ?: take(d, path, file.data, file.size);
}

static int read_kernel(struct depmod *d, const struct coldplug_depmod *how)
{
	if (how->symvers)
		return take_kernel(d, how->symvers, depmod_take_symvers);
	if (how->system_map)
		return take_kernel(d, how->system_map, depmod_take_system_map);
	if (how->unknown_symbols)
		log_warning(d->log, "-e needs -E or -F");
	d->tell_unknown = false;
	return 0;
}

/* The archive that is used beside the directory. */
struct neighbour {
	struct rootfs root;
	struct moddir dir;
};

#define _cleanup_neighbour_ __attribute__((cleanup(close_neighbour)))

static void close_neighbour(struct neighbour *b)
{
	moddir_close(&b->dir);
	rootfs_close(&b->root);
}

/* The root may itself lie below a directory of that name. */
static const char *place_in(const char *directory)
{
	const char *place = NULL;

	for (const char *p = directory; (p = strstr(p, "/lib/modules/")); p++)
		place = p;
	return place;
}

/* Whether there is one that can be used. */
static bool open_neighbour(struct neighbour *b, const struct coldplug_depmod *how, struct log *log)
{
	const char *place = place_in(how->directory);
	size_t n = place ? (size_t)(place - how->directory) : 0;
	_cleanup_free_ char *root = place ? strndup(how->directory, n) : NULL;
	bool is_usr = n >= 4 && !strncmp(place - 4, "/usr", 4);

	if (!root)
		return false;
	if (is_usr)
		root[n - 4] = '\0';
	if (rootfs_open(&b->root, *root ? root : NULL) < 0)
		return false;
	return moddir_open_in(&b->dir, &b->root, is_usr ? "usr/lib/modules" : "lib/modules", how->release,
			      log) >= 0 &&
		moddir_open_archive(&b->dir, &(struct moddir_archive){ .release = how->release }) > 0;
}

/* As a user sees it. */
static int shown_length(const struct neighbour *b)
{
	return (int)strlen(b->dir.archive.prefix) - 1;
}

static int write_or_show(struct depmod *d, const struct coldplug_depmod *how)
{
	int r = depmod_solve(d);

	if (!r && d->n_sorted < d->modules.n)
		r = depmod_tell_cycles(d) ?: -EINVAL;
	if (r < 0)
		return r;
	return how->text ? hand_over_texts(d, how) : write_indexes(d, how);
}

/* There is an archive that cannot be used, and none that can. It may have all modules that there are, or what
 * some of the directory need. */
static int make_without(struct depmod *d, const struct coldplug_depmod *how)
{
	static const char why[] = "there is an archive of modules that cannot be used";
	int r;

	if (!d->modules.n) {
		log_error(d->log, "%s: no index is written: %s", how->directory, why);
		return -EIO;
	}
	r = write_or_show(d, how);
	if (!r)
		log_warning(d->log, "%s: what only an archive has is in no index: %s", how->directory, why);
	return r;
}

static int make_indexes(struct depmod *d, const struct coldplug_depmod *how)
{
	_cleanup_neighbour_ struct neighbour beside = { .root = ROOTFS_NONE };
	bool is_beside;
	int r = read_kernel(d, how)
		?: depmod_read_tree(d,
				    &(struct depmod_tree){
					    .release = how->release,
					    .config_paths = how->config_paths,
					    .files = how->files,
				    });

	if (r < 0)
		return r;
	is_beside = open_neighbour(&beside, how, d->log);
	/* An empty index would hide nothing, but tell others that there is none. */
	if (is_beside && !d->modules.n) {
		log_warning(d->log, "%s has no modules, but %.*s has: no index is written", how->directory,
			    shown_length(&beside), beside.dir.archive.prefix);
		return 0;
	}
	if (!is_beside && beside.dir.archive_failed)
		return make_without(d, how);
	return (is_beside ? depmod_add_beside(d, &beside.dir.archive) : 0) ?: write_or_show(d, how);
}

API int coldplug_depmod(struct coldplug *c, const struct coldplug_depmod *how)
{
	struct rootfs root;
	struct depmod d = { .log = &c->log,
			    .root = &root,
			    .directory = how->directory,
			    .tell_unknown = how->unknown_symbols,
			    .check_versions = how->symvers,
			    .tell_duplicates = how->duplicates,
			    .symbol_prefix = how->symbol_prefix };
	int r = rootfs_open(&root, NULL);

	if (r < 0) {
		log_print(&c->log, DEPMOD_FATAL, "could not open /: %s", strerror(-r));
		return r;
	}
	if (!how->quick || (!how->text && depmod_is_up_to_date(&root, how->directory, &c->log) <= 0))
		r = make_indexes(&d, how);
	depmod_free(&d);
	rootfs_close(&root);
	return r;
}
