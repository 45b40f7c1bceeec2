/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/directory.h"

/* The kernel shows at most a page of a parameter (kernel/params.c). */
#define VALUE_SIZE 65536

/* A value that is a secret, or that the kernel cannot show, is no failure. */
static int read_value(struct values *v, int dir, const char *name)
{
	static const char empty[] = "";
	char text[VALUE_SIZE];
	struct value value = { .name = arena_strdup(&v->arena, name) };
	ssize_t n = read_attribute(dir, name, text, sizeof(text));

	if (n >= 0)
		value.text = n ? arena_strdup(&v->arena, text) : empty;
	if (!value.name || (n >= 0 && !value.text))
		return -ENOMEM;
	return array_push(&v->items, value);
}

static int compare(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int values_read(struct values *v, const struct rootfs *root, const char *module)
{
	_cleanup_directory_ struct directory dir = {};
	const char *name;
	char path[512];
	int r;

	values_free(v);
	snprintf(path, sizeof(path), "sys/module/%.255s/parameters", module);
	r = directory_open(&dir, root, path);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	while ((r = directory_next(&dir, &name)) > 0) {
		r = read_value(v, directory_fd(&dir), name);
		if (r < 0)
			return r;
	}
	if (v->items.n)
		qsort(v->items.items, v->items.n, sizeof(*v->items.items), compare);
	return r;
}

void values_free(struct values *v)
{
	array_free(&v->items);
	arena_free(&v->arena);
}
