/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "programs/init/init.h"

#define TYPES_MAX 4096
#define FILE_SYSTEMS "/proc/filesystems"

static const struct {
	const char *type, *where, *data;
	unsigned long flags;
} api[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV },
};

int mount_is_point(const char *dir)
{
	struct stat here, above;

	if (stat(dir, &here) < 0)
		return errno == ENOENT ? 0 : -errno;
	return stat("/", &above) < 0 ? -errno : here.st_dev != above.st_dev;
}

/* What udev and other inits of an initramfs leave in /dev, for a real init that does not. */
static void make_links(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		(void)!symlink(links[i][0], links[i][1]);
}

/* There is no log before /dev is mounted, so failures are reported at the end. */
void mount_api_file_systems(void)
{
	int errors[sizeof(api) / sizeof(api[0])] = {};

	for (size_t i = 0; i < sizeof(api) / sizeof(api[0]); i++) {
		int there = mount_is_point(api[i].where);

		errors[i] = there < 0 ? -there : 0;
		if (there)
			continue;
		mkdir(api[i].where, 0755);
		if (mount(api[i].type, api[i].where, api[i].type, api[i].flags, api[i].data) < 0)
			errors[i] = errno;
	}
	make_links();
	say_open();
	for (size_t i = 0; i < sizeof(api) / sizeof(api[0]); i++) {
		if (errors[i] == ENODEV && !strcmp(api[i].type, "devtmpfs"))
			say(3,
			    "this kernel has no devtmpfs (CONFIG_DEVTMPFS): there will be no device nodes");
		else if (errors[i])
			say(3, "cannot mount %s on %s: %s", api[i].type, api[i].where, strerror(errors[i]));
	}
}

void mount_set_run(const char *size)
{
	char data[64];

	snprintf(data, sizeof(data), "mode=0755,size=%.40s", size);
	if (mount(NULL, "/run", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, data) < 0)
		say(4, "cannot give /run the size %s: %s", size, strerror(errno));
}

void mount_undo_api_file_systems(void)
{
	for (size_t i = sizeof(api) / sizeof(api[0]); i > 0; i--)
		if (mount_is_point(api[i - 1].where) > 0)
			(void)umount2(api[i - 1].where, MNT_DETACH);
}

/* Where the library looks, in its order. */
static int find_archive(char *path, size_t size)
{
	static const struct {
		const char *before, *after;
	} places[] = { { "/lib/modules/", "/modules.archive" },
		       { "/usr/lib/modules/", "/modules.archive" },
		       { "/boot/modules-", ".archive" } };
	struct utsname u;

	uname(&u);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, size, "%s%s%s", places[i].before, u.release, places[i].after);
		if (!access(path, F_OK))
			return 0;
	}
	snprintf(path, size, "/boot/modules.archive");
	return access(path, F_OK) < 0 ? -errno : 0;
}

/* The mount holds the file when its name is deleted, and nothing is copied. It moves with /run. */
void mount_kept_archive(void)
{
	static const char kept[] = REPORT_DIR "/modules.archive";
	char path[256];
	int r = find_archive(path, sizeof(path)), fd;

	if (r < 0) {
		say(4, "coldplug.keep-archive: there is no archive of modules here");
		return;
	}
	mkdir(REPORT_DIR, 0755);
	fd = open(kept, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0 && errno == EEXIST)
		return;
	if (fd < 0 || mount(path, kept, NULL, MS_BIND, NULL) < 0) {
		say(3, "cannot keep %s as %s: %s", path, kept, strerror(errno));
		/* An empty file would be taken for a damaged archive. */
		if (fd >= 0)
			unlink(kept);
	}
	if (fd >= 0)
		close(fd);
}

/* The options of mount(8) that are flags of mount(2). Of two that contradict each other the last
 * one counts. */
static const struct {
	const char *word;
	unsigned long set, clear;
} flag_words[] = {
	{ "defaults", 0, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "diratime", 0, MS_NODIRATIME },
	{ "relatime", MS_RELATIME, 0 },
	{ "norelatime", 0, MS_RELATIME },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "lazytime", MS_LAZYTIME, 0 },
	{ "nolazytime", 0, MS_LAZYTIME },
};

/* True for an option of mount(2), and for one that mount(8) keeps for itself (x-systemd.growfs). */
static bool take_flag(const char *word, size_t n, unsigned long *flags)
{
	for (size_t i = 0; i < sizeof(flag_words) / sizeof(flag_words[0]); i++) {
		if (strlen(flag_words[i].word) == n && !strncmp(word, flag_words[i].word, n)) {
			*flags = (*flags | flag_words[i].set) & ~flag_words[i].clear;
			return true;
		}
	}
	return n >= 2 && !strncmp(word, "x-", 2);
}

void mount_split_flags(const char *options, unsigned long *flags, char *data)
{
	char *out = data;

	for (const char *p = options; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n && !take_flag(p, n, flags)) {
			if (out != data)
				*out++ = ',';
			memcpy(out, p, n);
			out += n;
		}
		p += n;
	}
	*out = '\0';
}

/* All that the kernel has and that need a device: without rootfstype= the kernel itself tries
 * these. */
static void known_types(char *list, size_t size)
{
	char line[128], *name;
	FILE *f = fopen(FILE_SYSTEMS, "re");
	size_t n = 0;

	*list = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		name = strchr(line, '\t');
		if (!name || name != line)
			continue; /* nodev */
		name[strcspn(name, "\n")] = '\0';
		n += (size_t)snprintf(list + n, size - n, "%s%s", n ? "," : "", name + 1);
		if (n >= size)
			break;
	}
	if (!f || ferror(f))
		say(3, "%s: cannot be read: %s", FILE_SYSTEMS, strerror(errno));
	if (f)
		fclose(f);
}

/* Says what a device holds that is not a file system, or NULL. */
static const char *container_of(const char *type)
{
	static const char *const containers[][2] = {
		{ "crypto_LUKS", "is encrypted (LUKS)" },
		{ "LVM2_member", "is part of a volume group (LVM)" },
		{ "linux_raid_member", "is part of a RAID (md)" },
		{ "BitLocker", "is encrypted (BitLocker)" },
		{ "zfs_member", "is part of a pool (ZFS)" },
		{ "swap", "is swap space" },
	};

	for (size_t i = 0; type && i < sizeof(containers) / sizeof(containers[0]); i++)
		if (!strcmp(type, containers[i][0]))
			return containers[i][1];
	return NULL;
}

struct root_mount {
	const char *node;
	unsigned long flags;
	const char *data;
};

/* 0 or -errno. A write-protected disk is mounted read-only, as mount(8) does. */
static int try_type(struct root_mount *m, const char *type)
{
	if (!mount(m->node, NEW_ROOT, type, m->flags, m->data))
		return 0;
	if ((errno == EROFS || errno == EACCES) && !(m->flags & MS_RDONLY)) {
		say(4, "%s is write-protected, mounting it read-only", m->node);
		m->flags |= MS_RDONLY;
		if (!mount(m->node, NEW_ROOT, type, m->flags, m->data))
			return 0;
	}
	return -errno;
}

/* ENODEV means that no driver has this type, EINVAL that the device is not of this type: another
 * one may fit. */
static int try_types(struct root_mount *m, const char *types, const char **which, char buf[64])
{
	int worst = -ENODEV;

	for (const char *p = types; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");
		int r;

		snprintf(buf, 64, "%.*s", (int)(n < 63 ? n : 63), p);
		p += n;
		if (!*buf)
			continue;
		r = try_type(m, buf);
		if (!r) {
			*which = buf;
			return 0;
		}
		say(7, "%s as %s: %s", m->node, buf, strerror(-r));
		if (worst == -ENODEV || r != -EINVAL)
			worst = r;
	}
	return worst;
}

/* types: what was tried; given: what libblkid says; named: whether rootfstype= is set. */
static void explain(const char *node, const char *types, const char *given, bool named, int error)
{
	if (!given && !named && (error == -ENODEV || error == -EINVAL))
		say(3, "%s: the type of its file system is not known: set rootfstype=", node);
	else if (container_of(given))
		say(3, "%s %s and has no file system of its own: an executable in " SCRIPTS " has to open it",
		    node, container_of(given));
	else if (error == -ENODEV)
		say(3, "%s has the file system %s, for which this kernel has no driver and no module", node,
		    types);
	else if (error == -EBUSY)
		say(3,
		    "%s is in use, perhaps by multipath or a RAID: then root= has to name the device "
		    "that was assembled from it",
		    node);
	else if (error == -EINVAL && given && !strcmp(given, "btrfs"))
		say(3,
		    "cannot mount %s as btrfs: if it spans several devices, an executable in " SCRIPTS
		    " has to run 'btrfs device scan'; otherwise rootflags= is wrong",
		    node);
	else if (error == -EINVAL)
		say(3, "cannot mount %s as %s: it has no such file system, or rootflags= is wrong", node,
		    types);
	else
		say(3, "cannot mount %s as %s: %s", node, types, strerror(-error));
}

/* Whether a driver of this name mounts what libblkid calls that. */
static bool fits(const char *type, size_t n, const char *signature, size_t m)
{
	static const char *const drivers[][2] = {
		{ "ntfs3", "ntfs" },
		{ "ext4", "ext3" },
		{ "ext4", "ext2" },
		{ "ext3", "ext2" },
	};

	if (n == m && !strncmp(type, signature, n))
		return true;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strlen(drivers[i][0]) == n && !strncmp(drivers[i][0], type, n) &&
		    strlen(drivers[i][1]) == m && !strncmp(drivers[i][1], signature, m))
			return true;
	return false;
}

/* Whether it fits one of a list. */
static bool fits_one(const char *type, size_t n, const char *signatures)
{
	for (const char *p = signatures; *p; p += *p == ',') {
		size_t m = strcspn(p, ",");

		if (fits(type, n, p, m))
			return true;
		p += m;
	}
	return false;
}

void mount_choose_types(const char *types, const char *signatures, char *ret, size_t size)
{
	char *out = ret;

	for (const char *p = types; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n && fits_one(p, n, signatures) && (size_t)(out - ret) + n + 2 <= size) {
			if (out != ret)
				*out++ = ',';
			memcpy(out, p, n);
			out += n;
		}
		p += n;
	}
	*out = '\0';
}

/* More than one signature: only what rootfstype= names of them, or the wrong file system destroys
 * the right one. */
static int settle_ambivalence(const struct init_options *o, const char *node, const char *signatures,
			      char *ret)
{
	mount_choose_types(o->root_fs_types ? o->root_fs_types : "", signatures, ret, TYPES_MAX);
	if (!*ret) {
		say(3,
		    "%s has more than one signature (%s) and is not mounted: name the right one by "
		    "rootfstype=, or remove the stale one with wipefs(8)",
		    node, signatures);
		return -EUCLEAN;
	}
	say(4, "%s has more than one signature (%s): using %s, as rootfstype= says", node, signatures, ret);
	return 0;
}

/* What is to be tried, in buf or as given: 0 or -errno. The engine could not tell, or there is
 * none. *unseen: what is on the device could not be looked at, so it may be ambivalent. */
static int find_types(const struct init_options *o, const char *node, const char **type, const char **types,
		      char buf[TYPES_MAX], bool *unseen)
{
	static struct signatures found;
	int r = signatures_read(node, &found);

	*unseen = r < 0 && r != -EOPNOTSUPP && !o->root_fs_types;
	if (r < 0 && r != -EOPNOTSUPP)
		say(4, "%s: cannot read what is on it: %s%s", node, strerror(-r),
		    *unseen ? "; it is mounted read-only" : "");
	if (!r && found.ambivalent) {
		*types = buf;
		return settle_ambivalence(o, node, found.types, buf);
	}
	if (!r && found.types[0])
		*type = found.types;
	if (o->root_fs_types)
		return 0;
	if (!*type)
		known_types(buf, TYPES_MAX);
	*types = *type ? *type : buf;
	return 0;
}

int mount_root(const struct init_options *o, const char *node, const char *type)
{
	const char *types = o->root_fs_types ? o->root_fs_types : type, *which = NULL;
	const char *options = o->root_flags ? o->root_flags : "";
	char *data = malloc(strlen(options) + 1), known[TYPES_MAX], buf[64];
	bool unseen = false;
	struct root_mount m = { .node = node, .flags = o->read_write ? 0 : MS_RDONLY, .data = data };
	int r;

	if (!data)
		return -ENOMEM;
	mkdir(NEW_ROOT, 0755);
	mount_split_flags(options, &m.flags, data);
	r = type ? 0 : find_types(o, node, &type, &types, known, &unseen);
	if (unseen)
		m.flags |= MS_RDONLY;
	if (!r) {
		r = try_types(&m, types, &which, buf);
		if (r < 0)
			explain(node, *types ? types : "(none known)", type, o->root_fs_types, r);
		else
			say(6, "%s mounted as %s, %s", node, which,
			    m.flags & MS_RDONLY ? "read-only" : "writable");
	}
	free(data);
	return r;
}
