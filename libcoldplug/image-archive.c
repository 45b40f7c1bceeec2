/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image whose modules are in one archive: one that is made of the modules of the image, or one that
 * somebody has packed before, which may be of another architecture. It is not compressed again, so it
 * stands in a part of its own in front of the rest of the image (as microcode does). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/archive-kernel.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/archive-extract.h"
#include "engine/archive-match.h"
#include "engine/archive-write.h"
#include "engine/config.h"
#include "libcoldplug/mkimage.h"

/* Puts the archive of this descriptor into the image. */
static int put_archive(struct mkimage *im, int fd, const char *what)
{
	_cleanup_free_ char *place = NULL;
	struct file_bytes file = {};
	int r;

	if (asprintf(&place, "lib/modules/%s/modules.archive", im->release) < 0)
		return -ENOMEM;
	r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read(fd, UINT32_MAX, &file);
	if (!r)
		r = image_tree_file(&im->first, place, 0644, &file);
	return r < 0 ? mkimage_fail(im, what, r) : 0;
}

/* ---- one that is made ---- */

int mkimage_pack_module(struct mkimage *im, const char *path)
{
	char name[LIMIT_NAME + 1];
	size_t n = normalise_path(path, name, sizeof(name));

	if (intern_add(&im->packed, name, n) == INTERN_NONE)
		return -ENOMEM;
	im->wish->n_modules++;
	return 0;
}

int mkimage_pack(struct mkimage *im)
{
	_cleanup_close_ int fd = memfd_create("modules.archive", MFD_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	struct archive_wish wish = { .root = &im->files,
				     .directory = im->moddir,
				     .release = im->release,
				     .output = "modules.archive",
				     .stream = f,
				     .wanted = &im->packed };
	int r;

	if (!f)
		return mkimage_fail(im, wish.output, errno ? -errno : -ENOMEM);
	r = archive_write(&wish, &im->c->log);
	im->kind = wish.machine;
	if (fclose(f) == EOF && !r)
		r = mkimage_fail(im, wish.output, -errno);
	return r ?: put_archive(im, fd, wish.output);
}

/* ---- one that is there ---- */

/* What programs are compared with. */
static int read_kind(struct mkimage *im)
{
	const char *machine, *class, *endian;
	int r = archive_meta(&im->archive, "machine", &machine);

	if (r > 0)
		r = archive_meta(&im->archive, "class", &class);
	if (r > 0)
		r = archive_meta(&im->archive, "endian", &endian);
	if (r <= 0)
		return r;
	im->kind.type = 1; /* relocatable, as modules are */
	im->kind.machine = (uint16_t)strtoul(machine, NULL, 10);
	im->kind.is64 = !strcmp(class, "64");
	im->kind.big_endian = !strcmp(endian, "big");
	return 0;
}

static int take_release(struct mkimage *im)
{
	const char *wanted = im->c->settings.paths.release, *release;
	int r = archive_release(&im->archive, &release);

	if (r < 0)
		return r;
	if (wanted && strcmp(wanted, release) != 0) {
		log_error(&im->c->log, "%s: is for %s, not for %s", im->wish->archive, release, wanted);
		return -EINVAL;
	}
	im->release = strdup(release);
	return im->release ? 0 : -ENOMEM;
}

int mkimage_open_archive(struct mkimage *im)
{
	int r = archive_open(&im->archive, NULL, im->wish->archive, &im->c->log) ?: read_kind(im);

	im->c->log.lost += r < 0 && r != -ENOMEM;
	return r ?: take_release(im);
}

/* Whether an index of what is built in has a key: 1, 0 or -errno. */
static int is_built_in(struct mkimage *im, enum archive_section_type section, const char *key)
{
	_cleanup_(index_hits_free) struct index_hits hits = {};
	struct index index;
	const uint8_t *data;
	size_t size;
	int r = archive_section(&im->archive, section, &data, &size);

	if (r > 0)
		r = index_open(&index, data, size) ?: index_match(&index, key, &hits) ?: 1;
	return r > 0 ? hits.hits.n > 0 : r;
}

int mkimage_look_up(struct mkimage *im, const char *alias)
{
	_cleanup_(index_hits_free) struct index_hits hits = {};
	struct archive_entry e;
	char name[LIMIT_NAME + 1], key[LIMIT_ALIAS + 1];
	int r;

	normalise_name(alias, name, sizeof(name));
	if (!normalise_alias(alias, key))
		return -ENOENT;
	r = archive_find(&im->archive, name, &e);
	if (!r)
		r = archive_match(&im->archive, key, &hits) ?: hits.hits.n > 0;
	if (r)
		return r;
	r = is_built_in(im, ARCHIVE_BUILTIN, name) ?: is_built_in(im, ARCHIVE_BUILTIN_ALIASES, key);
	return r > 0 ? 0 : r ?: -ENOENT;
}

/* The place in the image: firmware where the kernel looks for it, and configuration in one directory of
 * /etc, as image-config.c puts it. NULL: out of memory. */
static char *place_of(const struct archive_entry *e)
{
	const char *name = strrchr(e->path, '/');
	char *place = NULL;

	if (e->kind == ARCHIVE_PROFILE)
		return strdup(MKIMAGE_PROFILE);
	if (e->kind == ARCHIVE_FIRMWARE)
		return strdup(e->path + (strncmp(e->path, "usr/", 4) ? 0 : 4));
	if (asprintf(&place, "etc/%s%s", strstr(e->path, "modules-load.d/") ? "modules-load.d" : "modprobe.d",
		     name ?: "/none") < 0)
		return NULL;
	return place;
}

/* The kernel reads firmware from files, and what reads configuration or a profile does too. A profile that
 * the caller has named counts for more than the archive's. */
static bool becomes_file(const struct mkimage *im, const struct archive_entry *e)
{
	switch (e->kind) {
	case ARCHIVE_FIRMWARE:
		return has_flag(im->c, COLDPLUG_FIRMWARE);
	case ARCHIVE_CONFIGURATION:
		return true;
	case ARCHIVE_PROFILE:
		return !im->wish->profile && !strcmp(e->path, ARCHIVE_PROFILE_PATH);
	default:
		return false;
	}
}

/* 1: it goes into the image, 0: not, -ENOMEM. */
static int check_profile(struct mkimage *im, const struct archive_entry *e, const struct blob *data)
{
	_cleanup_free_ char *path = NULL;

	if (e->kind != ARCHIVE_PROFILE)
		return 1;
	if (asprintf(&path, "%s(%s)", im->wish->archive, e->path) < 0)
		return -ENOMEM;
	return mkimage_check_profile(im, path, data->data, data->size);
}

static int add_entry(struct mkimage *im, const struct archive_entry *e, struct archive_group *group)
{
	_cleanup_free_ char *place = NULL;
	_cleanup_blob_ struct blob data = {};
	int r;

	im->wish->n_modules += e->kind == ARCHIVE_MODULE;
	if (!becomes_file(im, e))
		return 0;
	if (e->kind != ARCHIVE_PROFILE && !archive_is_in_place(e)) {
		log_error(&im->c->log, "%s(%s): no such file belongs there", im->wish->archive, e->path);
		return -EBADMSG;
	}
	r = archive_unpack(&im->archive, e, group, &data);
	if (!r)
		r = check_profile(im, e, &data);
	if (r <= 0)
		return r;
	place = place_of(e);
	if (!place)
		return -ENOMEM;
	im->wish->n_firmware += e->kind == ARCHIVE_FIRMWARE;
	im->has_configuration = im->has_configuration || e->kind == ARCHIVE_CONFIGURATION;
	r = image_tree_blob(&im->tree, place, &data);
	return r < 0 ? mkimage_fail(im, place, r) : 0;
}

/* All of it is checked, since an image that does not boot would tell it late. */
int mkimage_add_archive(struct mkimage *im)
{
	_cleanup_archive_group_ struct archive_group group = {};
	struct archive_entry e;
	int r = archive_verify(&im->archive);

	im->c->log.lost += r < 0 && r != -ENOMEM;
	for (uint32_t id = 0; !r && id < im->archive.n_entries; id++)
		r = archive_entry(&im->archive, id, &e) ?: add_entry(im, &e, &group);
	return r ?: put_archive(im, im->archive.fd, im->wish->archive);
}
