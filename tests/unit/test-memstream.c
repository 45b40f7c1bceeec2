/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/memstream.h"

static void a_text_grows_and_ends_with_a_nul(void **state)
{
	size_t n, wanted = 0;
	char *text;
	FILE *f = memstream_open(&text, &n);

	assert_non_null(f);
	assert_string_equal(text, "");
	for (int i = 0; i < 20000; i++)
		wanted += (size_t)fprintf(f, "%d ", i);
	fputc('\0', f);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(n, wanted + 1);
	assert_int_equal(memstream_close(f), 0);
	assert_int_equal(strlen(text), wanted);
	assert_int_equal(strncmp(text, "0 1 2 3", 7), 0);
	assert_string_equal(text + wanted - 12, "19998 19999 ");
	free(text);
}

static void nothing_is_an_empty_text(void **state)
{
	char *text;
	size_t n;
	FILE *f = memstream_open(&text, &n);

	assert_non_null(f);
	assert_int_equal(memstream_close(f), 0);
	assert_string_equal(text, "");
	assert_int_equal(n, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_grows_and_ends_with_a_nul),
		cmocka_unit_test(nothing_is_an_empty_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
