/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which way an image goes into the kernel, and what is said when it does not. */
#include "tests/unit/test-loader-fake.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/limits.h"
#include "loader/image.h"
#include "loader/work.h"

struct world {
	char dir[64];
	struct rootfs root;
	struct fake *fake;
	struct kernel kernel;
};

static void setup(struct world *w, const char *compression)
{
	fake_root(w->dir, &w->root);
	w->fake = fake_new();
	if (compression) {
		w->fake->files[0].path = "sys/module/compression";
		w->fake->files[0].text = compression;
	}
	kernel_setup(&w->kernel, &w->root, &fake_ops, w->fake);
}

static void teardown(struct world *w)
{
	fake_root_remove(w->dir, &w->root);
	fake_free(w->fake);
}

static struct load_result load(struct world *w, const char *path, const char *params, bool async)
{
	struct step step = { .kind = STEP_MODULE, .name = "m", .path = path, .params = params };
	struct load_result result = {};

	work_on(&w->kernel, &step, async, &result);
	return result;
}

static void a_plain_file_goes_by_descriptor(void **state)
{
	struct load_result result;
	struct world w;

	setup(&w, "xz");
	result = load(&w, "m.ko", "id=3", false);
	assert_int_equal(result.outcome, LOAD_DONE);
	assert_string_equal(result.message, "");
	assert_int_equal(w.fake->n_loads, 1);
	assert_true(w.fake->loads[0].finit);
	assert_int_equal(w.fake->loads[0].flags, 0);
	assert_int_equal(w.fake->loads[0].id, 3);
	teardown(&w);
}

static void without_finit_module_a_plain_file_goes_from_memory(void **state)
{
	struct world w;

	setup(&w, NULL);
	w.fake->finit_answers[0] = -ENOSYS;
	assert_int_equal(load(&w, "m.ko", "", false).outcome, LOAD_DONE);
	assert_int_equal(w.fake->n_loads, 2);
	assert_false(w.fake->loads[1].finit);
	assert_int_equal(w.fake->loads[1].size, 64);
	teardown(&w);
}

static void async_probe_comes_before_the_parameters(void **state)
{
	struct world w;

	setup(&w, NULL);
	assert_int_equal(load(&w, "m.ko", "id=4 -- not=looked at", true).outcome, LOAD_DONE);
	assert_true(w.fake->loads[0].async);
	assert_int_equal(w.fake->loads[0].id, 4);
	teardown(&w);
}

#ifdef HAVE_ZLIB
static size_t gzip(const void *data, size_t size, unsigned char *out, size_t room)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size,
		       .next_out = out, .avail_out = (uInt)room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void write_compressed(struct world *w, const char *name)
{
	unsigned char elf[64], packed[256];

	fake_elf(elf);
	fake_file(w->dir, name, packed, gzip(elf, sizeof(elf), packed, sizeof(packed)));
}

/* What the kernel says it decompresses, what it answers, and how the image goes in then. */
static const struct {
	const char *compression;
	int answer; /* 1: taken */
	enum load_outcome outcome;
	unsigned int n_loads;
	bool by_descriptor; /* the last */
	bool remark;
} ways[] = {
	{ NULL, 1, LOAD_DONE, 1, false, false },
	{ "xz", 1, LOAD_DONE, 1, false, false },
	{ "gzip", 1, LOAD_DONE, 1, true, false },
	{ "gzip", -EINVAL, LOAD_DONE, 2, false, true },
	{ "gzip", -ENOSYS, LOAD_DONE, 2, false, true },
	{ "gzip", -EOPNOTSUPP, LOAD_DONE, 2, false, true },
	{ "gzip", -ENODEV, LOAD_DECLINED, 1, true, false },
	{ "gzip", -ENOMEM, LOAD_FAILED, 1, true, false },
};

static void a_compressed_file_goes_the_way_the_kernel_takes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct load_result result;
		struct world w;

		setup(&w, ways[i].compression);
		write_compressed(&w, "m.ko.gz");
		w.fake->finit_answers[0] = ways[i].answer;
		result = load(&w, "m.ko.gz", "", false);
		assert_int_equal(result.outcome, ways[i].outcome);
		assert_int_equal(w.fake->n_loads, ways[i].n_loads);
		assert_int_equal(w.fake->loads[ways[i].n_loads - 1].finit, ways[i].by_descriptor);
		if (ways[i].by_descriptor)
			assert_int_equal(w.fake->loads[0].flags, FINIT_COMPRESSED_FILE);
		else
			assert_int_equal(w.fake->loads[ways[i].n_loads - 1].size, 64);
		if (result.outcome == LOAD_DONE)
			assert_int_equal(strstr(result.message, "user space") != NULL, ways[i].remark);
		teardown(&w);
	}
}

static void the_bytes_decide_and_not_the_suffix(void **state)
{
	unsigned char elf[64];
	struct world w;

	setup(&w, NULL);
	fake_elf(elf);
	fake_file(w.dir, "plain.ko.gz", elf, sizeof(elf));
	write_compressed(&w, "packed.ko");
	write_compressed(&w, "packed.ko.xz");
	assert_int_equal(load(&w, "plain.ko.gz", "", false).outcome, LOAD_DONE);
	assert_true(w.fake->loads[0].finit);
	assert_int_equal(load(&w, "packed.ko", "", false).outcome, LOAD_DONE);
	assert_int_equal(load(&w, "packed.ko.xz", "", false).outcome, LOAD_DONE);
	assert_false(w.fake->loads[2].finit);
	teardown(&w);
}

static void bytes_in_memory_go_without_a_descriptor(void **state)
{
	struct image image = { .path = "archive:m.ko.gz", .fd = -1 };
	unsigned char elf[64], packed[256];
	struct image_load how;
	struct world w;

	setup(&w, "gzip");
	fake_elf(elf);
	image.bytes = elf;
	image.size = sizeof(elf);
	assert_int_equal(image_load(&w.kernel, &image, "", &how), 0);
	image.bytes = packed;
	image.size = gzip(elf, sizeof(elf), packed, sizeof(packed));
	assert_int_equal(image_load(&w.kernel, &image, "", &how), 0);
	assert_int_equal(w.fake->n_loads, 2);
	for (int i = 0; i < 2; i++) {
		assert_false(w.fake->loads[i].finit);
		assert_int_equal(w.fake->loads[i].size, 64);
	}
	teardown(&w);
}

static void a_file_that_packs_no_module_is_refused_here(void **state)
{
	unsigned char packed[256];
	struct load_result result;
	struct world w;

	setup(&w, NULL);
	fake_file(w.dir, "text.ko.gz", packed, gzip("this is no module at all", 24, packed, sizeof(packed)));
	result = load(&w, "text.ko.gz", "", false);
	assert_int_equal(result.outcome, LOAD_FAILED);
	assert_non_null(strstr(result.message, "text.ko.gz: is not a kernel module"));
	fake_file(w.dir, "cut.ko.gz", packed, 12);
	result = load(&w, "cut.ko.gz", "", false);
	assert_non_null(strstr(result.message, "cut.ko.gz: is cut short"));
	assert_int_equal(w.fake->n_loads, 0);
	teardown(&w);
}

/* The whole of it is zeros: a thousand to one. */
static void a_bomb_is_an_error_that_names_the_limit(void **state)
{
	_cleanup_free_ unsigned char *packed = malloc(1 << 20);
	static const char zeros[65536];
	z_stream z = { .next_out = packed, .avail_out = 1 << 20 };
	struct load_result result;
	struct world w;

	setup(&w, NULL);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t n = 0; n <= LIMIT_IMAGE; n += sizeof(zeros)) {
		z.next_in = (Bytef *)(uintptr_t)zeros;
		z.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&z, n + sizeof(zeros) > LIMIT_IMAGE ? Z_FINISH : Z_NO_FLUSH),
				 n + sizeof(zeros) > LIMIT_IMAGE ? Z_STREAM_END : Z_OK);
	}
	deflateEnd(&z);
	fake_file(w.dir, "bomb.ko.gz", packed, z.total_out);
	result = load(&w, "bomb.ko.gz", "", false);
	assert_int_equal(result.error, EFBIG);
	assert_non_null(strstr(result.message, "LIMIT_IMAGE"));
	teardown(&w);
}
#endif

static void a_file_too_large_is_not_read(void **state)
{
	struct load_result result;
	char path[128];
	struct world w;

	setup(&w, NULL);
	fake_file(w.dir, "big.ko", "", 0);
	snprintf(path, sizeof(path), "%s/big.ko", w.dir);
	assert_int_equal(truncate(path, (off_t)LIMIT_IMAGE + 1), 0);
	result = load(&w, "big.ko", "", false);
	assert_int_equal(result.error, EFBIG);
	assert_non_null(strstr(result.message, "big.ko: larger than the limit of a module (LIMIT_IMAGE"));
	teardown(&w);
}

static void a_bad_file_is_named_with_what_is_wrong(void **state)
{
	static const struct {
		const char *name;
		int error;
		const char *words;
	} rows[] = {
		{ "empty.ko", ENOEXEC, "empty.ko: is empty" },
		{ "cut.ko", ENOEXEC, "cut.ko: is cut short" },
		{ "text.ko", ENOEXEC, "text.ko: is not a kernel module" },
		{ "none.ko", ENOENT, "none.ko: No such file" },
		{ "dir.ko", EISDIR, "dir.ko: Is a directory" },
		{ "fifo.ko", EINVAL, "fifo.ko: neither a file" },
		{ "m.ko/deeper.ko", ENOTDIR, "m.ko/deeper.ko: Not a directory" },
	};
	unsigned char elf[64];
	char path[128];
	struct world w;

	setup(&w, NULL);
	fake_elf(elf);
	fake_file(w.dir, "empty.ko", elf, 0);
	fake_file(w.dir, "cut.ko", elf, 40);
	fake_file(w.dir, "text.ko", "#!/bin/sh\nexit 0\n# and on\n", 26);
	snprintf(path, sizeof(path), "%s/dir.ko", w.dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/fifo.ko", w.dir);
	assert_int_equal(mkfifo(path, 0644), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct load_result result = load(&w, rows[i].name, "", false);

		assert_int_equal(result.outcome, LOAD_FAILED);
		assert_int_equal(result.error, rows[i].error);
		assert_non_null(strstr(result.message, rows[i].words));
	}
	assert_int_equal(w.fake->n_loads, 0);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_file_goes_by_descriptor),
		cmocka_unit_test(without_finit_module_a_plain_file_goes_from_memory),
		cmocka_unit_test(async_probe_comes_before_the_parameters),
#ifdef HAVE_ZLIB
		cmocka_unit_test(a_compressed_file_goes_the_way_the_kernel_takes),
		cmocka_unit_test(the_bytes_decide_and_not_the_suffix),
		cmocka_unit_test(bytes_in_memory_go_without_a_descriptor),
		cmocka_unit_test(a_file_that_packs_no_module_is_refused_here),
		cmocka_unit_test(a_bomb_is_an_error_that_names_the_limit),
#endif
		cmocka_unit_test(a_file_too_large_is_not_read),
		cmocka_unit_test(a_bad_file_is_named_with_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
