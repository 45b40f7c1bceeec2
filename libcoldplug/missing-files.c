/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/missing-files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/cleanup.h"

/* A recording, or another tree whose release has no directory "kernel", has the indexes alone. */
static bool has_module_files(struct coldplug *c)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (!c->machine.dir.path ||
	    snprintf(path, sizeof(path), "%s/kernel", c->machine.dir.path) >= (int)sizeof(path))
		return false;
	fd = rootfs_openat(&c->machine.root, path, O_PATH | O_DIRECTORY);
	return fd >= 0;
}

/* Why a file cannot be loaded: a positive errno with its words, or 0. */
static int check_file(const struct rootfs *root, const char *path, const char **why)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_RDONLY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int error = fd < 0 ? -fd : errno;

		*why = strerror(error);
		return error;
	}
	if (!S_ISREG(st.st_mode)) {
		*why = S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file";
		return EINVAL;
	}
	*why = "is empty";
	return st.st_size ? 0 : EINVAL; /* as image_load() has it */
}

static void set_outcome(struct coldplug *c, struct load_result *result, enum load_outcome outcome)
{
	result->outcome = outcome;
	c->loading.totals[outcome]++;
}

/* Every edge leads to an earlier step, which was looked at before. */
static bool needs_missing(struct coldplug *c, const struct step *s)
{
	for (uint32_t i = 0; i < s->n_edges; i++) {
		const struct step_edge *e = &c->loading.batch.edges[s->edge_first + i];

		if (e->kind == EDGE_HARD && c->loading.results.items[e->on].outcome != RESULT_NONE)
			return true;
	}
	return false;
}

/* Whether the error says what the file is; else it is only known that it could not be looked at. */
static bool is_of_the_file(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EINVAL || error == ENOEXEC;
}

int missing_file_of(struct coldplug *c, uint32_t module, char **ret)
{
	_cleanup_arena_ struct arena arena = {};
	const struct module *m = modules_get(&c->machine.modules, module);
	const char *why, *path;
	int error;

	if (!m)
		return -ENOMEM;
	if (!m->path || m->archived || !has_module_files(c))
		return 0;
	path = moddir_file(&c->machine.dir, &arena, NULL, m->path);
	if (!path)
		return -ENOMEM;
	error = check_file(&c->machine.root, path, &why);
	if (!error)
		return 0;
	if (!is_of_the_file(error) && !planner_has_absent(&c->machine.planner, module))
		log_lost(&c->log, "module '%s': %s/%s: %s", modules_name(&c->machine.modules, module),
			 c->machine.root.path, path, why);
	return asprintf(ret, "%s/%s: %s", c->machine.root.path, path, why) < 0 ? -ENOMEM : 1;
}

static void check_step(struct coldplug *c, struct step *s)
{
	struct load_result *result = &c->loading.results.items[s->id];
	const char *why;
	int error = check_file(&c->machine.root, s->path, &why);

	result->step = s->id;
	if (error) {
		s->kind = STEP_ABSENT;
		result->error = error;
		snprintf(result->message, sizeof(result->message), "%s/%s: %s", c->machine.root.path, s->path,
			 why);
		if (is_of_the_file(error))
			log_error(&c->log, "module '%s': %s", s->name, result->message);
		else
			log_lost(&c->log, "module '%s': %s", s->name, result->message);
		set_outcome(c, result, LOAD_FAILED);
	} else if (needs_missing(c, s)) {
		set_outcome(c, result, LOAD_SKIPPED);
	}
}

void missing_files_check(struct coldplug *c)
{
	if (!has_flag(c, COLDPLUG_DRY_RUN) || !has_module_files(c))
		return;
	for (size_t i = 0; i < c->loading.batch.n_steps; i++) {
		struct step *s = &c->machine.planner.steps.items[c->loading.batch.steps[i].id];

		if (s->kind == STEP_MODULE && !s->member)
			check_step(c, s);
	}
}
