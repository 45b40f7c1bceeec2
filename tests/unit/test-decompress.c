/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#include "base/cleanup.h"
#include "base/decompress.h"
#include "base/limits.h"

#define ROOM ((size_t)1 << 20)

static size_t pack_gzip(const void *data, size_t size, char *out, size_t room)
{
#ifdef HAVE_ZLIB
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data,
		       .avail_in = (uInt)size,
		       .next_out = (Bytef *)out,
		       .avail_out = (uInt)room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
#else
	return 0;
#endif
}

static size_t pack_xz(const void *data, size_t size, char *out, size_t room)
{
#ifdef HAVE_LZMA
	size_t n = 0;

	assert_int_equal(
		lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, size, (uint8_t *)out, &n, room),
		LZMA_OK);
	return n;
#else
	return 0;
#endif
}

static size_t pack_zstd(const void *data, size_t size, char *out, size_t room)
{
#ifdef HAVE_ZSTD
	size_t n = ZSTD_compress(out, room, data, size, 3);

	assert_false(ZSTD_isError(n));
	return n;
#else
	return 0;
#endif
}

static const struct {
	enum compression c;
	size_t (*pack)(const void *data, size_t size, char *out, size_t room);
} formats[] = {
	{ COMPRESSION_GZIP, pack_gzip },
	{ COMPRESSION_XZ, pack_xz },
	{ COMPRESSION_ZSTD, pack_zstd },
};

/* Half noise, half zeros. */
static char *make_data(size_t size)
{
	char *p = calloc(1, size + 1);

	srand(1);
	for (size_t i = 0; i < size / 2; i++)
		p[i] = (char)rand();
	return p;
}

/* Whether there is a library to pack with. */
static bool is_built_in(size_t i)
{
	char packed[256];

	return formats[i].pack("", 0, packed, sizeof(packed)) != 0;
}

#define for_each_format(i)                               \
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) \
		if (is_built_in(i))

static void what_was_packed_comes_out_again(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 300000 };
	_cleanup_free_ char *packed = malloc(ROOM);

	for_each_format(i) for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
	{
		_cleanup_free_ char *data = make_data(sizes[k]);
		_cleanup_blob_ struct blob b = {};
		size_t n = formats[i].pack(data, sizes[k], packed, ROOM);

		assert_int_equal(compression_of(packed, n), formats[i].c);
		assert_int_equal(decompress(formats[i].c, packed, n, LIMIT_IMAGE, &b), 0);
		assert_int_equal(b.size, sizes[k]);
		if (b.size)
			assert_memory_equal(b.data, data, b.size);
	}
}

static void members_one_after_the_other_are_one_file(void **state)
{
	_cleanup_free_ char *data = make_data(100000), *packed = malloc(ROOM);

	for_each_format(i)
	{
		_cleanup_blob_ struct blob b = {};
		size_t n = formats[i].pack(data, 60000, packed, ROOM);

		n += formats[i].pack(data + 60000, 40000, packed + n, ROOM - n);
		assert_int_equal(decompress(formats[i].c, packed, n, LIMIT_IMAGE, &b), 0);
		assert_int_equal(b.size, 100000);
		assert_memory_equal(b.data, data, b.size);
	}
}

static void data_cut_anywhere_is_an_error(void **state)
{
	_cleanup_free_ char *data = make_data(2000), *packed = malloc(ROOM);

	for_each_format(i)
	{
		size_t n = formats[i].pack(data, 2000, packed, ROOM);

		for (size_t cut = 0; cut < n; cut++) {
			/* A copy of just this size, so that a sanitizer sees a read beyond it. */
			_cleanup_free_ char *piece = malloc(cut + !cut);
			struct blob b = {};
			int r;

			memcpy(piece, packed, cut);
			r = decompress(formats[i].c, piece, cut, LIMIT_IMAGE, &b);
			assert_int_equal(r, -ENODATA);
			assert_null(b.data);
		}
	}
}

static void any_flipped_byte_is_harmless(void **state)
{
	_cleanup_free_ char *data = make_data(2000), *packed = malloc(ROOM);

	for_each_format(i)
	{
		size_t n = formats[i].pack(data, 2000, packed, ROOM);

		for (size_t at = 0; at < n; at++) {
			_cleanup_blob_ struct blob b = {};

			packed[at] ^= (char)0xff;
			decompress(formats[i].c, packed, n, ROOM, &b);
			packed[at] ^= (char)0xff;
		}
	}
}

static void a_bomb_ends_at_the_limit(void **state)
{
	_cleanup_free_ char *zeros = calloc(1, ROOM), *packed = malloc(ROOM);

	for_each_format(i)
	{
		static const struct {
			size_t limit;
			int r;
		} rows[] = { { ROOM, 0 },	{ ROOM - 1, -EFBIG }, { 65536, -EFBIG },
			     { 65535, -EFBIG }, { 1, -EFBIG },	      { 0, -EFBIG } };
		size_t n = formats[i].pack(zeros, ROOM, packed, ROOM);

		for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
			_cleanup_blob_ struct blob b = {};

			assert_int_equal(decompress(formats[i].c, packed, n, rows[k].limit, &b), rows[k].r);
		}
		assert_non_null(strstr(decompress_strerror(formats[i].c, -EFBIG), "LIMIT_IMAGE"));
	}
}

static void bytes_after_the_end_are_ignored_for_gzip_and_damage_otherwise(void **state)
{
	_cleanup_free_ char *data = make_data(1000), *packed = malloc(ROOM);

	for_each_format(i)
	{
		_cleanup_blob_ struct blob b = {};
		size_t n = formats[i].pack(data, 1000, packed, ROOM);
		int r;

		memcpy(packed + n, "rubbish, rubbish", 16);
		r = decompress(formats[i].c, packed, n + 16, LIMIT_IMAGE, &b);
		assert_int_equal(r, formats[i].c == COMPRESSION_GZIP ? 0 : -EBADMSG);
	}
}

static void a_format_without_its_library_says_so(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct blob b = {};

		if (is_built_in(i))
			continue;
		assert_int_equal(decompress(formats[i].c, "", 0, 1, &b), -EOPNOTSUPP);
		assert_non_null(strstr(decompress_strerror(formats[i].c, -EOPNOTSUPP), "built without"));
	}
}

static void the_kernels_words_are_understood(void **state)
{
	static const struct {
		const char *word;
		enum compression c;
	} rows[] = {
		{ "gzip", COMPRESSION_GZIP }, { "xz", COMPRESSION_XZ }, { "zstd", COMPRESSION_ZSTD },
		{ "none", COMPRESSION_NONE }, { "", COMPRESSION_NONE }, { "xz ", COMPRESSION_NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(compression_by_name(rows[i].word), rows[i].c);
}

static void short_or_other_bytes_are_no_compression(void **state)
{
	assert_int_equal(compression_of("", 0), COMPRESSION_NONE);
	assert_int_equal(compression_of("\x1f", 1), COMPRESSION_NONE);
	assert_int_equal(compression_of("\xfd"
					"7zXZ",
					5),
			 COMPRESSION_NONE);
	assert_int_equal(compression_of("\177ELF\2\1", 6), COMPRESSION_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_comes_out_again),
		cmocka_unit_test(members_one_after_the_other_are_one_file),
		cmocka_unit_test(data_cut_anywhere_is_an_error),
		cmocka_unit_test(any_flipped_byte_is_harmless),
		cmocka_unit_test(a_bomb_ends_at_the_limit),
		cmocka_unit_test(bytes_after_the_end_are_ignored_for_gzip_and_damage_otherwise),
		cmocka_unit_test(a_format_without_its_library_says_so),
		cmocka_unit_test(the_kernels_words_are_understood),
		cmocka_unit_test(short_or_other_bytes_are_no_compression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
