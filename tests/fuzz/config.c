/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a name up to a newline, then a file of modprobe.d. */
#include "engine/config.h"

#include <string.h>

#include "base/limits.h"
#include "tests/fuzz/fuzz.h"

static void check_rule(const struct rule *rule)
{
	MUST(rule->key && rule->value && rule->origin.file && rule->origin.line);
	MUST(strlen(rule->key) <= LIMIT_LINE && strlen(rule->value) <= LIMIT_LINE);
	for (uint32_t i = 0; i < rule->n_pre; i++)
		MUST(rule->pre[i][0]);
	for (uint32_t i = 0; i < rule->n_post; i++)
		MUST(rule->post[i][0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct config c = { .log = &fuzz_log };
	char *name = input_part(&in, '\n', NULL), *text;
	char alias[LIMIT_ALIAS + 1];

	text = malloc(in.n + 1);
	MUST(text);
	if (in.n)
		memcpy(text, in.p, in.n);
	text[in.n] = '\0'; /* as rootfs_read() gives it */
	MUST(config_parse(&c, text, in.n, "/etc/modprobe.d/fuzz.conf") == 0);
	for (int kind = 0; kind < RULE_KINDS; kind++) {
		for (size_t i = 0; i < c.rules[kind].n; i++)
			check_rule(&c.rules[kind].items[i]);
		if (normalise_alias(name, alias)) {
			const struct rule *found = config_find(&c, (enum rule_kind)kind, alias);

			MUST(!found || !strcmp(found->key, alias));
			config_match(&c, (enum rule_kind)kind, alias);
		}
	}
	config_free(&c);
	free(text);
	free(name);
	return 0;
}
