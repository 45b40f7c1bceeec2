/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/blocks.h"

/* A file whose bytes tell where they are. */
static void make_file(const struct tree *t, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	tree_write_bytes(t, "f", bytes, size);
}

static void every_byte_is_the_files_in_any_order(void **state)
{
	static const size_t sizes[] = { 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 5 * BLOCK_SIZE + 77 };
	static uint8_t bytes[6 * BLOCK_SIZE];
	struct dice dice = dice_new(7);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_blocks_ struct blocks b = BLOCKS_NONE;
		size_t size = sizes[i];

		make_file(&t, bytes, size);
		assert_row(i, !blocks_open(&b, &t.root, "f", sizeof(bytes)) && b.size == size);
		for (int k = 0; k < 100; k++) {
			size_t at = dice_roll(&dice, (uint32_t)size), n = blocks_have(&b, at);

			assert_row(i, n <= size - at && (n == size - at || n > BLOCK_SIZE));
			assert_row(i, !memcmp(b.data + at, bytes + at, n));
		}
	}
}

static void only_what_is_looked_at_is_read(void **state)
{
	static uint8_t bytes[6 * BLOCK_SIZE];
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_blocks_ struct blocks b = BLOCKS_NONE;

	make_file(&t, bytes, sizeof(bytes));
	assert_int_equal(blocks_open(&b, &t.root, "f", sizeof(bytes)), 0);
	assert_true(blocks_have(&b, 3 * BLOCK_SIZE + 5));
	for (size_t i = 0; i < 6; i++)
		assert_row(i, !b.have[i] == (i != 3 && i != 4));
}

static void a_file_that_was_cut_is_an_error_and_what_was_read_stays(void **state)
{
	static uint8_t bytes[4 * BLOCK_SIZE];
	static const struct {
		size_t size, at; /* cut to, looked at behind the first block */
		bool there;
	} rows[] = {
		{ 3 * BLOCK_SIZE, 2 * BLOCK_SIZE, false },
		{ 3 * BLOCK_SIZE, 3 * BLOCK_SIZE, false },
		{ 0, 1 * BLOCK_SIZE, false },
		{ 0, 100, true },
		{ sizeof(bytes) - 1, sizeof(bytes) - 1, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_blocks_ struct blocks b = BLOCKS_NONE;
		size_t n;

		make_file(&t, bytes, sizeof(bytes));
		assert_int_equal(blocks_open(&b, &t.root, "f", sizeof(bytes)), 0);
		assert_int_equal(blocks_have(&b, 0), 2 * BLOCK_SIZE);
		assert_int_equal(truncate(tree_path(&t, "f"), (off_t)rows[i].size), 0);
		n = blocks_have(&b, rows[i].at);
		assert_row(i, (n > 0) == rows[i].there && (n || b.error == -ESTALE));
		assert_memory_equal(b.data, bytes, 2 * BLOCK_SIZE);
	}
}

/* A failing disk: the descriptor is one that cannot be read. */
static void an_error_is_the_kernels(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_blocks_ struct blocks b = BLOCKS_NONE;

	tree_write(&t, "f", "text");
	assert_int_equal(blocks_open(&b, &t.root, "f", 100), 0);
	assert_int_equal(dup2(t.root.fd, b.fd), b.fd);
	assert_int_equal(blocks_have(&b, 0), 0);
	assert_int_equal(b.error, -EBADF);
}

static void what_cannot_be_opened_is_an_error(void **state)
{
	static const struct {
		const char *name;
		int r;
	} rows[] = { { "none", -ENOENT }, { "d", -EISDIR }, { "large", -EFBIG }, { "empty", 0 } };
	_cleanup_tree_ struct tree t = tree_new();

	tree_mkdir(&t, "d/");
	tree_write(&t, "large", "12345");
	tree_write(&t, "empty", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_blocks_ struct blocks b = BLOCKS_NONE;

		assert_row(i, blocks_open(&b, &t.root, rows[i].name, 4) == rows[i].r);
		assert_row(i, !b.size && !b.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_the_files_in_any_order),
		cmocka_unit_test(only_what_is_looked_at_is_read),
		cmocka_unit_test(a_file_that_was_cut_is_an_error_and_what_was_read_stays),
		cmocka_unit_test(an_error_is_the_kernels),
		cmocka_unit_test(what_cannot_be_opened_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
