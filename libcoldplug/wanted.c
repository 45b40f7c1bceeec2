/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/wanted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 1: it is new, with its *id; 0: it is not; -ENOMEM. */
static int see_alias(struct wanted *w, const char *alias, uint32_t *id)
{
	bool is_new;
	int r = 0;

	*id = intern_add(&w->devices.aliases, alias, strlen(alias));
	if (*id == INTERN_NONE)
		return -ENOMEM;
	while (!r && w->alias_seen.n < w->devices.aliases.n)
		r = array_push(&w->alias_seen, ALIAS_NEW);
	if (r < 0)
		return r;
	is_new = w->alias_seen.items[*id] == ALIAS_NEW;
	w->alias_seen.items[*id] = ALIAS_SEEN;
	return is_new;
}

int wanted_add_device(struct wanted *w, const char *devpath, const char *alias, bool list)
{
	int r = list ? device_set_add(&w->devices, devpath, alias, strlen(alias)) : 0;
	uint32_t id;

	if (r < 0)
		return r;
	r = see_alias(w, alias, &id);
	return r > 0 ? array_push(&w->new_aliases, id) : r;
}

/* It waits for an orphan, as if the alias had not been seen. */
static int request(struct wanted *w, struct planner *p, uint32_t alias, uint32_t flags)
{
	int64_t id = planner_request(p, intern_string(&w->devices.aliases, alias), NULL,
				     flags | REQUEST_DEVICE | REQUEST_BLACKLIST);

	if (id < 0)
		return (int)id;
	if (p->x->requests.items[id].deferred)
		w->alias_seen.items[alias] = ALIAS_NEW;
	w->n_aliases++;
	return 0;
}

int wanted_request_now(struct wanted *w, struct planner *p, const char *alias, uint32_t flags)
{
	uint32_t id;
	int r = see_alias(w, alias, &id);

	return r > 0 ? request(w, p, id, flags) : r;
}

static int compare_aliases(const void *a, const void *b, void *strings)
{
	const char *const *s = strings;

	return strcmp(s[*(const uint32_t *)a], s[*(const uint32_t *)b]);
}

int64_t wanted_request_aliases(struct wanted *w, struct planner *p, uint32_t flags)
{
	size_t n = w->new_aliases.n;

	if (!n)
		return 0;
	qsort_r(w->new_aliases.items, n, sizeof(*w->new_aliases.items), compare_aliases,
		w->devices.aliases.strings);
	for (size_t i = 0; i < n; i++) {
		int r = request(w, p, w->new_aliases.items[i], flags);

		if (r < 0)
			return r;
	}
	w->new_aliases.n = 0;
	return (int64_t)n;
}

void wanted_age_aliases(struct wanted *w)
{
	for (size_t i = 0; i < w->alias_seen.n; i++)
		w->alias_seen.items[i] = w->alias_seen.items[i] == ALIAS_SEEN ? ALIAS_AGED : ALIAS_NEW;
}

void wanted_forget_alias(struct wanted *w, const char *alias)
{
	uint32_t id = intern_find(&w->devices.aliases, alias, strcspn(alias, "\n"));

	if (id != INTERN_NONE && id < w->alias_seen.n)
		w->alias_seen.items[id] = ALIAS_NEW;
}

void wanted_free_aliases(struct wanted *w)
{
	device_set_free(&w->devices);
	array_free(&w->alias_seen);
	array_free(&w->new_aliases);
}
