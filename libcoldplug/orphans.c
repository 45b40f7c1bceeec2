/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Orphaned loads.
 *
 * A monitor runs for days: after each burst of events it forgets what it has read, planned and done, and begins
 * afresh. A load may be in flight then, and may never return: an insmod that hangs in the kernel must not keep the
 * daemon from reading its configuration, from finding what was lost, or from staying small. So what is in flight is
 * set aside: its loading process with all it has, and a copy of each of its steps that has no result yet, which is
 * enough to report the result when it comes. New plans go to another loading process.
 *
 * No step of a new plan can wait for an orphan. A request that would have to is deferred (expander_set_busy()): it has
 * no steps, its alias stays new, and when what it waits for has ended all devices are looked at again. So nothing is
 * tried twice, and there are never more orphans than modules.
 */
#include "libcoldplug/orphans.h"

#include <errno.h>
#include <stdlib.h>

static struct orphan *free_orphan(struct orphan *a)
{
	loader_free(a->loader);
	array_free(&a->steps);
	arena_free(&a->arena);
	free(a);
	return NULL;
}

static int copy_steps(struct orphan *a, const struct step *steps, const struct load_result *results, size_t n)
{
	struct step copy;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		if (results[i].outcome == RESULT_NONE)
			r = step_copy(&a->arena, &steps[i], &copy) ?: array_push(&a->steps, copy);
	return r;
}

int orphans_add(struct orphans *o, struct loader *loader, const struct step *steps,
		const struct load_result *results, size_t n)
{
	struct orphan *a = calloc(1, sizeof(*a));
	int r = a ? array_make_room(&o->items, 1) : -ENOMEM;

	if (!r)
		r = copy_steps(a, steps, results, n);
	if (r < 0) {
		if (a)
			free_orphan(a);
		return r;
	}
	/* The report of a first settling that was given up is written with them as "pending". */
	(void)loader_finish_later(loader);
	a->loader = loader;
	o->items.items[o->items.n++] = a;
	return 0;
}

int orphans_mark(const struct orphans *o, struct expander *x)
{
	const struct step *step;
	int r = 0;

	for (size_t i = 0; !r && (step = orphans_step(o, i)); i++)
		r = expander_set_busy(x, step->name);
	return r;
}

const struct step *orphans_step(const struct orphans *o, size_t i)
{
	for (size_t k = 0; k < o->items.n; k++) {
		const struct orphan *a = o->items.items[k];

		if (i < a->steps.n)
			return &a->steps.items[i];
		i -= a->steps.n;
	}
	return NULL;
}

/* The place of a step among those of its loader, or -1. */
static ssize_t place_of(const struct orphan *a, uint32_t step)
{
	for (size_t i = 0; i < a->steps.n; i++)
		if (a->steps.items[i].id == step)
			return (ssize_t)i;
	return -1;
}

static void drop_step(struct orphan *a, size_t place)
{
	a->steps.n--;
	memmove(a->steps.items + place, a->steps.items + place + 1,
		(a->steps.n - place) * sizeof(*a->steps.items));
}

int orphans_take(struct orphans *o,
		 void (*fn)(void *userdata, struct loader *loader, size_t i,
			    const struct load_result *result),
		 void *userdata)
{
	struct load_result result;
	size_t before = 0;
	int n = 0, r = 0;

	for (size_t i = 0; r >= 0 && i < o->items.n; i++) {
		struct orphan *a = o->items.items[i];

		while ((r = loader_next(a->loader, &result)) > 0) {
			ssize_t place = place_of(a, result.step);

			if (place < 0)
				continue;
			fn(userdata, a->loader, before + (size_t)place, &result);
			drop_step(a, (size_t)place);
			n++;
		}
		before += a->steps.n;
		if (a->steps.n)
			continue;
		free_orphan(a);
		o->items.items[i--] = o->items.items[--o->items.n];
	}
	return r < 0 ? r : n;
}

void orphans_cancel(struct orphans *o)
{
	for (size_t i = 0; i < o->items.n; i++)
		(void)loader_cancel(o->items.items[i]->loader);
}

void orphans_free(struct orphans *o)
{
	while (o->items.n)
		free_orphan(o->items.items[--o->items.n]);
	array_free(&o->items);
}
