/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The indexes of what is built in: of modules.builtin and modules.builtin.modinfo, which the kernel's
 * build makes. Where one is missing the index is an empty file.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/config.h"
#include "engine/depmod.h"
#include "engine/index-build.h"

static int add_name(struct depmod *d, struct index_builder *b, const char *line)
{
	const char *slash = strrchr(line, '/');
	char name[LIMIT_LINE];

	if (!isalpha((unsigned char)*line)) {
		log_error(d->log, "Invalid modules.builtin line: %s", line);
		return 0;
	}
	normalise_name(slash ? slash + 1 : line, name, sizeof(name));
	return depmod_add_entry(d, b, name, "", 0);
}

static int add_names(struct depmod *d, struct index_builder *b, struct file_bytes *text)
{
	int r = 0;

	for (char *p = text->data, *end = p + text->size, *next; !r && p < end; p = next) {
		char *newline = memchr(p, '\n', (size_t)(end - p));

		next = newline ? newline + 1 : end;
		if (newline)
			*newline = '\0';
		r = add_name(d, b, p);
	}
	return r;
}

/* "MODULE.KEY=VALUE" */
static int add_string(struct depmod *d, struct index_builder *b, char *string)
{
	char *dot = strchr(string, '.');

	if (!dot || dot == string || strncmp(dot, ".alias=", 7) != 0 || !dot[7])
		return 0;
	*dot = '\0';
	if (normalise_pattern(dot + 7))
		return depmod_add_entry(d, b, dot + 7, string, 0);
	log_warning(d->log, "Unmatched bracket in %s", dot + 7);
	return 0;
}

static int add_strings(struct depmod *d, struct index_builder *b, struct file_bytes *text)
{
	int r = 0;

	for (char *p = text->data, *end = p + text->size, *next; !r && p < end; p = next) {
		next = p + strlen(p) + 1;
		r = add_string(d, b, p);
	}
	return r;
}

int depmod_make_builtin(struct depmod *d, enum depmod_file which, uint8_t **data, size_t *size)
{
	const char *name = which == DEPMOD_BUILTIN ? "modules.builtin" : "modules.builtin.modinfo";
	_cleanup_free_ char *path = NULL;
	_cleanup_file_ struct file_bytes text = {};
	struct index_builder b = {};
	int r;

	if (asprintf(&path, "%s/%s", d->directory, name) < 0)
		return -ENOMEM;
	r = rootfs_read(d->root, path, LIMIT_INDEX, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		r = depmod_log_unopened(d, name, r);
		if (r < 0)
			return r;
		*size = 0;
		*data = calloc(1, 1);
		return *data ? 0 : -ENOMEM;
	}
	r = which == DEPMOD_BUILTIN ? add_names(d, &b, &text) : add_strings(d, &b, &text);
	if (!r)
		r = index_builder_finish(&b, data, size);
	index_builder_free(&b);
	return r;
}
