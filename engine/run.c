/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From wanting to loaded: what joins the walk, the planner and the loader. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/cmdline.h"
#include "engine/context.h"
#include "engine/missing-symbol.h"
#include "uevent/walk.h"

#define API __attribute__((visibility("default")))

/* While loads are in flight, how long to wait between two looks for new devices. A walk costs 15 ms
 * where a boot's loads take seconds. */
#define WALK_INTERVAL_US 200000

static int compare_aliases(const void *a, const void *b, void *strings)
{
	const char *const *s = strings;

	return strcmp(s[*(const uint32_t *)a], s[*(const uint32_t *)b]);
}

/* Aliases that are new become requests, in bytewise order: the same devices give the same plan. */
static int request_aliases(struct coldplug *c)
{
	size_t first = c->alias_request.n, n = c->devices.aliases.n - first;
	_cleanup_free_ uint32_t *ids = calloc(n + 1, sizeof(*ids));
	uint32_t flags = REQUEST_DEVICE | REQUEST_BLACKLIST;
	int r = ids ? array_make_room(&c->alias_request, n) : -ENOMEM;

	if (r < 0)
		return r;
	if (has_flag(c, COLDPLUG_DRY_RUN))
		flags |= REQUEST_SHOW;
	if (has_flag(c, COLDPLUG_IGNORE_LOADED))
		flags |= REQUEST_IGNORE_LOADED;
	for (size_t i = 0; i < n; i++)
		ids[i] = (uint32_t)(first + i);
	qsort_r(ids, n, sizeof(*ids), compare_aliases, c->devices.aliases.strings);
	for (size_t i = 0; i < n; i++) {
		int64_t id = planner_request(&c->planner, intern_string(&c->devices.aliases, ids[i]), NULL, flags);

		if (id < 0)
			return (int)id;
		c->alias_request.items[ids[i]] = (uint32_t)id;
	}
	c->alias_request.n += n;
	return 0;
}

API int64_t coldplug_walk(struct coldplug *c)
{
	size_t before;
	int r = context_open(c);

	if (r < 0)
		return r;
	before = c->devices.aliases.n;
	r = walk_devices(&c->root, has_flag(c, COLDPLUG_DEVICETREE), &c->log, &c->devices);
	if (r < 0 && r != -ENOMEM)
		log_lost(&c->log, "%s/sys/devices: cannot be opened: %s", c->root.path, strerror(-r));
	if (!r)
		r = request_aliases(c);
	return r < 0 ? r : (int64_t)(c->devices.aliases.n - before);
}

static const char *const result_words[] = {
	[REQUEST_NOTHING] = "not found",
	[REQUEST_INVALID] = "not found: '[' and ']' do not match",
};

API int coldplug_want(struct coldplug *c, const char *name, const char *params)
{
	uint32_t flags = 0;
	int64_t id;
	int r = context_open(c);

	if (r < 0)
		return r;
	if (params && strlen(params) > LIMIT_PARAMS) {
		log_error(&c->log, "parameters of %s are longer than %u bytes", name, LIMIT_PARAMS);
		return -E2BIG;
	}
	flags |= has_flag(c, COLDPLUG_BLACKLIST) ? REQUEST_BLACKLIST : 0;
	flags |= has_flag(c, COLDPLUG_IGNORE_INSTALL) ? REQUEST_IGNORE_COMMAND : 0;
	flags |= has_flag(c, COLDPLUG_DRY_RUN) ? REQUEST_SHOW : 0;
	flags |= has_flag(c, COLDPLUG_IGNORE_LOADED) ? REQUEST_IGNORE_LOADED : 0;
	id = planner_request(&c->planner, name, params, flags);
	if (id < 0)
		return (int)id;
	r = (int)c->planner.requests.items[id].result;
	if (r != REQUEST_NOTHING && r != REQUEST_INVALID)
		return 1;
	c->not_found++;
	log_error(&c->log, "module %s: %s in %s/%s", name, result_words[r], c->root.path,
		  c->dir.path ? c->dir.path : "lib/modules");
	return 0;
}

/* A file of modules-load.d: a name a line, '#' and ';' begin comments (modules-load.d(5)). */
static int want_file(struct coldplug *c, const char *path)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(&c->root, path, LIMIT_CONFIG_FILE, &file);
	char *rest = file.data;

	if (r < 0) {
		log_lost(&c->log, "%s: cannot be read: %s", path, strerror(-r));
		return r == -ENOMEM ? r : 0;
	}
	r = 0;
	for (char *line; r >= 0 && (line = strsep(&rest, "\n"));) {
		line += strspn(line, " \t\r");
		line[strcspn(line, " \t\r")] = '\0';
		if (*line && *line != '#' && *line != ';')
			r = coldplug_want(c, line, NULL);
	}
	return r < 0 ? r : 0;
}

struct load_file {
	char *path;
	const char *name;
};

struct load_files {
	struct arena arena;
	ARRAY(struct load_file) items;
};

/* As with modprobe.d, a name in an earlier directory hides the same name in a later one. */
static int list_load_directory(struct coldplug *c, struct load_files *list, const char *path)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;
	int fd = rootfs_openat(&c->root, path, O_RDONLY | O_DIRECTORY), r = 0;

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (!r && (de = readdir(dir))) {
		size_t n = strlen(de->d_name);
		bool hidden = de->d_name[0] == '.' || n < 6 || strcmp(de->d_name + n - 5, ".conf") != 0;
		char *file;

		for (size_t i = 0; !hidden && i < list->items.n; i++)
			hidden = !strcmp(list->items.items[i].name, de->d_name);
		if (hidden)
			continue;
		file = arena_printf(&list->arena, "%s/%s", path, de->d_name);
		r = file ? array_push(&list->items, { file, file + strlen(path) + 1 }) : -ENOMEM;
	}
	return r;
}

static int compare_load_files(const void *a, const void *b)
{
	return strcmp(((const struct load_file *)a)->name, ((const struct load_file *)b)->name);
}

static int want_files(struct coldplug *c)
{
	static const char *const dirs[] = { "/etc/modules-load.d", "/run/modules-load.d",
					    "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d",
					    "/lib/modules-load.d" };
	struct load_files list = {};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(dirs); i++)
		r = list_load_directory(c, &list, dirs[i]);
	if (list.items.n)
		qsort(list.items.items, list.items.n, sizeof(*list.items.items), compare_load_files);
	for (size_t i = 0; !r && i < list.items.n; i++)
		r = want_file(c, list.items.items[i].path);
	array_free(&list.items);
	arena_free(&list.arena);
	return r;
}

/* systemd-modules-load(8): modules_load= and rd.modules_load=, comma-separated. */
static int want_from_cmdline(struct coldplug *c)
{
	_cleanup_file_ struct file_bytes file = {};
	struct cmdline_arg arg;
	char *rest;
	int r = rootfs_read(&c->root, "proc/cmdline", LIMIT_CMDLINE, &file);

	if (r < 0)
		return r == -ENOMEM ? r : 0; /* told when it was read for the configuration */
	rest = file.data;
	r = 0;
	while (r >= 0 && cmdline_next(&rest, &arg)) {
		char *list = (char *)arg.value;

		if (!list ||
		    (strcmp(arg.param, "modules_load") != 0 && strcmp(arg.param, "rd.modules_load") != 0))
			continue;
		for (char *name; r >= 0 && (name = strsep(&list, ","));)
			r = *name ? coldplug_want(c, name, NULL) : 0;
	}
	return r < 0 ? r : 0;
}

API int coldplug_want_configured(struct coldplug *c)
{
	int r = context_open(c);

	return r ?: want_from_cmdline(c) ?: want_files(c);
}

API int64_t coldplug_plan(struct coldplug *c)
{
	size_t n;
	int r = context_open(c);

	if (r < 0)
		return r;
	/* One batch at a time: what is planned and not handed over would be lost to the next. */
	if (c->batch.n_steps && c->loader)
		return -EBUSY;
	r = planner_finish_batch(&c->planner, &c->batch);
	if (r == -E2BIG)
		log_error(&c->log, "a plan of more than %u steps", LIMIT_STEPS);
	if (r < 0)
		return r;
	n = c->planner.steps.n - c->results.n;
	r = array_make_room(&c->results, n);
	if (r < 0)
		return r;
	while (c->results.n < c->planner.steps.n)
		c->results.items[c->results.n++] = (struct load_result){ .outcome = RESULT_NONE };
	return (int64_t)n;
}

static int send_report_head(struct coldplug *c)
{
	_cleanup_free_ char *head = NULL;
	size_t n;
	int r;

	if (!c->report_path)
		return 0;
	r = coldplug_json(c, COLDPLUG_JSON_PLAN, &head);
	if (r < 0)
		return r;
	/* The loader's half goes in front of the last brace. */
	n = strlen(head);
	return loader_report_head(c->loader, head, n - 1);
}

API int coldplug_load(struct coldplug *c)
{
	int r;

	if (!c->loader)
		return has_flag(c, COLDPLUG_DRY_RUN) ? 0 : -EINVAL;
	r = send_report_head(c);
	if (!r && c->batch.n_steps)
		r = loader_submit(c->loader, &c->batch);
	if (r < 0)
		return r;
	c->handed += c->batch.n_steps;
	c->batch = (struct plan){};
	return 0;
}

API int coldplug_fd(struct coldplug *c)
{
	return c->loader ? loader_fd(c->loader) : -1;
}

/* Whether a module is in the kernel, as far as results tell. */
static bool is_there(void *userdata, const char *name)
{
	struct coldplug *c = userdata;
	uint32_t id = modules_id(&c->modules, name, strlen(name));
	uint32_t step;

	if (id == MODULE_NONE || planner_is_loaded(&c->planner, id) || modules_is_builtin(&c->modules, id) > 0)
		return true;
	if (id >= c->planner.step_of.n)
		return false;
	step = c->planner.step_of.items[id];
	return step && (c->results.items[step - 1].outcome == LOAD_DONE ||
			c->results.items[step - 1].outcome == LOAD_ALREADY);
}

/* "Unknown symbol" without saying which helps nobody. */
static void explain_enoent(struct coldplug *c, const struct step *step, struct load_result *result)
{
	struct missing_symbol missing;
	size_t n = strlen(result->message);

	if (step->kind != STEP_MODULE || result->outcome != LOAD_FAILED || result->error != ENOENT)
		return;
	if (missing_symbol_find(&c->dir, step->path, is_there, c, &missing) > 0)
		snprintf(result->message + n, sizeof(result->message) - n,
			 ": %s is in module %s, which is not loaded", missing.symbol, missing.module);
}

static void take_result(struct coldplug *c, const struct load_result *result)
{
	struct load_result *place;

	if (result->step >= c->results.n || c->results.items[result->step].outcome != RESULT_NONE)
		return;
	place = &c->results.items[result->step];
	*place = *result;
	explain_enoent(c, &c->planner.steps.items[result->step], place);
	c->n_results++;
	if (place->end_us > c->end_us)
		c->end_us = place->end_us;
	if (place->outcome == LOAD_DONE || place->outcome == LOAD_ALREADY)
		c->planner.loaded.items[c->planner.step_module.items[result->step]] = 1;
	if (c->progress)
		c->progress(c->progress_data, result->step);
}

API int coldplug_dispatch(struct coldplug *c)
{
	struct load_result result;
	int n = 0, r = 0;

	while (c->loader && (r = loader_next(c->loader, &result)) > 0) {
		take_result(c, &result);
		n++;
	}
	if (r == -EPIPE && c->n_results < c->handed)
		log_error(&c->log, "the process that loads has died");
	else if (r == -EPIPE)
		r = 0;
	return r < 0 ? r : n;
}

/* Waits at most until a time for something to dispatch; 0 without a limit. */
static int wait_until(struct coldplug *c, uint64_t until_us)
{
	struct pollfd pfd = { .fd = loader_fd(c->loader), .events = POLLIN };
	uint64_t now = context_now_us();
	int timeout = !until_us ? -1 : until_us <= now ? 0 : (int)((until_us - now + 999) / 1000);

	if (poll(&pfd, 1, timeout) < 0 && errno != EINTR)
		return -errno;
	if (c->cancelled) {
		c->cancelled = 0;
		loader_cancel(c->loader);
	}
	return coldplug_dispatch(c);
}

API int coldplug_wait(struct coldplug *c)
{
	int r = 0;

	while (r >= 0 && c->loader && c->n_results < c->handed)
		r = wait_until(c, 0);
	return r < 0 ? r : 0;
}

/* Waits until it is time for another walk: nothing is in flight, or something has been loaded and
 * some time has passed. */
static int wait_for_news(struct coldplug *c)
{
	uint64_t next = context_now_us() + WALK_INTERVAL_US;
	size_t before = c->n_results;
	int r = 0;

	while (r >= 0 && c->loader && c->n_results < c->handed) {
		bool news = c->n_results > before;

		if (news && context_now_us() >= next)
			break;
		r = wait_until(c, news ? next : 0);
	}
	return r < 0 ? r : 0;
}

/* One round: what is new is planned and handed over. How many new aliases there were. */
static int64_t round_trip(struct coldplug *c)
{
	int64_t n = coldplug_walk(c), planned;
	int r;

	if (n == -ENOMEM)
		return n;
	planned = coldplug_plan(c);
	r = planned < 0 ? (int)planned : coldplug_load(c);
	/* Without /sys the modules asked for by name are loaded all the same. */
	return r < 0 ? r : n < 0 ? 0 : n;
}

API int coldplug_run(struct coldplug *c)
{
	int64_t n;
	int r = coldplug_start(c) ?: coldplug_want_configured(c);

	while (!r) {
		/* Decided before the walk: what appears later must find another one. */
		bool idle = c->n_results == c->handed;

		n = round_trip(c);
		if (n < 0)
			return (int)n;
		if (has_flag(c, COLDPLUG_DRY_RUN) || (idle && !n && c->n_results == c->handed))
			return 0;
		r = wait_for_news(c);
	}
	return r;
}

/* Only notes it: a signal's handler may come in the middle of anything. */
API void coldplug_cancel(struct coldplug *c)
{
	c->cancelled = 1;
}

/* A dry run has no loading process that could write it. */
static int write_dry_report(struct coldplug *c)
{
	_cleanup_free_ char *text = NULL, *tmp = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	int r = coldplug_json(c, COLDPLUG_JSON_PLAN, &text);

	if (r < 0)
		return r;
	if (asprintf(&tmp, "%s.tmp", c->report_path) < 0)
		return -ENOMEM;
	f = fopen(tmp, "we");
	if (!f)
		return -errno;
	if (fprintf(f, "%s\n", text) < 0 || fflush(f) || rename(tmp, c->report_path) < 0) {
		r = -errno;
		unlink(tmp);
	}
	return r;
}

API int coldplug_finish(struct coldplug *c)
{
	int r = 0;

	if (c->loader)
		r = send_report_head(c) ?: loader_finish(c->loader);
	else if (c->report_path)
		r = write_dry_report(c);
	if (c->report_path && r < 0)
		log_error(&c->log, "%s: report not written: %s", c->report_path, strerror(-r));
	coldplug_dispatch(c);
	return r;
}
