/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/elf.h"

/* A module made here, in any of the four shapes: sections 0, .modinfo, .symtab, .strtab, .shstrtab. */
struct shape {
	bool is64;
	bool big_endian;
};

static const struct shape shapes[] = { { true, false }, { false, false }, { true, true }, { false, true } };

static const char modinfo[] = "license=GPL\0\0\0alias=pci:v*\0empty=\0noequals";
static const char names[] = "\0.modinfo\0.symtab\0.strtab\0.shstrtab";
static const char symbols[] = "\0mine\0theirs\0others";

struct module {
	struct shape shape;
	unsigned char bytes[1024];
	size_t size;
	size_t sections;
};

static void put(struct module *m, size_t at, uint64_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		m->bytes[at + i] = (unsigned char)(value >> 8 * (m->shape.big_endian ? n - 1 - i : i));
}

static void put_symbol(struct module *m, size_t at, uint32_t name, uint16_t section)
{
	put(m, at, name, 4);
	put(m, at + (m->shape.is64 ? 6 : 14), section, 2);
}

static void put_section(struct module *m, unsigned int i, uint32_t name, uint32_t type, size_t offset,
			uint64_t size, uint32_t link, size_t entry)
{
	bool w = m->shape.is64;
	size_t at = m->sections + i * (w ? 64 : 40);

	put(m, at, name, 4);
	put(m, at + 4, type, 4);
	put(m, at + (w ? 24 : 16), offset, w ? 8 : 4);
	put(m, at + (w ? 32 : 20), size, w ? 8 : 4);
	put(m, at + (w ? 40 : 24), link, 4);
	put(m, at + (w ? 56 : 36), entry, w ? 8 : 4);
}

static void make(struct module *m, struct shape shape)
{
	bool w = shape.is64;
	size_t header = w ? 64 : 52, entry = w ? 24 : 16;
	size_t info = header, table = info + 64, strings = table + 4 * entry, shstr = strings + 32;

	*m = (struct module){ .shape = shape, .sections = shstr + 64 };
	memcpy(m->bytes, "\177ELF", 4);
	m->bytes[4] = w ? 2 : 1;
	m->bytes[5] = shape.big_endian ? 2 : 1;
	put(m, 16, 1, 2);
	put(m, w ? 40 : 32, m->sections, w ? 8 : 4);
	put(m, w ? 58 : 46, w ? 64 : 40, 2);
	put(m, w ? 60 : 48, 5, 2);
	put(m, w ? 62 : 50, 4, 2);
	memcpy(m->bytes + info, modinfo, sizeof(modinfo));
	put_symbol(m, table + entry, 1, 7);
	put_symbol(m, table + 2 * entry, 6, 0);
	put_symbol(m, table + 3 * entry, 13, 0);
	memcpy(m->bytes + strings, symbols, sizeof(symbols));
	memcpy(m->bytes + shstr, names, sizeof(names));
	put_section(m, 1, 1, 1, info, sizeof(modinfo), 0, 0);
	put_section(m, 2, 10, 2, table, 4 * entry, 3, entry);
	put_section(m, 3, 18, 3, strings, sizeof(symbols), 0, 0);
	put_section(m, 4, 26, 3, shstr, sizeof(names), 0, 0);
	m->size = m->sections + 5 * (w ? 64 : 40);
}

/* Reads everything there is; how many strings and symbols, or the first error. */
static int read_all(const void *data, size_t size)
{
	size_t info = 0, undefined = 0;
	const char *s;
	struct elf elf;
	int r, n = 0;

	r = elf_open(&elf, data, size);
	if (r < 0)
		return r;
	while ((r = elf_modinfo_next(&elf, &info, &s)) > 0)
		n += strlen(s) > 0;
	if (r < 0)
		return r;
	while ((r = elf_undefined_next(&elf, &undefined, &s)) > 0)
		n += strlen(s) > 0;
	return r < 0 ? r : n;
}

/* .symtab gets the name __versions here, and the first string of .modinfo becomes the vermagic. */
static void what_says_for_which_kernel_it_is_can_be_hidden(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		bool w = shapes[i].is64;
		unsigned int at = 8 + (shapes[i].big_endian ? (w ? 7 : 3) : 0);
		size_t cursor = 0, flags;
		struct module m;
		struct elf elf;
		const char *s;

		make(&m, shapes[i]);
		flags = m.sections + 2 * (w ? 64 : 40) + at;
		memcpy(m.bytes + m.sections - 64 + 10, "__versions", 11);
		memcpy(m.bytes + (w ? 64 : 52), "vermagic=6.", 11);
		m.bytes[flags] = 3;
		assert_int_equal(elf_strip(m.bytes, m.size, ELF_STRIP_VERSIONS), 0);
		assert_int_equal(m.bytes[flags], 1);
		assert_int_equal(elf_open(&elf, m.bytes, m.size), 0);
		assert_int_equal(elf_modinfo_next(&elf, &cursor, &s), 1);
		assert_string_equal(s, "vermagic=6.");
		m.bytes[flags] = 3;
		assert_int_equal(elf_strip(m.bytes, m.size, ELF_STRIP_VERMAGIC), 0);
		assert_int_equal(m.bytes[flags], 3);
		cursor = 0;
		assert_int_equal(elf_modinfo_next(&elf, &cursor, &s), 1);
		assert_string_equal(s, "alias=pci:v*");
		assert_int_equal(elf_strip(m.bytes, 70, 3), -EBADMSG);
	}
}

static void every_shape_is_read(void **state)
{
	static const char *const infos[] = { "license=GPL", "alias=pci:v*", "empty=", "noequals" };
	static const char *const undefined[] = { "theirs", "others" };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t cursor = 0;
		struct module m;
		struct elf elf;
		const char *s;

		make(&m, shapes[i]);
		assert_null(elf_header_complaint(m.bytes, 64, m.size));
		assert_int_equal(elf_open(&elf, m.bytes, m.size), 0);
		for (size_t k = 0; k < ARRAY_SIZE(infos); k++) {
			assert_int_equal(elf_modinfo_next(&elf, &cursor, &s), 1);
			assert_string_equal(s, infos[k]);
		}
		assert_int_equal(elf_modinfo_next(&elf, &cursor, &s), 0);
		cursor = 0;
		for (size_t k = 0; k < ARRAY_SIZE(undefined); k++) {
			assert_int_equal(elf_undefined_next(&elf, &cursor, &s), 1);
			assert_string_equal(s, undefined[k]);
		}
		assert_int_equal(elf_undefined_next(&elf, &cursor, &s), 0);
	}
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct module m;

		make(&m, shapes[i]);
		for (size_t cut = 0; cut < m.size; cut++) {
			_cleanup_free_ unsigned char *piece = malloc(cut + !cut);

			memcpy(piece, m.bytes, cut);
			assert_non_null(elf_header_complaint(piece, cut < 64 ? cut : 64, cut));
			assert_true(read_all(piece, cut) < 0);
		}
	}
}

static void any_byte_may_be_anything(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct module m;

		make(&m, shapes[i]);
		for (size_t at = 0; at < m.size; at++)
			for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
				_cleanup_free_ unsigned char *copy = malloc(m.size);

				memcpy(copy, m.bytes, m.size);
				copy[at] = values[k];
				(void)read_all(copy, m.size);
				(void)elf_header_complaint(copy, 64, m.size);
			}
	}
}

static void random_bytes_behind_a_good_header_are_harmless(void **state)
{
	srand(7);
	for (int round = 0; round < 20000; round++) {
		struct module m;
		size_t n = 1 + (size_t)rand() % 8;

		make(&m, shapes[round % 4]);
		for (size_t i = 0; i < n; i++)
			m.bytes[20 + (size_t)rand() % (m.size - 20)] = (unsigned char)rand();
		(void)read_all(m.bytes, m.size);
	}
}

static void more_sections_than_16_bits_count_are_read(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		bool w = shapes[i].is64;
		struct module m;

		make(&m, shapes[i]);
		put(&m, w ? 60 : 48, 0, 2);
		put(&m, w ? 62 : 50, 0xffff, 2);
		put_section(&m, 0, 0, 0, 0, 5, 4, 0);
		assert_int_equal(read_all(m.bytes, m.size), 6);
	}
}

static void a_count_of_sections_that_are_not_there_is_refused(void **state)
{
	/* The count in the header, and, where that is 0, in the first section; which section has the
	 * names. */
	static const struct {
		unsigned int count;
		uint64_t first;
		unsigned int names;
		int open, names_range;
	} rows[] = {
		{ 6, 0, 4, -EBADMSG, 0 },
		{ 0xfffe, 0, 4, -EBADMSG, 0 },
		{ 0, 6, 4, -EBADMSG, 0 },
		{ 0, UINT32_MAX, 4, -EBADMSG, 0 },
		{ 0, UINT64_C(1) << 32, 4, -EBADMSG, 0 }, /* 0 in a file of 32 bits */
		{ 0, UINT64_C(1) << 58, 4, -EBADMSG, 0 },
		{ 0, 0, 4, 0, 0 },
		{ 5, 0, 5, 0, -EBADMSG },
		{ 5, 0, 0xfffe, 0, -EBADMSG },
		{ 5, 0, 0xffff, 0, -EBADMSG }, /* that of the first section's link, which has no contents */
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes) * ARRAY_SIZE(rows); i++) {
		size_t row = i / ARRAY_SIZE(shapes);
		struct elf_range range;
		struct module m;
		struct elf elf;
		int r;

		make(&m, shapes[i % ARRAY_SIZE(shapes)]);
		put(&m, m.shape.is64 ? 60 : 48, rows[row].count, 2);
		put(&m, m.shape.is64 ? 62 : 50, rows[row].names, 2);
		put_section(&m, 0, 0, 8, 0, rows[row].first, 0, 0);
		r = elf_open(&elf, m.bytes, m.size);
		assert_row(row, r == rows[row].open || (!m.shape.is64 && !(uint32_t)rows[row].first && !r));
		assert_row(row, r < 0 || elf_names_range(&elf, &range) == rows[row].names_range);
	}
}

/* What a reader does that reads only what it is told to: the rest of its copy is junk. 0, *elf is to be
 * read; or the first error. The copy is as long as the file, to the byte. */
static int open_piecewise(const unsigned char *file, size_t size, unsigned char *copy, struct elf *elf)
{
	struct elf_range sections, ranges[2];
	size_t head = size < ELF_HEADER_MAX ? size : ELF_HEADER_MAX;
	int r;

	memset(copy, 0xa5, size);
	memcpy(copy, file, head);
	r = elf_sections_range(copy, head, size, &sections);
	if (r < 0)
		return r;
	assert_true(sections.offset <= size && sections.size <= size - sections.offset);
	memcpy(copy + sections.offset, file + sections.offset, sections.size);
	r = elf_open(elf, copy, size);
	if (r < 0)
		return r;
	r = elf_symbol_ranges(elf, &ranges[0], &ranges[1]);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		assert_true(ranges[i].offset <= size && ranges[i].size <= size - ranges[i].offset);
		memcpy(copy + ranges[i].offset, file + ranges[i].offset, ranges[i].size);
	}
	return 0;
}

/* A reader in pieces finds the same symbols as one that has the whole file, or an error. Returns whether they
 * were found. */
static bool pieces_are_as_good(const unsigned char *bytes, size_t size)
{
	_cleanup_free_ unsigned char *file = malloc(size + !size), *copy = malloc(size + !size);
	size_t a = 0, b = 0;
	const char *s, *t;
	struct elf whole, part;
	int r;

	memcpy(file, bytes, size);
	if (open_piecewise(file, size, copy, &part) < 0)
		return false;
	if (elf_open(&whole, file, size) < 0)
		return false;
	do {
		r = elf_undefined_next(&whole, &a, &s);
		assert_int_equal(elf_undefined_next(&part, &b, &t), r);
		if (r > 0)
			assert_string_equal(s, t);
	} while (r > 0);
	return r == 0;
}

static void the_symbols_can_be_read_without_the_rest(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		bool w = shapes[i].is64;
		struct elf_range r, t;
		struct module m;
		struct elf elf;

		make(&m, shapes[i]);
		assert_int_equal(elf_sections_range(m.bytes, 64, m.size, &r), 0);
		assert_int_equal(r.offset, m.sections);
		assert_int_equal(r.size, 5 * (w ? 64 : 40));
		assert_int_equal(elf_open(&elf, m.bytes, m.size), 0);
		assert_int_equal(elf_symbol_ranges(&elf, &r, &t), 0);
		assert_int_equal(r.size, 4 * (w ? 24 : 16));
		assert_int_equal(t.offset, r.offset + r.size);
		assert_int_equal(t.size, sizeof(symbols));
		assert_true(pieces_are_as_good(m.bytes, m.size));
	}
}

/* And what is asked for is left as it was. */
static void ranges_of_a_bad_file_are_an_error(void **state)
{
	static const struct elf_range before = { 1, 2 };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct elf_range r = before, t = before;
		struct module m, good;
		struct elf elf;

		make(&good, shapes[i]);
		assert_int_equal(elf_sections_range("#!/bin/sh\nexit 0\n# no ELF", 26, 26, &r), -ENOEXEC);
		assert_int_equal(elf_sections_range(good.bytes, 30, good.size, &r), -EBADMSG);
		assert_int_equal(elf_sections_range(good.bytes, 64, good.size - 1, &r), -EBADMSG);
		assert_int_equal(elf_sections_range(good.bytes, 64, good.sections - 1, &r), -EBADMSG);
		m = good;
		put_section(&m, 2, 10, 3, 0, 0, 0, 0);
		assert_int_equal(elf_open(&elf, m.bytes, m.size), 0);
		assert_int_equal(elf_symbol_ranges(&elf, &r, &t), -ENODATA);
		m = good;
		put_section(&m, 3, 18, 3, m.size, 1, 0, 0);
		assert_int_equal(elf_open(&elf, m.bytes, m.size), 0);
		assert_int_equal(elf_symbol_ranges(&elf, &r, &t), -EBADMSG);
		assert_memory_equal(&r, &before, sizeof(r));
		assert_memory_equal(&t, &before, sizeof(t));
	}
}

static void a_file_cut_anywhere_has_no_ranges(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct module m;

		make(&m, shapes[i]);
		for (size_t cut = 0; cut < m.size; cut++)
			assert_false(pieces_are_as_good(m.bytes, cut));
	}
}

static void any_bit_may_be_wrong_for_who_reads_in_pieces(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct module m;

		make(&m, shapes[i]);
		for (size_t bit = 0; bit < 8 * m.size; bit++) {
			m.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			(void)pieces_are_as_good(m.bytes, m.size);
			m.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
	}
}

static void random_bytes_are_harmless_for_who_reads_in_pieces(void **state)
{
	srand(11);
	for (int round = 0; round < 20000; round++) {
		struct module m;
		size_t n = 1 + (size_t)rand() % 8, cut;

		make(&m, shapes[round % 4]);
		for (size_t i = 0; i < n; i++)
			m.bytes[16 + (size_t)rand() % (m.size - 16)] = (unsigned char)rand();
		cut = rand() % 4 ? 0 : (size_t)rand() % m.size;
		(void)pieces_are_as_good(m.bytes, m.size - cut);
	}
}

static void what_is_wrong_is_said_in_words(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint64_t size;
		const char *word;
	} rows[] = {
		{ "", 0, 0, "empty" },
		{ "\177ELF", 4, 4, "cut short" },
		{ "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\0\0", 20, 20, "cut short" },
		{ "#!/bin/sh\necho this is no module\n", 33, 33, "no ELF" },
		{ "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		  64, 64, "relocatable" },
		{ "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		  "\0\0\0\0\0\0\0\0\100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\100\0\1\0\0\0",
		  64, 127, "section headers" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *s = elf_header_complaint(rows[i].bytes, rows[i].n, rows[i].size);

		assert_non_null(s);
		assert_non_null(strstr(s, rows[i].word));
	}
}

/* A program with the segments of these types, and a dynamic section with these tags. */
static void make_program(struct module *m, struct shape shape, unsigned int type,
			 const unsigned int *segments, const unsigned int *tags)
{
	bool w = shape.is64;
	size_t header = w ? 64 : 52, at = header, dynamic = 600;

	*m = (struct module){ .shape = shape, .size = sizeof(m->bytes) };
	memcpy(m->bytes, "\177ELF", 4);
	m->bytes[4] = w ? 2 : 1;
	m->bytes[5] = shape.big_endian ? 2 : 1;
	put(m, 16, type, 2);
	put(m, 18, 62, 2);
	put(m, w ? 32 : 28, header, w ? 8 : 4);
	put(m, w ? 54 : 42, w ? 56 : 32, 2);
	for (unsigned int i = 0; segments[i]; i++, at += w ? 56 : 32) {
		put(m, w ? 56 : 44, i + 1, 2);
		put(m, at, segments[i], 4);
		put(m, at + (w ? 8 : 4), dynamic, w ? 8 : 4);
		put(m, at + (w ? 32 : 16), 8 * (w ? 16 : 8), w ? 8 : 4);
	}
	for (unsigned int i = 0; tags && tags[i]; i++)
		put(m, dynamic + i * (w ? 16 : 8), tags[i], w ? 8 : 4);
}

static void a_program_is_static_without_interpreter_and_libraries(void **state)
{
	static const struct {
		unsigned int type, segments[4], tags[4];
		int r;
	} rows[] = {
		{ 2, { 1, 1 }, {}, 1 },		 /* static */
		{ 3, { 1, 2 }, { 5, 6, 7 }, 1 }, /* static-pie */
		{ 2, { 1, 3, 2 }, { 1, 5 }, 0 }, /* dynamic */
		{ 3, { 3, 1 }, {}, 0 },		 /* with an interpreter only */
		{ 3, { 1, 2 }, { 5, 1 }, 0 },	 /* a library */
		{ 1, { 1 }, {}, -ENOEXEC },	 /* a module */
		{ 4, { 1 }, {}, -ENOEXEC },	 /* a core dump */
	};

	for (size_t i = 0; i < 4 * ARRAY_SIZE(rows); i++) {
		struct module m;
		struct elf_kind kind;

		make_program(&m, shapes[i % 4], rows[i / 4].type, rows[i / 4].segments, rows[i / 4].tags);
		assert_int_equal(elf_is_static(m.bytes, m.size), rows[i / 4].r);
		assert_int_equal(elf_kind(m.bytes, m.size, &kind), 0);
		assert_int_equal(kind.machine, 62);
		assert_int_equal(kind.type, rows[i / 4].type);
		assert_true(kind.is64 == shapes[i % 4].is64 && kind.big_endian == shapes[i % 4].big_endian);
		/* Cut anywhere it is none, or the same as far as its segments go. */
		for (size_t n = 0; n < m.size; n++) {
			_cleanup_free_ void *exact = malloc(n + 1);
			int r;

			memcpy(exact, m.bytes, n);
			r = elf_is_static(exact, n);
			assert_true(r == rows[i / 4].r || r == -EBADMSG || r == -ENOEXEC);
		}
	}
}

/* Names end inside their section, or they are no names. */
static void a_section_is_found_by_its_name(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct elf_range range;
		struct module m;
		struct elf elf;

		make(&m, shapes[i]);
		assert_int_equal(elf_open(&elf, m.bytes, m.size), 0);
		assert_int_equal(elf_names_range(&elf, &range), 1);
		assert_int_equal(range.size, sizeof(names));
		assert_memory_equal(m.bytes + range.offset, names, sizeof(names));
		assert_int_equal(elf_section_range(&elf, ".modinfo", &range), 1);
		assert_int_equal(range.size, sizeof(modinfo));
		assert_memory_equal(m.bytes + range.offset, modinfo, sizeof(modinfo));
		assert_int_equal(elf_section_range(&elf, ".modinf", &range), 0);
		assert_int_equal(elf_section_range(&elf, "", &range), 0);
	}
}

static void a_section_table_may_point_anywhere(void **state)
{
	/* Which section's header is changed, in which field (0 name, 1 type, 2 offset, 3 size), and to
	 * what. */
	static const struct {
		unsigned int section, field;
		uint64_t value;
		int names, modinfo;
	} rows[] = {
		{ 4, 2, UINT32_MAX, -EBADMSG, -EBADMSG }, /* the names lie elsewhere, */
		{ 4, 3, UINT32_MAX, -EBADMSG, -EBADMSG }, /* are too long, */
		{ 4, 3, 0, 1, -EBADMSG },		  /* are none, */
		{ 4, 3, 9, 1, -EBADMSG },		  /* have no NUL at their end, */
		{ 4, 1, 8, -EBADMSG, -EBADMSG },	  /* take no room in the file */
		{ 1, 0, UINT32_MAX, 1, -EBADMSG },	  /* the name lies elsewhere */
		{ 1, 2, UINT32_MAX, 1, -EBADMSG },
		{ 1, 3, UINT32_MAX, 1, -EBADMSG },
		{ 1, 3, 0, 1, 1 },
		{ 1, 2, 0, 1, 1 }, /* it overlaps the file's header */
		{ 1, 1, 8, 1, -EBADMSG },
		{ 3, 2, UINT32_MAX, 1, 1 }, /* another one does not matter */
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes) * ARRAY_SIZE(rows); i++) {
		unsigned int fields64[] = { 0, 4, 24, 32 }, fields32[] = { 0, 4, 16, 20 };
		size_t row = i / ARRAY_SIZE(shapes);
		struct elf_range range;
		struct module m;
		struct elf elf;
		bool w;

		make(&m, shapes[i % ARRAY_SIZE(shapes)]);
		w = m.shape.is64;
		put(&m,
		    m.sections + rows[row].section * (w ? 64 : 40) +
			    (w ? fields64 : fields32)[rows[row].field],
		    rows[row].value, w && rows[row].field > 1 ? 8 : 4);
		assert_row(row, !elf_open(&elf, m.bytes, m.size));
		assert_row(row, elf_names_range(&elf, &range) == rows[row].names);
		assert_row(row, elf_section_range(&elf, ".modinfo", &range) == rows[row].modinfo);
	}
}

static void a_build_id_is_found_among_notes(void **state)
{
	/* Words of 32 bits: lengths of name and contents, type, both. */
	static const uint32_t gnu = 0x00554e47;
	static const struct {
		uint32_t words[10];
		size_t size;
		size_t found; /* at which byte; 0: nowhere */
		size_t n;
	} rows[] = {
		{ { 4, 8, 3, gnu, 1, 2 }, 24, 16, 8 },
		{ { 4, 5, 3, gnu, 1, 2 }, 24, 16, 5 },
		{ { 4, 5, 3, gnu, 1, 2 }, 21, 16, 5 },		     /* not filled up at the end */
		{ { 4, 4, 1, gnu, 1, 4, 4, 3, gnu, 1 }, 40, 36, 4 }, /* behind another */
		{ { 4, 8, 3, gnu + 1, 1, 2 }, 24, 0, 0 },	     /* not GNU's */
		{ { 3, 8, 3, gnu, 1, 2 }, 24, 0, 0 },
		{ { 4, 8, 4, gnu, 1, 2 }, 24, 0, 0 },	       /* no build id */
		{ { 4, 9, 3, gnu, 1, 2 }, 24, 0, 0 },	       /* too long, */
		{ { 4, UINT32_MAX, 3, gnu, 1, 2 }, 24, 0, 0 }, /* far too long, */
		{ { UINT32_MAX, 4, 3, gnu, 1, 2 }, 24, 0, 0 },
		{ { UINT32_MAX, UINT32_MAX, 3, gnu, 1, 2 }, 24, 0, 0 },
		{ { 4, 8, 3 }, 12, 0, 0 }, /* without end, */
		{ { 4, 8 }, 8, 0, 0 },
		{ {}, 40, 0, 0 }, /* empty ones */
		{ {}, 0, 0, 0 },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		bool big_endian = i % 2;
		size_t row = i / 2, n = 0;
		_cleanup_free_ unsigned char *data = malloc(rows[row].size + 1);
		struct elf elf = { .data = data, .size = rows[row].size, .big_endian = big_endian };
		const unsigned char *id = NULL;
		int r;

		for (size_t k = 0; k < rows[row].size; k++)
			data[k] = (unsigned char)(rows[row].words[k / 4] >> 8 *
							  (big_endian && rows[row].words[k / 4] != gnu
								   ? 3 - k % 4
								   : k % 4));
		r = elf_build_id(&elf, &(struct elf_range){ 0, rows[row].size }, &id, &n);
		assert_row(row, r == (rows[row].found > 0));
		assert_row(row, !r || (id == data + rows[row].found && n == rows[row].n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_is_read),
		cmocka_unit_test(what_says_for_which_kernel_it_is_can_be_hidden),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(any_byte_may_be_anything),
		cmocka_unit_test(random_bytes_behind_a_good_header_are_harmless),
		cmocka_unit_test(more_sections_than_16_bits_count_are_read),
		cmocka_unit_test(a_count_of_sections_that_are_not_there_is_refused),
		cmocka_unit_test(the_symbols_can_be_read_without_the_rest),
		cmocka_unit_test(ranges_of_a_bad_file_are_an_error),
		cmocka_unit_test(a_file_cut_anywhere_has_no_ranges),
		cmocka_unit_test(any_bit_may_be_wrong_for_who_reads_in_pieces),
		cmocka_unit_test(random_bytes_are_harmless_for_who_reads_in_pieces),
		cmocka_unit_test(what_is_wrong_is_said_in_words),
		cmocka_unit_test(a_program_is_static_without_interpreter_and_libraries),
		cmocka_unit_test(a_section_is_found_by_its_name),
		cmocka_unit_test(a_section_table_may_point_anywhere),
		cmocka_unit_test(a_build_id_is_found_among_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
