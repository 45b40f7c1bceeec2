/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/reference/config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

struct writer {
	FILE *f;
	const struct kernel *k;
	const struct strings *asked;
	struct random *r;
};

static const char *any(struct random *r, const struct strings *s)
{
	return s->items.items[random_below(r, s->items.n)];
}

static const char *module(struct writer *w)
{
	static const char *const others[] = { "off",	     "no-such-module", "reference-1",
					      "reference-2", "b[-]d",	       "a.b" };

	return random_below(w->r, 10) ? any(w->r, &w->k->modules) : random_of(w->r, others);
}

/* A word may not hold what ends or continues one. */
static void put_word(struct writer *w, const char *s)
{
	for (; *s; s++)
		fputc(isspace((unsigned char)*s) || *s == '\\' ? '_' : *s, w->f);
}

/* Something that an alias of the list may match: it, its beginning, with a class, or a chain's name. */
static void put_pattern(struct writer *w)
{
	const char *asked = any(w->r, w->asked);
	char buf[8192];
	size_t n, at;

	snprintf(buf, sizeof(buf), "%s", asked);
	n = strlen(buf);
	/* Mostly long prefixes: one that matches everything would leave nothing for the other sources. */
	at = n > 8 && random_below(w->r, 50) ? n / 2 + random_below(w->r, n / 2) : n / 2;
	switch (random_below(w->r, 7)) {
	case 0:
		put_word(w, buf);
		break;
	case 1:
		snprintf(buf + at, sizeof(buf) - at, "*");
		put_word(w, buf);
		break;
	case 2:
		snprintf(buf + at, sizeof(buf) - at, "[%c-z]%s", n ? asked[at] : 'a',
			 n ? asked + at + 1 : "*");
		put_word(w, buf);
		break;
	case 3:
		snprintf(buf + at, sizeof(buf) - at, "?*%s", n > 3 ? asked + n - 2 : "x");
		put_word(w, buf);
		break;
	case 4:
		put_word(w, any(w->r, &w->k->patterns));
		break;
	case 5:
		put_word(w, module(w));
		break;
	default:
		fprintf(w->f, "reference-%zu", random_below(w->r, 4));
		break;
	}
}

static void put_alias(struct writer *w)
{
	fputs("alias ", w->f);
	put_pattern(w);
	fprintf(w->f, " %s%s\n", module(w), random_below(w->r, 8) ? "" : " trailing words");
}

static void put_softdep(struct writer *w)
{
	fprintf(w->f, "softdep %s pre: %s %s post: %s\n", module(w), module(w), any(w->r, &w->k->patterns),
		module(w));
}

static void put_other(struct writer *w)
{
	static const char *const lines[] = { "",
					     "# a comment",
					     "alias",
					     "alias x",
					     "alias a]b c",
					     "garbage in here",
					     "alias wrapped-\\\nname e1000",
					     "  blacklist  \t snd",
					     "alias [open e1000" };

	fprintf(w->f, "%s\n", random_of(w->r, lines));
}

static void put_line(struct writer *w)
{
	switch (random_below(w->r, 12)) {
	case 0 ... 5:
		put_alias(w);
		break;
	case 6:
		fprintf(w->f, "blacklist %s\n", module(w));
		break;
	case 7:
		put_softdep(w);
		break;
	case 8:
		fprintf(w->f, "options %s a=%zu\n", module(w), random_below(w->r, 9));
		break;
	case 9:
		fprintf(w->f, "install %s /bin/true $CMDLINE_OPTS\n",
			any(w->r, w->asked)[0] ? module(w) : "x");
		break;
	case 10:
		fputs("install ", w->f);
		put_pattern(w);
		fputs(" /bin/true\nremove ", w->f);
		put_pattern(w);
		fputs(" /bin/true\n", w->f);
		break;
	default:
		put_other(w);
		break;
	}
}

void config_write(const char *directory, const struct kernel *k, const struct strings *asked,
		  struct random *r)
{
	for (unsigned int i = 0; i < 5; i++) {
		_cleanup_free_ char *path = NULL;
		_cleanup_fclose_ FILE *f = NULL;

		if (asprintf(&path, "%s/%u.conf", directory, i) < 0 || !(f = fopen(path, "we")))
			abort();
		for (unsigned int n = 0; n < 50; n++)
			put_line(&(struct writer){ f, k, asked, r });
	}
}
