/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/config.h"

static int set_place(struct order *o, uint32_t module, uint32_t place)
{
	size_t n = o->places.n;
	int r = n > module ? 0 : array_make_room(&o->places, module + 1 - n);

	if (r < 0)
		return r;
	for (; o->places.n <= module; o->places.n++)
		o->places.items[o->places.n] = 0;
	/* A name that is there twice counts where it comes first. */
	if (!o->places.items[module])
		o->places.items[module] = place;
	return 0;
}

/* A line is a path: "kernel/drivers/ata/ahci.ko". */
static int take_line(struct order *o, struct modules *m, const char *line, size_t n, uint32_t place)
{
	const char *slash = memrchr(line, '/', n), *base = slash ? slash + 1 : line;
	char text[LIMIT_NAME + 1], name[LIMIT_NAME + 1];
	size_t len = n - (size_t)(base - line);
	uint32_t module;

	if (!len || len > LIMIT_NAME)
		return 0;
	memcpy(text, base, len);
	text[len] = '\0';
	text[strcspn(text, ".")] = '\0';
	module = modules_id(m, name, normalise_name(text, name, sizeof(name)));
	return module == MODULE_NONE ? -ENOMEM : set_place(o, module, place);
}

static int take_text(struct order *o, struct modules *m, const char *text, size_t size)
{
	uint32_t place = 0;
	int r = 0;

	for (const char *end = text + size, *next; !r && text < end; text = next) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);

		next = newline ? newline + 1 : end;
		r = take_line(o, m, text, n, ++place);
	}
	return r;
}

int order_read(struct order *o, struct modules *m)
{
	_cleanup_file_ struct file_bytes text = {};
	int r;

	if (o->opened || (!m->dir->path && !m->dir->archive.open))
		return 1;
	o->opened = true;
	r = moddir_read(m->dir, "modules.order", LIMIT_INDEX, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_lost(m->dir->log, "%s/%s/modules.order: cannot be read: %s", m->dir->root->path,
			 moddir_shown(m->dir), strerror(-r));
		return 0;
	}
	r = take_text(o, m, text.data, text.size);
	o->opened = !r;
	return r < 0 ? r : 1;
}

uint32_t order_priority(const struct order *o, uint32_t module)
{
	uint32_t place = module < o->places.n ? o->places.items[module] : 0;

	return place ? UINT32_MAX / 2 - place : 0;
}

void order_free(struct order *o)
{
	array_free(&o->places);
	*o = (struct order){};
}
