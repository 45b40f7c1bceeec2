/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/module-filter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/elf.h"

struct stream {
	uint8_t *items;
	size_t n;
	size_t capacity;
	bool no_memory;
};

#include "base/module-filter-walk.h"

#define FLAG_EXECUTABLE 4

/* ---- what the walk asks for; memory that runs out ends it ---- */

static void put(struct walk *w, unsigned int stream, const void *data, size_t n)
{
	if (array_append(&w->streams[stream], data, n) < 0)
		w->bad = w->streams[stream].no_memory = true;
}

static inline uint64_t code(struct walk *w, unsigned int stream, uint64_t value)
{
	uint8_t digits[10];
	unsigned int n = 0;

	for (uint64_t v = value; n == 0 || v; v >>= 7)
		digits[n++] = (uint8_t)(v | 0x80);
	digits[n - 1] &= 0x7f;
	put(w, stream, digits, n);
	return value;
}

static void bytes(struct walk *w, unsigned int stream, uint64_t at, uint64_t n)
{
	put(w, stream, w->image + at, n);
}

static uint64_t string(struct walk *w, unsigned int stream, uint64_t at, uint64_t n)
{
	const char *p = (const char *)w->image + at;
	size_t length = strnlen(p, n);

	n = length < n ? length + 1 : n;
	put(w, stream, p, n);
	return n;
}

static uint8_t mark(struct walk *w, unsigned int stream, uint64_t at, uint64_t n)
{
	const uint8_t *name;
	uint64_t length;

	for (uint8_t i = 0; i < VERSIONS_AHEAD; i++) {
		length = version_name(w, i, &name);
		if (!length)
			break;
		if (length <= n && !memcmp(w->image + at, name, length)) {
			put(w, stream, &(uint8_t){ i + 1 }, 1);
			return i + 1;
		}
	}
	return 0;
}

static void copy(struct walk *w, uint64_t at, const uint8_t *from, uint64_t n)
{
}

static inline void store(struct walk *w, uint64_t at, unsigned int width, uint64_t v)
{
}

static void instructions(struct walk *w, unsigned int stream, const struct section *s, uint64_t from,
			 uint64_t n)
{
	size_t before = w->streams[stream].n;

	bytes(w, stream, s->offset + from, n);
	if (!w->bad && n)
		x86_calls(w->streams[stream].items + before, n, from, s->size, true);
}

/* ---- BTF ---- */

static bool btf_known(const struct btf_kind *k, uint32_t info)
{
	return !(info & 0x60ff0000) && (k->vlen || !(info & 0xffff));
}

/* The type at this place, which is complete; NULL: it is not, or of a kind that is not known. */
static const struct btf_kind *btf_type_at(const struct walk *w, uint64_t at, uint64_t end, uint64_t *size)
{
	uint32_t info, kind;
	const struct btf_kind *k;

	if (end - at < 12)
		return NULL;
	info = (uint32_t)load(w, at + 4, 4);
	kind = info >> 24 & 0x1f;
	k = &btf_kinds[kind < BTF_KINDS ? kind : 0];
	*size = 12 + (uint64_t)btf_rows(k, info) * k->row;
	return kind && kind < BTF_KINDS && btf_known(k, info) && *size <= end - at ? k : NULL;
}

/* Whether the whole section can be walked. */
static bool btf_valid(const struct walk *w, const struct section *s)
{
	uint64_t at = s->offset + BTF_HEADER, end, size;
	uint32_t types;

	if (s->size < BTF_HEADER || load(w, s->offset, 2) != 0xeb9f ||
	    load(w, s->offset + 4, 4) != BTF_HEADER)
		return false;
	types = (uint32_t)load(w, s->offset + 12, 4);
	if (load(w, s->offset + 8, 4) || load(w, s->offset + 16, 4) != types ||
	    types > s->size - BTF_HEADER || load(w, s->offset + 20, 4) != s->size - BTF_HEADER - types)
		return false;
	for (end = at + types; at < end; at += size)
		if (!btf_type_at(w, at, end, &size))
			return false;
	return true;
}

/* Calls fn for each name. */
static void btf_names(const struct walk *w, uint64_t at, uint64_t end,
		      void (*fn)(uint32_t name, uint32_t *v, uint32_t n), uint32_t *v, uint32_t n)
{
	const struct btf_kind *k;
	uint64_t size;

	for (; at < end && (k = btf_type_at(w, at, end, &size)); at += size) {
		fn((uint32_t)load(w, at, 4), v, n);
		if (k->fields[0] != BTF_NAME)
			continue;
		for (uint64_t row = 12; row < size; row += k->row)
			fn((uint32_t)load(w, at + row, 4), v, n);
	}
}

static void largest_name(uint32_t name, uint32_t *v, uint32_t n)
{
	if (name > *v)
		*v = name;
}

/* Of those that fit into n bytes of strings together with the largest one. */
static void least_own_name(uint32_t name, uint32_t *v, uint32_t n)
{
	if (name + (uint64_t)n > v[0] && name < v[1])
		v[1] = name;
}

/* The kernel's types are below. A pointer's target mostly is right behind it, which shows by how much
 * the numbers of types are larger than their places. A wrong answer only costs a few bytes. */
#define DISTANCES 4096U

static uint32_t first_own_type(const struct walk *w, uint64_t at, uint64_t end)
{
	uint16_t votes[DISTANCES] = {}, most = 0;
	uint32_t winner = 0, id = 1, type;
	uint64_t size;

	for (; at < end && btf_type_at(w, at, end, &size); at += size, id++) {
		type = (uint32_t)load(w, at + 8, 4);
		if ((load(w, at + 4, 4) >> 24 & 0x1f) != 2 || type < id ||
		    votes[(type - id) % DISTANCES] == UINT16_MAX)
			continue;
		if (++votes[(type - id) % DISTANCES] > most) {
			most = votes[(type - id) % DISTANCES];
			winner = type - id;
		}
	}
	return winner;
}

static void btf_bases(struct walk *w, const struct section *s, uint32_t *strings, uint32_t *types)
{
	uint64_t at = s->offset + BTF_HEADER, end = at + load(w, s->offset + 12, 4);
	uint32_t n = (uint32_t)(s->offset + s->size - end), v[2] = { 0, UINT32_MAX };

	btf_names(w, at, end, largest_name, v, n);
	btf_names(w, at, end, least_own_name, v, n);
	*strings = (uint32_t)code(w, STREAM_BTF_HEADER, v[0] < n ? 0 : v[1]);
	*types = (uint32_t)code(w, STREAM_BTF_HEADER, first_own_type(w, at, end));
}

/* ---- what each section is ---- */

static const struct {
	const char *name;
	bool part; /* of the name */
	uint8_t class;
} names[] = {
	{ ".strtab", false, CLASS_STRTAB },    { ".modinfo", false, STREAM_MODINFO },
	{ ".orc_unwind", false, STREAM_ORC },  { ".gnu.linkonce.this_module", false, STREAM_THIS_MODULE },
	{ ".comment", false, STREAM_STRINGS }, { "__versions", false, CLASS_VERSIONS },
	{ ".BTF", false, CLASS_BTF },	       { "str", true, STREAM_STRINGS },
};

/* "" if it has no end inside. */
static const char *section_name(const struct walk *w, const struct section *strings, uint32_t i)
{
	uint32_t name = (uint32_t)load(w, w->sections + (uint64_t)i * header_layout(w)->size, 4);
	const char *p;

	if (name >= strings->size)
		return "";
	p = (const char *)w->image + strings->offset + name;
	return memchr(p, '\0', strings->size - name) ? p : "";
}

static uint8_t class_of_contents(const struct walk *w, uint32_t i, const struct section *s, const char *name)
{
	uint64_t flags = load(w, w->sections + (uint64_t)i * header_layout(w)->size + 8, w->word);

	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		if (names[k].part ? strstr(name, names[k].name) != NULL : !strcmp(name, names[k].name)) {
			if ((names[k].class == CLASS_VERSIONS && s->size % VERSION_ENTRY) ||
			    (names[k].class == CLASS_BTF && !btf_valid(w, s)))
				break;
			return names[k].class;
		}
	return flags & FLAG_EXECUTABLE ? STREAM_TEXT : STREAM_DATA;
}

/* ---- places where a function is called ---- */

static const struct {
	const char *section;
	const char *function;
} site_sections[] = {
	{ "__mcount_loc", "__fentry__" },
	{ ".return_sites", "__x86_return_thunk" },
};

static unsigned int symbol_size(const struct walk *w)
{
	return w->word == 8 ? 24 : 16;
}

static bool find_symbols(const struct walk *w, const struct section *relocations, struct section *symbols,
			 struct section *strings)
{
	return read_section(w, relocations->link, symbols) && symbols->type == TYPE_SYMTAB &&
		read_section(w, symbols->link, strings);
}

/* The symbol of that name; 0: there is none. */
static uint32_t find_symbol(const struct walk *w, const struct section *relocations, const char *name)
{
	struct section symbols, strings;
	size_t n = strlen(name) + 1;
	uint64_t at;

	if (!find_symbols(w, relocations, &symbols, &strings))
		return 0;
	for (uint64_t i = 1; i < symbols.size / symbol_size(w); i++) {
		at = load(w, symbols.offset + i * symbol_size(w), 4);
		if (at < strings.size && n <= strings.size - at &&
		    !memcmp(w->image + strings.offset + at, name, n))
			return (uint32_t)i;
	}
	return 0;
}

/* The relocations of the section that this symbol is in; 0: there are none. */
static uint32_t relocations_of_symbol(const struct walk *w, const struct section *relocations,
				      uint64_t symbol)
{
	struct section symbols, strings, s;
	uint64_t section;

	if (!find_symbols(w, relocations, &symbols, &strings) || symbol >= symbols.size / symbol_size(w))
		return 0;
	section = load(w, symbols.offset + symbol * symbol_size(w) + (w->word == 8 ? 6 : 14), 2);
	for (uint32_t i = 1; i < w->n_sections; i++)
		if (read_section(w, i, &s) && s.type == TYPE_RELA && s.info == section)
			return i;
	return 0;
}

static bool find_sites(const struct walk *w, const struct section *s, const struct section *strings,
		       uint32_t *source, uint32_t *symbol)
{
	const char *name = section_name(w, strings, s->info);

	if (!s->size || w->word != 8)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(site_sections); i++)
		if (!strcmp(name, site_sections[i].section)) {
			*symbol = find_symbol(w, s, site_sections[i].function);
			*source = relocations_of_symbol(w, s, relocation_symbol(w, s->offset));
			return *symbol && *source;
		}
	return false;
}

static void sites_of(struct walk *w, const struct section *s, uint32_t *source, uint32_t *symbol)
{
	struct section strings;

	w->bad |= !read_section(w, w->names, &strings) || !find_sites(w, s, &strings, source, symbol);
	code(w, STREAM_CONTROL, *source);
	code(w, STREAM_CONTROL, *symbol);
}

static uint8_t class_of_relocations(const struct walk *w, const struct section *s,
				    const struct section *strings)
{
	uint64_t flags;
	uint32_t source, symbol;

	if (s->size % relocation_size(w, s))
		return STREAM_DATA;
	if (s->info >= w->n_sections)
		return CLASS_RELOC_DATA;
	if (find_sites(w, s, strings, &source, &symbol))
		return CLASS_RELOC_SITES;
	if (!strcmp(section_name(w, strings, s->info), ".orc_unwind_ip"))
		return CLASS_RELOC_ORC;
	flags = load(w, w->sections + (uint64_t)s->info * header_layout(w)->size + 8, w->word);
	return flags & FLAG_EXECUTABLE ? CLASS_RELOC_TEXT : CLASS_RELOC_DATA;
}

static uint8_t class_of(const struct walk *w, uint32_t i, const struct section *strings)
{
	struct section s, names_of_symbols;

	if (!read_section(w, i, &s) || !s.type || !s.size)
		return CLASS_NONE;
	if (s.type == TYPE_RELA || s.type == TYPE_REL)
		return class_of_relocations(w, &s, strings);
	if (s.type == TYPE_SYMTAB && s.size % (w->word == 8 ? 24 : 16) == 0 &&
	    read_section(w, s.link, &names_of_symbols))
		return CLASS_SYMTAB;
	return class_of_contents(w, i, &s, section_name(w, strings, i));
}

/* Whether the section has zeros wherever one of these relocations is applied, as walk_filled() goes. */
static bool zero_where_relocated(const struct walk *w, const struct section *relocations,
				 const struct section *s)
{
	unsigned int entry = relocation_size(w, relocations);
	uint64_t offset, width, done = 0, n = 0;

	for (uint64_t at = relocations->offset; at < relocations->offset + relocations->size; at += entry) {
		offset = load(w, at, w->word);
		width = relocation_width(w, at);
		if (offset < done || offset > s->size || width > s->size - offset)
			continue;
		for (uint64_t k = 0; k < width; k++)
			if (w->image[s->offset + offset + k])
				return false;
		done = offset + width;
		n += width;
	}
	return n > 0;
}

static void mark_filled(const struct walk *w, uint8_t *classes)
{
	struct section relocations, s;

	for (uint32_t i = 0; i < w->n_sections; i++) {
		if (classes[i] < CLASS_RELOC_TEXT || !read_section(w, i, &relocations) ||
		    relocations.type != TYPE_RELA || !read_section(w, relocations.info, &s) ||
		    classes[relocations.info] < STREAM_TEXT || classes[relocations.info] >= STREAM_VERSIONS ||
		    !zero_where_relocated(w, &relocations, &s))
			continue;
		classes[i] |= CLASS_FILLS;
		classes[relocations.info] |= CLASS_FILLED;
	}
}

static int classify(struct walk *w)
{
	struct stream *classes = &w->streams[STREAM_CLASSES];
	struct section strings;
	int r;

	if (!read_section(w, w->names, &strings))
		return -EBADMSG;
	r = array_make_room(classes, w->n_sections);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < w->n_sections; i++)
		classes->items[classes->n++] = class_of(w, i, &strings);
	mark_filled(w, classes->items);
	w->classes = classes->items;
	return 0;
}

/* ---- control ---- */

/* The relocations for whose addend the assembler leaves zeros. include/uapi/linux/elf-em.h,
 * arch/(*)/include/asm/elf.h. */
static const struct {
	uint8_t machine, width;
	uint16_t type;
} widths[] = {
	{ 62, 8, 1 },	 /* x86: 64 */
	{ 62, 4, 2 },	 /* PC32 */
	{ 62, 4, 4 },	 /* PLT32 */
	{ 62, 4, 10 },	 /* 32 */
	{ 62, 4, 11 },	 /* 32S */
	{ 62, 8, 24 },	 /* PC64 */
	{ 183, 8, 257 }, /* AArch64: ABS64 */
	{ 183, 4, 258 }, /* ABS32 */
	{ 183, 8, 260 }, /* PREL64 */
	{ 183, 4, 261 }, /* PREL32 */
	{ 243, 4, 1 },	 /* RISC-V: 32 */
	{ 243, 8, 2 },	 /* 64 */
	{ 21, 4, 1 },	 /* PowerPC 64: ADDR32 */
	{ 21, 4, 26 },	 /* REL32 */
	{ 21, 8, 38 },	 /* ADDR64 */
	{ 22, 4, 4 },	 /* s390: 32 */
	{ 22, 4, 5 },	 /* PC32 */
	{ 22, 4, 19 },	 /* PC32DBL */
	{ 22, 4, 20 },	 /* PLT32DBL */
	{ 22, 8, 22 },	 /* 64 */
};

static void code_widths(struct walk *w, unsigned int machine)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
		if (widths[i].machine == machine) {
			w->widths[widths[i].type] = widths[i].width;
			n++;
		}
	code(w, STREAM_CONTROL, n);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
		if (widths[i].machine == machine) {
			code(w, STREAM_CONTROL, widths[i].type);
			code(w, STREAM_CONTROL, widths[i].width);
		}
}

/* Marks what the walk takes, the section headers too. */
static uint8_t *covered_bytes(const struct walk *w)
{
	uint8_t *covered = calloc(1, w->size);
	struct section s;

	if (!covered)
		return NULL;
	memset(covered + w->sections, 1, (size_t)w->n_sections * header_layout(w)->size);
	for (uint32_t i = 0; i < w->n_sections; i++)
		if (w->classes[i] && read_section(w, i, &s))
			memset(covered + s.offset, 1, s.size);
	return covered;
}

/* The next piece of the rest that is not zero, from *at. */
static size_t next_piece(const struct walk *w, const uint8_t *covered, size_t *at)
{
	size_t end;

	while (*at < w->size && (covered[*at] || !w->image[*at]))
		(*at)++;
	for (end = *at; end < w->size && !covered[end];)
		end++;
	while (end > *at && !w->image[end - 1])
		end--;
	return end - *at;
}

static int code_rest(struct walk *w)
{
	_cleanup_free_ uint8_t *covered = covered_bytes(w);
	uint64_t pieces = 0;
	size_t at = 0, last = 0, n;

	if (!covered)
		return -ENOMEM;
	for (; (n = next_piece(w, covered, &at)); at += n)
		pieces++;
	code(w, STREAM_CONTROL, pieces);
	for (at = 0; (n = next_piece(w, covered, &at)); at += n, last = at) {
		code(w, STREAM_CONTROL, at - last);
		code(w, STREAM_CONTROL, n);
		bytes(w, STREAM_REST, at, n);
	}
	return 0;
}

/* Everything but the sections. */
static int code_control(struct walk *w, const struct elf *elf)
{
	unsigned int machine;
	int r;

	w->word = elf->is64 ? 8 : 4;
	w->big_endian = elf->big_endian;
	w->sections = elf->sections;
	w->n_sections = elf->n_sections;
	w->names = elf->names;
	machine = (unsigned int)load(w, 18, 2);
	w->x86_calls = machine == 62;
	code(w, STREAM_CONTROL,
	     (elf->is64 ? CONTROL_64 : 0U) | (elf->big_endian ? CONTROL_BIG_ENDIAN : 0U) |
		     (w->x86_calls ? CONTROL_X86_CALLS : 0U));
	code(w, STREAM_CONTROL, w->size);
	code(w, STREAM_CONTROL, w->sections);
	code_widths(w, machine);
	r = classify(w);
	return r < 0 ? r : code_rest(w);
}

/* ---- all ---- */

static int join(const struct walk *w, struct stream *out)
{
	struct walk lengths = {};
	int r = 0;

	for (unsigned int i = 0; i < STREAMS; i++)
		code(&lengths, 0, w->streams[i].n);
	*out = lengths.streams[0];
	for (unsigned int i = 0; i < STREAMS && !r; i++)
		r = array_append(out, w->streams[i].items, w->streams[i].n);
	return lengths.bad ? -ENOMEM : r;
}

/* 1: undoing it makes the module. */
static int prove(const struct stream *out, const void *module, size_t size)
{
	_cleanup_free_ void *again = calloc(1, size);

	if (!again)
		return -ENOMEM;
	return module_filter_undo(out->items, out->n, again, size) == 0 && !memcmp(again, module, size);
}

static bool out_of_memory(const struct walk *w)
{
	for (unsigned int i = 0; i < STREAMS; i++)
		if (w->streams[i].no_memory)
			return true;
	return false;
}

static int apply(struct walk *w, const struct elf *elf, struct stream *out)
{
	int r = code_control(w, elf);

	if (r < 0)
		return r;
	walk_sections(w);
	if (w->bad)
		return out_of_memory(w) ? -ENOMEM : 0;
	r = join(w, out);
	if (r < 0)
		return r;
	return out->n / 2 > elf->size ? 0 : prove(out, elf->data, elf->size);
}

static void streams_release(struct walk *w)
{
	for (unsigned int i = 0; i < STREAMS; i++)
		array_free(&w->streams[i]);
}

int module_filter_apply(const void *module, size_t size, uint8_t **out, size_t *out_size)
{
	_cleanup_(streams_release) struct walk w = { .image = (uint8_t *)(uintptr_t)module,
						     .size = size,
						     .budget = READ_BACK * (uint64_t)size };
	struct stream data = {};
	struct elf elf;
	int r = elf_open(&elf, module, size);

	if (r < 0 || elf.n_sections < 3)
		return 0;
	r = apply(&w, &elf, &data);
	if (r <= 0) {
		array_free(&data);
		return r == -ENOMEM ? r : 0;
	}
	*out = data.items;
	*out_size = data.n;
	return 1;
}
