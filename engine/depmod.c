/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are those that kmod's tools/depmod.c writes. A module's number is its place in the list of
 * modules and the priority of all its entries. The modules in a line of modules.dep are in the order of a
 * topological sort, which takes the last of the modules that no other one needs (any more), and then its
 * dependencies in the order of its undefined symbols. Of two modules that export the same symbol the later
 * one has it.
 *
 * Refused: taking the lines out of the complete modules.dep. That order is one of all modules of the kernel, and
 * another one than depmod makes of these alone.
 */
#include "engine/depmod.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/config.h"
#include "engine/index-build.h"
#include "engine/modinfo.h"

#define NO_MODULE UINT32_MAX

const char *const depmod_names[DEPMOD_FILES] = {
	[DEPMOD_DEP] = "modules.dep.bin",
	[DEPMOD_ALIAS] = "modules.alias.bin",
	[DEPMOD_SYMBOLS] = "modules.symbols.bin",
	[DEPMOD_SOFTDEP] = "modules.softdep",
};

static int add_modinfo(struct depmod *d, struct depmod_module *m, const struct elf *elf)
{
	const char *string, *value;
	size_t cursor = 0;
	int r;

	while ((r = elf_modinfo_next(elf, &cursor, &string)) > 0) {
		bool alias = (value = modinfo_value(string, "alias"));

		if (!alias && !(value = modinfo_value(string, "softdep")))
			continue;
		value = arena_strdup(&d->arena, value);
		if (!value)
			return -ENOMEM;
		r = alias ? array_push(&m->aliases.items, value) : array_push(&m->softdeps.items, value);
		if (r < 0)
			return r;
	}
	return r;
}

/* Takes all names that next() gives. */
static int collect(struct depmod *d, struct depmod_strings *list, const struct elf *elf,
		   int (*next)(const struct elf *elf, size_t *cursor, const char **name))
{
	const char *name;
	size_t cursor = 0;
	int r;

	while ((r = next(elf, &cursor, &name)) > 0) {
		if (!*name)
			continue;
		name = arena_strdup(&d->arena, name);
		r = name ? array_push(&list->items, name) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return r;
}

static int add_symbols(struct depmod *d, struct depmod_module *m, const struct elf *elf)
{
	int r = collect(d, &m->undefined, elf, elf_undefined_next);

	if (!r)
		r = collect(d, &m->exported, elf, elf_crc_next);
	if (!r && !m->exported.items.n)
		r = collect(d, &m->exported, elf, elf_ksymtab_next);
	return r;
}

static void free_module(struct depmod_module *m)
{
	array_free(&m->aliases.items);
	array_free(&m->softdeps.items);
	array_free(&m->exported.items);
	array_free(&m->undefined.items);
	array_free(&m->deps);
}

int depmod_add(struct depmod *d, const char *path, uint32_t rank, const struct elf *elf)
{
	const char *slash = strrchr(path, '/');
	char name[LIMIT_NAME + 1];
	size_t n = normalise_name(slash ? slash + 1 : path, name, sizeof(name));
	struct depmod_module m = { .rank = rank,
				   .path = arena_strdup(&d->arena, path),
				   .name = arena_strndup(&d->arena, name, n) };
	int r = m.path && m.name ? 0 : -ENOMEM;

	if (!r)
		r = add_modinfo(d, &m, elf);
	if (!r)
		r = add_symbols(d, &m, elf);
	if (!r)
		r = array_push(&d->modules, m);
	if (r < 0)
		free_module(&m);
	return r;
}

static int compare_modules(const void *a, const void *b)
{
	const struct depmod_module *x = a, *y = b;

	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : strcmp(x->path, y->path);
}

static int set_owner(struct depmod *d, const char *symbol, uint32_t module)
{
	uint32_t id = intern_add(&d->symbols, symbol, strlen(symbol));
	int r = id == INTERN_NONE ? -ENOMEM : 0;

	while (!r && d->owners.n <= id)
		r = array_push(&d->owners, NO_MODULE);
	if (!r)
		d->owners.items[id] = module;
	return r;
}

/* PowerPC's ".name" is "name". */
static uint32_t owner_of(const struct depmod *d, const char *symbol)
{
	uint32_t id = intern_find(&d->symbols, symbol + (*symbol == '.'), strlen(symbol + (*symbol == '.')));

	return id == INTERN_NONE ? NO_MODULE : d->owners.items[id];
}

static bool has_dep(const struct depmod_module *m, uint32_t dep)
{
	for (size_t i = 0; i < m->deps.n; i++)
		if (m->deps.items[i] == dep)
			return true;
	return false;
}

static int find_deps(struct depmod *d, uint32_t module)
{
	struct depmod_module *m = &d->modules.items[module];
	int r = 0;

	for (size_t i = 0; !r && i < m->undefined.items.n; i++) {
		uint32_t owner = owner_of(d, m->undefined.items.items[i]);

		if (owner == NO_MODULE || owner == module || has_dep(m, owner))
			continue;
		d->modules.items[owner].users++;
		r = array_push(&m->deps, owner);
	}
	return r;
}

/* Modules in a circle come last. The kernel could load none of them. */
static int sort_by_need(struct depmod *d)
{
	uint32_t n = (uint32_t)d->modules.n, n_roots = 0, position = 0;
	_cleanup_free_ uint32_t *roots = calloc(n + 1, sizeof(*roots));

	if (!roots)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		d->modules.items[i].dep_position = n;
		if (!d->modules.items[i].users)
			roots[n_roots++] = i;
	}
	while (n_roots) {
		struct depmod_module *m = &d->modules.items[roots[--n_roots]];

		m->dep_position = position++;
		for (size_t i = 0; i < m->deps.n; i++)
			if (!--d->modules.items[m->deps.items[i]].users)
				roots[n_roots++] = m->deps.items[i];
	}
	return 0;
}

int depmod_solve(struct depmod *d)
{
	int r = 0;

	if (d->modules.n)
		qsort(d->modules.items, d->modules.n, sizeof(*d->modules.items), compare_modules);
	for (uint32_t i = 0; i < d->modules.n; i++) {
		const struct depmod_strings *exported = &d->modules.items[i].exported;

		for (size_t j = 0; !r && j < exported->items.n; j++)
			r = set_owner(d, exported->items.items[j], i);
	}
	for (uint32_t i = 0; !r && i < d->modules.n; i++)
		r = find_deps(d, i);
	return r ?: sort_by_need(d);
}

/* Marks what a module needs, and what that needs. */
static int mark_needed(const struct depmod *d, uint32_t module, uint8_t *needed)
{
	ARRAY(uint32_t) stack = {};
	int r = array_push(&stack, module);

	while (!r && stack.n) {
		const struct depmod_module *m = &d->modules.items[stack.items[--stack.n]];

		for (size_t i = 0; !r && i < m->deps.n; i++) {
			if (needed[m->deps.items[i]])
				continue;
			needed[m->deps.items[i]] = 1;
			r = array_push(&stack, m->deps.items[i]);
		}
	}
	array_free(&stack);
	return r;
}

struct dep {
	uint32_t position;
	const char *path;
};

static int compare_deps(const void *a, const void *b)
{
	const struct dep *x = a, *y = b;

	return x->position != y->position ? (x->position > y->position) - (x->position < y->position)
					  : strcmp(x->path, y->path);
}

/* "path: dep dep", all it needs in the order of the sort. */
static int dep_line(const struct depmod *d, uint32_t module, FILE *f)
{
	uint32_t n = (uint32_t)d->modules.n;
	_cleanup_free_ uint8_t *needed = calloc(n, 1);
	_cleanup_free_ struct dep *deps = calloc(n, sizeof(*deps));
	size_t n_deps = 0;
	int r = needed && deps ? mark_needed(d, module, needed) : -ENOMEM;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		if (needed[i] && i != module)
			deps[n_deps++] =
				(struct dep){ d->modules.items[i].dep_position, d->modules.items[i].path };
	qsort(deps, n_deps, sizeof(*deps), compare_deps);
	fprintf(f, "%s:", d->modules.items[module].path);
	for (size_t i = 0; i < n_deps; i++)
		fprintf(f, " %s", deps[i].path);
	return 0;
}

static int add_entry(struct index_builder *b, const char *key, const char *value, uint32_t priority)
{
	int r = index_builder_add(b, key, strlen(key), value, strlen(value), priority);

	/* depmod leaves these out too. */
	return r == -E2BIG ? 0 : r;
}

static int add_dep(struct depmod *d, struct index_builder *b, uint32_t module)
{
	_cleanup_free_ char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);
	int r, k;

	if (!f)
		return -ENOMEM;
	r = dep_line(d, module, f);
	k = memstream_close(f, &line);
	r = r ?: k;
	return r ?: add_entry(b, d->modules.items[module].name, line, module);
}

static int add_aliases(struct depmod *d, struct index_builder *b, uint32_t module)
{
	const struct depmod_module *m = &d->modules.items[module];
	int r = 0;

	for (size_t i = 0; !r && i < m->aliases.items.n; i++) {
		_cleanup_free_ char *alias = strdup(m->aliases.items.items[i]);

		if (!alias)
			return -ENOMEM;
		if (normalise_pattern(alias))
			r = add_entry(b, alias, m->name, module);
	}
	return r;
}

static int add_exported(struct depmod *d, struct index_builder *b, uint32_t module)
{
	const struct depmod_module *m = &d->modules.items[module];
	char key[LIMIT_ALIAS + 1];
	int r = 0;

	for (size_t i = 0; !r && i < m->exported.items.n; i++) {
		const char *symbol = m->exported.items.items[i];

		if (owner_of(d, symbol) == module &&
		    snprintf(key, sizeof(key), "symbol:%s", symbol) < (int)sizeof(key))
			r = add_entry(b, key, m->name, module);
	}
	return r;
}

static int make_softdeps(const struct depmod *d, uint8_t **data, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	if (!f)
		return -ENOMEM;
	fputs("# Soft dependencies extracted from modules themselves.\n", f);
	for (size_t i = 0; i < d->modules.n; i++) {
		const struct depmod_module *m = &d->modules.items[i];

		for (size_t j = 0; j < m->softdeps.items.n; j++)
			fprintf(f, "softdep %s %s\n", m->name, m->softdeps.items.items[j]);
	}
	if (memstream_close(f, &text) < 0) {
		free(text);
		return -ENOMEM;
	}
	*data = (uint8_t *)text;
	return 0;
}

int depmod_make(struct depmod *d, enum depmod_file which, uint8_t **data, size_t *size)
{
	static int (*const add[])(struct depmod * d, struct index_builder * b, uint32_t module) = {
		[DEPMOD_DEP] = add_dep,
		[DEPMOD_ALIAS] = add_aliases,
		[DEPMOD_SYMBOLS] = add_exported,
	};
	struct index_builder b = {};
	int r = 0;

	if (which == DEPMOD_SOFTDEP)
		return make_softdeps(d, data, size);
	for (uint32_t i = 0; !r && i < d->modules.n; i++)
		r = add[which](d, &b, i);
	if (!r)
		r = index_builder_finish(&b, data, size);
	index_builder_free(&b);
	return r;
}

void depmod_free(struct depmod *d)
{
	for (size_t i = 0; i < d->modules.n; i++)
		free_module(&d->modules.items[i]);
	array_free(&d->modules);
	array_free(&d->owners);
	intern_free(&d->symbols);
	arena_free(&d->arena);
}
