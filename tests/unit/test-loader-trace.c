/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "loader/trace.h"

static void each_line_of_the_trace_is_read(void **state)
{
	static const struct {
		const char *line;
		enum trace_kind kind;
		uint32_t thread; /* 0: it is no event */
		uint64_t time_us;
		const char *by, *name, *call_site;
	} rows[] = {
		{ "  cryptomgr_test-139     [000] .....     6.188954: module_request: crypto-cryptd(x) wait=1 "
		  "call_site=crypto_alg_mod_lookup\n",
		  TRACE_REQUEST, 139, 6188954, "cryptomgr_test", "crypto-cryptd(x)",
		  "crypto_alg_mod_lookup" },
		{ " coldplug-loader-173     [001] d..2.  1000.000001: module_request: acpi_ipmi wait=0 "
		  "call_site=acpi_ipmi_probe.cold [ipmi_si]",
		  TRACE_REQUEST, 173, 1000000001, "coldplug-loader", "acpi_ipmi",
		  "acpi_ipmi_probe.cold [ipmi_si]" },
		{ "     kworker/0:1-17      [000] .....     8.5: module_request:  wait=1 call_site=f\n",
		  TRACE_REQUEST, 17, 8000005, "kworker/0:1", "", "f" },
		{ "  a [b]-c d-1 [000] ..... 0.000000: module_request: fs-x wait=1 call_site=y wait=1 call_site=z",
		  TRACE_REQUEST, 1, 0, "a [b]-c d", "fs-x wait=1 call_site=y", "z" },
		{ " a-1 [000] .. 1.2: module_request: : module_load: x wait=1 call_site=f", TRACE_REQUEST, 1,
		  1000002, "a", ": module_load: x", "f" },
		{ " coldplug-loader-86      [000] .....     6.201344: module_load: crc64_rocksoft \n",
		  TRACE_INIT, 86, 6201344 },
		{ " a-4194304 [003] ..... 1.2: module_load: zfs POE", TRACE_INIT, 4194304, 1000002 },
		{ " coldplug-loader-86 [000] ..... 6.202519: initcall_finish: func=f_init+0x0/0xe3f [f] ret=0",
		  TRACE_INITED, 86, 6202519 },
		{ "# tracer: nop\n" },
		{ "" },
		{ "CPU:0 [LOST 3 EVENTS]\n" },
		{ ": module_request: " },
		{ " 1.2: module_request: x wait=1 call_site=f" },
		{ " a-1 [000] .. 1.2.3: module_request: x wait=1 call_site=f" },
		{ " a-1 [000] .. 1.1000000: module_request: x wait=1 call_site=f" },
		{ " a-1 [000] .. 99999999999.1: module_request: x wait=1 call_site=f" },
		{ " a-1 [000] .. -1.1: module_request: x wait=1 call_site=f" },
		{ " a-1 [000] .. 1.2: module_request: x call_site=f wait=1" },
		{ " a-1 [000] .. 1.2: module_free: x" },
		{ " a1 [000] .. 1.2: module_load: x" },
		{ " a-1x [000] .. 1.2: module_load: x" },
		{ " a-4294967296 [000] .. 1.2: module_load: x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trace_event event;
		char line[512];

		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_row(i, trace_parse(line, &event) == (rows[i].thread != 0));
		if (!rows[i].thread)
			continue;
		assert_row(i, event.kind == rows[i].kind);
		assert_row(i, event.thread == rows[i].thread && event.time_us == rows[i].time_us);
		assert_row(i, !event.name == !rows[i].name && !event.by == !rows[i].by);
		if (!rows[i].name)
			continue;
		assert_string_equal(event.by, rows[i].by);
		assert_string_equal(event.name, rows[i].name);
		assert_string_equal(event.call_site, rows[i].call_site);
	}
}

/* Two threads load two modules each; the third init of thread 7 is one that failed to be traced to its
 * end. */
static void an_init_is_found_by_thread_and_time(void **state)
{
	static struct trace_event items[] = {
		{ TRACE_INIT, 7, 110, NULL, NULL, NULL },   { TRACE_INIT, 8, 120, NULL, NULL, NULL },
		{ TRACE_INITED, 7, 130, NULL, NULL, NULL }, { TRACE_REQUEST, 8, 140, "a", "b", "c" },
		{ TRACE_INITED, 8, 150, NULL, NULL, NULL }, { TRACE_INIT, 7, 160, NULL, NULL, NULL },
		{ TRACE_INITED, 7, 170, NULL, NULL, NULL }, { TRACE_INITED, 8, 180, NULL, NULL, NULL },
		{ TRACE_INIT, 7, 190, NULL, NULL, NULL },
	};
	static const struct {
		uint32_t thread;
		uint64_t start_us, end_us, init_us, inited_us;
	} rows[] = {
		{ 7, 100, 135, 110, 130 }, { 8, 100, 155, 120, 150 }, { 7, 140, 175, 160, 170 },
		{ 7, 111, 155, 0, 0 },	   { 8, 155, 200, 0, 0 },     { 7, 180, 200, 190, 0 },
		{ 9, 100, 200, 0, 0 },	   { 7, 110, 110, 110, 0 },   { 7, 300, 400, 0, 0 },
	};
	const struct trace_events events = { .items = { items, ARRAY_SIZE(items), ARRAY_SIZE(items) } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t init, inited;

		trace_find_init(&events, rows[i].thread, rows[i].start_us, rows[i].end_us, &init, &inited);
		assert_row(i, init == rows[i].init_us && inited == rows[i].inited_us);
	}
}

static void assert_nothing_is_traced(struct trace *t)
{
	struct trace_events events;

	assert_int_equal(trace_read(t, &events), 0);
	assert_int_equal(events.items.n, 0);
	trace_events_free(&events);
}

static void a_trace_is_read_as_often_as_one_likes(void **state)
{
	struct tree tree = tree_new();
	struct trace_events events;
	struct trace t = TRACE_NONE;

	tree_write(&tree, "trace",
		   "# tracer: nop\n"
		   " a-1 [000] .. 1.2: module_request: x wait=1 call_site=f\n"
		   " a-1 [000] .. 1.3: module_load: y\n");
	t.file = fopen(tree_path(&tree, "trace"), "r");
	assert_non_null(t.file);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(trace_read(&t, &events), 0);
		assert_int_equal(events.items.n, 2);
		assert_string_equal(events.items.items[0].name, "x");
		assert_int_equal(events.items.items[1].kind, TRACE_INIT);
		trace_events_free(&events);
	}
	trace_close(&t);
	assert_null(t.file);
	tree_free(&tree);
}

static void where_nothing_can_be_traced_nothing_is_said(void **state)
{
	struct tree t = tree_new();
	struct trace trace;

	assert_int_equal(trace_open(&trace, &t.root), -ENOENT);
	assert_nothing_is_traced(&trace);
	trace_close(&trace);
	/* A directory that is no tracefs keeps nothing of ours. */
	tree_write(&t, "sys/kernel/tracing/instances/other/trace", "");
	assert_int_equal(trace_open(&trace, &t.root), -ENOENT);
	assert_nothing_is_traced(&trace);
	assert_int_equal(unlink(tree_path(&t, "sys/kernel/tracing/instances/other/trace")), 0);
	assert_int_equal(rmdir(tree_path(&t, "sys/kernel/tracing/instances/other")), 0);
	assert_int_equal(rmdir(tree_path(&t, "sys/kernel/tracing/instances")), 0);
	tree_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_of_the_trace_is_read),
		cmocka_unit_test(an_init_is_found_by_thread_and_time),
		cmocka_unit_test(a_trace_is_read_as_often_as_one_likes),
		cmocka_unit_test(where_nothing_can_be_traced_nothing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
