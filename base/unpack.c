/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/limits.h"

/* Who removes the files later reaches them by a name in front of which is that of the root. */
#define NAME_LENGTH_MAX (PATH_MAX - 512)

static int refuse(struct unpacker *u, const char *why)
{
	u->why = why;
	return -EFBIG;
}

static int count(struct unpacker *u)
{
	if (u->n++ < LIMIT_RECORDING_FILES)
		return 0;
	return refuse(u, "it has more than 1,048,576 files and directories");
}

/* Opens the directory of path below the root, and cuts path there. */
static int open_parent(const struct rootfs *root, char *path, char **last)
{
	char *slash = strrchr(path, '/');

	*last = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	return rootfs_openat(root, slash ? path : ".", O_RDONLY | O_DIRECTORY);
}

static int make_directory(struct unpacker *u, char *path)
{
	_cleanup_close_ int dir = -1;
	char *last;

	dir = open_parent(&u->root, path, &last);
	if (dir < 0)
		return dir;
	if (!mkdirat(dir, last, 0755))
		return count(u);
	return errno == EEXIST ? 0 : -errno;
}

static int make_parents(struct unpacker *u, const char *name)
{
	char path[PATH_MAX];
	int r = 0;

	for (const char *slash = strchr(name, '/'); !r && slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
		r = make_directory(u, path);
	}
	return r;
}

/* The file must be new. */
static int write_file(int dir, const char *name, const struct tar_entry *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
					e->owner_only ? 0600 : 0644);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = e->mtime } };
	int r = fd < 0 ? -errno : file_write(fd, e->data, e->size);

	if (!r && futimens(fd, times) < 0)
		r = -errno;
	/* Half a file is worse than none. */
	if (r < 0 && fd >= 0)
		unlinkat(dir, name, 0);
	return r;
}

int unpack_entry(void *unpacker, const struct tar_entry *e)
{
	struct unpacker *u = unpacker;
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int dir = -1;
	char *last;
	int r;

	if (strlen(e->name) > NAME_LENGTH_MAX)
		return refuse(u, "its name is too long");
	r = count(u) ?: make_parents(u, e->name);
	if (r < 0)
		return r;
	name = strdup(e->name);
	if (!name)
		return -ENOMEM;
	dir = open_parent(&u->root, name, &last);
	if (dir < 0)
		return dir;
	if (e->link)
		return symlinkat(e->link, dir, last) < 0 && errno != EEXIST ? -errno : 0;
	return write_file(dir, last, e);
}

static bool has_same(const struct unpacker *u, const struct tar_entry *e)
{
	_cleanup_file_ struct file_bytes file = {};

	return !rootfs_read(&u->root, e->name, LIMIT_IMAGE, &file) && file.size == e->size &&
		!memcmp(file.data, e->data, e->size);
}

int unpack_missing(struct unpacker *u, const struct tar_entry *e)
{
	int r = unpack_entry(u, e);

	return r == -EEXIST && has_same(u, e) ? 0 : r;
}
