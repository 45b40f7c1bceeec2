/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "loader/requests.h"

static void each_line_of_the_trace_is_read(void **state)
{
	static const struct {
		const char *line, *by, *name, *call_site;
		uint64_t time_us;
	} rows[] = {
		{ "  cryptomgr_test-139     [000] .....     6.188954: module_request: crypto-cryptd(x) wait=1 "
		  "call_site=crypto_alg_mod_lookup\n",
		  "cryptomgr_test", "crypto-cryptd(x)", "crypto_alg_mod_lookup", 6188954 },
		{ " coldplug-loader-173     [001] d..2.  1000.000001: module_request: acpi_ipmi wait=0 "
		  "call_site=acpi_ipmi_probe.cold [ipmi_si]",
		  "coldplug-loader", "acpi_ipmi", "acpi_ipmi_probe.cold [ipmi_si]", 1000000001 },
		{ "     kworker/0:1-17      [000] .....     8.5: module_request:  wait=1 call_site=f\n",
		  "kworker/0:1", "", "f", 8000005 },
		{ "  a [b]-c d-1 [000] ..... 0.000000: module_request: fs-x wait=1 call_site=y wait=1 call_site=z",
		  "a [b]-c d", "fs-x wait=1 call_site=y", "z", 0 },
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
		{ " a-1 [000] .. 1.2: module_load: x wait=1 call_site=f" },
		{ " a1 [000] .. 1.2: module_request: x wait=1 call_site=f" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kernel_request request;
		char line[512];

		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_row(i, kernel_request_parse(line, &request) == (rows[i].by != NULL));
		if (!rows[i].by)
			continue;
		assert_string_equal(request.by, rows[i].by);
		assert_string_equal(request.name, rows[i].name);
		assert_string_equal(request.call_site, rows[i].call_site);
		assert_row(i, request.time_us == rows[i].time_us);
	}
}

static int count(void *userdata, const struct kernel_request *request)
{
	return 1;
}

static void where_nothing_can_be_traced_nothing_is_counted(void **state)
{
	struct tree t = tree_new();
	struct requests r;

	assert_int_equal(requests_open(&r, &t.root), -ENOENT);
	assert_int_equal(requests_each(&r, count, NULL), 0);
	requests_close(&r);
	/* A directory that is no tracefs keeps nothing of ours. */
	tree_write(&t, "sys/kernel/tracing/instances/other/trace", "");
	assert_int_equal(requests_open(&r, &t.root), -ENOENT);
	assert_int_equal(requests_each(&r, count, NULL), 0);
	assert_int_equal(unlink(tree_path(&t, "sys/kernel/tracing/instances/other/trace")), 0);
	assert_int_equal(rmdir(tree_path(&t, "sys/kernel/tracing/instances/other")), 0);
	assert_int_equal(rmdir(tree_path(&t, "sys/kernel/tracing/instances")), 0);
	tree_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_of_the_trace_is_read),
		cmocka_unit_test(where_nothing_can_be_traced_nothing_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
