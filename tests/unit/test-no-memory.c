/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables that are indexed by the ids of interned strings: after an allocation that failed, each later string
 * still has a row of its own. */
#include "tests/unit/test-engine.h"

#include "uevent/device.h"

static unsigned int calls, failing;

/* The arrays and the tables of interned strings grow by this one; here it fails once. */
void *reallocarray(void *p, size_t n, size_t size)
{
	if (++calls == failing) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, n * size);
}

static void fail_call(unsigned int n)
{
	calls = 0;
	failing = n;
}

#define NAMES 200

/* Adds many names, none of which is tried twice. Returns whether a call failed meanwhile. */
static bool add_names(unsigned int n, bool (*add)(void *table, const char *name), void *table)
{
	size_t lost = 0;
	char name[16];

	fail_call(n);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		lost += !add(table, name);
	}
	failing = 0;
	assert_true(lost <= 1);
	return calls >= n;
}

static bool add_module(void *table, const char *name)
{
	struct modules *m = table;
	uint32_t id = modules_id(m, name, strlen(name));

	assert_true(id == MODULE_NONE || id < m->items.n);
	return id != MODULE_NONE;
}

static void each_module_keeps_its_row(void **state)
{
	for (unsigned int n = 1;; n++) {
		struct modules m = {};
		bool failed = add_names(n, add_module, &m);

		assert_row(n, m.names.n == m.items.n);
		modules_free(&m);
		if (!failed)
			return;
	}
}

static bool add_device(void *table, const char *name)
{
	struct device_set *set = table;
	int r = device_set_add(set, name, name, strlen(name));

	assert_true(r == 1 || r == -ENOMEM);
	return r > 0;
}

static void each_device_keeps_its_aliases(void **state)
{
	for (unsigned int n = 1;; n++) {
		struct device_set set = {};
		bool failed = add_names(n, add_device, &set);

		assert_row(n, set.devpaths.n == set.first.n);
		for (size_t i = 0; i < set.claims.n; i++)
			assert_string_equal(intern_string(&set.devpaths, set.claims.items[i].device),
					    intern_string(&set.aliases, set.claims.items[i].alias));
		device_set_free(&set);
		if (!failed)
			return;
	}
}

static bool add_object(void *table, const char *name)
{
	struct engine *e = table;
	uint32_t module = modules_id(&e->modules, name, strlen(name));
	int64_t id = module == MODULE_NONE
		? -ENOMEM
		: expander_object(&e->expander, &(struct lookup_match){ .module = module });

	if (id >= 0)
		assert_int_equal(e->expander.objects.items[id].module, module);
	return id >= 0;
}

static void each_object_keeps_its_module(void **state)
{
	for (unsigned int n = 1;; n++) {
		struct engine *e = engine_new(&(struct engine_files){});
		bool failed = add_names(n, add_object, e);

		assert_row(n, e->expander.keys.n == e->expander.objects.n);
		engine_free(e);
		if (!failed)
			return;
	}
}

/* Half of it may be planned: what is planned then must not be loaded. */
static void after_a_request_that_failed_nothing_is_planned(void **state)
{
	static const struct engine_files files = { .dep = "a: b c; b: c; c:; d:",
						   .conf = "softdep a pre: d post: c\n" };

	for (unsigned int n = 1;; n++) {
		struct engine *e = engine_new(&files);
		struct plan plan;
		int64_t id;
		bool failed;

		fail_call(n);
		id = planner_request(&e->planner, "a", NULL, 0);
		failed = calls >= n;
		failing = 0;
		assert_row(n, failed ? id == -ENOMEM : id == 0);
		id = planner_request(&e->planner, "d", NULL, 0);
		assert_row(n, failed ? id == -ENOMEM : id == 1);
		assert_row(n, planner_finish_batch(&e->planner, &plan) == (failed ? -ENOMEM : 0));
		engine_free(e);
		if (!failed)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_module_keeps_its_row),
		cmocka_unit_test(each_device_keeps_its_aliases),
		cmocka_unit_test(each_object_keeps_its_module),
		cmocka_unit_test(after_a_request_that_failed_nothing_is_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
