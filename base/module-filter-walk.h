/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order in which a module's bytes go to their streams, for both directions: base/module-filter.c takes
 * the bytes from the streams and writes the module, base/module-filter-apply.c reads the module and fills
 * the streams. Each defines struct stream and the functions declared below, and then runs the same walk,
 * so that one cannot contradict the other. docs/MODULE-FILTER.md describes the streams.
 *
 * A walk predicts a value from what comes before it in the walk, and codes the difference as a number of
 * 7-bit digits. What predicts is always read from the image: when a module is written it must have been
 * written before. The side that applies does not have to prove that; it undoes its result and compares.
 *
 * Sections may overlap in a hostile file, and so the walk may overwrite what it is about to read, the
 * section headers even. Therefore nothing that was checked is read a second time; each number takes a byte
 * of a stream or ends the walk, and what is read back without one is charged to a budget, which together
 * bound the time.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TYPE_SYMTAB 2
#define TYPE_RELA 4
#define TYPE_NOBITS 8
#define TYPE_REL 9
#define SYMBOL_FUNCTION 2
#define VERSION_ENTRY 64U
#define BTF_HEADER 24U

/* The streams, in their order in the data. Contents of one kind lie side by side. */
enum {
	STREAM_CONTROL,
	STREAM_CLASSES,
	STREAM_HEADERS,
	STREAM_SIZES,
	STREAM_NAMES,
	STREAM_REST,
	/* Contents as they are. */
	STREAM_TEXT,
	STREAM_DATA,
	STREAM_STRINGS,
	STREAM_STRTAB,
	STREAM_MODINFO,
	STREAM_ORC,
	STREAM_THIS_MODULE,
	STREAM_VERSIONS,
	STREAM_SYMBOL_NAME,
	STREAM_SYMBOL_INFO,
	STREAM_SYMBOL_SECTION,
	STREAM_SYMBOL_VALUE,
	STREAM_SYMBOL_SIZE,
	/* Four each: offset, type, symbol, addend. */
	STREAM_RELOC_TEXT,
	STREAM_RELOC_ORC = STREAM_RELOC_TEXT + 4,
	STREAM_RELOC_DATA = STREAM_RELOC_ORC + 4,
	STREAM_BTF_HEADER = STREAM_RELOC_DATA + 4,
	STREAM_BTF_INFO,
	STREAM_BTF_NAME,
	STREAM_BTF_TYPE,
	STREAM_BTF_MEMBER_NAME,
	STREAM_BTF_MEMBER_TYPE,
	STREAM_BTF_OFFSET,
	STREAM_BTF_VALUE,
	STREAM_BTF_PARAMETER,
	STREAM_BTF_STRINGS,
	STREAMS,
};

/* What a section's contents are; one byte a section in STREAM_CLASSES. The classes of contents that are
 * taken as they are have the numbers of their streams. */
#define CLASS_NONE 0
#define CLASS_VERSIONS STREAM_VERSIONS
#define CLASS_STRTAB STREAM_STRTAB
#define CLASS_SYMTAB 32
#define CLASS_BTF 33
#define CLASS_RELOC_TEXT 34
#define CLASS_RELOC_ORC 35
#define CLASS_RELOC_DATA 36
#define CLASS_RELOC_SITES 37
#define CLASS_MASK 0x3f
/* Where a relocation is applied the section has zeros, which are left out: the section is walked with
 * its relocations. On a section of relocations: it does so; on one of contents: wait for it. */
#define CLASS_FILLS 0x40
#define CLASS_FILLED 0x80

_Static_assert(STREAMS == MODULE_FILTER_STREAMS, "as the header says");

#define CONTROL_64 1
#define CONTROL_BIG_ENDIAN 2
#define CONTROL_X86_CALLS 4
#define CONTROL_KNOWN 7

#define READ_BACK 4U /* how often a byte of the image is read back, on the average: a bound */
#define ADDENDS 1024U
#define VALUES 256U
#define WIDTHS 512U

struct section {
	uint32_t type;
	uint32_t link;
	uint32_t info;
	uint64_t offset;
	uint64_t size;
};

struct walk {
	uint8_t *image; /* the module */
	size_t size;
	struct stream streams[STREAMS];
	const uint8_t *classes;
	uint64_t sections; /* where their headers lie */
	uint32_t n_sections;
	uint32_t names;	   /* the section with the sections' names; only where the filter is applied */
	unsigned int word; /* bytes of an address: 8 or 4 */
	bool big_endian;
	bool x86_calls;
	bool bad;
	uint64_t budget;	   /* bytes that may still be read back */
	uint8_t widths[WIDTHS];	   /* bytes that a relocation of this type leaves zero */
	uint64_t addends[ADDENDS]; /* the last one of this symbol and type */
	uint64_t values[VALUES];   /* the last symbol's end in this section */
	struct section versions;   /* once it has been walked */
	uint64_t version_at;	   /* the one whose name has not yet been seen among the symbols' */
};

/* ---- what each side defines ---- */

/* Writes the code to a stream, or takes one from there. Returns it. */
static inline uint64_t code(struct walk *w, unsigned int stream, uint64_t value);
/* n bytes of the image, which are inside. */
static void bytes(struct walk *w, unsigned int stream, uint64_t at, uint64_t n);
/* A string of at most n bytes, up to its NUL. Returns how many those are. */
static uint64_t string(struct walk *w, unsigned int stream, uint64_t at, uint64_t n);
/* Which of the next names of __versions a string of at most n bytes is, 1 being the next; 0: none of
 * them. */
static uint8_t mark(struct walk *w, unsigned int stream, uint64_t at, uint64_t n);
/* Writes n bytes where the image is written. */
static void copy(struct walk *w, uint64_t at, const uint8_t *from, uint64_t n);
/* Instructions of a section between two relocations, whose calls are made absolute. */
static void instructions(struct walk *w, unsigned int stream, const struct section *s, uint64_t from,
			 uint64_t n);
/* Writes a value where the image is written. */
static inline void store(struct walk *w, uint64_t at, unsigned int width, uint64_t v);
/* The section of relocations, and the symbol in it, that the places in this one belong to. */
static void sites_of(struct walk *w, const struct section *s, uint32_t *source, uint32_t *symbol);
/* The numbers from which the module's own strings and types count. */
static void btf_bases(struct walk *w, const struct section *s, uint32_t *strings, uint32_t *types);

/* ---- values ---- */

/* For what is walked most: compiled once for each size of a word. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

static inline uint64_t load(const struct walk *w, uint64_t at, unsigned int width)
{
	const uint8_t *p = w->image + at;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	if (width == 8) {
		memcpy(&v64, p, 8);
		return w->big_endian ? be64toh(v64) : le64toh(v64);
	}
	if (width == 4) {
		memcpy(&v32, p, 4);
		return w->big_endian ? be32toh(v32) : le32toh(v32);
	}
	if (width == 2) {
		memcpy(&v16, p, 2);
		return w->big_endian ? be16toh(v16) : le16toh(v16);
	}
	return *p;
}

/* Small numbers of either sign become small numbers. */
static inline uint64_t fold(uint64_t v)
{
	return v << 1 ^ (v >> 63 ? UINT64_MAX : 0);
}

static inline uint64_t unfold(uint64_t v)
{
	return v >> 1 ^ (v & 1 ? UINT64_MAX : 0);
}

/* A value by its difference from the predicted one, modulo its width. */
static inline uint64_t truncate_to(uint64_t v, unsigned int width)
{
	return width == 8 ? v : v & ((1ULL << 8 * width) - 1);
}

static inline uint64_t sign_extend(uint64_t v, unsigned int width)
{
	return width == 8 ? v : (v ^ 1ULL << (8 * width - 1)) - (1ULL << (8 * width - 1));
}

static ALWAYS_INLINE uint64_t difference(struct walk *w, unsigned int stream, uint64_t at, unsigned int width,
					 uint64_t predicted)
{
	uint64_t v = truncate_to(load(w, at, width) - predicted, width);

	v = unfold(code(w, stream, fold(sign_extend(v, width))));
	v = truncate_to(v + predicted, width);
	store(w, at, width, v);
	return v;
}

/* The same when it hardly ever is less. */
static ALWAYS_INLINE uint64_t increase(struct walk *w, unsigned int stream, uint64_t at, unsigned int width,
				       uint64_t predicted)
{
	uint64_t v = code(w, stream, truncate_to(load(w, at, width) - predicted, width));

	v = truncate_to(v + predicted, width);
	store(w, at, width, v);
	return v;
}

static inline uint64_t number(struct walk *w, unsigned int stream, uint64_t at, unsigned int width)
{
	return increase(w, stream, at, width, 0);
}

/* ---- section headers ---- */

/* Where a header's fields are. */
struct header_layout {
	uint8_t size, flags, address, offset, length, link, info, align, entry;
};

static inline const struct header_layout *header_layout(const struct walk *w)
{
	static const struct header_layout of64 = { 64, 8, 16, 24, 32, 40, 44, 48, 56 };
	static const struct header_layout of32 = { 40, 8, 12, 16, 20, 24, 28, 32, 36 };

	return w->word == 8 ? &of64 : &of32;
}

/* False: its contents are not inside. */
static bool read_section(const struct walk *w, uint32_t i, struct section *s)
{
	const struct header_layout *h = header_layout(w);
	uint64_t at = w->sections + (uint64_t)i * h->size;

	if (i >= w->n_sections)
		return false;
	s->type = (uint32_t)load(w, at + 4, 4);
	s->link = (uint32_t)load(w, at + h->link, 4);
	s->info = (uint32_t)load(w, at + h->info, 4);
	s->offset = load(w, at + h->offset, w->word);
	s->size = load(w, at + h->length, w->word);
	return s->type != TYPE_NOBITS && s->offset <= w->size && s->size <= w->size - s->offset;
}

/* The ends of what lies one after the other: contents, and behind all of them the relocations. */
struct ends {
	uint64_t contents;
	uint64_t relocations;
};

static void walk_header(struct walk *w, uint32_t i, struct ends *ends, uint64_t *name)
{
	const struct header_layout *h = header_layout(w);
	uint64_t at = w->sections + (uint64_t)i * h->size, align, offset, length;
	uint32_t type = (uint32_t)number(w, STREAM_HEADERS, at + 4, 4);
	bool relocations = type == TYPE_RELA || type == TYPE_REL;
	uint64_t *end = relocations ? &ends->relocations : &ends->contents;

	number(w, STREAM_HEADERS, at + h->flags, w->word);
	number(w, STREAM_HEADERS, at + h->address, w->word);
	align = number(w, STREAM_HEADERS, at + h->align, w->word);
	number(w, STREAM_HEADERS, at + h->entry, w->word);
	/* The last three are the symbols, their names and the sections' names. */
	difference(w, STREAM_HEADERS, at + h->link, 4,
		   relocations			 ? w->n_sections - 3
			   : type == TYPE_SYMTAB ? i + 1
						 : 0);
	difference(w, STREAM_HEADERS, at + h->info, 4, relocations ? i - 1 : 0);
	offset = align > 1 ? (*end + align - 1) / align * align : *end;
	offset = difference(w, STREAM_HEADERS, at + h->offset, w->word, offset);
	length = number(w, STREAM_SIZES, at + h->length, w->word);
	if (type != TYPE_NOBITS)
		*end = offset + length;
	*name = difference(w, STREAM_NAMES, at, 4, *name);
}

static void walk_headers(struct walk *w)
{
	struct ends ends = { .contents = w->word == 8 ? 64 : 52 };
	uint64_t name = 0;

	for (uint32_t i = 0; i < w->n_sections && !w->bad; i++)
		walk_header(w, i, &ends, &name);
}

/* ---- symbols ---- */

/* Names follow each other in the order of the symbols, but for those that are the end of an earlier one. */
static inline uint64_t name_code(uint32_t name, uint32_t next)
{
	if (name == next)
		return 0;
	return name ? fold((uint64_t)name - next) + 2 : 1;
}

static inline uint32_t name_of_code(uint64_t c, uint32_t next)
{
	if (c < 2)
		return c ? 0 : next;
	return (uint32_t)(unfold(c - 2) + next);
}

static void spend(struct walk *w, uint64_t n)
{
	w->bad |= n > w->budget;
	w->budget -= w->bad ? 0 : n;
}

/* Where the string behind this one begins, of those in a range of the image. */
static uint32_t behind(struct walk *w, const struct section *strings, uint32_t name)
{
	const uint8_t *p = w->image + strings->offset;
	const uint8_t *nul = memchr(p + name, '\0', strings->size - name);
	uint64_t next = nul ? (uint64_t)(nul - p) + 1 : strings->size;

	spend(w, next - name);
	return (uint32_t)next;
}

static uint32_t walk_symbol_name(struct walk *w, uint64_t at, const struct section *strings, uint32_t next)
{
	uint32_t name = (uint32_t)load(w, at, 4);

	name = name_of_code(code(w, STREAM_SYMBOL_NAME, name_code(name, next)), next);
	store(w, at, 4, name);
	return name >= next && name < strings->size ? behind(w, strings, name) : next;
}

static void walk_symbol(struct walk *w, uint64_t at)
{
	uint64_t tail = at + (w->word == 8 ? 4 : 12), value = at + (w->word == 8 ? 8 : 4);
	uint64_t info = number(w, STREAM_SYMBOL_INFO, tail, 1) & 0xf, *last, v;

	number(w, STREAM_SYMBOL_INFO, tail + 1, 1);
	last = &w->values[number(w, STREAM_SYMBOL_SECTION, tail + 2, 2) % VALUES];
	v = difference(w, STREAM_SYMBOL_VALUE, value, w->word, *last);
	v += number(w, STREAM_SYMBOL_SIZE, value + w->word, w->word);
	*last = info == SYMBOL_FUNCTION ? (v + 15) & ~15ULL : v;
}

static void walk_symbols(struct walk *w, const struct section *s)
{
	unsigned int entry = w->word == 8 ? 24 : 16;
	struct section strings;
	uint32_t next = 1;

	w->bad |= s->size % entry || !read_section(w, s->link, &strings);
	for (uint64_t at = 0; at < s->size && !w->bad; at += entry) {
		next = walk_symbol_name(w, s->offset + at, &strings, next);
		walk_symbol(w, s->offset + at);
	}
}

static void walk_versions(struct walk *w, const struct section *s)
{
	/* The four bytes of a checksum that stands in a long. */
	unsigned int low = w->big_endian ? w->word - 4 : 0;

	w->bad |= s->size % VERSION_ENTRY != 0;
	for (uint64_t at = s->offset; at < s->offset + s->size && !w->bad; at += VERSION_ENTRY) {
		bytes(w, STREAM_VERSIONS, at + low, 4);
		string(w, STREAM_VERSIONS, at + w->word, VERSION_ENTRY - w->word);
	}
	w->versions = *s;
}

/* The names of undefined symbols come in the order of __versions, and stand there already: a byte
 * instead of the name says how many are passed over, 1 meaning none, for those that are the end of
 * another string. */
#define VERSIONS_AHEAD 16U

/* A version's name with its NUL, so many ahead; 0: there is none. */
static inline uint64_t version_name(const struct walk *w, unsigned int ahead, const uint8_t **name)
{
	uint64_t at = w->version_at + ahead * VERSION_ENTRY;

	if (at >= w->versions.size)
		return 0;
	*name = w->image + w->versions.offset + at + w->word;
	return strnlen((const char *)*name, VERSION_ENTRY - w->word - 1) + 1;
}

static uint64_t walk_string(struct walk *w, uint64_t at, uint64_t left)
{
	uint8_t byte = mark(w, STREAM_STRTAB, at, left);
	const uint8_t *name;
	uint64_t n;

	if (!byte)
		return string(w, STREAM_STRTAB, at, left);
	n = version_name(w, byte - 1U, &name);
	w->bad |= !n || n > left;
	if (w->bad)
		return 0;
	copy(w, at, name, n);
	w->version_at += byte * VERSION_ENTRY;
	return n;
}

static void walk_strings(struct walk *w, const struct section *s)
{
	for (uint64_t at = 0; at < s->size && !w->bad;)
		at += walk_string(w, s->offset + at, s->size - at);
}

/* ---- relocations ---- */

static inline unsigned int relocation_size(const struct walk *w, const struct section *s)
{
	return w->word * (s->type == TYPE_RELA ? 3 : 2);
}

/* The type's place in a 64-bit entry; the symbol has the other half. */
static inline unsigned int type_at(const struct walk *w)
{
	return w->big_endian ? 12 : 8;
}

static inline uint32_t relocation_type(const struct walk *w, uint64_t at)
{
	return (uint32_t)(w->word == 8 ? load(w, at + type_at(w), 4) : load(w, at + 4, 4) & 0xff);
}

static inline uint64_t relocation_width(const struct walk *w, uint64_t at)
{
	return w->widths[relocation_type(w, at) % WIDTHS];
}

/* An ELF32 symbol with its type, which is as good to tell them apart. */
static inline uint32_t relocation_symbol(const struct walk *w, uint64_t at)
{
	return (uint32_t)load(w, at + (w->word == 8 ? 20 - type_at(w) : 4), 4);
}

/*
 * Sections like __mcount_loc list the places where one function is called, in ascending order: an addend
 * is the offset of a relocation with that symbol, less the byte of the instruction.
 */
struct sites {
	struct section source;
	uint64_t at;
	uint32_t symbol;
	uint32_t first; /* the symbol of the section where they are */
	uint64_t next;	/* the least place that may come */
};

static void open_sites(struct walk *w, const struct section *s, struct sites *sites)
{
	uint32_t source = 0;

	sites_of(w, s, &source, &sites->symbol);
	w->bad |= !read_section(w, source, &sites->source) || sites->source.type != TYPE_RELA ||
		sites->source.size % relocation_size(w, &sites->source);
	spend(w, w->bad ? 0 : sites->source.size);
}

static uint64_t next_site(struct walk *w, struct sites *sites, uint64_t otherwise)
{
	unsigned int entry = relocation_size(w, &sites->source);
	uint64_t at, place;

	while (sites->at < sites->source.size) {
		at = sites->source.offset + sites->at;
		sites->at += entry;
		place = load(w, at, w->word) - 1;
		if (relocation_symbol(w, at) == sites->symbol && place >= sites->next)
			return place;
	}
	return otherwise;
}

static ALWAYS_INLINE void walk_relocation(struct walk *w, const struct section *s, unsigned int stream,
					  uint64_t at, struct sites *sites, unsigned int word)
{
	uint32_t type = 0, symbol;
	uint64_t *last, predicted;

	if (word == 8)
		type = (uint32_t)number(w, stream + 1, at + type_at(w), 4);
	symbol = (uint32_t)number(w, stream + 2, at + (word == 8 ? 20 - type_at(w) : 4), 4);
	if (s->type != TYPE_RELA)
		return;
	last = &w->addends[(symbol * 31 + type) % ADDENDS];
	predicted = *last;
	if (sites && !sites->next)
		sites->first = symbol;
	if (sites && sites->first == symbol)
		predicted = next_site(w, sites, predicted);
	*last = difference(w, stream + 3, at + 2 * word, word, predicted);
	if (sites && sites->first == symbol)
		sites->next = *last + 1;
}

static ALWAYS_INLINE void walk_entries(struct walk *w, const struct section *s, unsigned int stream,
				       struct sites *sites, unsigned int word)
{
	unsigned int entry = word * (s->type == TYPE_RELA ? 3 : 2);
	uint64_t offset = 0;

	for (uint64_t at = s->offset; at < s->offset + s->size && !w->bad; at += entry) {
		offset = increase(w, stream, at, word, offset);
		walk_relocation(w, s, stream, at, sites, word);
	}
}

static void walk_relocations(struct walk *w, const struct section *s, unsigned int stream, bool with_sites)
{
	unsigned int entry = relocation_size(w, s);
	struct sites sites = {};

	w->bad |= s->size % entry != 0;
	if (with_sites && !w->bad)
		open_sites(w, s, &sites);
	if (with_sites)
		walk_entries(w, s, stream, &sites, w->word);
	else if (w->word == 8)
		walk_entries(w, s, stream, NULL, 8);
	else
		walk_entries(w, s, stream, NULL, 4);
}

/*
 * The operands of calls and jumps within x86's .text: places in the section instead of distances, so that
 * calls of one function look alike. Places outside keep their distance, and so that both stay apart, the
 * distances that would be taken for places are moved into the gap: the range [-at, size) is mapped on
 * itself, as in CAB files.
 */
static inline bool x86_branch(const uint8_t *p, uint64_t i, uint64_t first)
{
	return p[i] == 0xe8 || p[i] == 0xe9 || (i > first && p[i - 1] == 0x0f && (p[i] & 0xf0) == 0x80);
}

/* Bit 7 of the first byte that is zero, counted from the lowest, and perhaps of others behind it. */
static inline uint64_t zero_bytes(uint64_t v)
{
	return (v - 0x0101010101010101) & ~v & 0x8080808080808080;
}

/* How many of 8 bytes are in front of the first with which an instruction of a branch may begin. Most have
 * none. */
static inline unsigned int x86_skip(const uint8_t *p)
{
	uint64_t v, found;

	memcpy(&v, p, 8);
	v = le64toh(v);
	found = zero_bytes((v | 0x0101010101010101) ^ 0xe9e9e9e9e9e9e9e9) |
		zero_bytes(v ^ 0x0f0f0f0f0f0f0f0f);
	return found ? (unsigned int)__builtin_ctzll(found) / 8 : 8;
}

static inline int64_t x86_place(int64_t v, int64_t at, int64_t size, bool absolute)
{
	if (v < -at || v >= size)
		return v;
	if (absolute)
		return v < size - at ? v + at : v - size;
	return v >= 0 ? v - at : v + size;
}

/* An operand is never looked at again, changed or not: in the other direction it has other bytes. */
static void x86_calls(uint8_t *p, uint64_t n, uint64_t from, uint64_t size, bool absolute)
{
	uint64_t first = 0;
	unsigned int skip;
	uint32_t word;

	if (size > INT32_MAX)
		return;
	for (uint64_t i = 0; i + 5 <= n; i++) {
		/* The byte before is no longer looked at where some were passed over. */
		while (i + 8 <= n && (i == first || p[i - 1] != 0x0f) && (skip = x86_skip(p + i)))
			i += skip;
		if (i + 5 > n || !x86_branch(p, i, first))
			continue;
		memcpy(&word, p + i + 1, 4);
		word = htole32((uint32_t)x86_place((int32_t)le32toh(word), (int64_t)(from + i + 5),
						   (int64_t)size, absolute));
		memcpy(p + i + 1, &word, 4);
		i += 4;
		first = i + 1;
	}
}

static void walk_run(struct walk *w, uint8_t class, const struct section *s, uint64_t from, uint64_t n)
{
	if (class == STREAM_TEXT && w->x86_calls)
		instructions(w, class, s, from, n);
	else
		bytes(w, class, s->offset + from, n);
}

/* The contents of a section between its relocations. */
static void walk_filled(struct walk *w, const struct section *relocations)
{
	uint8_t class = relocations->info < w->n_sections ? w->classes[relocations->info] : 0;
	uint64_t done = 0, offset, width;
	unsigned int entry = relocation_size(w, relocations);
	struct section s;

	w->bad |= !(class & CLASS_FILLED) || !read_section(w, relocations->info, &s);
	class &= CLASS_MASK;
	w->bad |= class < STREAM_TEXT || class >= STREAM_VERSIONS || relocations->size % entry;
	spend(w, relocations->size);
	if (w->bad)
		return;
	for (uint64_t at = 0; at < relocations->size && !w->bad; at += entry) {
		offset = load(w, relocations->offset + at, w->word);
		width = relocation_width(w, relocations->offset + at);
		if (offset < done || offset > s.size || width > s.size - offset)
			continue;
		walk_run(w, class, &s, done, offset - done);
		done = offset + width;
	}
	if (!w->bad)
		walk_run(w, class, &s, done, s.size - done);
}

/* ---- BTF: include/uapi/linux/btf.h ---- */

enum btf_field { BTF_END, BTF_NAME, BTF_TYPE, BTF_OFFSET, BTF_VALUE };

struct btf_kind {
	bool size;   /* the type's last word is a size and not another type */
	bool vlen;   /* it says how many rows follow, or how a function is linked */
	uint8_t row; /* bytes of a row */
	uint8_t fields[3];
};

#define BTF_KINDS 20
#define BTF_INT 1
#define BTF_PROTO 13

static const struct btf_kind btf_kinds[BTF_KINDS] = {
	[BTF_INT] = { .size = true, .row = 4, .fields = { BTF_VALUE } },
	[2] = {},
	[3] = { .row = 12, .fields = { BTF_TYPE, BTF_TYPE, BTF_VALUE } },
	[4] = { .size = true, .vlen = true, .row = 12, .fields = { BTF_NAME, BTF_TYPE, BTF_OFFSET } },
	[5] = { .size = true, .vlen = true, .row = 12, .fields = { BTF_NAME, BTF_TYPE, BTF_OFFSET } },
	[6] = { .size = true, .vlen = true, .row = 8, .fields = { BTF_NAME, BTF_VALUE } },
	[12] = { .vlen = true },
	[BTF_PROTO] = { .vlen = true, .row = 8, .fields = { BTF_NAME, BTF_TYPE } },
	[14] = { .row = 4, .fields = { BTF_VALUE } },
	[15] = { .size = true, .vlen = true, .row = 12, .fields = { BTF_TYPE, BTF_OFFSET, BTF_VALUE } },
	[16] = { .size = true },
	[17] = { .row = 4, .fields = { BTF_VALUE } },
	[19] = { .size = true, .vlen = true, .row = 12, .fields = { BTF_NAME, BTF_VALUE, BTF_VALUE } },
};

/* How many rows follow a type. */
static inline uint32_t btf_rows(const struct btf_kind *kind, uint32_t info)
{
	if (!kind->row)
		return 0;
	return kind->vlen ? info & 0xffff : 1;
}

struct btf_walk {
	struct section strings;
	uint32_t first_string; /* names below are the kernel's own */
	uint32_t first_type;   /* and types */
	uint32_t next;	       /* the name that comes next, if it is a new one */
	uint32_t id;
};

/* A name: the next new one, one of the kernel's, or an earlier one of the module's. */
static void walk_btf_name(struct walk *w, struct btf_walk *b, unsigned int stream, uint64_t at)
{
	uint32_t name = (uint32_t)load(w, at, 4);
	uint64_t c =
		(uint64_t)(name < b->first_string ? name : b->next - name) << 1 | (name >= b->first_string);

	if (!name)
		c = 0;
	c = code(w, stream, c);
	name = (uint32_t)(c & 1 ? b->next - (c >> 1) : c >> 1);
	store(w, at, 4, name);
	if (name >= b->next && name - b->first_string < b->strings.size)
		b->next = b->first_string + behind(w, &b->strings, name - b->first_string);
}

/* A type: one of the kernel's, or by the distance to one of the module's. */
static void walk_btf_type(struct walk *w, struct btf_walk *b, unsigned int stream, uint64_t at)
{
	uint32_t type = (uint32_t)load(w, at, 4), self = b->first_type + b->id;
	uint64_t c = type <= b->first_type
		? (uint64_t)type << 1
		: fold(sign_extend(truncate_to((uint64_t)type - self, 4), 4)) << 1 | 1;

	c = code(w, stream, c);
	store(w, at, 4, c & 1 ? unfold(c >> 1) + self : c >> 1);
}

static void walk_btf_rows(struct walk *w, struct btf_walk *b, const struct btf_kind *kind, uint64_t at,
			  uint32_t n)
{
	unsigned int name = kind == &btf_kinds[BTF_PROTO] ? STREAM_BTF_PARAMETER : STREAM_BTF_MEMBER_NAME;
	uint64_t offset = 0, value = 0;

	for (uint32_t i = 0; i < n && !w->bad; i++)
		for (unsigned int k = 0; k < kind->row / 4U; k++, at += 4) {
			if (kind->fields[k] == BTF_NAME)
				walk_btf_name(w, b, name, at);
			else if (kind->fields[k] == BTF_TYPE)
				walk_btf_type(w, b, STREAM_BTF_MEMBER_TYPE, at);
			else if (kind->fields[k] == BTF_OFFSET)
				offset = difference(w, STREAM_BTF_OFFSET, at, 4, offset);
			else
				value = difference(w, STREAM_BTF_VALUE, at, 4, value);
		}
}

/* Returns the bytes of the type at this place, before the end of all. */
static uint64_t walk_btf_one(struct walk *w, struct btf_walk *b, uint64_t at, uint64_t left)
{
	uint32_t info = (uint32_t)load(w, at + 4, 4), kind, rows;
	const struct btf_kind *k;

	kind = (uint32_t)code(w, STREAM_BTF_INFO, info >> 24);
	k = &btf_kinds[(kind & 0x1f) < BTF_KINDS ? kind & 0x1f : 0];
	info = kind << 24 | (k->vlen ? (uint32_t)code(w, STREAM_BTF_INFO, info & 0xffff) : 0);
	rows = btf_rows(k, info);
	store(w, at + 4, 4, info);
	walk_btf_name(w, b, STREAM_BTF_NAME, at);
	if (k->size)
		number(w, STREAM_BTF_TYPE, at + 8, 4);
	else
		walk_btf_type(w, b, STREAM_BTF_TYPE, at + 8);
	w->bad |= (uint64_t)rows * k->row > left - 12;
	if (!w->bad)
		walk_btf_rows(w, b, k, at + 12, rows);
	return 12 + (uint64_t)rows * k->row;
}

/* The types are behind the header, the strings behind the types. */
static void walk_btf(struct walk *w, const struct section *s)
{
	struct btf_walk b = { .id = 1 };
	uint64_t types, at, end;

	w->bad |= s->size < BTF_HEADER;
	if (w->bad)
		return;
	bytes(w, STREAM_BTF_HEADER, s->offset, BTF_HEADER);
	btf_bases(w, s, &b.first_string, &b.first_type);
	types = load(w, s->offset + 12, 4);
	w->bad |= types > s->size - BTF_HEADER;
	if (w->bad)
		return;
	at = s->offset + BTF_HEADER;
	end = at + types;
	b.strings = (struct section){ .offset = end, .size = s->offset + s->size - end };
	bytes(w, STREAM_BTF_STRINGS, end, b.strings.size);
	/* The first string of all is the empty one, which nobody names. */
	b.next = b.first_string ? b.first_string : 1;
	for (; end - at >= 12 && !w->bad; b.id++)
		at += walk_btf_one(w, &b, at, end - at);
	w->bad |= at != end;
}

/* ---- all of them ---- */

/* One section, if it is its turn: strings come before what refers to them, and relocations before what
 * they fill. */
enum turn { TURN_CONTENTS, TURN_TABLES, TURN_FILLED, TURNS };

static enum turn turn_of(uint8_t class)
{
	return class >= STREAM_TEXT && class <= STREAM_VERSIONS ? TURN_CONTENTS : TURN_TABLES;
}

static void walk_contents(struct walk *w, uint8_t class, const struct section *s)
{
	if (class == CLASS_VERSIONS)
		walk_versions(w, s);
	else if (class == CLASS_STRTAB)
		walk_strings(w, s);
	else
		walk_run(w, class, s, 0, s->size);
}

static void walk_table(struct walk *w, uint8_t class, const struct section *s)
{
	if (class == CLASS_SYMTAB)
		walk_symbols(w, s);
	else if (class >= CLASS_RELOC_TEXT && class <= CLASS_RELOC_DATA)
		walk_relocations(w, s, STREAM_RELOC_TEXT + 4 * (unsigned int)(class - CLASS_RELOC_TEXT),
				 false);
	else if (class == CLASS_RELOC_SITES)
		walk_relocations(w, s, STREAM_RELOC_ORC, true);
	else if (class == CLASS_BTF)
		walk_btf(w, s);
	else
		w->bad = true;
}

static void walk_section(struct walk *w, uint32_t i, enum turn turn)
{
	uint8_t class = w->classes[i] & CLASS_MASK;
	enum turn when = turn_of(class);
	struct section s;

	if (turn == TURN_FILLED ? !(w->classes[i] & CLASS_FILLS)
				: turn != when || w->classes[i] & CLASS_FILLED)
		return;
	if (class == CLASS_NONE)
		return;
	if (!read_section(w, i, &s))
		w->bad = true;
	else if (turn == TURN_CONTENTS)
		walk_contents(w, class, &s);
	else if (turn == TURN_TABLES)
		walk_table(w, class, &s);
	else
		walk_filled(w, &s);
}

static void walk_sections(struct walk *w)
{
	walk_headers(w);
	for (int turn = 0; turn < TURNS; turn++)
		for (uint32_t i = 0; i < w->n_sections && !w->bad; i++)
			walk_section(w, i, (enum turn)turn);
}
