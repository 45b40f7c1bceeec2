/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wanted: by devices, by name, by configuration. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/cmdline.h"
#include "libcoldplug/context.h"
#include "uevent/devicetree.h"
#include "uevent/walk.h"

#define API __attribute__((visibility("default")))

/* linux/magic.h, which musl's headers lack */
#define RAMFS_MAGIC 0x858458f6
#define TMPFS_MAGIC 0x01021994

static int compare_aliases(const void *a, const void *b, void *strings)
{
	const char *const *s = strings;

	return strcmp(s[*(const uint32_t *)a], s[*(const uint32_t *)b]);
}

/* Aliases that are new become requests, in bytewise order: the same devices give the same plan. */
int64_t context_request_devices(struct coldplug *c)
{
	uint32_t flags = REQUEST_DEVICE | REQUEST_BLACKLIST;
	size_t n = c->wanted.new_aliases.n;

	if (!n)
		return 0;
	if (has_flag(c, COLDPLUG_DRY_RUN))
		flags |= REQUEST_SHOW;
	if (has_flag(c, COLDPLUG_IGNORE_LOADED))
		flags |= REQUEST_IGNORE_LOADED;
	qsort_r(c->wanted.new_aliases.items, n, sizeof(*c->wanted.new_aliases.items), compare_aliases,
		c->wanted.devices.aliases.strings);
	for (size_t i = 0; i < n; i++) {
		const char *alias = intern_string(&c->wanted.devices.aliases, c->wanted.new_aliases.items[i]);
		int64_t id = planner_request(&c->machine.planner, alias, NULL, flags);

		if (id < 0)
			return id;
		/* What it waits for is in flight elsewhere (away.c): it is as if it had not been seen. */
		if (c->machine.planner.requests.items[id].deferred)
			c->wanted.alias_seen.items[c->wanted.new_aliases.items[i]] = ALIAS_NEW;
	}
	c->wanted.new_aliases.n = 0;
	c->wanted.n_aliases += n;
	return (int64_t)n;
}

/* An alias becomes a request when it is first seen, and again when a device that had it has gone. */
static int add_alias(struct coldplug *c, const char *alias)
{
	uint32_t id = intern_add(&c->wanted.devices.aliases, alias, strlen(alias));
	int r = id == INTERN_NONE ? -ENOMEM : 0;
	uint8_t seen;

	while (!r && c->wanted.alias_seen.n < c->wanted.devices.aliases.n)
		r = array_push(&c->wanted.alias_seen, ALIAS_NEW);
	if (r < 0)
		return r;
	seen = c->wanted.alias_seen.items[id];
	c->wanted.alias_seen.items[id] = ALIAS_SEEN;
	return seen == ALIAS_NEW ? array_push(&c->wanted.new_aliases, id) : 0;
}

void context_age_aliases(struct coldplug *c)
{
	for (size_t i = 0; i < c->wanted.alias_seen.n; i++)
		c->wanted.alias_seen.items[i] =
			c->wanted.alias_seen.items[i] == ALIAS_SEEN ? ALIAS_AGED : ALIAS_NEW;
}

void context_forget_alias(struct coldplug *c, const char *alias)
{
	uint32_t id = intern_find(&c->wanted.devices.aliases, alias, strcspn(alias, "\n"));

	if (id != INTERN_NONE && id < c->wanted.alias_seen.n)
		c->wanted.alias_seen.items[id] = ALIAS_NEW;
}

int context_add_device(struct coldplug *c, const char *devpath, const char *alias)
{
	int r = 0;

	/* Who stays for days keeps no list of the devices that came and went. */
	if (!c->monitor.monitoring)
		r = device_set_add(&c->wanted.devices, devpath, alias, strlen(alias));
	return r < 0 ? r : add_alias(c, alias);
}

static const char *event_key(void *userdata, const char *key, size_t *len)
{
	const char *value = uevent_find(userdata, key);

	if (value)
		*len = strlen(value);
	return value;
}

/* The alias without the newline that some have. */
static const char *event_alias(const struct uevent *e, char alias[LIMIT_ALIAS + 1])
{
	snprintf(alias, LIMIT_ALIAS + 1, "%.*s", (int)strcspn(e->modalias, "\n"), e->modalias);
	return alias;
}

int context_add_event(struct coldplug *c, const struct uevent *e)
{
	char alias[LIMIT_ALIAS + 1], of[LIMIT_ALIAS + 1];
	int r = e->modalias ? context_add_device(c, e->devpath, event_alias(e, alias)) : 0;

	if (!r && has_flag(c, COLDPLUG_DEVICETREE) && devicetree_alias(event_key, (void *)e, of))
		r = context_add_device(c, e->devpath, of);
	return r;
}

static int found_device(void *userdata, const char *devpath, const char *alias)
{
	return context_add_device(userdata, devpath, alias);
}

static int ask_device(void *userdata, const char *question)
{
	struct coldplug *c = userdata;

	return prober_add(&c->wanted.devices_prober, question);
}

int context_walk(struct coldplug *c)
{
	int r = context_open(c);

	if (r < 0)
		return r;
	r = walk_devices(&c->machine.root, has_flag(c, COLDPLUG_DEVICETREE), &c->log, found_device,
			 ask_device, c);
	/* Who walks again and again says so once. */
	if (r < 0 && r != -ENOMEM && !c->wanted.walk_failed)
		log_lost(&c->log, "%s/sys/devices: cannot be opened: %s", c->machine.root.path, strerror(-r));
	c->wanted.walk_failed = r < 0;
	return r;
}

static int take_device(void *userdata, const struct probe_answer *answer)
{
	struct coldplug *c = userdata;

	return walk_take_answer(answer->question, answer->error, answer->data, &c->log, found_device, c);
}

int context_take_devices(struct coldplug *c)
{
	return prober_take(&c->wanted.devices_prober, take_device, c);
}

API int64_t coldplug_walk(struct coldplug *c)
{
	int r = context_walk(c);

	if (!r)
		r = prober_wait(&c->wanted.devices_prober, take_device, c);
	return r < 0 ? r : context_request_devices(c);
}

static const char *const result_words[] = {
	[REQUEST_NOTHING] = "not found in",
	[REQUEST_INVALID] = "not an alias, its '[' and ']' do not match; not looked for in",
};

static void tell_not_found(struct coldplug *c, const struct request *request)
{
	const char *where = c->machine.dir.path ? c->machine.dir.path : "lib/modules";

	c->wanted.not_found++;
	if (request->origin.line)
		log_error(&c->log, "%s:%u: module '%s': %s %s/%s", request->origin.file, request->origin.line,
			  request->text, result_words[request->result], c->machine.root.path, where);
	else
		log_error(&c->log, "%s%smodule '%s': %s %s/%s",
			  request->origin.file ? request->origin.file : "", request->origin.file ? ": " : "",
			  request->text, result_words[request->result], c->machine.root.path, where);
}

static int want(struct coldplug *c, const char *name, const char *params, uint32_t flags,
		struct origin origin)
{
	int64_t id;
	struct request *request;

	flags |= has_flag(c, COLDPLUG_BLACKLIST) ? REQUEST_BLACKLIST : 0;
	flags |= has_flag(c, COLDPLUG_IGNORE_INSTALL) ? REQUEST_IGNORE_COMMAND : 0;
	flags |= has_flag(c, COLDPLUG_DRY_RUN) ? REQUEST_SHOW : 0;
	flags |= has_flag(c, COLDPLUG_IGNORE_LOADED) ? REQUEST_IGNORE_LOADED : 0;
	id = planner_request(&c->machine.planner, name, params, flags);
	if (id < 0)
		return (int)id;
	request = &c->machine.planner.requests.items[id];
	request->origin = origin;
	c->wanted.put_off = c->wanted.put_off || request->deferred;
	if (request->result != REQUEST_NOTHING && request->result != REQUEST_INVALID)
		return 1;
	tell_not_found(c, request);
	return 0;
}

/* As the user wrote it, but absolute. */
static char *absolute_path(const char *path)
{
	_cleanup_free_ char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *joined;

	if (!cwd)
		return path[0] == '/' ? strdup(path) : NULL;
	return asprintf(&joined, "%s/%s", cwd, path[0] == '.' && path[1] == '/' ? path + 2 : path) < 0
		? NULL
		: joined;
}

/* The module is called like its file. Relative paths are the caller's; under another root a path is one
 * there. */
int context_name_of_path(struct coldplug *c, const char *path, char *name)
{
	_cleanup_free_ char *real = c->machine.root.path[0] ? strdup(path) : absolute_path(path);
	_cleanup_close_ int fd = real && real[0] == '/' ? rootfs_openat(&c->machine.root, real, O_PATH) : -1;
	uint32_t id;
	size_t n;

	if (fd < 0)
		return 0;
	n = normalise_name(strrchr(real, '/') + 1, name, LIMIT_NAME + 1);
	id = n ? modules_id(&c->machine.modules, name, n) : MODULE_NONE;
	if (id == MODULE_NONE || modules_set_path(&c->machine.modules, id, real) < 0)
		return n ? -ENOMEM : -EINVAL;
	return 1;
}

static int want_path(struct coldplug *c, const char *path, const char *params)
{
	char name[LIMIT_NAME + 1];
	int r = context_name_of_path(c, path, name);

	if (r > 0)
		return want(c, name, params, REQUEST_EXACT, (struct origin){});
	if (r < 0)
		return r;
	c->wanted.not_found++;
	log_error(&c->log, "%s: no such file", path);
	return 0;
}

API int coldplug_want(struct coldplug *c, const char *name, const char *params)
{
	int r = context_open(c);

	if (r < 0)
		return r;
	if (params && strlen(params) > LIMIT_PARAMS) {
		log_error(&c->log, "parameters of %s are longer than %u bytes", name, LIMIT_PARAMS);
		return -E2BIG;
	}
	return strchr(name, '/') ? want_path(c, name, params) : want(c, name, params, 0, (struct origin){});
}

static int want_filesystem(struct coldplug *c, struct wait_spec *spec)
{
	bool put_off = c->wanted.put_off;
	char alias[64];
	int r;

	snprintf(alias, sizeof(alias), "fs-%.50s", spec->type);
	/* What is built in, and what is no file system (LVM2_member), is nothing to say a word about. */
	c->machine.lookup.names_only = true;
	r = lookup_alias(&c->machine.lookup, alias, &c->answers.matches);
	c->machine.lookup.names_only = c->wanted.put_off = false;
	if (r > 0)
		r = coldplug_want(c, alias, NULL);
	spec->put_off = c->wanted.put_off;
	c->wanted.put_off = put_off;
	if (!spec->put_off)
		free(steal_ptr(spec->type));
	return r;
}

int context_want_filesystems(struct coldplug *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->waiting.mounts.specs.n; i++) {
		struct wait_spec *spec = &c->waiting.mounts.specs.items[i];

		if (spec->type && !spec->put_off)
			r = want_filesystem(c, spec);
	}
	return r < 0 ? r : 0;
}

void context_want_again(struct coldplug *c)
{
	c->wanted.configure = c->wanted.configure || c->wanted.put_off;
	c->wanted.put_off = false;
	for (size_t i = 0; i < c->waiting.mounts.specs.n; i++)
		c->waiting.mounts.specs.items[i].put_off = false;
}

/* A file of modules-load.d: a name a line, '#' and ';' begin comments (modules-load.d(5)). Blacklists
 * count, as for systemd-modules-load(8). */
static int want_file(struct coldplug *c, const char *path)
{
	_cleanup_file_ struct file_bytes file = {};
	struct origin origin = { arena_strdup(&c->machine.planner.arena, path), 0 };
	int r = rootfs_read(&c->machine.root, path, LIMIT_CONFIG_FILE, &file);
	char *rest = file.data;

	if (r == -ENOMEM || !origin.file)
		return -ENOMEM;
	if (r < 0 && !config_is_mask(&c->machine.root, path))
		log_lost(&c->log, "%s: cannot be read: %s", path, strerror(-r));
	if (r < 0)
		return 0;
	for (char *line; r >= 0 && (line = strsep(&rest, "\n"));) {
		origin.line++;
		line += strspn(line, " \t\r");
		line[strcspn(line, " \t\r")] = '\0';
		if (*line && *line != '#' && *line != ';')
			r = want(c, line, NULL, REQUEST_BLACKLIST, origin);
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
	int r = rootfs_opendir(&c->machine.root, path, &dir);

	if (r < 0) {
		if (r != -ENOENT)
			log_lost(&c->log, "%s: cannot be read: %s", path, strerror(-r));
		return 0;
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

const char *const context_load_paths[] = {
	"/etc/modules-load.d",	   "/run/modules-load.d", "/usr/local/lib/modules-load.d",
	"/usr/lib/modules-load.d", "/lib/modules-load.d", NULL,
};

static int want_files(struct coldplug *c)
{
	struct load_files list = {};
	int r = 0;

	for (const char *const *dir = context_load_paths; !r && *dir; dir++)
		r = list_load_directory(c, &list, *dir);
	if (list.items.n)
		qsort(list.items.items, list.items.n, sizeof(*list.items.items), compare_load_files);
	for (size_t i = 0; !r && i < list.items.n; i++)
		r = want_file(c, list.items.items[i].path);
	array_free(&list.items);
	arena_free(&list.arena);
	return r;
}

/* '-' and '_' are equal in a parameter's name (kernel/params.c). */
static bool is_param(const char *param, const char *name)
{
	for (; *param && *name; param++, name++)
		if (*param != *name && !(*param == '-' && *name == '_'))
			return false;
	return *param == *name;
}

/* What begins with "rd." is for an initramfs, as systemd tells one. */
static bool is_initramfs(const struct rootfs *root)
{
	_cleanup_close_ int fd = rootfs_openat(root, "etc/initrd-release", O_PATH);
	struct statfs fs;

	return fd >= 0 || (!fstatfs(root->fd, &fs) && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC));
}

/* systemd-modules-load(8): modules_load= and rd.modules_load=, comma-separated. */
static int want_from_cmdline(struct coldplug *c)
{
	_cleanup_file_ struct file_bytes file = {};
	bool rd = is_initramfs(&c->machine.root);
	struct cmdline_arg arg;
	char *rest;
	int r = rootfs_read(&c->machine.root, "proc/cmdline", LIMIT_CMDLINE, &file);

	if (r < 0)
		return r == -ENOMEM ? r : 0; /* told when it was read for the configuration */
	rest = file.data;
	r = 0;
	while (r >= 0 && cmdline_next(&rest, &arg)) {
		char *list = (char *)arg.value;

		if (!list ||
		    (!is_param(arg.param, "modules_load") && !(rd && is_param(arg.param, "rd.modules_load"))))
			continue;
		for (char *name; r >= 0 && (name = strsep(&list, ","));)
			r = *name ? want(c, name, NULL, REQUEST_BLACKLIST,
					 (struct origin){ "kernel command line", 0 })
				  : 0;
	}
	return r < 0 ? r : 0;
}

API int coldplug_want_configured(struct coldplug *c)
{
	int r = context_open(c);

	return r ?: want_from_cmdline(c) ?: want_files(c);
}

API int coldplug_want_loaded(struct coldplug *c)
{
	int r = context_open(c);

	for (size_t i = 0; r >= 0 && i < c->machine.loaded.items.n; i++) {
		const char *name = c->machine.loaded.items.items[i].name;
		uint32_t id = modules_id(&c->machine.modules, name, strlen(name));
		const struct module *m = id == MODULE_NONE ? NULL : modules_get(&c->machine.modules, id);

		if (!m)
			return -ENOMEM;
		if (m->path)
			r = want(c, name, NULL, REQUEST_EXACT, (struct origin){});
		else
			log_warning(&c->log, "%s is loaded, but %s/%s has no such module", name,
				    c->machine.root.path,
				    c->machine.dir.path ? c->machine.dir.path : "lib/modules");
	}
	return r < 0 ? r : 0;
}
