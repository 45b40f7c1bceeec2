/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: /proc/cmdline. */
#include "base/cmdline.h"

#include <string.h>

#include "engine/config.h"
#include "tests/fuzz/fuzz.h"

static void check_rules(const struct config *c, size_t size)
{
	for (int kind = 0; kind < RULE_KINDS; kind++) {
		for (size_t i = 0; i < c->rules[kind].n; i++) {
			const struct rule *rule = &c->rules[kind].items[i];

			MUST(rule->key[0] && strlen(rule->key) <= size && strlen(rule->value) <= size + 2);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct config c = { .log = &fuzz_log };
	char *text = input_part(&in, '\0', NULL), *copy = strdup(text), *rest = copy;
	struct cmdline_arg arg;
	size_t n = 0;

	MUST(copy);
	while (cmdline_next(&rest, &arg)) {
		MUST(arg.param >= copy && arg.param + strlen(arg.param) <= copy + size);
		MUST(!arg.value || arg.value + strlen(arg.value) <= copy + size);
		MUST(++n <= size);
	}
	MUST(config_parse_cmdline(&c, text) == 0);
	check_rules(&c, size);
	config_free(&c);
	free(copy);
	free(text);
	return 0;
}
