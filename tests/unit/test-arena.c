/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/arena.h"
#include "base/intern.h"

static void every_size_is_aligned_and_its_own(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 16383, 16384, 16385, 100000, 3 };
	_cleanup_arena_ struct arena a = {};
	char *p[ARRAY_SIZE(sizes)];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = arena_alloc(&a, sizes[i]);
		assert_row(i, p[i] && (uintptr_t)p[i] % _Alignof(max_align_t) == 0);
		memset(p[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], i);
}

static void an_impossible_size_is_refused(void **state)
{
	_cleanup_arena_ struct arena a = {};

	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
	assert_non_null(arena_strdup(&a, "goes on"));
}

static void strings_are_copied_with_their_end(void **state)
{
	_cleanup_arena_ struct arena a = {};
	char text[] = "abcdef";
	const char *whole = arena_strdup(&a, text), *part = arena_strndup(&a, text, 3);
	char *number = arena_printf(&a, "%s=%d", text, 42), *empty = arena_printf(&a, "%s", "");

	memset(text, 'x', 6);
	assert_string_equal(whole, "abcdef");
	assert_string_equal(part, "abc");
	assert_string_equal(number, "abcdef=42");
	assert_string_equal(empty, "");
}

static void an_arena_can_be_used_again_after_it_was_freed(void **state)
{
	struct arena a = {};

	arena_strdup(&a, "one");
	arena_free(&a);
	arena_free(&a);
	assert_string_equal(arena_strdup(&a, "two"), "two");
	arena_free(&a);
}

static void a_string_has_one_id_in_order_of_appearance(void **state)
{
	struct intern t = {};
	char s[16];

	assert_int_equal(intern_find(&t, "a", 1), INTERN_NONE);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 5000; i++) {
			int n = snprintf(s, sizeof(s), "%u", i);

			assert_int_equal(intern_add(&t, s, (size_t)n), i);
		}
	for (uint32_t i = 0; i < 5000; i++) {
		int n = snprintf(s, sizeof(s), "%u", i);

		assert_int_equal(intern_find(&t, s, (size_t)n), i);
		assert_string_equal(intern_string(&t, i), s);
	}
	assert_int_equal(intern_find(&t, "5000", 4), INTERN_NONE);
	assert_int_equal(t.n, 5000);
	intern_free(&t);
	assert_int_equal(intern_find(&t, "1", 1), INTERN_NONE);
}

static void only_len_bytes_count(void **state)
{
	struct intern t = {};
	uint32_t abc = intern_add(&t, "abcdefghi", 3);

	assert_int_equal(intern_add(&t, "abc", 3), abc);
	assert_int_not_equal(intern_add(&t, "abcdefghi", 9), abc);
	assert_int_not_equal(intern_add(&t, "", 0), abc);
	assert_int_equal(intern_find(&t, "whatever", 0), intern_find(&t, "", 0));
	intern_free(&t);
}

static void an_array_keeps_what_it_holds_as_it_grows(void **state)
{
	ARRAY(uint32_t) a = {};

	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(array_push(&a, i), 0);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(a.items[i], i);
	assert_int_equal(array_make_room(&a, SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(a.items[99999], 99999);
	array_free(&a);
	assert_int_equal(a.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_is_aligned_and_its_own),
		cmocka_unit_test(an_impossible_size_is_refused),
		cmocka_unit_test(strings_are_copied_with_their_end),
		cmocka_unit_test(an_arena_can_be_used_again_after_it_was_freed),
		cmocka_unit_test(a_string_has_one_id_in_order_of_appearance),
		cmocka_unit_test(only_len_bytes_count),
		cmocka_unit_test(an_array_keeps_what_it_holds_as_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
