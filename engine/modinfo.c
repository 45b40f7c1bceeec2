/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/modinfo.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"

static int open_elf(struct modinfo *m, const char **why)
{
	const void *data = m->file.data;
	size_t size = m->file.size;
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
		r = open_elf(ret, why);
	if (r < 0)
		modinfo_close(ret);
	return r;
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
}
