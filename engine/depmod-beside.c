/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A module of the directory, which somebody has built for this kernel, may need one that only the archive
 * has. It then needs all that this one needs, which the archive knows by name; and of these the directory
 * may have some again.
 */
#include "engine/depmod-beside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

/* Of all lists together. A kernel has less than 100,000. */
#define MAX_DEPENDENCIES (1U << 20)

struct beside {
	struct depmod *d;
	struct archive_index *x;
	struct intern names;	 /* of modules */
	ARRAY(uint32_t) modules; /* by name: the first module that has it */
	struct intern asked;	 /* symbols */
	uint32_t n_dependencies;
};

/* Enters a module's name. 1: another one has it; 0 or -ENOMEM. */
static int enter(struct beside *b, const char *name, uint32_t module, uint32_t *id)
{
	*id = intern_add(&b->names, name, strlen(name));
	if (*id == INTERN_NONE)
		return -ENOMEM;
	return *id < b->modules.n ? 1 : array_push(&b->modules, module);
}

static int enter_own(struct beside *b)
{
	uint32_t id;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < b->d->n_own; i++)
		r = enter(b, b->d->modules.items[i].name, i, &id);
	return r < 0 ? r : 0;
}

/* The module that has the name of the entry; it is appended if there is none. 0 or -ENOMEM. */
static int module_of(struct beside *b, const struct archive_entry *e, uint32_t *ret)
{
	struct depmod_module m = { .path = e->path, .name = e->name };
	uint32_t n = (uint32_t)b->d->modules.n, id;
	int r = enter(b, e->name, n, &id);

	if (r < 0)
		return r;
	*ret = b->modules.items[id];
	if (r)
		return 0;
	m.path = arena_strdup(&b->d->arena, e->path);
	m.name = arena_strdup(&b->d->arena, e->name);
	m.file = arena_printf(&b->d->arena, "%s%s", b->x->prefix, e->path);
	return m.path && m.name && m.file ? array_push(&b->d->modules, m) : -ENOMEM;
}

/* What is damaged has been logged. */
static int forgive(int r)
{
	return r == -ENOMEM || r > 0 ? r : 0;
}

/* The archive's module with this symbol. 1, 0 or -ENOMEM. */
static int find_symbol(struct beside *b, const char *symbol, struct archive_entry *ret)
{
	char key[LIMIT_ALIAS + 1];
	struct index *index;
	const char *module;
	int r;

	if (snprintf(key, sizeof(key), "symbol:%s", symbol) >= (int)sizeof(key))
		return 0;
	r = archive_index_trie(b->x, ARCHIVE_SYMBOLS, &index);
	if (r > 0)
		r = index_find(index, key, &module);
	if (r > 0)
		r = archive_find(&b->x->archive, module, ret);
	return forgive(r);
}

/* If the directory has a module of the owner's name, that one is loaded, and does not have the symbol. */
static int add_symbol(struct beside *b, const char *symbol)
{
	struct archive_entry e;
	uint32_t n = b->asked.n, module;
	int r;

	if (depmod_has_symbol(b->d, symbol))
		return 0;
	symbol = depmod_plain_symbol(b->d, symbol);
	if (intern_add(&b->asked, symbol, strlen(symbol)) == INTERN_NONE)
		return -ENOMEM;
	if (b->asked.n == n)
		return 0;
	r = find_symbol(b, symbol, &e);
	if (r > 0)
		r = module_of(b, &e, &module) ?: 1;
	return r > 0 && module >= b->d->n_own ? depmod_set_owner(b->d, symbol, module, 0) : r < 0 ? r : 0;
}

static int add_needs(struct beside *b, uint32_t module)
{
	int r = 0;

	/* The modules may have moved. */
	for (size_t k = 0; !r && k < b->d->modules.items[module].needed.items.n; k++)
		r = add_symbol(b, b->d->modules.items[module].needed.items.items[k].name);
	return r;
}

static int add_dependency(struct beside *b, uint32_t module, uint32_t id)
{
	struct archive_entry e;
	uint32_t dep;
	int r = archive_entry(&b->x->archive, id, &e) ?: module_of(b, &e, &dep);

	if (r < 0)
		return r;
	b->d->modules.items[dep].users++;
	return array_push(&b->d->modules.items[module].deps, dep);
}

/* The archive's list has all, also what is needed indirectly. */
static int add_dependencies(struct beside *b, uint32_t module)
{
	struct archive *a = &b->x->archive;
	struct archive_entry e = {};
	uint32_t id;
	int r = archive_find(a, b->d->modules.items[module].name, &e);

	for (uint32_t i = 0; r >= 0 && i < e.n_dependencies; i++) {
		if (b->n_dependencies++ == MAX_DEPENDENCIES)
			r = archive_damaged(a, a->sections[ARCHIVE_DEPENDENCIES].place,
					    "a module that needs too many others");
		else
			r = archive_dependency(a, &e, i, &id) ?: add_dependency(b, module, id);
	}
	return r == -ENOMEM ? r : 0;
}

int depmod_add_beside(struct depmod *d, struct archive_index *archive)
{
	struct beside b = { .d = d, .x = archive };
	int r = depmod_index(d) ?: enter_own(&b);

	for (uint32_t i = 0; !r && i < d->n_own; i++)
		r = add_needs(&b, i);
	for (uint32_t i = d->n_own; !r && i < d->modules.n; i++)
		r = add_dependencies(&b, i);
	intern_free(&b.names);
	intern_free(&b.asked);
	array_free(&b.modules);
	return r;
}
