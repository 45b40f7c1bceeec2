/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a kernel module's ELF file, 32 or 64 bits, either byte order. No offset is trusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_HEADER_MAX 64U   /* bytes of the larger of the two file headers */
#define ELF_VERSION_SIZE 64U /* of an entry of __versions: struct modversion_info of include/linux/module.h */

struct elf {
	const unsigned char *data;
	size_t size;
	bool is64;
	bool big_endian;
	uint64_t sections; /* offset of the section headers, which lie inside the file */
	uint32_t n_sections;
	uint32_t names;	  /* the section with the sections' names */
	uint32_t symbols; /* the section with the symbols, or 0 */
};

/* A piece of the file. */
struct elf_range {
	uint64_t offset;
	uint64_t size;
};

/* What is wrong with a file that begins with head and is size bytes long, from its header alone: not
 * ELF, no module, or cut short (its section headers lie past its end). NULL when nothing is. */
const char *elf_header_complaint(const void *head, size_t n_head, uint64_t size);

/* 0; -ENOEXEC: not ELF or no relocatable object; -EBADMSG: an offset leads out of the file. */
int elf_open(struct elf *ret, const void *data, size_t size);

/* The next string of .modinfo after *cursor (0 to begin). 1: *string is one, "key=value", NUL-terminated
 * inside the file; 0: no more; -EBADMSG. */
int elf_modinfo_next(const struct elf *elf, size_t *cursor, const char **string);

/* The symbol table, for those who look at all of it. */
struct elf_symbols {
	const struct elf *elf;
	size_t n; /* the first is no symbol */
	uint64_t symbols, strings, n_strings;
};

#define ELF_SECTION_UNDEFINED 0
#define ELF_SYMBOL_REGISTER 13 /* SPARC's: of a register */

struct elf_symbol {
	const char *name; /* NULL: it leads out of the file */
	unsigned int section;
	unsigned int type;
	bool weak;
};

static inline bool elf_symbol_is_undefined(const struct elf_symbol *s)
{
	return s->section == ELF_SECTION_UNDEFINED;
}

/* 1; 0: there is none; -EBADMSG. */
int elf_symbols_open(const struct elf *elf, struct elf_symbols *ret);
/* The symbol i, which is less than n. */
void elf_symbols_get(const struct elf_symbols *s, size_t i, struct elf_symbol *ret);

/* The next undefined symbol's name of the symbol table after *cursor (0 to begin). 1, 0, -EBADMSG as
 * above. */
int elf_undefined_next(const struct elf *elf, size_t *cursor, const char **name);

/* The next symbol that a module exports, as depmod finds them: those with a "__crc_NAME" among its symbols;
 * where there are none (a kernel without symbol versions) the strings of __ksymtab_strings. Two functions,
 * since only the caller knows whether the first has found any. 1, 0, -EBADMSG as above. */
int elf_crc_next(const struct elf *elf, size_t *cursor, const char **name);
int elf_ksymtab_next(const struct elf *elf, size_t *cursor, const char **name);
/* The version of the symbol at which elf_crc_next() has left the cursor; UINT64_MAX when its place is
 * outside. */
uint64_t elf_crc_value(const struct elf *elf, size_t cursor);
/* The next symbol that a module needs, with the version that it must have. 1, 0, -EBADMSG as above; -ENODATA:
 * the module was built without versions. */
int elf_version_next(const struct elf *elf, size_t *cursor, uint64_t *crc, const char **name);

/* Entry i of a section __versions, which is within the file. 1 or -EBADMSG. */
int elf_version_get(const struct elf *elf, const struct elf_range *versions, size_t i, uint64_t *crc,
		    const char **name);

/* Hides from the kernel, in place, what says for which kernel a module was built. 0; -ENOEXEC, -EBADMSG as
 * above. */
enum elf_strip { ELF_STRIP_VERSIONS = 1, ELF_STRIP_VERMAGIC = 2 };
int elf_strip(void *data, size_t size, unsigned int what);

/* For whom a file is. */
struct elf_kind {
	unsigned int type;    /* ET_REL and so on */
	unsigned int machine; /* EM_X86_64 and so on */
	bool is64;
	bool big_endian;
};

/* 0; -ENOEXEC: not ELF; -EBADMSG: it ends inside its header. */
int elf_kind(const void *data, size_t size, struct elf_kind *ret);
/* "x86-64"; NULL for one that has no name here. */
const char *elf_machine_name(unsigned int machine);
/* Whether a program runs without other files: 1: it has neither an interpreter nor a needed library, as
 * static programs and static-pie ones; 0: it has; -ENOEXEC: no program; -EBADMSG: an offset leads out of
 * the file. */
int elf_is_static(const void *data, size_t size);

/* For a reader that has only the file's header: where its section headers lie. 0, -ENOEXEC, -EBADMSG. */
int elf_sections_range(const void *head, size_t n_head, uint64_t size, struct elf_range *ret);
/* And where what elf_undefined_next() looks at lies. Needs the header and the section headers in place.
 * 0, -EBADMSG; -ENODATA: it has no symbols. */
int elf_symbol_ranges(const struct elf *elf, struct elf_range *symbols, struct elf_range *strings);

/* For a reader that has only the header and the section headers in place: where the sections' names lie,
 * and with these in place too where the first section of a name lies. 1; 0: there is none; -EBADMSG. */
int elf_names_range(const struct elf *elf, struct elf_range *ret);
int elf_section_range(const struct elf *elf, const char *name, struct elf_range *ret);
/* The build id among the notes in a range, which are in place: *id is n bytes of the file. 1; 0: there is
 * none, or the notes lead out of the range. */
int elf_build_id(const struct elf *elf, const struct elf_range *notes, const unsigned char **id, size_t *n);
