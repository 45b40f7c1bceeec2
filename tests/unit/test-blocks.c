/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/blocks.h"

#define BLOCK (1U << BLOCKS_SHIFT)
#define MANY (20 * BLOCK + 7)

/* What is at a place: each block is another one. */
static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / BLOCK * 31 + 1);
}

static void write_file(const struct tree *t, const char *name, size_t size)
{
	uint8_t *data = malloc(size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(i);
	tree_write_bytes(t, name, data, size);
	free(data);
}

static bool is_right(const struct blocks *b, size_t offset, size_t n)
{
	for (size_t i = offset; i < offset + n; i++)
		if (b->data[i] != byte_at(i))
			return false;
	return true;
}

static void what_was_asked_for_is_there(void **state)
{
	static const size_t sizes[] = { 0,	   1,	BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 4 * BLOCK + 1,
					5 * BLOCK, MANY };
	struct dice dice = dice_new(1);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_blocks_ struct blocks b = {};

		write_file(&t, "f", sizes[i]);
		assert_row(i, !blocks_open(&b, &t.root, "f", MANY) && b.size == sizes[i]);
		for (int k = 0; k < 200; k++) {
			size_t offset = dice_roll(&dice, (uint32_t)sizes[i] + 1);
			size_t left = sizes[i] - offset, n = dice_roll(&dice, (uint32_t)left + 1);

			n = k % 4 && n > 100 ? n % 100 : n;
			assert_row(i, !blocks_read(&b, offset, n) && is_right(&b, offset, n));
			assert_row(i, !n || blocks_end(&b, offset) >= offset + n);
		}
	}
}

/* What is said to be there is, and nothing is read that nobody has asked for. */
static void only_what_was_asked_for_is_read(void **state)
{
	static const struct {
		size_t offset, n;
		size_t from, to; /* the blocks that are there */
	} rows[] = {
		{ 0, 1, 0, 1 },
		{ 5 * BLOCK - 1, 1, 4, 5 },
		{ 5 * BLOCK - 1, 2, 4, 6 },
		{ 5 * BLOCK, BLOCK, 5, 6 },
		{ 3 * BLOCK + 9, 4 * BLOCK, 3, 8 },
		{ MANY - 1, 1, 20, 21 },
		{ 7, 0, 0, 0 },
		{ MANY, 0, 0, 0 },
		{ 0, MANY, 0, 21 },
	};
	_cleanup_tree_ struct tree t = tree_new();

	write_file(&t, "f", MANY);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_blocks_ struct blocks b = {};

		assert_row(i, !blocks_open(&b, &t.root, "f", MANY));
		assert_row(i, !blocks_read(&b, rows[i].offset, rows[i].n));
		for (size_t k = 0; k <= MANY / BLOCK; k++) {
			size_t end = blocks_end(&b, k * BLOCK);

			assert_row(i, (end > k * BLOCK) == (k >= rows[i].from && k < rows[i].to));
			assert_row(i, end <= k * BLOCK || is_right(&b, k * BLOCK, end - k * BLOCK));
		}
	}
}

/* The first reads are of single blocks. */
static void a_file_that_is_looked_at_everywhere_is_read_in_larger_pieces(void **state)
{
	const size_t n = 500, size = (n - 1) * BLOCK + 7;
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_blocks_ struct blocks b = {};

	write_file(&t, "f", size);
	assert_int_equal(blocks_open(&b, &t.root, "f", size), 0);
	for (size_t i = 0; i < n; i++) {
		size_t offset = i * 211 % n * BLOCK, there = 0;

		assert_row(i, !blocks_read(&b, offset, 1) && is_right(&b, offset, 1));
		for (size_t k = 0; i < 64 && k < n; k++)
			there += blocks_end(&b, k * BLOCK) > k * BLOCK;
		assert_row(i, i >= 64 || there == i + 1);
	}
	assert_in_range(b.n_reads, 65, n * 3 / 5);
	for (size_t i = 0; i < n; i++) {
		size_t end = blocks_end(&b, i * BLOCK);

		assert_row(i, end > i * BLOCK && end <= size && is_right(&b, i * BLOCK, end - i * BLOCK));
	}
}

static void what_is_not_within_the_file_is_an_error(void **state)
{
	static const struct {
		size_t offset, n;
	} rows[] = {
		{ MANY, 1 },	 { MANY + 1, 0 }, { 0, MANY + 1 },
		{ MANY - 1, 2 }, { 1, SIZE_MAX }, { SIZE_MAX, 1 },
	};
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_blocks_ struct blocks b = {};

	write_file(&t, "f", MANY);
	assert_int_equal(blocks_open(&b, &t.root, "f", MANY), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, blocks_read(&b, rows[i].offset, rows[i].n) == -ERANGE);
}

/* What happens to a file of which the second block has been read. */
enum event { NOTHING, EMPTIED, CUT, CUT_LATER, GROWN, WRITTEN, TOUCHED, REPLACED, REMOVED };

static void happen(const struct tree *t, enum event event)
{
	const char *path = tree_path(t, "f");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	switch (event) {
	case NOTHING:
		break;
	case EMPTIED:
		assert_int_equal(ftruncate(fd, 0), 0);
		break;
	case CUT:
		assert_int_equal(ftruncate(fd, BLOCK + 9), 0);
		break;
	case CUT_LATER:
		assert_int_equal(ftruncate(fd, MANY - 1), 0);
		break;
	case GROWN:
		assert_int_equal(ftruncate(fd, MANY + 1), 0);
		break;
	case WRITTEN:
		assert_int_equal(pwrite(fd, "x", 1, 3 * BLOCK), 1);
		/* fall through: clocks of file systems are coarse */
	case TOUCHED:
		tree_age(t, "f", 100);
		break;
	case REPLACED:
		tree_write(t, "g", "shorter");
		assert_int_equal(rename(tree_path(t, "g"), path), 0);
		break;
	case REMOVED:
		assert_int_equal(unlink(path), 0);
		break;
	}
}

static void a_file_that_is_changed_in_use_is_an_error_and_what_was_read_stays(void **state)
{
	static const struct {
		enum event event;
		int r;
	} rows[] = {
		{ NOTHING, 0 },		 { EMPTIED, -EBADMSG }, { CUT, -EBADMSG },
		{ CUT_LATER, -EBADMSG }, { GROWN, -EBADMSG },	{ WRITTEN, -EBADMSG },
		{ TOUCHED, -EBADMSG },	 { REPLACED, 0 },	{ REMOVED, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_blocks_ struct blocks b = {};

		write_file(&t, "f", MANY);
		assert_row(i, !blocks_open(&b, &t.root, "f", MANY) && !blocks_read(&b, BLOCK, 10));
		happen(&t, rows[i].event);
		assert_row(i, !blocks_read(&b, BLOCK, BLOCK)); /* which needs no reading */
		for (int k = 0; k < 2; k++)
			assert_row(i, blocks_read(&b, 3 * BLOCK, 1) == rows[i].r);
		assert_row(i, blocks_read(&b, BLOCK + 3, 3 * BLOCK) == rows[i].r);
		assert_row(i, is_right(&b, BLOCK, BLOCK));
	}
}

static void a_small_file_is_read_at_once_and_let_go(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_blocks_ struct blocks b = {};

	write_file(&t, "f", 4 * BLOCK);
	assert_int_equal(blocks_open(&b, &t.root, "f", MANY), 0);
	assert_int_equal(b.fd, -1);
	assert_int_equal(truncate(tree_path(&t, "f"), 0), 0);
	assert_int_equal(blocks_read(&b, 0, b.size), 0);
	assert_true(is_right(&b, 0, b.size));
}

static void what_cannot_be_read_is_an_error_and_never_waits(void **state)
{
	static const struct {
		const char *name;
		size_t max;
		int r;
	} rows[] = {
		{ "dir", 100, -EISDIR },  { "fifo", 100, -EINVAL }, { "none", 100, -ENOENT },
		{ "f/x", 100, -ENOTDIR }, { "f", 99, -EFBIG },	    { "f", 100, 0 },
	};
	_cleanup_tree_ struct tree t = tree_new();

	tree_mkdir(&t, "dir/");
	write_file(&t, "f", 100);
	assert_int_equal(mkfifo(tree_path(&t, "fifo"), 0600), 0);
	alarm(10);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_blocks_ struct blocks b = {};

		assert_row(i, blocks_open(&b, &t.root, rows[i].name, rows[i].max) == rows[i].r);
		assert_row(i, !rows[i].r == !!b.ends);
	}
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for_is_there),
		cmocka_unit_test(only_what_was_asked_for_is_read),
		cmocka_unit_test(a_file_that_is_looked_at_everywhere_is_read_in_larger_pieces),
		cmocka_unit_test(what_is_not_within_the_file_is_an_error),
		cmocka_unit_test(a_file_that_is_changed_in_use_is_an_error_and_what_was_read_stays),
		cmocka_unit_test(a_small_file_is_read_at_once_and_let_go),
		cmocka_unit_test(what_cannot_be_read_is_an_error_and_never_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
