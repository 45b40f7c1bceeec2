/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "uevent/device.h"

static void a_claim_is_entered_once(void **state)
{
	struct device_set set = {};

	assert_int_equal(device_set_add(&set, "/devices/a", "x", 1), 1);
	assert_int_equal(device_set_add(&set, "/devices/a", "x", 1), 0);
	assert_int_equal(device_set_add(&set, "/devices/a", "y", 1), 1);
	assert_int_equal(device_set_add(&set, "/devices/b", "x", 1), 1);
	assert_int_equal(device_set_add(&set, "/devices/b", "xyz", 1), 0);
	assert_int_equal(set.devpaths.n, 2);
	assert_int_equal(set.aliases.n, 2);
	assert_int_equal(set.claims.n, 3);
	device_set_free(&set);
	device_set_free(&set);
}

static void each_devices_claims_are_a_list(void **state)
{
	struct device_set set = {};

	for (int i = 0; i < 3000; i++) {
		char path[32], alias[32];

		snprintf(path, sizeof(path), "/devices/%d", i % 100);
		snprintf(alias, sizeof(alias), "alias:%d", i % 300);
		assert_int_equal(device_set_add(&set, path, alias, strlen(alias)), i < 300);
	}
	for (uint32_t d = 0; d < 100; d++) {
		uint32_t n = 0;

		for (uint32_t i = set.first.items[d]; i != CLAIM_NONE; i = set.claims.items[i].next, n++)
			assert_int_equal(set.claims.items[i].device, d);
		assert_int_equal(n, 3);
	}
	device_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_is_entered_once),
		cmocka_unit_test(each_devices_claims_are_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
