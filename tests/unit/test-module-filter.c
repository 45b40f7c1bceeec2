/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/decompress.h"
#include "base/group-codec.h"
#include "base/module-filter.h"

/* ---- a module with a section of each class, in each of the four shapes ---- */

struct shape {
	bool is64;
	bool big_endian;
	unsigned int machine;
	uint32_t checksum; /* of what the filter makes of it, on every host */
};

static const struct shape shapes[] = {
	{ true, false, 62, 0x57db83ed },
	{ false, false, 3, 0x8b9a330d },
	{ true, true, 22, 0x63e2d1f8 },
	{ false, true, 20, 0x8ec4d6fa },
};

enum {
	NONE,
	TEXT,
	RELA_TEXT,
	DATA,
	REL_DATA,
	ORC_IP,
	RELA_ORC_IP,
	ORC,
	MODINFO,
	VERSIONS,
	THIS_MODULE,
	RODATA_STR,
	BTF,
	SYMTAB,
	STRTAB,
	SHSTRTAB,
	SECTIONS,
};

static const struct {
	const char *name;
	uint32_t type, flags, link, info;
} sections[SECTIONS] = {
	[NONE] = { "" },
	[TEXT] = { ".text", 1, 6 },
	[RELA_TEXT] = { ".rela.text", 4, 0, SYMTAB, TEXT },
	[DATA] = { ".data", 1, 3 },
	[REL_DATA] = { ".rel.data", 9, 0, SYMTAB, DATA },
	[ORC_IP] = { ".orc_unwind_ip", 1, 2 },
	[RELA_ORC_IP] = { ".rela.orc_unwind_ip", 4, 0, SYMTAB, ORC_IP },
	[ORC] = { ".orc_unwind", 1, 2 },
	[MODINFO] = { ".modinfo", 1, 2 },
	[VERSIONS] = { "__versions", 1, 2 },
	[THIS_MODULE] = { ".gnu.linkonce.this_module", 1, 3 },
	[RODATA_STR] = { ".rodata.str1.1", 1, 2 },
	[BTF] = { ".BTF", 1, 0 },
	[SYMTAB] = { ".symtab", 2, 0, STRTAB, 3 },
	[STRTAB] = { ".strtab", 3, 0 },
	[SHSTRTAB] = { ".shstrtab", 3, 0 },
};

struct module {
	struct shape shape;
	unsigned char bytes[8192];
	size_t size;
	size_t begin[SECTIONS], end[SECTIONS];
};

static void put(struct module *m, uint64_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		m->bytes[m->size++] = (unsigned char)(value >> 8 * (m->shape.big_endian ? n - 1 - i : i));
}

static void put_word(struct module *m, uint64_t value)
{
	put(m, value, m->shape.is64 ? 8 : 4);
}

static void put_bytes(struct module *m, const void *data, size_t n)
{
	memcpy(m->bytes + m->size, data, n);
	m->size += n;
}

static void align(struct module *m, size_t n)
{
	m->size = (m->size + n - 1) / n * n;
}

/* Calls, with zeros where they are relocated, and one of a function in the same section. */
static void put_text(struct module *m)
{
	static const unsigned char call[] = { 0xe8, 0, 0, 0, 0, 0x90, 0x48, 0x89, 0xc3 };
	static const unsigned char near[] = { 0xe8, 0xf0, 0xff, 0xff, 0xff, 0x0f, 0x84, 0x10, 0, 0, 0, 0xc3 };

	for (int i = 0; i < 16; i++)
		put_bytes(m, call, sizeof(call));
	put_bytes(m, near, sizeof(near));
	put_bytes(m, "\xe8\xff\xff\xff\x7f\xe9\x00\x01", 8);
}

static void put_relocation(struct module *m, uint64_t offset, uint32_t symbol, uint32_t type)
{
	put_word(m, offset);
	if (m->shape.is64)
		put_word(m, (uint64_t)symbol << 32 | type);
	else
		put(m, symbol << 8 | type, 4);
}

static void put_relocations(struct module *m, unsigned int section)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (section == RELA_TEXT)
			put_relocation(m, 1 + 9 * i, 4 + i % 2, 4);
		else
			put_relocation(m, 4 * i, 1, section == REL_DATA ? 1 : 2);
		if (section != REL_DATA)
			put_word(m, section == RELA_TEXT ? -4 : (int)(i * i));
	}
}

static void put_versions(struct module *m)
{
	static const char *const names[] = { "printk", "kfree", "module_layout" };
	size_t end;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		end = m->size + 64;
		put_word(m, 0x12345678 * (i + 1) % 0xffffffff);
		put_bytes(m, names[i], strlen(names[i]));
		m->size = end;
	}
}

static void put_symbol(struct module *m, uint32_t name, uint8_t info, uint16_t section, uint64_t value,
		       uint64_t size)
{
	put(m, name, 4);
	if (!m->shape.is64) {
		put(m, value, 4);
		put(m, size, 4);
	}
	put(m, info, 1);
	put(m, 0, 1);
	put(m, section, 2);
	if (m->shape.is64) {
		put(m, value, 8);
		put(m, size, 8);
	}
}

static const char names[] = "\0first\0second\0printk\0kfree";

static void put_symbols(struct module *m)
{
	put_symbol(m, 0, 0, 0, 0, 0);
	put_symbol(m, 0, 3, TEXT, 0, 0);
	put_symbol(m, 1, 2, TEXT, 0, 20);
	put_symbol(m, 7, 2, TEXT, 32, 30);
	put_symbol(m, 14, 16, 0, 0, 0);
	put_symbol(m, 21, 16, 0, 0, 0);
	put_symbol(m, 15, 18, TEXT, 64, 9);
}

/* A struct with two members, a pointer to it, a function with a parameter, an array, an enum, an integer. */
static void put_types(struct module *m)
{
	static const uint32_t words[] = {
		1001, 4U << 24 | 2,  16,  1006, 7,   0,	   17, 502, 64, /* struct */
		0,    2U << 24,	     501,				/* pointer */
		0,    13U << 24 | 1, 7,	  1012, 502,			/* prototype */
		1014, 12U << 24 | 1, 503,				/* function */
		0,    3U << 24,	     0,	  501,	7,   4,			/* array */
		1020, 6U << 24 | 2,  4,	  17,	0,   1022, 1,		/* enum */
		17,   1U << 24,	     4,	  32,				/* integer */
	};
	static const char strings[] = "frame\0frame_size\0f\0called\0x\0last";

	put(m, 0xeb9f, 2);
	put(m, 1, 2);
	put(m, 24, 4);
	put(m, 0, 4);
	put(m, sizeof(words), 4);
	put(m, sizeof(words), 4);
	put(m, sizeof(strings), 4);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		put(m, words[i], 4);
	put_bytes(m, strings, sizeof(strings));
}

static void put_names(struct module *m)
{
	for (unsigned int i = 0; i < SECTIONS; i++)
		put_bytes(m, sections[i].name, strlen(sections[i].name) + 1);
}

static void put_contents(struct module *m, unsigned int section)
{
	switch (section) {
	case NONE:
		break;
	case TEXT:
		put_text(m);
		break;
	case RELA_TEXT:
	case REL_DATA:
	case RELA_ORC_IP:
		put_relocations(m, section);
		break;
	case DATA:
	case ORC_IP:
		m->size += 64;
		break;
	case VERSIONS:
		put_versions(m);
		break;
	case BTF:
		put_types(m);
		break;
	case SYMTAB:
		put_symbols(m);
		break;
	case STRTAB:
		put_bytes(m, names, sizeof(names));
		break;
	case SHSTRTAB:
		put_names(m);
		break;
	default:
		put_bytes(m, "license=GPL\0author=nobody", 26);
	}
}

static void put_header(struct module *m, unsigned int i, uint32_t name)
{
	put(m, name, 4);
	put(m, sections[i].type, 4);
	put_word(m, sections[i].flags);
	put_word(m, 0);
	put_word(m, m->begin[i]);
	put_word(m, m->end[i] - m->begin[i]);
	put(m, sections[i].link, 4);
	put(m, sections[i].info, 4);
	put_word(m, i ? 8 : 0);
	put_word(m, i == SYMTAB ? (m->shape.is64 ? 24 : 16) : 0);
}

static void put_file_header(struct module *m, size_t headers)
{
	bool w = m->shape.is64;

	m->size = 0;
	put_bytes(m, "\177ELF", 4);
	put(m, w ? 2 : 1, 1);
	put(m, m->shape.big_endian ? 2 : 1, 1);
	m->size = 16;
	put(m, 1, 2);
	put(m, m->shape.machine, 2);
	put(m, 1, 4);
	put_word(m, 0);
	put_word(m, 0);
	put_word(m, headers);
	put(m, 0, 4);
	put(m, w ? 64 : 52, 2);
	put(m, 0, 4);
	put(m, w ? 64 : 40, 2);
	put(m, SECTIONS, 2);
	put(m, SHSTRTAB, 2);
}

static void make(struct module *m, struct shape shape)
{
	size_t headers, size;
	uint32_t name = 0;

	*m = (struct module){ .shape = shape, .size = 64 };
	for (unsigned int i = 0; i < SECTIONS; i++) {
		align(m, 8);
		m->begin[i] = m->size;
		put_contents(m, i);
		m->end[i] = m->size;
	}
	align(m, 8);
	headers = m->size;
	for (unsigned int i = 0; i < SECTIONS; i++) {
		put_header(m, i, name);
		name += (uint32_t)strlen(sections[i].name) + 1;
	}
	put_bytes(m, "a signature~Module signature appended~\n", 39);
	size = m->size;
	put_file_header(m, headers);
	m->size = size;
}

/* ---- the filter ---- */

struct filtered {
	uint8_t *data;
	size_t size;
};

static void filtered_release(struct filtered *f)
{
	free(f->data);
}

#define _cleanup_filtered_ _cleanup_(filtered_release)

/* Whether the filter takes it; it is checked that it then comes back. */
static bool comes_back(const void *module, size_t size)
{
	_cleanup_filtered_ struct filtered f = {};
	_cleanup_free_ void *out = calloc(1, size ? size : 1);
	int r = module_filter_apply(module, size, &f.data, &f.size);

	assert_true(r == 0 || r == 1);
	if (!r)
		return false;
	assert_int_equal(module_filter_undo(f.data, f.size, out, size), 0);
	assert_memory_equal(out, module, size);
	return true;
}

static struct filtered apply(const struct module *m)
{
	struct filtered f = {};

	assert_int_equal(module_filter_apply(m->bytes, m->size, &f.data, &f.size), 1);
	return f;
}

static uint32_t checksum(const uint8_t *p, size_t n)
{
	uint32_t h = 2166136261;

	while (n--)
		h = (h ^ *p++) * 16777619;
	return h;
}

static void a_module_of_each_shape_comes_back(void **state)
{
	struct module m;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		make(&m, shapes[i]);
		assert_row(i, comes_back(m.bytes, m.size));
	}
}

static void its_data_are_the_same_on_every_host(void **state)
{
	struct module m;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_filtered_ struct filtered f = {};

		make(&m, shapes[i]);
		f = apply(&m);
		if (checksum(f.data, f.size) != shapes[i].checksum)
			fail_msg("row %zu: 0x%08x, %zu bytes", i, checksum(f.data, f.size), f.size);
	}
}

static void tables_get_small(void **state)
{
	struct module m;

	make(&m, shapes[0]);
	{
		_cleanup_filtered_ struct filtered f = apply(&m);

		assert_true(f.size < m.size / 2);
	}
}

static void what_is_no_module_is_not_taken(void **state)
{
	struct module m;

	make(&m, shapes[0]);
	assert_false(comes_back("", 0));
	assert_false(comes_back("\177ELF", 4));
	assert_false(comes_back("#!/bin/sh\n", 10));
	for (size_t n = 0; n < m.begin[SHSTRTAB]; n++)
		assert_row(n, !comes_back(m.bytes, n));
	m.bytes[16] = 2; /* a program */
	assert_false(comes_back(m.bytes, m.size));
}

static bool comes_back_with(struct module *m, size_t at, unsigned char change)
{
	bool taken;

	m->bytes[at] ^= change;
	taken = comes_back(m->bytes, m->size);
	m->bytes[at] ^= change;
	return taken;
}

/* With a section header that points anywhere, with tables that do not fit. */
static void a_module_with_any_wrong_byte_comes_back_or_is_not_taken(void **state)
{
	struct module m;
	size_t taken = 0;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		make(&m, shapes[i]);
		for (size_t at = 0; at < m.size; at++) {
			taken += comes_back_with(&m, at, 0xff);
			/* The headers. */
			if (at < 64 || at > m.end[SHSTRTAB])
				taken += comes_back_with(&m, at, 1);
		}
	}
	/* Most of them only are other contents. */
	assert_true(taken > 2 * m.size);
}

/* Without a byte behind it, so that a sanitizer sees what is read there. */
static int undo_exactly(const uint8_t *data, size_t n, size_t size)
{
	_cleanup_free_ uint8_t *copy = malloc(n ? n : 1), *out = calloc(1, size ? size : 1);

	if (n)
		memcpy(copy, data, n);
	return module_filter_undo(copy, n, out, size);
}

static void data_that_are_cut_or_of_another_size_are_refused(void **state)
{
	struct module m;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_filtered_ struct filtered f = {};

		make(&m, shapes[i]);
		f = apply(&m);
		for (size_t n = 0; n < f.size; n++)
			assert_row(n, undo_exactly(f.data, n, m.size) == -EBADMSG);
		for (size_t n = m.size - 9; n < m.size + 9; n++)
			assert_row(n, undo_exactly(f.data, f.size, n) == (n == m.size ? 0 : -EBADMSG));
	}
}

static void damaged_data_lead_nowhere_else(void **state)
{
	struct module m;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_filtered_ struct filtered f = {};

		make(&m, shapes[i]);
		f = apply(&m);
		for (size_t at = 0; at < f.size; at++)
			for (unsigned int bit = 0; bit < 8; bit += 2 + bit % 3) {
				int r;

				f.data[at] ^= (uint8_t)(1U << bit);
				r = undo_exactly(f.data, f.size, m.size);
				assert_row(at, r == 0 || r == -EBADMSG);
				f.data[at] ^= (uint8_t)(1U << bit);
			}
	}
}

/* ---- real ones ---- */

static size_t found, taken, every;

static int try_module(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	_cleanup_close_ int fd = -1;
	_cleanup_file_ struct file_bytes file = {};
	_cleanup_blob_ struct blob blob = {};
	enum compression c;
	int r;

	if (flag != FTW_F || !strstr(path, ".ko") || found++ % every)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_read(fd, 256 << 20, &file), 0);
	c = compression_of(file.data, file.size);
	r = c == COMPRESSION_NONE ? 0 : decompress(c, file.data, file.size, 256 << 20, &blob);
	if (r == -EOPNOTSUPP)
		return 0;
	assert_int_equal(r, 0);
	if (!(c ? comes_back(blob.data, blob.size) : comes_back(file.data, file.size)))
		fail_msg("%s: the filter does not take it", path);
	taken++;
	return 0;
}

/* COLDPLUG_MODULES=all takes each of them. */
static void modules_of_this_machine_come_back(void **state)
{
	const char *which = getenv("COLDPLUG_MODULES");

	found = taken = 0;
	every = which && !strcmp(which, "all") ? 1 : 256;
	nftw("/lib/modules", try_module, 16, FTW_PHYS);
	if (!taken)
		skip();
	printf("%zu modules of %zu\n", taken, found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_of_each_shape_comes_back),
		cmocka_unit_test(its_data_are_the_same_on_every_host),
		cmocka_unit_test(tables_get_small),
		cmocka_unit_test(what_is_no_module_is_not_taken),
		cmocka_unit_test(a_module_with_any_wrong_byte_comes_back_or_is_not_taken),
		cmocka_unit_test(data_that_are_cut_or_of_another_size_are_refused),
		cmocka_unit_test(damaged_data_lead_nowhere_else),
		cmocka_unit_test(modules_of_this_machine_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
