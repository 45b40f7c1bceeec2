/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loads that are away.
 *
 * Who stays for days forgets what it has read, planned and done, and begins afresh. A load may be in flight
 * then, and may never return: an insmod that hangs in the kernel must not keep the daemon from reading its
 * configuration, from finding what was lost, or from staying small. So what is in flight is set aside: its
 * loading process with all it has, and of each of its steps without a result a copy, just enough to tell the
 * result when it comes. The new plans go to another loading process.
 *
 * No step of a new plan can wait for one that is away. A request that would have to is deferred
 * (planner_set_busy()): it has no steps, its alias stays new, and when what it waits for has ended all devices
 * are looked at again. So nothing is tried twice, and as many loads can be away as there are modules.
 */
#include <errno.h>
#include <stdlib.h>

#include "libcoldplug/context.h"

static int copy_string(struct arena *arena, const char **s)
{
	if (*s)
		*s = arena_strdup(arena, *s);
	return *s ? 0 : -ENOMEM;
}

static int copy_step(struct away *a, const struct step *from)
{
	struct step s = { .id = from->id,
			  .kind = from->kind,
			  .name = from->name,
			  .path = from->path,
			  .params = from->params,
			  .command = from->command };
	int r = copy_string(&a->arena, &s.name) ?: copy_string(&a->arena, &s.params);

	if (!r && s.path)
		r = copy_string(&a->arena, &s.path);
	if (!r && s.command)
		r = copy_string(&a->arena, &s.command);
	return r ?: array_push(&a->steps, s);
}

static struct away *free_away(struct away *a)
{
	loader_free(a->loader);
	array_free(&a->steps);
	arena_free(&a->arena);
	free(a);
	return NULL;
}

int context_set_aside(struct coldplug *c)
{
	struct away *a = calloc(1, sizeof(*a));
	int r = a ? array_make_room(&c->loading.away, 1) : -ENOMEM;

	for (size_t i = 0; !r && i < c->loading.handed; i++)
		if (c->loading.results.items[i].outcome == RESULT_NONE)
			r = copy_step(a, &c->machine.planner.steps.items[i]);
	if (r < 0) {
		if (a)
			free_away(a);
		return r;
	}
	/* The report of a first settling that was given up is written with them as "pending". */
	(void)loader_finish_later(c->loading.loader);
	a->loader = c->loading.loader;
	c->loading.loader = NULL;
	c->loading.away.items[c->loading.away.n++] = a;
	return 0;
}

int context_mark_away(struct coldplug *c)
{
	int r = 0;

	for (size_t i = 0; i < c->loading.away.n; i++)
		for (size_t k = 0; !r && k < c->loading.away.items[i]->steps.n; k++)
			r = planner_set_busy(&c->machine.planner,
					     c->loading.away.items[i]->steps.items[k].name);
	return r;
}

size_t context_n_away(const struct coldplug *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->loading.away.n; i++)
		n += c->loading.away.items[i]->steps.n;
	return n;
}

const struct step *context_away_step(const struct coldplug *c, size_t i)
{
	for (size_t k = 0; k < c->loading.away.n; k++) {
		if (i < c->loading.away.items[k]->steps.n)
			return &c->loading.away.items[k]->steps.items[i];
		i -= c->loading.away.items[k]->steps.n;
	}
	return NULL;
}

/* Its place among all that are away, or -1. */
static ssize_t place_of(const struct coldplug *c, size_t away, uint32_t step)
{
	const struct away *a = c->loading.away.items[away];
	size_t before = 0;

	for (size_t i = 0; i < away; i++)
		before += c->loading.away.items[i]->steps.n;
	for (size_t i = 0; i < a->steps.n; i++)
		if (a->steps.items[i].id == step)
			return (ssize_t)(before + i);
	return -1;
}

static void drop_step(struct away *a, uint32_t step)
{
	size_t n = 0;

	for (size_t i = 0; i < a->steps.n; i++)
		if (a->steps.items[i].id != step)
			a->steps.items[n++] = a->steps.items[i];
	a->steps.n = n;
}

int context_take_away(struct coldplug *c)
{
	struct load_result result;
	int n = 0, r = 0;

	for (size_t i = 0; r >= 0 && i < c->loading.away.n; i++) {
		struct away *a = c->loading.away.items[i];

		while ((r = loader_next(a->loader, &result)) > 0) {
			ssize_t place = place_of(c, i, result.step);

			if (place < 0)
				continue;
			context_tell_away(c, a->loader, (size_t)place, &result);
			if (planner_end_busy(&c->machine.planner, context_away_step(c, (size_t)place)->name))
				settle_note_now(&c->settle, SETTLE_WALK_WANTED);
			drop_step(a, result.step);
			n++;
		}
		if (a->steps.n)
			continue;
		free_away(a);
		c->loading.away.items[i--] = c->loading.away.items[--c->loading.away.n];
	}
	return r < 0 ? r : n;
}

void context_cancel_away(struct coldplug *c)
{
	for (size_t i = 0; i < c->loading.away.n; i++)
		(void)loader_cancel(c->loading.away.items[i]->loader);
}

void context_free_away(struct coldplug *c)
{
	while (c->loading.away.n)
		free_away(c->loading.away.items[--c->loading.away.n]);
	array_free(&c->loading.away);
}
