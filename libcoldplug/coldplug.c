/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context: its life, its settings, and the opening of everything it reads. */
#include "libcoldplug/coldplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/context.h"
#include "engine/fingerprint.h"
#include "libcoldplug/record.h"
#include "uevent/walk.h"

#define API __attribute__((visibility("default")))

/* A device that appears in several steps (virtio, USB) has its next one within a few ms. */
#define QUIET_US 200000
/* Nearly all loads are faster, those of adapters that scan a bus included. */
#define STUCK_US 5000000

API int coldplug_new(struct coldplug **ret)
{
	struct coldplug *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->log.level = LOG_LEVEL_WARNING;
	machine_init(&c->machine, &c->settings.paths, &c->log);
	c->poller = POLLER_NONE;
	c->listener.netlink.fd = -1;
	c->settings.receive_buffer = DEFAULT_RECEIVE_BUFFER;
	c->monitor.quiet_us = QUIET_US;
	c->monitor.stuck_us = STUCK_US;
	asker_init(&c->wanted.devices_asker, walk_answer, &c->machine.root, &c->log);
	asker_init(&c->waiting.disks_asker, wait_list_answer, &c->machine.root, &c->log);
	c->settings.flags = 1u << COLDPLUG_ASYNC_PROBE | 1u << COLDPLUG_FOUND_TYPE | 1u << COLDPLUG_FIRMWARE |
		1u << COLDPLUG_COMPANIONS;
	c->loading.start_us = clock_now_us();
	*ret = c;
	return 0;
}

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static void free_aliases(struct coldplug *c)
{
	device_set_free(&c->wanted.devices);
	array_free(&c->wanted.alias_seen);
	array_free(&c->wanted.new_aliases);
}

/* What was read, and all that came of it. */
static void free_contents(struct coldplug *c)
{
	machine_close(&c->machine);
	loaded_free(&c->answers.loaded_now);
	array_free(&c->loading.results);
	free(c->answers.step_path);
	c->answers.step_path = NULL;
	array_free(&c->answers.names);
	array_free(&c->answers.undriven);
	array_free(&c->answers.withheld);
	array_free(&c->answers.not_found_names);
	array_free(&c->answers.reasons);
	array_free(&c->answers.loaded_answer);
	array_free(&c->answers.matches.items);
	array_free(&c->answers.closure.items);
	array_free(&c->answers.files);
}

void context_reset(struct coldplug *c, bool keep_aliases)
{
	/* A loading process that was given nothing yet is as good as new. */
	if (c->loading.handed)
		loader_free(c->loading.loader);
	if (c->loading.handed)
		c->loading.loader = NULL;
	free_contents(c);
	if (!keep_aliases)
		free_aliases(c);
	c->loading.batch = (struct plan){};
	c->loading.n_results = c->loading.handed = 0;
	context_want_again(c);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path) < 0 ? -1 : 0;
}

API struct coldplug *coldplug_free(struct coldplug *c)
{
	if (!c)
		return NULL;
	context_stop_listening(c);
	record_abort(c->listener.record);
	asker_free(&c->wanted.devices_asker);
	asker_free(&c->waiting.disks_asker);
	loader_free(c->loading.loader);
	context_free_away(c);
	free_contents(c);
	free_aliases(c);
	wait_list_free(&c->waiting.waits);
	wait_list_free(&c->waiting.mounts);
	free_list(c->settings.paths.config);
	if (c->settings.unpacked)
		nftw(c->settings.unpacked, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(c->settings.unpacked);
	free(c->settings.paths.root);
	free(c->settings.paths.module_root);
	free(c->settings.paths.release);
	free(c->settings.report_path);
	free(c->settings.record_path);
	free(c);
	return NULL;
}

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

API int coldplug_set_module_root(struct coldplug *c, const char *dir)
{
	_cleanup_free_ char *cwd = dir && dir[0] != '/' ? getcwd(NULL, 0) : NULL;
	_cleanup_free_ char *path = NULL;

	if (!dir)
		return set_string(c, &c->settings.paths.module_root, NULL);
	if (dir[0] != '/' && !cwd)
		return -errno;
	if (asprintf(&path, "%s%s%s", cwd ? cwd + 1 : "", cwd ? "/" : "", cwd ? dir : dir + 1) < 0)
		return -ENOMEM;
	return set_string(c, &c->settings.paths.module_root, path);
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

API int coldplug_set_record(struct coldplug *c, const char *path)
{
	return set_string(c, &c->settings.record_path, path);
}

API int coldplug_set_recording(struct coldplug *c, const char *path)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int fd = -1;

	if (c->machine.opened || c->settings.unpacked)
		return -EBUSY;
	if (asprintf(&dir, "%s/coldplug-replay.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
		return -ENOMEM;
	if (!mkdtemp(dir)) {
		log_error(&c->log, "%s: cannot be made: %s", dir, strerror(errno));
		return -errno;
	}
	c->settings.unpacked = steal_ptr(dir);
	fd = open(c->settings.unpacked, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return record_unpack(path, fd, &c->log) ?: coldplug_set_root(c, c->settings.unpacked);
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
		log_error(&c->log, "%s: this coldplug is built without libblkid and cannot look for it",
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
		log_warning(&c->log, "%s: this coldplug is built without libblkid and cannot look for it",
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
	if (c->machine.opened)
		return -EBUSY;
	if (on)
		c->settings.flags |= 1u << flag;
	else
		c->settings.flags &= ~(1u << flag);
	return 0;
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

API void coldplug_set_progress(struct coldplug *c, void (*fn)(void *userdata, size_t step), void *userdata)
{
	c->settings.progress = fn;
	c->settings.progress_data = userdata;
}

/* Since 5.17 every load waits for all asynchronous probes (commit 67d6212afda2); before, and for a
 * module without any of its own, there is nothing to spare. */
static bool kernel_synchronizes(void)
{
	unsigned long major, minor;
	struct utsname u;
	char *end;

	if (uname(&u) < 0)
		return false;
	major = strtoul(u.release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return major > 5 || (major == 5 && minor >= 17);
}

bool context_async_probe(const struct coldplug *c)
{
	return has_flag(c, COLDPLUG_ASYNC_PROBE) && kernel_synchronizes();
}

API int coldplug_start(struct coldplug *c)
{
	struct loader_options options = { .jobs = c->settings.jobs,
					  .ops = c->settings.kernel_ops,
					  .ops_data = c->settings.kernel_data };
	int r = context_open(c);

	if (r < 0 || c->loading.loader || has_flag(c, COLDPLUG_DRY_RUN))
		return r;
	options.root = c->machine.root.path;
	options.rootfd = c->machine.root.fd;
	options.async_probe = context_async_probe(c);
	r = loader_start(&c->loading.loader, &options);
	if (r < 0) {
		log_error(&c->log, "the process that loads cannot be started: %s", strerror(-r));
		return r;
	}
	if (!c->settings.report_path || c->loading.report_error || c->monitor.monitoring)
		return 0;
	/* A machine is to boot without its report too. */
	c->loading.report_error = loader_report_open(c->loading.loader, c->settings.report_path);
	if (c->loading.report_error < 0)
		log_error(&c->log, "%s: the report cannot be written: %s", c->settings.report_path,
			  strerror(-c->loading.report_error));
	return 0;
}
