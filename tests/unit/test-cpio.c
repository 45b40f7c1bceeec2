/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/cpio.h"

struct output {
	char bytes[4096];
	size_t n;
	int r; /* what writing answers */
};

static int take(void *userdata, const void *data, size_t size)
{
	struct output *o = userdata;

	assert_true(o->n + size <= sizeof(o->bytes));
	memcpy(o->bytes + o->n, data, size);
	o->n += size;
	return o->r;
}

static const struct cpio_entry entries[] = {
	{ .name = "d", .mode = S_IFDIR | 0755 },
	{ .name = "d/console", .mode = S_IFCHR | 0600, .major = 5, .minor = 1 },
	{ .name = "file", .mode = S_IFREG | 0644, .data = "12345", .size = 5 },
	{ .name = "link", .mode = S_IFLNK | 0777, .data = "../init", .size = 7 },
};

static void write_all(struct output *o, uint32_t mtime)
{
	struct cpio c = { .write = take, .userdata = o, .mtime = mtime };

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		assert_int_equal(cpio_write(&c, &entries[i]), 0);
	assert_int_equal(cpio_end(&c), 0);
}

/* The fields are those of the kernel's buffer-format.rst: magic, inode, mode, uid, gid, links, mtime, size,
 * device (2), special device (2), length of the name, checksum. */
static void the_bytes_are_those_of_the_format(void **state)
{
	/* clang-format off */
	static const char expected[] =
		"070701" "00000001" "000041ED" "00000000" "00000000" "00000001" "0000000A" "00000000"
		"00000000" "00000000" "00000000" "00000000" "00000002" "00000000" "d\0"
		"070701" "00000002" "00002180" "00000000" "00000000" "00000001" "0000000A" "00000000"
		"00000000" "00000000" "00000005" "00000001" "0000000A" "00000000" "d/console\0"
		"070701" "00000003" "000081A4" "00000000" "00000000" "00000001" "0000000A" "00000005"
		"00000000" "00000000" "00000000" "00000000" "00000005" "00000000" "file\0\0" "12345\0\0\0"
		"070701" "00000004" "0000A1FF" "00000000" "00000000" "00000001" "0000000A" "00000007"
		"00000000" "00000000" "00000000" "00000000" "00000005" "00000000" "link\0\0" "../init\0"
		"070701" "00000005" "00000000" "00000000" "00000000" "00000001" "0000000A" "00000000"
		"00000000" "00000000" "00000000" "00000000" "0000000B" "00000000" "TRAILER!!!\0\0\0\0";
	/* clang-format on */
	struct output o = {};

	write_all(&o, 10);
	assert_int_equal(o.n, sizeof(expected) - 1);
	assert_memory_equal(o.bytes, expected, o.n);
}

static void the_size_is_known_before(void **state)
{
	struct output o = {};
	uint64_t n = cpio_size(NULL);

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		n += cpio_size(&entries[i]);
	write_all(&o, 0);
	assert_int_equal(n, o.n);
}

static void what_the_kernel_would_not_take_is_an_error(void **state)
{
	static char name[PATH_MAX + 1];
	struct output o = {};
	struct cpio c = { .write = take, .userdata = &o };

	memset(name, 'a', PATH_MAX);
	assert_int_equal(cpio_write(&c, &(struct cpio_entry){ .name = name }), -ENAMETOOLONG);
	/* No such size can be asked for on 32 bits. */
	if (SIZE_MAX > UINT32_MAX)
		assert_int_equal(
			cpio_write(&c, &(struct cpio_entry){ .name = "a", .size = (size_t)UINT32_MAX + 1 }),
			-EFBIG);
	assert_int_equal(o.n, 0);
	o.r = -ENOSPC;
	assert_int_equal(cpio_write(&c, &entries[2]), -ENOSPC);
	assert_int_equal(cpio_end(&c), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_are_those_of_the_format),
		cmocka_unit_test(the_size_is_known_before),
		cmocka_unit_test(what_the_kernel_would_not_take_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
