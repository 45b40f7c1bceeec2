/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading under a root directory: every path of the project is relative to one descriptor, so that a
 * test's tree, a recorded machine and the running system are read by the same code. Symbolic links
 * stay inside the root: by openat2's RESOLVE_IN_ROOT, or where the kernel lacks that (before 5.6) or a filter
 * forbids it name by name. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A directory that is reached by a descriptor, not by its name. */
struct rootfs_pin {
	const char *name; /* the first component of a path */
	int fd;
};

#define ROOTFS_PINS 2

struct rootfs {
	int fd;	    /* O_PATH of the root directory */
	char *path; /* absolute, without a trailing slash: "" for "/". For people */
	bool other; /* than that of the running system */
	struct rootfs_pin pins[ROOTFS_PINS];
	unsigned int n_pins;
};

#define ROOTFS_NONE ((struct rootfs){ .fd = -1 })

/* dir: NULL or "/" for the running system. Negative errno when it cannot be opened. */
int rootfs_open(struct rootfs *ret, const char *dir);
void rootfs_close(struct rootfs *root);

/* Holds sys and proc as they are now: when an initramfs is left these are moved to the new root, and names
 * lead there no longer. What cannot be opened is looked for by its name. rootfs_close() ends it. */
void rootfs_pin(struct rootfs *root);
void rootfs_unpin(struct rootfs *root);

/* Opens path (a leading slash is taken as the root's) with O_CLOEXEC; a descriptor or -errno. What is not there
 * is not made: no O_CREAT. */
int rootfs_openat(const struct rootfs *root, const char *path, int flags);
/* A test's: as if the kernel had no openat2. */
extern bool rootfs_without_openat2;

/* Opens a regular file of at most max bytes to be read, and says what it is; a descriptor or -errno: -EISDIR,
 * -EINVAL when it is neither, -EFBIG. */
struct stat;
int rootfs_open_regular(const struct rootfs *root, const char *path, size_t max, struct stat *st);

/* A directory to be listed. 0 or -errno. */
int rootfs_opendir(const struct rootfs *root, const char *path, DIR **ret);

/* Bytes read, freed by file_release(). data is NUL-terminated one byte past size. Files that are large and of
 * which little is looked at are read by base/blocks. */
struct file_bytes {
	char *data;
	size_t size;
	int64_t mtime; /* seconds */
};

#define _cleanup_file_ __attribute__((cleanup(file_release)))

/* Reads a whole file, at most max bytes: -EFBIG when it is larger, -EISDIR, -EINVAL when it is neither
 * a regular file nor something that reads like one. Files of sysfs and proc, whose st_size lies, are
 * read to their end. */
int rootfs_read(const struct rootfs *root, const char *path, size_t max, struct file_bytes *ret);
/* The same for an open descriptor. */
int file_read(int fd, size_t max, struct file_bytes *ret);
/* The same for a pipe too, until all its writers have closed it. */
int file_or_pipe_read(int fd, size_t max, struct file_bytes *ret);
void file_release(struct file_bytes *file);

/* Reads exactly so many bytes from a place on. 0, -errno, or -EBADMSG: the file ends before. */
int file_read_at(int fd, void *buf, size_t size, uint64_t offset);
/* Writes all of it. 0 or -errno. */
int file_write(int fd, const void *data, size_t size);

/* Reads a small attribute relative to a directory descriptor into buf, NUL-terminated and without the
 * trailing newline; its length or -errno (-EFBIG when it does not fit). */
ssize_t read_attribute(int dirfd, const char *name, char *buf, size_t size);
/* The same for an open descriptor. */
ssize_t read_attribute_fd(int fd, char *buf, size_t size);
