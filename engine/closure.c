/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that an image needs so that what is wanted can be loaded from it.
 *
 * It starts from the actions that the requests so far have led to: the lines of modprobe, with hard
 * dependencies and softdeps. Each module among them is read once and names more: softdeps, weakdeps,
 * companions, firmware. These names become requests too, so that their actions are read in turn, until
 * there is nothing new.
 *
 * An image must do for more than one boot, so here every softdep and weakdep line that matches counts,
 * and not only the first as in a load: Debian's modules.softdep has four lines for btrfs, of which
 * modprobe uses one. The module's own .modinfo is read for firmware anyway; its softdep= and weakdep=
 * count too, since a depmod before kmod 34 makes no modules.weakdep.
 */
#include "engine/closure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/pattern.h"
#include "engine/companions.h"
#include "engine/firmware.h"
#include "engine/modinfo.h"

struct closure {
	struct machine *m;
	const struct closure_options *options;
	const struct rootfs *root; /* of the modules' files and the firmware */
	struct moddir elsewhere;   /* the release's directory below it, if that is not the machine's root */
	bool elsewhere_known;
	bool told; /* that there are only the tables of an archive */
	struct closure_files *files;
	struct config companions;
	struct firmware firmware;
	const char *firmware_by;   /* the module that names it */
	struct file_bytes builtin; /* modules.builtin.modinfo, when it was read */
	bool builtin_known;
	ARRAY(uint8_t) seen;  /* by module */
	ARRAY(uint32_t) by;   /* by request: the module that named it */
	size_t first_request; /* what comes before was wanted by the caller */
};

static const char *name_of(struct closure *x, uint32_t module)
{
	return module == MODULE_NONE ? NULL : modules_name(&x->m->modules, module);
}

static int add_file(struct closure *x, enum closure_kind kind, const char *path, const char *name,
		    const char *by)
{
	struct closure_file file = { .kind = kind, .name = name, .by = by };

	file.path = arena_printf(&x->m->expander.arena, "%s/%s", x->root->path, path);
	return file.path ? array_push(&x->files->items, file) : -ENOMEM;
}

/* More that an image with this module needs, by name or alias. */
static int add_name(struct closure *x, const char *name, uint32_t by, const char *why)
{
	int64_t id = planner_request(&x->m->planner, name, NULL,
				     REQUEST_SHOW | REQUEST_IGNORE_LOADED | REQUEST_BANS);
	int r = id < 0 ? (int)id : 0;

	while (!r && x->by.n < (size_t)id + 1 - x->first_request)
		r = array_push(&x->by, by);
	if (!r && x->m->expander.requests.items[id].result == REQUEST_NOTHING)
		log_debug(x->m->log, "%s: %s of %s, but no module has this name", name, why, name_of(x, by));
	return r;
}

static int add_names(struct closure *x, const char **names, uint32_t n, uint32_t by, const char *why)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		r = add_name(x, names[i], by, why);
	return r;
}

static int add_rules(struct closure *x, const struct config *config, enum rule_kind kind, uint32_t module)
{
	const char *why = kind == RULE_SOFTDEP ? "softdep" : "weakdep";
	int r = 0;

	for (size_t i = 0; !r && i < config->rules[kind].n; i++) {
		const struct rule *rule = &config->rules[kind].items[i];

		if (pattern_matches(rule->key, name_of(x, module)))
			r = add_names(x, rule->pre, rule->n_pre, module, why)
				?: add_names(x, rule->post, rule->n_post, module, why);
	}
	return r;
}

/* The words of softdep= and weakdep= of a .modinfo. Some modules forget the "pre:" (cifs): modprobe
 * then ignores them, and they are needed all the same. */
static int add_words(struct closure *x, const char *words, uint32_t module, const char *why)
{
	_cleanup_free_ char *copy = strdup(words);
	char *save = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (char *w = copy ? strtok_r(copy, " \t\n", &save) : NULL; !r && w;
	     w = strtok_r(NULL, " \t\n", &save))
		if (strcmp(w, "pre:") != 0 && strcmp(w, "post:") != 0)
			r = add_name(x, w, module, why);
	return r;
}

static int take_firmware(void *userdata, const char *path, const char *name)
{
	struct closure *x = userdata;
	const char *copy = arena_strdup(&x->m->expander.arena, name);

	return copy ? add_file(x, CLOSURE_FIRMWARE, path, copy, x->firmware_by) : -ENOMEM;
}

static int add_firmware(struct closure *x, const char *name, uint32_t module)
{
	int r;

	if (!x->options->firmware)
		return 0;
	x->firmware_by = name_of(x, module);
	r = firmware_find(&x->firmware, name);
	if (!r || r == -EINVAL)
		firmware_log_absent(&x->firmware, name, x->firmware_by, r);
	return r < 0 && r != -EINVAL ? r : 0;
}

/* What a string of a .modinfo names. */
static int add_string(struct closure *x, const char *string, uint32_t module)
{
	const char *value;

	if ((value = modinfo_value(string, "firmware")))
		return add_firmware(x, value, module);
	if ((value = modinfo_value(string, "softdep")))
		return add_words(x, value, module, "softdep");
	if ((value = modinfo_value(string, "weakdep")))
		return add_words(x, value, module, "weakdep");
	return 0;
}

static int add_modinfo(struct closure *x, const char *path, uint32_t module)
{
	_cleanup_modinfo_ struct modinfo m = {};
	const char *string, *why = "";
	int r = modinfo_open(&m, x->root, path, &why);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		/* Then it was logged with the plan. */
		if (x->root == &x->m->root && planner_has_absent(&x->m->planner, module))
			x->m->log->lost++;
		else
			log_lost(x->m->log, "%s/%s: %s", x->root->path, path, why);
		return 0;
	}
	while ((r = modinfo_next(&m, &string)) > 0) {
		r = add_string(x, string, module);
		if (r < 0)
			return r;
	}
	if (r == -EBADMSG)
		log_lost(x->m->log, "%s/%s: is damaged: its .modinfo cannot be read", x->root->path, path);
	return r == -EBADMSG ? 0 : r;
}

/* What a module of the archive says is in a section of its own. */
static int add_archived_modinfo(struct closure *x, struct archive *a, uint32_t module)
{
	struct archive_entry e;
	const char *text = "", *end;
	size_t size = 0;
	int r = archive_find(a, name_of(x, module), &e);

	if (r > 0)
		r = archive_info(a, &e, &text, &size);
	if (r < 0 && r != -ENOMEM)
		x->m->log->lost++;
	end = text + size;
	for (r = r == -ENOMEM ? r : 0; !r && text < end; text += strlen(text) + 1)
		r = add_string(x, text, module);
	return r;
}

static int read_builtin(struct closure *x)
{
	static const char name[] = "modules.builtin.modinfo";
	int r = 0;

	if (!x->builtin_known) {
		r = moddir_read(&x->m->dir, name, LIMIT_INDEX, &x->builtin);
		if (r < 0 && r != -ENOENT && r != -ENOMEM)
			log_lost(x->m->log, "/%s/%s: cannot be read: %s", moddir_shown(&x->m->dir), name,
				 strerror(-r));
	}
	x->builtin_known = true;
	return r == -ENOMEM ? r : 0;
}

/* Strings "NAME.key=value", each with a NUL. */
static int add_builtin_modinfo(struct closure *x, uint32_t module)
{
	const char *name = name_of(x, module);
	size_t n = strlen(name);
	int r = read_builtin(x);

	for (const char *p = x->builtin.data; p && !r && p < x->builtin.data + x->builtin.size;
	     p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '.')
			r = add_string(x, p + n + 1, module);
	return r;
}

static void tell_tables_only(struct closure *x, const struct archive *a)
{
	if (!x->told && archive_has_tables_only(a))
		log_lost(
			x->m->log,
			"%s: comes from a recording: it has tables but no modules; what needs these must be given a "
			"root that has them",
			a->path);
	x->told = true;
}

/* A module whose file is in this directory, or in its archive. */
static int add_module_of(struct closure *x, struct moddir *d, const char *file, bool archived,
			 uint32_t module, uint32_t by)
{
	const char *path;
	int r;

	if (archived)
		tell_tables_only(x, &d->archive.archive);
	if (archived)
		return array_push(&x->files->items,
				  { CLOSURE_MODULE, file, name_of(x, module), name_of(x, by), true })
			?: add_archived_modinfo(x, &d->archive.archive, module);
	path = moddir_file(d, &x->m->expander.arena, NULL, file);
	if (!path)
		return -ENOMEM;
	r = add_file(x, CLOSURE_MODULE, path, name_of(x, module), name_of(x, by));
	return r ?: add_modinfo(x, path, module);
}

int closure_open_files(struct moddir *d, const struct rootfs *root, const char *release, struct log *log)
{
	int r = moddir_open_in(d, root, "lib/modules", release, log)
		?: moddir_open_in(d, root, "usr/lib/modules", release, log);

	if (r != -ENOMEM)
		r = moddir_open_archive(d, &(struct moddir_archive){ .release = release });
	return r < 0 ? r : 0;
}

static int open_elsewhere(struct closure *x)
{
	if (x->elsewhere_known)
		return 0;
	x->elsewhere_known = true;
	return closure_open_files(&x->elsewhere, x->root, x->m->release, x->m->log);
}

/* Whether a file of the machine is not there, but may be in an archive. */
static bool is_archived_elsewhere(struct closure *x, const char *file)
{
	const char *path = moddir_file(&x->m->dir, &x->m->expander.arena, NULL, file);
	_cleanup_close_ int fd = path && !open_elsewhere(x) && x->elsewhere.archive.open
		? rootfs_openat(x->root, path, O_PATH)
		: -1;

	return fd == -ENOENT || fd == -ENOTDIR;
}

/* What the machine has in its archive may be a file elsewhere, since a recording has no archive's
 * contents, and what it has as a file may be in an archive there. */
static int add_module_elsewhere(struct closure *x, uint32_t module, uint32_t by)
{
	struct moddir *d = &x->elsewhere;
	const char *name = name_of(x, module), *line = NULL, *file;
	int r = open_elsewhere(x) ?: moddir_find(d, MODDIR_DEP, name, &line);

	if (r < 0)
		return r;
	if (!r) {
		log_lost(x->m->log, "%s: is wanted, but %s/lib/modules/%s has no file for it", name,
			 x->root->path, x->m->release);
		return 0;
	}
	file = arena_printf(&x->m->expander.arena, "%s%.*s", r == MODDIR_ARCHIVED ? d->archive.prefix : "",
			    (int)strcspn(line, ":"), line);
	return file ? add_module_of(x, d, file, r == MODDIR_ARCHIVED, module, by) : -ENOMEM;
}

static int add_module_file(struct closure *x, const struct action *a, uint32_t module)
{
	const struct module *m = modules_get(&x->m->modules, module);
	uint32_t by =
		a->request < x->first_request ? MODULE_NONE : x->by.items[a->request - x->first_request];

	if (!m)
		return -ENOMEM;
	if (!m->path) {
		if (!a->command)
			log_warning(x->m->log, "%s is wanted, but /%s/modules.dep has no file for it",
				    name_of(x, module), moddir_shown(&x->m->dir));
		return 0;
	}
	if (a->command)
		log_info(x->m->log, "%s:%u: the image must have what the install command of %s runs",
			 a->command->origin.file, a->command->origin.line, name_of(x, module));
	if (x->options->files_root && (m->archived || is_archived_elsewhere(x, m->path)))
		return add_module_elsewhere(x, module, by);
	return add_module_of(x, &x->m->dir, m->path, m->archived, module, by);
}

static int add_module(struct closure *x, const struct action *a)
{
	uint32_t module = x->m->expander.objects.items[a->object].module;
	int r = 0;

	while (!r && x->seen.n <= module)
		r = array_push(&x->seen, 0);
	if (r < 0 || x->seen.items[module])
		return r;
	x->seen.items[module] = 1;
	r = a->builtin ? add_builtin_modinfo(x, module) : add_module_file(x, a, module);
	if (!r)
		r = add_rules(x, &x->m->config, RULE_SOFTDEP, module);
	if (!r)
		r = add_rules(x, &x->m->config, RULE_WEAKDEP, module);
	return r ?: add_rules(x, &x->companions, RULE_WEAKDEP, module);
}

static int read_companions(struct closure *x)
{
	_cleanup_free_ char *text = strdup(companions_text);

	x->companions.log = x->m->log;
	return text ? config_parse(&x->companions, text, strlen(text), COMPANIONS_FILE) : -ENOMEM;
}

static int compare_files(const void *a, const void *b)
{
	const struct closure_file *x = a, *y = b;

	return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->path, y->path);
}

static int find_files(struct closure *x)
{
	int r = x->options->companions ? read_companions(x) : 0;

	/* The list grows meanwhile. */
	for (size_t i = 0; !r && i < x->m->expander.actions.n; i++) {
		struct action a = x->m->expander.actions.items[i];

		r = add_module(x, &a);
	}
	if (x->files->items.n)
		qsort(x->files->items.items, x->files->items.n, sizeof(*x->files->items.items),
		      compare_files);
	return r;
}

static void open_firmware(struct closure *x)
{
	x->firmware = (struct firmware){ .root = x->root,
					 .release = x->m->release,
					 .log = x->m->log,
					 .found = take_firmware,
					 .userdata = x };
}

int closure_find(struct machine *m, const struct closure_options *options, struct closure_files *ret)
{
	struct closure x = {
		.m = m,
		.options = options,
		.root = options->files_root ? options->files_root : &m->root,
		.files = ret,
		.first_request = m->expander.requests.n,
	};
	int r;

	open_firmware(&x);
	ret->items.n = 0;
	r = find_files(&x);
	moddir_close(&x.elsewhere);
	config_free(&x.companions);
	firmware_free(&x.firmware);
	file_release(&x.builtin);
	array_free(&x.seen);
	array_free(&x.by);
	return r;
}

/* Below the root. A kernel or a tree that does not say has none. */
static const char *firmware_path(const struct rootfs *root, char *buf, size_t size)
{
	_cleanup_close_ int fd = rootfs_openat(root, "sys/module/firmware_class/parameters/path", O_RDONLY);
	ssize_t n = fd < 0 ? fd : read_attribute_fd(fd, buf, size);

	return n < 0 ? NULL : buf + strspn(buf, "/");
}

int closure_firmware(struct machine *m, const char *name, struct closure_files *ret)
{
	struct closure x = { .m = m, .root = &m->root, .files = ret };
	char path[PATH_MAX];
	int r;

	open_firmware(&x);
	x.firmware.own_dir = firmware_path(x.root, path, sizeof(path));
	ret->items.n = 0;
	r = firmware_find(&x.firmware, name);
	firmware_free(&x.firmware);
	return r < 0 && r != -EINVAL ? r : 0;
}
