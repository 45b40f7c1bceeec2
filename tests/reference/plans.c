/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For each name on stdin "== NAME" and what "coldplug plan NAME" prints, in one process: a sanitizer makes
 * starting thousands of them slow. A context each, so that nothing is carried over.
 *
 *	ref-plans RELEASE [ROOT] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "libcoldplug/coldplug.h"

static int print_plan(const char *release, const char *root, const char *name)
{
	_cleanup_free_ char *text = NULL;
	struct coldplug *c;
	int64_t r = coldplug_new(&c);

	if (r < 0)
		return (int)r;
	coldplug_set_release(c, release);
	coldplug_set_root(c, root);
	coldplug_set_flag(c, COLDPLUG_DRY_RUN, true);
	coldplug_set_flag(c, COLDPLUG_IGNORE_LOADED, true);
	r = coldplug_want(c, name, NULL);
	if (r >= 0)
		r = coldplug_plan(c);
	if (r >= 0)
		r = coldplug_plan_text(c, &text);
	coldplug_free(c);
	printf("== %s\n%s", name, r < 0 ? "" : text);
	return r < 0 ? (int)r : 0;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (argc != 2 && argc != 3)
		return 100;
	while (!r && getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		r = print_plan(argv[1], argv[2], line);
	}
	return r ? 111 : 0;
}
