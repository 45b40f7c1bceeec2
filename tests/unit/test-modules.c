/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test-engine.h"

#include "base/limits.h"

/* "path < dep dep" or "-". */
static const char *spell_module(struct engine *e, const char *name)
{
	const struct module *m = modules_get(&e->modules, modules_id(&e->modules, name, strlen(name)));
	const uint32_t *deps = m->deps;
	uint32_t n_deps = m->n_deps;
	size_t n;

	if (!m->path)
		return "-";
	n = (size_t)snprintf(e->text, sizeof(e->text), "%s", m->path);
	for (uint32_t i = 0; i < n_deps; i++)
		n += (size_t)snprintf(e->text + n, sizeof(e->text) - n, "%s%s", i ? " " : " < ",
				      modules_name(&e->modules, deps[i]));
	return e->text;
}

static void a_module_is_what_modules_dep_says(void **state)
{
	static const struct {
		const char *name, *module;
	} rows[] = {
		{ "a", "a.ko < c b" }, /* the last one in the line is loaded first */
		{ "b", "b.ko" },       { "c_d", "x/c-d.ko < b" },
		{ "c-d", "-" }, /* names are normalised by the caller */
		{ "none", "-" },       { "", "-" },
	};
	struct engine *e = engine_new(&(struct engine_files){ .dep = "a: b c; b:; c: ; x/c-d: b" });

	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			assert_row_string(i, spell_module(e, rows[i].name), rows[i].module);
	engine_free(e);
}

static void an_id_stays_what_it_is(void **state)
{
	struct engine *e = engine_new(&(struct engine_files){ .dep = "a: b; b:" });
	uint32_t a = modules_id(&e->modules, "a", 1), b = modules_id(&e->modules, "b", 1);

	assert_int_not_equal(a, b);
	for (int i = 0; i < 1000; i++) {
		char name[16];
		int n = snprintf(name, sizeof(name), "m%d", i);

		modules_get(&e->modules, modules_id(&e->modules, name, (size_t)n));
	}
	assert_int_equal(modules_id(&e->modules, "abc", 1), a);
	assert_int_equal(modules_get(&e->modules, a)->deps[0], b);
	assert_string_equal(modules_name(&e->modules, b), "b");
	engine_free(e);
}

static void what_the_kernel_has_built_in_is_known(void **state)
{
	struct engine *e = engine_new(&(struct engine_files){ .dep = "a:", .builtin = "kernel/b-c.ko\n" });

	assert_int_equal(modules_is_builtin(&e->modules, modules_id(&e->modules, "a", 1)), 0);
	assert_int_equal(modules_is_builtin(&e->modules, modules_id(&e->modules, "b_c", 3)), 1);
	engine_free(e);
}

/* A modules.dep that was garbled: what it says is taken as names, none of it is a crash. */
static void any_line_of_modules_dep_is_taken_in(void **state)
{
	static const char *const lines[] = {
		"a.ko:",	  "a.ko:  \t b.ko\t\tb.ko ",
		"a.ko: /",	  "a.ko: .",
		"a.ko: ..ko",	  "a.ko::::",
		"a.ko: a.ko",	  ":",
		": b.ko",	  "a",
		"a.ko: \001\377",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct engine *e = engine_new(&(struct engine_files){});

		moddir_close(&e->dir);
		tree_write(&e->t, "lib/modules/1/modules.dep", lines[i]);
		assert_int_equal(moddir_open(&e->dir, &e->t.root, "1", &e->m.log), 1);
		spell_module(e, "a");
		spell_module(e, "");
		engine_free(e);
	}
}

static void a_name_longer_than_a_name_can_be_is_cut(void **state)
{
	struct engine *e;
	char dep[5000];
	const struct module *m;

	memset(dep, 'x', sizeof(dep));
	memcpy(dep, "a: ", 3);
	dep[sizeof(dep) - 1] = '\0';
	e = engine_new(&(struct engine_files){});
	moddir_close(&e->dir);
	dep[1] = ':';
	tree_write(&e->t, "lib/modules/1/modules.dep", dep);
	assert_int_equal(moddir_open(&e->dir, &e->t.root, "1", &e->m.log), 1);
	m = modules_get(&e->modules, modules_id(&e->modules, "a", 1));
	assert_int_equal(m->n_deps, 1);
	assert_true(strlen(modules_name(&e->modules, m->deps[0])) <= LIMIT_NAME);
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_is_what_modules_dep_says),
		cmocka_unit_test(an_id_stays_what_it_is),
		cmocka_unit_test(what_the_kernel_has_built_in_is_known),
		cmocka_unit_test(any_line_of_modules_dep_is_taken_in),
		cmocka_unit_test(a_name_longer_than_a_name_can_be_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
