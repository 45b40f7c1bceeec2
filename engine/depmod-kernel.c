/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/depmod-kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct depmod *d;
	const char *path;
	unsigned int line;
};

static char *word(char **rest)
{
	char *w = *rest + strspn(*rest, " \t");

	*rest = w + strcspn(w, " \t");
	if (**rest)
		*(*rest)++ = '\0';
	return *w ? w : NULL;
}

static int take_symvers_line(struct reader *r, char *line)
{
	char *version = word(&line), *symbol = word(&line), *owner = word(&line), *end;
	uint64_t crc;

	if (!owner || strcmp(owner, "vmlinux") != 0)
		return 0;
	crc = strtoull(version, &end, 16);
	if (*end) {
		log_error(r->d->log, "%s:%u Invalid symbol version %s", r->path, r->line, version);
		return 0;
	}
	symbol += r->d->symbol_prefix && *symbol == r->d->symbol_prefix;
	return depmod_add_kernel_symbol(r->d, symbol, crc);
}

static int take_map_line(struct reader *r, char *line)
{
	char *p = strchr(line, ' ');

	p = p ? strchr(p + 1, ' ') : NULL;
	if (!p) {
		log_error(r->d->log, "%s:%u: invalid line: %s", r->path, r->line, line);
		return 0;
	}
	p++;
	p += r->d->symbol_prefix && *p == r->d->symbol_prefix;
	return strncmp(p, "__ksymtab_", 10) ? 0 : depmod_add_kernel_symbol(r->d, p + 10, 0);
}

/* What no kernel exports, and modules need all the same: what the kernel adds to each module, on S/390
 * too, and what is on PowerPC much the same. */
static int add_made_up(struct depmod *d)
{
	static const char *const names[] = { "__this_module", "_GLOBAL_OFFSET_TABLE_", "TOC." };
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(names) / sizeof(names[0]); i++)
		if (i < 2 || intern_find(&d->symbols, names[i], strlen(names[i])) == INTERN_NONE)
			r = depmod_add_kernel_symbol(d, names[i], 0);
	return r;
}

static int take_lines(struct reader *r, char *text, size_t size, int (*take)(struct reader *r, char *line))
{
	char *end = text + size, *next;
	int e = 0;

	for (char *p = text; !e && p < end; p = next) {
		char *newline = memchr(p, '\n', (size_t)(end - p));

		next = newline ? newline + 1 : end;
		if (newline)
			*newline = '\0';
		r->line++;
		e = take(r, p);
	}
	return e ?: add_made_up(r->d);
}

int depmod_take_symvers(struct depmod *d, const char *path, char *text, size_t size)
{
	return take_lines(&(struct reader){ d, path, 0 }, text, size, take_symvers_line);
}

int depmod_take_system_map(struct depmod *d, const char *path, char *text, size_t size)
{
	return take_lines(&(struct reader){ d, path, 0 }, text, size, take_map_line);
}
