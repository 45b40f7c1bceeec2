/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module's file says of itself, and what the table of companions says of modules. */
#include "tests/unit/test.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif

#include "engine/companions.h"
#include "engine/config.h"
#include "engine/modinfo.h"

/* A relocatable object with .modinfo and .shstrtab; its size. */
static size_t make_module(unsigned char *out, const char *info, size_t n_info)
{
	static const char names[] = "\0.modinfo\0.shstrtab";
	size_t sections = (64 + n_info + sizeof(names) + 7) / 8 * 8;
	const struct {
		uint64_t name, type, offset, size;
	} rows[] = { {}, { 1, 1, 64, n_info }, { 10, 3, 64 + n_info, sizeof(names) } };

	memset(out, 0, sections + 3 * 64);
	memcpy(out, "\177ELF\2\1\1", 7);
	out[16] = 1;
	out[40] = (unsigned char)sections;
	out[41] = (unsigned char)(sections >> 8);
	out[58] = 64;
	out[60] = 3;
	out[62] = 2;
	memcpy(out + 64, info, n_info);
	memcpy(out + 64 + n_info, names, sizeof(names));
	for (size_t i = 0; i < 3; i++) {
		unsigned char *s = out + sections + i * 64;

		s[0] = (unsigned char)rows[i].name;
		s[4] = (unsigned char)rows[i].type;
		s[24] = (unsigned char)rows[i].offset;
		s[25] = (unsigned char)(rows[i].offset >> 8);
		s[32] = (unsigned char)rows[i].size;
	}
	return sections + 3 * 64;
}

static const char info[] = "license=GPL\0firmware=a/b.bin\0firmware_class=x\0softdep=pre: q\0bare";

static int count_firmware(struct modinfo *m, char *last, size_t size)
{
	const char *string, *value;
	int n = 0, r;

	while ((r = modinfo_next(m, &string)) > 0) {
		value = modinfo_value(string, "firmware");
		if (value)
			snprintf(last, size, "%s", value);
		n += value != NULL;
	}
	return r < 0 ? r : n;
}

static void strings_have_keys(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_modinfo_ struct modinfo m = {};
	unsigned char module[1024];
	const char *why = "";
	char last[64] = "";

	tree_write_bytes(&t, "m.ko", module, make_module(module, info, sizeof(info)));
	assert_int_equal(modinfo_open(&m, &t.root, "m.ko", &why), 0);
	assert_int_equal(count_firmware(&m, last, sizeof(last)), 1);
	assert_string_equal(last, "a/b.bin");
	assert_null(modinfo_value("firmware", "firmware"));
	assert_null(modinfo_value("firm=x", "firmware"));
	assert_string_equal(modinfo_value("k=", "k"), "");
}

#if HAVE_ZLIB
static void a_compressed_module_is_read_whatever_its_name(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_modinfo_ struct modinfo m = {};
	unsigned char module[1024];
	size_t n = make_module(module, info, sizeof(info));
	const char *why = "";
	char last[64] = "";
	gzFile f = gzopen(tree_path(&t, "m.ko.xz"), "wb");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, module, (unsigned int)n), n);
	assert_int_equal(gzclose(f), Z_OK);
	assert_int_equal(modinfo_open(&m, &t.root, "m.ko.xz", &why), 0);
	assert_int_equal(count_firmware(&m, last, sizeof(last)), 1);
}
#endif

static void what_is_no_module_says_why(void **state)
{
	static const struct {
		const char *name, *data;
		size_t n;
		const char *why;
	} rows[] = {
		{ "empty", "", 0, "is empty" },
		{ "text", "hello, this is no ELF file at all", 33, "no ELF file" },
		{ "short", "\177ELF\2\1\1", 7, "cut short" },
		{ "gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8, "gzip" },
		{ "absent", NULL, 0, "No such file" },
	};
	_cleanup_tree_ struct tree t = tree_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct modinfo m;
		const char *why = "";

		if (rows[i].data)
			tree_write_bytes(&t, rows[i].name, rows[i].data, rows[i].n);
		assert_true(modinfo_open(&m, &t.root, rows[i].name, &why) < 0);
		if (strcmp(rows[i].name, "gzip") != 0)
			assert_non_null(strstr(why, rows[i].why));
		assert_true(*why);
	}
}

/* Cut anywhere, it is an error or a shorter answer, and never a read past its end (asan). */
static void a_cut_module_is_survived(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	unsigned char module[1024];
	size_t n = make_module(module, info, sizeof(info));

	for (size_t cut = 0; cut < n; cut++) {
		struct modinfo m;
		const char *why = "";
		char last[64];

		tree_write_bytes(&t, "m.ko", module, cut);
		if (modinfo_open(&m, &t.root, "m.ko", &why) < 0)
			continue;
		assert_true(count_firmware(&m, last, sizeof(last)) <= 1);
		modinfo_close(&m);
	}
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A line that means nothing would be a module forgotten. */
static void each_companion_line_is_a_weakdep_with_names(void **state)
{
	_cleanup_messages_ struct messages m;
	_cleanup_free_ char *text = strdup(companions_text);
	struct config c = {};

	messages_init(&m);
	c.log = &m.log;
	assert_int_equal(config_parse(&c, text, strlen(text), COMPANIONS_FILE), 0);
	assert_string_equal(messages_text(&m), "");
	assert_int_equal(c.rules[RULE_WEAKDEP].n, count_lines(companions_text));
	for (size_t i = 0; i < c.rules[RULE_WEAKDEP].n; i++)
		assert_true(c.rules[RULE_WEAKDEP].items[i].n_pre > 0);
	assert_non_null(config_match(&c, RULE_WEAKDEP, "xhci_hcd"));
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_have_keys),
#if HAVE_ZLIB
		cmocka_unit_test(a_compressed_module_is_read_whatever_its_name),
#endif
		cmocka_unit_test(what_is_no_module_says_why),
		cmocka_unit_test(a_cut_module_is_survived),
		cmocka_unit_test(each_companion_line_is_a_weakdep_with_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
