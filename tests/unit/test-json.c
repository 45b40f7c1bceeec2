/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/json.h"

static void a_string_is_written_as_json_has_it(void **state)
{
	static const struct {
		const char *value, *text;
	} rows[] = {
		{ "", "\"\"" },
		{ "pci:v*", "\"pci:v*\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\n\t\001", "\"\\u000a\\u0009\\u0001\"" },
		{ "\177", "\"\\u007f\"" },
		{ "caf\303\251", "\"caf\303\251\"" },
		{ "\342\202\254", "\"\342\202\254\"" },
		{ "\360\237\230\200", "\"\360\237\230\200\"" },
		/* not UTF-8: each byte by itself */
		{ "\200", "\"\\u0080\"" },
		{ "\377", "\"\\u00ff\"" },
		{ "\303", "\"\\u00c3\"" },
		{ "\303x", "\"\\u00c3x\"" },
		{ "\342\202", "\"\\u00e2\\u0082\"" },
		{ "\300\257", "\"\\u00c0\\u00af\"" }, /* overlong */
		{ "\340\200\257", "\"\\u00e0\\u0080\\u00af\"" },
		{ "\360\200\200\257", "\"\\u00f0\\u0080\\u0080\\u00af\"" },
		{ "\355\240\200", "\"\\u00ed\\u00a0\\u0080\"" },	    /* a surrogate */
		{ "\364\220\200\200", "\"\\u00f4\\u0090\\u0080\\u0080\"" }, /* past U+10FFFF */
		{ "\365\200\200\200", "\"\\u00f5\\u0080\\u0080\\u0080\"" },
		{ NULL, "null" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json j = {};
		_cleanup_free_ char *text = NULL;

		json_string(&j, NULL, rows[i].value);
		text = json_steal(&j);
		assert_row_string(i, text, rows[i].text);
	}
}

static void commas_stand_between_values_only(void **state)
{
	struct json j = {};
	_cleanup_free_ char *text = NULL;

	json_open(&j, NULL, '{');
	json_open(&j, "empty", '[');
	json_close(&j, ']');
	json_number(&j, "n", -9223372036854775807LL - 1);
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_open(&j, "list", '[');
	json_string(&j, NULL, "a");
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_string(&j, NULL, "b");
	json_close(&j, ']');
	json_string(&j, "k\"", NULL);
	json_close(&j, '}');
	text = json_steal(&j);
	assert_string_equal(text,
			    "{\"empty\":[],\"n\":-9223372036854775808,\"yes\":true,\"no\":false,"
			    "\"list\":[\"a\",{},\"b\"],\"k\\\"\":null}");
}

static void an_object_can_begin_with_text_and_be_written_in_pieces(void **state)
{
	static const struct {
		const char *head, *text;
	} rows[] = {
		{ "", "{\"a\":1,\n\"b\":2}" },
		{ "{", "{\"a\":1,\n\"b\":2}" },
		{ "{ \n", "{\"a\":1,\n\"b\":2}" },
		{ "{\"x\":0", "{\"x\":0,\"a\":1,\n\"b\":2}" },
		{ "{\"x\":{} \t", "{\"x\":{},\"a\":1,\n\"b\":2}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct json j = {};
		size_t size;
		FILE *f = open_memstream(&text, &size);

		json_begin_with(&j, rows[i].head, strlen(rows[i].head));
		json_number(&j, "a", 1);
		assert_int_equal(json_write(&j, f), 0);
		json_new_line(&j);
		json_number(&j, "b", 2);
		json_close(&j, '}');
		assert_int_equal(json_write(&j, f), 0);
		array_free(&j.text);
		fclose(f);
		assert_row_string(i, text, rows[i].text);
	}
}

static void after_a_failure_there_is_no_text(void **state)
{
	struct json j = { .failed = true };

	json_string(&j, NULL, "x");
	assert_int_equal(json_write(&j, stderr), -ENOMEM);
	assert_null(json_steal(&j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_string_is_written_as_json_has_it),
		cmocka_unit_test(commas_stand_between_values_only),
		cmocka_unit_test(an_object_can_begin_with_text_and_be_written_in_pieces),
		cmocka_unit_test(after_a_failure_there_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
