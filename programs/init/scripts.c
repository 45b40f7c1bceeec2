/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The executables of init.d. They run as run-parts(8) runs its own: in the order of the C locale,
 * without the backup files of editors. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs/init/init.h"

#define SCRIPTS_MAX 256
/* A script that takes this long is named, and again each time that it has taken twice as long:
 * often enough to find out what holds up a boot, seldom enough to type a passphrase. */
#define SCRIPT_SLOW_S 10

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void await_script(struct child *child, const char *path)
{
	unsigned int waited = 0, next = SCRIPT_SLOW_S;

	while (!process_await(child, (int)(next - waited) * 1000)) {
		waited = next;
		next *= 2;
		say(4, "still waiting for %s, which has been running for %u seconds", path, waited);
	}
}

static void run_script(const char *name)
{
	char path[512], text[64], *argv[] = { path, NULL };
	struct child child;
	int r;

	snprintf(path, sizeof(path), SCRIPTS "/%s", name);
	if (access(path, X_OK) < 0)
		return;
	say(6, "running %s", path);
	r = process_start(&child, argv, false);
	if (r < 0) {
		say(3, "cannot run %s: %s", path, strerror(-r));
		return;
	}
	await_script(&child, path);
	if (child.status)
		say(3, "%s: %s", path, process_status_text(child.status, text));
}

static int list_scripts(char *names[SCRIPTS_MAX])
{
	DIR *d = opendir(SCRIPTS);
	struct dirent *de;
	int n = 0;

	while (d && n < SCRIPTS_MAX && (errno = 0, de = readdir(d))) {
		size_t len = strlen(de->d_name);

		if (de->d_name[0] == '.' || de->d_name[len - 1] == '~')
			continue;
		names[n] = strdup(de->d_name);
		if (!names[n])
			break;
		n++;
	}
	if (n < SCRIPTS_MAX && errno && (d || errno != ENOENT))
		say(3, "%s: cannot be read to its end: %s", SCRIPTS, strerror(errno));
	if (d)
		closedir(d);
	qsort(names, (size_t)n, sizeof(*names), by_name);
	return n;
}

bool scripts_run(const struct script_environment *env)
{
	const char *const variables[][2] = {
		{ "COLDPLUG_ROOT", env->root },
		{ "COLDPLUG_TYPE", env->type },
		{ "COLDPLUG_NEWROOT", NEW_ROOT },
		{ "COLDPLUG_RESUME", env->resume },
	};
	char *names[SCRIPTS_MAX];
	int n = list_scripts(names);

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		setenv(variables[i][0], variables[i][1], 1);
	mkdir(NEW_ROOT, 0755);
	for (int i = 0; i < n; i++) {
		run_script(names[i]);
		free(names[i]);
	}
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i][0]);
	return n > 0;
}
