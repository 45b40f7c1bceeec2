/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module consists of: the symbols of its file, and its sections in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/intern.h"
#include "base/limits.h"
#include "engine/symbols.h"
#include "libcoldplug/context.h"
#include "libcoldplug/entries.h"

#define API __attribute__((visibility("default")))

static int add(struct entries *e, const char *name, uint64_t crc, bool weak)
{
	return array_push(&e->symbols, { name, crc, weak });
}

static int list_needed(struct entries *e)
{
	const char *name;
	size_t cursor = 0;
	uint64_t crc;
	int r;

	/* Some architectures have a dot in front of the names of functions. */
	while ((r = elf_version_next(&e->file.elf, &cursor, &crc, &name)) > 0) {
		r = add(e, *name == '.' ? name + 1 : name, crc, false);
		if (r < 0)
			return r;
	}
	return r;
}

/* A kernel without versions has only the names. */
static int list_exported(struct entries *e)
{
	const struct elf *elf = &e->file.elf;
	const char *name;
	size_t cursor = 0;
	int r;

	while ((r = elf_crc_next(elf, &cursor, &name)) > 0) {
		r = add(e, name, elf_crc_value(elf, cursor), false);
		if (r < 0)
			return r;
	}
	if (r < 0 || e->symbols.n)
		return r;
	for (cursor = 0; (r = elf_ksymtab_next(elf, &cursor, &name)) > 0;) {
		r = add(e, name, 0, false);
		if (r < 0)
			return r;
	}
	return r ?: e->symbols.n ? 0 : -ENODATA;
}

struct versions {
	struct intern names;
	ARRAY(uint64_t) crcs;  /* by name */
	ARRAY(bool) undefined; /* it is in the symbol table too */
};

#define _cleanup_versions_ __attribute__((cleanup(free_versions)))

static void free_versions(struct versions *v)
{
	intern_free(&v->names);
	array_free(&v->crcs);
	array_free(&v->undefined);
}

static int read_versions(struct versions *v, const struct elf *elf)
{
	const char *name;
	size_t cursor = 0;
	uint64_t crc;
	int r;

	while ((r = elf_version_next(elf, &cursor, &crc, &name)) > 0) {
		uint32_t n = v->names.n, id = intern_add(&v->names, name, strlen(name));

		r = id == INTERN_NONE ? -ENOMEM : 0;
		/* Of a name that comes twice the first counts. */
		if (!r && id == n)
			r = array_push(&v->crcs, crc) ?: array_push(&v->undefined, false);
		if (r < 0)
			return r;
	}
	return r == -ENODATA ? 0 : r;
}

static int add_undefined(struct entries *e, struct versions *v, const struct elf_symbol *s)
{
	uint32_t id = intern_find(&v->names, s->name, strlen(s->name));

	if (id == INTERN_NONE)
		return add(e, s->name, 0, s->weak);
	v->undefined.items[id] = true;
	return add(e, s->name, v->crcs.items[id], s->weak);
}

/* Behind those of the symbol table come the names that have only a version: the layout of a module. */
static int list_undefined(struct entries *e)
{
	_cleanup_versions_ struct versions v = {};
	struct elf_symbols table;
	struct elf_symbol s;
	int r = read_versions(&v, &e->file.elf) ?: elf_symbols_open(&e->file.elf, &table);

	if (r <= 0)
		return r ?: -ENODATA;
	r = 0;
	for (size_t i = 1; !r && i < table.n; i++) {
		elf_symbols_get(&table, i, &s);
		if (!elf_symbol_is_undefined(&s) || s.type == ELF_SYMBOL_REGISTER)
			continue;
		if (!s.name)
			return -EBADMSG;
		if (*s.name)
			r = add_undefined(e, &v, &s);
	}
	/* The names of the versions are the file's, because those interned are freed here. */
	for (size_t cursor = 0; !r;) {
		const char *name;
		uint64_t crc;

		r = elf_version_next(&e->file.elf, &cursor, &crc, &name);
		if (r <= 0)
			return r == -ENODATA ? 0 : r;
		r = v.undefined.items[intern_find(&v.names, name, strlen(name))] ? 0
										 : add(e, name, crc, false);
	}
	return r;
}

/* path begins with the root, but for a module of an archive that lies outside of it. */
static int open_file(struct coldplug *c, const char *path, struct modinfo *ret)
{
	struct moddir *dir = &c->machine.dir;
	struct archive_entry entry;
	const char *why = "";
	int r = moddir_member(dir, path, &entry);

	if (r > 0)
		r = modinfo_open_member(ret, &dir->archive.archive, &entry, &why);
	else if (!r)
		r = modinfo_open(ret, &c->machine.root, path + strlen(c->machine.root.path), &why);
	if (r < 0)
		log_info(&c->log, "%s: %s", path, why);
	return r < 0 ? symbols_open_error(r, path) : 0;
}

API int64_t coldplug_symbols(struct coldplug *c, const struct coldplug_module *module,
			     enum coldplug_symbols which, const struct coldplug_symbol **list)
{
	static int (*const lists[])(struct entries * e) = {
		[COLDPLUG_SYMBOLS_NEEDED] = list_needed,
		[COLDPLUG_SYMBOLS_EXPORTED] = list_exported,
		[COLDPLUG_SYMBOLS_UNDEFINED] = list_undefined,
	};
	struct entries *e = context_entries(c);
	int r = e ? machine_open_root(&c->machine) : -ENOMEM;

	if (r < 0 || !module->path || (size_t)which >= ARRAY_SIZE(lists))
		return r ?: module->path ? -EINVAL : -ENOENT;
	modinfo_close(&e->file);
	e->file = (struct modinfo){};
	e->symbols.n = 0;
	r = open_file(c, module->path, &e->file) ?: lists[which](e);
	*list = e->symbols.items;
	if (r < 0)
		return r == -EBADMSG ? -EINVAL : r;
	return (int64_t)e->symbols.n;
}

static int read_section(struct entries *e, int dir, const char *name)
{
	struct coldplug_section section = { .name = arena_strdup(&e->section_names, name) };
	char text[32];
	ssize_t n = read_attribute(dir, name, text, sizeof(text));

	if (!section.name)
		return -ENOMEM;
	if (n > 0)
		section.address = strtoull(text, NULL, 16);
	return array_push(&e->sections, section);
}

static int compare(const void *a, const void *b)
{
	const struct coldplug_section *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_sections(struct coldplug *c, struct entries *e, const char *module)
{
	_cleanup_directory_ struct directory dir = {};
	char path[LIMIT_NAME + 32];
	const char *name;
	int r;

	snprintf(path, sizeof(path), "sys/module/%.255s/sections", module);
	r = directory_open(&dir, &c->machine.root, path);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	while ((r = directory_next(&dir, &name)) > 0) {
		r = read_section(e, directory_fd(&dir), name);
		if (r < 0)
			return r;
	}
	if (e->sections.n)
		qsort(e->sections.items, e->sections.n, sizeof(*e->sections.items), compare);
	return r;
}

API int64_t coldplug_sections(struct coldplug *c, const char *module, const struct coldplug_section **list)
{
	struct entries *e = context_entries(c);
	char name[LIMIT_NAME + 1];
	int r = e ? machine_open_root(&c->machine) : -ENOMEM;

	if (r < 0)
		return r;
	arena_free(&e->section_names);
	e->sections.n = 0;
	/* Without a name it would be the directory of all. */
	if (normalise_name(module, name, sizeof(name)))
		r = read_sections(c, e, name);
	*list = e->sections.items;
	return r < 0 ? r : (int64_t)e->sections.n;
}
