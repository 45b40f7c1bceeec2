/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions about single modules: where their files are, what these say, and how they are in the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/act.h"

#define API __attribute__((visibility("default")))

static void free_answers(struct answers *a)
{
	arena_free(&a->module_paths);
	array_free(&a->modules);
	fields_free(&a->fields_now);
	array_free(&a->fields);
	nodes_free(&a->nodes_now);
	array_free(&a->nodes);
	loaded_free(&a->loaded_one);
	array_free(&a->users.items);
	for (size_t i = 0; i < ARRAY_SIZE(a->related); i++)
		array_free(&a->related[i]);
	array_free(&a->firmware_now.items);
	array_free(&a->firmware);
	values_free(&a->values_now);
	array_free(&a->values);
}

/* Each question begins with one of these. */
static int open_root(struct coldplug *c)
{
	c->answers.free_modules = free_answers;
	return machine_open_root(&c->machine);
}

static int open_machine(struct coldplug *c)
{
	c->answers.free_modules = free_answers;
	return machine_open_for_one(&c->machine);
}

static int add_module(struct coldplug *c, uint32_t id)
{
	struct answers *a = &c->answers;
	const struct module *m = modules_get(&c->machine.modules, id);
	struct coldplug_module module = { .name = modules_name(&c->machine.modules, id) };
	int builtin;

	if (!m)
		return -ENOMEM;
	if (m->path) {
		module.path = moddir_file(&c->machine.dir, &a->module_paths, c->machine.root.path, m->path);
		if (!module.path)
			return -ENOMEM;
	}
	builtin = m->path ? 0 : modules_is_builtin(&c->machine.modules, id);
	module.builtin = builtin > 0;
	return builtin < 0 ? builtin : array_push(&a->modules, module);
}

static int by_alias(struct coldplug *c, const char *text)
{
	struct lookup_matches *matches = &c->answers.matches;
	int r;

	c->machine.lookup.names_only = true;
	r = lookup_alias(&c->machine.lookup, text, matches);
	c->machine.lookup.names_only = false;
	for (size_t i = 0; r > 0 && i < matches->items.n; i++)
		r = add_module(c, matches->items.items[i].module) ?: 1;
	return r;
}

static int by_name(struct coldplug *c, const char *text)
{
	char name[LIMIT_NAME + 1];
	uint32_t id = modules_id(&c->machine.modules, name, normalise_name(text, name, sizeof(name)));
	const struct coldplug_module *m;
	int r = id == MODULE_NONE ? -ENOMEM : add_module(c, id);

	if (r < 0)
		return r;
	m = &c->answers.modules.items[0];
	if (!m->path && !m->builtin)
		c->answers.modules.n = 0;
	return 0;
}

/* As the caller wrote it, but absolute. */
static const char *absolute(struct coldplug *c, const char *path)
{
	_cleanup_free_ char *cwd = NULL;

	if (path[0] == '/' || c->machine.root.path[0])
		return arena_printf(&c->answers.module_paths, "%s%s%s", c->machine.root.path,
				    path[0] == '/' ? "" : "/", path);
	cwd = getcwd(NULL, 0);
	return cwd ? arena_printf(&c->answers.module_paths, "%s/%s", cwd, path) : NULL;
}

/* On the running system the name is enough, and that is a cheaper call. */
static int find_file(const struct rootfs *root, const char *path)
{
	_cleanup_close_ int fd = root->path[0] ? rootfs_openat(root, path + strlen(root->path), O_PATH) : -1;

	if (!root->path[0])
		return access(path, F_OK) < 0 ? -errno : 0;
	return fd < 0 ? fd : 0;
}

static int by_file(struct coldplug *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct coldplug_module m = { .path = absolute(c, path) };
	char name[LIMIT_NAME + 1];
	int r = m.path ? find_file(&c->machine.root, m.path) : -ENOMEM;

	if (r < 0)
		return r;
	normalise_name(slash ? slash + 1 : path, name, sizeof(name));
	m.name = arena_strdup(&c->answers.module_paths, name);
	return m.name ? array_push(&c->answers.modules, m) : -ENOMEM;
}

API int64_t coldplug_modules(struct coldplug *c, const char *text, enum coldplug_by by,
			     const struct coldplug_module **list)
{
	static int (*const ways[])(struct coldplug *, const char *) = {
		[COLDPLUG_BY_ALIAS] = by_alias,
		[COLDPLUG_BY_NAME] = by_name,
		[COLDPLUG_BY_FILE] = by_file,
	};
	int r = (size_t)by < ARRAY_SIZE(ways) ? open_machine(c) : -EINVAL;

	if (r < 0)
		return r;
	arena_free(&c->answers.module_paths);
	c->answers.modules.n = 0;
	r = ways[by](c, text);
	*list = c->answers.modules.items;
	return r < 0 ? r : (int64_t)c->answers.modules.n;
}

static int read_builtin(struct coldplug *c, const char *module)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = open_machine(c)
		?: moddir_read(&c->machine.dir, "modules.builtin.modinfo", LIMIT_INDEX, &file);

	return r ?: fields_read_builtin(&c->answers.fields_now, file.data, file.size, module);
}

/* path begins with the root. */
static int read_file(struct coldplug *c, const char *path)
{
	struct fields *f = &c->answers.fields_now;
	struct archive_entry e;
	const char *why = "";
	int r = open_root(c);

	if (r < 0)
		return r;
	r = moddir_member(&c->machine.dir, path, &e);
	if (r > 0)
		r = fields_read_member(f, &c->machine.dir.archive.archive, &e, &why);
	else if (!r)
		r = fields_read_file(f, &c->machine.root, path + strlen(c->machine.root.path), &why);
	if (r < 0)
		log_info(&c->log, "%s: %s", path, why);
	return r;
}

API int64_t coldplug_modinfo(struct coldplug *c, const struct coldplug_module *module,
			     const struct coldplug_field **list)
{
	static const enum coldplug_field_source sources[] = {
		[FIELD_MODINFO] = COLDPLUG_FIELD_MODINFO,
		[FIELD_SIGNATURE] = COLDPLUG_FIELD_SIGNATURE,
		[FIELD_NOTE] = COLDPLUG_FIELD_NOTE,
	};
	const struct fields *f = &c->answers.fields_now;
	int r = -ENOENT;

	if (module->path)
		r = read_file(c, module->path);
	else if (module->builtin)
		r = read_builtin(c, module->name);
	c->answers.fields.n = 0;
	for (size_t i = 0; !r && i < f->items.n; i++)
		r = array_push(&c->answers.fields,
			       { f->items.items[i].key, f->items.items[i].value,
				 sources[f->items.items[i].source] });
	*list = c->answers.fields.items;
	return r < 0 ? r : (int64_t)c->answers.fields.n;
}

/* Those of the directory's modules, or of the archive's. */
static int read_nodes(struct coldplug *c, struct nodes *n)
{
	struct moddir *d = &c->machine.dir;
	_cleanup_file_ struct file_bytes text = {};
	int r = -ENOENT;

	if (d->path)
		r = nodes_read(n, d->root, d->path, &c->log);
	if (r != -ENOENT || !d->archive.open)
		return r;
	r = archive_text(&d->archive.archive, ARCHIVE_DEVNAME, &text);
	if (r <= 0)
		return r ?: -ENOENT;
	return nodes_take(n, &text, d->archive.archive.path, &c->log);
}

API int64_t coldplug_nodes(struct coldplug *c, const struct coldplug_node **list)
{
	struct nodes *n = &c->answers.nodes_now;
	int r = open_machine(c) ?: read_nodes(c, n);

	c->answers.nodes.n = 0;
	for (size_t i = 0; !r && i < n->items.n; i++) {
		const struct node *node = &n->items.items[i];

		r = array_push(&c->answers.nodes,
			       { node->module, node->name, node->type, node->major, node->minor });
	}
	*list = c->answers.nodes.items;
	return r < 0 ? r : (int64_t)c->answers.nodes.n;
}

static int push_name(struct coldplug *c, enum coldplug_relation relation, uint32_t id)
{
	return array_push(&c->answers.related[relation], modules_name(&c->machine.modules, id));
}

static int list_needs(struct coldplug *c, uint32_t id)
{
	const struct module *m = modules_get(&c->machine.modules, id);
	int r = m ? 0 : -ENOMEM;

	for (uint32_t i = 0; !r && i < m->n_deps; i++)
		r = push_name(c, COLDPLUG_NEEDS, m->deps[i]);
	return r;
}

static int list_users(struct coldplug *c, uint32_t id)
{
	int r = users_find(&c->machine.modules, id, &c->answers.users);

	for (size_t i = 0; !r && i < c->answers.users.items.n; i++)
		r = push_name(c, COLDPLUG_NEEDED_BY, c->answers.users.items.items[i]);
	return r;
}

API int64_t coldplug_related(struct coldplug *c, const char *module, enum coldplug_relation relation,
			     const char *const **names)
{
	char name[LIMIT_NAME + 1];
	uint32_t id;
	int r = relation > COLDPLUG_NEEDED_BY ? -EINVAL : open_machine(c);

	if (r < 0)
		return r;
	c->answers.related[relation].n = 0;
	id = modules_id(&c->machine.modules, name, normalise_name(module, name, sizeof(name)));
	if (id == MODULE_NONE)
		return -ENOMEM;
	r = relation == COLDPLUG_NEEDS ? list_needs(c, id) : list_users(c, id);
	*names = c->answers.related[relation].items;
	return r < 0 ? r : (int64_t)c->answers.related[relation].n;
}

API int64_t coldplug_firmware(struct coldplug *c, const char *name, const char *const **paths)
{
	struct closure_files *files = &c->answers.firmware_now;
	int r = open_machine(c) ?: closure_firmware(&c->machine, name, files);

	c->answers.firmware.n = 0;
	for (size_t i = 0; !r && i < files->items.n; i++)
		r = array_push(&c->answers.firmware, files->items.items[i].path);
	*paths = c->answers.firmware.items;
	return r < 0 ? r : (int64_t)c->answers.firmware.n;
}

API int64_t coldplug_values(struct coldplug *c, const char *module, const struct coldplug_value **list)
{
	const struct values *v = &c->answers.values_now;
	char name[LIMIT_NAME + 1];
	int r = open_root(c);

	if (!r && normalise_name(module, name, sizeof(name)))
		r = values_read(&c->answers.values_now, &c->machine.root, name);
	else
		values_free(&c->answers.values_now);
	c->answers.values.n = 0;
	for (size_t i = 0; !r && i < v->items.n; i++)
		r = array_push(&c->answers.values, { v->items.items[i].name, v->items.items[i].text });
	*list = c->answers.values.items;
	return r < 0 ? r : (int64_t)c->answers.values.n;
}

/* What modules.builtin names is a part of the kernel, whether or not sysfs shows it. */
static int find_initstate(struct coldplug *c, const char *name, enum coldplug_initstate *ret)
{
	static const enum coldplug_initstate states[] = {
		[INITSTATE_ABSENT] = COLDPLUG_INIT_ABSENT,   [INITSTATE_COMING] = COLDPLUG_INIT_COMING,
		[INITSTATE_LIVE] = COLDPLUG_INIT_LIVE,	     [INITSTATE_GOING] = COLDPLUG_INIT_GOING,
		[INITSTATE_BUILTIN] = COLDPLUG_INIT_BUILTIN, [INITSTATE_UNKNOWN] = COLDPLUG_INIT_ABSENT,
	};
	uint32_t id = modules_id(&c->machine.modules, name, strlen(name));
	struct kernel kernel;
	int r = id == MODULE_NONE ? -ENOMEM : modules_is_builtin(&c->machine.modules, id);

	if (r < 0)
		return r;
	context_kernel(c, &kernel);
	*ret = COLDPLUG_INIT_BUILTIN;
	if (!r)
		*ret = states[kernel.ops->initstate(kernel.data, &kernel.root, name)];
	return 0;
}

API int coldplug_initstate(struct coldplug *c, const char *name, struct coldplug_loaded *ret)
{
	struct loaded_list *list = &c->answers.loaded_one;
	enum coldplug_initstate state = COLDPLUG_INIT_ABSENT;
	struct loaded_module m;
	char module[LIMIT_NAME + 1];
	int r = open_machine(c);

	if (r < 0)
		return r;
	loaded_free(list);
	/* Without a name it would be the directory of all. */
	if (normalise_name(name, module, sizeof(module)))
		r = find_initstate(c, module, &state);
	r = r ?: loaded_read_one(list, &c->machine.root, &c->log, module, &m);
	if (r < 0)
		return r;
	*ret = (struct coldplug_loaded){ m.name, m.size, m.refcount, m.holders, state };
	return 0;
}
