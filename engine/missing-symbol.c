/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/missing-symbol.h"

#include <stdio.h>
#include <string.h>

#include "base/decompress.h"
#include "base/elf.h"
#include "base/limits.h"

static int search(struct moddir *d, const void *data, size_t size,
		  bool (*is_there)(void *userdata, const char *module), void *userdata,
		  struct missing_symbol *ret)
{
	struct elf elf;
	size_t cursor = 0;
	const char *name, *owner;
	int r = elf_open(&elf, data, size);

	while (!r && (r = elf_undefined_next(&elf, &cursor, &name)) > 0) {
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

int missing_symbol_find(struct moddir *d, const char *path,
			bool (*is_there)(void *userdata, const char *module), void *userdata,
			struct missing_symbol *ret)
{
	_cleanup_file_ struct file_bytes file = {};
	_cleanup_blob_ struct blob blob = {};
	enum compression c;
	int r = rootfs_map(d->root, path, LIMIT_IMAGE, &file);

	if (r < 0)
		return r;
	c = compression_of(file.data, file.size);
	if (c == COMPRESSION_NONE)
		return search(d, file.data, file.size, is_there, userdata, ret);
	r = decompress(c, file.data, file.size, LIMIT_IMAGE, &blob);
	return r < 0 ? r : search(d, blob.data, blob.size, is_there, userdata, ret);
}
