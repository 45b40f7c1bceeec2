/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"

#define TRIES 100

int atomic_file_check(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EISDIR;
	if (fstatat(dirfd, path, &st, 0) < 0 || S_ISREG(st.st_mode))
		return 0;
	return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

const char *atomic_file_strerror(int r)
{
	return r == -EINVAL ? "is not a regular file" : strerror(-r);
}

/* A name beside path that is one of this process's and this moment's; a process of the same number may
 * have left a file with it behind. */
static int make_name(struct atomic_file *a)
{
	struct timespec t;

	free(a->tmp);
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (asprintf(&a->tmp, "%s.%lx-%lx", a->path, (long)getpid(), (long)t.tv_nsec) >= 0)
		return 0;
	a->tmp = NULL;
	return -ENOMEM;
}

static int make_temporary(struct atomic_file *a, mode_t mode)
{
	int fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		if (make_name(a) < 0)
			return -ENOMEM;
		fd = openat(a->dirfd, a->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	return fd < 0 ? -EEXIST : fd;
}

static void release(struct atomic_file *a)
{
	free(a->path);
	free(a->tmp);
	*a = (struct atomic_file){};
}

/* Where linkat(2) finds an open file. */
static const char *link_of(int fd, char buf[32])
{
	snprintf(buf, 32, "/proc/self/fd/%d", fd);
	return buf;
}

/* A file without a name in the directory that path is in; or a negative errno, also where no name could be
 * given to it later. */
static int make_unnamed(const struct atomic_file *a, mode_t mode)
{
	const char *slash = strrchr(a->path, '/');
	_cleanup_free_ char *parent = slash ? strndup(a->path, (size_t)(slash - a->path) + 1) : strdup(".");
	char link[32];
	int fd = parent ? openat(a->dirfd, parent, O_WRONLY | O_TMPFILE | O_CLOEXEC, mode) : -1;

	if (fd >= 0 && faccessat(AT_FDCWD, link_of(fd, link), F_OK, 0) < 0) {
		close(fd);
		return -ENOENT;
	}
	return fd < 0 ? -errno : fd;
}

static int open_temporary(struct atomic_file *a, const char *path, mode_t mode, bool unnamed)
{
	int fd = -1, r;

	a->path = strdup(path);
	if (!a->path)
		return -ENOMEM;
	if (unnamed)
		fd = make_unnamed(a, mode);
	if (fd < 0)
		fd = make_temporary(a, mode);
	if (fd < 0)
		return fd;
	a->f = fdopen(fd, "w");
	if (a->f)
		return 0;
	r = -errno;
	close(fd);
	if (a->tmp)
		unlinkat(a->dirfd, a->tmp, 0);
	return r;
}

static int open_file(struct atomic_file *a, int dirfd, const char *path, mode_t mode, bool unnamed)
{
	int r;

	*a = (struct atomic_file){ .dirfd = dirfd };
	r = atomic_file_check(dirfd, path);
	if (r == 0)
		r = open_temporary(a, path, mode, unnamed);
	if (r < 0)
		release(a);
	return r;
}

int atomic_file_open_mode(struct atomic_file *a, int dirfd, const char *path, mode_t mode)
{
	return open_file(a, dirfd, path, mode, false);
}

int atomic_file_open_unnamed(struct atomic_file *a, int dirfd, const char *path, mode_t mode)
{
	return open_file(a, dirfd, path, mode, true);
}

int atomic_file_open(struct atomic_file *a, int dirfd, const char *path)
{
	return atomic_file_open_mode(a, dirfd, path, 0600);
}

void atomic_file_abort(struct atomic_file *a)
{
	if (a->f) {
		fclose(a->f);
		if (a->tmp)
			unlinkat(a->dirfd, a->tmp, 0);
	}
	release(a);
}

/* EINVAL, ENOSYS: a file system that has nothing to sync. */
int atomic_file_flush(struct atomic_file *a)
{
	if (a->flushed)
		return 0;
	errno = 0;
	if (fflush(a->f) == EOF || ferror(a->f))
		return errno ? -errno : -EIO;
	if (fsync(fileno(a->f)) < 0 && errno != EINVAL && errno != ENOSYS)
		return -errno;
	a->flushed = true;
	return 0;
}

/* Gives the file a name: its own if that is free, else one beside it. linkat(2) replaces nothing, so an
 * old file is replaced in a second step. */
static int give_name(struct atomic_file *a, bool *done)
{
	char link[32];
	int r = -EEXIST;

	link_of(fileno(a->f), link);
	*done = !linkat(AT_FDCWD, link, a->dirfd, a->path, AT_SYMLINK_FOLLOW);
	if (*done || errno != EEXIST)
		return *done ? 0 : -errno;
	for (int i = 0; i < TRIES && r == -EEXIST; i++) {
		r = make_name(a);
		if (!r && linkat(AT_FDCWD, link, a->dirfd, a->tmp, AT_SYMLINK_FOLLOW) < 0)
			r = -errno;
	}
	if (r < 0) {
		free(a->tmp);
		a->tmp = NULL;
	}
	return r;
}

int atomic_file_commit(struct atomic_file *a)
{
	bool done = false;
	int r = atomic_file_flush(a);

	if (!r && !a->tmp)
		r = give_name(a, &done);
	if (!r && !done && renameat(a->dirfd, a->tmp, a->dirfd, a->path) < 0)
		r = -errno;
	if (!r) {
		fclose(a->f);
		a->f = NULL;
	}
	atomic_file_abort(a);
	return r;
}
