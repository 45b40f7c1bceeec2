/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of an archive's tables: each is read once, alone or with its neighbours, and checked before it is
 * used, whatever becomes of the file meanwhile. */
#include <fcntl.h>
#include <unistd.h>

#include "base/archive-format.h"
#include "base/archive-read.h"
#include "base/little-endian.h"
#include "base/xxh64.h"
#include "tests/unit/test.h"

#define BLOCKS 70U /* the first one is the header */

struct file {
	struct tree t;
	struct messages m;
	struct archive a;
	uint8_t *bytes;
};

/* A file of blocks with right sums, each full of its own number, as archive_open() leaves its reader. */
static void file_open(struct file *f)
{
	*f = (struct file){ .t = tree_new(), .bytes = calloc(BLOCKS, ARCHIVE_BLOCK) };
	assert_non_null(f->bytes);
	messages_init(&f->m);
	for (uint32_t i = 1; i < BLOCKS; i++) {
		uint8_t *block = f->bytes + (size_t)i * ARCHIVE_BLOCK;

		memset(block, (int)i, ARCHIVE_BLOCK);
		put_le64(f->bytes + ARCHIVE_HEADER_SIZE + 8 * (i - 1), xxh64(block, ARCHIVE_BLOCK));
	}
	tree_write_bytes(&f->t, "a", f->bytes, (size_t)BLOCKS * ARCHIVE_BLOCK);
	f->a = (struct archive){ .log = &f->m.log,
				 .path = strdup("a"),
				 .fd = open(tree_path(&f->t, "a"), O_RDWR | O_CLOEXEC),
				 .first = ARCHIVE_BLOCK,
				 .size = (uint64_t)BLOCKS * ARCHIVE_BLOCK,
				 .tables_size = (uint64_t)BLOCKS * ARCHIVE_BLOCK,
				 .tables = malloc((size_t)BLOCKS * ARCHIVE_BLOCK),
				 .blocks = calloc(BLOCKS, 1),
				 .unread = BLOCKS - 1 };
	assert_true(f->a.fd >= 0 && f->a.path && f->a.tables && f->a.blocks);
	memcpy(f->a.tables, f->bytes, ARCHIVE_BLOCK);
	f->a.sections[ARCHIVE_ALIASES] =
		(struct archive_section){ .place = ARCHIVE_BLOCK,
					  .size = (uint64_t)(BLOCKS - 1) * ARCHIVE_BLOCK };
}

static void file_close(struct file *f)
{
	archive_close(&f->a);
	messages_free(&f->m);
	tree_free(&f->t);
	free(f->bytes);
}

/* Overwrites a byte in the middle of a block of the file. */
static void spoil(struct file *f, uint32_t block)
{
	uint8_t byte = 0xEE;

	assert_int_equal(pwrite(f->a.fd, &byte, 1, (off_t)block * ARCHIVE_BLOCK + 2000), 1);
}

static int need(struct file *f, uint32_t block)
{
	return archive_need(&f->a, (uint64_t)block * ARCHIVE_BLOCK + 100, 8);
}

static void assert_good(struct file *f, uint32_t block)
{
	assert_int_equal(need(f, block), 0);
	assert_memory_equal(f->a.tables + (size_t)block * ARCHIVE_BLOCK,
			    f->bytes + (size_t)block * ARCHIVE_BLOCK, ARCHIVE_BLOCK);
}

/* The first ones alone: what is changed beside them later is seen. */
static void read_some_alone(struct file *f)
{
	for (uint32_t block = 1; block < 16; block += 2)
		assert_good(f, block);
	assert_int_equal(f->a.singles, 8);
}

static void the_first_blocks_are_read_alone(void **state)
{
	struct file f;

	file_open(&f);
	read_some_alone(&f);
	spoil(&f, 2);
	spoil(&f, 3);
	assert_int_equal(need(&f, 2), -EBADMSG);
	assert_contains(messages_text(&f.m), "a: damaged at byte 8192: this block has another checksum");
	/* What has been checked is not read again with its neighbours. */
	assert_good(&f, 4);
	assert_good(&f, 3);
	assert_int_equal(f.a.unread, BLOCKS - 1 - 9);
	file_close(&f);
}

static void others_are_read_with_their_neighbours(void **state)
{
	struct file f;

	file_open(&f);
	read_some_alone(&f);
	assert_good(&f, 40);
	for (uint32_t block = 32; block < 48; block++)
		spoil(&f, block);
	for (uint32_t block = 32; block < 48; block++)
		assert_good(&f, block);
	assert_int_equal(f.a.singles, 8);
	assert_int_equal(f.a.unread, BLOCKS - 1 - 8 - 16);
	/* A neighbour is not taken for good unseen. */
	spoil(&f, 50);
	assert_good(&f, 49);
	assert_int_equal(need(&f, 50), -EBADMSG);
	assert_int_equal(need(&f, 50), -EBADMSG);
	assert_good(&f, 51);
	/* The last ones are fewer. */
	assert_good(&f, 69);
	assert_int_equal(f.a.unread, BLOCKS - 1 - 8 - 16 - 3);
	file_close(&f);
}

static void the_header_is_not_read_again(void **state)
{
	struct file f;

	file_open(&f);
	f.a.singles = 8;
	assert_int_equal(pwrite(f.a.fd, "not the header", 14, 0), 14);
	assert_good(&f, 5);
	assert_memory_equal(f.a.tables, f.bytes, ARCHIVE_BLOCK);
	assert_good(&f, 1);
	assert_good(&f, 15);
	assert_int_equal(f.a.singles, 8);
	file_close(&f);
}

static void what_is_in_front_of_a_cut_is_read(void **state)
{
	struct file f;

	file_open(&f);
	read_some_alone(&f);
	assert_int_equal(ftruncate(f.a.fd, 60 * ARCHIVE_BLOCK), 0);
	assert_good(&f, 50);
	assert_good(&f, 59);
	assert_int_equal(need(&f, 60), -EBADMSG);
	assert_contains(messages_text(&f.m), "the file was cut while it was in use");
	file_close(&f);
}

static void all_of_them_leave_none_unread(void **state)
{
	struct file f;

	file_open(&f);
	assert_int_equal(archive_need(&f.a, ARCHIVE_BLOCK, (uint64_t)(BLOCKS - 1) * ARCHIVE_BLOCK), 0);
	assert_int_equal(f.a.unread, 0);
	for (uint32_t block = 1; block < BLOCKS; block++)
		assert_good(&f, block);
	assert_int_equal(f.a.unread, 0);
	file_close(&f);
}

/* Tables that are all there, and full of zeros. */
static void tables_open(struct archive *a, struct messages *m, uint32_t n_entries, size_t size)
{
	size_t blocks = size / ARCHIVE_BLOCK + 1;

	messages_init(m);
	*a = (struct archive){ .fd = -1, .log = &m->log, .n_entries = n_entries, .tables_size = size };
	a->path = strdup("a");
	a->tables = calloc(1, size);
	a->blocks = malloc(blocks);
	assert_true(a->path && a->tables && a->blocks);
	memset(a->blocks, ARCHIVE_BLOCK_GOOD, blocks);
}

/* Each slot is full, and the name that is asked for stands far behind its place. */
static void a_name_is_not_looked_for_in_all_of_a_full_table(void **state)
{
	enum { N_ENTRIES = 1024, SLOTS = 2048 };
	static const char strings[] = "m\0other";
	size_t rows = sizeof(strings), slots = rows + (size_t)N_ENTRIES * ARCHIVE_ENTRY_ROW,
	       size = slots + 4 + 4 * SLOTS;
	struct archive_entry e;
	struct messages m;
	struct archive a;

	tables_open(&a, &m, N_ENTRIES, size);
	memcpy(a.tables, strings, sizeof(strings));
	a.tables[rows] = a.tables[rows + ARCHIVE_ENTRY_ROW] = ARCHIVE_MODULE;
	a.tables[rows + ARCHIVE_ENTRY_ROW + 4] = 2;
	put_le32(a.tables + slots, SLOTS);
	for (size_t i = 0; i < SLOTS; i++)
		put_le32(a.tables + slots + 4 + 4 * i, 1);
	put_le32(a.tables + slots + 4 + 4 * ((xxh64("other", 5) + 1500) % SLOTS), 2);
	a.sections[ARCHIVE_STRINGS] = (struct archive_section){ .size = rows };
	a.sections[ARCHIVE_ENTRIES] = (struct archive_section){ .place = rows, .size = slots - rows };
	a.sections[ARCHIVE_NAMES] = (struct archive_section){ .place = slots, .size = size - slots };
	assert_int_equal(archive_find(&a, "m", &e), 1);
	assert_int_equal(archive_find(&a, "other", &e), -EBADMSG);
	assert_contains(messages_text(&m), "too many full slots in a row");
	archive_close(&a);
	messages_free(&m);
}

/* Whether its list is in its place cannot be seen then, but it is no longer than others. */
static void an_entry_behind_a_damaged_block_is_read(void **state)
{
	size_t rows = ARCHIVE_BLOCK - ARCHIVE_ENTRY_ROW, strings = ARCHIVE_BLOCK + ARCHIVE_ENTRY_ROW;
	struct archive_entry e;
	struct messages m;
	struct archive a;

	tables_open(&a, &m, 5000, strings + 2);
	a.blocks[0] = ARCHIVE_BLOCK_DAMAGED;
	a.tables[strings] = 'm';
	a.sections[ARCHIVE_ENTRIES] =
		(struct archive_section){ .place = rows, .size = (size_t)2 * ARCHIVE_ENTRY_ROW };
	a.sections[ARCHIVE_STRINGS] = (struct archive_section){ .place = strings, .size = 2 };
	put_le32(a.tables + ARCHIVE_BLOCK + 36, 9);
	put_le32(a.tables + ARCHIVE_BLOCK + 40, 3);
	assert_int_equal(archive_entry(&a, 0, &e), -EBADMSG);
	assert_int_equal(archive_entry(&a, 1, &e), 0);
	assert_int_equal(e.n_dependencies, 3);
	put_le32(a.tables + ARCHIVE_BLOCK + 40, 4097);
	assert_int_equal(archive_entry(&a, 1, &e), -EBADMSG);
	archive_close(&a);
	messages_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_blocks_are_read_alone),
		cmocka_unit_test(others_are_read_with_their_neighbours),
		cmocka_unit_test(the_header_is_not_read_again),
		cmocka_unit_test(what_is_in_front_of_a_cut_is_read),
		cmocka_unit_test(all_of_them_leave_none_unread),
		cmocka_unit_test(a_name_is_not_looked_for_in_all_of_a_full_table),
		cmocka_unit_test(an_entry_behind_a_damaged_block_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
