/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/config-text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct config_text {
	ARRAY(char) text;
};

static int add(struct config_text *t, const char *s)
{
	return array_append(&t->text, s, strlen(s));
}

static int add_words(struct config_text *t, const char *head, const char *const *words, uint32_t n)
{
	int r = n ? add(t, head) : 0;

	for (uint32_t i = 0; !r && i < n; i++)
		r = (i || *head ? add(t, " ") : 0) ?: add(t, words[i]);
	return r;
}

static int add_value(struct config_text *t, enum rule_kind kind, const struct rule *rule)
{
	const char *const *pre = (const char *const *)rule->pre,
			  *const *post = (const char *const *)rule->post;

	switch (kind) {
	case RULE_BLACKLIST:
		return 0;
	case RULE_WEAKDEP:
		return add(t, " ") ?: add_words(t, "", pre, rule->n_pre);
	case RULE_SOFTDEP:
		return add(t, " ") ?: add_words(t, "pre:", pre, rule->n_pre) ?:
		       (rule->n_pre && rule->n_post ? add(t, " ") : 0) ?: add_words(t, "post:", post, rule->n_post);
	default:
		return add(t, " ") ?: add(t, rule->value);
	}
}

static int add_rules(struct config_text *t, const struct config *config, enum rule_kind kind,
		     const char *word)
{
	int r = 0;

	for (size_t i = 0; !r && i < config->rules[kind].n; i++) {
		const struct rule *rule = &config->rules[kind].items[i];

		r = add(t, word) ?: add(t, rule->key) ?: add_value(t, kind, rule) ?: add(t, "\n");
	}
	return r;
}

static int add_alias(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct config_text *t = userdata;

	return add(t, "alias ") ?: add(t, key) ?: add(t, " ") ?: add(t, value) ?: add(t, "\n");
}

static int add_all(struct config_text *t, const struct config *c, struct moddir *d)
{
	static const struct {
		enum rule_kind kind;
		const char *word;
	} kinds[] = {
		{ RULE_BLACKLIST, "blacklist " }, { RULE_INSTALL, "install " }, { RULE_REMOVE, "remove " },
		{ RULE_ALIAS, "alias " },	  { RULE_OPTIONS, "options " }, { RULE_SOFTDEP, "softdep " },
		{ RULE_WEAKDEP, "weakdep " },
	};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(kinds); i++)
		r = add_rules(t, c, kinds[i].kind, kinds[i].word);
	return r ?: add(t, "\n# End of configuration files. Dumping indexes now:\n\n") ?:
	       moddir_each(d, MODDIR_ALIAS, add_alias, t) ?:
	       moddir_each(d, MODDIR_SYMBOLS, add_alias, t) ?: array_push(&t->text, '\0');
}

int config_text(const struct config *c, struct moddir *d, char **ret)
{
	struct config_text t = {};
	int r = add_all(&t, c, d);

	if (r < 0) {
		array_free(&t.text);
		return r;
	}
	*ret = t.text.items;
	return 0;
}
