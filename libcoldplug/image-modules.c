/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The modules of an image, compressed as it is wished, with indexes of them alone, and their firmware. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/modinfo.h"
#include "libcoldplug/mkimage.h"

static const char *const suffixes[COMPRESS_METHODS] = {
	[COMPRESS_NONE] = "",
	[COMPRESS_GZIP] = ".gz",
	[COMPRESS_XZ] = ".xz",
	[COMPRESS_ZSTD] = ".zst",
};

/* A module's path below the release's directory, without the suffix of a compressed one. A module elsewhere
 * is put where depmod finds it. */
static char *bare_path(const struct mkimage *im, const char *path)
{
	size_t n = strlen(im->moddir);
	bool inside = !strncmp(path, im->moddir, n) && path[n] == '/';
	const char *last = strrchr(path, '/');
	char *bare;

	if (asprintf(&bare, "%s%s", inside ? "" : "extra/",
		     inside	    ? path + n + 1
			     : last ? last + 1
				    : path) < 0)
		return NULL;
	n = strlen(bare);
	for (size_t i = 1; i < ARRAY_SIZE(suffixes); i++) {
		size_t k = suffixes[i] ? strlen(suffixes[i]) : 0;

		if (k && n > k && !strcmp(bare + n - k, suffixes[i]))
			bare[n - k] = '\0';
	}
	return bare;
}

static int take_rank(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct mkimage *im = userdata;
	int r = array_make_room(&im->ranks, 1);
	uint32_t id = r < 0 ? INTERN_NONE : intern_add(&im->ranked, key, strlen(key));

	if (id == INTERN_NONE)
		return -ENOMEM;
	return id == im->ranks.n ? array_push(&im->ranks, priority) : 0;
}

/* A module's place in the complete modules.dep: depmod would number those of the image in the same order. */
static int rank_of(struct mkimage *im, const char *bare, uint32_t *ret)
{
	char name[LIMIT_NAME + 1];
	int r = im->ranks.n ? 0 : moddir_each(&im->c->machine.dir, MODDIR_DEP, take_rank, im);
	uint32_t id = intern_find(&im->ranked, name, normalise_path(bare, name, sizeof(name)));

	*ret = id < im->ranks.n ? im->ranks.items[id] : UINT32_MAX;
	return r;
}

/* Enters the module into the indexes to be made. */
static int index_module(struct mkimage *im, const char *indexed, uint32_t rank, const struct elf *elf)
{
	int r = depmod_add(&im->depmod, indexed, rank, elf);

	if (!r && !im->kind.type)
		r = elf_kind(elf->data, elf->size, &im->kind);
	return r;
}

/* Puts the module into the tree as it is wished, which takes over the bytes. */
static int put_module(struct mkimage *im, const char *place, struct modinfo *m)
{
	_cleanup_blob_ struct blob packed = {};
	bool is_packed = m->blob.size;
	int r;

	if (im->keep || (im->modules_method == COMPRESS_NONE && !is_packed))
		return image_tree_file(&im->tree, place, 0644, &m->file);
	if (im->modules_method == COMPRESS_NONE)
		return image_tree_blob(&im->tree, place, &m->blob);
	r = compress_all(im->modules_method, m->elf.data, m->elf.size, &packed);
	return r ?: image_tree_blob(&im->tree, place, &packed);
}

/* Reads the module, whole and decompressed. */
static int open_module(struct mkimage *im, const char *path, struct modinfo *ret)
{
	const char *why;
	int r = modinfo_open(ret, &im->files, path, &why);

	if (r < 0 && r != -ENOMEM)
		log_error(&im->c->log, "%s/%s: %s", im->files.path, path, why);
	return r;
}

int mkimage_add_module(struct mkimage *im, const char *path)
{
	_cleanup_free_ char *bare = bare_path(im, path), *indexed = NULL, *place = NULL;
	_cleanup_modinfo_ struct modinfo module = {};
	const char *suffix;
	uint32_t rank;
	int r = bare ? rank_of(im, bare, &rank) : -ENOMEM;

	if (!r)
		r = open_module(im, path, &module);
	if (r < 0)
		return r;
	suffix = suffixes[im->keep ? (int)compression_of(module.file.data, module.file.size)
				   : (int)im->modules_method];
	if (asprintf(&indexed, "%s%s", bare, suffix) < 0 ||
	    asprintf(&place, "lib/modules/%s/%s", im->release, indexed) < 0)
		return -ENOMEM;
	r = index_module(im, indexed, rank, &module.elf);
	if (r == -EBADMSG)
		log_error(&im->c->log, "%s/%s: is damaged: its sections cannot be read", im->files.path,
			  path);
	if (!r)
		r = put_module(im, place, &module);
	if (!r)
		im->wish->n_modules++;
	return r;
}

/* The kernel looks in /lib/firmware. In a root that has only usr/lib, the firmware is there. */
int mkimage_add_firmware(struct mkimage *im, const char *path)
{
	struct file_bytes file = {};
	int r = rootfs_read(&im->files, path, LIMIT_IMAGE, &file);

	if (!r)
		r = image_tree_file(&im->tree, path + (strncmp(path, "usr/", 4) ? 0 : 4), 0644, &file);
	if (r < 0)
		return mkimage_fail(im, path, r);
	im->wish->n_firmware++;
	return 0;
}

static int put_index(struct mkimage *im, const char *name, void *data, size_t size)
{
	_cleanup_free_ char *place = NULL;

	if (asprintf(&place, "lib/modules/%s/%s", im->release, name) < 0) {
		free(data);
		return -ENOMEM;
	}
	return image_tree_memory(&im->tree, place, data, size);
}

/* The root says what is built in. Without its file nothing is, as for depmod. */
static int add_builtin(struct mkimage *im, enum moddir_index which, const char *text, const char *name)
{
	_cleanup_file_ struct file_bytes file = {};
	_cleanup_free_ char *path = NULL;
	uint8_t *data = NULL;
	size_t size = 0;
	int r;

	if (asprintf(&path, "%s/%s", im->moddir, text) < 0)
		return -ENOMEM;
	r = rootfs_read(&im->files, path, LIMIT_INDEX, &file);
	if (!r)
		r = moddir_build(which, file.data, file.size, path, &im->c->log, &data, &size);
	if (r < 0 && r != -ENOENT)
		return mkimage_fail(im, path, r);
	return put_index(im, name, data, size);
}

int mkimage_add_indexes(struct mkimage *im)
{
	static const enum depmod_file files[] = { DEPMOD_DEP, DEPMOD_ALIAS, DEPMOD_SYMBOLS, DEPMOD_SOFTDEP };
	int r = depmod_solve(&im->depmod);

	for (size_t i = 0; !r && i < ARRAY_SIZE(files); i++) {
		uint8_t *data;
		size_t size;

		r = depmod_make(&im->depmod, files[i], &data, &size);
		if (!r)
			r = put_index(im, depmod_names[files[i]], data, size);
	}
	if (!r)
		r = add_builtin(im, MODDIR_BUILTIN, "modules.builtin", "modules.builtin.bin");
	return r
		?: add_builtin(im, MODDIR_BUILTIN_ALIAS, "modules.builtin.modinfo",
			       "modules.builtin.alias.bin");
}
