/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/wait-for.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/directory.h"
#include "base/limits.h"
#include "uevent/blockdev.h"

static const struct {
	const char *prefix;
	enum wait_kind kind;
} prefixes[] = {
	{ "UUID=", WAIT_UUID },
	{ "LABEL=", WAIT_LABEL },
	{ "PARTUUID=", WAIT_PARTUUID },
	{ "PARTLABEL=", WAIT_PARTLABEL },
	{ "/dev/disk/by-uuid/", WAIT_UUID },
	{ "/dev/disk/by-label/", WAIT_LABEL },
	{ "/dev/disk/by-partuuid/", WAIT_PARTUUID },
	{ "/dev/disk/by-partlabel/", WAIT_PARTLABEL },
	{ "/dev/", WAIT_PATH },
};

/* udev escapes characters of a link's name as \xNN. Decodes in place. */
static void decode_link(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && isxdigit((unsigned char)s[2]) &&
		    isxdigit((unsigned char)s[3])) {
			char hex[3] = { s[2], s[3], '\0' };

			*out++ = (char)strtoul(hex, NULL, 16);
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* A quoted value, as fstab(5) and command lines have it, is taken without its quotes. */
static char *copy_value(const char *value)
{
	size_t n = strlen(value);

	if (n >= 2 && value[0] == '"' && value[n - 1] == '"')
		return strndup(value + 1, n - 2);
	return strdup(value);
}

/* MAJOR:MINOR, both decimal, and nothing else. */
static bool is_number(const char *text)
{
	size_t major = strspn(text, "0123456789");
	size_t minor = text[major] == ':' ? strspn(text + major + 1, "0123456789") : 0;

	return major && major < 10 && minor && minor < 10 && !text[major + 1 + minor];
}

/* Cuts off the kernel's "/PARTNROFF=N" behind a PARTUUID (init/do_mounts.c). False: N is not a number. */
static bool take_offset(struct wait_spec *spec)
{
	static const char word[] = "/PARTNROFF=";
	char *at = strstr(spec->value, word), *end;

	if (!at)
		return true;
	errno = 0;
	spec->offset = strtol(at + strlen(word), &end, 10);
	*at = '\0';
	return end > at + strlen(word) && !*end && !errno && labs(spec->offset) < 4096;
}

/* 0, -EINVAL, -ENOMEM. */
static int fill_spec(struct wait_spec *spec, const char *text, const char *value)
{
	bool literal = spec->kind == WAIT_PATH || spec->kind == WAIT_NUMBER;

	spec->text = strdup(text);
	spec->value = literal ? strdup(text) : copy_value(value);
	if (!spec->text || !spec->value)
		return -ENOMEM;
	if (!literal && text[0] == '/')
		decode_link(spec->value);
	if (spec->kind == WAIT_PARTUUID && !take_offset(spec))
		return -EINVAL;
	/* An empty label would match every device that has none. */
	return *spec->value ? 0 : -EINVAL;
}

int wait_list_add(struct wait_list *l, const char *text)
{
	struct wait_spec spec = {};
	size_t i = 0, n = 0;
	int r;

	while (i < ARRAY_SIZE(prefixes) && strncmp(text, prefixes[i].prefix, strlen(prefixes[i].prefix)) != 0)
		i++;
	if (i < ARRAY_SIZE(prefixes)) {
		spec.kind = prefixes[i].kind;
		n = strlen(prefixes[i].prefix);
	} else if (is_number(text)) {
		spec.kind = WAIT_NUMBER;
	} else {
		return -EINVAL;
	}
	if (!text[n])
		return -EINVAL;
	if (spec.kind > WAIT_NUMBER && !blockdev_available())
		return -EOPNOTSUPP;
	r = fill_spec(&spec, text, text + n) ?: array_push(&l->specs, spec);
	if (r < 0) {
		free(spec.text);
		free(spec.value);
		return r;
	}
	return !strncmp(text, "/dev/disk/by-", 13) && spec.kind == WAIT_PATH;
}

bool wait_list_needs_polling(const struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++)
		if (l->specs.items[i].kind == WAIT_PATH && !l->specs.items[i].node &&
		    !l->specs.items[i].named)
			return true;
	return false;
}

static int set_found(struct wait_list *l, struct wait_spec *spec, const char *node, const char *type)
{
	spec->node = strdup(node);
	spec->type = *type ? strdup(type) : NULL;
	spec->found_us = clock_now_us();
	l->n_found += spec->node != NULL;
	return spec->node && (spec->type || !*type) ? 0 : -ENOMEM;
}

/* The node is there: now its contents are probed. */
static int set_named(struct wait_list *l, struct wait_spec *spec, struct prober *disks, const char *node)
{
	char question[4096];

	if (!l->types || !blockdev_available())
		return set_found(l, spec, node, "");
	snprintf(question, sizeof(question), "b%.4000s", node);
	spec->named = strdup(node);
	return spec->named ? prober_add(disks, question) : -ENOMEM;
}

static int check_path(struct wait_list *l, struct wait_spec *spec, const struct rootfs *root,
		      struct prober *disks)
{
	_cleanup_close_ int fd = rootfs_openat(root, spec->value, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (S_ISCHR(st.st_mode))
		return set_found(l, spec, spec->value, "");
	return S_ISBLK(st.st_mode) ? set_named(l, spec, disks, spec->value) : 0;
}

int wait_list_check_paths(struct wait_list *l, const struct rootfs *root, struct prober *disks)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->specs.n; i++) {
		struct wait_spec *spec = &l->specs.items[i];

		if (spec->kind == WAIT_PATH && !spec->node && !spec->named)
			r = check_path(l, spec, root, disks);
	}
	return r;
}

/* The target of a link in /sys, without the leading "../". False: there is no link. */
static bool read_link(const struct rootfs *root, const char *path, char target[PATH_MAX])
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, PATH_MAX - 1);
	char *start = target;

	if (n <= 0)
		return false;
	target[n] = '\0';
	while (!strncmp(start, "../", 3))
		start += 3;
	memmove(target, start, strlen(start) + 1);
	return strchr(target, '/') != NULL;
}

/* sysfs writes '!' for a '/' in a node's name. */
static void exchange(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

bool wait_spec_device(const struct wait_spec *spec, const struct rootfs *root, char path[PATH_MAX])
{
	char link[300], target[PATH_MAX];

	if (!spec->node || strncmp(spec->node, "/dev/", 5) != 0)
		return false;
	snprintf(link, sizeof(link), "sys/class/block/%.255s", spec->node + 5);
	exchange(link + strlen("sys/class/block/"), '/', '!');
	return read_link(root, link, target) && snprintf(path, PATH_MAX, "/%s", target) < PATH_MAX;
}

static int set_named_by_sysfs(struct wait_list *l, struct wait_spec *spec, struct prober *disks, char *name)
{
	char node[300];

	exchange(name, '!', '/');
	snprintf(node, sizeof(node), "/dev/%.255s", name);
	return set_named(l, spec, disks, node);
}

static int check_number(struct wait_list *l, struct wait_spec *spec, const struct rootfs *root,
			struct prober *disks)
{
	char path[64], target[PATH_MAX];

	snprintf(path, sizeof(path), "sys/dev/block/%.20s", spec->value);
	if (!read_link(root, path, target))
		return 0;
	return set_named_by_sysfs(l, spec, disks, strrchr(target, '/') + 1);
}

/* What cannot be read is looked at again the next time, and may be asked often: it is said once. -ENOMEM goes
 * up. */
static int tell_unread(struct wait_list *l, struct prober *disks, const char *path, int r)
{
	if (r == -ENOMEM)
		return r;
	if (disks && !l->unread_told)
		log_warning(disks->log, "/sys/%s: cannot be read: %s", path, strerror(-r));
	l->unread_told = true;
	return 0;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ENODEV;
}

/* The number of a partition; 0: not a partition; -errno. */
static long partition_number(const struct rootfs *root, const char *device)
{
	_cleanup_file_ struct file_bytes file = {};
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "sys/%s/partition", device) >= (int)sizeof(path))
		return 0;
	r = rootfs_read(root, path, LIMIT_ATTRIBUTE, &file);
	if (r < 0)
		return is_gone(r) ? 0 : r;
	return strtol(file.data, NULL, 10);
}

/* The partition with this number in the directory of its disk; 0 is the disk itself. 1; 0: not there; -errno
 * when it may be there, but something cannot be read. */
static int find_partition(const struct rootfs *root, const char *disk, long number, char name[256])
{
	_cleanup_directory_ struct directory dir = {};
	const char *entry;
	char path[PATH_MAX];
	int r, error = 0;

	if (number == 0)
		return snprintf(name, 256, "%s", strrchr(disk, '/') + 1) < 256;
	if (snprintf(path, sizeof(path), "sys/%s", disk) >= (int)sizeof(path))
		return 0;
	r = directory_open(&dir, root, path);
	while (r >= 0 && (r = directory_next(&dir, &entry)) > 0) {
		long found;

		if (entry[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", disk, entry) >= (int)sizeof(path))
			continue;
		found = partition_number(root, path);
		if (found == number)
			return snprintf(name, 256, "%s", entry) < 256;
		error = found < 0 ? (int)found : error;
	}
	return r < 0 && !is_gone(r) ? r : error;
}

/* The partition that is offset partitions behind the base, on the same disk. */
static int check_offset(struct wait_list *l, struct wait_spec *spec, const struct rootfs *root,
			struct prober *disks)
{
	char path[300], target[PATH_MAX], name[256];
	long number;
	int r;

	snprintf(path, sizeof(path), "sys/class/block/%.255s", spec->base);
	exchange(path + strlen("sys/class/block/"), '/', '!');
	if (!read_link(root, path, target))
		return 0;
	number = partition_number(root, target);
	if (number < 0)
		return tell_unread(l, disks, target, (int)number);
	*strrchr(target, '/') = '\0';
	if (!number || number + spec->offset < 0 || !strchr(target, '/'))
		return 0;
	r = find_partition(root, target, number + spec->offset, name);
	if (r <= 0)
		return r < 0 ? tell_unread(l, disks, target, r) : 0;
	return set_named_by_sysfs(l, spec, disks, name);
}

/* Looks for the devices that sysfs alone identifies. */
static int check_names(struct wait_list *l, const struct rootfs *root, struct prober *disks)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->specs.n; i++) {
		struct wait_spec *spec = &l->specs.items[i];

		if (spec->node || spec->named)
			continue;
		if (spec->kind == WAIT_NUMBER)
			r = check_number(l, spec, root, disks);
		else if (spec->base)
			r = check_offset(l, spec, root, disks);
	}
	return r;
}

static bool is_meant(const struct wait_spec *spec, const struct blockdev *dev)
{
	switch (spec->kind) {
	case WAIT_UUID:
		return !strcasecmp(spec->value, dev->uuid);
	case WAIT_LABEL:
		return !strcmp(spec->value, dev->label);
	case WAIT_PARTUUID:
		return !strcasecmp(spec->value, dev->partuuid);
	case WAIT_PARTLABEL:
		return !strcmp(spec->value, dev->partlabel);
	default:
		return false;
	}
}

/* Whether disks have to be probed to identify one. Also when it was found: a second disk with that name
 * is worth a warning. */
static bool needs_probe(const struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++)
		if (l->specs.items[i].kind > WAIT_NUMBER && !(l->one_will_do && l->specs.items[i].node))
			return true;
	return false;
}

/* Opening a drive without a medium takes seconds to fail; sysfs shows it at once. */
static bool is_empty(const struct rootfs *root, const char *name)
{
	_cleanup_file_ struct file_bytes file = {};
	char flat[256], path[300];

	snprintf(flat, sizeof(flat), "%s", name);
	exchange(flat, '/', '!');
	snprintf(path, sizeof(path), "sys/class/block/%s/size", flat);
	return rootfs_read(root, path, LIMIT_ATTRIBUTE, &file) == 0 && !strcmp(file.data, "0\n");
}

ssize_t wait_list_answer(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	const char *node = question + 1;
	struct blockdev dev = {};
	char path[PATH_MAX];
	int r = 0;

	if (!is_empty(root, node + strlen("/dev/")))
		r = snprintf(path, sizeof(path), "%s%s", root->path, node) < (int)sizeof(path)
			? blockdev_probe(path, &dev)
			: -ENAMETOOLONG;
	if (r < 0)
		return r;
	memcpy(buf, &dev, sizeof(dev));
	return sizeof(dev);
}

/* File systems and volumes that span several devices have the same UUID on each. */
static bool spans_devices(const char *type)
{
	static const char *const types[] = { "btrfs", "LVM2_member", "linux_raid_member", "zfs_member",
					     "bcachefs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

/* "/dev/cciss/c0d0p1" as in /sys/class/block. */
static void sysfs_name(const char *node, char name[256])
{
	snprintf(name, 256, "%s", node + strlen("/dev/"));
	exchange(name, '/', '!');
}

/* 1, 0 or -errno, as the next two. */
static int is_holder(const struct rootfs *root, const char *name, const char *holder)
{
	_cleanup_close_ int fd = -1;
	char path[600];

	snprintf(path, sizeof(path), "sys/class/block/%s/holders/%s", name, holder);
	fd = rootfs_openat(root, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return is_gone(fd) ? 0 : fd;
	return 1;
}

/* Both are parts of the same device mapper map, or of the same array. */
static int share_holder(const struct rootfs *root, const char *a, const char *b)
{
	_cleanup_directory_ struct directory dir = {};
	const char *holder;
	char path[300];
	int r, k;

	snprintf(path, sizeof(path), "sys/class/block/%s/holders", a);
	r = directory_open(&dir, root, path);
	while (r >= 0 && (r = directory_next(&dir, &holder)) > 0) {
		k = is_holder(root, b, holder);
		if (k)
			return k;
	}
	return is_gone(r) ? 0 : r;
}

/* The world-wide identifier of a SCSI or NVMe disk. False: it has none. */
static bool read_wwid(const struct rootfs *root, const char *disk, struct file_bytes *wwid)
{
	static const char *const places[] = { "wwid", "device/wwid" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (snprintf(path, sizeof(path), "sys/%s/%s", disk, places[i]) >= (int)sizeof(path) ||
		    rootfs_read(root, path, LIMIT_ATTRIBUTE, wwid) < 0)
			continue;
		if (wwid->size > 1)
			return true;
		file_release(wwid);
	}
	return false;
}

/* The disk of a device, and the partition's number on it (0: the whole disk). */
static bool find_disk(const struct rootfs *root, const char *name, char disk[PATH_MAX], long *number)
{
	char path[300];

	snprintf(path, sizeof(path), "sys/class/block/%s", name);
	if (!read_link(root, path, disk))
		return false;
	*number = partition_number(root, disk);
	if (*number)
		*strrchr(disk, '/') = '\0';
	return *number >= 0;
}

/* Whether both are paths to the same disk. */
static bool have_one_wwid(const struct rootfs *root, const char *a, const char *b)
{
	_cleanup_file_ struct file_bytes ours = {}, theirs = {};
	char disk[PATH_MAX];
	long i, k;

	return find_disk(root, a, disk, &i) && read_wwid(root, disk, &ours) && find_disk(root, b, disk, &k) &&
		i == k && read_wwid(root, disk, &theirs) && !strcmp(ours.data, theirs.data);
}

/* Whether two nodes lead to the same bytes. */
static int are_same(const struct rootfs *root, const char *node, const char *other)
{
	char a[256], b[256];

	sysfs_name(node, a);
	sysfs_name(other, b);
	return is_holder(root, a, b) ?: is_holder(root, b, a) ?: share_holder(root, a, b) ?:
		have_one_wwid(root, a, b);
}

/* A copied disk has its original's UUID, and it is chance which of them is found. Whether it is a copy is not
 * known when sysfs cannot be read. */
static int check_twin(struct wait_spec *spec, const struct rootfs *root, struct log *log, const char *node)
{
	int r = are_same(root, spec->node, node);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		log_warning(log, "%s: whether it is the same disk as %s is not known: %s", node, spec->node,
			    strerror(-r));
	if (r)
		return 0;
	if (!spec->twin_told && !spec->offset)
		log_warning(log, "%s is on more than one device: %s is used, %s is not", spec->text,
			    spec->node, node);
	spec->twin_told = true;
	return 0;
}

static int take_for_spec(struct wait_list *l, struct wait_spec *spec, const struct rootfs *root,
			 struct prober *disks, struct log *log, const char *node, int error,
			 const struct blockdev *dev)
{
	if (spec->node && !error && is_meant(spec, dev) && strcmp(spec->node, node) != 0 &&
	    !spans_devices(dev->type))
		return check_twin(spec, root, log, node);
	if (spec->node)
		return 0;
	if (spec->named) {
		if (strcmp(spec->named, node) != 0)
			return 0;
		free(steal_ptr(spec->named));
		/* It has gone again. */
		return error == -ENOENT ? 0 : set_found(l, spec, node, dev->type);
	}
	if (error || !is_meant(spec, dev))
		return 0;
	if (!spec->offset)
		return set_found(l, spec, node, dev->type);
	free(spec->base);
	spec->base = strdup(node + strlen("/dev/"));
	return spec->base ? check_offset(l, spec, root, disks) : -ENOMEM;
}

int wait_list_take_answer(struct wait_list *l, const struct rootfs *root, struct prober *disks,
			  struct log *log, const struct probe_answer *answer)
{
	const char *node = probe_name(answer->question);
	struct blockdev dev = {};
	int r = 0;

	if (answer->error)
		/* There is no medium, it has gone again, or the root has no device nodes. */
		log_debug(log, "%s: cannot be probed: %s", node, strerror(-answer->error));
	else if (blockdev_take(answer->data, answer->size, &dev) < 0)
		log_warning(log, "%s: what was said of its contents makes no sense, ignored", node);
	for (size_t i = 0; !r && i < l->specs.n; i++)
		r = take_for_spec(l, &l->specs.items[i], root, disks, log, node, answer->error, &dev);
	return r;
}

static int probe_block(struct wait_list *l, struct prober *disks, const char *name)
{
	char question[300];

	if (!needs_probe(l))
		return 0;
	snprintf(question, sizeof(question), "b/dev/%.255s", name);
	return prober_add(disks, question);
}

int wait_list_check_block(struct wait_list *l, const struct rootfs *root, struct prober *disks,
			  const char *name)
{
	return wait_list_check_paths(l, root, disks) ?:
		       check_names(l, root, disks)   ?:
						       probe_block(l, disks, name);
}

int wait_list_check_all(struct wait_list *l, const struct rootfs *root, struct prober *disks)
{
	_cleanup_directory_ struct directory dir = {};
	const char *entry;
	int r = wait_list_check_paths(l, root, disks) ?: check_names(l, root, disks), k;

	if (r < 0)
		return r;
	k = directory_open(&dir, root, "sys/class/block");
	while (!r && k >= 0 && (k = directory_next(&dir, &entry)) > 0) {
		char name[256];

		snprintf(name, sizeof(name), "%s", entry);
		exchange(name, '!', '/');
		r = probe_block(l, disks, name);
	}
	if (r < 0)
		return r;
	return k < 0 && k != -ENOENT ? tell_unread(l, disks, "class/block", k) : 0;
}

bool wait_list_is_probing(const struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++)
		if (l->specs.items[i].named)
			return true;
	return false;
}

void wait_list_take_named(struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++) {
		struct wait_spec *spec = &l->specs.items[i];

		if (!spec->named)
			continue;
		spec->node = steal_ptr(spec->named);
		spec->found_us = clock_now_us();
		l->n_found++;
	}
}

void wait_list_free(struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++) {
		struct wait_spec *spec = &l->specs.items[i];

		free(spec->text);
		free(spec->value);
		free(spec->base);
		free(spec->named);
		free(spec->node);
		free(spec->type);
	}
	array_free(&l->specs);
	l->n_found = 0;
}
