/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Workers that load from one archive side by side. */
#include "tests/unit/test-loader-plan.h"

#include <poll.h>

#include "base/array.h"
#include "base/group-codec.h"
#include "base/xxh64.h"
#include "loader/members.h"
#include "loader/pool.h"

#define GROUPS 20U /* more than are kept */
#define EACH 6U
#define N (GROUPS * EACH)
#define SIZE 40000U

struct world {
	struct fake *fake;
	struct kernel kernel;
	struct pool *pool;
	struct plan_builder b;
	FILE *file;
	struct archive_dictionary dictionary;
	struct archive_member members[N];
};

/* A module's contents can be told from all others'. */
static void fill(unsigned char *image, unsigned int id)
{
	fake_elf(image);
	for (unsigned int i = 64; i < SIZE; i++)
		image[i] = (unsigned char)((i * 7 + id * 31) >> (i % 5));
}

static int check_image(void *data, const void *image, size_t size, const char *params)
{
	static _Thread_local unsigned char expected[SIZE];
	int id = fake_number(params, "id=", -1);

	fill(expected, (unsigned int)id);
	if (size != SIZE || memcmp(image, expected, SIZE) != 0)
		return -EBADMSG;
	return fake_load(data, params, false, 0, size);
}

static void write_group(struct world *w, unsigned int g, const uint8_t *dictionary, size_t n_dictionary)
{
	static unsigned char images[EACH][SIZE];
	struct group_member members[EACH];
	uint8_t *frame;
	size_t size;
	long place = ftell(w->file);

	for (unsigned int i = 0; i < EACH; i++) {
		fill(images[i], g * EACH + i);
		members[i] = (struct group_member){ images[i], SIZE, 0 };
		w->members[g * EACH + i] = (struct archive_member){
			.group = (uint64_t)place,
			.unpacked = EACH * SIZE,
			.flags = n_dictionary ? ARCHIVE_GROUP_DICTIONARY : 0,
			.place = i * SIZE,
			.stored = SIZE,
			.size = SIZE,
			.sum = xxh64(images[i], SIZE),
		};
	}
	assert_int_equal(group_compress(members, EACH, dictionary, n_dictionary, 1, &frame, &size), 0);
	assert_int_equal(fwrite(frame, 1, size, w->file), size);
	for (unsigned int i = 0; i < EACH; i++)
		w->members[g * EACH + i].packed = (uint32_t)size;
	free(frame);
}

static void setup(struct world *w, unsigned int jobs)
{
	static struct kernel_ops ops;
	struct pool_options o = { .jobs = jobs };
	unsigned char dictionary[4096];

	*w = (struct world){ .fake = fake_new(), .file = tmpfile() };
	for (size_t i = 0; i < sizeof(dictionary); i++)
		dictionary[i] = (unsigned char)(i * 7 >> (i % 5));
	assert_int_equal(fwrite(dictionary, 1, sizeof(dictionary), w->file), sizeof(dictionary));
	w->dictionary =
		(struct archive_dictionary){ 0, sizeof(dictionary), xxh64(dictionary, sizeof(dictionary)) };
	for (unsigned int g = 0; g < GROUPS; g++)
		write_group(w, g, dictionary, g % 2 ? sizeof(dictionary) : 0);
	assert_int_equal(fflush(w->file), 0);
	ops = fake_ops;
	ops.init_module = check_image;
	kernel_setup(&w->kernel, &(struct rootfs){ .fd = -1, .path = (char *)"" }, &ops, w->fake);
	w->kernel.members = members_new();
	assert_int_equal(pool_start(&w->pool, &w->kernel, &o), 0);
}

static void teardown(struct world *w)
{
	pool_free(w->pool);
	members_free(w->kernel.members);
	build_free(&w->b);
	fclose(w->file);
	fake_free(w->fake);
}

/* All of them, neighbours far from each other or not. */
static void submit_all(struct world *w, unsigned int stride)
{
	struct plan plan;

	for (unsigned int i = 0; i < N; i++) {
		unsigned int id = i * stride % N;

		build_step(&w->b,
			   (struct step){ .path = "a:m.ko",
					  .params = params("id=%u", id),
					  .member = &w->members[id] });
	}
	plan = built(&w->b);
	assert_int_equal(pool_submit(w->pool, &plan), 0);
}

static unsigned int count_loaded(struct world *w, size_t *cursor, char *message, size_t size)
{
	struct pollfd fd = { .fd = pool_fd(w->pool), .events = POLLIN };
	struct load_result result;
	unsigned int n = 0, n_loaded = 0;
	uint64_t count;

	while (n < N) {
		if (!pool_next(w->pool, cursor, &result)) {
			assert_int_equal(poll(&fd, 1, 60000), 1);
			assert_int_equal(read(fd.fd, &count, sizeof(count)), sizeof(count));
			continue;
		}
		n++;
		n_loaded += result.outcome == LOAD_DONE;
		if (result.outcome != LOAD_DONE)
			snprintf(message, size, "%s", result.message);
	}
	return n_loaded;
}

static void each_worker_gets_the_module_that_it_loads(void **state)
{
	static const struct {
		unsigned int jobs, stride;
	} rows[] = { { 1, 1 }, { 8, 1 }, { 8, 7 }, { 32, 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char message[512] = "";
		struct world w;
		size_t cursor = 0;

		setup(&w, rows[i].jobs);
		assert_int_equal(members_open(w.kernel.members, fileno(w.file), &w.dictionary), 0);
		submit_all(&w, rows[i].stride);
		assert_int_equal(count_loaded(&w, &cursor, message, sizeof(message)), N);
		/* A second plan after all memory was given back. */
		build_next(&w.b);
		submit_all(&w, rows[i].stride);
		assert_int_equal(count_loaded(&w, &cursor, message, sizeof(message)), N);
		assert_string_equal(message, "");
		teardown(&w);
	}
}

static void a_lost_group_costs_its_modules_only(void **state)
{
	char message[512] = "";
	size_t cursor = 0;
	struct world w;

	setup(&w, 8);
	assert_int_equal(pwrite(fileno(w.file), "damage", 6, (off_t)w.members[EACH].group + 20), 6);
	assert_int_equal(members_open(w.kernel.members, fileno(w.file), &w.dictionary), 0);
	submit_all(&w, 7);
	assert_int_equal(count_loaded(&w, &cursor, message, sizeof(message)), N - EACH);
	assert_string_equal(message, "a:m.ko: is lost: its group cannot be unpacked");
	teardown(&w);
}

static void a_lost_dictionary_costs_what_wants_it(void **state)
{
	char message[512] = "";
	size_t cursor = 0;
	struct world w;

	setup(&w, 8);
	assert_int_equal(pwrite(fileno(w.file), "damage", 6, 100), 6);
	assert_int_equal(members_open(w.kernel.members, fileno(w.file), &w.dictionary), 0);
	submit_all(&w, 7);
	assert_int_equal(count_loaded(&w, &cursor, message, sizeof(message)), N / 2);
	assert_string_equal(message, "a:m.ko: the dictionary of its archive is damaged");
	teardown(&w);
}

/* A front that sends steps without their archive is at fault; the loads fail. */
static void without_an_archive_nothing_is_loaded(void **state)
{
	char message[512] = "";
	size_t cursor = 0;
	struct world w;

	setup(&w, 4);
	submit_all(&w, 1);
	assert_int_equal(count_loaded(&w, &cursor, message, sizeof(message)), 0);
	assert_string_equal(message, "a:m.ko: its archive is not open");
	teardown(&w);
}

static void an_archive_is_given_once(void **state)
{
	struct world w;

	setup(&w, 1);
	assert_int_equal(members_open(w.kernel.members, fileno(w.file), &w.dictionary), 0);
	assert_int_equal(members_open(w.kernel.members, fileno(w.file), &w.dictionary), -EBUSY);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_worker_gets_the_module_that_it_loads),
		cmocka_unit_test(a_lost_group_costs_its_modules_only),
		cmocka_unit_test(a_lost_dictionary_costs_what_wants_it),
		cmocka_unit_test(without_an_archive_nothing_is_loaded),
		cmocka_unit_test(an_archive_is_given_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
