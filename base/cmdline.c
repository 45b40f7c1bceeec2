/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cmdline.h"

#include <string.h>

/* lib/ctype.c: the kernel counts the no-break space of Latin-1 as one too. */
static bool is_space(char ch)
{
	unsigned char c = (unsigned char)ch;

	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

/* The end of the word at p, which may be quoted; *equals: its first '=' outside the first place. */
static char *word_end(char *p, bool in_quote, char **equals)
{
	char *start = p;

	for (*equals = NULL; *p && (in_quote || !is_space(*p)); p++) {
		if (*p == '=' && !*equals && p != start)
			*equals = p;
		if (*p == '"')
			in_quote = !in_quote;
	}
	return p;
}

bool cmdline_next(char **rest, struct cmdline_arg *ret)
{
	char *p = *rest, *end, *equals;
	bool quoted;

	while (is_space(*p))
		p++;
	if (!*p)
		return false;
	quoted = *p == '"';
	p += quoted;
	end = word_end(p, quoted, &equals);
	*rest = *end ? end + 1 : end;
	*end = '\0';
	*ret = (struct cmdline_arg){ .param = p, .quoted = quoted };
	if (equals) {
		*equals = '\0';
		ret->value = equals + 1;
		if (*ret->value == '"') {
			ret->value++;
			ret->quoted = true;
			/* The kernel cuts one quote at the end, the value's before the word's. */
			quoted = true;
		}
	}
	if (quoted && end > p && end[-1] == '"')
		end[-1] = '\0';
	return ret->value || strcmp(ret->param, "--") != 0;
}
