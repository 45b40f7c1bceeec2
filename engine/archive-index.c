/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/archive-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/config.h"
#include "engine/index-build.h"

/* What a line of modules.dep may have: 4,000 paths, more than a kernel has modules. */
#define LINE_MAX_SIZE ((size_t)1 << 20)

/* ---- opening ---- */

static int set_prefix(struct archive_index *x)
{
	x->prefix = arena_printf(&x->arena, "%s:", x->archive.path);
	return x->prefix ? 1 : -ENOMEM;
}

int archive_index_open(struct archive_index *x, const struct archive_wanted *w, struct log *log)
{
	int r = archive_open(&x->archive, w->root, w->path, log);

	if (!r)
		r = archive_check(&x->archive,
				  &(struct archive_kernel){ w->release, w->machine, w->any_release });
	if (r > 0)
		r = set_prefix(x);
	x->open = r > 0;
	if (r < 0 && r != -ENOMEM)
		log->lost++;
	if (r <= 0)
		archive_close(&x->archive);
	return r;
}

void archive_index_close(struct archive_index *x)
{
	if (x->open)
		archive_close(&x->archive);
	free(x->aliases);
	arena_free(&x->arena);
	*x = (struct archive_index){};
}

/* ---- questions ---- */

struct line {
	ARRAY(char) text;
};

static int add(struct line *line, const char *separator, const char *path)
{
	return array_append(&line->text, separator, strlen(separator))
		?: array_append(&line->text, path, strlen(path));
}

static int make_line(struct archive_index *x, const struct archive_entry *e, struct line *line)
{
	struct archive *a = &x->archive;
	struct archive_entry other;
	uint32_t id;
	int r = add(line, "", e->path) ?: add(line, ":", "");

	for (uint32_t i = 0; !r && i < e->n_dependencies; i++) {
		if (line->text.n > LINE_MAX_SIZE)
			return archive_damaged(a, a->sections[ARCHIVE_DEPENDENCIES].place,
					       "a module that needs too many others");
		r = archive_dependency(a, e, i, &id) ?: archive_entry(a, id, &other) ?: add(line, " ", other.path);
	}
	return r ?: array_push(&line->text, '\0');
}

static int line_of(struct archive_index *x, const struct archive_entry *e, const char **ret)
{
	struct line line = {};
	int r = make_line(x, e, &line);
	char *copy = r < 0 ? NULL : arena_strndup(&x->arena, line.text.items, line.text.n - 1);

	array_free(&line.text);
	*ret = copy;
	return r ?: copy ? 0 : -ENOMEM;
}

int archive_index_line(struct archive_index *x, const char *name, const char **line)
{
	struct archive_entry e;
	int r = archive_find(&x->archive, name, &e);

	if (r <= 0)
		return r;
	return line_of(x, &e, line) ?: 1;
}

int archive_index_depends(struct archive_index *x, const struct archive_entry *e, const char **names)
{
	const char *text;
	size_t size;
	int r = archive_info(&x->archive, e, &text, &size);

	for (const char *p = text; !r && p < text + size; p += strlen(p) + 1) {
		if (!strncmp(p, "depends=", 8)) {
			*names = p + 8;
			return 1;
		}
	}
	return r;
}

/* The aliases that a module's .modinfo has, as depmod writes them. */
static int add_aliases(struct index_builder *b, struct archive *a, const struct archive_entry *e)
{
	const char *text;
	size_t size;
	int r = archive_info(a, e, &text, &size);

	for (const char *p = text, *next; !r && p < text + size; p = next) {
		_cleanup_free_ char *pattern = strncmp(p, "alias=", 6) != 0 ? NULL : strdup(p + 6);

		next = p + strlen(p) + 1;
		if (pattern && normalise_pattern(pattern))
			r = index_builder_add(b, pattern, strlen(pattern), e->name, strlen(e->name), e->id);
		r = r == -E2BIG ? 0 : r;
	}
	return r;
}

/* The matcher cannot be walked in the order of modules.alias.bin, so whoever wants all aliases gets a
 * trie. */
static int build_aliases(struct archive_index *x, struct index *index)
{
	struct index_builder b = {};
	struct archive_entry e;
	size_t size;
	int r = 0;

	for (uint32_t id = 0; !r && id < x->archive.n_entries; id++) {
		r = archive_entry(&x->archive, id, &e);
		if (!r && e.kind == ARCHIVE_MODULE)
			r = add_aliases(&b, &x->archive, &e);
	}
	r = r ?: index_builder_finish(&b, &x->aliases, &size);
	index_builder_free(&b);
	return r ?: index_open(index, x->aliases, size) ?: 1;
}

int archive_index_trie(struct archive_index *x, enum archive_section_type type, struct index **ret)
{
	struct archive *a = &x->archive;
	struct index *index = &x->tries[type];
	const uint8_t *data;
	size_t size;
	int r;

	*ret = index;
	if (index->data)
		return 1;
	if (type == ARCHIVE_ALIASES)
		return build_aliases(x, index);
	r = archive_section(a, type, &data, &size);
	if (r <= 0 || !size)
		return r < 0 ? r : 0;
	if (index_open(index, data, size) < 0) {
		*index = (struct index){};
		return archive_damaged(a, a->sections[type].place, "an index that cannot be read");
	}
	return 1;
}

int archive_index_member(struct archive_index *x, const char *path, struct archive_entry *ret)
{
	size_t n = x->open ? strlen(x->prefix) : 0;
	char name[256];
	const char *base;
	size_t len;
	int r;

	if (!n || strncmp(path, x->prefix, n) != 0)
		return 0;
	base = strrchr(path, '/') ?: path + n - 1;
	len = strcspn(base + 1, ".");
	if (len >= sizeof(name))
		return 0;
	for (size_t i = 0; i < len; i++)
		name[i] = base[1 + i] == '-' ? '_' : base[1 + i];
	name[len] = '\0';
	r = archive_find(&x->archive, name, ret);
	return r > 0 ? !strcmp(ret->path, path + n) : r;
}

int archive_index_each(struct archive_index *x, archive_index_fn *fn, void *userdata)
{
	struct archive_entry e;
	const char *line;
	int r = 0;

	for (uint32_t id = 0; !r && id < x->archive.n_entries; id++) {
		r = archive_entry(&x->archive, id, &e);
		if (r < 0 || e.kind != ARCHIVE_MODULE)
			continue;
		r = line_of(x, &e, &line) ?: fn(userdata, e.name, line, id);
	}
	return r;
}
