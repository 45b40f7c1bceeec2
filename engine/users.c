/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/users.h"

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"
#include "engine/config.h"

struct users {
	struct modules *m;
	const char *name;
	struct module_ids *found;
};

/* The name of the module whose path begins here and has len bytes. */
static size_t name_of_path(const char *path, size_t len, char *name)
{
	const char *slash = memrchr(path, '/', len);
	size_t n = slash ? len - (size_t)(slash + 1 - path) : len;

	return normalise_name(slash ? slash + 1 : path, name, n < LIMIT_NAME ? n + 1 : LIMIT_NAME + 1);
}

/* Whether one of the paths is that of the module. */
static bool is_among(const char *paths, const char *name)
{
	static const char blanks[] = " \t";
	char other[LIMIT_NAME + 1];

	for (const char *p = paths + strspn(paths, blanks); *p; p += strspn(p, blanks)) {
		size_t n = strcspn(p, blanks);

		name_of_path(p, n, other);
		if (!strcmp(other, name))
			return true;
		p += n;
	}
	return false;
}

static int visit(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct users *users = userdata;
	const char *colon = strchr(value, ':');
	uint32_t id;

	if (!colon || !is_among(colon + 1, users->name))
		return 0;
	id = modules_id(users->m, key, strlen(key));
	return id == MODULE_NONE ? -ENOMEM : array_push(&users->found->items, id);
}

int users_find(struct modules *m, uint32_t module, struct module_ids *ret)
{
	struct users users = { .m = m, .name = modules_name(m, module), .found = ret };

	int r;

	ret->items.n = 0;
	r = moddir_each(m->dir, MODDIR_DEP, visit, &users);
	return r < 0 ? r : 0;
}
