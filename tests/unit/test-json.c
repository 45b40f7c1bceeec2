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

static void after_a_failure_there_is_no_text(void **state)
{
	struct json j = { .failed = true };

	json_string(&j, NULL, "x");
	assert_null(json_steal(&j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_string_is_written_as_json_has_it),
		cmocka_unit_test(commas_stand_between_values_only),
		cmocka_unit_test(after_a_failure_there_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
