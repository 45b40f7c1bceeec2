/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which modules need each other in a circle. The paths are followed, and the circles told, in kmod's
 * order: from each module that could not be sorted all paths, the last dependency first; a path that comes
 * back to where it began is a circle, whose modules are then no beginnings any more. The next beginning is
 * the one behind the last that was removed: kmod has them in a ring.
 *
 * kmod does not end when a path leads into a circle that the beginning is no part of. Here a path does not
 * visit a module twice, and there is a limit to their number, which grows exponentially with circles that
 * share modules.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memstream.h"
#include "engine/depmod.h"

#define NO_STEP UINT32_MAX
#define NO_MODULE DEPMOD_NO_MODULE
#define MAX_STEPS (1U << 14)

/* A module on a path, and the step before it. */
struct step {
	uint32_t module, parent;
};

struct cycles {
	const struct depmod *d;
	uint8_t *is_root, *visited, *in_circle; /* by module */
	uint32_t next;				/* the root that is next */
	ARRAY(struct step) steps;
	ARRAY(uint32_t) stack; /* steps that are to be looked at */
};

/* Makes a module no root any more, and the root behind it the next one. */
static void remove_root(struct cycles *c, uint32_t module)
{
	uint32_t n = (uint32_t)c->d->modules.n;

	if (!c->is_root[module])
		return;
	c->is_root[module] = 0;
	c->next = NO_MODULE;
	for (uint32_t i = 1; i < n && c->next == NO_MODULE; i++)
		if (c->is_root[(module + i) % n])
			c->next = (module + i) % n;
}

static void print_path(const struct cycles *c, uint32_t step, FILE *f)
{
	uint32_t n = 0;
	_cleanup_free_ uint32_t *path = NULL;

	for (uint32_t i = step; i != NO_STEP; i = c->steps.items[i].parent)
		n++;
	path = calloc(n, sizeof(*path));
	if (!path)
		return;
	for (uint32_t i = step, at = n; at; i = c->steps.items[i].parent)
		path[--at] = c->steps.items[i].module;
	for (uint32_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? " -> " : "", c->d->modules.items[path[i]].name);
}

static int tell(struct cycles *c, uint32_t step)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = memstream_open(&text, &size);

	if (!f)
		return -ENOMEM;
	print_path(c, step, f);
	if (memstream_close(f) < 0)
		return -ENOMEM;
	log_error(c->d->log, "Cycle detected: %s", text);
	for (uint32_t i = c->steps.items[step].parent; i != NO_STEP; i = c->steps.items[i].parent) {
		c->in_circle[c->steps.items[i].module] = 1;
		remove_root(c, c->steps.items[i].module);
	}
	return 0;
}

static int push(struct cycles *c, uint32_t module, uint32_t parent)
{
	uint32_t id = (uint32_t)c->steps.n;

	return array_push(&c->steps, { module, parent }) ?: array_push(&c->stack, id);
}

static bool is_on_path(const struct cycles *c, uint32_t step, uint32_t module)
{
	for (uint32_t i = step; i != NO_STEP; i = c->steps.items[i].parent)
		if (c->steps.items[i].module == module)
			return true;
	return false;
}

static int visit(struct cycles *c, uint32_t root, uint32_t step)
{
	uint32_t module = c->steps.items[step].module;
	const struct depmod_module *m = &c->d->modules.items[module];
	int r = 0;

	if (c->visited[module] && module == root)
		return tell(c, step);
	c->visited[module] = 1;
	if (!m->deps.n)
		remove_root(c, module);
	for (size_t i = 0; !r && i < m->deps.n; i++)
		if (m->deps.items[i] == root || !is_on_path(c, step, m->deps.items[i]))
			r = push(c, m->deps.items[i], step);
	return r;
}

static int follow(struct cycles *c, uint32_t root)
{
	int r;

	c->steps.n = c->stack.n = 0;
	remove_root(c, root);
	r = push(c, root, NO_STEP);
	while (!r && c->stack.n && c->steps.n < MAX_STEPS)
		r = visit(c, root, c->stack.items[--c->stack.n]);
	return r;
}

static int find_all(struct cycles *c)
{
	uint32_t n = (uint32_t)c->d->modules.n, count = 0;
	int r = 0;

	c->next = NO_MODULE;
	for (uint32_t i = n; i-- > 0;) {
		c->is_root[i] = c->d->modules.items[i].users > 0;
		c->next = c->is_root[i] ? i : c->next;
	}
	while (!r && c->next != NO_MODULE)
		r = follow(c, c->next);
	for (uint32_t i = 0; i < n; i++)
		count += c->in_circle[i];
	if (!r)
		log_error(c->d->log, "Found %u modules in dependency cycles!", count);
	return r;
}

int depmod_tell_cycles(struct depmod *d)
{
	size_t n = d->modules.n;
	_cleanup_free_ uint8_t *flags = calloc(3 * n + 1, 1);
	struct cycles c = { .d = d, .is_root = flags, .visited = flags + n, .in_circle = flags + 2 * n };
	int r = flags ? find_all(&c) : -ENOMEM;

	array_free(&c.steps);
	array_free(&c.stack);
	return r;
}
