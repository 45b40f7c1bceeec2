/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/conf-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/directory.h"

const char *const modules_load_paths[] = {
	"/etc/modules-load.d",	   "/run/modules-load.d", "/usr/local/lib/modules-load.d",
	"/usr/lib/modules-load.d", "/lib/modules-load.d", NULL,
};

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_hidden(const struct conf_files *list, const char *name)
{
	for (size_t i = 0; i < list->items.n; i++)
		if (!strcmp(list->items.items[i].name, name))
			return true;
	return false;
}

int conf_files_add(struct conf_files *list, const char *path)
{
	char *copy;

	if (is_hidden(list, last_part(path)))
		return 0;
	copy = arena_strdup(&list->arena, path);
	return copy ? array_push(&list->items, { copy, last_part(copy) }) : -ENOMEM;
}

static bool is_conf_name(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n >= 6 && !strcmp(name + n - 5, ".conf");
}

static int scan_directory(struct conf_files *list, const char *path, struct directory *dir, struct log *log)
{
	const char *name;
	struct stat st;
	int r;

	while ((r = directory_next(dir, &name)) > 0) {
		char *file;

		if (!is_conf_name(name) || is_hidden(list, name))
			continue;
		if (!fstatat(directory_fd(dir), name, &st, 0) && S_ISDIR(st.st_mode)) {
			log_warning(log, "%s/%s: a directory inside a directory is not read", path, name);
			continue;
		}
		file = arena_printf(&list->arena, "%s/%s", path, name);
		if (!file || array_push(&list->items, { file, last_part(file) }) < 0)
			return -ENOMEM;
	}
	if (r < 0)
		log_lost(log, "%s: cannot be read to its end: %s", path, strerror(-r));
	return 0;
}

int conf_files_scan(struct conf_files *list, const struct rootfs *root, const char *path, struct log *log)
{
	_cleanup_directory_ struct directory dir = {};
	int r = directory_open(&dir, root, path);

	if (!r)
		return scan_directory(list, path, &dir, log);
	if (r == -ENOTDIR)
		return conf_files_add(list, path);
	if (r == -ENOMEM)
		return r;
	if (r != -ENOENT)
		log_lost(log, "%s: cannot be read: %s", path, strerror(-r));
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct conf_file *)a)->name, ((const struct conf_file *)b)->name);
}

void conf_files_sort(struct conf_files *list)
{
	if (list->items.n)
		qsort(list->items.items, list->items.n, sizeof(*list->items.items), compare_names);
}

void conf_files_free(struct conf_files *list)
{
	array_free(&list->items);
	arena_free(&list->arena);
}

bool conf_file_is_mask(const struct rootfs *root, const char *path)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH | O_NOFOLLOW);
	char target[16];
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target));

	return n == 9 && !memcmp(target, "/dev/null", 9);
}
