/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descent of all of /sys/devices: every device lives there, so it is complete by construction.
 *
 * A device is a directory with a "uevent" file. Its aliases stand in "modalias" (one a line: an ACPI
 * device can have two) or, where there is no such file, in MODALIAS= of "uevent" (CPUs, MMC cards); and
 * "modalias" can stand alone (/sys/devices/system/cpu). Only one of the two is read, and which is known
 * from the directory's listing, so no file is opened in vain.
 *
 * What is skipped is only "power": the attribute group that the power management core puts under every
 * device (drivers/base/power/sysfs.c), so no device can have that name.
 *
 * Refused: listing /sys/bus/.../devices and /sys/class (fewer directories, but a device on neither is
 * missed, and each link must be resolved to name the device); several threads (see tests/bench/walk.c).
 */
#include "uevent/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "uevent/devicetree.h"

struct walker {
	int (*found)(void *userdata, const char *devpath, const char *alias);
	void *userdata;
	struct log *log;
	bool devicetree;
	ARRAY(char) names; /* subdirectories still to visit, a stack of strings */
	size_t path_len;
	char path[4096];
	char attribute[LIMIT_ATTRIBUTE];
};

/* What a directory's listing says of it. */
struct listing {
	bool modalias, uevent;
	size_t names; /* where its subdirectories begin on the stack */
};

/* include/linux/dirent.h of the kernel; glibc has no declaration for the raw call's. */
struct linux_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static bool is_directory(int fd, const struct linux_dirent *de)
{
	struct stat st;

	if (de->type != DT_UNKNOWN)
		return de->type == DT_DIR;
	return !fstatat(fd, de->name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

static int push_name(struct walker *w, const char *name)
{
	size_t n = strlen(name) + 1;
	int r = array_make_room(&w->names, n);

	if (r < 0)
		return r;
	memcpy(w->names.items + w->names.n, name, n);
	w->names.n += n;
	return 0;
}

static int take_entry(struct walker *w, int fd, const struct linux_dirent *de, struct listing *l)
{
	const char *name = de->name;

	if (!strcmp(name, "uevent"))
		l->uevent = true;
	else if (!strcmp(name, "modalias"))
		l->modalias = true;
	else if (is_directory(fd, de) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		 strcmp(name, "power") != 0)
		return push_name(w, name);
	return 0;
}

static int list_directory(struct walker *w, int fd, struct listing *l)
{
	_Alignas(struct linux_dirent) char buf[8192];
	long n;

	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct linux_dirent *de = (const void *)(buf + at);
			int r = take_entry(w, fd, de, l);

			if (r < 0)
				return r;
			at += de->reclen;
		}
	}
	return 0; /* an error here is a directory that has just vanished */
}

static int add_alias(struct walker *w, const char *text, size_t len)
{
	char alias[LIMIT_ALIAS + 1];

	if (!len)
		return 0;
	if (len > LIMIT_ALIAS) {
		log_warning(w->log, "/sys%s: alias of %zu bytes is cut at %u", w->path, len, LIMIT_ALIAS);
		len = LIMIT_ALIAS;
	}
	memcpy(alias, text, len);
	alias[len] = '\0';
	return w->found(w->userdata, w->path, alias);
}

/* The value of KEY in the lines of a uevent file, or NULL. */
static const char *find_key(void *userdata, const char *key, size_t *len)
{
	const struct walker *w = userdata;
	size_t n = strlen(key);

	for (const char *p = w->attribute; *p; p += *p == '\n') {
		size_t line = strcspn(p, "\n");

		if (line > n && p[n] == '=' && !memcmp(p, key, n)) {
			*len = line - n - 1;
			return p + n + 1;
		}
		p += line;
	}
	return NULL;
}

static int add_uevent_aliases(struct walker *w, bool modalias)
{
	char of[LIMIT_ALIAS + 1];
	size_t len;
	const char *alias = modalias ? find_key(w, "MODALIAS", &len) : NULL;
	int r = alias ? add_alias(w, alias, len) : 0;

	if (!r && w->devicetree && devicetree_alias(find_key, w, of))
		r = add_alias(w, of, strlen(of));
	return r;
}

static int add_modalias_lines(struct walker *w)
{
	int r = 0;

	for (char *p = w->attribute; !r && *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		r = add_alias(w, p, len);
		p += len;
	}
	return r;
}

/* 1 when it was read; 0 when there is nothing to say of it: the device has vanished meanwhile. */
static int read_file(struct walker *w, int fd, const char *name)
{
	ssize_t n = read_attribute(fd, name, w->attribute, sizeof(w->attribute));

	if (n >= 0 && !memchr(w->attribute, '\0', (size_t)n))
		return 1;
	if (n >= 0) {
		log_lost(w->log, "/sys%s/%s: not text, ignored", w->path, name);
		return 0;
	}
	if (n == -ENOENT || n == -ENODEV || n == -ENXIO || n == -EISDIR || n == -ELOOP)
		return 0;
	log_lost(w->log, "/sys%s/%s: cannot be read: %s", w->path, name,
		 n == -EFBIG ? "larger than 65535 bytes" : strerror((int)-n));
	return 0;
}

static int read_device(struct walker *w, int fd, const struct listing *l)
{
	int r = 0;

	if (l->modalias && read_file(w, fd, "modalias"))
		r = add_modalias_lines(w);
	if (!r && l->uevent && (!l->modalias || w->devicetree) && read_file(w, fd, "uevent"))
		r = add_uevent_aliases(w, !l->modalias);
	return r;
}

static int visit(struct walker *w, int fd, unsigned int depth);

static int visit_child(struct walker *w, int parent, const char *name, unsigned int depth)
{
	size_t mark = w->path_len, n = strlen(name);
	int fd, r;

	if (w->path_len + n + 2 > sizeof(w->path) || depth == LIMIT_WALK_DEPTH) {
		log_lost(w->log, "/sys%s/%s: too deep to walk, not read", w->path, name);
		return 0;
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT && errno != ENODEV && errno != ENOTDIR)
			log_lost(w->log, "/sys%s/%s: cannot be opened: %s", w->path, name, strerror(errno));
		return 0;
	}
	w->path[w->path_len++] = '/';
	memcpy(w->path + w->path_len, name, n + 1);
	w->path_len += n;
	r = visit(w, fd, depth + 1);
	close(fd);
	w->path_len = mark;
	w->path[mark] = '\0';
	return r;
}

static int visit(struct walker *w, int fd, unsigned int depth)
{
	struct listing l = { .names = w->names.n };
	int r = list_directory(w, fd, &l);
	size_t end = w->names.n;

	if (!r)
		r = read_device(w, fd, &l);
	/* The stack may move while a child is visited: names are found by their place. */
	for (size_t at = l.names; !r && at < end; at += strlen(w->names.items + at) + 1) {
		char name[256];

		memccpy(name, w->names.items + at, '\0', sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		r = visit_child(w, fd, name, depth);
	}
	w->names.n = l.names;
	return r;
}

int walk_devices(const struct rootfs *root, bool devicetree, struct log *log,
		 int (*found)(void *userdata, const char *devpath, const char *alias), void *userdata)
{
	_cleanup_close_ int fd = rootfs_openat(root, "sys/devices", O_RDONLY | O_DIRECTORY);
	_cleanup_free_ struct walker *w = NULL;
	int r;

	if (fd < 0)
		return fd;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->found = found;
	w->userdata = userdata;
	w->log = log;
	w->devicetree = devicetree;
	w->path_len = (size_t)snprintf(w->path, sizeof(w->path), "/devices");
	r = visit(w, fd, 0);
	array_free(&w->names);
	return r;
}
