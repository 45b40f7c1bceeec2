/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The symbols of a module's file with their versions, as modprobe prints them. */
#include "engine/symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/memstream.h"
#include "engine/modinfo.h"

static void print(FILE *f, uint64_t crc, const char *name)
{
	fprintf(f, "0x%08" PRIx64 "\t%s\n", crc, name);
}

static int print_needed(FILE *f, const struct elf *elf)
{
	size_t cursor = 0;
	const char *name;
	uint64_t crc;
	int r;

	/* Some architectures have a dot in front of the names of functions. */
	while ((r = elf_version_next(elf, &cursor, &crc, &name)) > 0)
		print(f, crc, *name == '.' ? name + 1 : name);
	return r;
}

/* A kernel without versions has only the names. */
static int print_exported(FILE *f, const struct elf *elf)
{
	size_t cursor = 0, n = 0;
	const char *name;
	int r;

	for (; (r = elf_crc_next(elf, &cursor, &name)) > 0; n++)
		print(f, elf_crc_value(elf, cursor), name);
	if (r < 0 || n)
		return r;
	for (cursor = 0; (r = elf_ksymtab_next(elf, &cursor, &name)) > 0; n++)
		print(f, 0, name);
	return r ?: n ? 0 : -ENODATA;
}

int symbols_open_error(int r, const char *path)
{
	struct stat st;

	if (r == -EBADMSG || r == -ENODATA)
		return -EINVAL;
	if (r == -ENOEXEC && !stat(path, &st) && st.st_size < (off_t)COMPRESSION_MAGIC_MAX)
		return -EINVAL;
	return r;
}

int symbols_text(const char *path, bool exported, char **ret)
{
	_cleanup_modinfo_ struct modinfo m = {};
	_cleanup_free_ char *text = NULL, *real = realpath(path, NULL);
	struct rootfs root;
	const char *why;
	size_t size;
	FILE *f;
	int r;

	if (!real)
		return -errno;
	r = rootfs_open(&root, NULL);
	if (r < 0)
		return r;
	r = modinfo_open(&m, &root, real, &why);
	rootfs_close(&root);
	if (r < 0)
		return symbols_open_error(r, real);
	f = memstream_open(&text, &size);
	if (!f)
		return -ENOMEM;
	r = exported ? print_exported(f, &m.elf) : print_needed(f, &m.elf);
	if (memstream_close(f) < 0)
		return -ENOMEM;
	if (r < 0)
		return r == -EBADMSG ? -EINVAL : r;
	*ret = steal_ptr(text);
	return 0;
}
