/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/memstream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct memstream {
	char **text;
	size_t *n;
	size_t capacity;
};

/* What is not taken is an error of the stream (fopencookie(3)). */
static ssize_t take(void *cookie, const char *data, size_t size)
{
	struct memstream *m = cookie;

	if (size >= m->capacity - *m->n) {
		size_t capacity = m->capacity * 2 > *m->n + size ? m->capacity * 2 : *m->n + size + 1;
		char *text = realloc(*m->text, capacity);

		if (!text) {
			errno = ENOMEM;
			return 0;
		}
		*m->text = text;
		m->capacity = capacity;
	}
	memcpy(*m->text + *m->n, data, size);
	*m->n += size;
	(*m->text)[*m->n] = '\0';
	return (ssize_t)size;
}

static int drop(void *cookie)
{
	free(cookie);
	return 0;
}

FILE *memstream_open(char **text, size_t *n)
{
	static const cookie_io_functions_t functions = { .write = take, .close = drop };
	struct memstream *m = malloc(sizeof(*m));
	FILE *f;

	*text = calloc(1, 64);
	*n = 0;
	if (!m || !*text) {
		free(m);
		return NULL;
	}
	*m = (struct memstream){ text, n, 64 };
	f = fopencookie(m, "w", functions);
	if (!f)
		free(m);
	return f;
}

int memstream_close(FILE *f)
{
	int failed = ferror(f);

	return fclose(f) == EOF || failed ? -ENOMEM : 0;
}
