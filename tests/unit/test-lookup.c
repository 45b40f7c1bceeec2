/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an alias to modules, in libkmod's order of sources. */
#include "tests/unit/test-engine.h"

#include "base/limits.h"
#include "base/pattern.h"

static const struct engine_files files = {
	.dep = "a:; b:; mod-c:; dotted:; install_me:; taken:; x:; y:; z:",
	.alias = "alias pci:v1* a\n"
		 "alias pci:v*d2 b\n"
		 "alias taken z\n"
		 "alias twice x\n"
		 "alias twice* x\n"
		 "alias cfg:* z\n"
		 "alias by-name* y\n"
		 "alias set:[a-c]-x y\n"
		 "alias nofile ghost\n"
		 "alias bi z\n",
	.symbols = "alias symbol:sym_f x\nalias symbol:sym-g y\n",
	.builtin = "kernel/bi.ko\nkernel/bi-two.ko\n",
	.modinfo = "bi_two.alias=builtin:*;bi.alias=pci:v1d2;",
	.conf = "alias cfg:one x\nalias cfg:one y\nalias cfg:chain cfg:one\nalias off_me off\n"
		"alias b a\nalias pat-* mod-c\ninstall nofile_cmd /bin/true\nremove nofile_rm /bin/true\n"
		"install star* /bin/true\ninstall a /bin/true\nalias bi_two a\n",
};

static const char *const source_names[] = {
	[LOOKUP_CONFIG] = "config",
	[LOOKUP_NAME] = "name",
	[LOOKUP_SYMBOL] = "symbol",
	[LOOKUP_COMMAND] = "command",
	[LOOKUP_ALIAS] = "alias",
	[LOOKUP_BUILTIN] = "builtin",
	[LOOKUP_BUILTIN_ALIAS] = "builtin-alias",
};

/* "source module(pattern; via)" of each match. */
static const char *spell_lookup(struct engine *e, const char *alias)
{
	struct lookup_matches matches = {};
	int r = lookup_alias(&e->lookup, alias, &matches);
	size_t n = 0;

	e->text[0] = '\0';
	assert_true(r == -EINVAL || r == (matches.items.n > 0));
	if (r < 0)
		return "invalid";
	for (size_t i = 0; i < matches.items.n; i++) {
		const struct lookup_match *m = &matches.items.items[i];

		n += (size_t)snprintf(e->text + n, sizeof(e->text) - n, "%s%s %s", n ? ", " : "",
				      source_names[m->source], modules_name(&e->modules, m->module));
		if (m->pattern)
			n += (size_t)snprintf(e->text + n, sizeof(e->text) - n, "(%s; %s)", m->pattern,
					      m->via);
	}
	array_free(&matches.items);
	return e->text;
}

static void the_first_source_with_a_hit_ends_it(void **state)
{
	static const struct {
		const char *alias, *matches;
	} rows[] = {
		/* names */
		{ "a", "name a" },
		{ "mod-c", "name mod_c" },
		{ "mod_c", "name mod_c" },
		{ "dotted.ko", "" },
		{ "none", "" },
		{ "", "" },
		/* a name is found before an alias of the index */
		{ "taken", "name taken" },
		/* configuration replaces names and indexes, all of its lines, no chains */
		{ "b", "config a(b; b)" },
		{ "cfg:one", "config x(cfg:one; cfg:one), config y(cfg:one; cfg:one)" },
		{ "cfg:two", "alias z(cfg:*; cfg:two)" },
		{ "cfg:chain", "config cfg:one(cfg:chain; cfg:chain)" },
		{ "pat-7", "config mod_c(pat_*; pat_*)" },
		{ "off-me", "config off(off_me; off_me)" },
		{ "bi_two", "config a(bi_two; bi_two)" },
		/* symbols */
		{ "symbol:sym_f", "symbol x(symbol:sym_f; symbol:sym_f)" },
		{ "sym_f", "" },
		{ "symbol:none", "" },
		/* commands: exact only, and only for what has no file */
		{ "nofile-cmd", "command nofile_cmd" },
		{ "nofile_rm", "command nofile_rm" },
		{ "star", "" },
		{ "starry", "" },
		/* the index */
		{ "pci:v1d2", "alias a(pci:v1*; pci:v1d2), alias b(pci:v*d2; pci:v1d2)" },
		{ "pci:v9d2", "alias b(pci:v*d2; pci:v9d2)" },
		{ "twice", "alias x(twice; twice), alias x(twice*; twice)" },
		/* the index's text is normalised as depmod does it for the .bin */
		{ "by_name-x", "alias y(by_name*; by_name_x)" },
		{ "set:b-x", "alias y(set:[a-c]_x; set:b_x)" },
		{ "set:d-x", "" },
		{ "nofile", "alias ghost(nofile; nofile)" },
		/* built in */
		{ "bi", "alias z(bi; bi)" },
		{ "builtin:x", "builtin-alias bi_two(builtin:*; builtin:x)" },
		/* no alias at all */
		{ "a]", "invalid" },
		{ "a[b", "invalid" },
		{ "a[b]", "" },
	};
	struct engine *e = engine_new(&files);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row_string(i, spell_lookup(e, rows[i].alias), rows[i].matches);
	assert_string_equal(messages_text(&e->m), "");
	engine_free(e);
}

static void a_name_up_to_its_dot_is_looked_for_whole(void **state)
{
	struct engine *e = engine_new(&(struct engine_files){ .dep = "dotted:",
							      .conf = "install dotted.x /bin/true\n",
							      .builtin = "kernel/bi.ko\n" });

	/* libkmod looks for "dotted.ko" in modules.dep, whose keys have no dot. */
	assert_string_equal(spell_lookup(e, "dotted.ko"), "");
	/* But a module made of a name ends at it. */
	assert_string_equal(spell_lookup(e, "dotted.x"), "command dotted");
	engine_free(e);
}

static void an_alias_past_4095_bytes_is_cut(void **state)
{
	struct engine *e = engine_new(&(struct engine_files){ .alias = "alias x* a\nalias y*z b\n" });
	char *alias = malloc(100001);

	memset(alias, 'x', 100000);
	alias[100000] = '\0';
	assert_contains(spell_lookup(e, alias), "alias a(x*; xxx");
	alias[0] = 'y';
	alias[99999] = 'z';
	assert_string_equal(spell_lookup(e, alias), "");
	alias[LIMIT_ALIAS - 1] = 'z';
	assert_contains(spell_lookup(e, alias), "alias b(y*z; yxxx");
	free(alias);
	engine_free(e);
}

static void a_name_too_long_to_be_one_is_ignored(void **state)
{
	char conf[1000], name[400];
	struct engine *e;

	memset(name, 'n', sizeof(name));
	name[399] = '\0';
	snprintf(conf, sizeof(conf), "alias a %s\ninstall %s /bin/true\n", name, name);
	e = engine_new(&(struct engine_files){ .conf = conf });
	assert_string_equal(spell_lookup(e, "a"), "");
	assert_contains(messages_text(&e->m), "longer than 255");
	engine_free(e);
}

static void random_text(char *text, const char *letters, size_t max)
{
	size_t n = (size_t)rand() % max;

	for (size_t i = 0; i < n; i++)
		text[i] = letters[(size_t)rand() % strlen(letters)];
	text[n] = '\0';
}

static void a_pattern_matches_as_fnmatch_says(void **state)
{
	unsigned int n_matches = 0;

	srand(1);
	for (int i = 0; i < 200000; i++) {
		char pattern[12], text[8];
		bool matches;

		random_text(pattern, "ab*?[]\\-!", sizeof(pattern));
		random_text(text, "ab[]\\*", sizeof(text));
		/* What most patterns of devices look like. */
		if (i % 4 == 0)
			snprintf(pattern, sizeof(pattern), "a*%.*s%s", (int)(i % 3), i % 8 ? "bab" : "aab",
				 i % 5 ? "*" : "");
		matches = !fnmatch(pattern, text, 0);
		if (pattern_matches(pattern, text) != matches)
			fail_msg("'%s' '%s': %d", pattern, text, !matches);
		n_matches += matches;
	}
	assert_true(n_matches > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_source_with_a_hit_ends_it),
		cmocka_unit_test(a_name_up_to_its_dot_is_looked_for_whole),
		cmocka_unit_test(an_alias_past_4095_bytes_is_cut),
		cmocka_unit_test(a_name_too_long_to_be_one_is_ignored),
		cmocka_unit_test(a_pattern_matches_as_fnmatch_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
