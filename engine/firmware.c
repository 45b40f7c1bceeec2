/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/firmware.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/directory.h"

/* Where the kernel looks, and in which order (drivers/base/firmware_loader/main.c): every directory for the
 * name itself, then every one for the compressed names. The first is own_dir. */
static const char *const firmware_dirs[] = { NULL, "lib/firmware/updates/%s", "lib/firmware/updates",
					     "lib/firmware/%s", "lib/firmware",
					     /* a root being built may not have the link from lib yet */
					     "usr/lib/firmware/updates/%s", "usr/lib/firmware/updates",
					     "usr/lib/firmware/%s", "usr/lib/firmware" };
static const char *const firmware_suffixes[] = { "", ".zst", ".xz" };

static int firmware_dir(struct firmware *f, size_t i, char *path, size_t size)
{
	const char *percent = i ? strchr(firmware_dirs[i], '%') : NULL;
	const char *release = f->release;
	size_t n;

	if (!i)
		return f->own_dir && *f->own_dir && snprintf(path, size, "%s", f->own_dir) < (int)size;
	n = percent ? (size_t)(percent - firmware_dirs[i]) : strlen(firmware_dirs[i]);
	if (percent && !release)
		return 0;
	return snprintf(path, size, "%.*s%s", (int)n, firmware_dirs[i], percent ? release : "") < (int)size;
}

/* There is no such path: a link that leads round in a circle names nothing either. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

static int unreadable(struct firmware *f, const char *path, int error)
{
	if (error != -ENOMEM)
		log_error(f->log, "%s/%s: cannot be read: %s", f->root->path, path, strerror(-error));
	return error;
}

/* 1, 0 or -errno. */
static int is_file(struct firmware *f, const char *path)
{
	_cleanup_close_ int fd = rootfs_openat(f->root, path, O_PATH);
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st))
		return S_ISREG(st.st_mode);
	return is_absent(fd) ? 0 : unreadable(f, path, fd < 0 ? fd : -errno);
}

static int tell(struct firmware *f, const char *path, const char *name)
{
	int r = f->found(f->userdata, path, name);

	f->n++;
	return r < 0 ? r : 1;
}

/* 1: it is there, 0: not, -errno. */
static int find_firmware(struct firmware *f, const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int r;

	for (size_t s = 0; s < ARRAY_SIZE(firmware_suffixes); s++)
		for (size_t d = 0; d < ARRAY_SIZE(firmware_dirs); d++) {
			if (!firmware_dir(f, d, dir, sizeof(dir)) ||
			    snprintf(path, sizeof(path), "%s/%s%s", dir, name, firmware_suffixes[s]) >=
				    (int)sizeof(path))
				continue;
			r = is_file(f, path);
			if (r < 0)
				return r;
			if (r)
				return tell(f, path, name);
		}
	return 0;
}

/* 1 when the name is new; 0; -ENOMEM. */
static int is_new(struct firmware *f, const char *name, size_t n)
{
	uint32_t known = f->known.n, id = intern_add(&f->known, name, n);

	return id == INTERN_NONE ? -ENOMEM : id == known;
}

/* Length of a file's name without the suffix of a compressed one. */
static size_t bare_length(const char *name)
{
	size_t n = strlen(name);

	if (n > 4 && !strcmp(name + n - 4, ".zst"))
		return n - 4;
	return n > 3 && !strcmp(name + n - 3, ".xz") ? n - 3 : n;
}

/* The files of one directory whose names match the last part of a pattern. */
static int glob_dir(struct firmware *f, const char *dir, const char *pattern)
{
	const char *slash = strrchr(pattern, '/');
	char path[PATH_MAX], found[PATH_MAX];
	_cleanup_directory_ struct directory d = {};
	const char *entry;
	int prefix = slash ? (int)(slash + 1 - pattern) : 0, r;

	if (snprintf(path, sizeof(path), "%s/%.*s", dir, prefix, pattern) >= (int)sizeof(path))
		return 0;
	r = directory_open(&d, f->root, path);
	if (r < 0)
		return is_absent(r) ? 0 : unreadable(f, path, r);
	while ((r = directory_next(&d, &entry)) > 0) {
		int n = snprintf(found, sizeof(found), "%.*s%.*s", prefix, pattern, (int)bare_length(entry),
				 entry);

		if (n >= (int)sizeof(found) || fnmatch(pattern, found, FNM_PATHNAME) != 0)
			continue;
		r = is_new(f, found, (size_t)n);
		if (r > 0)
			r = find_firmware(f, found);
		if (r < 0)
			return r;
	}
	return r < 0 ? unreadable(f, path, r) : 0;
}

static int glob_firmware(struct firmware *f, const char *pattern)
{
	char dir[PATH_MAX];
	size_t before = f->n;
	int r = 0;

	for (size_t d = 0; !r && d < ARRAY_SIZE(firmware_dirs); d++)
		if (firmware_dir(f, d, dir, sizeof(dir)))
			r = glob_dir(f, dir, pattern);
	return r < 0 ? r : f->n > before;
}

/* "../" would name a file elsewhere, in the image too. */
static bool leads_out(const char *name)
{
	return name[0] == '/' || !strncmp(name, "../", 3) || strstr(name, "/../");
}

int firmware_find(struct firmware *f, const char *name)
{
	int r;

	if (!*name || leads_out(name))
		return -EINVAL;
	r = is_new(f, name, strlen(name));
	if (r <= 0)
		return r < 0 ? r : 1;
	return strpbrk(name, "*?[") ? glob_firmware(f, name) : find_firmware(f, name);
}

void firmware_log_absent(const struct firmware *f, const char *name, const char *module, int r)
{
	if (r == -EINVAL)
		log_warning(f->log, "firmware '%.128s' of %s: not a name below lib/firmware, ignored", name,
			    module);
	else
		log_info(f->log, "firmware %s of %s: not found in %s/lib/firmware", name, module,
			 f->root->path);
}

void firmware_free(struct firmware *f)
{
	intern_free(&f->known);
}
