/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/atomic-file.h"

#include <errno.h>
#include <fcntl.h>
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

/* A new file beside path. Its name is one of this process's and this moment's; a process of the same number may
 * have left one behind. */
static int make_temporary(struct atomic_file *a, mode_t mode)
{
	struct timespec t;
	int fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		free(a->tmp);
		clock_gettime(CLOCK_MONOTONIC, &t);
		if (asprintf(&a->tmp, "%s.%lx-%lx", a->path, (long)getpid(), (long)t.tv_nsec) < 0) {
			a->tmp = NULL;
			return -ENOMEM;
		}
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

static int open_temporary(struct atomic_file *a, const char *path, mode_t mode)
{
	int fd, r;

	a->path = strdup(path);
	fd = a->path ? make_temporary(a, mode) : -ENOMEM;
	if (fd < 0)
		return fd;
	a->f = fdopen(fd, "w");
	if (a->f)
		return 0;
	r = -errno;
	close(fd);
	unlinkat(a->dirfd, a->tmp, 0);
	return r;
}

int atomic_file_open_mode(struct atomic_file *a, int dirfd, const char *path, mode_t mode)
{
	int r;

	*a = (struct atomic_file){ .dirfd = dirfd };
	r = atomic_file_check(dirfd, path);
	if (r == 0)
		r = open_temporary(a, path, mode);
	if (r < 0)
		release(a);
	return r;
}

int atomic_file_open(struct atomic_file *a, int dirfd, const char *path)
{
	return atomic_file_open_mode(a, dirfd, path, 0600);
}

void atomic_file_abort(struct atomic_file *a)
{
	if (a->f) {
		fclose(a->f);
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

int atomic_file_commit(struct atomic_file *a)
{
	int r = atomic_file_flush(a);

	if (!r && renameat(a->dirfd, a->tmp, a->dirfd, a->path) < 0)
		r = -errno;
	if (!r) {
		fclose(a->f);
		a->f = NULL;
	}
	atomic_file_abort(a);
	return r;
}
