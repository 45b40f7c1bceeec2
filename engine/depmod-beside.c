/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A module of the directory, which somebody has built for this kernel, may need one that only the archive
 * has. It then needs all that this one needs, which the archive knows by name; and of these the directory
 * may have some again. Such a one may need less or more than that of the archive, so the archive's lists,
 * which have what is needed indirectly, are not used where a module says itself what it needs directly.
 */
#include "engine/depmod-beside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "engine/config.h"

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

static int add_dependency(struct beside *b, uint32_t module, uint32_t dep)
{
	struct archive *a = &b->x->archive;

	if (b->n_dependencies++ == MAX_DEPENDENCIES)
		return archive_damaged(a, a->sections[ARCHIVE_DEPENDENCIES].place,
				       "a module that needs too many others");
	b->d->modules.items[dep].users++;
	return array_push(&b->d->modules.items[module].deps, dep);
}

/* One that a module names, if the directory or the archive has it. */
static int add_named(struct beside *b, uint32_t module, const char *name, size_t len)
{
	uint32_t id = intern_find(&b->names, name, len), dep;
	struct archive_entry e;
	int r = 1;

	if (id != INTERN_NONE) {
		dep = b->modules.items[id];
	} else {
		r = archive_find(&b->x->archive, name, &e);
		if (r > 0)
			r = module_of(b, &e, &dep) ?: 1;
	}
	return r > 0 ? add_dependency(b, module, dep) : r;
}

/* The archive's list, for a module that does not say what it needs. */
static int add_list(struct beside *b, uint32_t module, const struct archive_entry *e)
{
	struct archive *a = &b->x->archive;
	struct archive_entry other;
	uint32_t id, dep;
	int r = 0;

	for (uint32_t i = 0; !r && i < e->n_dependencies; i++)
		r = archive_dependency(a, e, i, &id)
			?: archive_entry(a, id, &other)
			?: module_of(b, &other, &dep)
			?: add_dependency(b, module, dep);
	return r;
}

static int add_dependencies(struct beside *b, uint32_t module)
{
	char name[LIMIT_NAME + 1];
	const char *names = "";
	struct archive_entry e;
	int r = archive_find(&b->x->archive, b->d->modules.items[module].name, &e);

	if (r > 0)
		r = archive_index_depends(b->x, &e, &names) ?: add_list(b, module, &e);
	for (size_t n; r >= 0 && (n = normalise_next_name(&names, name));)
		r = add_named(b, module, name, n);
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
