/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/moddir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/blocks.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/archive-match.h"
#include "engine/config.h"
#ifdef HAVE_TOOLS
#include "engine/depmod-memory.h"
#endif
#include "engine/index-build.h"

/* A text whose lines become keys of an index. */
struct text_reader {
	struct moddir *dir;
	struct index_builder *builder;
	const char *path;
	uint32_t line;
};

static int take_dep_line(struct text_reader *t, char *line, size_t len)
{
	char name[256];
	char *colon = strchr(line, ':');
	size_t n;

	if (!colon) {
		log_warning(t->dir->log, "%s:%u: no ':' in '%.64s', line ignored", t->path, t->line, line);
		return 0;
	}
	*colon = '\0';
	n = normalise_path(line, name, sizeof(name));
	*colon = ':';
	return index_builder_add(t->builder, name, n, line, len, t->line);
}

/* "alias PATTERN MODULE" */
static int take_alias_line(struct text_reader *t, char *line, size_t len)
{
	char *pattern = line + 6, *space = strrchr(line, ' ');

	(void)len;
	if (strncmp(line, "alias ", 6) != 0 || !space || space <= pattern) {
		log_warning(t->dir->log, "%s:%u: not an alias line: '%.64s', ignored", t->path, t->line,
			    line);
		return 0;
	}
	*space = '\0';
	/* depmod normalises what it writes to the .bin, not the text; and leaves out what it cannot. */
	if (!normalise_pattern(pattern)) {
		log_warning(t->dir->log, "%s:%u: unbalanced brackets in '%.64s', ignored", t->path, t->line,
			    pattern);
		return 0;
	}
	return index_builder_add(t->builder, pattern, strlen(pattern), space + 1, strlen(space + 1), t->line);
}

static int take_builtin_line(struct text_reader *t, char *line, size_t len)
{
	char name[256];
	size_t n = normalise_path(line, name, sizeof(name));

	(void)len;
	return index_builder_add(t->builder, name, n, "", 0, 0);
}

/* modules.builtin.modinfo: NUL-terminated "MODULE.KEY=VALUE". */
static int take_modinfo(struct text_reader *t, char *entry, size_t len)
{
	char *equals = strchr(entry, '=');
	char *dot = strchr(entry, '.');
	char name[256];
	size_t n;

	(void)len;
	if (!equals || !dot || dot > equals || strncmp(dot + 1, "alias=", 6) != 0)
		return 0;
	n = normalise_name(entry, name, sizeof(name));
	if (!normalise_pattern(equals + 1))
		return 0;
	return index_builder_add(t->builder, equals + 1, strlen(equals + 1), name, n, 0);
}

static const struct {
	const char *bin;
	const char *text;
	char separator;
	int (*take)(struct text_reader *t, char *line, size_t len);
	bool needed; /* its absence is input lost */
} files[MODDIR_INDEXES] = {
	[MODDIR_DEP] = { "modules.dep.bin", "modules.dep", '\n', take_dep_line, true },
	[MODDIR_ALIAS] = { "modules.alias.bin", "modules.alias", '\n', take_alias_line, true },
	[MODDIR_SYMBOLS] = { "modules.symbols.bin", "modules.symbols", '\n', take_alias_line, false },
	[MODDIR_BUILTIN] = { "modules.builtin.bin", "modules.builtin", '\n', take_builtin_line, false },
	[MODDIR_BUILTIN_ALIAS] = { "modules.builtin.alias.bin", "modules.builtin.modinfo", '\0', take_modinfo,
				   false },
};

static int read_text(struct text_reader *t, enum moddir_index which, const struct file_bytes *file)
{
	char separator = files[which].separator;
	char *end = file->data + file->size;
	int r = 0;

	for (char *p = file->data, *next; !r && p < end; p = next) {
		char *stop = memchr(p, separator, (size_t)(end - p));
		size_t len;

		stop = stop ? stop : end;
		next = stop + 1;
		*stop = '\0';
		t->line++;
		len = strlen(p); /* a NUL inside a line ends it */
		if (!len || (separator == '\n' && *p == '#'))
			continue;
		r = files[which].take(t, p, len);
		if (r != -E2BIG)
			continue;
		log_warning(t->dir->log, "%s:%u: a key longer than %u bytes, line ignored", t->path, t->line,
			    LIMIT_ALIAS);
		r = 0;
	}
	return r;
}

/* As moddir_build(), and says of how many keys. */
static int build(enum moddir_index which, struct file_bytes *text, const char *path, struct log *log,
		 uint8_t **data, size_t *n_data, size_t *n_keys)
{
	struct moddir d = { .log = log };
	struct index_builder builder = {};
	struct text_reader t = { .dir = &d, .builder = &builder, .path = path };
	int r = read_text(&t, which, text);

	*n_keys = builder.entries.n;
	if (!r)
		r = index_builder_finish(&builder, data, n_data);
	index_builder_free(&builder);
	return r;
}

int moddir_build(enum moddir_index which, char *text, size_t size, const char *path, struct log *log,
		 uint8_t **data, size_t *n_data)
{
	size_t n_keys;

	return build(which, &(struct file_bytes){ .data = text, .size = size }, path, log, data, n_data,
		     &n_keys);
}

/* 1: built, *n_keys says of how many; 0: there is no such text; -ENOMEM. */
static int build_from_text(struct moddir *d, enum moddir_index which, struct moddir_source *s, size_t *n_keys)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_file_ struct file_bytes file = {};
	size_t size = 0;
	int r;

	if (asprintf(&path, "/%s/%s", d->path, files[which].text) < 0)
		return -ENOMEM;
	r = rootfs_read(d->root, path, LIMIT_INDEX, &file);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		if (r != -ENOENT)
			log_lost(d->log, "%s: cannot be read: %s", path, strerror(-r));
		return 0;
	}
	r = build(which, &file, path, d->log, &s->built, &size, n_keys);
	if (r < 0)
		return r;
	s->from_text = true;
	return index_open(&s->index, s->built, size) ?: 1;
}

static int64_t mtime_of(struct moddir *d, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (asprintf(&path, "/%s/%s", d->path, name) < 0)
		return INT64_MIN;
	fd = rootfs_openat(d->root, path, O_PATH);
	return fd < 0 || fstat(fd, &st) < 0 ? INT64_MIN : st.st_mtime;
}

/* What a .bin that cannot be used is. */
enum bin_state {
	BIN_BROKEN,
	BIN_MISSING,
	BIN_EMPTY, /* what depmod writes when it has no key for it */
};

/* Opens the .bin. 1 when it can be used; 0 when not, why says why. */
static int open_bin(struct moddir *d, enum moddir_index which, struct moddir_source *s, enum bin_state *state,
		    char *why, size_t size)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "/%s/%s", d->path, files[which].bin) < 0)
		return -ENOMEM;
	r = blocks_open(&s->file, d->root, path, LIMIT_INDEX);
	if (r == -ENOMEM)
		return r;
	*state = r == -ENOENT ? BIN_MISSING : BIN_BROKEN;
	if (r < 0) {
		snprintf(why, size, "%s: %s", path, r == -ENOENT ? "missing" : blocks_strerror(r));
		return 0;
	}
	if (s->file.mtime.tv_sec < mtime_of(d, files[which].text)) {
		snprintf(why, size, "%s: older than %s", path, files[which].text);
	} else if (index_open_file(&s->index, &s->file) < 0) {
		if (!s->file.size && !files[which].needed)
			*state = BIN_EMPTY;
		snprintf(why, size, "%s: broken at byte %u: %s", path, s->index.bad_offset, s->index.bad);
	} else {
		return 1;
	}
	blocks_close(&s->file);
	return 0;
}

#ifdef HAVE_TOOLS
static bool has_dep(struct moddir *d)
{
	return mtime_of(d, files[MODDIR_DEP].bin) != INT64_MIN ||
		mtime_of(d, files[MODDIR_DEP].text) != INT64_MIN;
}

/* Makes the indexes of the modules themselves, if depmod was never run. 1: done for all that are not open
 * yet; 0: there is nothing to make them of; -ENOMEM. */
static int use_modules(struct moddir *d)
{
	static const enum moddir_index which[DEPMOD_MEMORY_IMAGES] = { MODDIR_DEP, MODDIR_ALIAS,
								       MODDIR_SYMBOLS };
	struct depmod_image images[DEPMOD_MEMORY_IMAGES];
	_cleanup_free_ char *path = NULL;
	int r;

	if (has_dep(d))
		return 0;
	if (asprintf(&path, "/%s", d->path) < 0)
		return -ENOMEM;
	r = depmod_in_memory(d->root, path, d->archive.open ? &d->archive : NULL, d->log, images);
	if (r <= 0)
		return r == -ENOMEM ? r : 0;
	log_warning(d->log, "%s: there is no modules.dep; all modules were read instead. Run depmod", path);
	for (size_t i = 0; i < DEPMOD_MEMORY_IMAGES; i++) {
		struct moddir_source *s = &d->sources[which[i]];

		if (s->state != SOURCE_UNOPENED) {
			free(images[i].data);
			continue;
		}
		s->built = images[i].data;
		s->from_text = true;
		s->state = index_open(&s->index, s->built, images[i].size) < 0 ? SOURCE_ABSENT : SOURCE_OPEN;
	}
	return 1;
}
#else
static int use_modules(struct moddir *d)
{
	return 0;
}
#endif

/* Falls back to the text, or to the modules. An index that is not needed may be missing when there is no
 * text either, and an empty one is right when the text has no key. */
static int use_text(struct moddir *d, enum moddir_index which, struct moddir_source *s, enum bin_state state,
		    const char *why)
{
	size_t n_keys = 0;
	int r = build_from_text(d, which, s, &n_keys);

	if (!r && state == BIN_MISSING && which <= MODDIR_SYMBOLS && (r = use_modules(d)))
		return r < 0 ? r : 0;
	if (r < 0)
		return r;
	s->state = r ? SOURCE_OPEN : SOURCE_ABSENT;
	if (state == BIN_EMPTY && !n_keys)
		log_debug(d->log, "%s, but there is no key for it", why);
	else if (r)
		log_warning(d->log, "%s; using %s", why, files[which].text);
	else if ((files[which].needed && !d->archive.open && !d->archive_failed) || state == BIN_BROKEN)
		log_lost(d->log, "%s, and there is no %s; run depmod", why, files[which].text);
	else
		log_debug(d->log, "%s, and there is no %s", why, files[which].text);
	return 0;
}

static int open_source(struct moddir *d, enum moddir_index which)
{
	struct moddir_source *s = &d->sources[which];
	char why[512];
	enum bin_state state;
	int r;

	if (s->state != SOURCE_UNOPENED)
		return 0;
	if (!d->path) {
		s->state = SOURCE_ABSENT;
		return 0;
	}
	r = open_bin(d, which, s, &state, why, sizeof(why));
	if (r < 0)
		return r;
	if (r > 0) {
		s->state = SOURCE_OPEN;
		return 0;
	}
	return use_text(d, which, s, state, why);
}

/* A lookup has met a broken place. */
static int replace_broken(struct moddir *d, enum moddir_index which)
{
	struct moddir_source *s = &d->sources[which];
	char why[512];

	snprintf(why, sizeof(why), "/%s/%s: broken at byte %u: %s", d->path, files[which].bin,
		 s->index.bad_offset, s->index.bad);
	/* The file stays until moddir_close(): values found before may still be in use. */
	return use_text(d, which, s, BIN_BROKEN, why);
}

struct question {
	enum { FIND, MATCH, EACH } kind;
	const char *key;
	const char **value;
	struct index_hits *hits;
	int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority);
	void *userdata;
};

static int ask_index(struct index *index, const struct question *q)
{
	switch (q->kind) {
	case FIND:
		return index_find(index, q->key, q->value);
	case MATCH:
		return index_match(index, q->key, q->hits);
	default:
		return index_each(index, q->fn, q->userdata);
	}
}

static int ask(struct moddir *d, enum moddir_index which, const struct question *q)
{
	struct moddir_source *s = &d->sources[which];
	int r = open_source(d, which);

	for (;;) {
		if (r < 0 || s->state != SOURCE_OPEN)
			return r;
		r = ask_index(&s->index, q);
		if (r != -EBADMSG || s->from_text)
			return r;
		r = replace_broken(d, which);
	}
}

/* ---- beside an archive ---- */

static const enum archive_section_type sections[MODDIR_INDEXES] = {
	[MODDIR_ALIAS] = ARCHIVE_ALIASES,
	[MODDIR_SYMBOLS] = ARCHIVE_SYMBOLS,
	[MODDIR_BUILTIN] = ARCHIVE_BUILTIN,
	[MODDIR_BUILTIN_ALIAS] = ARCHIVE_BUILTIN_ALIASES,
};

/* What is damaged was logged, and has no answer. */
static int forgive(struct moddir *d, int r)
{
	if (r == -EBADMSG || r == -EOPNOTSUPP)
		d->log->lost++;
	return r == -ENOMEM || r > 0 ? r : 0;
}

static int find_in_archive(struct moddir *d, enum moddir_index which, const char *key, const char **value)
{
	struct index *index;
	int r;

	if (which == MODDIR_DEP)
		return forgive(d, archive_index_line(&d->archive, key, value) ?: 0);
	r = archive_index_trie(&d->archive, sections[which], &index);
	return forgive(d, r > 0 ? index_find(index, key, value) : r);
}

static bool is_absent(int fd)
{
	return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP;
}

/* Whether the file of a line of modules.dep is there. One that cannot be looked at counts: the module of
 * the archive may be another one. */
static bool has_file(const struct moddir *d, const char *line)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int n = (int)strcspn(line, ":");

	if (d->files_unknown)
		return true;
	if (asprintf(&path, "%s%s%.*s", line[0] == '/' ? "" : d->path, line[0] == '/' ? "" : "/", n, line) <
	    0)
		return true;
	fd = rootfs_openat(d->root, path, O_PATH);
	return !is_absent(fd);
}

static void tell_both(struct moddir *d, const char *name, const char *line)
{
	struct archive_entry e;

	if (archive_find(&d->archive.archive, name, &e) <= 0)
		return;
	if (!d->told)
		log_info(d->log, "%s: modules that are also in %s are taken from there, %s first",
			 d->archive.archive.path, d->path, name);
	d->told = true;
	log_debug(d->log, "%s: %.*s is used, and not that of %s", name, (int)strcspn(line, ":"), line,
		  d->archive.archive.path);
}

/* Whose a module is. */
enum owner { NOBODY, DIRECTORY, ARCHIVE };

static int is_in_archive(struct moddir *d, const char *name)
{
	struct archive_entry e;

	return forgive(d, archive_find(&d->archive.archive, name, &e));
}

/* -ENOMEM; *line: the owner's, if there is one. With line NULL no line is made, which would stay until
 * moddir_close(). A module without a file is the directory's if the archive lacks it. */
static int find_owner(struct moddir *d, const char *name, const char **line)
{
	const char *text;
	int r = ask(d, MODDIR_DEP, &(struct question){ .kind = FIND, .key = name, .value = &text }), found;

	if (r > 0 && line)
		*line = text;
	if (r > 0 && has_file(d, text)) {
		tell_both(d, name, text);
		return DIRECTORY;
	}
	if (r < 0)
		return r;
	found = line ? find_in_archive(d, MODDIR_DEP, name, &text) : is_in_archive(d, name);
	if (found <= 0)
		return found ?: r > 0 ? DIRECTORY : NOBODY;
	if (line)
		*line = text;
	return ARCHIVE;
}

int moddir_find(struct moddir *d, enum moddir_index which, const char *key, const char **value)
{
	struct question q = { .kind = FIND, .key = key, .value = value };
	int r;

	if (!d->archive.open)
		return ask(d, which, &q);
	if (which == MODDIR_DEP) {
		r = find_owner(d, key, value);
		return r == ARCHIVE ? MODDIR_ARCHIVED : r;
	}
	r = ask(d, which, &q);
	return r ?: find_in_archive(d, which, key, value);
}

/* Whether a module's answers are taken from there; a builtin module is nobody's. */
static int is_from(struct moddir *d, const char *name, enum owner from)
{
	int owner = find_owner(d, name, NULL);

	return owner < 0 ? owner : owner == NOBODY || owner == (int)from;
}

static bool has_hit(const struct index_hits *hits, const char *name)
{
	for (size_t i = 0; i < hits->hits.n; i++)
		if (!strcmp(hits->hits.items[i].value, name))
			return true;
	return false;
}

/* Leaves out the directory's answers for modules that it has not. */
static int filter_hits(struct moddir *d, struct index_hits *hits)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < hits->hits.n; i++) {
		r = is_from(d, hits->hits.items[i].value, DIRECTORY);
		if (r < 0)
			return r;
		if (r)
			hits->hits.items[n++] = hits->hits.items[i];
	}
	hits->hits.n = n;
	return 0;
}

static int add_hit(struct moddir *d, struct index_hits *hits, struct index_hit hit)
{
	const char *pattern = d->hits.patterns.items + hit.pattern;
	int r = has_hit(hits, hit.value) ? 0 : is_from(d, hit.value, ARCHIVE);

	if (r <= 0)
		return r;
	hit.pattern = (uint32_t)hits->patterns.n;
	return array_append(&hits->patterns, pattern, strlen(pattern) + 1) ?: array_push(&hits->hits, hit);
}

static int match_in_archive(struct moddir *d, enum moddir_index which, const char *key,
			    struct index_hits *hits)
{
	struct index *index;
	int r;

	if (which == MODDIR_ALIAS)
		return forgive(d, archive_match(&d->archive.archive, key, hits));
	r = archive_index_trie(&d->archive, sections[which], &index);
	return forgive(d, r > 0 ? index_match(index, key, hits) : r);
}

int moddir_match(struct moddir *d, enum moddir_index which, const char *key, struct index_hits *hits)
{
	int r;

	hits->hits.n = hits->patterns.n = 0;
	r = ask(d, which, &(struct question){ .kind = MATCH, .key = key, .hits = hits });
	if (r < 0 || !d->archive.open)
		return r;
	/* Without modules of its own the directory has no say. */
	if (!hits->hits.n && open_source(d, MODDIR_DEP) == 0 && d->sources[MODDIR_DEP].state == SOURCE_ABSENT)
		return match_in_archive(d, which, key, hits);
	d->hits.hits.n = d->hits.patterns.n = 0;
	r = filter_hits(d, hits) ?: match_in_archive(d, which, key, &d->hits);
	for (size_t i = 0; !r && i < d->hits.hits.n; i++)
		r = add_hit(d, hits, d->hits.hits.items[i]);
	return r;
}

static int see_nothing(void *userdata, const char *key, const char *value, uint32_t priority)
{
	return 0;
}

/* A walk over the entries of both. */
struct each {
	struct moddir *d;
	bool by_key; /* the module is the key, and not the value */
	enum owner from;
	archive_index_fn *fn;
	void *userdata;
};

static int see_entry(void *userdata, const char *key, const char *value, uint32_t priority)
{
	const struct each *e = userdata;
	int r = is_from(e->d, e->by_key ? key : value, e->from);

	return r > 0 ? e->fn(e->userdata, key, value, priority) : r;
}

static int each_in_archive(struct moddir *d, enum moddir_index which, archive_index_fn *fn, void *userdata)
{
	struct index *index;
	int r;

	if (which == MODDIR_DEP)
		return forgive(d, archive_index_each(&d->archive, fn, userdata));
	r = archive_index_trie(&d->archive, sections[which], &index);
	return forgive(d, r > 0 ? index_each(index, fn, userdata) : r);
}

int moddir_each(struct moddir *d, enum moddir_index which,
		int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority),
		void *userdata)
{
	bool by_key = which == MODDIR_DEP || which == MODDIR_BUILTIN;
	struct each e = { .d = d, .by_key = by_key, .from = DIRECTORY, .fn = fn, .userdata = userdata };
	struct question q = { .kind = EACH, .fn = fn, .userdata = userdata };
	/* What is broken is found before fn is called: it would get the entries in front of that twice, from
	 * the index and from its text. All of the index has been read then, so it cannot change under the
	 * second pass. */
	int r = ask(d, which, &(struct question){ .kind = EACH, .fn = see_nothing });

	if (r < 0)
		return r;
	if (!d->archive.open)
		return ask(d, which, &q);
	q.fn = see_entry;
	q.userdata = &e;
	r = ask(d, which, &q);
	/* The same kernel's, if there are two. */
	if (r < 0 || (which >= MODDIR_BUILTIN && d->sources[which].state == SOURCE_OPEN))
		return r;
	e.from = ARCHIVE;
	return each_in_archive(d, which, see_entry, &e);
}

int moddir_has_file(struct moddir *d, const char *name)
{
	int owner = find_owner(d, name, NULL);

	return owner < 0 ? owner : owner == DIRECTORY;
}

int moddir_names_all(struct moddir *d)
{
	struct archive_entry e;
	const char *line;
	int r = 1;

	for (uint32_t id = 0; !d->named && r > 0 && id < d->archive.archive.n_entries; id++)
		if (!archive_entry(&d->archive.archive, id, &e) && e.kind == ARCHIVE_MODULE)
			r = ask(d, MODDIR_DEP,
				&(struct question){ .kind = FIND, .key = e.name, .value = &line });
	if (!d->named && r >= 0)
		d->named = r ? NAMED_ALL : NAMED_SOME;
	return r < 0 ? r : d->named == NAMED_ALL;
}

int moddir_member(struct moddir *d, const char *path, struct archive_entry *ret)
{
	return archive_index_member(&d->archive, path, ret);
}

int moddir_read(struct moddir *d, const char *name, size_t max, struct file_bytes *ret)
{
	_cleanup_free_ char *path = NULL;
	int r = -ENOENT;

	if (d->path && asprintf(&path, "%s/%s", d->path, name) < 0)
		return -ENOMEM;
	if (path)
		r = rootfs_read(d->root, path, max, ret);
	if (r != -ENOENT || !d->archive.open)
		return r;
	r = archive_file(&d->archive.archive, name, ret);
	return r > 0 ? 0 : forgive(d, r) ?: -ENOENT;
}

/* 1, 0 or -errno. */
static int is_directory(const struct rootfs *root, const char *path, struct log *log)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		return 1;
	if (is_absent(fd))
		return 0;
	log_lost(log, "%s/%s: cannot be opened: %s", root->path, path, strerror(-fd));
	return fd;
}

int moddir_open_in(struct moddir *d, const struct rootfs *root, const char *parent, const char *release,
		   struct log *log)
{
	_cleanup_free_ char *path = NULL;
	int r;

	*d = (struct moddir){ .root = root, .log = log };
	if (!release)
		return 0;
	if (asprintf(&path, "%s/%s", parent, release) < 0)
		return -ENOMEM;
	r = is_directory(root, path, log);
	if (r <= 0)
		return r;
	d->path = steal_ptr(path);
	return 1;
}

int moddir_open(struct moddir *d, const struct rootfs *root, const char *release, struct log *log)
{
	int r = moddir_open_in(d, root, "lib/modules", release, log);

	if (!r)
		r = moddir_open_in(d, root, "usr/lib/modules", release, log);
	if (!r && release)
		log_lost(log, "%s/lib/modules/%s: there are no modules for this kernel", root->path, release);
	return r;
}

int moddir_archive_places(const char *release, struct arena *arena, const char *ret[MODDIR_ARCHIVES])
{
	ret[0] = arena_printf(arena, "/boot/modules-%s.archive", release);
	ret[1] = "/boot/modules.archive";
	ret[2] = "/run/coldplug/modules.archive";
	return ret[0] ? 0 : -ENOMEM;
}

/* 1; 0: it is not there, or cannot be used; -ENOMEM. */
static int try_archive(struct moddir *d, const struct moddir_archive *which, const char *path,
		       bool any_release)
{
	struct archive_wanted w = { .root = which->path ? NULL : d->root,
				    .path = path,
				    .release = which->release,
				    .machine = which->machine,
				    .any_release = any_release };
	_cleanup_close_ int fd = which->path ? -1 : rootfs_openat(d->root, path, O_PATH);
	int r;

	if (!which->path && (fd == -ENOENT || fd == -ENOTDIR))
		return 0;
	r = archive_index_open(&d->archive, &w, d->log);
	d->archive_failed = d->archive_failed || (r < 0 && r != -ENOMEM);
	return r == -ENOMEM || r > 0 ? r : 0;
}

int moddir_open_archive(struct moddir *d, const struct moddir_archive *which)
{
	_cleanup_arena_ struct arena arena = {};
	const char *places[MODDIR_ARCHIVES], *path;
	int r = 0;

	if (which->path)
		return try_archive(d, which, which->path, false);
	if (!which->release)
		return 0;
	if (d->path) {
		path = arena_printf(&arena, "/%s/modules.archive", d->path);
		r = path ? try_archive(d, which, path, false) : -ENOMEM;
	}
	if (!r)
		r = moddir_archive_places(which->release, &arena, places);
	for (size_t i = 0; !r && i < MODDIR_ARCHIVES; i++) {
		path = which->above ? arena_printf(&arena, "%s%s", which->above, places[i]) : places[i];
		r = path ? try_archive(d, which, path, i > 0) : -ENOMEM;
	}
	return r;
}

void moddir_close(struct moddir *d)
{
	for (size_t i = 0; i < MODDIR_INDEXES; i++) {
		blocks_close(&d->sources[i].file);
		free(d->sources[i].built);
	}
	archive_index_close(&d->archive);
	index_hits_free(&d->hits);
	free(d->path);
	d->path = NULL;
}

const char *moddir_file(const struct moddir *d, struct arena *arena, const char *root, const char *file)
{
	bool absolute = file[0] == '/';
	size_t n_root = root ? strlen(root) : 0, n_dir, n;
	char *path, *p;

	if (d->archive.open && !strncmp(file, d->archive.prefix, strlen(d->archive.prefix)))
		return file;
	n_dir = absolute ? 0 : strlen(d->path);
	file += absolute;
	if (absolute && !root)
		return file;
	n = strlen(file);
	path = p = arena_alloc(arena, n_root + n_dir + n + 3);
	if (!path)
		return NULL;
	if (root) {
		p = mempcpy(p, root, n_root);
		*p++ = '/';
	}
	if (!absolute) {
		p = mempcpy(p, d->path, n_dir);
		*p++ = '/';
	}
	memcpy(p, file, n + 1);
	return path;
}
