/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int rootfs_open(struct rootfs *ret, const char *dir)
{
	_cleanup_free_ char *real = NULL;
	int fd;

	if (!dir || !*dir)
		dir = "/";
	real = realpath(dir, NULL);
	if (!real)
		return -errno;
	fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!strcmp(real, "/"))
		*real = '\0';
	*ret = (struct rootfs){ .fd = fd, .path = steal_ptr(real) };
	return 0;
}

void rootfs_pin(struct rootfs *root)
{
	static const char *const names[ROOTFS_PINS] = { "sys", "proc" };

	rootfs_unpin(root);
	for (size_t i = 0; i < ROOTFS_PINS; i++) {
		int fd = rootfs_openat(root, names[i], O_PATH | O_DIRECTORY);

		if (fd >= 0)
			root->pins[root->n_pins++] = (struct rootfs_pin){ .name = names[i], .fd = fd };
	}
}

void rootfs_unpin(struct rootfs *root)
{
	while (root->n_pins)
		close(root->pins[--root->n_pins].fd);
}

void rootfs_close(struct rootfs *root)
{
	rootfs_unpin(root);
	if (root->fd >= 0)
		close(root->fd);
	free(root->path);
	*root = ROOTFS_NONE;
}

/* linux/openat2.h, which musl's headers lack */
struct openat2_how {
	uint64_t flags, mode, resolve;
};
#define OPENAT2_IN_ROOT 0x10
#define SYS_OPENAT2 437 /* the same on all architectures but alpha */

/* The directory that path is relative to; what of the path that names is skipped. */
static int starting_point(const struct rootfs *root, const char **path)
{
	size_t n;

	*path += strspn(*path, "/");
	n = strcspn(*path, "/");
	for (const struct rootfs_pin *pin = root->pins; pin < root->pins + root->n_pins; pin++) {
		if (strlen(pin->name) != n || strncmp(pin->name, *path, n) != 0)
			continue;
		*path += n;
		*path += strspn(*path, "/");
		return pin->fd;
	}
	return root->fd;
}

int rootfs_openat(const struct rootfs *root, const char *path, int flags)
{
	struct openat2_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = OPENAT2_IN_ROOT };
	int from = starting_point(root, &path);
	long fd;

	if (!*path)
		path = ".";
	fd = syscall(SYS_OPENAT2, from, path, &how, sizeof(how));
	/* ENOSYS before 5.6; EPERM from a seccomp filter that does not know the call. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(from, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int rootfs_opendir(const struct rootfs *root, const char *path, DIR **ret)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);

	if (fd < 0)
		return fd;
	*ret = fdopendir(fd);
	if (!*ret)
		return -errno;
	steal_fd(&fd);
	return 0;
}

static int read_to_end(int fd, size_t guess, size_t max, struct file_bytes *ret)
{
	_cleanup_free_ char *buf = NULL;
	size_t size = 0, capacity = guess + 1;

	buf = malloc(capacity + 1);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + size, capacity - size);
		char *p;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > max)
			return -EFBIG;
		if (size < capacity)
			continue;
		capacity *= 2;
		p = realloc(buf, capacity + 1);
		if (!p)
			return -ENOMEM;
		buf = p;
	}
	buf[size] = '\0';
	ret->data = steal_ptr(buf);
	ret->size = size;
	return 0;
}

int file_read(int fd, size_t max, struct file_bytes *ret)
{
	struct file_bytes file = {};
	struct stat st;
	size_t guess = 4096;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return -EINVAL;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
		return -EFBIG;
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		guess = (size_t)st.st_size;
	r = read_to_end(fd, guess, max, &file);
	if (r < 0)
		return r;
	file.mtime = st.st_mtime;
	*ret = file;
	return 0;
}

int rootfs_read(const struct rootfs *root, const char *path, size_t max, struct file_bytes *ret)
{
	/* O_NONBLOCK: a FIFO in a file's place must not stop a boot. */
	_cleanup_close_ int fd = rootfs_openat(root, path, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return fd;
	return file_read(fd, max, ret);
}

int rootfs_open_regular(const struct rootfs *root, const char *path, size_t max, struct stat *st)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return fd;
	if (fstat(fd, st) < 0)
		return -errno;
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if ((uint64_t)st->st_size > max)
		return -EFBIG;
	return steal_fd(&fd);
}

int rootfs_map(const struct rootfs *root, const char *path, size_t max, struct file_bytes *ret)
{
	struct stat st;
	_cleanup_close_ int fd = rootfs_open_regular(root, path, max, &st);
	struct file_bytes file = { .mapped = 1 };
	void *p;

	if (fd < 0)
		return fd;
	file.mtime = st.st_mtime;
	if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			return -errno;
		file.data = p;
		file.size = (size_t)st.st_size;
	}
	*ret = file;
	return 0;
}

void file_release(struct file_bytes *file)
{
	if (file->mapped) {
		if (file->data)
			munmap(file->data, file->size);
	} else {
		free(file->data);
	}
	*file = (struct file_bytes){};
}

ssize_t read_attribute_fd(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -EFBIG;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

ssize_t read_attribute(int dirfd, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? -errno : read_attribute_fd(fd, buf, size);
}
