/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/compress.h"

#ifdef HAVE_LZ4
#include <lz4.h>
#endif

/* What compresses a little, and is longer than a block of any method. */
static char *make_input(size_t n)
{
	char *p = malloc(n + 1);
	uint32_t x = 1;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 28);
	}
	return p;
}

static uint32_t get_le32(const char *p)
{
	const unsigned char *q = (const unsigned char *)p;

	return q[0] | (uint32_t)q[1] << 8 | (uint32_t)q[2] << 16 | (uint32_t)q[3] << 24;
}

/* As the kernel's lib/decompress_unlz4.c reads it. */
static void unpack_lz4(const struct blob *packed, char *out, size_t size)
{
#ifdef HAVE_LZ4
	size_t at = 4, n = 0;

	assert_int_equal(get_le32(packed->data), 0x184c2102);
	while (at < packed->size) {
		uint32_t block = get_le32(packed->data + at);
		int k;

		assert_true(block <= packed->size - at - 4);
		k = LZ4_decompress_safe(packed->data + at + 4, out + n, (int)block, (int)(size - n));
		assert_true(k > 0 && k <= 8 << 20);
		n += (size_t)k;
		at += 4 + block;
	}
	assert_int_equal(n, size);
#endif
}

static void unpack(enum compress_method m, const struct blob *packed, char *out, size_t size)
{
	static const enum compression how[] = { [COMPRESS_GZIP] = COMPRESSION_GZIP,
						[COMPRESS_XZ] = COMPRESSION_XZ,
						[COMPRESS_ZSTD] = COMPRESSION_ZSTD };
	_cleanup_blob_ struct blob blob = {};

	if (m == COMPRESS_LZ4) {
		unpack_lz4(packed, out, size);
		return;
	}
	if (m != COMPRESS_NONE)
		assert_int_equal(decompress(how[m], packed->data, packed->size, size, &blob), 0);
	assert_int_equal(m == COMPRESS_NONE ? packed->size : blob.size, size);
	if (size)
		memcpy(out, m == COMPRESS_NONE ? packed->data : blob.data, size);
}

static void what_is_compressed_comes_back(void **state)
{
	static const size_t sizes[] = {
		0, 1, 5, 4095, 131072, 131073, ((size_t)8 << 20), ((size_t)8 << 20) + 1
	};

	for (enum compress_method m = 0; m < COMPRESS_METHODS; m++)
		for (size_t i = 0; compress_built_in(m) && i < ARRAY_SIZE(sizes); i++) {
			_cleanup_free_ char *in = make_input(sizes[i]), *out = malloc(sizes[i] + 1);
			_cleanup_blob_ struct blob packed = {}, again = {};

			/* The others have blocks of less. */
			if (sizes[i] > 1 << 20 && m != COMPRESS_LZ4)
				continue;
			assert_int_equal(compress_all(m, in, sizes[i], &packed), 0);
			assert_int_equal(compress_all(m, in, sizes[i], &again), 0);
			assert_row(i, packed.size == again.size);
			if (packed.size)
				assert_memory_equal(packed.data, again.data, packed.size);
			unpack(m, &packed, out, sizes[i]);
			assert_memory_equal(in, out, sizes[i]);
		}
}

static int append(void *userdata, const void *data, size_t size)
{
	struct blob *b = userdata;

	assert_int_equal(blob_reserve(b, b->size + size + 1), 0);
	memcpy(b->data + b->size, data, size);
	b->size += size;
	return 0;
}

static void the_bytes_do_not_depend_on_the_pieces(void **state)
{
	enum { N = 300000 };
	_cleanup_free_ char *in = make_input(N);

	for (enum compress_method m = 0; m < COMPRESS_METHODS; m++) {
		_cleanup_blob_ struct blob packed = {}, other = {};
		struct compressor *c;

		if (!compress_built_in(m))
			continue;
		assert_int_equal(compress_all(m, in, N, &packed), 0);
		assert_int_equal(compressor_new(&c, m, N, append, &other), 0);
		for (size_t at = 0, n; at < N; at += n) {
			n = at % 7777 + 1 < N - at ? at % 7777 + 1 : N - at;
			assert_int_equal(compressor_add(c, in + at, n), 0);
		}
		assert_int_equal(compressor_end(c), 0);
		compressor_free(c);
		assert_int_equal(packed.size, other.size);
		assert_memory_equal(packed.data, other.data, packed.size);
	}
}

/* The kernel's xz knows CRC32 and no more; its zstd has a window of 128 MiB at most. */
static void headers_are_what_the_kernel_takes(void **state)
{
	_cleanup_free_ char *in = make_input(100000);

	if (compress_built_in(COMPRESS_XZ)) {
		_cleanup_blob_ struct blob xz = {};

		assert_int_equal(compress_all(COMPRESS_XZ, in, 100000, &xz), 0);
		assert_int_equal(xz.data[6], 0);
		assert_int_equal(xz.data[7], 1);
	}
	if (compress_built_in(COMPRESS_GZIP)) {
		_cleanup_blob_ struct blob gzip = {};

		/* no name, no time */
		assert_int_equal(compress_all(COMPRESS_GZIP, in, 100000, &gzip), 0);
		assert_memory_equal(gzip.data + 3, "\0\0\0\0\0", 5);
	}
	if (compress_built_in(COMPRESS_ZSTD)) {
		_cleanup_blob_ struct blob zstd = {};
		_cleanup_free_ char *zeros = calloc(40, 1 << 20);
		unsigned int descriptor;

		assert_int_equal(compress_all(COMPRESS_ZSTD, zeros, (size_t)40 << 20, &zstd), 0);
		descriptor = (unsigned char)zstd.data[4];
		assert_true(descriptor & 4);				  /* a checksum */
		assert_false(descriptor & 1 << 5);			  /* a window, */
		assert_true((unsigned char)zstd.data[5] >> 3 <= 23 - 10); /* of 8 MiB */
	}
}

static int refuse(void *userdata, const void *data, size_t size)
{
	return -ENOSPC;
}

static void an_error_of_the_output_is_passed_on(void **state)
{
	_cleanup_free_ char *in = make_input(1 << 20);

	for (enum compress_method m = 0; m < COMPRESS_METHODS; m++) {
		struct compressor *c = NULL;
		int r;

		if (!compress_built_in(m))
			continue;
		r = compressor_new(&c, m, 1 << 20, refuse, NULL);
		if (!r)
			r = compressor_add(c, in, 1 << 20);
		if (!r)
			r = compressor_end(c);
		assert_row(m, r == -ENOSPC);
		if (c)
			compressor_free(c);
	}
}

static void methods_have_names(void **state)
{
	for (enum compress_method m = 0; m < COMPRESS_METHODS; m++)
		assert_int_equal(compress_by_name(compress_name(m)), m);
	assert_int_equal(compress_by_name("bzip2"), -EINVAL);
	assert_int_equal(compress_by_name(""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_compressed_comes_back),
		cmocka_unit_test(the_bytes_do_not_depend_on_the_pieces),
		cmocka_unit_test(headers_are_what_the_kernel_takes),
		cmocka_unit_test(an_error_of_the_output_is_passed_on),
		cmocka_unit_test(methods_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
