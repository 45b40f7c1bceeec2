/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an image's modules and configuration come from. A root being built and a recording are somebody
 * else's: all files are read, and in the unpacked recording written, below their root descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"
#include "libcoldplug/mkimage.h"

static const char *const module_dirs[] = { "lib/modules", "usr/lib/modules" };

static int open_root(struct mkimage *im, struct rootfs *root, const char *path)
{
	int r = rootfs_open(root, path);

	return r < 0 ? mkimage_fail(im, path, r) : 0;
}

/* 1, 0 or -errno. */
static int is_directory(struct mkimage *im, const struct rootfs *root, const char *path)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		return 1;
	return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : mkimage_fail(im, path, fd);
}

/* Calls fn for the names in a directory: 0, -errno, or fn's first other answer.
 * A directory that does not exist is empty. */
static int each_name(struct mkimage *im, const struct rootfs *root, const char *path,
		     int (*fn)(void *userdata, const struct rootfs *root, const char *dir, const char *name),
		     void *userdata)
{
	_cleanup_directory_ struct directory dir = {};
	const char *name;
	int r = directory_open(&dir, root, path), k = 0;

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	while (r >= 0 && !k && (r = directory_next(&dir, &name)) > 0)
		k = fn(userdata, root, path, name);
	return r < 0 ? mkimage_fail(im, path, r) : k;
}

struct releases {
	struct mkimage *im;
	char *found;
};

static int take_release(void *userdata, const struct rootfs *root, const char *dir, const char *name)
{
	struct releases *s = userdata;
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	r = is_directory(s->im, root, path);
	if (r <= 0)
		return r;
	if (s->found) {
		bool swap = strcmp(name, s->found) < 0;

		log_error(&s->im->c->log, "%s/%s: contains %s and %s; choose one with -k", root->path, dir,
			  swap ? name : s->found, swap ? s->found : name);
		return -EEXIST;
	}
	s->found = strdup(name);
	return s->found ? 0 : -ENOMEM;
}

/* Finds the only release. 0: *ret is it, or NULL if there is none. */
static int only_release(struct mkimage *im, const struct rootfs *root, char **ret)
{
	struct releases s = { .im = im };
	int r = 0;

	for (size_t i = 0; !r && !s.found && i < ARRAY_SIZE(module_dirs); i++)
		r = each_name(im, root, module_dirs[i], take_release, &s);
	if (r < 0) {
		free(s.found);
		return r;
	}
	*ret = s.found;
	return 0;
}

static int find_release(struct mkimage *im)
{
	struct coldplug *c = im->c;
	struct utsname u;

	if (c->settings.paths.release) {
		im->release = strdup(c->settings.paths.release);
	} else if (c->settings.unpacked || im->machine.path[0]) {
		return only_release(im, c->settings.unpacked ? &im->machine : &im->files, &im->release);
	} else {
		uname(&u);
		im->release = strdup(u.release);
	}
	return im->release ? 0 : -ENOMEM;
}

static int find_moddir(struct mkimage *im)
{
	for (size_t i = 0; im->release && i < ARRAY_SIZE(module_dirs); i++) {
		_cleanup_free_ char *path = NULL;
		int r;

		if (asprintf(&path, "%s/%s", module_dirs[i], im->release) < 0)
			return -ENOMEM;
		r = is_directory(im, &im->files, path);
		if (r > 0)
			im->moddir = steal_ptr(path);
		if (r)
			return r < 0 ? r : 0;
	}
	return 0;
}

/* A recording has no modules. Unless a root for them is given, this machine's are taken. */
static const char *files_path(const struct mkimage *im)
{
	const struct coldplug *c = im->c;

	if (im->wish->root)
		return im->wish->root;
	return !c->settings.unpacked && c->settings.paths.root ? c->settings.paths.root : "/";
}

int mkimage_open(struct mkimage *im)
{
	int r = open_root(im, &im->files, files_path(im));

	if (!r)
		r = open_root(im, &im->machine, im->c->settings.unpacked ?: files_path(im));
	/* Paths are as in the recording. */
	if (!r && im->c->settings.unpacked)
		im->machine.path[0] = '\0';
	if (!r && im->wish->archive)
		return mkimage_open_archive(im);
	if (!r)
		r = find_release(im);
	return r ?: find_moddir(im);
}

/* A link would lead the modules of a recording elsewhere, so it is removed; recorded directories are
 * moved aside. */
static int clear_place(struct mkimage *im, const char *parent, const char *name, const char *aside)
{
	_cleanup_close_ int dir = rootfs_openat(&im->machine, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct stat st;

	if (dir < 0)
		return dir == -ENOENT || dir == -ENOTDIR ? 0 : dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (aside)
		return renameat(dir, name, im->machine.fd, aside) < 0 ? -errno : 0;
	return S_ISDIR(st.st_mode) || !unlinkat(dir, name, 0) ? 0 : -errno;
}

/* Copies one index with its time, which decides whether it or its text is used. */
static int copy_index(void *userdata, const struct rootfs *root, const char *dir, const char *name)
{
	struct mkimage *im = userdata;
	_cleanup_free_ char *from = NULL, *to = NULL;
	_cleanup_file_ struct file_bytes file = {};
	_cleanup_close_ int fd = -1;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	int r;

	if (strncmp(name, "modules.", 8) != 0)
		return 0;
	if (asprintf(&from, "%s/%s", dir, name) < 0 ||
	    asprintf(&to, "lib/modules/%s/%s", im->release, name) < 0)
		return -ENOMEM;
	r = rootfs_read(root, from, LIMIT_INDEX, &file);
	if (r < 0)
		return r == -EISDIR ? 0 : mkimage_fail(im, from, r);
	/* All directories of it were made here. */
	fd = openat(im->machine.fd, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : file_write(fd, file.data, file.size);
	times[1].tv_sec = file.mtime;
	if (!r && futimens(fd, times) < 0)
		r = -errno;
	return r < 0 ? mkimage_fail(im, to, r) : 0;
}

int mkimage_take_indexes(struct mkimage *im)
{
	_cleanup_free_ char *place = NULL;
	int r;

	if (asprintf(&place, "lib/modules/%s", im->release) < 0)
		return -ENOMEM;
	r = clear_place(im, ".", "lib", NULL) ?: clear_place(im, ".", "usr", NULL);
	if (!r)
		r = clear_place(im, "usr", "lib", NULL);
	if (!r)
		r = clear_place(im, "lib", "modules", ".modules-of-lib");
	if (!r)
		r = clear_place(im, "usr/lib", "modules", ".modules-of-usr-lib");
	if (!r)
		r = make_directories(im->machine.fd, place);
	if (r < 0)
		return mkimage_fail(im, "cannot prepare the recording", r);
	return each_name(im, &im->files, im->moddir, copy_index, im);
}

int mkimage_root_mount(struct mkimage *im, char **source, char **type)
{
	_cleanup_file_ struct file_bytes file = {};
	char *rest, *save = NULL;
	int r = rootfs_read(&im->machine, "proc/self/mounts", LIMIT_CONFIG_FILE, &file);

	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : mkimage_fail(im, "/proc/self/mounts", r);
	rest = file.data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *from = strtok_r(line, " ", &save), *on = strtok_r(NULL, " ", &save);
		const char *fs = strtok_r(NULL, " ", &save);

		if (!fs || strcmp(on, "/") != 0)
			continue;
		/* The last one counts: it covers those before. */
		free(*source);
		free(*type);
		*source = strdup(from);
		*type = strdup(fs);
		if (!*source || !*type)
			return -ENOMEM;
	}
	return *type != NULL;
}
