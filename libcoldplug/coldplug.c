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
	c->machine.root = ROOTFS_NONE;
	c->poller = POLLER_NONE;
	c->listener.netlink.fd = -1;
	c->settings.receive_buffer = DEFAULT_RECEIVE_BUFFER;
	c->monitor.quiet_us = QUIET_US;
	c->monitor.stuck_us = STUCK_US;
	prober_init(&c->wanted.devices_prober, walk_answer, &c->machine.root, &c->log);
	prober_init(&c->waiting.disks_prober, wait_list_answer, &c->machine.root, &c->log);
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

/* What context_open() read, and all that came of it. */
static void free_contents(struct coldplug *c)
{
	planner_free(&c->machine.planner);
	lookup_free(&c->machine.lookup);
	modules_free(&c->machine.modules);
	config_free(&c->machine.config);
	moddir_close(&c->machine.dir);
	loaded_free(&c->machine.loaded);
	loaded_free(&c->answers.loaded_now);
	rootfs_close(&c->machine.root);
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
	free(c->machine.module_directory);
	c->machine.module_directory = NULL;
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
	c->machine.planner = (struct planner){};
	c->machine.lookup = (struct lookup){};
	c->machine.modules = (struct modules){};
	c->machine.config = (struct config){};
	c->machine.dir = (struct moddir){};
	c->loading.batch = (struct plan){};
	c->loading.n_results = c->loading.handed = 0;
	c->machine.opened = c->machine.loaded_known = false;
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
	prober_free(&c->wanted.devices_prober);
	prober_free(&c->waiting.disks_prober);
	loader_free(c->loading.loader);
	context_free_away(c);
	free_contents(c);
	free_aliases(c);
	wait_list_free(&c->waiting.waits);
	wait_list_free(&c->waiting.mounts);
	free_list(c->settings.config_paths);
	if (c->machine.unpacked)
		nftw(c->machine.unpacked, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(c->machine.unpacked);
	free(c->settings.root_path);
	free(c->settings.module_root);
	free(c->settings.release);
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
	int r = set_string(c, &c->settings.root_path, dir);

	if (!r && dir && strcmp(dir, "/") != 0)
		c->settings.flags |= 1u << COLDPLUG_DRY_RUN;
	return r;
}

API int coldplug_set_module_root(struct coldplug *c, const char *dir)
{
	_cleanup_free_ char *cwd = dir && dir[0] != '/' ? getcwd(NULL, 0) : NULL;
	_cleanup_free_ char *path = NULL;

	if (!dir)
		return set_string(c, &c->settings.module_root, NULL);
	if (dir[0] != '/' && !cwd)
		return -errno;
	if (asprintf(&path, "%s%s%s", cwd ? cwd + 1 : "", cwd ? "/" : "", cwd ? dir : dir + 1) < 0)
		return -ENOMEM;
	return set_string(c, &c->settings.module_root, path);
}

API int coldplug_set_release(struct coldplug *c, const char *release)
{
	if (release && (!*release || strchr(release, '/') || !strcmp(release, "..")))
		return -EINVAL;
	return set_string(c, &c->settings.release, release);
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

	if (c->machine.opened || c->machine.unpacked)
		return -EBUSY;
	if (asprintf(&dir, "%s/coldplug-replay.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
		return -ENOMEM;
	if (!mkdtemp(dir)) {
		log_error(&c->log, "%s: cannot be made: %s", dir, strerror(errno));
		return -errno;
	}
	c->machine.unpacked = steal_ptr(dir);
	fd = open(c->machine.unpacked, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return record_unpack(path, fd, &c->log) ?: coldplug_set_root(c, c->machine.unpacked);
}

API int coldplug_set_config_paths(struct coldplug *c, const char *const *paths)
{
	size_t n = 0;
	char **list;

	if (c->machine.opened)
		return -EBUSY;
	if (!paths) {
		free_list(c->settings.config_paths);
		c->settings.config_paths = NULL;
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
	free_list(c->settings.config_paths);
	c->settings.config_paths = list;
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

static bool is_directory(int fd, const char *name)
{
	struct stat st;

	return !fstatat(fd, name, &st, 0) && S_ISDIR(st.st_mode);
}

/* The only release under another root; its name, or NULL and a message. */
static char *only_release(struct coldplug *c)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char *found = NULL;
	struct dirent *de;
	int r = rootfs_opendir(&c->machine.root, "lib/modules", &dir);

	if (r < 0)
		r = rootfs_opendir(&c->machine.root, "usr/lib/modules", &dir);
	if (r < 0) {
		log_lost(&c->log, "%s/lib/modules: %s", c->machine.root.path, strerror(-r));
		return NULL;
	}
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || !is_directory(dirfd(dir), de->d_name))
			continue;
		if (found) {
			log_lost(&c->log, "%s/lib/modules: holds %s and %s: say which with --release",
				 c->machine.root.path, found, de->d_name);
			free(found);
			return NULL;
		}
		found = strdup(de->d_name);
	}
	if (!found)
		log_lost(&c->log, "%s/lib/modules: is empty", c->machine.root.path);
	return found;
}

static int choose_release(struct coldplug *c)
{
	struct utsname u;

	if (c->settings.release)
		return 0;
	if (c->machine.root.path[0]) {
		c->settings.release = only_release(c);
		return 0; /* none is told there, and lookups find nothing */
	}
	uname(&u);
	c->settings.release = strdup(u.release);
	return c->settings.release ? 0 : -ENOMEM;
}

static int read_cmdline(struct coldplug *c)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(&c->machine.root, "proc/cmdline", LIMIT_CMDLINE, &file);

	if (r == -ENOMEM)
		return r;
	if (r == -EFBIG)
		log_lost(&c->log, "/proc/cmdline: longer than %u bytes, not read", LIMIT_CMDLINE);
	else if (r == -ENOENT)
		log_debug(&c->log, "/proc/cmdline: there is none");
	else if (r < 0)
		log_lost(&c->log, "/proc/cmdline: cannot be read: %s", strerror(-r));
	return r < 0 ? 0 : config_parse_cmdline(&c->machine.config, file.data);
}

/* /proc/modules is missing from kernels without modules and from proc-less roots alike: then nothing
 * is known to be loaded. */
static int read_loaded(struct coldplug *c)
{
	int r = loaded_read(&c->machine.loaded, &c->machine.root, &c->log);

	if (r == -ENOENT)
		log_debug(&c->log, "/proc/modules: there is none");
	else if (r < 0 && r != -ENOMEM)
		log_lost(&c->log, "/proc/modules: cannot be read: %s", strerror(-r));
	for (size_t i = 0; r != -ENOMEM && i < c->machine.loaded.items.n; i++)
		if (!strcmp(c->machine.loaded.items.items[i].state, "Live"))
			r = planner_set_loaded(&c->machine.planner, c->machine.loaded.items.items[i].name);
	return r == -ENOMEM ? r : 0;
}

int context_open_root(struct coldplug *c)
{
	int r;

	if (c->machine.root.fd >= 0)
		return 0;
	r = rootfs_open(&c->machine.root, c->settings.root_path);
	if (!r)
		rootfs_pin(&c->machine.root);
	else
		log_error(&c->log, "%s: %s", c->settings.root_path ? c->settings.root_path : "/",
			  strerror(-r));
	return r;
}

/* -d takes modules and modules.softdep from elsewhere, and the rest from here. */
static int open_elsewhere(struct coldplug *c)
{
	_cleanup_free_ char *parent = NULL;
	int r;

	if (c->machine.root.path[0]) {
		log_error(&c->log, "a root and another one for the modules: only one of them can be had");
		return -EINVAL;
	}
	if (asprintf(&parent, "%s/lib/modules", c->settings.module_root) < 0)
		return -ENOMEM;
	r = moddir_open_in(&c->machine.dir, &c->machine.root, parent, c->settings.release, &c->log);
	if (!r && asprintf(&c->machine.module_directory, "/%s/%s", parent, c->settings.release) < 0)
		return -ENOMEM;
	return r;
}

static int open_moddir(struct coldplug *c, bool tell)
{
	int r;

	if (c->settings.module_root)
		return open_elsewhere(c);
	if (tell)
		return moddir_open(&c->machine.dir, &c->machine.root, c->settings.release, &c->log);
	r = moddir_open_in(&c->machine.dir, &c->machine.root, "lib/modules", c->settings.release, &c->log);
	return r
		?: moddir_open_in(&c->machine.dir, &c->machine.root, "usr/lib/modules", c->settings.release,
				  &c->log);
}

uint64_t context_fingerprint(const struct coldplug *c)
{
	const char *dirs[3] = { c->machine.dir.path };
	char lib[PATH_MAX], usr_lib[PATH_MAX];

	/* It may be mounted later. */
	if (!c->machine.dir.path && c->settings.release) {
		snprintf(lib, sizeof(lib), "%s/lib/modules/%s",
			 c->settings.module_root ? c->settings.module_root : "", c->settings.release);
		snprintf(usr_lib, sizeof(usr_lib), "usr/lib/modules/%s", c->settings.release);
		dirs[0] = lib;
		dirs[1] = usr_lib;
	}
	return fingerprint(&c->machine.root, (const char *const *)c->settings.config_paths, dirs) | 1;
}

static int open_contents(struct coldplug *c, bool tell)
{
	int r;

	if (c->machine.opened)
		return 0;
	r = context_open_root(c) ?: choose_release(c);
	if (r < 0)
		return r;
	c->machine.opened = true;
	c->machine.modules.dir = &c->machine.dir;
	c->machine.lookup = (struct lookup){ .dir = &c->machine.dir,
					     .modules = &c->machine.modules,
					     .config = &c->machine.config };
	c->machine.planner.log = &c->log;
	c->machine.planner.modules = &c->machine.modules;
	c->machine.planner.lookup = &c->machine.lookup;
	c->machine.planner.config = &c->machine.config;
	c->machine.config.log = &c->log;
	r = open_moddir(c, tell);
	if (r < 0)
		return r;
	/* Before it is read: what changes meanwhile is seen at the next look. */
	c->monitor.fingerprint = c->monitor.monitoring ? context_fingerprint(c) : 0;
	r = config_load(&c->machine.config, &c->machine.root, (const char *const *)c->settings.config_paths,
			c->machine.dir.path);
	return r ?: read_cmdline(c);
}

int context_open_for_one(struct coldplug *c)
{
	return open_contents(c, false);
}

int context_open(struct coldplug *c)
{
	int r = open_contents(c, true);

	if (r < 0 || c->machine.loaded_known)
		return r;
	c->machine.loaded_known = true;
	return read_loaded(c);
}

const char *context_path(struct coldplug *c, struct arena *arena, const char *path)
{
	return arena_printf(arena, "%s/%s", c->machine.root.path, path);
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
