/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the caller sets before anything is opened. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libcoldplug/context.h"
#include "libcoldplug/loading.h"

#define API __attribute__((visibility("default")))

static int set_string(struct coldplug *c, char **place, const char *value)
{
	char *copy = NULL;

	if (c->machine.opened)
		return -EBUSY;
	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*place);
	*place = copy;
	return 0;
}

API int coldplug_set_root(struct coldplug *c, const char *dir)
{
	int r = set_string(c, &c->settings.paths.root, dir);

	if (!r && dir && strcmp(dir, "/") != 0)
		c->settings.flags |= 1u << COLDPLUG_DRY_RUN;
	return r;
}

/* A path of the caller's, made absolute; from: how many of its first bytes are left out. */
static int set_path(struct coldplug *c, char **place, const char *value, size_t from)
{
	_cleanup_free_ char *cwd = value && value[0] != '/' ? getcwd(NULL, 0) : NULL;
	_cleanup_free_ char *path = NULL;

	if (!value)
		return set_string(c, place, NULL);
	if (value[0] != '/' && !cwd)
		return -errno;
	if (asprintf(&path, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", value) < 0)
		return -ENOMEM;
	return set_string(c, place, path + from);
}

API int coldplug_set_module_root(struct coldplug *c, const char *dir)
{
	return set_path(c, &c->settings.paths.module_root, dir, 1);
}

API int coldplug_set_archive(struct coldplug *c, const char *file)
{
	return set_path(c, &c->settings.paths.archive, file, 0);
}

API int coldplug_set_release(struct coldplug *c, const char *release)
{
	if (release && (!*release || strchr(release, '/') || !strcmp(release, "..")))
		return -EINVAL;
	return set_string(c, &c->settings.paths.release, release);
}

API int coldplug_set_report(struct coldplug *c, const char *path)
{
	return set_string(c, &c->settings.report_path, path);
}

API int coldplug_set_profile(struct coldplug *c, const char *path)
{
	return set_string(c, &c->settings.paths.profile, path);
}

API int coldplug_set_record(struct coldplug *c, const char *path)
{
	return set_string(c, &c->settings.record_path, path);
}

API int coldplug_set_stream(struct coldplug *c, int fd)
{
	if (c->machine.opened)
		return -EBUSY;
	c->settings.stream = fd;
	return 0;
}

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

API int coldplug_set_config_paths(struct coldplug *c, const char *const *paths)
{
	size_t n = 0;
	char **list;

	if (c->machine.opened)
		return -EBUSY;
	if (!paths) {
		free_list(c->settings.paths.config);
		c->settings.paths.config = NULL;
		return 0;
	}
	while (paths[n])
		n++;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		list[i] = realpath(paths[i], NULL);
		if (!list[i]) {
			int r = -errno;

			free_list(list);
			return r;
		}
	}
	free_list(c->settings.paths.config);
	c->settings.paths.config = list;
	return 0;
}

API int coldplug_add_alone(struct coldplug *c, const char *module)
{
	char **names = &c->settings.paths.alone, *longer;

	if (!*module || strlen(module) > LIMIT_NAME || module[strcspn(module, ",/ \t\n[]")])
		return -EINVAL;
	if (c->machine.opened)
		return -EBUSY;
	if (asprintf(&longer, "%s%s%s", *names ?: "", *names ? "," : "", module) < 0)
		return -ENOMEM;
	free(*names);
	*names = longer;
	return 0;
}

API int coldplug_set_jobs(struct coldplug *c, unsigned int jobs)
{
	if (c->machine.opened)
		return -EBUSY;
	c->settings.jobs = jobs;
	return 0;
}

API int coldplug_set_receive_buffer(struct coldplug *c, unsigned int bytes)
{
	if (!bytes || bytes > INT_MAX / 2)
		return -EINVAL;
	if (c->listener.listening)
		return -EBUSY;
	c->settings.receive_buffer = (int)bytes;
	return 0;
}

API int coldplug_wait_for(struct coldplug *c, const char *spec)
{
	int r = wait_list_add(&c->waiting.waits, spec);

	if (r == -EOPNOTSUPP)
		log_error(&c->log, "%s: cannot be looked for, since coldplug was built without libblkid",
			  spec);
	if (r > 0)
		log_warning(&c->log, "%s: only udev makes this path", spec);
	return r < 0 ? r : 0;
}

API int coldplug_prepare_mount(struct coldplug *c, const char *spec)
{
	int r = wait_list_add(&c->waiting.mounts, spec);

	c->waiting.mounts.types = c->waiting.mounts.one_will_do = true;
	if (r == -EOPNOTSUPP)
		log_warning(&c->log, "%s: cannot be looked for, since coldplug was built without libblkid",
			    spec);
	return r < 0 ? r : 0;
}

API int coldplug_set_timeout(struct coldplug *c, unsigned int milliseconds)
{
	c->settings.timeout_ms = milliseconds;
	return 0;
}

API const char *coldplug_found(const struct coldplug *c, size_t i)
{
	return i < c->waiting.waits.specs.n ? c->waiting.waits.specs.items[i].node : NULL;
}

API const char *coldplug_found_type(const struct coldplug *c, size_t i)
{
	return i < c->waiting.waits.specs.n ? c->waiting.waits.specs.items[i].type : NULL;
}

API int coldplug_set_flag(struct coldplug *c, enum coldplug_flag flag, bool on)
{
	bool any_time = flag == COLDPLUG_AWAIT_LEAVE || flag == COLDPLUG_AWAIT_END;

	if (c->machine.opened && !any_time)
		return -EBUSY;
	if (on)
		c->settings.flags |= 1u << flag;
	else
		c->settings.flags &= ~(1u << flag);
	return any_time ? context_tell_awaited(c) : 0;
}

API bool coldplug_is_dry_run(const struct coldplug *c)
{
	return has_flag(c, COLDPLUG_DRY_RUN);
}

API void coldplug_set_log(struct coldplug *c, void (*fn)(void *userdata, int level, const char *message),
			  void *userdata, int level)
{
	c->log.fn = fn;
	c->log.userdata = userdata;
	c->log.level = level;
}

API void coldplug_set_event(struct coldplug *c,
			    void (*fn)(void *userdata, const struct coldplug_event *event), void *userdata)
{
	c->settings.event = fn;
	c->settings.event_data = userdata;
}

API void coldplug_set_act(struct coldplug *c, int (*fn)(void *userdata, const struct coldplug_act *act),
			  void *userdata)
{
	c->settings.act = fn;
	c->settings.act_data = userdata;
}

API void coldplug_set_command(struct coldplug *c,
			      int (*fn)(void *userdata, const char *module, const char *command),
			      void *userdata)
{
	c->settings.command = fn;
	c->settings.command_data = userdata;
}

API void coldplug_set_progress(struct coldplug *c, void (*fn)(void *userdata, size_t step), void *userdata)
{
	c->settings.progress = fn;
	c->settings.progress_data = userdata;
}
