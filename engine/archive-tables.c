/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of an archive that is being made. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/intern.h"
#include "base/limits.h"
#include "base/little-endian.h"
#include "base/memstream.h"
#include "base/xxh64.h"
#include "engine/archive-pack.h"
#include "engine/index.h"

struct tables {
	struct pack *p;
	struct intern strings;
	ARRAY(uint32_t) places; /* of the strings */
	struct intern paths;	/* of the modules, in their order: an id is one of ENTRIES */
	ARRAY(struct trie_alias) aliases;
};

/* Enters a string. 0, -ENOMEM, -EFBIG. */
static int put_string(struct tables *t, const char *s, uint32_t *place)
{
	struct bytes *strings = &t->p->sections[ARCHIVE_STRINGS];
	uint32_t id = intern_add(&t->strings, s, strlen(s));
	int r = 0;

	if (id == INTERN_NONE)
		return -ENOMEM;
	if (id == t->places.n)
		r = array_push(&t->places, (uint32_t)strings->items.n)
			?: bytes_put(strings, s, strlen(s) + 1);
	if (!r)
		*place = t->places.items[id];
	return r;
}

static int put_meta(struct pack *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = memstream_open(&text, &size);
	int r;

	if (!f)
		return -ENOMEM;
	fprintf(f, "release=%s%c", p->wish->release, '\0');
	fprintf(f, "machine=%u%c", p->machine.machine, '\0');
	fprintf(f, "class=%s%c", p->machine.is64 ? "64" : "32", '\0');
	fprintf(f, "endian=%s%c", p->machine.big_endian ? "big" : "little", '\0');
	fprintf(f, "packer=coldplug " COLDPLUG_VERSION "%c", '\0');
	r = memstream_close(f);
	if (!r)
		r = bytes_put(&p->sections[ARCHIVE_META], text, size);
	free(text);
	return r;
}

/* The names of the modules come first, so that a smaller place is that of an earlier module. */
static int put_names(struct tables *t)
{
	struct pack *p = t->p;
	uint32_t place;
	int r = 0;

	for (uint32_t i = 0; !r && i < p->n_modules; i++) {
		const char *indexed = p->depmod.modules.items[i].path;

		r = put_string(t, p->entries.items[i].name, &place);
		if (!r && intern_add(&t->paths, indexed, strlen(indexed)) == INTERN_NONE)
			r = -ENOMEM;
	}
	return r;
}

static int put_hash_table(struct tables *t)
{
	struct bytes *to = &t->p->sections[ARCHIVE_NAMES];
	uint32_t n = 16;
	int r;

	while (n < 2 * t->p->n_modules)
		n *= 2;
	r = bytes_put_number(to, n);
	for (uint32_t i = 0; !r && i < n; i++)
		r = bytes_put_number(to, 0);
	for (uint32_t id = 0; !r && id < t->p->n_modules; id++) {
		const char *name = t->p->entries.items[id].name;
		uint64_t slot = xxh64(name, strlen(name)) & (n - 1);

		while (le32(to->items.items + 4 + 4 * slot))
			slot = (slot + 1) & (n - 1);
		put_le32(to->items.items + 4 + 4 * slot, id + 1);
	}
	return r;
}

/* ---- what depmod makes ---- */

struct made {
	uint8_t *data;
	size_t size;
};

static void made_free(struct made *m)
{
	free(m->data);
}

static int take_alias(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct tables *t = userdata;
	char *copy = arena_strdup(&t->p->arena, key);
	uint32_t id = intern_find(&t->strings, value, strlen(value));

	if (!copy)
		return -ENOMEM;
	return id == INTERN_NONE ? -EINVAL : array_push(&t->aliases, { copy, t->places.items[id] });
}

static int put_aliases(struct tables *t)
{
	_cleanup_(made_free) struct made made = {};
	struct index index;
	int r = depmod_make(&t->p->depmod, DEPMOD_ALIAS, &made.data, &made.size);

	if (!r)
		r = index_open(&index, made.data, made.size);
	if (!r)
		r = index_each(&index, take_alias, t);
	return r ?: archive_trie_build(t->aliases.items, t->aliases.n, &t->p->sections[ARCHIVE_ALIASES]);
}

static int put_made(struct pack *p, enum depmod_file which, enum archive_section_type type)
{
	_cleanup_(made_free) struct made made = {};
	int r = depmod_make(&p->depmod, which, &made.data, &made.size);

	return r ?: bytes_put(&p->sections[type], made.data, made.size);
}

/* A line of modules.dep, "path: path path", of which the ids are wanted. */
static int put_line(struct tables *t, const char *line)
{
	struct bytes *to = &t->p->sections[ARCHIVE_DEPENDENCIES];
	int r = 0;

	for (const char *p = strchr(line, ':') + 1; !r && *(p += strspn(p, " "));) {
		size_t n = strcspn(p, " ");
		uint32_t id = intern_find(&t->paths, p, n);

		r = id == INTERN_NONE ? -EINVAL : bytes_put_number(to, id);
		p += n;
	}
	return r;
}

/* Calls fn with each module's line of modules.dep, which has a ':'. */
static int each_line(struct tables *t, int (*fn)(struct tables *t, struct pack_entry *e, const char *line))
{
	_cleanup_(made_free) struct made made = {};
	struct index index;
	const char *line;
	int r = depmod_make(&t->p->depmod, DEPMOD_DEP, &made.data, &made.size);

	if (!r)
		r = index_open(&index, made.data, made.size);
	for (uint32_t i = 0; !r && i < t->p->n_modules; i++) {
		struct pack_entry *e = &t->p->entries.items[i];

		r = index_find(&index, e->name, &line);
		r = r > 0 && strchr(line, ':') ? fn(t, e, line) : r ?: -EINVAL;
	}
	return r;
}

static int put_entry(struct tables *t, struct pack_entry *e, const char *line)
{
	const struct bytes *dependencies = &t->p->sections[ARCHIVE_DEPENDENCIES];
	struct bytes *to = &t->p->sections[ARCHIVE_ENTRIES];
	uint32_t first = (uint32_t)(dependencies->items.n / 4), name, path;
	uint8_t row[ARCHIVE_ENTRY_ROW] = { (uint8_t)e->kind, 0, e->compression };
	int r = put_string(t, e->name, &name) ?: put_string(t, e->path, &path);

	if (!r && line)
		r = put_line(t, line);
	if (r < 0)
		return r;
	put_le32(row + 4, name);
	put_le32(row + 8, path);
	put_le32(row + 12, e->size);
	put_le64(row + 16, e->sum);
	put_le32(row + 36, first);
	put_le32(row + 40, (uint32_t)(dependencies->items.n / 4) - first);
	put_le32(row + 44, e->info);
	return bytes_put(to, row, sizeof(row));
}

static int put_entries(struct tables *t)
{
	int r = each_line(t, put_entry);

	for (size_t i = t->p->n_modules; !r && i < t->p->entries.n; i++)
		r = put_entry(t, &t->p->entries.items[i], NULL);
	return r;
}

static int put_others(struct pack *p)
{
	static const struct {
		enum depmod_file file;
		enum archive_section_type type;
	} rows[] = {
		{ DEPMOD_SYMBOLS, ARCHIVE_SYMBOLS },  { DEPMOD_BUILTIN, ARCHIVE_BUILTIN },
		{ DEPMOD_SOFTDEP, ARCHIVE_SOFTDEPS }, { DEPMOD_BUILTIN_ALIAS, ARCHIVE_BUILTIN_ALIASES },
		{ DEPMOD_WEAKDEP, ARCHIVE_WEAKDEPS }, { DEPMOD_DEVNAME, ARCHIVE_DEVNAME },
	};
	int r = put_meta(p);

	for (size_t i = 0; !r && i < ARRAY_SIZE(rows); i++)
		r = put_made(p, rows[i].file, rows[i].type);
	return r;
}

int pack_make_tables(struct pack *p)
{
	struct tables t = { .p = p };
	int r = put_names(&t) ?: put_hash_table(&t) ?: put_entries(&t) ?: put_aliases(&t) ?: put_others(p);

	for (size_t i = 0; !r && i < p->groups.n; i++)
		r = bytes_put(&p->sections[ARCHIVE_GROUPS], (const uint8_t[ARCHIVE_GROUP_ROW]){},
			      ARCHIVE_GROUP_ROW);
	intern_free(&t.strings);
	intern_free(&t.paths);
	array_free(&t.places);
	array_free(&t.aliases);
	return r;
}

void pack_fill_tables(struct pack *p)
{
	uint8_t *row = p->sections[ARCHIVE_ENTRIES].items.items;

	for (size_t i = 0; i < p->entries.n; i++, row += ARCHIVE_ENTRY_ROW) {
		const struct pack_entry *e = &p->entries.items[i];

		row[1] = e->filter;
		put_le32(row + 24, e->group);
		put_le32(row + 28, e->place);
		put_le32(row + 32, e->stored);
	}
	row = p->sections[ARCHIVE_GROUPS].items.items;
	for (size_t i = 0; i < p->groups.n; i++, row += ARCHIVE_GROUP_ROW) {
		const struct pack_group *g = &p->groups.items[i];

		put_le64(row, g->place);
		put_le32(row + 8, g->size);
		put_le32(row + 12, g->unpacked);
		put_le32(row + 16, g->flags);
	}
}
