/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which modules go into an archive. What is selected comes with all that it needs. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/archive-write.h"
#include "engine/config.h"
#include "libcoldplug/context.h"
#include "libcoldplug/life.h"
#include "libcoldplug/record.h"

#define API __attribute__((visibility("default")))

struct packing {
	struct coldplug *c;
	struct coldplug_pack *wish;
	struct rootfs files;  /* where the modules are; -1: below the context's root */
	struct moddir dir;    /* their directory there */
	struct intern wanted; /* names of the modules that are selected */
	unsigned int lost;    /* how much input had been lost at the start */
	/* Of a pattern: */
	const char *pattern;
	ARRAY(const char *) matches; /* belong to the index */
};

static bool is_selection(const struct coldplug_pack *wish)
{
	return wish->machine || (wish->names && *wish->names);
}

static int take_match(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct packing *p = userdata;
	char *copy;

	if (fnmatch(p->pattern, key, 0) != 0)
		return 0;
	copy = strdup(key);
	return copy ? array_push(&p->matches, copy) : -ENOMEM;
}

/* Requests all modules whose names match. Returns how many these are. */
static int want_pattern(struct packing *p, const char *word)
{
	char pattern[LIMIT_ALIAS + 1];
	int r, n;

	if (!normalise_alias(word, pattern))
		return 0;
	p->pattern = pattern;
	r = moddir_each(&p->c->machine.dir, MODDIR_DEP, take_match, p);
	n = (int)p->matches.n;
	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = coldplug_want(p->c, p->matches.items[i], NULL);
		free((void *)(uintptr_t)p->matches.items[i]);
	}
	p->matches.n = 0;
	return r < 0 ? r : n;
}

static int want_names(struct packing *p)
{
	bool missing = false;

	for (const char *const *name = p->wish->names; name && *name; name++) {
		bool pattern = strpbrk(*name, "*?[") && !strchr(*name, ':');
		int r = pattern ? want_pattern(p, *name) : coldplug_want(p->c, *name, NULL);

		if (r < 0)
			return r;
		if (!r && pattern) {
			log_error(&p->c->log, "%s: no module has a name like this", *name);
			p->c->wanted.not_found++;
		}
		missing = missing || !r;
	}
	return missing ? -ENOENT : 0;
}

static int want_file(struct packing *p, const char *path)
{
	char name[LIMIT_NAME + 1];
	size_t n = normalise_path(path, name, sizeof(name));

	return intern_add(&p->wanted, name, n) == INTERN_NONE ? -ENOMEM : 0;
}

/* Finds the modules of the selection. */
static int select_modules(struct packing *p)
{
	struct coldplug *c = p->c;
	const struct coldplug_file *files;
	const char *root = p->files.fd < 0 ? c->machine.root.path : p->files.path;
	int64_t n = p->wish->machine ? coldplug_want_loaded(c) : 0;

	if (n >= 0)
		n = want_names(p);
	if (n >= 0)
		n = coldplug_closure(c, p->files.fd < 0 ? NULL : *root ? root : "/", &files);
	if (n >= 0 && c->log.lost != p->lost) {
		log_error(&c->log, "%s: would not be complete", p->wish->output);
		return -EIO;
	}
	for (int64_t i = 0; i < n; i++) {
		if (c->answers.closure.items.items[i].archived) {
			log_error(&c->log, "%s: is in an archive; extract that first", files[i].path);
			return -EINVAL;
		}
		if (files[i].kind == COLDPLUG_FILE_MODULE && want_file(p, files[i].path) < 0)
			return -ENOMEM;
	}
	return n < 0 ? (int)n : 0;
}

/* ---- an archive beside the modules ---- */

/* Whether the output is this place below the root. */
static bool is_output(const struct packing *p, const struct rootfs *root, const char *place)
{
	const char *output = p->wish->output, *slash = strrchr(output, '/'), *last = strrchr(place, '/');
	_cleanup_free_ char *parent = slash ? strndup(output, (size_t)(slash - output) + 1) : strdup("."),
			    *directory = strndup(place, (size_t)(last - place));
	_cleanup_close_ int fd = -1;
	struct stat x, y;

	if (!parent || !directory || strcmp(slash ? slash + 1 : output, last + 1) != 0)
		return false;
	fd = rootfs_openat(root, directory, O_PATH | O_DIRECTORY);
	return fd >= 0 && !fstat(fd, &x) && !stat(parent, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether it is where the release's modules are looked for. */
static bool is_in_place(const struct packing *p, const struct moddir *dir)
{
	_cleanup_arena_ struct arena arena = {};
	const char *places[MODDIR_ARCHIVES], *own = arena_printf(&arena, "/%s/modules.archive", dir->path);
	bool found = own && is_output(p, dir->root, own);

	if (moddir_archive_places(p->c->machine.release, &arena, places) < 0)
		return true;
	for (size_t i = 0; !found && i < MODDIR_ARCHIVES; i++)
		found = is_output(p, dir->root, places[i]);
	return found;
}

/* An archive that cannot be read may have modules too. */
static int refuse_unknown(struct packing *p)
{
	log_error(&p->c->log,
		  "%s: is not made: the release has an archive that cannot be used, and may have modules "
		  "that are no files; remove it if they are not wanted any more",
		  p->wish->output);
	return -EIO;
}

/* Whether an archive has modules that are not among these. One that is damaged there is lost anyway, which has
 * been logged. */
static int check_modules(struct packing *p, struct archive *a, const struct intern *names)
{
	const char *first = NULL;
	struct archive_entry e;
	size_t n = 0;

	for (uint32_t id = 0; id < a->n_entries; id++) {
		if (archive_entry(a, id, &e) < 0 || e.kind != ARCHIVE_MODULE ||
		    intern_find(names, e.name, strlen(e.name)) != INTERN_NONE)
			continue;
		first = first ?: e.path;
		n++;
	}
	if (!n)
		return 0;
	log_error(
		&p->c->log,
		"%s: has modules that are no files and would not be packed: %zu, the first is %s; extract it "
		"before, or remove it if they are not wanted any more",
		a->path, n, first);
	return -EINVAL;
}

/* What the output replaces, if that is another archive than the one in use. What is no archive is no loss. */
static int check_output(struct packing *p, const struct intern *names)
{
	_cleanup_archive_ struct archive old = { .fd = -1 };
	struct log nothing = {};
	int r = archive_open(&old, NULL, p->wish->output, &nothing);

	if (!r)
		old.log = &p->c->log;
	if (r == -EOPNOTSUPP)
		return refuse_unknown(p);
	return r ? 0 : check_modules(p, &old, names);
}

/* An archive of a part of the modules would hide that there are others, or take the place of the one that
 * has them. What is selected does no harm where nobody looks for it. */
static int check_archive(void *userdata, const struct intern *names)
{
	struct packing *p = userdata;
	struct moddir *dir = p->files.fd >= 0 ? &p->dir : &p->c->machine.dir;
	bool in_place = is_in_place(p, dir);
	int r = 0;

	if (is_selection(p->wish) && !in_place)
		return 0;
	if (dir->archive_failed)
		return refuse_unknown(p);
	if (dir->archive.open)
		r = check_modules(p, &dir->archive.archive, names);
	return r ?: in_place ? check_output(p, names) : 0;
}

static void tell_progress(void *userdata, uint64_t done, uint64_t all)
{
	const struct packing *p = userdata;

	if (p->wish->progress)
		p->wish->progress(p->wish->userdata, done, all);
}

/* Finds the directory of the modules: that of the context, or, for a recording, one that has the files. */
static int open_directory(struct packing *p)
{
	struct coldplug *c = p->c;
	int r = context_open(c);

	if (!r && c->settings.unpacked) {
		r = rootfs_open(&p->files, p->wish->root);
		if (r < 0 && r != -ENOMEM)
			log_lost(&c->log, "%s: %s", p->wish->root, strerror(-r));
		if (!r)
			r = moddir_open(&p->dir, &p->files, c->machine.release, &c->log);
		if (r > 0 && (!is_selection(p->wish) || is_in_place(p, &p->dir)))
			r = moddir_open_archive(&p->dir,
						&(struct moddir_archive){ .release = c->machine.release })
				?: 1;
		return r > 0 ? 0 : r ?: -ENOENT;
	}
	return r ?: c->machine.dir.path ? 0 : -ENOENT;
}

static int write_archive(struct packing *p)
{
	struct coldplug *c = p->c;
	bool elsewhere = p->files.fd >= 0;
	struct archive_wish wish = { .root = elsewhere ? &p->files : &c->machine.root,
				     .directory = elsewhere ? p->dir.path : c->machine.dir.path,
				     .release = c->machine.release,
				     .output = p->wish->output,
				     .threads = c->settings.jobs,
				     .wanted = is_selection(p->wish) ? &p->wanted : NULL,
				     .check = check_archive,
				     .progress = tell_progress,
				     .firmware = p->wish->firmware,
				     .configuration = p->wish->configuration,
				     .profile = p->wish->profile,
				     .update = p->wish->update,
				     .userdata = p };
	int r = archive_write(&wish, &c->log);

	p->wish->n_modules = wish.n_modules;
	p->wish->n_files = wish.n_files;
	p->wish->unchanged = wish.unchanged;
	p->wish->unpacked = wish.unpacked;
	p->wish->tables = wish.tables;
	p->wish->size = wish.size;
	return r;
}

API int coldplug_pack(struct coldplug *c, struct coldplug_pack *pack)
{
	struct packing p = { .c = c, .wish = pack, .files = ROOTFS_NONE, .lost = c->log.lost };
	int r = c->machine.opened ? -EBUSY : 0, dropped;

	c->settings.keep_unpacked = true;
	if (!r)
		r = coldplug_set_flag(c, COLDPLUG_DRY_RUN, true);
	if (!r)
		r = coldplug_set_flag(c, COLDPLUG_IGNORE_LOADED, true);
	/* An unknown name in modules-load.d is only a mistake there. */
	c->wanted.lenient = true;
	if (!r && pack->machine)
		r = (int)coldplug_replay(c);
	c->wanted.lenient = false;
	if (r >= 0)
		r = open_directory(&p);
	if (!r && is_selection(pack))
		r = select_modules(&p);
	/* All that is needed of a recording has been read. */
	dropped = record_drop(&c->settings.unpacked, &c->log);
	if (!r)
		r = dropped ?: write_archive(&p);
	moddir_close(&p.dir);
	rootfs_close(&p.files);
	intern_free(&p.wanted);
	array_free(&p.matches);
	return r;
}
