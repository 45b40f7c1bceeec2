/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* modprobe.d(5), as kmod reads it. */
#include "tests/unit/test.h"

#include "base/limits.h"
#include "engine/config.h"

static const char *const words[RULE_KINDS] = {
	[RULE_ALIAS] = "alias",	    [RULE_BLACKLIST] = "blacklist", [RULE_FORBID] = "forbid",
	[RULE_OPTIONS] = "options", [RULE_INSTALL] = "install",	    [RULE_REMOVE] = "remove",
	[RULE_SOFTDEP] = "softdep", [RULE_WEAKDEP] = "weakdep",
};

static size_t spell_list(char *out, size_t size, const char *word, const char **list, uint32_t n)
{
	size_t len = n ? (size_t)snprintf(out, size, " %s", word) : 0;

	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, size - len, " %s", list[i]);
	return len;
}

/* All rules: "kind key|value FILE:LINE", joined with ';'. */
static void spell_rules(const struct config *c, bool files, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (int kind = 0; kind < RULE_KINDS; kind++)
		for (size_t i = 0; i < c->rules[kind].n && n < size - 1; i++) {
			const struct rule *rule = &c->rules[kind].items[i];

			n += (size_t)snprintf(out + n, size - n, "%s%s %s", n ? ";" : "", words[kind],
					      rule->key);
			if (kind == RULE_SOFTDEP || kind == RULE_WEAKDEP) {
				n += spell_list(out + n, size - n, "pre", rule->pre, rule->n_pre);
				n += spell_list(out + n, size - n, "post", rule->post, rule->n_post);
			} else if (*rule->value) {
				n += (size_t)snprintf(out + n, size - n, "|%s", rule->value);
			}
			if (files)
				n += (size_t)snprintf(out + n, size - n, " %s:%u", rule->origin.file,
						      rule->origin.line);
			else if (rule->origin.line != 1)
				n += (size_t)snprintf(out + n, size - n, " @%u", rule->origin.line);
		}
}

static void parse(const char *text, size_t size, char *rules, char *messages, size_t out)
{
	_cleanup_messages_ struct messages m;
	struct config c = { .log = &m.log };
	char *copy = malloc(size + 1);

	messages_init(&m);
	memcpy(copy, text, size);
	copy[size] = '\0';
	assert_int_equal(config_parse(&c, copy, size, "x.conf"), 0);
	free(copy);
	spell_rules(&c, false, rules, out);
	snprintf(messages, out, "%s", messages_text(&m));
	assert_int_equal(m.log.lost, 0);
	config_free(&c);
}

static void each_line_becomes_its_rule(void **state)
{
	static const struct {
		const char *text, *rules;
	} rows[] = {
		{ "", "" },
		{ "\n\n \n\t\n", "" },
		{ "# alias a b\n#\n", "" },
		{ "alias a b", "alias a|b" },
		{ "alias a b\n", "alias a|b" },
		{ " \talias \t a \t b \t c\n", "alias a|b" },
		{ "alias a-b c-d\n", "alias a_b|c_d" },
		{ "alias a[-]b-* c\n", "alias a[-]b_*|c" },
		{ "alias a off\n", "alias a|off" },
		{ "blacklist a-b\n", "blacklist a_b" },
		{ "blacklist a b c\n", "blacklist a" },
		{ "options a-b x-y=1  z=\"a b\"\n", "options a_b|x-y=1  z=\"a b\"" },
		{ "options a\tx=1\ty=2\n", "options a|x=1 y=2" },
		{ "options a  x=1\n", "options a| x=1" },
		{ "options a x=1 # why\n", "options a|x=1 # why" },
		{ "install a-b /bin/true --x -y\n", "install a_b|/bin/true --x -y" },
		{ "install a\ttabs\tstay\n", "install a|tabs\tstay" },
		{ "remove a* /sbin/x\n", "remove a*|/sbin/x" },
		{ "softdep a pre: b c post: d\n", "softdep a pre b c post d" },
		{ "softdep a post: d pre: b\n", "softdep a pre b post d" },
		{ "softdep a x y pre: b\n", "softdep a pre b" }, /* words before a head are nothing */
		{ "softdep a b c\n", "softdep a" },
		{ "softdep a pre: pre: b pre: c\n", "softdep a pre b c" },
		{ "softdep a-b pre: c-d\n", "softdep a_b pre c-d" }, /* the lookup normalises these */
		{ "softdep a pre:b\n", "softdep a" },
		{ "weakdep a b c-d\n", "weakdep a pre b c-d" },
		{ "alias a \\\n b\n", "alias a|b" },
		{ "ali\\\nas a b\n", "alias a|b" },
		{ "options a x=\\\n1\\\n2\nblacklist b\n", "blacklist b @4;options a|x=12" },
		{ "# comment \\\nblacklist a\nblacklist b\n", "blacklist b @3" },
		{ "options a x=\\1\n", "options a|x=1" }, /* a backslash in front of anything goes */
		{ "options a x=\\\\1\n", "options a|x=\\1" },
		{ "alias a b\\", "alias a|b" },
		{ "blacklist a\nblacklist b\n\nblacklist c\n", "blacklist a;blacklist b @2;blacklist c @4" },
		{ "blacklist caf\303\251\n", "blacklist caf\303\251" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char rules[1024], messages[1024];

		parse(rows[i].text, strlen(rows[i].text), rules, messages, sizeof(rules));
		assert_row_string(i, rules, rows[i].rules);
		assert_row_string(i, messages, "");
	}
}

static void a_carriage_return_ends_a_line_but_for_kmod(void **state)
{
	static const struct {
		const char *text;
		bool keep;
		const char *rules, *messages;
	} rows[] = {
		{ "alias a b\r\n", true, "alias a|b\r", "" },
		{ "alias a b\r\n", false, "alias a|b", ":1: the line ends in a carriage return" },
		{ "\nalias a \\\r\nb\r", false, "alias a|b @2", ":2: the line ends in a carriage return" },
		{ "install a b\rc\n", false, "install a|b\rc", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_messages_ struct messages m;
		struct config c = { .log = &m.log, .keep_carriage_returns = rows[i].keep };
		char *copy = strdup(rows[i].text), rules[128];

		messages_init(&m);
		assert_int_equal(config_parse(&c, copy, strlen(copy), "x.conf"), 0);
		free(copy);
		spell_rules(&c, false, rules, sizeof(rules));
		assert_row_string(i, rules, rows[i].rules);
		assert_row(i, strstr(messages_text(&m), rows[i].messages));
		assert_row(i, !*rows[i].messages == !*messages_text(&m));
		config_free(&c);
	}
}

static void a_ban_only_says_true_or_false(void **state)
{
	static const struct {
		const char *command;
		bool is_ban;
	} rows[] = {
		{ "/bin/true", true },
		{ "/usr/bin/false", true },
		{ "true", true },
		{ "  /bin/false ", true },
		{ "/bin/true $CMDLINE_OPTS", true },
		{ "/bin/true # forbidden; see CIS 1.1", true },
		{ "exit 0", true },
		{ "exit 1 # no", true },
		{ "exit", false },
		{ "exit # 1", false },
		{ "/bin/exit 1", false },
		{ "/bin/false || modprobe -i x", false },
		{ "/bin/true;modprobe -i x", false },
		{ "/bin/true x#; modprobe -i x", false },
		{ "/bin/true $(modprobe -i x)", false },
		{ "/bin/true `modprobe -i x`", false },
		{ "/bin/true >/run/x", false },
		{ "/bin/truely", false },
		{ "echo true", false },
		{ "# /bin/true", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(i, rule_is_ban(&(struct rule){ .value = rows[i].command }) == rows[i].is_ban);
}

static void a_bad_line_is_named_and_the_next_one_counts(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *message;
	} rows[] = {
		{ "garbage here\n", 0, "x.conf:1: ignoring bad line starting with 'garbage'" },
		{ "Alias a b\n", 0, "x.conf:1: ignoring bad line starting with 'Alias'" },
		{ "alias\n", 0, "x.conf:1: ignoring bad line starting with 'alias'" },
		{ "alias a\n", 0, "'alias'" },
		{ "alias a[ b\n", 0, "'alias'" },
		{ "alias a] b\n", 0, "'alias'" },
		{ "alias a b]\n", 0, "'alias'" },
		{ "blacklist\n", 0, "'blacklist'" },
		{ "blacklist a]\n", 0, "'blacklist'" },
		{ "options a\n", 0, "'options'" },
		{ "options a \n", 0, "'options'" },
		{ "install a\n", 0, "'install'" },
		{ "softdep a\n", 0, "'softdep'" },
		{ "weakdep a\n", 0, "'weakdep'" },
		{ "include other\n", 0, "x.conf:1: 'include' is not supported (nor by kmod), line ignored" },
		{ "config x\n", 0, "x.conf:1: 'config' is not supported (nor by kmod), line ignored" },
		{ "\n\nbad\\\n line\n", 0, "x.conf:3: ignoring bad line starting with 'bad'" },
		{ "alias a\0 b\n", 11, "x.conf:1: line with a NUL byte ignored" },
		{ "\0\n", 2, "x.conf:1: line with a NUL byte ignored" },
		{ "\033[2J a\n", 0, "x.conf:1: ignoring bad line starting with '\\x1b[2J'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char rules[1024], messages[1024], text[256];
		size_t n = rows[i].size ? rows[i].size : strlen(rows[i].text);

		memcpy(text, rows[i].text, n);
		memcpy(text + n, "blacklist good\n", 16);
		parse(text, n + 15, rules, messages, sizeof(rules));
		assert_row(i, !strncmp(rules, "blacklist good", 14));
		if (!strstr(messages, rows[i].message))
			fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].message, messages);
		assert_row(i, strchr(messages, '\n') == messages + strlen(messages) - 1);
	}
}

static void a_line_may_have_64_KiB_and_no_more(void **state)
{
	for (size_t over = 0; over < 2; over++) {
		size_t n = LIMIT_LINE + over;
		char *text = malloc(n + 14), rules[256], messages[256];

		memset(text, 'x', n);
		memcpy(text, "blacklist ", 10);
		memcpy(text + n, "\nblacklist b\n", 14);
		parse(text, n + 13, rules, messages, sizeof(rules));
		free(text);
		if (over)
			assert_string_equal(messages,
					    "x.conf:1: line of 65537 bytes is longer than 65536, ignored\n");
		else
			assert_string_equal(messages, "");
		assert_row(over, !!strstr(rules, "blacklist b @2") == over);
	}
}

/* ---- files ---- */

struct loaded {
	char rules[4096], messages[4096];
	unsigned int lost;
};

static struct loaded load(const struct tree *t, const char *const *paths, const char *moddir)
{
	_cleanup_messages_ struct messages m;
	struct config c = { .log = &m.log };
	struct loaded ret;

	messages_init(&m);
	assert_int_equal(config_load(&c, &t->root, paths, moddir, NULL, NULL), 0);
	spell_rules(&c, true, ret.rules, sizeof(ret.rules));
	snprintf(ret.messages, sizeof(ret.messages), "%s", messages_text(&m));
	ret.lost = m.log.lost;
	config_free(&c);
	return ret;
}

static void all_directories_are_sorted_together_by_name(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct loaded l;

	tree_write(&t, "lib/modprobe.d/a.conf", "blacklist lib_a");
	tree_write(&t, "usr/lib/modprobe.d/b.conf", "blacklist usrlib_b");
	tree_write(&t, "usr/local/lib/modprobe.d/c.conf", "blacklist local_c");
	tree_write(&t, "run/modprobe.d/d.conf", "blacklist run_d");
	tree_write(&t, "etc/modprobe.d/e.conf", "blacklist etc_e");
	tree_write(&t, "etc/modprobe.d/Z.conf", "blacklist etc_Z");
	l = load(&t, NULL, NULL);
	assert_string_equal(l.rules,
			    "blacklist etc_Z /etc/modprobe.d/Z.conf:1;"
			    "blacklist lib_a /lib/modprobe.d/a.conf:1;"
			    "blacklist usrlib_b /usr/lib/modprobe.d/b.conf:1;"
			    "blacklist local_c /usr/local/lib/modprobe.d/c.conf:1;"
			    "blacklist run_d /run/modprobe.d/d.conf:1;"
			    "blacklist etc_e /etc/modprobe.d/e.conf:1");
	assert_string_equal(l.messages, "");
}

static void a_name_in_an_earlier_directory_hides_the_later_one(void **state)
{
	static const char *const dirs[] = { "etc", "run", "usr/local/lib", "usr/lib", "lib" };
	_cleanup_tree_ struct tree t = tree_new();

	for (size_t i = ARRAY_SIZE(dirs); i-- > 0;) {
		char name[64], expected[128];

		snprintf(name, sizeof(name), "%s/modprobe.d/same.conf", dirs[i]);
		tree_write(&t, name, "blacklist x");
		snprintf(expected, sizeof(expected), "blacklist x /%s:1", name);
		assert_string_equal(load(&t, NULL, NULL).rules, expected);
	}
}

static void a_link_to_dev_null_hides_a_file_without_a_word(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct loaded l;

	tree_write(&t, "usr/lib/modprobe.d/x.conf", "blacklist x");
	tree_link(&t, "etc/modprobe.d/x.conf", "/dev/null");
	l = load(&t, NULL, NULL);
	assert_string_equal(l.rules, "");
	assert_string_equal(l.messages, "");
}

/* On a merged-/usr system /lib is a link. */
static void one_directory_by_two_names_is_read_once(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();

	tree_write(&t, "usr/lib/modprobe.d/x.conf", "blacklist x");
	tree_link(&t, "lib", "usr/lib");
	assert_string_equal(load(&t, NULL, NULL).rules, "blacklist x /usr/lib/modprobe.d/x.conf:1");
}

static void only_files_that_end_in_conf_are_read(void **state)
{
	static const char *const others[] = { "x",     "x.conf.bak", "x.conf~",	  ".hidden.conf",
					      ".conf", "README",     "x.dpkg-old" };
	_cleanup_tree_ struct tree t = tree_new();
	struct loaded l;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		char name[64];

		snprintf(name, sizeof(name), "etc/modprobe.d/%s", others[i]);
		tree_write(&t, name, "garbage");
	}
	tree_write(&t, "etc/modprobe.d/sub/x.conf", "garbage");
	l = load(&t, NULL, NULL);
	assert_string_equal(l.rules, "");
	assert_string_equal(l.messages, "");
}

static void what_cannot_be_read_is_named_and_the_rest_counts(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct loaded l;

	tree_write(&t, "etc/modprobe.d/a.conf", "blacklist a");
	tree_write(&t, "etc/modprobe.d/z.conf", "blacklist z");
	tree_mkdir(&t, "etc/modprobe.d/dir.conf/");
	l = load(&t, NULL, NULL);
	assert_contains(l.messages, "/etc/modprobe.d/dir.conf: a directory");
	assert_int_equal(l.lost, 0);
	tree_link(&t, "etc/modprobe.d/dangling.conf", "/nowhere");
	tree_link(&t, "etc/modprobe.d/loop.conf", "loop.conf");
	tree_write(&t, "etc/modprobe.d/big.conf", "");
	assert_int_equal(truncate(tree_path(&t, "etc/modprobe.d/big.conf"), LIMIT_CONFIG_FILE + 1), 0);
	l = load(&t, NULL, NULL);
	assert_contains(l.messages,
			"/etc/modprobe.d/dangling.conf: cannot be read: No such file or directory");
	assert_contains(l.messages,
			"/etc/modprobe.d/loop.conf: cannot be read: Too many levels of symbolic links");
	assert_contains(l.messages, "/etc/modprobe.d/big.conf: larger than 16777216 bytes, not read");
	assert_int_equal(l.lost, 3);
	assert_string_equal(l.rules,
			    "blacklist a /etc/modprobe.d/a.conf:1;blacklist z /etc/modprobe.d/z.conf:1");
}

static void a_file_in_the_directorys_place_is_read_as_a_file(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();

	tree_write(&t, "etc/modprobe.d", "blacklist a");
	assert_string_equal(load(&t, NULL, NULL).rules, "blacklist a /etc/modprobe.d:1");
}

/* modules.softdep and modules.weakdep take part by their names: '1' < 'm' < 'z'. */
static void depmods_softdeps_are_sorted_in_among_them(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct loaded l;

	tree_write(&t, "lib/modules/1/modules.softdep", "# c\nsoftdep a pre: depmod\n");
	tree_write(&t, "lib/modules/1/modules.weakdep", "weakdep a w\n");
	tree_write(&t, "etc/modprobe.d/10.conf", "softdep a pre: ten");
	tree_write(&t, "etc/modprobe.d/zz.conf", "softdep a pre: zz");
	l = load(&t, NULL, "lib/modules/1");
	assert_string_equal(l.rules,
			    "softdep a pre ten /etc/modprobe.d/10.conf:1;"
			    "softdep a pre depmod /lib/modules/1/modules.softdep:2;"
			    "softdep a pre zz /etc/modprobe.d/zz.conf:1;"
			    "weakdep a pre w /lib/modules/1/modules.weakdep:1");
	unlink(tree_path(&t, "lib/modules/1/modules.weakdep"));
	unlink(tree_path(&t, "lib/modules/1/modules.softdep"));
	assert_string_equal(load(&t, NULL, "lib/modules/1").messages, "");
}

static void given_paths_replace_the_directories(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	char a[128], b[128], none[128], expected[256];
	const char *const paths[] = { a, b, none, NULL };
	struct loaded l;

	tree_write(&t, "etc/modprobe.d/x.conf", "blacklist etc");
	tree_write(&t, "a/y.conf", "blacklist a");
	tree_write(&t, "b/only.txt", "blacklist b");
	tree_write(&t, "b/z.conf", "blacklist not");
	snprintf(a, sizeof(a), "%s/a", t.dir);
	snprintf(b, sizeof(b), "%s/b/only.txt", t.dir);
	snprintf(none, sizeof(none), "%s/none", t.dir);
	l = load(&t, paths, NULL);
	snprintf(expected, sizeof(expected), "blacklist b %s/b/only.txt:1;blacklist a %s/a/y.conf:1", t.dir,
		 t.dir);
	assert_string_equal(l.rules, expected);
	assert_string_equal(l.messages, "");
}

/* They need not be part of the system that is looked at; what depmod wrote is. */
static void given_paths_are_not_below_the_root_and_depmods_softdeps_are(void **state)
{
	_cleanup_tree_ struct tree t = tree_new(), host = tree_new();
	char conf[128], expected[512];
	const char *const paths[] = { conf, NULL };

	snprintf(conf, sizeof(conf), "%s/conf", host.dir);
	tree_write(&host, "conf/a.conf", "blacklist host");
	tree_write(&host, "conf/z.conf", "softdep z pre: host");
	tree_write(&host, "lib/modules/1/modules.softdep", "softdep wrong pre: host");
	tree_write(&t, "lib/modules/1/modules.softdep", "softdep a pre: root");
	tree_write(&t, "lib/modules/1/modules.weakdep", "weakdep a w");
	/* The same path below the root is another file. */
	tree_write(&t, conf + 1, "garbage");
	snprintf(expected, sizeof(expected),
		 "blacklist host %s/a.conf:1;softdep a pre root /lib/modules/1/modules.softdep:1;"
		 "softdep z pre host %s/z.conf:1;weakdep a pre w /lib/modules/1/modules.weakdep:1",
		 conf, conf);
	assert_string_equal(load(&t, paths, "lib/modules/1").rules, expected);
}

static void the_first_rule_counts_by_pattern_or_by_name(void **state)
{
	char text[] = "install foo* one\ninstall foobar two\ninstall * three\n";
	struct config c = {};

	assert_int_equal(config_parse(&c, text, strlen(text), "x"), 0);
	assert_string_equal(config_match(&c, RULE_INSTALL, "foobar")->value, "one");
	assert_string_equal(config_match(&c, RULE_INSTALL, "bar")->value, "three");
	assert_string_equal(config_find(&c, RULE_INSTALL, "foobar")->value, "two");
	assert_null(config_find(&c, RULE_INSTALL, "bar"));
	assert_null(config_match(&c, RULE_REMOVE, "foobar"));
	config_free(&c);
}

static void names_are_normalised(void **state)
{
	static const struct {
		const char *alias, *normal; /* NULL: no alias */
		const char *name;
	} rows[] = {
		{ "a-b-c", "a_b_c", "a_b_c" },
		{ "a[-]b-c", "a[-]b_c", "a[_]b_c" },
		{ "a[b-c", NULL, "a[b_c" },
		{ "a]", NULL, "a]" },
		{ "[]]", NULL, "[]]" },
		{ "[a]-[-", NULL, "[a]_[_" },
		{ "", "", "" },
		{ "a-b.ko.xz", "a_b.ko.xz", "a_b" },
		{ ".ko", ".ko", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[LIMIT_ALIAS + 1];
		bool ok = normalise_alias(rows[i].alias, buf);

		assert_row(i, ok == (rows[i].normal != NULL));
		if (ok)
			assert_row_string(i, buf, rows[i].normal);
		assert_row(i, normalise_name(rows[i].alias, buf, sizeof(buf)) == strlen(rows[i].name));
		assert_row_string(i, buf, rows[i].name);
	}
}

static void an_alias_is_cut_at_4095_bytes(void **state)
{
	char alias[LIMIT_ALIAS + 100], buf[LIMIT_ALIAS + 1];

	memset(alias, 'x', sizeof(alias));
	alias[sizeof(alias) - 1] = '\0';
	assert_true(normalise_alias(alias, buf));
	assert_int_equal(strlen(buf), LIMIT_ALIAS);
	alias[LIMIT_ALIAS] = ']'; /* behind the cut */
	assert_true(normalise_alias(alias, buf));
	alias[LIMIT_ALIAS - 1] = '[';
	assert_false(normalise_alias(alias, buf));
}

static void any_bytes_are_taken_in(void **state)
{
	static const char alphabet[] = "alias options pre: post: softdep blacklist \\\n\t-[]*#x.\0\200\377";
	struct dice d = dice_new(3);

	for (int i = 0; i < 20000; i++) {
		_cleanup_messages_ struct messages m;
		struct config c = { .log = &m.log };
		size_t n = dice_roll(&d, 80);
		char *text = malloc(n + 1);

		messages_init(&m);
		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[dice_roll(&d, sizeof(alphabet))];
		text[n] = '\0';
		assert_int_equal(config_parse(&c, text, n, "x"), 0);
		free(text);
		config_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_becomes_its_rule),
		cmocka_unit_test(a_carriage_return_ends_a_line_but_for_kmod),
		cmocka_unit_test(a_ban_only_says_true_or_false),
		cmocka_unit_test(a_bad_line_is_named_and_the_next_one_counts),
		cmocka_unit_test(a_line_may_have_64_KiB_and_no_more),
		cmocka_unit_test(all_directories_are_sorted_together_by_name),
		cmocka_unit_test(a_name_in_an_earlier_directory_hides_the_later_one),
		cmocka_unit_test(a_link_to_dev_null_hides_a_file_without_a_word),
		cmocka_unit_test(one_directory_by_two_names_is_read_once),
		cmocka_unit_test(only_files_that_end_in_conf_are_read),
		cmocka_unit_test(what_cannot_be_read_is_named_and_the_rest_counts),
		cmocka_unit_test(a_file_in_the_directorys_place_is_read_as_a_file),
		cmocka_unit_test(depmods_softdeps_are_sorted_in_among_them),
		cmocka_unit_test(given_paths_replace_the_directories),
		cmocka_unit_test(given_paths_are_not_below_the_root_and_depmods_softdeps_are),
		cmocka_unit_test(the_first_rule_counts_by_pattern_or_by_name),
		cmocka_unit_test(names_are_normalised),
		cmocka_unit_test(an_alias_is_cut_at_4095_bytes),
		cmocka_unit_test(any_bytes_are_taken_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
