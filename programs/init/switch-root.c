/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the initramfs to the real root: the new root is moved over "/", which is all that can be done
 * with a rootfs (it can be neither unmounted nor pivoted away, Documentation/filesystems/
 * ramfs-rootfs-initramfs.rst). What the initramfs holds in memory is freed by deleting it, which the engine
 * does when it needs it no longer: so nobody waits for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* init/main.c kernel_init(), in its order. */
static const char *const inits[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };

/* Links of the new root lead where they lead from inside it. */
static bool is_there(const char *program)
{
	struct child child = { .pid = fork() };
	struct stat st;

	if (child.pid == 0)
		_exit(chroot(NEW_ROOT) < 0 || access(program, X_OK) < 0 || stat(program, &st) < 0 ||
		      !S_ISREG(st.st_mode));
	if (child.pid < 0)
		return false;
	process_await(&child);
	return WIFEXITED(child.status) && !WEXITSTATUS(child.status);
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

static void move_back(void)
{
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char from[32] = NEW_ROOT;

		strcat(from, dirs[i]);
		(void)mount(from, dirs[i], NULL, MS_MOVE, NULL);
	}
}

static void move_mounts(void)
{
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char to[32] = NEW_ROOT;

		strcat(to, dirs[i]);
		if (!mount_is_point(dirs[i]))
			continue;
		if (mount(dirs[i], to, NULL, MS_MOVE, NULL) < 0) {
			say(4, "%s cannot be moved to the new root (%s): unmounted", dirs[i],
			    strerror(errno));
			umount2(dirs[i], MNT_DETACH);
		}
	}
}

/* Nothing but the file system of an initramfs is ever emptied. */
int initramfs_open(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd >= 0 &&
	    (fstatfs(fd, &fs) < 0 ||
	     ((unsigned long)fs.f_type != RAMFS_MAGIC && (unsigned long)fs.f_type != TMPFS_MAGIC))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void empty(int dir, dev_t device)
{
	DIR *d = fdopendir(dir);
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != device)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int fd = openat(dir, de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0)
				empty(fd, device);
		}
		unlinkat(dir, de->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	if (d)
		closedir(d);
}

void initramfs_empty(int initramfs)
{
	struct stat st;

	if (initramfs >= 0 && !fstat(initramfs, &st))
		empty(initramfs, st.st_dev);
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
	say(2, "%s cannot be run: %s", init, strerror(errno));
}

/* As the kernel does, what was found is tried first, then the usual. */
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
