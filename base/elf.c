/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/elf.h"

#include <errno.h>
#include <string.h>

#include "base/little-endian.h"

#define ET_RELOCATABLE 1
#define ET_EXECUTABLE 2
#define ET_SHARED 3
#define SEGMENT_DYNAMIC 2
#define SEGMENT_INTERPRETER 3
#define DYNAMIC_END 0
#define DYNAMIC_NEEDED 1
#define SECTION_UNDEFINED ELF_SECTION_UNDEFINED
#define SECTION_ABSOLUTE 0xfff1
#define SECTION_FLAG_ALLOC 2
#define TYPE_SYMTAB 2
#define TYPE_NOBITS 8
#define BIND_WEAK 2
#define NOTE_HEADER 12U
#define NOTE_BUILD_ID 3

struct section {
	uint32_t name;
	uint32_t type;
	uint32_t link;
	uint64_t offset;
	uint64_t size;
	uint64_t entry_size;
};

/* n bytes, 2, 4 or 8, in the file's byte order; the caller has checked that they are there. */
static uint64_t get(const struct elf *elf, uint64_t offset, unsigned int n)
{
	const unsigned char *p = elf->data + offset;

	if (elf->big_endian)
		return n == 2 ? be16(p) : n == 4 ? be32(p) : be64(p);
	return n == 2 ? le16(p) : n == 4 ? le32(p) : le64(p);
}

static bool inside(const struct elf *elf, uint64_t offset, uint64_t size)
{
	return offset <= elf->size && size <= elf->size - offset;
}

static unsigned int section_entry(const struct elf *elf)
{
	return elf->is64 ? 64 : 40;
}

static int read_ident(struct elf *elf, const unsigned char *p, size_t n)
{
	if (n < 20 || memcmp(p, "\177ELF", 4))
		return -ENOEXEC;
	if (p[4] < 1 || p[4] > 2 || p[5] < 1 || p[5] > 2)
		return -ENOEXEC;
	elf->is64 = p[4] == 2;
	elf->big_endian = p[5] == 2;
	return n < (elf->is64 ? 64 : 52) ? -EBADMSG : 0;
}

static void read_header(struct elf *elf)
{
	elf->sections = elf->is64 ? get(elf, 40, 8) : get(elf, 32, 4);
	elf->n_sections = (uint32_t)get(elf, elf->is64 ? 60 : 48, 2);
	elf->names = (uint32_t)get(elf, elf->is64 ? 62 : 50, 2);
}

const char *elf_header_complaint(const void *head, size_t n_head, uint64_t size)
{
	struct elf elf = { .data = head, .size = n_head };
	uint64_t need;
	int r;

	if (size == 0)
		return "is empty";
	r = read_ident(&elf, head, n_head);
	if (r == -ENOEXEC && n_head < 20)
		return "is cut short: it ends inside its first header";
	if (r == -ENOEXEC)
		return "is not a kernel module: no ELF file";
	if (r < 0)
		return "is cut short: it ends inside its ELF header";
	if (get(&elf, 16, 2) != ET_RELOCATABLE)
		return "is not a kernel module: ELF, but not a relocatable object";
	read_header(&elf);
	need = (uint64_t)elf.n_sections * section_entry(&elf);
	if (elf.sections > size || need > size - elf.sections)
		return "is cut short: its section headers lie past its end";
	return NULL;
}

static void read_section(const struct elf *elf, uint32_t i, struct section *s)
{
	uint64_t at = elf->sections + (uint64_t)i * section_entry(elf);

	s->name = (uint32_t)get(elf, at, 4);
	s->type = (uint32_t)get(elf, at + 4, 4);
	s->offset = elf->is64 ? get(elf, at + 24, 8) : get(elf, at + 16, 4);
	s->size = elf->is64 ? get(elf, at + 32, 8) : get(elf, at + 20, 4);
	s->link = (uint32_t)get(elf, at + (elf->is64 ? 40 : 24), 4);
	s->entry_size = elf->is64 ? get(elf, at + 56, 8) : get(elf, at + 36, 4);
}

/* Section i with contents inside the file. */
static int get_section(const struct elf *elf, uint32_t i, struct section *s)
{
	if (i >= elf->n_sections)
		return -EBADMSG;
	read_section(elf, i, s);
	if (s->type == TYPE_NOBITS || !inside(elf, s->offset, s->size))
		return -EBADMSG;
	return 0;
}

/* The kernel goes by the type too. */
static uint32_t find_symbol_table(const struct elf *elf)
{
	for (uint32_t i = 1; i < elf->n_sections; i++)
		if (get(elf, elf->sections + (uint64_t)i * section_entry(elf) + 4, 4) == TYPE_SYMTAB)
			return i;
	return 0;
}

int elf_open(struct elf *ret, const void *data, size_t size)
{
	struct elf elf = { .data = data, .size = size };
	struct section first;
	int r;

	r = read_ident(&elf, data, size);
	if (r < 0)
		return r;
	if (get(&elf, 16, 2) != ET_RELOCATABLE)
		return -ENOEXEC;
	read_header(&elf);
	if (get(&elf, elf.is64 ? 58 : 46, 2) != section_entry(&elf) && elf.sections)
		return -EBADMSG;
	/* More sections than 16 bits count: the numbers stand in the first section's header. */
	if (elf.sections && (!elf.n_sections || elf.names == 0xffff)) {
		if (!inside(&elf, elf.sections, section_entry(&elf)))
			return -EBADMSG;
		read_section(&elf, 0, &first);
		if (!elf.n_sections)
			elf.n_sections = first.size > UINT32_MAX ? UINT32_MAX : (uint32_t)first.size;
		if (elf.names == 0xffff)
			elf.names = first.link;
	}
	if (!inside(&elf, elf.sections, (uint64_t)elf.n_sections * section_entry(&elf)))
		return -EBADMSG;
	elf.symbols = find_symbol_table(&elf);
	*ret = elf;
	return 0;
}

/* The NUL-terminated string at offset of a string section. */
static const char *get_string(const struct elf *elf, const struct section *s, uint64_t offset)
{
	const unsigned char *p = elf->data + s->offset;

	if (offset >= s->size || !memchr(p + offset, '\0', s->size - offset))
		return NULL;
	return (const char *)p + offset;
}

/* All sections but the first, which is none; it begins as {}. */
struct walk {
	struct section names;
	uint32_t i; /* the section whose name was given last */
};

/* 1: *name is that of the next section; 0: there are no more; -EBADMSG. */
static int next_section(const struct elf *elf, struct walk *w, const char **name)
{
	struct section s;

	if (!elf->n_sections)
		return 0;
	if (!w->i && get_section(elf, elf->names, &w->names) < 0)
		return -EBADMSG;
	if (++w->i >= elf->n_sections)
		return 0;
	read_section(elf, w->i, &s);
	*name = get_string(elf, &w->names, s.name);
	return *name ? 1 : -EBADMSG;
}

/* 1: *ret is the section of that name; 0: there is none; -EBADMSG. */
static int find_section(const struct elf *elf, const char *name, struct section *ret)
{
	struct walk w = {};
	const char *p;
	int r;

	while ((r = next_section(elf, &w, &p)) > 0)
		if (!strcmp(p, name))
			return get_section(elf, w.i, ret) < 0 ? -EBADMSG : 1;
	return r;
}

/* The next string of a section of strings. */
static int next_string(const struct elf *elf, const char *section, size_t *cursor, const char **string)
{
	struct section s;
	const char *p;
	int r;

	r = find_section(elf, section, &s);
	if (r <= 0)
		return r;
	/* Strings are padded with NULs. */
	while (*cursor < s.size && !elf->data[s.offset + *cursor])
		(*cursor)++;
	if (*cursor >= s.size)
		return 0;
	p = get_string(elf, &s, *cursor);
	if (!p)
		return -EBADMSG;
	*cursor += strlen(p) + 1;
	*string = p;
	return 1;
}

int elf_modinfo_next(const struct elf *elf, size_t *cursor, const char **string)
{
	return next_string(elf, ".modinfo", cursor, string);
}

int elf_ksymtab_next(const struct elf *elf, size_t *cursor, const char **name)
{
	return next_string(elf, "__ksymtab_strings", cursor, name);
}

/* 1: the symbol table and its strings; 0: there is none; -EBADMSG. */
static int find_symbols(const struct elf *elf, struct section *symbols, struct section *strings)
{
	unsigned int entry = elf->is64 ? 24 : 16;

	if (!elf->symbols)
		return 0;
	if (get_section(elf, elf->symbols, symbols) < 0 || symbols->entry_size != entry ||
	    get_section(elf, symbols->link, strings) < 0)
		return -EBADMSG;
	return 1;
}

int elf_symbols_open(const struct elf *elf, struct elf_symbols *ret)
{
	struct section symbols, strings;
	int r = find_symbols(elf, &symbols, &strings);

	if (r <= 0)
		return r;
	*ret = (struct elf_symbols){ .elf = elf,
				     .n = symbols.size / (elf->is64 ? 24 : 16),
				     .symbols = symbols.offset,
				     .strings = strings.offset,
				     .n_strings = strings.size };
	return 1;
}

void elf_symbols_get(const struct elf_symbols *s, size_t i, struct elf_symbol *ret)
{
	const struct elf *elf = s->elf;
	const struct section strings = { .offset = s->strings, .size = s->n_strings };
	uint64_t at = s->symbols + (uint64_t)i * (elf->is64 ? 24 : 16);
	unsigned int info = elf->data[at + (elf->is64 ? 4 : 12)];

	*ret = (struct elf_symbol){ .name = get_string(elf, &strings, get(elf, at, 4)),
				    .section = (unsigned int)get(elf, at + (elf->is64 ? 6 : 14), 2),
				    .type = info & 15,
				    .weak = info >> 4 == BIND_WEAK };
}

/* The next symbol that wanted() takes: *name is what it has made of the name. It is not made of the two
 * above, because they would be larger in the smallest program, which has no other use for them. */
static int next_symbol(const struct elf *elf, size_t *cursor,
		       bool (*wanted)(unsigned int section, const char **name), const char **name)
{
	unsigned int entry = elf->is64 ? 24 : 16;
	struct section s, strings;
	uint64_t at;
	int r;

	r = find_symbols(elf, &s, &strings);
	if (r <= 0)
		return r;
	/* Symbol 0 is no symbol. */
	for (size_t i = *cursor + 1; i < s.size / entry; i++) {
		unsigned int section;
		const char *p;

		at = s.offset + (uint64_t)i * entry;
		section = (unsigned int)get(elf, at + (elf->is64 ? 6 : 14), 2);
		p = get_string(elf, &strings, get(elf, at, 4));
		if (!p && section == SECTION_UNDEFINED)
			return -EBADMSG;
		if (!p || !wanted(section, &p))
			continue;
		*name = p;
		*cursor = i;
		return 1;
	}
	return 0;
}

static bool is_undefined(unsigned int section, const char **name)
{
	return section == SECTION_UNDEFINED;
}

int elf_undefined_next(const struct elf *elf, size_t *cursor, const char **name)
{
	return next_symbol(elf, cursor, is_undefined, name);
}

static bool is_crc(unsigned int section, const char **name)
{
	if (strncmp(*name, "__crc_", 6) != 0)
		return false;
	*name += 6;
	return true;
}

int elf_crc_next(const struct elf *elf, size_t *cursor, const char **name)
{
	return next_symbol(elf, cursor, is_crc, name);
}

uint64_t elf_crc_value(const struct elf *elf, size_t cursor)
{
	unsigned int entry = elf->is64 ? 24 : 16, section;
	struct section s, strings;
	uint64_t at, value;

	if (find_symbols(elf, &s, &strings) <= 0 || cursor >= s.size / entry)
		return UINT64_MAX;
	at = s.offset + (uint64_t)cursor * entry;
	section = (unsigned int)get(elf, at + (elf->is64 ? 6 : 14), 2);
	value = elf->is64 ? get(elf, at + 8, 8) : get(elf, at + 4, 4);
	if (section == SECTION_ABSOLUTE || section == SECTION_UNDEFINED)
		return value;
	/* Kernels since 4.10 have it in a section, and the symbol says where. */
	if (get_section(elf, section, &s) < 0 || s.size < 4 || value > s.size - 4)
		return UINT64_MAX;
	return get(elf, s.offset + value, 4);
}

static inline __attribute__((always_inline)) int read_version(const struct elf *elf, uint64_t at,
							      uint64_t *crc, const char **name)
{
	unsigned int n_crc = elf->is64 ? 8 : 4;

	*crc = get(elf, at, n_crc);
	*name = (const char *)elf->data + at + n_crc;
	return memchr(*name, '\0', ELF_VERSION_SIZE - n_crc) ? 1 : -EBADMSG;
}

int elf_version_get(const struct elf *elf, const struct elf_range *versions, size_t i, uint64_t *crc,
		    const char **name)
{
	return read_version(elf, versions->offset + (uint64_t)i * ELF_VERSION_SIZE, crc, name);
}

int elf_version_next(const struct elf *elf, size_t *cursor, uint64_t *crc, const char **name)
{
	struct section s;
	int r = find_section(elf, "__versions", &s);

	if (r <= 0)
		return r ?: -ENODATA;
	if (s.size % ELF_VERSION_SIZE)
		return -EBADMSG;
	if (*cursor >= s.size / ELF_VERSION_SIZE)
		return 0;
	return read_version(elf, s.offset + (uint64_t)(*cursor)++ * ELF_VERSION_SIZE, crc, name);
}

static bool has_versions(const char *section)
{
	static const char *const names[] = { "__versions", "__version_ext_crcs", "__version_ext_names" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(section, names[i]))
			return true;
	return false;
}

/* The kernel looks for sections among those with this flag only. */
static int strip_versions(const struct elf *elf, unsigned char *data)
{
	unsigned int last = elf->big_endian ? (elf->is64 ? 7 : 3) : 0;
	struct walk w = {};
	const char *p;
	int r;

	while ((r = next_section(elf, &w, &p)) > 0)
		if (has_versions(p))
			data[elf->sections + (uint64_t)w.i * section_entry(elf) + 8 + last] &=
				(unsigned char)~SECTION_FLAG_ALLOC;
	return r;
}

static int strip_vermagic(const struct elf *elf, unsigned char *data)
{
	size_t cursor = 0;
	const char *s;
	int r;

	while ((r = elf_modinfo_next(elf, &cursor, &s)) > 0)
		if (!strncmp(s, "vermagic=", 9))
			memset(data + ((const unsigned char *)s - elf->data), '\0', strlen(s));
	return r;
}

int elf_strip(void *data, size_t size, unsigned int what)
{
	struct elf elf;
	int r = elf_open(&elf, data, size);

	if (!r && what & ELF_STRIP_VERSIONS)
		r = strip_versions(&elf, data);
	if (!r && what & ELF_STRIP_VERMAGIC)
		r = strip_vermagic(&elf, data);
	return r;
}

int elf_sections_range(const void *head, size_t n_head, uint64_t size, struct elf_range *ret)
{
	struct elf elf = { .data = head, .size = n_head };
	int r = read_ident(&elf, head, n_head);
	uint64_t n;

	if (r < 0)
		return r;
	read_header(&elf);
	n = (uint64_t)elf.n_sections * section_entry(&elf);
	if (elf.sections > size || n > size - elf.sections)
		return -EBADMSG;
	*ret = (struct elf_range){ elf.sections, n };
	return 0;
}

int elf_symbol_ranges(const struct elf *elf, struct elf_range *symbols, struct elf_range *strings)
{
	struct section s, t;
	int r;

	r = find_symbols(elf, &s, &t);
	if (r <= 0)
		return r < 0 ? r : -ENODATA;
	*symbols = (struct elf_range){ s.offset, s.size };
	*strings = (struct elf_range){ t.offset, t.size };
	return 0;
}

int elf_names_range(const struct elf *elf, struct elf_range *ret)
{
	struct section s;

	if (!elf->n_sections)
		return 0;
	if (get_section(elf, elf->names, &s) < 0)
		return -EBADMSG;
	*ret = (struct elf_range){ s.offset, s.size };
	return 1;
}

int elf_section_range(const struct elf *elf, const char *name, struct elf_range *ret)
{
	struct section s;
	int r = find_section(elf, name, &s);

	if (r > 0)
		*ret = (struct elf_range){ s.offset, s.size };
	return r;
}

/* A note is its header, its owner's name and its contents, each filled up to four bytes. */
int elf_build_id(const struct elf *elf, const struct elf_range *notes, const unsigned char **id, size_t *n)
{
	uint64_t left = notes->size, at = notes->offset;

	while (left >= NOTE_HEADER) {
		uint64_t n_name = get(elf, at, 4), n_contents = get(elf, at + 4, 4);
		uint64_t contents = NOTE_HEADER + ((n_name + 3) & ~UINT64_C(3));
		uint64_t all = contents + ((n_contents + 3) & ~UINT64_C(3));

		if (contents > left || n_contents > left - contents)
			return 0;
		if (get(elf, at + 8, 4) == NOTE_BUILD_ID && n_name == 4 &&
		    !memcmp(elf->data + at + NOTE_HEADER, "GNU", 4)) {
			*id = elf->data + at + contents;
			*n = n_contents;
			return 1;
		}
		/* The last one need not be filled up. */
		all = all < left ? all : left;
		at += all;
		left -= all;
	}
	return 0;
}

int elf_kind(const void *data, size_t size, struct elf_kind *ret)
{
	struct elf elf = { .data = data, .size = size };
	int r = read_ident(&elf, data, size);

	if (r < 0)
		return r;
	*ret = (struct elf_kind){ .type = (unsigned int)get(&elf, 16, 2),
				  .machine = (unsigned int)get(&elf, 18, 2),
				  .is64 = elf.is64,
				  .big_endian = elf.big_endian };
	return 0;
}

const char *elf_machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} names[] = {
		{ 3, "i386" },	    { 8, "MIPS" },     { 20, "PowerPC" },    { 21, "PowerPC64" },
		{ 22, "S/390" },    { 40, "ARM" },     { 43, "SPARC" },	     { 62, "x86-64" },
		{ 183, "AArch64" }, { 243, "RISC-V" }, { 258, "LoongArch" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return NULL;
}

/* Whether the dynamic section in these bytes names a library: 1, 0, -EBADMSG. */
static int needs_library(const struct elf *elf, uint64_t offset, uint64_t size)
{
	unsigned int word = elf->is64 ? 8 : 4;

	if (!inside(elf, offset, size))
		return -EBADMSG;
	for (uint64_t at = 0; size - at >= 2 * word; at += 2 * word) {
		uint64_t tag = get(elf, offset + at, word);

		if (tag == DYNAMIC_END)
			return 0;
		if (tag == DYNAMIC_NEEDED)
			return 1;
	}
	return 0;
}

int elf_is_static(const void *data, size_t size)
{
	struct elf elf = { .data = data, .size = size };
	uint64_t at, n;
	unsigned int entry, type;
	int r = read_ident(&elf, data, size);

	if (r < 0)
		return r;
	type = (unsigned int)get(&elf, 16, 2);
	if (type != ET_EXECUTABLE && type != ET_SHARED)
		return -ENOEXEC;
	at = elf.is64 ? get(&elf, 32, 8) : get(&elf, 28, 4);
	entry = (unsigned int)get(&elf, elf.is64 ? 54 : 42, 2);
	n = get(&elf, elf.is64 ? 56 : 44, 2);
	if (entry != (elf.is64 ? 56 : 32) || !inside(&elf, at, n * entry))
		return -EBADMSG;
	for (; n; n--, at += entry) {
		type = (unsigned int)get(&elf, at, 4);
		r = type == SEGMENT_INTERPRETER ? 1 : 0;
		if (type == SEGMENT_DYNAMIC)
			r = elf.is64 ? needs_library(&elf, get(&elf, at + 8, 8), get(&elf, at + 32, 8))
				     : needs_library(&elf, get(&elf, at + 4, 4), get(&elf, at + 16, 4));
		if (r)
			return r < 0 ? r : 0;
	}
	return 1;
}
