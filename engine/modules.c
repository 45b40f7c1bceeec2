/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/modules.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "engine/config.h"
#include "engine/modinfo.h"

uint32_t modules_id(struct modules *m, const char *name, size_t len)
{
	uint32_t id;

	/* The row's room is made first: a name without a row would move the rows of all later names. */
	if (array_make_room(&m->items, 1) < 0)
		return MODULE_NONE;
	id = intern_add(&m->names, name, len);
	if (id == m->items.n)
		m->items.items[m->items.n++] = (struct module){};
	return id;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static uint32_t id_of_path(struct modules *m, const char *path, size_t len)
{
	char name[LIMIT_NAME + 1];
	const char *slash = memrchr(path, '/', len);
	const char *base = slash ? slash + 1 : path;
	size_t base_len = len - (size_t)(base - path);
	size_t n;

	if (base_len > LIMIT_NAME)
		base_len = LIMIT_NAME;
	n = normalise_name(base, name, base_len + 1);
	return modules_id(m, name, n);
}

/* "kernel/a.ko: kernel/b.ko kernel/c.ko": the list is in the reverse order of loading, the module that
 * is to be loaded first stands last (depmod's output_deps()). */
static int parse_dep_line(struct modules *m, struct module *mod, const char *line)
{
	const char *colon = strchr(line, ':');
	uint32_t *deps;
	uint32_t n = 0;

	if (!colon)
		return 0;
	if (mod->archived)
		mod->path =
			arena_printf(&m->arena, "%s%.*s", m->dir->archive.prefix, (int)(colon - line), line);
	else
		mod->path = arena_strndup(&m->arena, line, (size_t)(colon - line));
	if (!mod->path)
		return -ENOMEM;
	for (const char *p = skip_blanks(colon + 1); *p; p = skip_blanks(p + strcspn(p, " \t")))
		n++;
	deps = arena_alloc(&m->arena, (n + 1) * sizeof(*deps));
	if (!deps)
		return -ENOMEM;
	mod->deps = deps;
	mod->n_deps = n;
	for (const char *p = skip_blanks(colon + 1); *p; p = skip_blanks(p + strcspn(p, " \t"))) {
		deps[--n] = id_of_path(m, p, strcspn(p, " \t"));
		if (deps[n] == MODULE_NONE)
			return -ENOMEM;
	}
	return 0;
}

/* ---- a directory beside an archive ---- */

static bool has_dep(const struct module *mod, uint32_t dep)
{
	for (uint32_t i = 0; i < mod->n_deps; i++)
		if (mod->deps[i] == dep)
			return true;
	return false;
}

/* Whether a list as of depends= has the module's name. */
static bool names_module(const char *names, const char *name)
{
	char plain[LIMIT_NAME + 1];

	while (normalise_next_name(&names, plain))
		if (!strcmp(plain, name))
			return true;
	return false;
}

/* Puts a module of the archive in front of what is needed, if it is one. */
static int add_archived(struct modules *m, struct module *mod, const char *name, size_t len)
{
	uint32_t id = modules_id(m, name, len), *deps;
	const char *line;
	int r;

	if (id != MODULE_NONE && has_dep(mod, id))
		return 0;
	r = id == MODULE_NONE ? -ENOMEM : moddir_find(m->dir, MODDIR_DEP, modules_name(m, id), &line);
	if (r != MODDIR_ARCHIVED)
		return r < 0 ? r : 0;
	deps = arena_alloc(&m->arena, (mod->n_deps + 1) * sizeof(*deps));
	if (!deps)
		return -ENOMEM;
	*deps = id;
	memcpy(deps + 1, mod->deps, mod->n_deps * sizeof(*deps));
	mod->deps = deps;
	mod->n_deps++;
	return 0;
}

/* A depmod that does not know archives leaves out the modules of an archive that a module needs. The module
 * itself names it; that of the same name and path in the archive may be another one. A file that is missing is
 * the loader's affair. */
static int add_named(struct modules *m, struct module *mod)
{
	_cleanup_modinfo_ struct modinfo info = {};
	const char *path = moddir_file(m->dir, &m->arena, NULL, mod->path), *string;
	const char *why = "its .modinfo is damaged";
	int r = path ? modinfo_open(&info, m->dir->root, path, &why) : -ENOMEM;
	char name[LIMIT_NAME + 1];
	size_t n;

	while (!r && (r = modinfo_next(&info, &string)) > 0) {
		const char *names = modinfo_value(string, "depends");

		for (r = 0; !r && names && (n = normalise_next_name(&names, name));)
			r = add_archived(m, mod, name, n);
	}
	if (r < 0 && r != -ENOMEM && r != -ENOENT)
		log_lost(m->dir->log, "%s/%s: %s: what it needs of the archive is not known",
			 m->dir->root->path, path, why);
	return r == -ENOMEM ? r : 0;
}

static bool has_replaced(struct modules *m, const struct module *mod)
{
	bool replaced = false;

	for (uint32_t i = 0; !replaced && i < mod->n_deps; i++)
		replaced = moddir_has_file(m->dir, modules_name(m, mod->deps[i])) != 0;
	return replaced;
}

/* Of a list of the archive, some modules may be there only because a module needed them that the directory
 * has in another build. Then what counts is what the module says that it needs directly. */
static int take_direct(struct modules *m, uint32_t id, struct module *mod)
{
	const char *names = NULL;
	struct archive_entry e;
	int r = has_replaced(m, mod) ? archive_find(&m->dir->archive.archive, modules_name(m, id), &e) : 0;
	uint32_t n = 0;

	if (r > 0)
		r = archive_index_depends(&m->dir->archive, &e, &names);
	if (r <= 0)
		return r == -ENOMEM ? r : 0;
	for (uint32_t i = 0; i < mod->n_deps; i++) {
		const char *name = modules_name(m, mod->deps[i]);

		if (names_module(names, name))
			((uint32_t *)(uintptr_t)mod->deps)[n++] = mod->deps[i];
	}
	mod->n_deps = n;
	return 0;
}

/* Whether the line of a module may lack something of the archive. A recording has no files that could
 * tell. */
static int may_lack(struct modules *m, const struct module *mod)
{
	int r;

	if (!mod->path || mod->archived || !moddir_is_mixed(m->dir) || m->dir->files_unknown)
		return 0;
	/* To read many files would take long: each is decompressed. */
	r = moddir_names_all(m->dir);
	return r < 0 ? r : !r;
}

/* Asks modules.dep. 0 or -ENOMEM. */
static int know(struct modules *m, uint32_t id)
{
	struct module mod = m->items.items[id];
	const char *line;
	int r;

	if (mod.known)
		return 0;
	r = moddir_find(m->dir, MODDIR_DEP, modules_name(m, id), &line);
	mod.archived = r == MODDIR_ARCHIVED;
	if (r > 0)
		r = parse_dep_line(m, &mod, line);
	if (!r && mod.archived && moddir_is_mixed(m->dir))
		r = take_direct(m, id, &mod);
	if (!r)
		r = may_lack(m, &mod);
	if (r > 0)
		r = add_named(m, &mod);
	if (r < 0)
		return r;
	/* Parsing may have moved the array. */
	mod.known = true;
	m->items.items[id] = mod;
	return 0;
}

/*
 * A line has all that a module needs, as far as its source knows. That of the archive does not know that a
 * file has taken the place of one of its modules, and what this needs; nor does that of the directory, if
 * depmod has not seen the archive. So where there are both, the list is made of the lists of all that it
 * names. A list that lacks nothing stays as it is.
 */
struct visit {
	uint32_t id, next; /* the module, and which of its dependencies is next */
};

struct completion {
	struct modules *m;
	uint32_t mark;
	ARRAY(struct visit) stack;
	ARRAY(uint32_t) deps;
};

static int enter(struct completion *c, uint32_t id)
{
	c->m->items.items[id].mark = c->mark;
	return know(c->m, id) ?: array_push(&c->stack, { id });
}

/* Each module behind all that it needs. How many are above one another is up to the files. */
static int add_deps(struct completion *c, uint32_t id)
{
	int r = enter(c, id);

	while (!r && c->stack.n) {
		struct visit *v = &c->stack.items[c->stack.n - 1];
		const struct module *mod = &c->m->items.items[v->id];

		if (v->next < mod->n_deps) {
			uint32_t dep = mod->deps[v->next++];

			if (c->m->items.items[dep].mark != c->mark)
				r = enter(c, dep);
			continue;
		}
		if (--c->stack.n)
			r = array_push(&c->deps, v->id);
	}
	return r;
}

static int complete(struct modules *m, uint32_t id)
{
	struct completion c = { .m = m, .mark = id + 1 };
	uint32_t *deps;
	int r;

	r = add_deps(&c, id);
	deps = r < 0 || !c.deps.n ? NULL : arena_alloc(&m->arena, c.deps.n * sizeof(*deps));
	if (deps) {
		memcpy(deps, c.deps.items, c.deps.n * sizeof(*deps));
		m->items.items[id].deps = deps;
		m->items.items[id].n_deps = (uint32_t)c.deps.n;
	} else if (c.deps.n) {
		r = -ENOMEM;
	}
	m->items.items[id].complete = !r;
	array_free(&c.deps);
	array_free(&c.stack);
	return r;
}

const struct module *modules_get(struct modules *m, uint32_t id)
{
	if (know(m, id) < 0)
		return NULL;
	if (moddir_is_mixed(m->dir) && !m->items.items[id].complete && complete(m, id) < 0)
		return NULL;
	return &m->items.items[id];
}

int modules_set_path(struct modules *m, uint32_t id, const char *path)
{
	char *copy = arena_strdup(&m->arena, path);

	if (!copy || !modules_get(m, id))
		return -ENOMEM;
	m->items.items[id].path = copy;
	m->items.items[id].archived = false;
	return 0;
}

int modules_is_builtin(struct modules *m, uint32_t id)
{
	struct module *mod = &m->items.items[id];
	const char *value;
	int r;

	if (mod->builtin_known)
		return mod->builtin;
	r = moddir_find(m->dir, MODDIR_BUILTIN, modules_name(m, id), &value);
	if (r < 0)
		return r;
	mod->builtin_known = true;
	mod->builtin = r > 0;
	return mod->builtin;
}

void modules_free(struct modules *m)
{
	intern_free(&m->names);
	array_free(&m->items);
	arena_free(&m->arena);
}
