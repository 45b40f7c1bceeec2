/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/group-codec.h"
#include "base/module-filter.h"

/* ---- members ---- */

#define MEMBERS 5

/* Four of them look like filtered modules: lengths, then streams; the third is in one piece, the last
 * is empty. */
struct sample {
	uint8_t bytes[MEMBERS][4096];
	struct group_member members[MEMBERS];
	uint8_t all[MEMBERS * 4096]; /* one after the other */
	size_t size;
};

static size_t put_lengths(uint8_t *p, struct dice *d, size_t *total)
{
	size_t n = 0;

	for (unsigned int i = 0; i < MODULE_FILTER_STREAMS; i++) {
		uint32_t length = i == 7 ? 300 : dice_roll(d, 60);

		*total += length;
		if (length >= 0x80)
			p[n++] = (uint8_t)(length | 0x80);
		p[n++] = (uint8_t)(length >= 0x80 ? length >> 7 : length);
	}
	return n;
}

static void make(struct sample *s)
{
	struct dice d = { 7 };

	*s = (struct sample){};
	for (size_t i = 0; i < MEMBERS; i++) {
		bool filtered = i != 2 && i != MEMBERS - 1;
		size_t total = filtered || i == MEMBERS - 1 ? 0 : 1000, n = 0;

		if (filtered)
			n = put_lengths(s->bytes[i], &d, &total);
		for (size_t k = 0; k < total; k++)
			s->bytes[i][n + k] = (uint8_t)dice_roll(&d, 4);
		s->members[i] = (struct group_member){ s->bytes[i], n + total,
						       filtered ? MODULE_FILTER_ELF : MODULE_FILTER_NONE };
		memcpy(s->all + s->size, s->bytes[i], n + total);
		s->size += n + total;
	}
}

struct frame {
	uint8_t *data;
	size_t size;
};

static void frame_release(struct frame *f)
{
	free(f->data);
}

#define _cleanup_frame_ _cleanup_(frame_release)

static const char dictionary[] = "what comes before all frames";

static struct frame pack(const struct sample *s, bool with_dictionary)
{
	struct frame f = {};

	assert_int_equal(group_compress(s->members, MEMBERS, with_dictionary ? dictionary : NULL,
					with_dictionary ? sizeof(dictionary) : 0, GROUP_LEVEL, &f.data,
					&f.size),
			 0);
	return f;
}

static bool same(const struct frame *f, const char *with, size_t n_with, const struct sample *s)
{
	_cleanup_free_ uint8_t *out = malloc(s->size);

	return group_decompress(f->data, f->size, with, n_with, out, s->size) == 0 &&
		!memcmp(out, s->all, s->size);
}

static int unpack(const struct frame *f, const char *with, size_t n_with, size_t size)
{
	_cleanup_free_ uint8_t *out = malloc(size ? size : 1);

	return group_decompress(f->data, f->size, with, n_with, out, size);
}

/* ---- frames ---- */

static void the_members_come_back(void **state)
{
	struct sample s;

	make(&s);
	for (int with = 0; with < 2; with++) {
		_cleanup_frame_ struct frame f = pack(&s, with), again = pack(&s, with);
		_cleanup_free_ uint8_t *out = malloc(s.size);

		assert_int_equal(f.size, again.size);
		assert_memory_equal(f.data, again.data, f.size);
		assert_int_equal(group_decompress(f.data, f.size, with ? dictionary : NULL,
						  with ? sizeof(dictionary) : 0, out, s.size),
				 0);
		assert_memory_equal(out, s.all, s.size);
	}
}

static void a_group_of_nothing_comes_back(void **state)
{
	struct frame f;

	assert_int_equal(group_compress(NULL, 0, NULL, 0, 3, &f.data, &f.size), 0);
	assert_int_equal(unpack(&f, NULL, 0, 0), 0);
	assert_int_equal(unpack(&f, NULL, 0, 1), -EBADMSG);
	free(f.data);
}

static void another_size_or_dictionary_is_refused(void **state)
{
	_cleanup_free_ char *text = strdup("compress compress compress what comes before all frames");
	struct group_member member = { text, strlen(text), MODULE_FILTER_NONE };
	struct frame f;

	assert_int_equal(group_compress(&member, 1, dictionary, sizeof(dictionary), 19, &f.data, &f.size), 0);
	assert_int_equal(unpack(&f, dictionary, sizeof(dictionary), member.size), 0);
	assert_int_equal(unpack(&f, dictionary, sizeof(dictionary), member.size - 1), -EBADMSG);
	assert_int_equal(unpack(&f, dictionary, sizeof(dictionary), member.size + 1), -EBADMSG);
	assert_int_equal(unpack(&f, NULL, 0, member.size), -EBADMSG);
	assert_int_equal(unpack(&f, "another dictionary of 30 bytes", 29, member.size), -EBADMSG);
	free(f.data);
}

static void damage_is_noticed(void **state)
{
	struct sample s;

	make(&s);
	for (int with = 0; with < 2; with++) {
		_cleanup_frame_ struct frame f = pack(&s, with);
		const char *words = with ? dictionary : NULL;
		size_t n = with ? sizeof(dictionary) : 0, whole = f.size;

		for (size_t at = 0; at < whole; at++) {
			f.data[at] ^= 0x10;
			/* Some bits mean nothing. */
			assert_row(at, unpack(&f, words, n, s.size) == -EBADMSG || same(&f, words, n, &s));
			f.data[at] ^= 0x10;
			f.size = at;
			assert_row(at, unpack(&f, words, n, s.size) == -EBADMSG);
			f.size = whole;
		}
	}
}

static void a_member_that_says_it_is_filtered_must_be(void **state)
{
	static const uint8_t no_streams[MODULE_FILTER_STREAMS] = { 1 };
	uint8_t *data;
	size_t size;

	for (size_t n = 0; n <= sizeof(no_streams); n++) {
		struct group_member member = { no_streams, n, MODULE_FILTER_ELF };

		assert_row(n, group_compress(&member, 1, NULL, 0, 3, &data, &size) == -EINVAL);
	}
}

/* ---- groups ---- */

static void a_group_takes_what_fits(void **state)
{
	static const size_t large = GROUP_SIZE + 1;
	static const struct {
		size_t sizes[4];
		size_t n;
	} rows[] = {
		{ { 1, 2, 3, 4 }, 4 },
		{ { large, 1, 1, 1 }, 1 },
		{ { 1, large, 1, 1 }, 1 },
		{ { GROUP_SIZE, 0, 1, 1 }, 2 },
		{ { GROUP_SIZE - 2, 1, 1, 1 }, 3 },
		{ { SIZE_MAX, SIZE_MAX, 1, 1 }, 1 },
		{ { 1, SIZE_MAX, 1, 1 }, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, group_fill(rows[i].sizes, 4) == rows[i].n);
	assert_int_equal(group_fill((size_t[]){ 5 }, 1), 1);
}

static void a_group_has_a_largest_number_of_members(void **state)
{
	size_t n = GROUP_MEMBERS_MAX + 1;
	_cleanup_free_ size_t *sizes = calloc(n, sizeof(*sizes));
	_cleanup_free_ struct group_member *members = calloc(n, sizeof(*members));
	uint8_t *data;
	size_t size;

	assert_int_equal(group_fill(sizes, n), GROUP_MEMBERS_MAX);
	for (size_t i = 0; i < n; i++)
		members[i].data = "";
	assert_int_equal(group_compress(members, n, NULL, 0, 3, &data, &size), -EINVAL);
	assert_int_equal(group_compress(members, n - 1, NULL, 0, 3, &data, &size), 0);
	assert_int_equal(group_decompress(data, size, NULL, 0, sizes, 0), 0);
	free(data);
}

/* ---- the dictionary ---- */

static void a_dictionary_has_what_members_have_in_common(void **state)
{
	enum { N = 64, SIZE = 16384 };
	static const char common[] = "this sentence is in every member";
	_cleanup_free_ uint8_t *bytes = malloc(N * SIZE), *first = NULL, *second = NULL;
	struct group_member members[N];
	struct dice d = { 3 };
	size_t n_first, n_second;

	for (size_t i = 0; i < N * SIZE; i++)
		bytes[i] = (uint8_t)dice_roll(&d, 256);
	for (size_t i = 0; i < N; i++) {
		memcpy(bytes + i * SIZE + dice_roll(&d, SIZE / 2), common, sizeof(common));
		members[i] = (struct group_member){ bytes + i * SIZE, SIZE, MODULE_FILTER_NONE };
	}
	assert_int_equal(group_dictionary_train(members, N, 4096, &first, &n_first), 1);
	assert_int_equal(group_dictionary_train(members, N, 4096, &second, &n_second), 1);
	assert_true(n_first && n_first <= 4096 && n_first == n_second);
	assert_memory_equal(first, second, n_first);
	assert_non_null(memmem(first, n_first, common, sizeof(common)));
}

static void there_is_no_dictionary_of_too_little(void **state)
{
	struct group_member member = { "few", 3, MODULE_FILTER_NONE };
	uint8_t *data;
	size_t size;

	assert_int_equal(group_dictionary_train(NULL, 0, 1 << 18, &data, &size), 0);
	assert_int_equal(group_dictionary_train(&member, 1, 1 << 18, &data, &size), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_members_come_back),
		cmocka_unit_test(a_group_of_nothing_comes_back),
		cmocka_unit_test(another_size_or_dictionary_is_refused),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(a_member_that_says_it_is_filtered_must_be),
		cmocka_unit_test(a_group_takes_what_fits),
		cmocka_unit_test(a_group_has_a_largest_number_of_members),
		cmocka_unit_test(a_dictionary_has_what_members_have_in_common),
		cmocka_unit_test(there_is_no_dictionary_of_too_little),
	};

#ifndef HAVE_ZSTD
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
