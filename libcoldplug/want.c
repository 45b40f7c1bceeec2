/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wanted: by devices, by name, by configuration. */
#include "libcoldplug/want.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/cmdline.h"
#include "base/limits.h"
#include "engine/conf-files.h"
#include "engine/priority.h"
#include "uevent/devicetree.h"
#include "uevent/glimpse.h"
#include "uevent/walk.h"

#define API __attribute__((visibility("default")))

/* linux/magic.h, which musl's headers lack */
#define RAMFS_MAGIC 0x858458f6
#define TMPFS_MAGIC 0x01021994

/* The flags of every request that is made here. */
uint32_t context_request_flags(const struct coldplug *c)
{
	uint32_t flags = REQUEST_BANS | (has_flag(c, COLDPLUG_DRY_RUN) ? REQUEST_SHOW : 0);

	return has_flag(c, COLDPLUG_IGNORE_LOADED) ? flags | REQUEST_IGNORE_LOADED : flags;
}

int64_t context_request_devices(struct coldplug *c)
{
	return wanted_request_aliases(&c->wanted, &c->machine.planner, context_request_flags(c));
}

/* A monitor keeps no list of the devices that came and went: it runs for days. */
static int add_device(struct coldplug *c, const char *devpath, const char *alias)
{
	return wanted_add_device(&c->wanted, devpath, alias, !c->monitor.monitoring);
}

static const char *event_key(void *userdata, const char *key, size_t *len)
{
	const char *value = uevent_find(userdata, key);

	if (value)
		*len = strlen(value);
	return value;
}

/* The alias without the newline that a processor's ends in. */
static const char *event_alias(const struct uevent *e, char alias[LIMIT_ALIAS + 1])
{
	snprintf(alias, LIMIT_ALIAS + 1, "%.*s", (int)strcspn(e->modalias, "\n"), e->modalias);
	return alias;
}

int context_add_event(struct coldplug *c, const struct uevent *e)
{
	char alias[LIMIT_ALIAS + 1], of[LIMIT_ALIAS + 1];
	int r = e->modalias ? add_device(c, e->devpath, event_alias(e, alias)) : 0;

	if (!r && has_flag(c, COLDPLUG_DEVICETREE) && devicetree_alias(event_key, (void *)e, of))
		r = add_device(c, e->devpath, of);
	return r;
}

static int found_device(void *userdata, const char *devpath, const char *alias)
{
	return add_device(userdata, devpath, alias);
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
	/* It is reported once, although there may be many walks. */
	if (r < 0 && r != -ENOMEM && !c->wanted.walk_failed)
		log_lost(&c->log, "%s/sys/devices: cannot be opened: %s", c->machine.root.path, strerror(-r));
	c->wanted.walk_failed = r < 0 && r != -ENOMEM;
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

int context_wait_devices(struct coldplug *c, unsigned int milliseconds)
{
	struct prober *p = &c->wanted.devices_prober;
	uint64_t now, end = clock_now_ms() + milliseconds;
	int r = 0;

	while (!r && prober_works(p) && (now = clock_now_ms()) < end) {
		struct pollfd fd = { .fd = prober_fd(p), .events = POLLIN };

		if (fd.fd < 0)
			return fd.fd;
		if (poll(&fd, 1, (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
		r = prober_take(p, take_device, c);
	}
	return r;
}

uint32_t context_awaited_providers(const struct coldplug *c)
{
	const struct wait_list *w = &c->waiting.waits;
	uint32_t providers = 0;

	for (size_t i = 0; i < w->specs.n; i++)
		providers |= w->specs.items[i].kind == WAIT_PATH ? providers_of(w->specs.items[i].value)
								 : PROVIDER_ANY;
	return providers;
}

static int glimpse_alias(void *userdata, const char *alias)
{
	struct coldplug *c = userdata;

	if (alias_priority(alias, c->machine.planner.awaited) < STEP_URGENT)
		return 0;
	/* The walk finds the device; to it, the alias is then nothing new. */
	return wanted_add_device(&c->wanted, "", alias, false);
}

/* Nothing but these drivers makes nodes of such a name. */
static int expect_drivers(struct coldplug *c)
{
	const struct wait_list *w = &c->waiting.waits;
	int r = 0;

	for (size_t i = 0; !r && i < w->specs.n; i++) {
		const char *alias =
			w->specs.items[i].kind == WAIT_PATH ? alias_behind(w->specs.items[i].value) : NULL;

		r = alias ? wanted_add_device(&c->wanted, "", alias, false) : 0;
	}
	return r;
}

int64_t context_glimpse(struct coldplug *c)
{
	int r = glimpse(&c->machine.root, glimpse_alias, c) ?: expect_drivers(c);

	return r < 0 ? r : context_request_devices(c);
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

static const char *modules_directory(const struct machine *m)
{
	return m->dir.path ? m->dir.path : "lib/modules";
}

static void report_not_found(struct coldplug *c, const struct request *request)
{
	const char *where = modules_directory(&c->machine);

	if (c->wanted.lenient && request->origin.line) {
		log_warning(&c->log, "%s:%u: module '%s': %s %s/%s", request->origin.file,
			    request->origin.line, request->text, result_words[request->result],
			    c->machine.root.path, where);
		return;
	}
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
	id = planner_request(&c->machine.planner, name, params, flags | context_request_flags(c));
	if (id < 0)
		return (int)id;
	request = &c->machine.expander.requests.items[id];
	request->origin = origin;
	c->wanted.put_off = c->wanted.put_off || request->deferred;
	if (request->result != REQUEST_NOTHING && request->result != REQUEST_INVALID)
		return 1;
	report_not_found(c, request);
	return 0;
}

static int want_path(struct coldplug *c, const char *path, const char *params)
{
	char name[LIMIT_NAME + 1];
	bool is_other = machine_is_other_than_file(&c->machine, path);
	int r = is_other ? -EISDIR : machine_name_of_path(&c->machine, path, name);

	if (r > 0)
		return want(c, name, params, REQUEST_EXACT, (struct origin){});
	if (r == -ENOMEM)
		return r;
	c->wanted.not_found++;
	if (r == -EISDIR)
		log_error(&c->log, "%s: is not a regular file", path);
	else
		log_error(&c->log, r ? "%s: is not the name of a module's file" : "%s: no such file", path);
	return 0;
}

/* A name such as "devname:snd/seq" is an alias: a ':' stands in front of its first '/'. */
static bool is_path(const char *name)
{
	return name[strcspn(name, ":/")] == '/';
}

API int coldplug_want(struct coldplug *c, const char *name, const char *params)
{
	int r = context_open(c);

	if (r < 0)
		return r;
	if (params && strlen(params) > LIMIT_PARAMS) {
		c->wanted.not_found++;
		log_error(&c->log, "parameters of %s are longer than %u bytes", name, LIMIT_PARAMS);
		return 0;
	}
	return is_path(name) ? want_path(c, name, params) : want(c, name, params, 0, (struct origin){});
}

/* The alias by which mount(2) asks for the module of a type (fs/filesystems.c). 1: there is such a module. */
static int find_filesystem(struct coldplug *c, const char *type, char alias[64])
{
	int r = context_open(c);

	if (r < 0)
		return r;
	snprintf(alias, 64, "fs-%.50s", type);
	c->machine.lookup.names_only = true;
	r = lookup_alias(&c->machine.lookup, alias, &c->answers.matches);
	c->machine.lookup.names_only = false;
	return r;
}

API int coldplug_want_filesystem(struct coldplug *c, const char *type)
{
	char alias[64];
	int r = find_filesystem(c, type, alias);

	return r > 0 ? coldplug_want(c, alias, NULL) : r;
}

API int coldplug_expect_filesystem(struct coldplug *c, const char *type)
{
	char alias[64];
	int r = find_filesystem(c, type, alias);

	return r > 0 ? want(c, alias, NULL, REQUEST_NEEDED, (struct origin){}) : r;
}

static int want_mounted(struct coldplug *c, struct wait_spec *spec)
{
	bool put_off = c->wanted.put_off;
	int r;

	c->wanted.put_off = false;
	r = coldplug_want_filesystem(c, spec->type);
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
			r = want_mounted(c, spec);
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

/* A line has a name and nothing else: what follows the name is not used, which its author has to know. */
static int want_line(struct coldplug *c, char *line, struct origin origin)
{
	char *name = line + strspn(line, " \t\r"), *rest;

	if (!*name || *name == '#' || *name == ';')
		return 0;
	rest = name + strcspn(name, " \t\r");
	if (*rest)
		*rest++ = '\0';
	rest += strspn(rest, " \t\r");
	if (*rest && *rest != '#' && *rest != ';')
		log_warning(
			&c->log,
			"%s:%u: '%.64s' behind the module %s is ignored; parameters belong into modprobe.d",
			origin.file, origin.line, rest, name);
	/* The file system of the root, as "coldplug image" has it; not needed before the device. */
	return want(c, name, NULL, REQUEST_BLACKLIST | (strncmp(name, "fs-", 3) ? 0 : REQUEST_NEEDED),
		    origin);
}

/* A file of modules-load.d: a name a line, '#' and ';' begin comments (modules-load.d(5)). Blacklists
 * count, as for systemd-modules-load(8). */
static int want_file(struct coldplug *c, const char *path)
{
	_cleanup_file_ struct file_bytes file = {};
	struct origin origin = { arena_strdup(&c->machine.expander.arena, path), 0 };
	int r = rootfs_read(&c->machine.root, path, LIMIT_CONFIG_FILE, &file);
	char *rest = file.data;

	if (r == -ENOMEM || !origin.file)
		return -ENOMEM;
	if (r < 0 && !conf_file_is_mask(&c->machine.root, path))
		log_lost(&c->log, "%s: cannot be read: %s", path, strerror(-r));
	if (r < 0)
		return 0;
	for (char *line; r >= 0 && (line = strsep(&rest, "\n"));) {
		origin.line++;
		r = want_line(c, line, origin);
	}
	return r < 0 ? r : 0;
}

/* As with modprobe.d, a name in an earlier directory hides the same name in a later one. */
static int want_files(struct coldplug *c)
{
	_cleanup_conf_files_ struct conf_files list = {};
	int r = 0;

	for (const char *const *dir = modules_load_paths; !r && *dir; dir++)
		r = conf_files_scan(&list, &c->machine.root, *dir, &c->log);
	conf_files_sort(&list);
	for (size_t i = 0; !r && i < list.items.n; i++)
		r = want_file(c, list.items.items[i].path);
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
	_cleanup_free_ char *text = c->machine.cmdline ? strdup(c->machine.cmdline) : NULL;
	bool rd = is_initramfs(&c->machine.root);
	struct cmdline_arg arg;
	char *rest = text;
	int r = 0;

	if (!c->machine.cmdline)
		return 0;
	if (!text)
		return -ENOMEM;
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

/* A module may be called otherwise in these indexes: then an alias of modprobe.d can lead to it. */
static int want_loaded_module(struct coldplug *c, const char *name)
{
	uint32_t id = modules_id(&c->machine.modules, name, strlen(name));
	const struct module *m = id == MODULE_NONE ? NULL : modules_get(&c->machine.modules, id);
	int r;

	if (!m)
		return -ENOMEM;
	if (m->path)
		return want(c, name, NULL, REQUEST_EXACT, (struct origin){});
	c->machine.lookup.names_only = true;
	r = lookup_alias(&c->machine.lookup, name, &c->answers.matches);
	c->machine.lookup.names_only = false;
	if (r > 0)
		return want(c, name, NULL, 0, (struct origin){});
	if (!r || r == -EINVAL)
		log_warning(&c->log, "%s is loaded, but %s/%s has no such module", name, c->machine.root.path,
			    modules_directory(&c->machine));
	return r == -EINVAL ? 0 : r;
}

API int coldplug_want_loaded(struct coldplug *c)
{
	int r = context_open(c);

	for (size_t i = 0; r >= 0 && i < c->machine.loaded.items.n; i++)
		r = want_loaded_module(c, c->machine.loaded.items.items[i].name);
	return r < 0 ? r : 0;
}
