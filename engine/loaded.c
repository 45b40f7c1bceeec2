/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/loaded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"

/* "name size refcount holders, state address": 1, or 0 when it is not of this form. */
static int parse_line(struct loaded_list *list, char *line, struct loaded_module *ret)
{
	char *save = NULL, *end;
	const char *name = strtok_r(line, " ", &save);
	const char *size = strtok_r(NULL, " ", &save);
	const char *refcount = strtok_r(NULL, " ", &save);
	const char *holders = strtok_r(NULL, " ", &save);
	const char *state = strtok_r(NULL, " ", &save);
	size_t n;

	if (!name || !size || !refcount)
		return 0;
	ret->size = strtoull(size, &end, 10);
	if (*end)
		return 0;
	ret->refcount = strtoll(refcount, &end, 10);
	/* -1 is one that is being unloaded */
	if ((*end || ret->refcount < -1) && strcmp(refcount, "-") != 0)
		return 0;
	if (!strcmp(refcount, "-"))
		ret->refcount = -1;
	if (!holders || !strcmp(holders, "-"))
		holders = "";
	n = strlen(holders);
	while (n && holders[n - 1] == ',')
		n--;
	ret->name = arena_strdup(&list->arena, name);
	ret->holders = arena_strndup(&list->arena, holders, n);
	ret->state = arena_strdup(&list->arena, state ? state : "Live");
	return ret->name && ret->holders && ret->state ? 1 : -ENOMEM;
}

int loaded_read(struct loaded_list *list, const struct rootfs *root, struct log *log)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(root, "proc/modules", LIMIT_PROC_MODULES, &file);
	unsigned int number = 0;
	char *rest = file.data;

	if (r < 0)
		return r;
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct loaded_module m = {};

		number++;
		if (!*line)
			continue;
		r = parse_line(list, line, &m);
		if (r > 0)
			r = array_push(&list->items, m);
		else if (!r)
			log_lost(log, "/proc/modules:%u: not a module's line: '%.64s'", number, line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The module has none, or was removed meanwhile. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ENODEV;
}

static int read_holders(struct loaded_list *list, const struct rootfs *root, struct log *log,
			struct loaded_module *m)
{
	_cleanup_directory_ struct directory dir = {};
	char path[512];
	const char *name, *holders = "";
	int r;

	snprintf(path, sizeof(path), "sys/module/%.255s/holders", m->name);
	r = directory_open(&dir, root, path);
	if (r < 0 && is_gone(r))
		return 0;
	while (r >= 0 && (r = directory_next(&dir, &name)) > 0) {
		holders = *holders ? arena_printf(&list->arena, "%s,%s", holders, name)
				   : arena_strdup(&list->arena, name);
		if (!holders)
			return -ENOMEM;
	}
	if (r < 0 && r != -ENOMEM)
		log_lost(log, "/%s: cannot be read: %s", path, strerror(-r));
	m->holders = holders;
	return r == -ENOMEM ? r : 0;
}

/* Whether value is the text of sys/module/NAME/ATTRIBUTE. */
static bool read_text(const struct rootfs *root, struct log *log, const struct loaded_module *m,
		      const char *attribute, char *value, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[512];
	ssize_t n;

	snprintf(path, sizeof(path), "sys/module/%.255s", m->name);
	fd = rootfs_openat(root, path, O_RDONLY | O_DIRECTORY);
	n = fd < 0 ? fd : read_attribute(fd, attribute, value, size);
	if (n < 0 && !is_gone((int)n))
		log_lost(log, "/%s/%s: cannot be read: %s", path, attribute, strerror((int)-n));
	return n > 0;
}

static void read_core_size(const struct rootfs *root, struct log *log, struct loaded_module *m)
{
	char value[32];

	if (read_text(root, log, m, "coresize", value, sizeof(value)))
		m->size = strtoull(value, NULL, 10);
}

int loaded_read_details(struct loaded_list *list, const struct rootfs *root, struct log *log)
{
	int r = 0;

	for (size_t i = 0; !r && i < list->items.n; i++) {
		read_core_size(root, log, &list->items.items[i]);
		r = read_holders(list, root, log, &list->items.items[i]);
	}
	return r;
}

int loaded_read_one(struct loaded_list *list, const struct rootfs *root, struct log *log, const char *name,
		    struct loaded_module *ret)
{
	struct loaded_module m = { .holders = "", .refcount = -1 };
	char value[32];
	int r;

	m.name = arena_strdup(&list->arena, name);
	if (!m.name)
		return -ENOMEM;
	read_core_size(root, log, &m);
	if (read_text(root, log, &m, "refcnt", value, sizeof(value)))
		m.refcount = strtoll(value, NULL, 10);
	r = read_holders(list, root, log, &m);
	if (!r)
		*ret = m;
	return r;
}

void loaded_free(struct loaded_list *list)
{
	array_free(&list->items);
	arena_free(&list->arena);
}
