/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the initramfs to the real root. The new root is moved over "/", which is all that can be
 * done with a rootfs: it can be neither unmounted nor pivoted away
 * (Documentation/filesystems/ramfs-rootfs-initramfs.rst). What the initramfs holds in memory is
 * freed by deleting it. The engine does so when it no longer needs it, so nobody waits for that.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/init/init.h"

/* linux/magic.h */
#define RAMFS_MAGIC 0x858458f6
#define TMPFS_MAGIC 0x01021994

/* Those of the kernel (init/main.c kernel_init()), in its order. */
static const char *const inits[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };

/* Runs fn inside the new root, where its links lead as they will for its init. fn returns 0 or an errno;
 * it may write to fd. 0 or -errno. */
static int run_inside(int (*fn)(const char *path, int fd), const char *path, int fd)
{
	struct child child = { .pid = fork() };

	if (child.pid == 0)
		_exit(chroot(NEW_ROOT) < 0 || chdir("/") < 0 ? errno : fn(path, fd));
	if (child.pid < 0)
		return -errno;
	process_await(&child, -1);
	return WIFEXITED(child.status) ? -WEXITSTATUS(child.status) : -ECHILD;
}

/* What execve(2) would fail with; fd is not used. */
static int check_program(const char *path, int fd)
{
	struct stat st;

	if (access(path, X_OK) < 0 || stat(path, &st) < 0)
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

static bool is_there(const char *program)
{
	int r = run_inside(check_program, program, -1);

	if (r < 0 && r != -ENOENT)
		say(4, "%s of the new root cannot be run: %s", program, strerror(-r));
	return !r;
}

const char *switch_root_find_init(const struct init_options *o)
{
	if (o->init)
		return is_there(o->init) ? o->init : NULL;
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++)
		if (is_there(inits[i]))
			return inits[i];
	return NULL;
}

static const char *const dirs[] = { "/dev", "/proc", "/sys", "/run" };
#define N_DIRS (sizeof(dirs) / sizeof(dirs[0]))

/* Where they were moved to; "": they were not. */
static char targets[N_DIRS][sizeof(NEW_ROOT) + PATH_MAX];

static int write_real_path(const char *path, int fd)
{
	char real[PATH_MAX];
	size_t n = realpath(path, real) ? strlen(real) : 0;

	return n && write(fd, real, n) == (ssize_t)n ? 0 : errno;
}

/* Where a link of the new root leads, as its init will see it: from here it would lead to a directory of the
 * initramfs. */
static int find_link_target(const char *dir, char target[PATH_MAX])
{
	ssize_t n;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = run_inside(write_real_path, dir, fds[1]);
	n = r < 0 ? 0 : read(fds[0], target, PATH_MAX - 1);
	if (n < 0)
		r = -errno;
	close(fds[0]);
	close(fds[1]);
	target[n > 0 ? n : 0] = '\0';
	return r;
}

/* 0 or -errno. */
static int find_target(const char *dir, char *target)
{
	size_t prefix = strlen(NEW_ROOT);
	struct stat st;

	snprintf(target, prefix + PATH_MAX, "%s%s", NEW_ROOT, dir);
	if (lstat(target, &st) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? find_link_target(dir, target + prefix) : 0;
}

static void move_dir(const char *dir, char *target)
{
	int r = find_target(dir, target);

	if (!r && mount(dir, target, NULL, MS_MOVE, NULL) < 0)
		r = -errno;
	if (!r)
		return;
	say(4, "cannot move %s to the new root (%s): unmounting it", dir,
	    r == -ENOENT ? "there is no such directory" : strerror(-r));
	target[0] = '\0';
	umount2(dir, MNT_DETACH);
}

static void move_mounts(void)
{
	for (size_t i = 0; i < N_DIRS; i++) {
		targets[i][0] = '\0';
		if (mount_is_point(dirs[i]) != 0)
			move_dir(dirs[i], targets[i]);
	}
}

static void move_back(void)
{
	for (size_t i = 0; i < N_DIRS; i++)
		if (targets[i][0])
			(void)mount(targets[i], dirs[i], NULL, MS_MOVE, NULL);
}

/* Only a file system that an initramfs can be on is ever emptied. */
int initramfs_open(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs = {};

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		say(4, "/: %s: whether it is an initramfs is not known", strerror(errno));
	if (fd >= 0 && (unsigned long)fs.f_type != RAMFS_MAGIC && (unsigned long)fs.f_type != TMPFS_MAGIC) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int empty(int dir, dev_t device);

/* What was mounted there stays, and so do the directories above it. */
static int remove_entry(int dir, const char *name, dev_t device)
{
	struct stat st;
	int r = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_dev != device)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		r = fd < 0 ? -errno : empty(fd, device);
	}
	if (!unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) || r)
		return r;
	return errno == ENOENT || errno == ENOTEMPTY || errno == EBUSY ? 0 : -errno;
}

/* Closes dir. Goes on after an error, and returns the first one. */
static int empty(int dir, dev_t device)
{
	DIR *d = fdopendir(dir);
	struct dirent *de;
	int r = d ? 0 : -errno;

	if (!d)
		close(dir);
	while (d && (errno = 0, de = readdir(d))) {
		int k = strcmp(de->d_name, ".") && strcmp(de->d_name, "..")
			? remove_entry(dir, de->d_name, device)
			: 0;

		r = r ? r : k;
	}
	if (d && !r)
		r = -errno;
	if (d)
		closedir(d);
	return r;
}

void initramfs_empty(int initramfs)
{
	struct stat st;
	int r;

	if (initramfs < 0)
		return;
	r = fstat(initramfs, &st) < 0 ? -errno : empty(initramfs, st.st_dev);
	if (r < 0)
		say(4, "the initramfs cannot be emptied, and what is left of it takes memory: %s",
		    strerror(-r));
}

int switch_root_enter(void)
{
	int r;

	if (chdir(NEW_ROOT) < 0)
		return -errno;
	say_restore_limit();
	move_mounts();
	if (!mount(".", "/", NULL, MS_MOVE, NULL) && !chroot(".") && !chdir("/"))
		return 0;
	r = -errno;
	move_back();
	return r;
}

static void become(const char *init, char **argv)
{
	argv[0] = (char *)(uintptr_t)init;
	execv(init, argv);
	say(2, "cannot run %s: %s", init, strerror(errno));
}

/* As the kernel does: the one that was found, then the usual ones. */
void switch_root_exec(const char *init, char **argv)
{
	process_open_console();
	process_reset();
	become(init, argv);
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++)
		if (strcmp(inits[i], init) != 0)
			become(inits[i], argv);
	process_setup();
}
