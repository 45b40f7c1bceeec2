/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/plan.h"

#include <errno.h>

#include "base/arena.h"

static int copy_string(struct arena *arena, const char **s)
{
	if (!*s)
		return 0;
	*s = arena_strdup(arena, *s);
	return *s ? 0 : -ENOMEM;
}

int step_copy(struct arena *arena, const struct step *from, struct step *ret)
{
	struct step s = *from;

	if (copy_string(arena, &s.name) < 0 || copy_string(arena, &s.path) < 0 ||
	    copy_string(arena, &s.params) < 0 || copy_string(arena, &s.command) < 0 ||
	    copy_string(arena, &s.origin) < 0)
		return -ENOMEM;
	if (s.member) {
		struct archive_member *member = arena_alloc(arena, sizeof(*member));

		if (!member)
			return -ENOMEM;
		*member = *s.member;
		s.member = member;
	}
	*ret = s;
	return 0;
}
