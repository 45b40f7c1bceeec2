/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What modinfo(8) shows of a module's file, or of one that is built in. */
#include "tests/unit/test.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/limits.h"
#include "engine/fields.h"

/* An object of 64 bits: header, .modinfo, .note.gnu.build-id, .shstrtab, the section headers, and what is
 * appended. */
struct file {
	unsigned char bytes[64 * 1024];
	size_t size;
	size_t info, notes, sections;
};

/* So many bytes stand before .modinfo, and again behind it: a file that is long enough is read in pieces. */
static size_t padding;
static const size_t paddings[] = { 0, 5000, 20000 };

static const char names[] = "\0.modinfo\0.note.gnu.build-id\0.shstrtab";

static void put(struct file *f, size_t at, uint64_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		f->bytes[at + i] = (unsigned char)(value >> 8 * i);
}

static void put_section(struct file *f, unsigned int i, uint32_t name, size_t offset, size_t size)
{
	put(f, f->sections + i * 64, name, 4);
	put(f, f->sections + i * 64 + 4, 1, 4);
	put(f, f->sections + i * 64 + 24, offset, 8);
	put(f, f->sections + i * 64 + 32, size, 8);
}

static void make(struct file *f, const char *info, size_t n_info, const char *appended, size_t n_appended)
{
	static const char note[] = "\4\0\0\0\3\0\0\0\3\0\0\0GNU\0\xab\xcd\x01";
	size_t at = 64 + padding, notes = at + n_info, shstr = notes + sizeof(note) + padding;

	*f = (struct file){ .info = at, .notes = notes, .sections = (shstr + sizeof(names) + 7) / 8 * 8 };
	memcpy(f->bytes, "\177ELF\2\1\1", 7);
	put(f, 16, 1, 2);
	put(f, 40, f->sections, 8);
	put(f, 58, 64, 2);
	put(f, 60, 4, 2);
	put(f, 62, 3, 2);
	memset(f->bytes + 64, 'x', padding);
	memcpy(f->bytes + at, info, n_info);
	memcpy(f->bytes + notes, note, sizeof(note));
	memcpy(f->bytes + shstr, names, sizeof(names));
	put_section(f, 1, 1, at, n_info);
	put_section(f, 2, 10, notes, sizeof(note));
	put_section(f, 3, 29, shstr, sizeof(names));
	f->size = f->sections + 4 * 64;
	memcpy(f->bytes + f->size, appended, n_appended);
	f->size += n_appended;
}

static const char info[] = "license=GPL\0\0\0alias=a=b\0empty=\0bare\0parm=x:text";
#define SIGNED(signature) "mekey" signature "\1\4\1\2\3\0\0\0\0\0\0\x03~Module signature appended~\n"
#define N_SIGNED(signature) (sizeof(SIGNED(signature)) - 1)

/* "key=value;" of all, with a letter for the source where it is not the first one. */
static const char *text_of(const struct fields *f)
{
	static const char *const sources[] = { "", "s:", "n:" };
	static char text[1024 * 1024];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < f->items.n; i++) {
		const struct field *field = &f->items.items[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s;", sources[field->source],
				      field->key, field->value);
	}
	return text;
}

/* The pieces of the file before, if there is one, are still in memory. */
static int read_bytes(struct fields *f, const void *data, size_t size)
{
	_cleanup_tree_ struct tree t = tree_new();
	const char *why = "";
	int r;

	tree_write_bytes(&t, "m.ko", data, size);
	r = fields_read_file(f, &t.root, "m.ko", &why);
	assert_true(r == 0 || *why);
	return r;
}

#define ALL "license=GPL;alias=a=b;empty=;bare=;parm=x:text;"
#define ALL_SIGNED                                                                                 \
	"s:sig_id=X509;s:signer=me;s:sig_key=6B:65:79;s:sig_hashalgo=sha256;s:signature=73:69:67;" \
	"n:build-id=AB:CD:01;"

static void read_in_order(struct fields *f)
{
	struct file file;

	make(&file, info, sizeof(info), "", 0);
	assert_int_equal(read_bytes(f, file.bytes, file.size), 0);
	assert_string_equal(text_of(f), ALL "n:build-id=AB:CD:01;");
	make(&file, info, sizeof(info), SIGNED("sig"), N_SIGNED("sig"));
	assert_int_equal(read_bytes(f, file.bytes, file.size), 0);
	assert_string_equal(text_of(f), ALL ALL_SIGNED);
	/* The last string has no NUL, and a byte of the note follows. */
	make(&file, info, sizeof(info) - 1, "", 0);
	assert_int_equal(read_bytes(f, file.bytes, file.size), 0);
	assert_string_equal(text_of(f), ALL "n:build-id=AB:CD:01;");
	make(&file, "", 0, "", 0);
	assert_int_equal(read_bytes(f, file.bytes, file.size), 0);
	assert_string_equal(text_of(f), "n:build-id=AB:CD:01;");
}

static void fields_come_in_the_files_order(void **state)
{
	struct fields f = {};

	for (size_t i = 0; i < ARRAY_SIZE(paddings); i++) {
		padding = paddings[i];
		read_in_order(&f);
	}
	padding = 0;
	fields_free(&f);
}

static void many_bytes_are_written_in_lines_of_20(void **state)
{
	static const char tail[] = "\1\4\1\0\0\0\0\0\0\0\0\x2a~Module signature appended~\n";
	char appended[42 + sizeof(tail)];
	struct fields fields = {};
	const char *value;
	struct file f;

	memset(appended, 'A', 42);
	memcpy(appended + 42, tail, sizeof(tail));
	make(&f, info, sizeof(info), appended, sizeof(appended) - 1);
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), 0);
	value = fields.items.items[9].value;
	assert_string_equal(fields.items.items[9].key, "signature");
	assert_int_equal(strlen(value), 42 * 3 - 1 + 2 * 3);
	assert_memory_equal(value + 57, "41:\n\t\t41", 8);
	assert_string_equal(value + strlen(value) - 8, "\n\t\t41:41");
	fields_free(&fields);
}

#if HAVE_ZLIB
static void a_compressed_file_is_read_whole(void **state)
{
	unsigned char packed[4096];
	z_stream z = { .next_out = packed, .avail_out = sizeof(packed) };
	struct fields fields = {};
	struct file f;

	make(&f, info, sizeof(info) - 1, SIGNED("sig"), N_SIGNED("sig"));
	z.next_in = f.bytes;
	z.avail_in = (uInt)f.size;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	assert_int_equal(read_bytes(&fields, packed, z.total_out), 0);
	assert_string_equal(text_of(&fields), ALL ALL_SIGNED);
	assert_int_equal(read_bytes(&fields, packed, z.total_out / 2), -EINVAL);
	fields_free(&fields);
}
#endif

/* As kmod 34's modinfo answers. */
static void what_is_wrong_with_a_file_has_an_errno(void **state)
{
	static const struct {
		const char *data;
		size_t n;
		int r;
	} rows[] = {
		{ "", 0, -EINVAL },
		{ "\177EL", 3, -EINVAL },
		{ "hello\n", 6, -ENOEXEC },
		{ "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16, -ENOEXEC },
		{ "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\0\0", 20, -EINVAL },
		{ "\177ELF\3\1\1\0\0\0\0\0\0\0\0\0\1\0\0\0", 20, -EINVAL },
		{ "hello, this is more than sixteen bytes", 38, -ENOEXEC },
	};
	struct fields fields = {};
	struct file f;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, read_bytes(&fields, rows[i].data, rows[i].n) == rows[i].r);
	make(&f, info, sizeof(info), "", 0);
	assert_int_equal(read_bytes(&fields, f.bytes, f.sections), -EINVAL);
	f.bytes[16] = 2;
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), -ENODATA);
	make(&f, info, sizeof(info), "", 0);
	f.bytes[f.sections + 64] = 2;
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), -ENODATA);
	fields_free(&fields);
}

/* Each byte of the headers is changed; whatever comes out lies inside the file. */
static void read_changed(struct fields *fields, const struct tree *t)
{
	static const unsigned char values[] = { 0, 1, 4, 0x40, 0x7f, 0x80, 0xff };
	const char *why;
	struct file f;

	make(&f, info, sizeof(info), SIGNED("sig"), N_SIGNED("sig"));
	for (size_t i = 0; i < f.size * ARRAY_SIZE(values); i++) {
		size_t at = i / ARRAY_SIZE(values);
		unsigned char was = f.bytes[at];

		if (at >= 64 && at < f.sections)
			continue;
		f.bytes[at] = values[i % ARRAY_SIZE(values)];
		tree_write_bytes(t, "m.ko", f.bytes, f.size);
		f.bytes[at] = was;
		if (fields_read_file(fields, &t->root, "m.ko", &why) == 0)
			assert_true(strlen(text_of(fields)) > 0);
	}
	for (size_t n = 0; n < f.size; n += 1 + f.size / 200) {
		tree_write_bytes(t, "m.ko", f.bytes, n);
		(void)fields_read_file(fields, &t->root, "m.ko", &why);
	}
}

static void a_bad_file_is_an_error_or_a_module(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct fields f = {};

	for (size_t i = 0; i < ARRAY_SIZE(paddings); i++) {
		padding = paddings[i];
		read_changed(&f, &t);
	}
	padding = 0;
	fields_free(&f);
}

/* A file whose headers lead to bytes that were not read, which are there from the one before. */
static void nothing_of_another_file_is_shown(void **state)
{
	struct fields fields = {};
	struct file f;

	padding = 20000;
	make(&f, info, sizeof(info), "", 0);
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), 0);
	/* The number of sections, and where their names are, stand in the first section. */
	f.bytes[60] = 0;
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), -EINVAL);
	assert_int_equal(fields.items.n, 0);
	padding = 0;
	fields_free(&fields);
}

static void sections_may_overlap(void **state)
{
	struct fields fields = {};
	struct file f;

	/* .modinfo is the whole file: its headers, the names and the signature are strings, too. */
	make(&f, info, sizeof(info), SIGNED("s=g"), N_SIGNED("s=g"));
	put_section(&f, 1, 1, 0, f.size);
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), 0);
	assert_contains(text_of(&fields), "license=GPL;");
	assert_contains(text_of(&fields), "s:signature=73:3D:67;n:build-id=AB:CD:01;");
	/* .modinfo and the names are the same bytes. */
	make(&f, info, sizeof(info), "", 0);
	put_section(&f, 1, 1, f.sections - (sizeof(names) + 7) / 8 * 8, 64);
	assert_int_equal(read_bytes(&fields, f.bytes, f.size), 0);
	fields_free(&fields);
}

static void what_is_too_large_is_refused(void **state)
{
	_cleanup_free_ unsigned char *data = calloc(1, 2 * LIMIT_MODINFO);
	struct fields fields = {};
	struct file f;

	assert_non_null(data);
	make(&f, info, sizeof(info), "", 0);
	put_section(&f, 1, 1, f.info, LIMIT_MODINFO + 1);
	memcpy(data, f.bytes, f.size);
	assert_int_equal(read_bytes(&fields, data, 2 * LIMIT_MODINFO), -EFBIG);
	/* Of the notes only the build id would be shown. */
	put_section(&f, 1, 1, f.info, LIMIT_MODINFO);
	put_section(&f, 2, 10, f.notes, LIMIT_MODINFO + 1);
	memcpy(data, f.bytes, f.size);
	assert_int_equal(read_bytes(&fields, data, 2 * LIMIT_MODINFO), 0);
	assert_contains(text_of(&fields), "license=GPL;");
	assert_null(strstr(text_of(&fields), "AB:CD:01"));
	fields_free(&fields);
}

static void what_is_built_in_is_found_by_its_name(void **state)
{
	static const char text[] = "a.license=GPL\0a.parm=x:y\0ab.license=X\0b.file=z\0b.bare\0broken\0c.";
	static const struct {
		const char *module, *fields;
	} rows[] = {
		{ "a", "license=GPL;parm=x:y;" },
		{ "ab", "license=X;" },
		{ "b", "file=z;bare=;" },
		{ "c", "=;" },
		{ "broken", "" },
		{ "d", "" },
		{ "", "" },
	};
	struct fields fields = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_row(i, !fields_read_builtin(&fields, text, sizeof(text) - 1, rows[i].module));
		assert_row_string(i, text_of(&fields), rows[i].fields);
	}
	assert_int_equal(fields_read_builtin(&fields, "", 0, "a"), 0);
	assert_int_equal(fields.items.n, 0);
	fields_free(&fields);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct fields fields = {};
	const char *why;

	tree_mkdir(&t, "d.ko/");
	assert_int_equal(fields_read_file(&fields, &t.root, "none.ko", &why), -ENOENT);
	assert_int_equal(fields_read_file(&fields, &t.root, "d.ko", &why), -EISDIR);
	fields_free(&fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_in_the_files_order),
		cmocka_unit_test(many_bytes_are_written_in_lines_of_20),
#if HAVE_ZLIB
		cmocka_unit_test(a_compressed_file_is_read_whole),
#endif
		cmocka_unit_test(what_is_wrong_with_a_file_has_an_errno),
		cmocka_unit_test(a_bad_file_is_an_error_or_a_module),
		cmocka_unit_test(nothing_of_another_file_is_shown),
		cmocka_unit_test(sections_may_overlap),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(what_is_built_in_is_found_by_its_name),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
