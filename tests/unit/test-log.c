/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

static void a_control_character_never_reaches_the_sink(void **state)
{
	static const struct {
		const char *name, *shown;
	} rows[] = {
		{ "plain", "plain" },
		{ "a\033[2Jb", "a\\x1b[2Jb" },
		{ "tab\there", "tab\\x09here" },
		{ "two\nlines", "two\\x0alines" },
		{ "del\177", "del\\x7f" },
		{ "\001\037", "\\x01\\x1f" },
		{ "c1\302\233m", "c1\\xc2\\x9bm" },
		{ "caf\303\251", "caf\303\251" },
		{ "lone\233m", "lone\\x9bm" },
		{ "in a letter \303\233 \342\200\233 \360\237\200\233",
		  "in a letter \303\233 \342\200\233 \360\237\200\233" },
		{ "too long \340\200\233", "too long \340\\x80\\x9b" },
		{ "cut \342\200", "cut \342\\x80" },
		{ "no letter \240\377", "no letter \240\377" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_messages_ struct messages m;

		messages_init(&m);
		log_warning(&m.log, "%s", rows[i].name);
		m.text.items[m.text.n - 1] = '\0';
		assert_row_string(i, m.text.items, rows[i].shown);
	}
}

static void a_message_of_any_length_is_cut(void **state)
{
	_cleanup_messages_ struct messages m;
	char *text = malloc(1 << 20);

	messages_init(&m);
	memset(text, 'x', 1 << 20);
	text[(1 << 20) - 1] = '\0';
	log_error(&m.log, "%s", text);
	free(text);
	assert_in_range(m.text.n, 1000, 4096);
}

static void what_is_counted_and_what_is_shown(void **state)
{
	_cleanup_messages_ struct messages m;

	messages_init(&m);
	log_debug(&m.log, "debug");
	log_info(&m.log, "info");
	assert_string_equal(messages_text(&m), "");
	log_warning(&m.log, "w");
	log_error(&m.log, "e");
	log_lost(&m.log, "l");
	assert_string_equal(messages_text(&m), "w\ne\nl\n");
	assert_int_equal(m.log.warnings, 1);
	assert_int_equal(m.log.errors, 2);
	assert_int_equal(m.log.lost, 1);
}

static void without_a_sink_it_still_counts(void **state)
{
	struct log log = {};

	log_lost(&log, "nobody reads %s", "this");
	assert_int_equal(log.lost, 1);
	assert_int_equal(log.errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_control_character_never_reaches_the_sink),
		cmocka_unit_test(a_message_of_any_length_is_cut),
		cmocka_unit_test(what_is_counted_and_what_is_shown),
		cmocka_unit_test(without_a_sink_it_still_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
