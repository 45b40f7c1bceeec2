/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/modinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static int open_elf(struct modinfo *m, const void *data, size_t size, const char **why)
{
	enum compression how = compression_of(data, size);
	int r = 0;

	if (how != COMPRESSION_NONE) {
		r = decompress(how, data, size, LIMIT_IMAGE, &m->blob);
		if (r < 0) {
			*why = decompress_strerror(how, r);
			return r;
		}
		data = m->blob.data;
		size = m->blob.size;
	}
	r = elf_open(&m->elf, data, size);
	if (r < 0)
		*why = elf_header_complaint(data, size < ELF_HEADER_MAX ? size : ELF_HEADER_MAX, size)
			?: "is damaged: its section headers lead out of the file";
	return r;
}

int modinfo_open(struct modinfo *ret, const struct rootfs *root, const char *path, const char **why)
{
	int r;

	*ret = (struct modinfo){};
	r = rootfs_read(root, path, LIMIT_IMAGE, &ret->file);
	if (r < 0)
		*why = strerror(-r);
	else
		r = open_elf(ret, ret->file.data, ret->file.size, why);
	if (r < 0)
		modinfo_close(ret);
	return r;
}

int modinfo_open_member(struct modinfo *ret, struct archive *a, const struct archive_entry *e,
			const char **why)
{
	_cleanup_archive_group_ struct archive_group group = {};
	int r;

	*ret = (struct modinfo){};
	r = archive_unpack(a, e, &group, &ret->bytes);
	if (r < 0)
		*why = strerror(-r);
	else
		r = open_elf(ret, ret->bytes.data, ret->bytes.size, why);
	if (r < 0)
		modinfo_close(ret);
	return r;
}

int modinfo_open_in(struct modinfo *ret, struct moddir *d, const char *path, const char **why)
{
	struct archive_entry e;
	int r = moddir_member(d, path, &e);

	if (r < 0)
		*why = strerror(-r);
	if (r <= 0)
		return r ?: modinfo_open(ret, d->root, path, why);
	return modinfo_open_member(ret, &d->archive.archive, &e, why);
}

int modinfo_next(struct modinfo *m, const char **string)
{
	return elf_modinfo_next(&m->elf, &m->cursor, string);
}

const char *modinfo_value(const char *string, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(string, key, n) && string[n] == '=' ? string + n + 1 : NULL;
}

void modinfo_close(struct modinfo *m)
{
	file_release(&m->file);
	blob_release(&m->blob);
	blob_release(&m->bytes);
}

int missing_symbol_find(struct moddir *d, const char *path,
			bool (*is_there)(void *userdata, const char *module), void *userdata,
			struct missing_symbol *ret)
{
	_cleanup_modinfo_ struct modinfo m = {};
	const char *name, *owner, *why;
	size_t cursor = 0;
	int r = modinfo_open_in(&m, d, path, &why);

	while (!r && (r = elf_undefined_next(&m.elf, &cursor, &name)) > 0) {
		char key[LIMIT_ALIAS + 1];

		snprintf(key, sizeof(key), "symbol:%s", name);
		r = moddir_find(d, MODDIR_SYMBOLS, key, &owner);
		if (r <= 0 || is_there(userdata, owner)) {
			r = r < 0 ? r : 0;
			continue;
		}
		snprintf(ret->symbol, sizeof(ret->symbol), "%s", name);
		snprintf(ret->module, sizeof(ret->module), "%s", owner);
		return 1;
	}
	return r;
}
