/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When an alias becomes a request. */
#include "tests/unit/test-engine.h"

#include "libcoldplug/wanted.h"

struct world {
	struct engine *e;
	struct wanted wanted;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->e = engine_new(&(struct engine_files){
		.dep = "a:; b:; c:",
		.alias = "alias x:a* a\nalias x:b* b\nalias x:c* c\n",
	});
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	wanted_free_aliases(&w->wanted);
	engine_free(w->e);
	free(w);
	return 0;
}

static void see(struct world *w, const char *alias)
{
	assert_int_equal(wanted_add_device(&w->wanted, "/devices/d", alias, true), 0);
}

/* The requests that the aliases seen since the last call make, in order. */
static const char *request(struct world *w)
{
	struct expander *x = &w->e->expander;
	size_t first = x->requests.n, n = 0;

	assert_true(wanted_request_aliases(&w->wanted, &w->e->planner, 0) >= 0);
	w->e->text[0] = '\0';
	for (size_t i = first; i < x->requests.n; i++)
		n += (size_t)snprintf(w->e->text + n, sizeof(w->e->text) - n, "%s%s", n ? " " : "",
				      x->requests.items[i].text);
	return w->e->text;
}

static void each_alias_is_one_request_in_bytewise_order(void **state)
{
	struct world *w = *state;

	see(w, "x:c1");
	see(w, "x:a1");
	see(w, "x:c1");
	see(w, "x:B");
	assert_string_equal(request(w), "x:B x:a1 x:c1");
	assert_string_equal(request(w), "");
	see(w, "x:a1");
	assert_string_equal(request(w), "");
	assert_int_equal(w->wanted.n_aliases, 3);
}

static void a_forgotten_alias_is_new_again(void **state)
{
	struct world *w = *state;

	see(w, "x:a1");
	see(w, "x:b1");
	assert_string_equal(request(w), "x:a1 x:b1");
	wanted_forget_alias(&w->wanted, "x:a1\n");
	wanted_forget_alias(&w->wanted, "x:never");
	see(w, "x:a1");
	see(w, "x:b1");
	assert_string_equal(request(w), "x:a1");
}

static void an_alias_that_a_walk_misses_is_new_again(void **state)
{
	struct world *w = *state;

	see(w, "x:a1");
	see(w, "x:b1");
	assert_string_equal(request(w), "x:a1 x:b1");
	wanted_age_aliases(&w->wanted);
	see(w, "x:b1");
	assert_string_equal(request(w), "");
	wanted_age_aliases(&w->wanted);
	see(w, "x:a1");
	see(w, "x:b1");
	assert_string_equal(request(w), "x:a1");
}

static void a_deferred_alias_stays_new(void **state)
{
	struct world *w = *state;

	assert_int_equal(expander_set_busy(&w->e->expander, "a"), 0);
	see(w, "x:a1");
	see(w, "x:b1");
	assert_string_equal(request(w), "x:a1 x:b1");
	assert_true(expander_end_busy(&w->e->expander, "a"));
	assert_false(expander_end_busy(&w->e->expander, "a"));
	see(w, "x:a1");
	see(w, "x:b1");
	assert_string_equal(request(w), "x:a1");
}

static void without_a_list_nothing_is_kept_of_devices(void **state)
{
	struct world *w = *state;

	assert_int_equal(wanted_add_device(&w->wanted, "/devices/d", "x:a1", false), 0);
	assert_int_equal(w->wanted.devices.devpaths.n, 0);
	assert_string_equal(request(w), "x:a1");
	see(w, "x:b1");
	assert_int_equal(w->wanted.devices.devpaths.n, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_alias_is_one_request_in_bytewise_order), TEST(a_forgotten_alias_is_new_again),
		TEST(an_alias_that_a_walk_misses_is_new_again),	   TEST(a_deferred_alias_stays_new),
		TEST(without_a_list_nothing_is_kept_of_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
