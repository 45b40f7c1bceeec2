/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which modules go into an archive. What is selected comes with all that it needs. */
#include <errno.h>
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
	struct intern wanted; /* files below that root */
	struct intern found;  /* names of all modules */
	bool no_memory;	      /* for that */
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

/* Finds the files of the selection. */
static int select_files(struct packing *p)
{
	struct coldplug *c = p->c;
	const struct coldplug_file *files;
	const char *root = p->files.fd < 0 ? c->machine.root.path : p->files.path;
	size_t prefix = strlen(root) + 1;
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
		if (files[i].kind == COLDPLUG_FILE_MODULE &&
		    intern_add(&p->wanted, files[i].path + prefix, strlen(files[i].path + prefix)) ==
			    INTERN_NONE)
			return -ENOMEM;
	}
	return n < 0 ? (int)n : 0;
}

/* ---- an archive beside the modules ---- */

/* Whether a module is to be packed; keeps the names of all that are there. */
static bool wants(void *userdata, const char *file)
{
	struct packing *p = userdata;
	const char *slash = strrchr(file, '/');
	char name[LIMIT_NAME + 1];
	size_t n = normalise_name(slash ? slash + 1 : file, name, sizeof(name));

	if (intern_add(&p->found, name, n) == INTERN_NONE)
		p->no_memory = true;
	return !is_selection(p->wish) || intern_find(&p->wanted, file, strlen(file)) != INTERN_NONE;
}

static bool is_output(const struct packing *p, const struct archive *a)
{
	struct stat x, y;

	return !stat(p->wish->output, &x) && !fstat(a->fd, &y) && x.st_dev == y.st_dev &&
		x.st_ino == y.st_ino;
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

/* An archive of a part of the modules would hide that there are others, or take the place of the one that
 * has them. What is selected does no harm elsewhere. An entry that is damaged is lost anyway, which has been
 * logged. */
static int check_archive(void *userdata)
{
	struct packing *p = userdata;
	struct moddir *dir = p->files.fd >= 0 ? &p->dir : &p->c->machine.dir;
	struct archive *a = dir->archive.open ? &dir->archive.archive : NULL;
	const char *first = NULL;
	struct archive_entry e;
	size_t n = 0;

	if (p->no_memory)
		return -ENOMEM;
	if (is_selection(p->wish) && !(a && is_output(p, a)))
		return 0;
	if (dir->archive_failed)
		return refuse_unknown(p);
	for (uint32_t id = 0; a && id < a->n_entries; id++) {
		if (archive_entry(a, id, &e) < 0 || e.kind != ARCHIVE_MODULE ||
		    intern_find(&p->found, e.name, strlen(e.name)) != INTERN_NONE)
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
		if (r > 0)
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
				     .wants = wants,
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
		r = select_files(&p);
	/* All that is needed of a recording has been read. */
	dropped = record_drop(&c->settings.unpacked, &c->log);
	if (!r)
		r = dropped ?: write_archive(&p);
	moddir_close(&p.dir);
	rootfs_close(&p.files);
	intern_free(&p.wanted);
	intern_free(&p.found);
	array_free(&p.matches);
	return r;
}
