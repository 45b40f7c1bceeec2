/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/reference/aliases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/rootfs.h"

void strings_add(struct strings *s, const char *text)
{
	char *copy = strdup(text);

	if (!copy || array_push(&s->items, copy) < 0) {
		fputs("out of memory\n", stderr);
		abort();
	}
}

void strings_free(struct strings *s)
{
	for (size_t i = 0; i < s->items.n; i++)
		free(s->items.items[i]);
	array_free(&s->items);
}

/* "alias PATTERN MODULE" */
static void take_alias(struct strings *s, char *line)
{
	char *end = strrchr(line, ' ');

	if (strncmp(line, "alias ", 6) != 0 || end <= line + 6)
		return;
	*end = '\0';
	strings_add(s, line + 6);
}

/* "kernel/drivers/x/y-z.ko.xz: ..." and modules.builtin's lines: "y-z" */
static void take_path(struct strings *s, char *line)
{
	char *name, *dot;

	line[strcspn(line, ":")] = '\0';
	name = strrchr(line, '/');
	name = name ? name + 1 : line;
	dot = strchr(name, '.');
	if (dot)
		*dot = '\0';
	if (*name)
		strings_add(s, name);
}

/* "fuse.alias=fs-fuse" */
static void take_modinfo(struct strings *s, char *line)
{
	char *key = strchr(line, '.');

	if (key && !strncmp(key, ".alias=", 7))
		strings_add(s, key + 7);
}

static int read_lines(struct strings *s, const char *directory, const char *name, char separator,
		      void (*take)(struct strings *, char *))
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f) {
		int r = -errno;

		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return r;
	}
	while ((n = getdelim(&line, &size, separator, f)) > 0) {
		if (line[n - 1] == separator)
			line[n - 1] = '\0';
		if (*line && *line != '#')
			take(s, line);
	}
	return 0;
}

int kernel_read(struct kernel *k, const char *directory)
{
	return read_lines(&k->patterns, directory, "modules.alias", '\n', take_alias)			 ?:
		       read_lines(&k->symbols, directory, "modules.symbols", '\n', take_alias)		 ?:
		       read_lines(&k->builtin, directory, "modules.builtin.modinfo", '\0', take_modinfo) ?:
		       read_lines(&k->modules, directory, "modules.dep", '\n', take_path)		 ?:
		       read_lines(&k->builtin_modules, directory, "modules.builtin", '\n', take_path);
}

void kernel_free(struct kernel *k)
{
	strings_free(&k->patterns);
	strings_free(&k->symbols);
	strings_free(&k->builtin);
	strings_free(&k->modules);
	strings_free(&k->builtin_modules);
}

/* A string that is cut where it no longer fits. */
struct text {
	char *buf;
	size_t n, size;
};

static void put(struct text *t, char c)
{
	if (t->n + 1 < t->size)
		t->buf[t->n++] = c;
}

static void puts_text(struct text *t, const char *s)
{
	while (*s)
		put(t, *s++);
}

static const char hex[] = "0123456789ABCDEF";
static const char plausible[] = "0123456789ABCDEFabcdefghijklmnopqrstuvwxyz,:._-";

/* What stands for a '*': nothing, a vendor's number, a word, a compatible. */
static void put_star(struct text *t, struct random *r)
{
	static const char *const words[] = { "",	   "*",		"(null)", "sc00i00",   "bc03sc00i00",
					     "acpi",	   "ACPI0003:", "_v1_0",  "fsl,imx6q", "Cfsl",
					     ":rn",	   "d0100dc00", "0",	  "in01",      "phandle",
					     "pvrLenovo:", "-usb-",	":00A0",  "sv*",       "C",
					     "dc" };
	size_t n = random_below(r, 9);

	switch (random_below(r, 4)) {
	case 0:
		puts_text(t, random_of(r, words));
		break;
	case 1:
		while (n--)
			put(t, plausible[random_below(r, sizeof(plausible) - 1)]);
		break;
	default:
		n = n > 4 ? 8 : n;
		while (n--)
			put(t, hex[random_below(r, sizeof(hex) - 1)]);
		break;
	}
}

/* A member of the class that begins at p (behind the '['), or of its complement. Returns the ']'. */
static const char *put_member(struct text *t, struct random *r, const char *p)
{
	const char *end = strchr(p, ']');
	char members[512];
	size_t n = 0;

	if (!end)
		return p + strlen(p) - 1;
	for (; p < end; p++) {
		unsigned char last = (unsigned char)*p;

		if (end - p > 2 && p[1] == '-')
			last = (unsigned char)p[2];
		for (unsigned int c = (unsigned char)*p; c <= last && n < sizeof(members); c++)
			members[n++] = (char)c;
		if (end - p > 2 && p[1] == '-')
			p += 2;
	}
	put(t, n ? members[random_below(r, n)] : 'x');
	return end;
}

void instantiate(struct random *r, const char *pattern, char *buf, size_t size)
{
	struct text t = { buf, 0, size };

	for (const char *p = pattern; *p; p++) {
		if (*p == '*')
			put_star(&t, r);
		else if (*p == '?')
			put(&t, plausible[random_below(r, sizeof(plausible) - 1)]);
		else if (*p == '[')
			p = put_member(&t, r, p + 1);
		else
			put(&t, *p);
	}
	buf[t.n] = '\0';
}

void near_miss(struct random *r, char *alias, size_t size)
{
	size_t n = strlen(alias), at = random_below(r, n + 1);
	char c = plausible[random_below(r, sizeof(plausible) - 1)];

	switch (random_below(r, 3)) {
	case 0:
		if (at < n)
			alias[at] = c;
		break;
	case 1:
		if (at < n)
			memmove(alias + at, alias + at + 1, n - at);
		break;
	default:
		if (n + 1 == size)
			break;
		memmove(alias + at + 1, alias + at, n - at + 1);
		alias[at] = c;
		break;
	}
}

static void put_nasty(struct text *t, struct random *r, const struct kernel *k)
{
	static const char *const bits[] = { "[",  "]",	   "[]",   "[a-z]", "[!x]",  "[]]",  "*",  "?",
					    "\\", "\\*",   "\x01", "\t",    "\x7f",  "\xff", " ",  "#",
					    ":",  ".",	   "..",   "/",	    "-",     "_",    "--", "[-]",
					    "\"", "alias", "off",  "\r",    "{a,b}", "%s" };
	static const size_t lengths[] = { 100, 200, 256, 1000, 4000, 4090, 4100, 5000 };
	char buf[256];
	size_t n;

	switch (random_below(r, 24)) {
	case 0:
		for (n = random_of(r, lengths); n; n--)
			put(t, 'a');
		break;
	case 1:
		put(t, (char)(1 + random_below(r, 255)));
		break;
	case 2 ... 6: /* the beginning of a pattern as it is written */
		snprintf(buf, sizeof(buf), "%s",
			 k->patterns.items.items[random_below(r, k->patterns.items.n)]);
		buf[random_below(r, strlen(buf) + 1)] = '\0';
		puts_text(t, buf);
		break;
	case 7 ... 9: /* or all of it */
		puts_text(t, k->patterns.items.items[random_below(r, k->patterns.items.n)]);
		break;
	case 10 ... 12:
		puts_text(t, k->modules.items.items[random_below(r, k->modules.items.n)]);
		break;
	case 13 ... 15:
		instantiate(r, k->patterns.items.items[random_below(r, k->patterns.items.n)], buf,
			    sizeof(buf));
		puts_text(t, buf);
		break;
	default:
		puts_text(t, random_of(r, bits));
		break;
	}
}

void nasty(struct random *r, const struct kernel *k, char *buf, size_t size)
{
	struct text t = { buf, 0, size };

	for (size_t n = 1 + random_below(r, 4); n; n--)
		put_nasty(&t, r, k);
	buf[t.n] = '\0';
}

static void add_pair(struct strings *ret, struct random *r, const char *pattern)
{
	char buf[8192];

	instantiate(r, pattern, buf, sizeof(buf));
	strings_add(ret, buf);
	near_miss(r, buf, sizeof(buf));
	strings_add(ret, buf);
}

static void add_name(struct strings *ret, struct random *r, const char *name)
{
	char buf[512];

	add_pair(ret, r, name);
	snprintf(buf, sizeof(buf), "%s", name);
	for (char *p = buf; *p; p++)
		if (*p == '_' || *p == '-')
			*p = random_below(r, 2) ? '_' : '-';
	strings_add(ret, buf);
	if (!random_below(r, 8)) {
		snprintf(buf, sizeof(buf), "%s%s", name, random_below(r, 2) ? ".ko" : ".conf");
		strings_add(ret, buf);
	}
}

void aliases_make(struct strings *ret, const struct kernel *k, struct random *r)
{
	char buf[8192];

	for (size_t i = 0; i < k->patterns.items.n; i++)
		add_pair(ret, r, k->patterns.items.items[i]);
	for (size_t i = 0; i < k->symbols.items.n; i++)
		add_pair(ret, r, k->symbols.items.items[i]);
	for (size_t i = 0; i < k->builtin.items.n; i++)
		add_pair(ret, r, k->builtin.items.items[i]);
	for (size_t i = 0; i < k->modules.items.n; i++)
		add_name(ret, r, k->modules.items.items[i]);
	for (size_t i = 0; i < k->builtin_modules.items.n; i++)
		add_name(ret, r, k->builtin_modules.items.items[i]);
	for (size_t i = 0; i < 4000; i++) {
		nasty(r, k, buf, sizeof(buf));
		strings_add(ret, buf);
	}
}
