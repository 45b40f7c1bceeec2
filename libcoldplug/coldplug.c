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
#include <time.h>
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
	c->root = ROOTFS_NONE;
	c->epoll_fd = -1;
	c->wake_fd = -1;
	c->netlink.fd = -1;
	c->receive_buffer = DEFAULT_RECEIVE_BUFFER;
	c->timer_fd = -1;
	c->quiet_us = QUIET_US;
	c->stuck_us = STUCK_US;
	asker_init(&c->devices_asker, walk_answer, &c->root, &c->log);
	asker_init(&c->disks_asker, wait_list_answer, &c->root, &c->log);
	c->flags = 1u << COLDPLUG_ASYNC_PROBE | 1u << COLDPLUG_FOUND_TYPE |
		   1u << COLDPLUG_FIRMWARE | 1u << COLDPLUG_COMPANIONS;
	c->start_us = context_now_us();
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
	device_set_free(&c->devices);
	array_free(&c->alias_seen);
	array_free(&c->new_aliases);
}

/* What context_open() read, and all that came of it. */
static void free_contents(struct coldplug *c)
{
	planner_free(&c->planner);
	lookup_free(&c->lookup);
	modules_free(&c->modules);
	config_free(&c->config);
	moddir_close(&c->dir);
	loaded_free(&c->loaded);
	loaded_free(&c->loaded_now);
	rootfs_close(&c->root);
	array_free(&c->results);
	free(c->step_path);
	c->step_path = NULL;
	array_free(&c->names);
	array_free(&c->undriven);
	array_free(&c->withheld);
	array_free(&c->not_found_names);
	array_free(&c->reasons);
	array_free(&c->loaded_answer);
	array_free(&c->matches.items);
	free(c->module_directory);
	c->module_directory = NULL;
	array_free(&c->files);
}

void context_reset(struct coldplug *c, bool keep_aliases)
{
	/* A loading process that was given nothing yet is as good as new. */
	if (c->handed)
		loader_free(c->loader);
	if (c->handed)
		c->loader = NULL;
	free_contents(c);
	if (!keep_aliases)
		free_aliases(c);
	c->planner = (struct planner){};
	c->lookup = (struct lookup){};
	c->modules = (struct modules){};
	c->config = (struct config){};
	c->dir = (struct moddir){};
	c->batch = (struct plan){};
	c->n_results = c->handed = 0;
	c->opened = c->loaded_known = false;
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
	record_abort(c->record);
	asker_free(&c->devices_asker);
	asker_free(&c->disks_asker);
	loader_free(c->loader);
	context_free_away(c);
	free_contents(c);
	free_aliases(c);
	wait_list_free(&c->waits);
	wait_list_free(&c->mounts);
	free_list(c->config_paths);
	if (c->unpacked)
		nftw(c->unpacked, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(c->unpacked);
	free(c->root_path);
	free(c->module_root);
	free(c->release);
	free(c->report_path);
	free(c->record_path);
	free(c);
	return NULL;
}

uint64_t context_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int set_string(struct coldplug *c, char **place, const char *value)
{
	char *copy = NULL;

	if (c->opened)
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
	int r = set_string(c, &c->root_path, dir);

	if (!r && dir && strcmp(dir, "/") != 0)
		c->flags |= 1u << COLDPLUG_DRY_RUN;
	return r;
}

API int coldplug_set_module_root(struct coldplug *c, const char *dir)
{
	_cleanup_free_ char *cwd = dir && dir[0] != '/' ? getcwd(NULL, 0) : NULL;
	_cleanup_free_ char *path = NULL;

	if (!dir)
		return set_string(c, &c->module_root, NULL);
	if (dir[0] != '/' && !cwd)
		return -errno;
	if (asprintf(&path, "%s%s%s", cwd ? cwd + 1 : "", cwd ? "/" : "", cwd ? dir : dir + 1) < 0)
		return -ENOMEM;
	return set_string(c, &c->module_root, path);
}

API int coldplug_set_release(struct coldplug *c, const char *release)
{
	if (release && (!*release || strchr(release, '/') || !strcmp(release, "..")))
		return -EINVAL;
	return set_string(c, &c->release, release);
}

API int coldplug_set_report(struct coldplug *c, const char *path)
{
	return set_string(c, &c->report_path, path);
}

API int coldplug_set_record(struct coldplug *c, const char *path)
{
	return set_string(c, &c->record_path, path);
}

API int coldplug_set_recording(struct coldplug *c, const char *path)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int fd = -1;

	if (c->opened || c->unpacked)
		return -EBUSY;
	if (asprintf(&dir, "%s/coldplug-replay.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
		return -ENOMEM;
	if (!mkdtemp(dir)) {
		log_error(&c->log, "%s: cannot be made: %s", dir, strerror(errno));
		return -errno;
	}
	c->unpacked = steal_ptr(dir);
	fd = open(c->unpacked, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return record_unpack(path, fd, &c->log) ?: coldplug_set_root(c, c->unpacked);
}

API int coldplug_set_config_paths(struct coldplug *c, const char *const *paths)
{
	size_t n = 0;
	char **list;

	if (c->opened)
		return -EBUSY;
	if (!paths) {
		free_list(c->config_paths);
		c->config_paths = NULL;
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
	free_list(c->config_paths);
	c->config_paths = list;
	return 0;
}

API int coldplug_set_jobs(struct coldplug *c, unsigned int jobs)
{
	if (c->opened)
		return -EBUSY;
	c->jobs = jobs;
	return 0;
}

API int coldplug_set_receive_buffer(struct coldplug *c, unsigned int bytes)
{
	if (!bytes || bytes > INT_MAX / 2)
		return -EINVAL;
	if (c->listening)
		return -EBUSY;
	c->receive_buffer = (int)bytes;
	return 0;
}

API int coldplug_wait_for(struct coldplug *c, const char *spec)
{
	int r = wait_list_add(&c->waits, spec);

	if (r == -EOPNOTSUPP)
		log_error(&c->log, "%s: this coldplug is built without libblkid and cannot look for it", spec);
	if (r > 0)
		log_warning(&c->log, "%s: only udev makes this path", spec);
	return r < 0 ? r : 0;
}

API int coldplug_prepare_mount(struct coldplug *c, const char *spec)
{
	int r = wait_list_add(&c->mounts, spec);

	c->mounts.types = c->mounts.one_will_do = true;
	if (r == -EOPNOTSUPP)
		log_warning(&c->log, "%s: this coldplug is built without libblkid and cannot look for it", spec);
	return r < 0 ? r : 0;
}

API int coldplug_set_timeout(struct coldplug *c, unsigned int milliseconds)
{
	c->timeout_ms = milliseconds;
	return 0;
}

API const char *coldplug_found(const struct coldplug *c, size_t i)
{
	return i < c->waits.specs.n ? c->waits.specs.items[i].node : NULL;
}

API const char *coldplug_found_type(const struct coldplug *c, size_t i)
{
	return i < c->waits.specs.n ? c->waits.specs.items[i].type : NULL;
}

API int coldplug_set_flag(struct coldplug *c, enum coldplug_flag flag, bool on)
{
	if (c->opened)
		return -EBUSY;
	if (on)
		c->flags |= 1u << flag;
	else
		c->flags &= ~(1u << flag);
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

API void coldplug_set_event(struct coldplug *c, void (*fn)(void *userdata, const struct coldplug_event *event),
			    void *userdata)
{
	c->event = fn;
	c->event_data = userdata;
}

API void coldplug_set_act(struct coldplug *c, int (*fn)(void *userdata, const struct coldplug_act *act),
			  void *userdata)
{
	c->act = fn;
	c->act_data = userdata;
}

API void coldplug_set_progress(struct coldplug *c, void (*fn)(void *userdata, size_t step), void *userdata)
{
	c->progress = fn;
	c->progress_data = userdata;
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
	int r = rootfs_opendir(&c->root, "lib/modules", &dir);

	if (r < 0)
		r = rootfs_opendir(&c->root, "usr/lib/modules", &dir);
	if (r < 0) {
		log_lost(&c->log, "%s/lib/modules: %s", c->root.path, strerror(-r));
		return NULL;
	}
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || !is_directory(dirfd(dir), de->d_name))
			continue;
		if (found) {
			log_lost(&c->log, "%s/lib/modules: holds %s and %s: say which with --release", c->root.path,
				 found, de->d_name);
			free(found);
			return NULL;
		}
		found = strdup(de->d_name);
	}
	if (!found)
		log_lost(&c->log, "%s/lib/modules: is empty", c->root.path);
	return found;
}

static int choose_release(struct coldplug *c)
{
	struct utsname u;

	if (c->release)
		return 0;
	if (c->root.path[0]) {
		c->release = only_release(c);
		return 0; /* none is told there, and lookups find nothing */
	}
	uname(&u);
	c->release = strdup(u.release);
	return c->release ? 0 : -ENOMEM;
}

static int read_cmdline(struct coldplug *c)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(&c->root, "proc/cmdline", LIMIT_CMDLINE, &file);

	if (r == -ENOMEM)
		return r;
	if (r == -EFBIG)
		log_lost(&c->log, "/proc/cmdline: longer than %u bytes, not read", LIMIT_CMDLINE);
	else if (r == -ENOENT)
		log_debug(&c->log, "/proc/cmdline: there is none");
	else if (r < 0)
		log_lost(&c->log, "/proc/cmdline: cannot be read: %s", strerror(-r));
	return r < 0 ? 0 : config_parse_cmdline(&c->config, file.data);
}

/* /proc/modules is missing from kernels without modules and from proc-less roots alike: then nothing
 * is known to be loaded. */
static int read_loaded(struct coldplug *c)
{
	int r = loaded_read(&c->loaded, &c->root, &c->log);

	if (r == -ENOENT)
		log_debug(&c->log, "/proc/modules: there is none");
	else if (r < 0 && r != -ENOMEM)
		log_lost(&c->log, "/proc/modules: cannot be read: %s", strerror(-r));
	for (size_t i = 0; r != -ENOMEM && i < c->loaded.items.n; i++)
		if (!strcmp(c->loaded.items.items[i].state, "Live"))
			r = planner_set_loaded(&c->planner, c->loaded.items.items[i].name);
	return r == -ENOMEM ? r : 0;
}

int context_open_root(struct coldplug *c)
{
	int r;

	if (c->root.fd >= 0)
		return 0;
	r = rootfs_open(&c->root, c->root_path);
	if (!r)
		rootfs_pin(&c->root);
	else
		log_error(&c->log, "%s: %s", c->root_path ? c->root_path : "/", strerror(-r));
	return r;
}

/* -d takes modules and modules.softdep from elsewhere, and the rest from here. */
static int open_elsewhere(struct coldplug *c)
{
	_cleanup_free_ char *parent = NULL;
	int r;

	if (c->root.path[0]) {
		log_error(&c->log, "a root and another one for the modules: only one of them can be had");
		return -EINVAL;
	}
	if (asprintf(&parent, "%s/lib/modules", c->module_root) < 0)
		return -ENOMEM;
	r = moddir_open_in(&c->dir, &c->root, parent, c->release, &c->log);
	if (!r && asprintf(&c->module_directory, "/%s/%s", parent, c->release) < 0)
		return -ENOMEM;
	return r;
}

static int open_moddir(struct coldplug *c, bool tell)
{
	int r;

	if (c->module_root)
		return open_elsewhere(c);
	if (tell)
		return moddir_open(&c->dir, &c->root, c->release, &c->log);
	r = moddir_open_in(&c->dir, &c->root, "lib/modules", c->release, &c->log);
	return r ?: moddir_open_in(&c->dir, &c->root, "usr/lib/modules", c->release, &c->log);
}

uint64_t context_fingerprint(const struct coldplug *c)
{
	const char *dirs[3] = { c->dir.path };
	char lib[PATH_MAX], usr_lib[PATH_MAX];

	/* It may be mounted later. */
	if (!c->dir.path && c->release) {
		snprintf(lib, sizeof(lib), "%s/lib/modules/%s", c->module_root ? c->module_root : "", c->release);
		snprintf(usr_lib, sizeof(usr_lib), "usr/lib/modules/%s", c->release);
		dirs[0] = lib;
		dirs[1] = usr_lib;
	}
	return fingerprint(&c->root, (const char *const *)c->config_paths, dirs) | 1;
}

static int open_contents(struct coldplug *c, bool tell)
{
	int r;

	if (c->opened)
		return 0;
	r = context_open_root(c) ?: choose_release(c);
	if (r < 0)
		return r;
	c->opened = true;
	c->modules.dir = &c->dir;
	c->lookup = (struct lookup){ .dir = &c->dir, .modules = &c->modules, .config = &c->config };
	c->planner.log = &c->log;
	c->planner.modules = &c->modules;
	c->planner.lookup = &c->lookup;
	c->planner.config = &c->config;
	c->config.log = &c->log;
	r = open_moddir(c, tell);
	if (r < 0)
		return r;
	/* Before it is read: what changes meanwhile is seen at the next look. */
	c->fingerprint = c->monitoring ? context_fingerprint(c) : 0;
	r = config_load(&c->config, &c->root, (const char *const *)c->config_paths, c->dir.path);
	return r ?: read_cmdline(c);
}

int context_open_for_one(struct coldplug *c)
{
	return open_contents(c, false);
}

int context_open(struct coldplug *c)
{
	int r = open_contents(c, true);

	if (r < 0 || c->loaded_known)
		return r;
	c->loaded_known = true;
	return read_loaded(c);
}

const char *context_path(struct coldplug *c, struct arena *arena, const char *path)
{
	return arena_printf(arena, "%s/%s", c->root.path, path);
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
	struct loader_options options = { .jobs = c->jobs, .ops = c->kernel_ops, .ops_data = c->kernel_data };
	int r = context_open(c);

	if (r < 0 || c->loader || has_flag(c, COLDPLUG_DRY_RUN))
		return r;
	options.root = c->root.path;
	options.rootfd = c->root.fd;
	options.async_probe = context_async_probe(c);
	r = loader_start(&c->loader, &options);
	if (r < 0) {
		log_error(&c->log, "the process that loads cannot be started: %s", strerror(-r));
		return r;
	}
	if (!c->report_path || c->report_error || c->monitoring)
		return 0;
	/* A machine is to boot without its report too. */
	c->report_error = loader_report_open(c->loader, c->report_path);
	if (c->report_error < 0)
		log_error(&c->log, "%s: the report cannot be written: %s", c->report_path, strerror(-c->report_error));
	return 0;
}
