/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are those that kmod's tools/depmod.c writes. A module's number is its place in the list of
 * modules and the priority of all its entries. The modules in a line of modules.dep are in the order of a
 * topological sort, which takes the last of the modules that no other one needs (any more), and then its
 * dependencies in the order of its undefined symbols. Of two modules that export the same symbol the later
 * one has it.
 *
 * What a module needs is what its symbol table has as undefined, and then what it has a version of and does
 * not have as undefined (module_layout, and what an unusual linker has removed).
 *
 * Refused: taking the lines out of the complete modules.dep. That order is one of all modules of the
 * kernel, and another one than depmod makes of these alone.
 */
#include "engine/depmod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/config.h"
#include "engine/index-build.h"

#define MACHINE_SPARC 2
#define MACHINE_SPARC64 43

static int add_string(struct depmod_module *m, struct arena *arena, const char *string, size_t n)
{
	static const char *const keys[] = { "alias=", "softdep=", "weakdep=" };
	struct depmod_strings *const lists[] = { &m->aliases, &m->softdeps, &m->weakdeps };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t n_key = strlen(keys[i]);

		if (n >= n_key && !memcmp(string, keys[i], n_key)) {
			const char *value = arena_strndup(arena, string + n_key, n - n_key);

			return value ? array_push(&lists[i]->items, value) : -ENOMEM;
		}
	}
	return 0;
}

/* The strings of .modinfo are looked at in one go: elf_modinfo_next() would look for the section each
 * time. */
static int take_modinfo(struct depmod_module *m, struct arena *arena, const struct elf *elf)
{
	struct elf_range range;
	int r = elf_section_range(elf, ".modinfo", &range);

	if (r <= 0)
		return r;
	r = 0;
	for (uint64_t at = 0, n; !r && at < range.size; at += n + 1) {
		const char *p = (const char *)elf->data + range.offset + at;

		n = strnlen(p, range.size - at);
		if (n)
			r = add_string(m, arena, p, n);
	}
	return r;
}

static int add_symbol(struct depmod_symbols *list, struct arena *arena, const struct depmod_symbol *symbol)
{
	const char *name = arena_strdup(arena, symbol->name);

	return name ? array_push(&list->items, { name, symbol->crc, symbol->weak }) : -ENOMEM;
}

/* A kernel without versions has only the names. */
static int take_ksymtab(struct depmod_module *m, struct arena *arena, const struct elf *elf)
{
	struct depmod_symbol symbol = {};
	size_t cursor = 0;
	int r;

	while ((r = elf_ksymtab_next(elf, &cursor, &symbol.name)) > 0)
		if ((r = add_symbol(&m->exported, arena, &symbol)) < 0)
			break;
	return r;
}

static int take_exported(struct depmod_module *m, struct arena *arena, const struct elf_symbols *symbols,
			 bool versions)
{
	struct elf_symbol s;
	int r = 0;

	for (size_t i = 1; !r && i < symbols->n; i++) {
		elf_symbols_get(symbols, i, &s);
		if (!s.name || strncmp(s.name, "__crc_", 6) != 0 || !s.name[6])
			continue;
		r = add_symbol(&m->exported, arena,
			       &(struct depmod_symbol){
				       .name = s.name + 6,
				       .crc = versions ? elf_crc_value(symbols->elf, i) : 0,
			       });
	}
	return r;
}

/* The versions of a module, by name: of equal ones the first is the one that counts. */
struct version {
	const char *name;
	uint64_t crc;
	size_t i;
	bool used;
};

struct versions {
	ARRAY(struct version) items;
};

static int compare_versions(const void *a, const void *b)
{
	const struct version *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->i > y->i) - (x->i < y->i);
}

static int compare_places(const void *a, const void *b)
{
	const struct version *x = a, *y = b;

	return (x->i > y->i) - (x->i < y->i);
}

/* A module without versions, or with damaged ones, has none. */
static int read_versions(const struct elf *elf, struct versions *v)
{
	struct elf_range range;
	size_t n = 0;
	int r = 0;

	if (elf_section_range(elf, "__versions", &range) > 0 && range.size % ELF_VERSION_SIZE == 0)
		n = range.size / ELF_VERSION_SIZE;
	for (size_t i = 0; !r && i < n; i++) {
		struct version next = { .i = i };

		r = elf_version_get(elf, &range, i, &next.crc, &next.name);
		if (r > 0)
			r = array_push(&v->items, next);
	}
	if (r < 0)
		v->items.n = 0;
	if (v->items.n)
		qsort(v->items.items, v->items.n, sizeof(*v->items.items), compare_versions);
	return r == -ENOMEM ? r : 0;
}

static struct version *find_version(struct versions *v, const char *name)
{
	size_t low = 0, high = v->items.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(v->items.items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->items.n && !strcmp(v->items.items[low].name, name) ? &v->items.items[low] : NULL;
}

/* What is not undefined, but has a version. */
static int take_unused(struct depmod_module *m, struct arena *arena, struct versions *v)
{
	int r = 0;

	if (v->items.n)
		qsort(v->items.items, v->items.n, sizeof(*v->items.items), compare_places);
	for (size_t i = 0; !r && i < v->items.n; i++) {
		const struct version *version = &v->items.items[i];

		if (!version->used && *version->name)
			r = add_symbol(&m->needed, arena,
				       &(struct depmod_symbol){ version->name, version->crc });
	}
	return r;
}

static bool has_register_symbols(const struct elf *elf)
{
	struct elf_kind kind;

	return !elf_kind(elf->data, elf->size, &kind) &&
		(kind.machine == MACHINE_SPARC || kind.machine == MACHINE_SPARC64);
}

static int take_needed(struct depmod_module *m, struct arena *arena, const struct elf_symbols *symbols,
		       struct versions *v)
{
	bool registers = has_register_symbols(symbols->elf);
	struct elf_symbol s;
	int r = 0;

	for (size_t i = 1; !r && i < symbols->n; i++) {
		struct version *version;

		elf_symbols_get(symbols, i, &s);
		if (!elf_symbol_is_undefined(&s) || (registers && s.type == ELF_SYMBOL_REGISTER))
			continue;
		if (!s.name)
			return -EBADMSG;
		if (!*s.name)
			continue;
		version = find_version(v, s.name);
		if (version)
			version->used = true;
		r = add_symbol(&m->needed, arena,
			       &(struct depmod_symbol){ s.name, version ? version->crc : 0, s.weak });
	}
	return r ?: take_unused(m, arena, v);
}

static int take_symbols(struct depmod_module *m, struct arena *arena, const struct elf *elf, bool versions)
{
	struct elf_symbols symbols;
	struct versions v = {};
	int r = elf_symbols_open(elf, &symbols), k = 0;

	if (r > 0) {
		r = take_exported(m, arena, &symbols, versions);
		k = read_versions(elf, &v);
		if (!k)
			k = take_needed(m, arena, &symbols, &v);
		/* Half a list would be a wrong one. */
		if (k < 0)
			m->needed.items.n = 0;
		array_free(&v.items);
	}
	if (r != -ENOMEM && !m->exported.items.n) {
		int e = take_ksymtab(m, arena, elf);

		r = r ?: e;
	}
	return k == -ENOMEM || !r ? k : r;
}

int depmod_take_facts(struct depmod_module *m, struct arena *arena, const struct elf *elf, bool versions)
{
	int r = take_modinfo(m, arena, elf), k;

	if (r == -ENOMEM)
		return r;
	k = take_symbols(m, arena, elf, versions);
	return k == -ENOMEM || !r ? k : r;
}

static void free_module(struct depmod_module *m)
{
	array_free(&m->aliases.items);
	array_free(&m->softdeps.items);
	array_free(&m->weakdeps.items);
	array_free(&m->exported.items);
	array_free(&m->needed.items);
	array_free(&m->deps);
}

int depmod_add(struct depmod *d, const char *path, uint32_t rank, const struct elf *elf)
{
	char name[LIMIT_NAME + 1];
	size_t n = normalise_path(path, name, sizeof(name));
	struct depmod_module m = { .rank = rank,
				   .path = arena_strdup(&d->arena, path),
				   .name = arena_strndup(&d->arena, name, n) };
	int r = m.path && m.name ? 0 : -ENOMEM;

	m.file = m.path;
	if (!r)
		r = depmod_take_facts(&m, &d->arena, elf, d->check_versions);
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

int depmod_set_owner(struct depmod *d, const char *symbol, uint32_t module, uint64_t crc)
{
	uint32_t id = intern_add(&d->symbols, symbol, strlen(symbol));
	int r = id == INTERN_NONE ? -ENOMEM : 0;

	while (!r && d->owners.n <= id)
		r = array_push(&d->owners, { DEPMOD_NO_MODULE });
	if (!r)
		d->owners.items[id] = (struct depmod_owner){ module, crc };
	return r;
}

/* The symbol prefix of an architecture, as of Blackfin, is no part of the name. */
static const char *without_prefix(const struct depmod *d, const char *symbol)
{
	return symbol + (d->symbol_prefix && *symbol == d->symbol_prefix);
}

int depmod_add_kernel_symbol(struct depmod *d, const char *name, uint64_t crc)
{
	return depmod_set_owner(d, name, DEPMOD_KERNEL, crc);
}

/* PowerPC's ".name" is "name". */
const char *depmod_plain_symbol(const struct depmod *d, const char *symbol)
{
	return without_prefix(d, symbol + (*symbol == '.'));
}

/* NULL: nobody has it. */
static const struct depmod_owner *owner_of(const struct depmod *d, const char *symbol)
{
	const char *name = depmod_plain_symbol(d, symbol);
	uint32_t id = intern_find(&d->symbols, name, strlen(name));

	return id == INTERN_NONE ? NULL : &d->owners.items[id];
}

bool depmod_has_symbol(const struct depmod *d, const char *symbol)
{
	return owner_of(d, symbol);
}

static bool has_dep(const struct depmod_module *m, uint32_t dep)
{
	for (size_t i = 0; i < m->deps.n; i++)
		if (m->deps.items[i] == dep)
			return true;
	return false;
}

/* Says what is wrong with a needed symbol, for depmod -e. The versions of an archive's modules are not known. */
static void check_symbol(const struct depmod *d, const struct depmod_module *m, const struct depmod_symbol *s,
			 const struct depmod_owner *owner)
{
	if (!d->log || !d->tell_unknown || s->weak)
		return;
	if (!owner)
		log_warning(d->log, "%s needs unknown symbol %s", m->file, s->name);
	else if (d->check_versions && owner->crc != s->crc &&
		 (owner->module < d->n_own || owner->module >= DEPMOD_KERNEL))
		log_warning(d->log, "%s disagrees about version of symbol %s", m->file, s->name);
}

static int find_deps(struct depmod *d, uint32_t module)
{
	struct depmod_module *m = &d->modules.items[module];
	int r = 0;

	for (size_t i = 0; !r && i < m->needed.items.n; i++) {
		const struct depmod_symbol *s = &m->needed.items.items[i];
		const struct depmod_owner *owner = owner_of(d, s->name);

		check_symbol(d, m, s, owner);
		if (!owner || owner->module >= DEPMOD_KERNEL || has_dep(m, owner->module))
			continue;
		d->modules.items[owner->module].users++;
		r = array_push(&m->deps, owner->module);
		if (d->log)
			log_print(d->log, DEPMOD_NOTICE, "%s needs \"%s\": %s", m->file,
				  depmod_plain_symbol(d, s->name), d->modules.items[owner->module].file);
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
	d->n_sorted = position;
	return 0;
}

int depmod_index(struct depmod *d)
{
	int r = 0;

	if (d->indexed)
		return 0;
	d->indexed = true;
	d->n_own = (uint32_t)d->modules.n;
	if (d->modules.n)
		qsort(d->modules.items, d->modules.n, sizeof(*d->modules.items), compare_modules);
	for (uint32_t i = 0; i < d->modules.n; i++) {
		const struct depmod_symbols *exported = &d->modules.items[i].exported;

		for (size_t j = 0; !r && j < exported->items.n; j++)
			r = depmod_set_owner(d, without_prefix(d, exported->items.items[j].name), i,
					     exported->items.items[j].crc);
	}
	return r;
}

int depmod_solve(struct depmod *d)
{
	int r = depmod_index(d);

	for (uint32_t i = 0; !r && i < d->n_own; i++)
		r = find_deps(d, i);
	return r ?: sort_by_need(d);
}

void depmod_forget(struct depmod *d)
{
	for (size_t i = 0; i < d->modules.n; i++) {
		d->modules.items[i].deps.n = 0;
		d->modules.items[i].users = 0;
	}
	intern_free(&d->symbols);
	d->owners.n = 0;
	d->indexed = false;
}

static bool is_ascii(const char *s)
{
	while (*s && (unsigned char)*s < 0x80)
		s++;
	return !*s;
}

int depmod_add_entry(struct depmod *d, struct index_builder *b, const char *key, const char *value,
		     uint32_t priority)
{
	if (!is_ascii(key) || !is_ascii(value)) {
		if (d->log)
			log_print(d->log, d->leave_out ? LOG_LEVEL_WARNING : DEPMOD_FATAL,
				  "Module index: only 7-bit ASCII is supported: %s",
				  is_ascii(key) ? value : key);
		return d->leave_out ? 0 : -EINVAL;
	}
	/* depmod cuts a longer alias, too. */
	return index_builder_add(b, key, strnlen(key, LIMIT_ALIAS), value, strlen(value), priority);
}

const char *depmod_shown(struct depmod *d, const char *path)
{
	const char *shown = NULL;

	if (d->root && (*d->root->path || *path != '/'))
		shown = arena_printf(&d->arena, "%s%s%s", d->root->path, *path == '/' ? "" : "/", path);
	return shown ?: path;
}

int depmod_log_unopened(struct depmod *d, const char *name, int r)
{
	_cleanup_close_ int fd = rootfs_openat(d->root, d->directory, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		log_warning(d->log, "could not open %s at %s: %s", name, depmod_shown(d, d->directory),
			    strerror(-r));
	else
		log_warning(d->log, "could not open directory %s: %s", depmod_shown(d, d->directory),
			    strerror(-fd));
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
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
