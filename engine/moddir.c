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
	char *slash;
	size_t n;

	if (!colon) {
		log_warning(t->dir->log, "%s:%u: no ':' in '%.64s', line ignored", t->path, t->line, line);
		return 0;
	}
	*colon = '\0';
	slash = strrchr(line, '/');
	n = normalise_name(slash ? slash + 1 : line, name, sizeof(name));
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
	char *slash = strrchr(line, '/');
	size_t n = normalise_name(slash ? slash + 1 : line, name, sizeof(name));

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

/* Makes the indexes of the modules themselves, if depmod was never run. 1: done for all that are not open yet; 0: there
 * is nothing to make them of; -ENOMEM. */
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
	r = depmod_in_memory(d->root, path, d->log, images);
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

/* Falls back to the text, or to the modules. An index that is not needed may be missing when there is no text either, and
 * an empty one is right when the text has no key. */
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
	else if (files[which].needed || state == BIN_BROKEN)
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

int moddir_find(struct moddir *d, enum moddir_index which, const char *key, const char **value)
{
	return ask(d, which, &(struct question){ .kind = FIND, .key = key, .value = value });
}

int moddir_match(struct moddir *d, enum moddir_index which, const char *key, struct index_hits *hits)
{
	hits->hits.n = hits->patterns.n = 0;
	return ask(d, which, &(struct question){ .kind = MATCH, .key = key, .hits = hits });
}

static int see_nothing(void *userdata, const char *key, const char *value, uint32_t priority)
{
	return 0;
}

int moddir_each(struct moddir *d, enum moddir_index which,
		int (*fn)(void *userdata, const char *key, const char *value, uint32_t priority),
		void *userdata)
{
	/* What is broken is found before fn is called: it would get the entries in front of that twice, from
	 * the index and from its text. All of the index has been read then, so it cannot change under the
	 * second pass. */
	int r = ask(d, which, &(struct question){ .kind = EACH, .fn = see_nothing });

	if (r < 0)
		return r;
	return ask(d, which, &(struct question){ .kind = EACH, .fn = fn, .userdata = userdata });
}

/* 1, 0 or -errno. */
static int is_directory(const struct rootfs *root, const char *path, struct log *log)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		return 1;
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
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

void moddir_close(struct moddir *d)
{
	for (size_t i = 0; i < MODDIR_INDEXES; i++) {
		blocks_close(&d->sources[i].file);
		free(d->sources[i].built);
	}
	free(d->path);
	d->path = NULL;
}

const char *moddir_file(const struct moddir *d, struct arena *arena, const char *root, const char *file)
{
	bool absolute = file[0] == '/';
	size_t n_root = root ? strlen(root) : 0, n_dir = absolute ? 0 : strlen(d->path), n;
	char *path, *p;

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
