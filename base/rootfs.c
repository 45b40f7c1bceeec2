/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	*ret = (struct rootfs){ .fd = fd, .other = strcmp(real, "/") != 0 };
	if (!ret->other)
		*real = '\0';
	ret->path = steal_ptr(real);
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

bool rootfs_without_openat2;

#define LINKS_AT_MOST 40 /* as the kernel has it */

/* A path on its way to a file, one name after the other, none of which the kernel may follow. */
struct walk {
	int root;
	int dir;	     /* where it has come to: root, or a descriptor of its own */
	char done[PATH_MAX]; /* the same by names: "a/b", no links and no ".." */
	char *path;	     /* the buffer of rest */
	char *rest;	     /* what is still to come */
	unsigned int links;
};

static void set_dir(struct walk *w, int fd)
{
	if (w->dir != w->root)
		close(w->dir);
	w->dir = fd;
}

/* A directory below the one that has been come to. */
static int go_down(struct walk *w, const char *name)
{
	int fd = openat(w->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	set_dir(w, fd);
	return 0;
}

/* From the root down to all of done but its last name. Not by the directory's own "..", which leads out of the
 * root when somebody moves it meanwhile. */
static int go_up(struct walk *w)
{
	char *last = strrchr(w->done, '/'), *name, *next;
	int r = 0;

	*(last ? last : w->done) = '\0';
	set_dir(w, w->root);
	for (name = w->done; !r && *name; name = next) {
		char *slash = strchrnul(name, '/'), c = *slash;

		*slash = '\0';
		r = go_down(w, name);
		*slash = c;
		next = slash + (c == '/');
	}
	return r;
}

/* A link's text takes the place of its name. */
static int follow(struct walk *w, const char *target, bool last)
{
	char *path;

	if (++w->links > LINKS_AT_MOST)
		return -ELOOP;
	if (asprintf(&path, "%s%s%s", target, last ? "" : "/", w->rest) < 0)
		return -ENOMEM;
	free(w->path);
	w->path = w->rest = path;
	if (*target == '/') {
		set_dir(w, w->root);
		w->done[0] = '\0';
	}
	return 0;
}

static int enter(struct walk *w, const char *name)
{
	size_t n = strlen(w->done);
	int r = go_down(w, name);

	if (r < 0)
		return r;
	if (snprintf(w->done + n, sizeof(w->done) - n, "%s%s", n ? "/" : "", name) >= sizeof(w->done) - n)
		return -ENAMETOOLONG;
	return 0;
}

/* The next name of rest, cut off there. A slash at the end of the path means the directory itself. */
static char *take_name(struct walk *w, bool *last)
{
	char *name = w->rest + strspn(w->rest, "/"), *end = strchrnul(name, '/');

	*last = !*end;
	if (!*name) {
		w->rest = name;
		*last = true;
		return (char *)".";
	}
	w->rest = *end ? end + 1 : end;
	*end = '\0';
	return name;
}

/* A descriptor of what rest leads to, or -errno. */
static int go(struct walk *w, int flags)
{
	char target[PATH_MAX];
	bool last = false;
	int r = 0, fd;

	while (!r) {
		const char *name = take_name(w, &last);
		bool up = !strcmp(name, "..");
		ssize_t n =
			up || !strcmp(name, ".") ? -1 : readlinkat(w->dir, name, target, sizeof(target) - 1);

		if (n >= 0 && !(last && flags & O_NOFOLLOW)) {
			target[n] = '\0';
			r = follow(w, target, last);
			continue;
		}
		if (up)
			r = go_up(w);
		if (!r && last) {
			fd = openat(w->dir, up ? "." : name, flags | O_NOFOLLOW | O_CLOEXEC);
			return fd < 0 ? -errno : fd;
		}
		if (!r && !up && strcmp(name, ".") != 0)
			r = enter(w, name);
	}
	return r;
}

/* What openat2() does, for a kernel that has none. */
static int walk_in_root(int from, const char *path, int flags)
{
	struct walk w = { .root = from, .dir = from };
	int r;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	w.path = w.rest = strdup(path);
	r = w.path ? go(&w, flags) : -ENOMEM;
	set_dir(&w, w.root);
	free(w.path);
	return r;
}

int rootfs_openat(const struct rootfs *root, const char *path, int flags)
{
	struct openat2_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = OPENAT2_IN_ROOT };
	int from = starting_point(root, &path);
	long fd;

	if (!*path)
		path = ".";
	if (rootfs_without_openat2)
		return walk_in_root(from, path, flags);
	fd = syscall(SYS_OPENAT2, from, path, &how, sizeof(how));
	/* ENOSYS before 5.6; EPERM from a seccomp filter that does not know the call; EAGAIN when something was
	 * renamed or mounted meanwhile and there is a ".." in it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		return walk_in_root(from, path, flags);
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

static bool can_be_read(mode_t mode, bool pipes)
{
	return S_ISREG(mode) || S_ISCHR(mode) || (pipes && S_ISFIFO(mode));
}

static int read_file(int fd, size_t max, bool pipes, struct file_bytes *ret)
{
	struct file_bytes file = {};
	struct stat st;
	size_t guess = 4096;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!can_be_read(st.st_mode, pipes))
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

int file_read(int fd, size_t max, struct file_bytes *ret)
{
	return read_file(fd, max, false, ret);
}

int file_or_pipe_read(int fd, size_t max, struct file_bytes *ret)
{
	return read_file(fd, max, true, ret);
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

int file_read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, (char *)buf + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int file_write(int fd, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

void file_release(struct file_bytes *file)
{
	free(file->data);
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
