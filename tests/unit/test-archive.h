/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree with a few modules, for tests of archives. */
#pragma once

#include "tests/unit/test.h"

#include "base/little-endian.h"

#define DIR_ "lib/modules/1.0"

/* ---- modules ---- */

struct module_file {
	uint8_t bytes[4096];
	size_t size;
};

static inline size_t put(struct module_file *m, const void *data, size_t n)
{
	size_t at = (m->size + 7) / 8 * 8;

	assert_true(at + n <= sizeof(m->bytes));
	memcpy(m->bytes + at, data, n);
	m->size = at + n;
	return at;
}

static inline void put_section(uint8_t *row, uint32_t name, uint32_t type, size_t at, size_t size,
			       uint32_t link, size_t entry)
{
	put_le32(row, name);
	put_le32(row + 4, type);
	put_le64(row + 24, at);
	put_le64(row + 32, size);
	put_le32(row + 40, link);
	put_le64(row + 56, entry);
}

/* A module of 64 bits with these strings (separated by ';') as .modinfo, which needs one symbol and exports
 * another; either may be NULL. */
static inline struct module_file module_of(unsigned int machine, const char *modinfo, const char *needs,
					   const char *exports)
{
	static const char names[] = "\0.modinfo\0.symtab\0.strtab\0.shstrtab";
	struct module_file m = { .size = 64 };
	uint8_t rows[5 * 64] = {}, symbols[3 * 24] = {};
	char strings[256] = {}, info[512] = {};
	size_t n_info = strlen(modinfo) + 1, n, at;

	memcpy(info, modinfo, n_info);
	for (char *p = info; (p = strchr(p, ';'));)
		*p++ = '\0';
	memcpy(m.bytes, "\177ELF\2\1\1", 7);
	put_le16(m.bytes + 16, 1);
	put_le16(m.bytes + 18, (uint16_t)machine);
	put_le32(m.bytes + 20, 1);
	n = 1 + (size_t)sprintf(strings + 1, "%s", needs ? needs : "") + 1;
	put_le32(symbols + 24, 1);
	symbols[24 + 4] = 0x10;
	put_le32(symbols + 48, (uint32_t)n);
	symbols[48 + 4] = 0x10;
	put_le16(symbols + 48 + 6, 0xfff1);
	if (exports)
		n += (size_t)sprintf(strings + n, "__crc_%s", exports) + 1;
	at = put(&m, info, n_info);
	put_section(rows + 64, 1, 1, at, n_info, 0, 0);
	at = put(&m, symbols, exports ? 72 : 48);
	put_section(rows + 128, 10, 2, at, exports ? 72 : 48, 3, 24);
	at = put(&m, strings, n + 1);
	put_section(rows + 192, 18, 3, at, n + 1, 0, 0);
	at = put(&m, names, sizeof(names));
	put_section(rows + 256, 26, 3, at, sizeof(names), 0, 0);
	put_le64(m.bytes + 40, put(&m, rows, sizeof(rows)));
	put_le16(m.bytes + 52, 64);
	put_le16(m.bytes + 58, 64);
	put_le16(m.bytes + 60, 5);
	put_le16(m.bytes + 62, 4);
	return m;
}

static inline void write_module(const struct tree *t, const char *path, unsigned int machine,
				const char *modinfo, const char *needs, const char *exports)
{
	struct module_file m = module_of(machine, modinfo, needs, exports);
	char name[256];

	snprintf(name, sizeof(name), DIR_ "/%s", path);
	tree_write_bytes(t, name, m.bytes, m.size);
}

static inline void make_tree(struct tree *t)
{
	write_module(t, "kernel/fs/ext4.ko", 62, "license=GPL;alias=fs-ext4;softdep=pre: crc32c", "journal",
		     NULL);
	write_module(t, "kernel/fs/jbd2.ko", 62, "license=GPL", "crc16", "journal");
	write_module(t, "kernel/lib/crc16.ko", 62, "license=GPL;parm=x:a;parm=y:b", NULL, "crc16");
	write_module(t, "kernel/net/e1000-e.ko", 62,
		     "alias=pci:v00008086d00001234sv*sd*bc*sc*i*;alias=pci:v00008086d00001235sv*sd*bc*sc*i*"
		     ";firmware=e.bin",
		     NULL, NULL);
	write_module(t, "kernel/net/other.ko", 62, "alias=pci:v*d*sv*sd*bc02sc00i*;alias=fs-ext4", NULL,
		     NULL);
	tree_write(t, DIR_ "/modules.order",
		   "kernel/lib/crc16.ko\nkernel/fs/jbd2.ko\nkernel/fs/ext4.ko\nkernel/net/other.ko\n");
	tree_write(t, DIR_ "/modules.builtin", "kernel/lib/built-in.ko\n");
}
