/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workers, in the test's own process, so that thread sanitizers see them. */
#include "tests/unit/test-loader-plan.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "loader/pool.h"

struct world {
	char dir[64];
	struct rootfs root;
	struct fake *fake;
	struct kernel kernel;
	struct pool *pool;
	size_t cursor;
	struct plan_builder b;
};

static void setup_with(struct world *w, const struct pool_options *o)
{
	*w = (struct world){};
	fake_root(w->dir, &w->root);
	w->fake = fake_new();
	kernel_setup(&w->kernel, &w->root, &fake_ops, w->fake);
	assert_int_equal(pool_start(&w->pool, &w->kernel, o), 0);
}

static void setup(struct world *w, unsigned int jobs, unsigned int slow_ms)
{
	setup_with(w, &(struct pool_options){ .jobs = jobs, .slow_ms = slow_ms });
}

static void teardown(struct world *w)
{
	atomic_store(&w->fake->release, true);
	pool_free(w->pool);
	build_free(&w->b);
	fake_root_remove(w->dir, &w->root);
	fake_free(w->fake);
}

static void submit(struct world *w)
{
	struct plan plan = built(&w->b);

	assert_int_equal(pool_submit(w->pool, &plan), 0);
}

/* The next result; fails when none comes in ten seconds. */
static struct load_result next(struct world *w)
{
	struct pollfd fd = { .fd = pool_fd(w->pool), .events = POLLIN };
	struct load_result result;
	uint64_t count;

	while (!pool_next(w->pool, &w->cursor, &result)) {
		assert_int_equal(poll(&fd, 1, 10000), 1);
		assert_int_equal(read(fd.fd, &count, sizeof(count)), sizeof(count));
	}
	return result;
}

static void no_result_for(struct world *w, unsigned int ms)
{
	struct load_result result;

	fake_really_sleep(ms);
	assert_false(pool_next(w->pool, &w->cursor, &result));
}

#define NEVER_SLOW 600000 /* ms: no load gives up its place by its time, however busy the machine is */

static void wait_until(atomic_uint *count, unsigned int n)
{
	for (int i = 0; i < 60000 && atomic_load(count) < n; i++)
		fake_really_sleep(1);
	assert_int_equal(*count, n);
}

static void random_graphs_are_carried_out_as_the_model_says(void **state)
{
	static const struct {
		unsigned int jobs;
		size_t n;
	} runs[] = { { 0, 5000 }, { 1, 1000 }, { 32, 5000 }, { 3, 2000 } };

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct load_result *results = calloc(runs[i].n, sizeof(*results));
		struct world w;

		setup(&w, runs[i].jobs, NEVER_SLOW);
		build_random(&w.b, runs[i].n, (unsigned int)i + 1);
		submit(&w);
		for (size_t k = 0; k < runs[i].n; k++) {
			struct load_result r = next(&w);

			assert_int_equal(results[r.step].message[0] + results[r.step].start_us, 0);
			results[r.step] = r;
		}
		no_result_for(&w, 1);
		assert_true(pool_look(w.pool).drained);
		check_results(&w.b, results);
		assert_true(!runs[i].jobs || w.fake->most_running <= runs[i].jobs);
		free(results);
		teardown(&w);
	}
}

static void one_job_is_strictly_serial_and_in_order(void **state)
{
	static const int priorities[] = { 1, 5, 3, 5 }, order[] = { 1, 3, 2, 0 };
	struct world w;

	setup(&w, 1, NEVER_SLOW);
	for (int i = 0; i < 4; i++)
		build_step(&w.b,
			   (struct step){ .params = params("id=%d ms=20", i),
					  .priority = (uint32_t)priorities[i] });
	submit(&w);
	for (int i = 0; i < 4; i++) {
		struct load_result r = next(&w);

		assert_int_equal(r.step, order[i]);
		assert_int_equal(r.worker, 0);
	}
	assert_int_equal(w.fake->most_running, 1);
	teardown(&w);
}

static void loads_run_side_by_side(void **state)
{
	struct world w;

	setup(&w, 4, NEVER_SLOW);
	for (int i = 0; i < 8; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d forever", i) });
	submit(&w);
	wait_until(&w.fake->running, 4);
	no_result_for(&w, 50);
	atomic_store(&w.fake->release, true);
	for (int i = 0; i < 8; i++)
		next(&w);
	assert_int_equal(w.fake->most_running, 4);
	teardown(&w);
}

static void loads_that_never_return_hold_up_only_their_dependents(void **state)
{
	enum { STUCK = 40 };
	uint64_t start_us[10] = {};
	struct world w;

	setup(&w, 1, 20);
	for (int i = 0; i < STUCK; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d forever", i), .priority = 9 });
	build_step(&w.b, (struct step){ .params = params("id=100") });
	build_edge(&w.b, 3, EDGE_HARD);
	build_step(&w.b, (struct step){ .params = params("id=101") });
	build_edge(&w.b, 3, EDGE_SOFT);
	for (int i = 0; i < 10; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d", 200 + i) });
	submit(&w);
	/* In order they begin; on a busy machine one can be slow itself and be overtaken. */
	for (int i = 0; i < 10; i++) {
		struct load_result r = next(&w);

		assert_in_range(r.step, STUCK + 2, STUCK + 11);
		assert_int_equal(start_us[r.step - STUCK - 2], 0);
		start_us[r.step - STUCK - 2] = r.start_us;
	}
	for (int i = 1; i < 10; i++)
		assert_true(start_us[i - 1] <= start_us[i]);
	no_result_for(&w, 100);
	assert_false(pool_look(w.pool).drained);
	atomic_store(&w.fake->release, true);
	for (int i = 0; i < STUCK + 2; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_true(pool_look(w.pool).drained);
	teardown(&w);
}

/* What cannot be written until there is an eventfd in its place again. */
static void a_notice_that_failed_is_given_later(void **state)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC), event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct world w;

	assert_true(full >= 0 && event >= 0);
	setup(&w, 1, NEVER_SLOW);
	assert_int_equal(dup2(full, pool_fd(w.pool)), pool_fd(w.pool));
	build_step(&w.b, (struct step){ .params = params("id=1") });
	submit(&w);
	for (int i = 0; i < 60000 && !pool_look(w.pool).drained; i++)
		fake_really_sleep(1);
	assert_int_equal(dup2(event, pool_fd(w.pool)), pool_fd(w.pool));
	assert_int_equal(poll(&(struct pollfd){ .fd = pool_fd(w.pool), .events = POLLIN }, 1, 10000), 1);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	close(full);
	close(event);
	teardown(&w);
}

static void the_last_steps_wait_while_a_device_is_awaited(void **state)
{
	struct world w;

	setup(&w, 4, NEVER_SLOW);
	pool_await(w.pool, true);
	build_step(&w.b, (struct step){ .params = params("id=0"), .patient = true, .last = true });
	build_step(&w.b, (struct step){ .params = params("id=1"), .priority = STEP_URGENT });
	submit(&w);
	assert_int_equal(next(&w).step, 1);
	fake_really_sleep(100);
	assert_int_equal(pool_look(w.pool).n_results, 1);
	pool_await(w.pool, false);
	assert_int_equal(next(&w).step, 0);
	teardown(&w);
}

/* 5 sleeps so long that all others would run beside it. */
static void a_step_that_must_be_alone_runs_alone(void **state)
{
	struct load_result results[12];
	struct world w;

	setup(&w, 8, NEVER_SLOW);
	for (int i = 0; i < 12; i++)
		build_step(&w.b,
			   (struct step){ .params = params("id=%d ms=%d", i, i == 5 ? 200 : 10),
					  .alone = i == 5 || i == 6 });
	submit(&w);
	for (int i = 0; i < 12; i++) {
		struct load_result r = next(&w);

		results[r.step] = r;
	}
	for (int i = 0; i < 12; i++)
		for (int k = 5; k < 7; k++)
			assert_true(i == k || results[i].end_us <= results[k].start_us ||
				    results[i].start_us >= results[k].end_us);
	assert_true(w.fake->most_running > 1);
	teardown(&w);
}

static void a_load_that_does_not_return_keeps_nobody_from_being_alone_for_ever(void **state)
{
	struct pool_options o = { .jobs = 4, .slow_ms = 5, .alone_ms = 100 };
	struct load_result r;
	struct world w;

	setup_with(&w, &o);
	build_step(&w.b, (struct step){ .params = params("id=0 forever"), .priority = 9 });
	build_step(&w.b, (struct step){ .params = params("id=1"), .priority = 8, .alone = true });
	build_step(&w.b, (struct step){ .params = params("id=2 forever"), .priority = 7, .alone = true });
	build_step(&w.b, (struct step){ .params = params("id=3") });
	submit(&w);
	r = next(&w);
	assert_int_equal(r.step, 1);
	r = next(&w);
	assert_int_equal(r.step, 3);
	assert_int_equal(w.fake->running, 2);
	atomic_store(&w.fake->release, true);
	next(&w);
	next(&w);
	assert_true(pool_look(w.pool).drained);
	teardown(&w);
}

static void what_is_skipped_says_why(void **state)
{
	static const char *const messages[] = {
		"/m.ko: the kernel has no memory for it",
		"needs first, which failed",
		"needs second, which was not tried: first failed",
		"post softdep of first, which failed",
		"/m.ko: found nothing to drive",
		"needs declined, which found nothing to drive and is not loaded",
	};
	struct load_result results[6];
	struct world w;

	setup(&w, 2, 0);
	build_step(&w.b, (struct step){ .name = "first", .params = params("ret=%d", -ENOMEM) });
	build_step(&w.b, (struct step){ .name = "second" });
	build_edge(&w.b, 0, EDGE_HARD);
	build_step(&w.b, (struct step){ .name = "third" });
	build_edge(&w.b, 1, EDGE_HARD);
	build_step(&w.b, (struct step){ .name = "post", .post_only = true });
	build_edge(&w.b, 0, EDGE_POST);
	build_step(&w.b, (struct step){ .name = "declined", .params = params("ret=%d", -ENODEV) });
	build_step(&w.b, (struct step){ .name = "last" });
	build_edge(&w.b, 4, EDGE_HARD);
	submit(&w);
	for (int i = 0; i < 6; i++) {
		struct load_result r = next(&w);

		results[r.step] = r;
	}
	for (int i = 0; i < 6; i++) {
		/* A file is named with the root in front. */
		size_t n = messages[i][0] == '/' ? strlen(w.dir) : 0;

		assert_memory_equal(results[i].message, w.dir, n);
		assert_string_equal(results[i].message + n, messages[i]);
	}
	teardown(&w);
}

static void messages_name_a_file_as_the_user_knows_it(void **state)
{
	static const struct {
		const char *file;
		int answer;
		const char *says;
	} rows[] = {
		{ "none.ko", 0, "" },
		{ "m.ko", -ENOMEM, ": the kernel has no memory for it" },
		{ "m.ko", -ENODEV, ": found nothing to drive" },
	};

	/* With another root, and as the running system's. */
	for (int running = 0; running < 2; running++) {
		struct world w;

		setup(&w, 1, 0);
		if (running) {
			rootfs_close(&w.root);
			assert_int_equal(rootfs_open(&w.root, "/"), 0);
			w.kernel.root = w.root;
		}
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			char path[512], expected[1024];
			struct load_result r;

			snprintf(path, sizeof(path), "%s%s%s", running ? w.dir + 1 : "", running ? "/" : "",
				 rows[i].file);
			snprintf(expected, sizeof(expected), "%s/%s%s", w.dir, rows[i].file, rows[i].says);
			build_step(&w.b,
				   (struct step){ .path = path, .params = params("ret=%d", rows[i].answer) });
			submit(&w);
			r = next(&w);
			assert_memory_equal(r.message, expected, strlen(expected));
			assert_true(!*rows[i].says || strlen(r.message) == strlen(expected));
			build_next(&w.b);
		}
		teardown(&w);
	}
}

static void a_results_message_can_be_replaced(void **state)
{
	static const char *const messages[] = { "more is known", "", "needs a, which failed" };
	char longer[2000];
	struct world w;

	setup(&w, 2, NEVER_SLOW);
	build_step(&w.b, (struct step){ .name = "a", .params = params("ret=%d", -ENOENT) });
	build_step(&w.b, (struct step){ .name = "b", .params = "forever" });
	build_step(&w.b, (struct step){ .name = "c" });
	build_edge(&w.b, 0, EDGE_HARD);
	submit(&w);
	assert_int_equal(next(&w).step, 0);
	assert_int_equal(next(&w).step, 2);
	pool_annotate(w.pool, 0, "replaced");
	pool_annotate(w.pool, 0, messages[0]);
	/* What has no result yet, or is no step, has no message to be replaced. */
	pool_annotate(w.pool, 1, "too early");
	pool_annotate(w.pool, 3, "nobody's");
	pool_annotate(w.pool, UINT32_MAX, "nobody's");
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).step, 1);
	w.cursor = 0;
	for (int i = 0; i < 3; i++) {
		struct load_result r = next(&w);

		assert_string_equal(r.message, messages[r.step]);
		assert_int_equal(r.outcome,
				 r.step == 0	       ? LOAD_FAILED
					 : r.step == 1 ? LOAD_DONE
						       : LOAD_SKIPPED);
	}
	/* A result has room for 511 bytes. */
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	pool_annotate(w.pool, 0, longer);
	w.cursor = 0;
	assert_int_equal(strlen(next(&w).message), sizeof(((struct load_result *)NULL)->message) - 1);
	teardown(&w);
}

static void a_later_plan_builds_on_what_has_ended_and_on_what_runs(void **state)
{
	struct load_result r;
	struct world w;

	setup(&w, 4, 0);
	build_step(&w.b, (struct step){ .name = "bad", .params = "" });
	w.b.steps.items[0].path = "none.ko";
	build_step(&w.b, (struct step){ .name = "stuck", .params = "forever" });
	submit(&w);
	assert_int_equal(next(&w).outcome, LOAD_FAILED);
	build_next(&w.b);
	build_step(&w.b, (struct step){});
	build_edge(&w.b, 0, EDGE_HARD);
	build_step(&w.b, (struct step){});
	build_edge(&w.b, 1, EDGE_HARD);
	submit(&w);
	r = next(&w);
	assert_int_equal(r.step, 2);
	assert_int_equal(r.outcome, LOAD_SKIPPED);
	no_result_for(&w, 20);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).step, 1);
	assert_int_equal(next(&w).step, 3);
	teardown(&w);
}

static void after_cancelling_nothing_is_started(void **state)
{
	struct world w;

	setup(&w, 2, NEVER_SLOW);
	for (int i = 0; i < 10; i++)
		build_step(&w.b, (struct step){ .params = "forever" });
	submit(&w);
	wait_until(&w.fake->running, 2);
	pool_cancel(w.pool);
	for (int i = 0; i < 8; i++) {
		struct load_result r = next(&w);

		assert_int_equal(r.outcome, LOAD_SKIPPED);
		assert_int_equal(r.error, ECANCELED);
		assert_true(r.own);
	}
	build_next(&w.b);
	build_step(&w.b, (struct step){});
	submit(&w);
	assert_int_equal(next(&w).outcome, LOAD_SKIPPED);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(w.fake->n_loads, 2);
	teardown(&w);
}

static void a_bad_plan_is_refused_as_a_whole(void **state)
{
	static const struct step good = { .name = "m", .path = "m.ko" };
	static const struct step_edge forward = { .on = 1 }, odd = { .on = 0, .kind = 7 };
	static const struct {
		struct step second;
		const struct step_edge *edge;
	} rows[] = {
		{ { .id = 2, .name = "m", .path = "m.ko" }, NULL },
		{ { .id = 1, .name = NULL, .path = "m.ko" }, NULL },
		{ { .id = 1, .name = "m", .path = NULL }, NULL },
		{ { .id = 1, .kind = STEP_COMMAND, .name = "m" }, NULL },
		{ { .id = 1, .kind = 9, .name = "m" }, NULL },
		{ { .id = 1, .name = "m", .path = "m.ko", .n_edges = 1 }, NULL },
		{ { .id = 1, .name = "m", .path = "m.ko", .n_edges = 2 }, &forward },
		{ { .id = 1, .name = "m", .path = "m.ko", .n_edges = 1, .edge_first = UINT32_MAX },
		  &forward },
		{ { .id = 1, .name = "m", .path = "m.ko", .n_edges = 1 }, &forward },
		{ { .id = 1, .name = "m", .path = "m.ko", .n_edges = 1 }, &odd },
	};
	struct world w;

	setup(&w, 1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct step steps[2] = { good, rows[i].second };
		struct plan plan = { steps, 2, rows[i].edge, rows[i].edge ? 1 : 0 };

		assert_int_equal(pool_submit(w.pool, &plan), -EINVAL);
	}
	assert_int_equal(pool_look(w.pool).n_steps, 0);
	assert_true(pool_look(w.pool).drained);
	build_step(&w.b, (struct step){});
	submit(&w);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

/* When the number of jobs is ours to choose. In these no load is slow by its time. */

static void loads_that_sleep_give_up_their_place(void **state)
{
	enum { N = 200 }; /* more than there can be places */
	struct world w;

	setup(&w, 0, NEVER_SLOW);
	for (int i = 0; i < N; i++)
		build_step(&w.b, (struct step){ .params = "forever" });
	submit(&w);
	wait_until(&w.fake->running, N);
	atomic_store(&w.fake->release, true);
	for (int i = 0; i < N; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_true(pool_look(w.pool).drained);
	teardown(&w);
}

static unsigned int places(void)
{
	cpu_set_t sets[16];
	int n;

	assert_int_equal(sched_getaffinity(0, sizeof(sets), sets), 0);
	n = CPU_COUNT_S(sizeof(sets), sets);
	return n < 2 ? 4 : n > 32 ? 64 : 2 * (unsigned int)n;
}

/* The watcher of a pool whose loads have all been found asleep has nothing more to look at for long: it is
 * told of the next ones. */
static void a_sleeper_is_found_though_all_others_were_found_before(void **state)
{
	enum { N = 200 };
	unsigned int n = places();
	struct world w;

	setup(&w, 0, NEVER_SLOW);
	for (unsigned int i = 0; i < n; i++)
		build_step(&w.b, (struct step){ .params = "forever", .priority = 9 });
	for (int i = 0; i < N; i++)
		build_step(&w.b, (struct step){ .params = params("ms=%d", 20) });
	submit(&w);
	for (int i = 0; i < N; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	no_result_for(&w, 10 * POOL_NAP_MS);
	build_next(&w.b);
	for (unsigned int i = 0; i < 2 * n + 1; i++)
		build_step(&w.b, (struct step){ .params = "forever" });
	submit(&w);
	wait_until(&w.fake->running, 3 * n + 1);
	atomic_store(&w.fake->release, true);
	for (unsigned int i = 0; i < 3 * n + 1; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

static void with_jobs_given_loads_that_sleep_keep_their_place(void **state)
{
	enum { N = 6 };
	struct world w;

	setup(&w, 2, NEVER_SLOW);
	for (int i = 0; i < N; i++)
		build_step(&w.b, (struct step){ .params = params("ms=%d", 40) });
	build_step(&w.b, (struct step){ .params = "forever" });
	build_step(&w.b, (struct step){ .params = "forever" });
	build_step(&w.b, (struct step){});
	submit(&w);
	for (int i = 0; i < N; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	wait_until(&w.fake->running, 2);
	no_result_for(&w, 300);
	assert_int_equal(w.fake->running, 2);
	assert_int_equal(w.fake->n_loads, N + 2);
	assert_int_equal(w.fake->most_running, 2);
	assert_false(pool_look(w.pool).stalled);
	teardown(&w);
}

static void loads_that_compute_keep_their_place(void **state)
{
	unsigned int n = places();
	struct world w;

	setup(&w, 0, NEVER_SLOW);
	for (unsigned int i = 0; i < n; i++)
		build_step(&w.b, (struct step){ .params = "spin" });
	submit(&w);
	wait_until(&w.fake->spinning, n);
	build_next(&w.b);
	build_step(&w.b, (struct step){});
	submit(&w);
	no_result_for(&w, 10 * POOL_NAP_MS);
	assert_int_equal(w.fake->n_loads, n);
	atomic_store(&w.fake->release, true);
	for (unsigned int i = 0; i < n + 1; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

static void a_load_may_sleep_while_nobody_wants_its_place(void **state)
{
	struct world w;

	setup(&w, 0, NEVER_SLOW);
	build_step(&w.b, (struct step){ .params = "forever" });
	build_step(&w.b, (struct step){});
	build_edge(&w.b, 0, EDGE_HARD);
	submit(&w);
	wait_until(&w.fake->running, 1);
	no_result_for(&w, 10 * POOL_NAP_MS);
	assert_int_equal(w.fake->running, 1);
	assert_false(pool_look(w.pool).stalled);
	teardown(&w);
}

/* What a sleeper has given up is not given back twice. */
static void places_given_up_are_counted_once(void **state)
{
	enum { N = 200 };
	unsigned int n = places();
	struct world w;

	setup(&w, 0, NEVER_SLOW);
	for (int i = 0; i < N; i++)
		build_step(&w.b, (struct step){ .params = params("ms=%d", 50) });
	submit(&w);
	for (int i = 0; i < N; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	build_next(&w.b);
	for (unsigned int i = 0; i < n; i++)
		build_step(&w.b, (struct step){ .params = "spin" });
	submit(&w);
	wait_until(&w.fake->spinning, n);
	build_next(&w.b);
	build_step(&w.b, (struct step){});
	submit(&w);
	no_result_for(&w, 10 * POOL_NAP_MS);
	assert_int_equal(w.fake->n_loads, N + n);
	teardown(&w);
}

/* An urgent load is in flight until "release". */
static void begin_urgent(struct world *w)
{
	setup(w, 2, NEVER_SLOW);
	build_step(&w->b, (struct step){ .params = "forever", .priority = STEP_URGENT });
	submit(w);
	wait_until(&w->fake->running, 1);
	build_next(&w->b);
}

/* Only root may raise its weight again. */
static void what_is_not_urgent_weighs_less_until_what_is_has_ended(void **state)
{
	int niceness = getpriority(PRIO_PROCESS, 0), lower = niceness + 10 < 19 ? niceness + 10 : 19;
	struct world w;

	if (geteuid() != 0)
		skip();
	begin_urgent(&w);
	build_step(&w.b, (struct step){ .params = params("id=%d", 1) });
	submit(&w);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	build_next(&w.b);
	build_step(&w.b, (struct step){ .params = params("id=%d", 2) });
	submit(&w);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(w.fake->loads[0].nice, niceness);
	assert_int_equal(w.fake->loads[1].nice, lower);
	assert_int_equal(w.fake->loads[2].nice, niceness);
	teardown(&w);
}

static void what_weighs_less_is_raised_when_the_last_urgent_load_has_ended(void **state)
{
	int niceness = getpriority(PRIO_PROCESS, 0);
	struct world w;

	if (geteuid() != 0 || niceness > 9)
		skip();
	begin_urgent(&w);
	build_step(&w.b, (struct step){ .params = params("raised id=%d", 1) });
	submit(&w);
	wait_until(&w.fake->running, 2);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(w.fake->loads[1].nice, niceness + 10);
	assert_int_equal(w.fake->loads[1].last_nice, niceness);
	teardown(&w);
}

/* took_us of the loads is 0, 5, 9, 5. */
static void check_order(const int *order)
{
	static const uint32_t took_us[] = { 0, 5, 9, 5 };
	struct world w;

	setup(&w, 1, NEVER_SLOW);
	for (int i = 0; i < 4; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d", i), .took_us = took_us[i] });
	submit(&w);
	for (int i = 0; i < 4; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	for (int i = 0; i < 4; i++)
		assert_int_equal(w.fake->loads[i].id, order[i]);
	teardown(&w);
}

static void what_took_longest_starts_first_where_there_are_processors(void **state)
{
	cpu_set_t all, one;
	int first = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	check_order((const int[]){ 0, 1, 2, 3 });
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2)
		skip();
	check_order((const int[]){ 2, 1, 3, 0 });
}

static void async_probe_is_given_to_what_begins_no_probe_and_only_when_wanted(void **state)
{
	static const struct {
		const char *path;
		const char *symbol;
		bool async;
	} rows[] = {
		{ "library.ko", "memcpy", true },
		{ "driver.ko", "__pci_register_driver", false },
		{ "none.ko", NULL, false },
	};
	unsigned char elf[64];

	fake_elf(elf);
	for (int wanted = 0; wanted < 2; wanted++) {
		struct world w;

		setup(&w, 1, 0);
		w.kernel.async_probe = wanted;
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			if (rows[i].symbol)
				fake_module(w.dir, rows[i].path, rows[i].symbol);
			else
				fake_file(w.dir, rows[i].path, elf, sizeof(elf));
			build_step(&w.b,
				   (struct step){ .path = rows[i].path, .params = params("id=%zu", i) });
		}
		submit(&w);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			assert_int_equal(next(&w).outcome, LOAD_DONE);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			assert_int_equal(w.fake->loads[i].id, i);
			assert_int_equal(w.fake->loads[i].async, wanted && rows[i].async);
		}
		teardown(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs_are_carried_out_as_the_model_says),
		cmocka_unit_test(one_job_is_strictly_serial_and_in_order),
		cmocka_unit_test(loads_run_side_by_side),
		cmocka_unit_test(a_step_that_must_be_alone_runs_alone),
		cmocka_unit_test(a_load_that_does_not_return_keeps_nobody_from_being_alone_for_ever),
		cmocka_unit_test(loads_that_never_return_hold_up_only_their_dependents),
		cmocka_unit_test(a_notice_that_failed_is_given_later),
		cmocka_unit_test(the_last_steps_wait_while_a_device_is_awaited),
		cmocka_unit_test(what_is_skipped_says_why),
		cmocka_unit_test(messages_name_a_file_as_the_user_knows_it),
		cmocka_unit_test(a_results_message_can_be_replaced),
		cmocka_unit_test(a_later_plan_builds_on_what_has_ended_and_on_what_runs),
		cmocka_unit_test(after_cancelling_nothing_is_started),
		cmocka_unit_test(a_bad_plan_is_refused_as_a_whole),
		cmocka_unit_test(loads_that_sleep_give_up_their_place),
		cmocka_unit_test(a_sleeper_is_found_though_all_others_were_found_before),
		cmocka_unit_test(with_jobs_given_loads_that_sleep_keep_their_place),
		cmocka_unit_test(loads_that_compute_keep_their_place),
		cmocka_unit_test(a_load_may_sleep_while_nobody_wants_its_place),
		cmocka_unit_test(places_given_up_are_counted_once),
		cmocka_unit_test(what_is_not_urgent_weighs_less_until_what_is_has_ended),
		cmocka_unit_test(what_weighs_less_is_raised_when_the_last_urgent_load_has_ended),
		cmocka_unit_test(what_took_longest_starts_first_where_there_are_processors),
		cmocka_unit_test(async_probe_is_given_to_what_begins_no_probe_and_only_when_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
