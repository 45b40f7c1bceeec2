/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether an older archive has what is to be packed: then it need not be made again. All that is packed
 * has been read and has its checksum by then, so nothing is taken for the same because of its name, size
 * or time. How the files are compressed does not count. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/little-endian.h"
#include "engine/archive-extract.h"
#include "engine/archive-pack.h"

/* The columns of ENTRIES that say where a file is in the groups. */
static void forget_groups(const uint8_t *row, uint8_t to[ARCHIVE_ENTRY_ROW])
{
	memcpy(to, row, ARCHIVE_ENTRY_ROW);
	to[1] = 0;
	memset(to + 24, 0, 12);
}

static bool same_entries(const uint8_t *a, const uint8_t *b, size_t size)
{
	uint8_t x[ARCHIVE_ENTRY_ROW], y[ARCHIVE_ENTRY_ROW];

	for (size_t at = 0; at + ARCHIVE_ENTRY_ROW <= size; at += ARCHIVE_ENTRY_ROW) {
		forget_groups(a + at, x);
		forget_groups(b + at, y);
		if (memcmp(x, y, sizeof(x)) != 0)
			return false;
	}
	return true;
}

static bool same_section(const struct pack *p, struct archive *old, enum archive_section_type type)
{
	const struct bytes *contents = &p->sections[type];
	const uint8_t *data;
	size_t size;
	int r;

	if (type == ARCHIVE_GROUPS || type == ARCHIVE_DICTIONARY)
		return true;
	r = archive_section(old, type, &data, &size);
	if (r <= 0)
		return !r && !contents->items.n;
	if (size != contents->items.n)
		return false;
	if (type == ARCHIVE_ENTRIES)
		return same_entries(contents->items.items, data, size);
	return !size || !memcmp(contents->items.items, data, size);
}

bool pack_is_same(struct pack *p)
{
	/* What is wrong with an older one is no reason to say anything. */
	struct log nothing = {};
	_cleanup_archive_ struct archive old = { .fd = -1 };
	bool same = !archive_open(&old, NULL, p->wish->output, &nothing);

	for (enum archive_section_type type = ARCHIVE_META; same && type < ARCHIVE_SECTION_TYPES; type++)
		same = same_section(p, &old, type);
	if (!same || archive_verify(&old) < 0)
		return false;
	p->wish->tables = old.tables_size;
	p->wish->size = old.size;
	return true;
}
