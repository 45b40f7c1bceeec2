/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories are read in the order in which the file system has their entries, as kmod does: when
 * depmod.d does not say which of two files of one module counts, it is the first. An archive must not
 * depend on that, so for it they are read sorted.
 *
 * A part of the tree that cannot be read is the end of it for depmod, whose indexes would lack modules
 * from then on. For indexes in memory (leave_out) it is lost input, and the rest counts.
 */
#include "engine/depmod-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"
#include "engine/config.h"
#include "engine/depmod-config.h"
#include "engine/depmod-order.h"
#include "engine/depmod-read.h"

/* The file of a module, of which one is kept for each name. */
struct found {
	char *file;
	size_t n; /* its bytes up to the end of the module's name */
	uint64_t size;
};

struct search {
	struct depmod *d;
	bool sorted; /* and what does not count is told */
	struct depmod_config config;
	struct intern names;
	ARRAY(struct found) found; /* by name */
	bool is_same;		   /* of two files of one name, the last that was asked for */
};

static bool is_module(const char *name)
{
	static const char *const suffixes[] = { ".ko", ".ko.gz", ".ko.xz", ".ko.zst" };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t n_suffix = strlen(suffixes[i]);

		if (n > n_suffix && !strcmp(name + n - n_suffix, suffixes[i]))
			return true;
	}
	return false;
}

static void tell_other(struct search *s, const char *file, const char *kept)
{
	if (s->sorted)
		log_info(s->d->log, "%s: is left out: %s is the module of this name",
			 depmod_shown(s->d, file), kept);
}

/* Takes over the file. 0; 1: there is another of that name, and it was kept; -ENOMEM. */
static int take_file(struct search *s, char *file, uint64_t size,
		     bool (*keeps)(struct search *s, const struct found *old, const struct found *new))
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	char name[LIMIT_NAME + 1];
	size_t n = normalise_name(base, name, sizeof(name));
	uint32_t id = intern_add(&s->names, name, n);
	struct found new = { file, (size_t)(base - file) + n, size };

	if (id == s->found.n)
		return array_push(&s->found, new);
	if (id == INTERN_NONE)
		return -ENOMEM;
	if (keeps(s, &s->found.items[id], &new)) {
		tell_other(s, file, s->found.items[id].file);
		return 1;
	}
	tell_other(s, s->found.items[id].file, file);
	free(s->found.items[id].file);
	s->found.items[id] = new;
	return 0;
}

static bool keeps_by_config(struct search *s, const struct found *old, const struct found *new)
{
	return depmod_config_keeps(&s->config, s->d->directory,
				   &(struct depmod_candidate){ old->file, old->n },
				   &(struct depmod_candidate){ new->file, new->n });
}

static bool keeps_first(struct search *s, const struct found *old, const struct found *new)
{
	const char *name = intern_string(&s->names, (uint32_t)(old - s->found.items));

	s->is_same = !strcmp(old->file, new->file);
	if (s->is_same)
		log_error(s->d->log, "hash_add_unique %s: %s", name, strerror(EEXIST));
	else
		log_error(s->d->log,
			  "kmod_module '%s' already exists with different path: new-path='%s' old-path='%s'",
			  name, new->file, old->file);
	return true;
}

static int search_directory(struct search *s, const char *path, struct directory *dir);

/* A link leads nowhere, or the directory of an external line is missing. Any other error is no reason to
 * make indexes that lack modules. */
static bool is_absence(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* Logs that a part of the tree cannot be read. 0: it is done without; or r. */
static int unreadable(struct search *s, const char *what, const char *path, int r)
{
	if (r == -ENOMEM)
		return r;
	log_error(s->d->log, "%s%s: %s", what, depmod_shown(s->d, path), strerror(-r));
	s->d->n_unread += !is_absence(r) || is_module(path);
	if (is_absence(r))
		return 0;
	if (s->d->leave_out)
		s->d->log->lost++;
	return s->d->leave_out ? 0 : r;
}

static int search_below(struct search *s, const char *path)
{
	_cleanup_directory_ struct directory dir = {};
	int r = directory_open(&dir, s->d->root, path);

	if (!r)
		return search_directory(s, path, &dir);
	return unreadable(s, "could not open directory ", path, r);
}

/* A link stays below the root. */
static int stat_entry(const struct search *s, const char *file, int dirfd, const char *name, struct stat *st)
{
	_cleanup_close_ int fd = -1;

	if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode))
		return 0;
	fd = rootfs_openat(s->d->root, file, O_PATH);
	return fd < 0 ? fd : fstat(fd, st) < 0 ? -errno : 0;
}

static int search_entry(struct search *s, const char *path, int dirfd, const char *name)
{
	_cleanup_free_ char *file = NULL;
	struct stat st;
	int r;

	if (depmod_config_excludes(&s->config, name))
		return 0;
	if (asprintf(&file, "%s/%s", path, name) < 0)
		return -ENOMEM;
	r = stat_entry(s, file, dirfd, name, &st);
	if (r < 0)
		return unreadable(s, "", file, r);
	if (S_ISDIR(st.st_mode))
		return search_below(s, file);
	if (!S_ISREG(st.st_mode)) {
		log_error(s->d->log, "unsupported file type %s: %o", depmod_shown(s->d, file),
			  st.st_mode & S_IFMT);
		s->d->n_unread += is_module(name);
		return 0;
	}
	if (!is_module(name))
		return 0;
	r = take_file(s, file, (uint64_t)st.st_size, keeps_by_config);
	if (!r)
		file = NULL;
	return r < 0 ? r : 0;
}

struct names {
	ARRAY(char *) items;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What can be read of it is in the list also after an error. */
static int read_names(struct search *s, struct directory *dir, struct names *ret)
{
	const char *name;
	int r;

	while ((r = directory_next(dir, &name)) > 0) {
		char *copy = strdup(name);

		if (!copy || array_push(&ret->items, copy) < 0) {
			free(copy);
			return -ENOMEM;
		}
	}
	if (s->sorted && ret->items.n)
		qsort(ret->items.items, ret->items.n, sizeof(*ret->items.items), compare_names);
	return r;
}

static int search_directory(struct search *s, const char *path, struct directory *dir)
{
	struct names names = {};
	int r = read_names(s, dir, &names);

	if (r < 0)
		r = unreadable(s, "could not read directory ", path, r);
	for (size_t i = 0; i < names.items.n; i++) {
		r = r ?: search_entry(s, path, directory_fd(dir), names.items.items[i]);
		free(names.items.items[i]);
	}
	array_free(&names.items);
	return r;
}

static int search_all(struct search *s)
{
	_cleanup_directory_ struct directory dir = {};
	int r = directory_open(&dir, s->d->root, s->d->directory);

	if (r < 0 && r != -ENOMEM) {
		log_error(s->d->log, "could not open directory %s: %s", depmod_shown(s->d, s->d->directory),
			  strerror(-r));
		log_print(s->d->log, DEPMOD_FATAL, "could not search modules: %s", strerror(-r));
	}
	if (!r)
		r = search_directory(s, s->d->directory, &dir);
	for (size_t i = s->config.externals.n; !r && i-- > 0;)
		r = search_below(s, s->config.externals.items[i]);
	return r;
}

static int fail(struct search *s, const char *what, const char *file, int r)
{
	if (r != -ENOMEM)
		log_print(s->d->log, DEPMOD_FATAL, "could not %s module %s: %s", what, file, strerror(-r));
	return r;
}

static int take_named(struct search *s, const char *path)
{
	_cleanup_free_ char *file = strdup(path);
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (*path != '/') {
		log_print(s->d->log, DEPMOD_FATAL, "%s: not absolute path.", path);
		return -EINVAL;
	}
	fd = rootfs_openat(s->d->root, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(s, "create", path, fd < 0 ? fd : -errno);
	r = file ? take_file(s, file, (uint64_t)st.st_size, keeps_first) : -ENOMEM;
	if (!r)
		file = NULL;
	return r ? fail(s, r > 0 && !s->is_same ? "create" : "add", path, r > 0 ? -EEXIST : r) : 0;
}

static int take_files(struct search *s, const char *const *files)
{
	int r = 0;

	while (!r && *files)
		r = take_named(s, *files++);
	return r;
}

/* Its path as the indexes have it: relative to the directory if it is below that. */
static const char *path_in(const struct depmod *d, const char *file)
{
	size_t n = strlen(d->directory);

	return !strncmp(file, d->directory, n) && file[n] == '/' ? file + n + 1 : file;
}

/* Enters the path, without what makes it a compressed one, of each module below the directory. */
static int enter_places(struct search *s, struct intern *places, uint32_t **ids)
{
	*ids = calloc(s->found.n + 1, sizeof(**ids));
	if (!*ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->found.n; i++) {
		const struct found *f = &s->found.items[i];
		const char *path = path_in(s->d, f->file);
		size_t n = f->n - (size_t)(path - f->file);
		uint32_t id;

		if (path == f->file)
			continue;
		id = intern_add(places, path, n + strnlen(path + n, strlen(".ko")));
		if (id == INTERN_NONE)
			return -ENOMEM;
		(*ids)[id] = i;
	}
	return 0;
}

struct order {
	struct intern places;
	uint32_t *names; /* by place */
	uint8_t *is_listed;
	ARRAY(uint32_t) names_listed;
};

/* 1: the file has a line without an end, and then it does not count. */
static int take_order(struct search *s, struct order *o, const char *path, const struct file_bytes *text)
{
	unsigned int line = 0;
	int r = 0;

	for (char *p = text->data, *end = p + text->size, *next; !r && p < end; p = next) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		uint32_t id;

		line++;
		if (!newline) {
			log_error(s->d->log, "%s:%u corrupted line misses '\\n'", depmod_shown(s->d, path),
				  line);
			return 1;
		}
		next = newline + 1;
		id = intern_find(&o->places, p, (size_t)(newline - p));
		if (id == INTERN_NONE || o->is_listed[o->names[id]])
			continue;
		o->is_listed[o->names[id]] = 1;
		r = array_push(&o->names_listed, o->names[id]);
	}
	return r;
}

/* Makes a list of the modules that modules.order lists. */
static int read_order(struct search *s, struct order *o)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_file_ struct file_bytes text = {};
	int r = enter_places(s, &o->places, &o->names);

	o->is_listed = calloc(s->found.n + 1, 1);
	if (r < 0 || !o->is_listed || asprintf(&path, "%s/modules.order", s->d->directory) < 0)
		return -ENOMEM;
	r = rootfs_read(s->d->root, path, LIMIT_INDEX, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return depmod_log_unopened(s->d, "modules.order", r);
	r = take_order(s, o, path, &text);
	if (r > 0) {
		o->names_listed.n = 0;
		memset(o->is_listed, 0, s->found.n);
	}
	return r < 0 ? r : 0;
}

static int add_module(struct search *s, uint32_t id)
{
	struct depmod *d = s->d;
	const char *file = arena_strdup(&d->arena, s->found.items[id].file);
	const char *name = arena_strdup(&d->arena, intern_string(&s->names, id));
	uint32_t rank = (uint32_t)d->modules.n;

	if (!file || !name)
		return -ENOMEM;
	return array_push(&d->modules,
			  { .file = file,
			    .path = path_in(d, file),
			    .name = name,
			    .rank = rank,
			    .size = s->found.items[id].size });
}

/* Adds the modules that are listed in the order of the list, and then the others in that of kmod's table. */
static int add_in_order(struct search *s, const struct order *o)
{
	_cleanup_free_ uint32_t *others = NULL;
	int r = depmod_order(&s->names, DEPMOD_MODULE_BUCKETS, &others);

	for (size_t i = 0; !r && i < o->names_listed.n; i++)
		r = add_module(s, o->names_listed.items[i]);
	for (uint32_t i = 0; !r && i < s->names.n; i++)
		if (!o->is_listed[others[i]])
			r = add_module(s, others[i]);
	return r;
}

static int add_modules(struct search *s)
{
	struct order o = {};
	int r = read_order(s, &o) ?: add_in_order(s, &o);

	intern_free(&o.places);
	free(o.names);
	free(o.is_listed);
	array_free(&o.names_listed);
	return r;
}

static int find_modules(struct search *s, const struct depmod_tree *tree)
{
	int r = 0;

	if (tree->files)
		return take_files(s, tree->files);
	r = depmod_config_load(&s->config, s->d->root, tree->config_paths, tree->release, s->d->log);
	return r ?: search_all(s);
}

int depmod_read_tree(struct depmod *d, const struct depmod_tree *tree)
{
	struct search s = { .d = d, .sorted = tree->sorted };
	int r = find_modules(&s, tree);

	if (!r && (s.found.n || !tree->may_be_empty))
		r = add_modules(&s) ?: depmod_read_modules(d);
	for (size_t i = 0; i < s.found.n; i++)
		free(s.found.items[i].file);
	array_free(&s.found);
	intern_free(&s.names);
	depmod_config_free(&s.config);
	return r;
}

/* 1: nothing here is newer than then; 0: something is. */
static int is_older(const struct rootfs *root, const char *path, time_t then, struct log *log)
{
	_cleanup_directory_ struct directory dir = {};
	const char *name;
	struct stat st;
	int r = directory_open(&dir, root, path), old = 1;

	while (!r && old > 0 && directory_next(&dir, &name) > 0) {
		_cleanup_free_ char *file = NULL;

		if (!strcmp(name, "build") || !strcmp(name, "source"))
			continue;
		if (asprintf(&file, "%s/%s", path, name) < 0)
			return -ENOMEM;
		if (fstatat(directory_fd(&dir), name, &st, 0) < 0)
			log_error(log, "%s: %s", file, strerror(errno));
		else if (S_ISDIR(st.st_mode))
			old = is_older(root, file, then, log);
		else if (!S_ISREG(st.st_mode))
			log_error(log, "unsupported file type %s: %o", file, st.st_mode & S_IFMT);
		else if (is_module(name))
			old = st.st_mtime <= then;
	}
	if (r < 0)
		log_error(log, "could not open directory %s: %s", path, strerror(-r));
	return old;
}

int depmod_is_up_to_date(const struct rootfs *root, const char *directory, struct log *log)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1, dir = -1;
	struct stat st;
	int r = 0;

	if (asprintf(&path, "%s/modules.dep", directory) < 0)
		return -ENOMEM;
	dir = rootfs_openat(root, directory, O_PATH | O_DIRECTORY);
	if (dir < 0) {
		log_error(log, "could not open directory %s: %s", directory, strerror(-dir));
		return dir;
	}
	fd = rootfs_openat(root, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		r = fd < 0 ? fd : -errno;
	if (r < 0) {
		log_error(log, "could not fstatat(%s, modules.dep): %s", directory, strerror(-r));
		return r;
	}
	return is_older(root, directory, st.st_mtime, log);
}
