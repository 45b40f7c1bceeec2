/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index files of solved modules. modules.symbols has the order of kmod's hash table of symbols
 * (engine/depmod-order.h): it is in no other order, and a file that a tool compares should be the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/memstream.h"
#include "engine/config.h"
#include "engine/depmod-order.h"
#include "engine/depmod.h"
#include "engine/index-build.h"

const char *const depmod_names[DEPMOD_FILES] = {
	[DEPMOD_DEP_TEXT] = "modules.dep",	   [DEPMOD_DEP] = "modules.dep.bin",
	[DEPMOD_ALIAS_TEXT] = "modules.alias",	   [DEPMOD_ALIAS] = "modules.alias.bin",
	[DEPMOD_SOFTDEP] = "modules.softdep",	   [DEPMOD_WEAKDEP] = "modules.weakdep",
	[DEPMOD_SYMBOLS_TEXT] = "modules.symbols", [DEPMOD_SYMBOLS] = "modules.symbols.bin",
	[DEPMOD_BUILTIN] = "modules.builtin.bin",  [DEPMOD_BUILTIN_ALIAS] = "modules.builtin.alias.bin",
	[DEPMOD_DEVNAME] = "modules.devname",
};

bool depmod_is_text(enum depmod_file which)
{
	const char *dot = strrchr(depmod_names[which], '.');

	return strcmp(dot, ".bin") != 0;
}

/* What all the lines of modules.dep are made with. */
struct dep_lines {
	const struct depmod *d;
	uint32_t *seen; /* by module: the line, counted from 1, in which it was seen last */
	ARRAY(uint32_t) needed;
};

static int dep_lines_open(struct dep_lines *l, const struct depmod *d)
{
	*l = (struct dep_lines){ .d = d, .seen = calloc(d->modules.n + 1, sizeof(*l->seen)) };
	return l->seen ? 0 : -ENOMEM;
}

static void dep_lines_close(struct dep_lines *l)
{
	free(l->seen);
	array_free(&l->needed);
}

static int compare_deps(const void *a, const void *b, void *userdata)
{
	const struct depmod *d = userdata;
	const struct depmod_module *x = &d->modules.items[*(const uint32_t *)a],
				   *y = &d->modules.items[*(const uint32_t *)b];

	if (x->dep_position != y->dep_position)
		return x->dep_position < y->dep_position ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Collects what a module needs, and what that needs, in the order of the sort. */
static int find_needed(struct dep_lines *l, uint32_t module)
{
	const struct depmod_module *m = &l->d->modules.items[module];
	int r = 0;

	l->needed.n = 0;
	l->seen[module] = module + 1;
	for (size_t next = 0;; m = &l->d->modules.items[l->needed.items[next++]]) {
		for (size_t i = 0; !r && i < m->deps.n; i++) {
			uint32_t dep = m->deps.items[i];

			if (l->seen[dep] == module + 1)
				continue;
			l->seen[dep] = module + 1;
			r = array_push(&l->needed, dep);
		}
		if (r < 0 || next == l->needed.n)
			break;
	}
	if (!r && l->needed.n)
		qsort_r(l->needed.items, l->needed.n, sizeof(*l->needed.items), compare_deps,
			(void *)(uintptr_t)l->d);
	return r;
}

/* "path: dep dep" */
static int dep_line(struct dep_lines *l, uint32_t module, FILE *f)
{
	int r = find_needed(l, module);

	if (r < 0)
		return r;
	fprintf(f, "%s:", l->d->modules.items[module].path);
	for (size_t i = 0; i < l->needed.n; i++)
		fprintf(f, " %s", l->d->modules.items[l->needed.items[i]].path);
	return 0;
}

static int print_deps(struct depmod *d, FILE *f)
{
	struct dep_lines l;
	int r = dep_lines_open(&l, d);

	for (uint32_t i = 0; !r && i < d->n_own; i++) {
		r = dep_line(&l, i, f);
		putc('\n', f);
	}
	dep_lines_close(&l);
	return r;
}

static int print_softdeps(struct depmod *d, FILE *f)
{
	fputs("# Soft dependencies extracted from modules themselves.\n", f);
	for (size_t i = 0; i < d->n_own; i++) {
		const struct depmod_module *m = &d->modules.items[i];

		for (size_t j = 0; j < m->softdeps.items.n; j++)
			fprintf(f, "softdep %s %s\n", m->name, m->softdeps.items.items[j]);
	}
	return 0;
}

static int print_weakdeps(struct depmod *d, FILE *f)
{
	fputs("# Weak dependencies extracted from modules themselves.\n", f);
	for (size_t i = 0; i < d->n_own; i++) {
		const struct depmod_module *m = &d->modules.items[i];

		for (size_t j = 0; j < m->weakdeps.items.n; j++)
			fprintf(f, "weakdep %s %s\n", m->name, m->weakdeps.items.items[j]);
	}
	return 0;
}

static int print_aliases(struct depmod *d, FILE *f)
{
	fputs("# Aliases extracted from modules themselves.\n", f);
	for (size_t i = 0; i < d->n_own; i++) {
		const struct depmod_module *m = &d->modules.items[i];

		for (size_t j = 0; j < m->aliases.items.n; j++)
			fprintf(f, "alias %s %s\n", m->aliases.items.items[j], m->name);
	}
	return 0;
}

static int print_symbols(struct depmod *d, FILE *f)
{
	_cleanup_free_ uint32_t *order = NULL;
	int r = depmod_order(&d->symbols, DEPMOD_SYMBOL_BUCKETS, &order);

	if (r < 0)
		return r;
	fputs("# Aliases for symbols, used by symbol_request().\n", f);
	for (uint32_t i = 0; i < d->symbols.n; i++) {
		uint32_t owner = d->owners.items[order[i]].module;

		if (owner < d->n_own)
			fprintf(f, "alias symbol:%s %s\n", intern_string(&d->symbols, order[i]),
				d->modules.items[owner].name);
	}
	return 0;
}

/* The node of a device by which a module is loaded when somebody opens it. */
struct devname {
	const char *name;
	char type;
	unsigned int major, minor;
};

static bool is_complete(const struct devname *n)
{
	return n->name && n->type;
}

static void take_devname(struct devname *n, const char *alias)
{
	unsigned int major, minor;

	if (!strncmp(alias, "devname:", 8)) {
		n->name = alias + 8;
		return;
	}
	if (sscanf(alias, "char-major-%u-%u", &major, &minor) == 2)
		n->type = 'c';
	else if (sscanf(alias, "block-major-%u-%u", &major, &minor) == 2)
		n->type = 'b';
	else
		return;
	n->major = major;
	n->minor = minor;
}

static int print_devnames(struct depmod *d, FILE *f)
{
	bool empty = true;

	for (size_t i = 0; i < d->n_own; i++) {
		const struct depmod_module *m = &d->modules.items[i];
		struct devname n = {};

		for (size_t j = 0; j < m->aliases.items.n && !is_complete(&n); j++)
			take_devname(&n, m->aliases.items.items[j]);
		if (is_complete(&n)) {
			fprintf(f, "%s%s %s %c%u:%u\n",
				empty ? "# Device nodes to trigger on-demand module loading.\n" : "", m->name,
				n.name, n.type, n.major, n.minor);
			empty = false;
		} else if (n.name && d->log) {
			log_error(
				d->log,
				"Module '%s' has devname (%s) but lacks major and minor information. Ignoring.",
				m->name, n.name);
		}
	}
	return 0;
}

static int add_dep(struct dep_lines *l, struct depmod *d, struct index_builder *b, uint32_t module)
{
	_cleanup_free_ char *line = NULL;
	size_t size;
	FILE *f = memstream_open(&line, &size);
	int r, k;

	if (!f)
		return -ENOMEM;
	r = dep_line(l, module, f);
	k = memstream_close(f);
	return r ?: k ?: depmod_add_entry(d, b, d->modules.items[module].name, line, module);
}

static int add_deps(struct depmod *d, struct index_builder *b)
{
	struct dep_lines l;
	int r = dep_lines_open(&l, d);

	for (uint32_t i = 0; !r && i < d->n_own; i++)
		r = add_dep(&l, d, b, i);
	dep_lines_close(&l);
	return r;
}

/* Whether the last entry, of this module, has a key that the module has already. */
static bool is_duplicate(const struct index_builder *b, size_t first)
{
	size_t last = b->entries.n - 1;

	for (size_t i = first; i < last; i++)
		if (!strcmp(b->entries.items[i].key, b->entries.items[last].key))
			return true;
	return false;
}

static int add_alias(struct depmod *d, struct index_builder *b, uint32_t module, const char *value)
{
	_cleanup_free_ char *alias = strdup(value);

	if (!alias)
		return -ENOMEM;
	if (normalise_pattern(alias))
		return depmod_add_entry(d, b, alias, d->modules.items[module].name, module);
	if (d->log)
		log_warning(d->log, "Unmatched bracket in %s", value);
	return 0;
}

static int add_aliases(struct depmod *d, struct index_builder *b)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < d->n_own; i++) {
		const struct depmod_module *m = &d->modules.items[i];
		size_t first = b->entries.n, before;

		for (size_t j = 0; !r && j < m->aliases.items.n; j++) {
			before = b->entries.n;
			r = add_alias(d, b, i, m->aliases.items.items[j]);
			if (!r && d->tell_duplicates && b->entries.n > before && is_duplicate(b, first))
				log_warning(d->log, "duplicate module alias: %s %s",
					    b->entries.items[before].key, m->name);
		}
	}
	return r;
}

static int add_exported(struct depmod *d, struct index_builder *b)
{
	char key[LIMIT_ALIAS + 1];
	int r = 0;

	for (uint32_t i = 0; !r && i < d->symbols.n; i++) {
		uint32_t owner = d->owners.items[i].module;

		if (owner < d->n_own &&
		    snprintf(key, sizeof(key), "symbol:%s", intern_string(&d->symbols, i)) < (int)sizeof(key))
			r = depmod_add_entry(d, b, key, d->modules.items[owner].name, owner);
	}
	return r;
}

static int make_text(struct depmod *d, int (*print)(struct depmod *d, FILE *f), uint8_t **data, size_t *size)
{
	char *text = NULL;
	FILE *f = memstream_open(&text, size);
	int r, k;

	if (!f)
		return -ENOMEM;
	r = print(d, f);
	k = memstream_close(f);
	if (r < 0 || k < 0) {
		free(text);
		return r ?: k;
	}
	*data = (uint8_t *)text;
	return 0;
}

static int make_index(struct depmod *d, int (*add)(struct depmod *d, struct index_builder *b), uint8_t **data,
		      size_t *size)
{
	struct index_builder b = {};
	int r = add(d, &b);

	if (!r)
		r = index_builder_finish(&b, data, size);
	index_builder_free(&b);
	return r;
}

int depmod_make(struct depmod *d, enum depmod_file which, uint8_t **data, size_t *size)
{
	static int (*const prints[DEPMOD_FILES])(struct depmod * d, FILE * f) = {
		[DEPMOD_DEP_TEXT] = print_deps,	       [DEPMOD_ALIAS_TEXT] = print_aliases,
		[DEPMOD_SOFTDEP] = print_softdeps,     [DEPMOD_WEAKDEP] = print_weakdeps,
		[DEPMOD_SYMBOLS_TEXT] = print_symbols, [DEPMOD_DEVNAME] = print_devnames,
	};
	static int (*const adds[DEPMOD_FILES])(struct depmod * d, struct index_builder * b) = {
		[DEPMOD_DEP] = add_deps,
		[DEPMOD_ALIAS] = add_aliases,
		[DEPMOD_SYMBOLS] = add_exported,
	};

	if (prints[which])
		return make_text(d, prints[which], data, size);
	if (adds[which])
		return make_index(d, adds[which], data, size);
	return depmod_make_builtin(d, which, data, size);
}
