/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line by the kernel's rules (lib/cmdline.c next_arg(), kernel/params.c parse_args()), and
 * what of it becomes rules. */
#include "tests/unit/test.h"

#include "base/limits.h"
#include "base/cmdline.h"
#include "engine/config.h"

/* What is read, as "param|value" or "param", joined with ';'. */
static void spell_args(char *line, char *out, size_t size)
{
	struct cmdline_arg arg;
	size_t n = 0;

	*out = '\0';
	while (cmdline_next(&line, &arg) && n < size - 1)
		n += (size_t)snprintf(out + n, size - n, "%s%s%s%s", n ? ";" : "", arg.param,
				      arg.value ? "|" : "", arg.value ? arg.value : "");
}

static void words_and_values_are_the_kernels(void **state)
{
	static const struct {
		const char *line, *args;
	} rows[] = {
		{ "", "" },
		{ "   \n", "" },
		{ "quiet", "quiet" },
		{ "  a=b  c ", "a|b;c" },
		{ "a=b=c", "a|b=c" },
		{ "a=", "a|" },
		{ "=a", "=a" },
		{ "=a=b", "=a|b" },
		{ "c.q=\"a b\"", "c.q|a b" },
		{ "\"c.w=h i\"", "c.w|h i" },
		{ "\"c.w=\"h\" i\"", "c.w|h\" i" },
		{ "a=\"b", "a|b" },
		{ "a=\"b c", "a|b c" },
		{ "a=\"", "a|" },
		{ "a=\"\"", "a|" },
		{ "a=b\"c d\"", "a|b\"c d\"" },
		{ "\"a b\"=c", "a b\"|c" },
		{ "\"", "" },		    /* a word without a letter */
		{ "\"a=\"b\"\"", "a|b\"" }, /* only one quote is cut at the end */
		{ "a\tb\nc\vd\fe\rf", "a;b;c;d;e;f" },
		{ "a\240b=1", "a;b|1" },
		{ "a -- b", "a" },
		{ "a --b c", "a;--b;c" },
		{ "a --=1 b", "a;--|1;b" },
		{ "a \"--\" b", "a" },
		{ "--", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char line[100], args[100];

		snprintf(line, sizeof(line), "%s", rows[i].line);
		spell_args(line, args, sizeof(args));
		assert_row_string(i, args, rows[i].args);
	}
}

/* Written anew from the description of next_arg(): one pass that marks, then the cuts. */
static void spell_as_the_kernel(const char *s, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (;;) {
		bool whole, in_quote;
		size_t i, equals = 0, end;
		char word[64], *value;

		while (*s && (strchr(" \t\n\v\f\r", *s) || (unsigned char)*s == 0xa0))
			s++;
		if (!*s)
			return;
		whole = in_quote = *s == '"';
		s += whole;
		for (i = 0; s[i]; i++) {
			if (!in_quote && (strchr(" \t\n\v\f\r", s[i]) || (unsigned char)s[i] == 0xa0))
				break;
			if (!equals && s[i] == '=')
				equals = i;
			in_quote ^= s[i] == '"';
		}
		memcpy(word, s, i);
		word[i] = '\0';
		end = i;
		value = equals ? word + equals + 1 : NULL;
		if (equals)
			word[equals] = '\0';
		if (value && *value == '"') {
			value++;
			if (word[end - 1] == '"')
				word[end - 1] = '\0';
		}
		if (whole && end && word[end - 1] == '"')
			word[end - 1] = '\0';
		s += i + !!s[i];
		if (!value && !strcmp(word, "--"))
			return;
		n += (size_t)snprintf(out + n, size - n, "%s%s%s%s", n ? ";" : "", word, value ? "|" : "",
				      value ? value : "");
	}
}

static void any_line_is_read_as_the_kernel_reads_it(void **state)
{
	static const char alphabet[] = "a\"= -.\"";
	struct dice d = dice_new(7);

	for (int i = 0; i < 300000; i++) {
		char line[32], kernel[128], ours[128], copy[32];
		size_t n = dice_roll(&d, 14);

		for (size_t k = 0; k < n; k++)
			line[k] = alphabet[dice_roll(&d, sizeof(alphabet) - 1)];
		line[n] = '\0';
		strcpy(copy, line);
		spell_as_the_kernel(line, kernel, sizeof(kernel));
		spell_args(copy, ours, sizeof(ours));
		if (strcmp(kernel, ours) != 0)
			fail_msg("[%s]: '%s', the kernel '%s'", line, ours, kernel);
	}
}

/* "kind key value" a line, from all rules a line leads to. */
static void spell_rules(const struct config *c, char *out, size_t size)
{
	static const struct {
		enum rule_kind kind;
		const char *word;
	} kinds[] = { { RULE_BLACKLIST, "blacklist" },
		      { RULE_FORBID, "forbid" },
		      { RULE_OPTIONS, "options" } };
	size_t n = 0;

	*out = '\0';
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < c->rules[kinds[k].kind].n && n < size - 1; i++) {
			const struct rule *rule = &c->rules[kinds[k].kind].items[i];

			assert_string_equal(rule->origin.file, "kernel command line");
			n += (size_t)snprintf(out + n, size - n, "%s%s %s%s%s", n ? ";" : "", kinds[k].word,
					      rule->key, *rule->value ? " " : "", rule->value);
		}
}

static void rules_come_from_the_parameters_of_modules(void **state)
{
	static const struct {
		const char *line, *rules;
	} rows[] = {
		{ "quiet root=/dev/sda1 console=ttyS0,115200", "" },
		{ "a.b=1", "options a b=1" },
		{ "a-dash.x-y=1", "options a_dash x-y=1" },
		{ "c.noval", "options c noval" },
		{ "c.d.e=1", "" },
		{ "c.d.e", "" },
		{ "c.x=1.5", "options c x=1.5" },
		{ ".x=1", "" },
		{ "c.=1", "" },
		{ "c.", "" },
		{ "c.q=\"a b\"", "options c q=\"a b\"" },
		{ "\"c.w=h i\"", "options c w=\"h i\"" },
		{ "c.e=", "options c e=" },
		{ "a[-b].x=1", "options a[-b] x=1" },
		{ "a].x=1", "" },
		{ "a.x=1 a.x=2", "options a x=1;options a x=2" },
		{ "modprobe.blacklist=a,b-c", "blacklist a;blacklist b_c" },
		{ "modprobe.blacklist=,a,,", "blacklist a" },
		{ "modprobe.blacklist=\"a,b\"", "blacklist a;blacklist b" },
		{ "modprobe.blacklist", "options modprobe blacklist" },
		{ "modprobe.blacklist=a modprobe.blacklist=b", "blacklist a;blacklist b" },
		{ "module_blacklist=a,b-c", "forbid a;forbid b-c" },
		{ "module_blacklist", "" },
		{ "a.b=1 -- c.d=1 modprobe.blacklist=x", "options a b=1" },
		{ "a\240b.c=1", "options b c=1" },
		{ "a.b=1\n", "options a b=1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_messages_ struct messages m;
		struct config c = { .log = &m.log };
		char line[100], rules[200];

		messages_init(&m);
		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_int_equal(config_parse_cmdline(&c, line), 0);
		spell_rules(&c, rules, sizeof(rules));
		config_free(&c);
		assert_row_string(i, rules, rows[i].rules);
	}
}

static void a_megabyte_is_read_to_its_end(void **state)
{
	_cleanup_free_ char *line = malloc(LIMIT_CMDLINE + 1);
	struct config c = {};
	const struct rule *rule;

	memset(line, 'x', LIMIT_CMDLINE);
	for (size_t i = 0; i < LIMIT_CMDLINE; i += 16)
		line[i] = ' ';
	memcpy(line + LIMIT_CMDLINE - 8, " m.p=end", 8);
	line[LIMIT_CMDLINE] = '\0';
	assert_int_equal(config_parse_cmdline(&c, line), 0);
	rule = config_find(&c, RULE_OPTIONS, "m");
	assert_non_null(rule);
	assert_string_equal(rule->value, "p=end");
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_values_are_the_kernels),
		cmocka_unit_test(any_line_is_read_as_the_kernel_reads_it),
		cmocka_unit_test(rules_come_from_the_parameters_of_modules),
		cmocka_unit_test(a_megabyte_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
