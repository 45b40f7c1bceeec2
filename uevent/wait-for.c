/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/wait-for.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
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

/* udev writes what it does not like in a link's name as \xNN. In place. */
static void decode_link(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && isxdigit((unsigned char)s[2]) && isxdigit((unsigned char)s[3])) {
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

int wait_list_add(struct wait_list *l, const char *text)
{
	struct wait_spec spec = {};
	size_t i = 0;
	int r;

	while (i < ARRAY_SIZE(prefixes) && strncmp(text, prefixes[i].prefix, strlen(prefixes[i].prefix)) != 0)
		i++;
	if (i == ARRAY_SIZE(prefixes) || !text[strlen(prefixes[i].prefix)])
		return -EINVAL;
	spec.kind = prefixes[i].kind;
	if (spec.kind != WAIT_PATH && !blockdev_available())
		return -EOPNOTSUPP;
	spec.text = strdup(text);
	spec.value = spec.kind == WAIT_PATH ? strdup(text) : copy_value(text + strlen(prefixes[i].prefix));
	if (spec.value && spec.kind != WAIT_PATH && text[0] == '/')
		decode_link(spec.value);
	/* An empty label is that of all that have none. */
	r = !spec.text || !spec.value ? -ENOMEM : !*spec.value ? -EINVAL : array_push(&l->specs, spec);
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
		if (l->specs.items[i].kind == WAIT_PATH && !l->specs.items[i].node)
			return true;
	return false;
}

static void set_found(struct wait_list *l, struct wait_spec *spec, const char *node)
{
	spec->node = strdup(node);
	l->n_found += spec->node != NULL;
}

void wait_list_check_paths(struct wait_list *l, const struct rootfs *root)
{
	for (size_t i = 0; i < l->specs.n; i++) {
		struct wait_spec *spec = &l->specs.items[i];
		_cleanup_close_ int fd = -1;
		struct stat st;

		if (spec->kind != WAIT_PATH || spec->node)
			continue;
		fd = rootfs_openat(root, spec->value, O_PATH);
		if (fd >= 0 && !fstat(fd, &st) && (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)))
			set_found(l, spec, spec->value);
	}
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

static bool needs_probe(const struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++)
		if (l->specs.items[i].kind != WAIT_PATH && !l->specs.items[i].node)
			return true;
	return false;
}

/* A drive without a medium says so only after seconds of trying; sysfs knows it at once. */
static bool is_empty(const struct rootfs *root, const char *name)
{
	_cleanup_file_ struct file_bytes file = {};
	char path[300], *p;

	snprintf(path, sizeof(path), "sys/class/block/%.255s/size", name);
	for (p = path + strlen("sys/class/block/"); p < strrchr(path, '/'); p++)
		if (*p == '/')
			*p = '!';
	return rootfs_read(root, path, LIMIT_ATTRIBUTE, &file) == 0 && !strcmp(file.data, "0\n");
}

void wait_list_check_block(struct wait_list *l, const struct rootfs *root, struct log *log, const char *name)
{
	struct blockdev dev;
	char node[300], path[600];
	int r;

	if (!needs_probe(l) || is_empty(root, name))
		return;
	snprintf(node, sizeof(node), "/dev/%.255s", name);
	snprintf(path, sizeof(path), "%.290s%s", root->path, node);
	r = blockdev_probe(path, &dev);
	if (r < 0) {
		/* No medium, gone again, or a root without device nodes. */
		log_debug(log, "%s: cannot be looked at: %s", node, strerror(-r));
		return;
	}
	for (size_t i = 0; i < l->specs.n; i++)
		if (!l->specs.items[i].node && is_meant(&l->specs.items[i], &dev))
			set_found(l, &l->specs.items[i], node);
}

void wait_list_check_all(struct wait_list *l, const struct rootfs *root, struct log *log)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;

	wait_list_check_paths(l, root);
	if (rootfs_opendir(root, "sys/class/block", &dir) < 0)
		return;
	while (needs_probe(l) && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		/* sysfs writes '!' for the '/' of a node in a directory. */
		for (char *p = de->d_name; *p; p++)
			if (*p == '!')
				*p = '/';
		wait_list_check_block(l, root, log, de->d_name);
	}
}

void wait_list_free(struct wait_list *l)
{
	for (size_t i = 0; i < l->specs.n; i++) {
		free(l->specs.items[i].text);
		free(l->specs.items[i].value);
		free(l->specs.items[i].node);
	}
	array_free(&l->specs);
	l->n_found = 0;
}
