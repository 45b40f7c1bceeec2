/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/modules.h"

#include <string.h>

#include "base/limits.h"
#include "engine/config.h"

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

const struct module *modules_get(struct modules *m, uint32_t id)
{
	struct module mod = m->items.items[id];
	const char *line;
	int r;

	if (mod.known)
		return &m->items.items[id];
	r = moddir_find(m->dir, MODDIR_DEP, modules_name(m, id), &line);
	mod.archived = r == MODDIR_ARCHIVED;
	if (r > 0)
		r = parse_dep_line(m, &mod, line);
	if (r < 0)
		return NULL;
	/* Parsing may have moved the array. */
	mod.known = true;
	m->items.items[id] = mod;
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
