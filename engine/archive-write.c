/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How large the tables are is known before anything is compressed, so the groups are written behind them as
 * they come, and then the tables in front. */
#include "engine/archive-write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/group-codec.h"
#include "base/limits.h"
#include "base/little-endian.h"
#include "base/xxh64.h"
#include "engine/archive-pack.h"

/* How each section is written. */
static const struct {
	uint32_t flags;
	bool always; /* also without contents */
} kinds[ARCHIVE_SECTION_TYPES] = {
	[ARCHIVE_META] = { ARCHIVE_REQUIRED, true },
	[ARCHIVE_STRINGS] = { ARCHIVE_REQUIRED, true },
	[ARCHIVE_ENTRIES] = { ARCHIVE_REQUIRED, true },
	[ARCHIVE_NAMES] = { ARCHIVE_REQUIRED, true },
	[ARCHIVE_DEPENDENCIES] = { ARCHIVE_REQUIRED, true },
	[ARCHIVE_GROUPS] = { ARCHIVE_REQUIRED, true },
	[ARCHIVE_INFO] = { ARCHIVE_PACKED, false },
	[ARCHIVE_SYMBOLS] = { ARCHIVE_PACKED, false },
	[ARCHIVE_BUILTIN] = { ARCHIVE_PACKED, false },
	[ARCHIVE_BUILTIN_ALIASES] = { ARCHIVE_PACKED, false },
	[ARCHIVE_SOFTDEPS] = { ARCHIVE_PACKED, false },
	[ARCHIVE_WEAKDEPS] = { ARCHIVE_PACKED, false },
	[ARCHIVE_DEVNAME] = { ARCHIVE_PACKED, false },
	[ARCHIVE_DICTIONARY] = { ARCHIVE_REQUIRED, false },
};

/* A section as the file has it. */
struct row {
	enum archive_section_type type;
	uint64_t place, size, unpacked;
	uint8_t *packed; /* NULL: its contents are in the pack */
};

struct layout {
	struct row rows[ARCHIVE_SECTION_TYPES];
	uint32_t n_rows;
	uint64_t header, first, tables;
};

static void layout_free(struct layout *l)
{
	for (uint32_t i = 0; i < l->n_rows; i++)
		free(l->rows[i].packed);
}

static int add_row(struct pack *p, struct layout *l, enum archive_section_type type)
{
	const struct bytes *contents = &p->sections[type];
	struct row row = { .type = type, .size = contents->items.n, .unpacked = contents->items.n };
	struct group_member all = { contents->items.items, contents->items.n };
	size_t size;
	int r = 0;

	if (!contents->items.n && !kinds[type].always)
		return 0;
	if (kinds[type].flags & ARCHIVE_PACKED) {
		r = group_compress(&all, 1, NULL, 0, GROUP_LEVEL, &row.packed, &size);
		row.size = size;
	}
	if (!r)
		l->rows[l->n_rows++] = row;
	return r;
}

static uint64_t round_up(uint64_t n)
{
	return (n + ARCHIVE_BLOCK - 1) / ARCHIVE_BLOCK * ARCHIVE_BLOCK;
}

/* Places the sections: DICTIONARY behind the tables, all others in them. */
static int lay_out(struct pack *p, struct layout *l)
{
	uint64_t sum = 0, place;
	int r = 0;

	for (enum archive_section_type type = ARCHIVE_META; !r && type < ARCHIVE_SECTION_TYPES; type++)
		r = add_row(p, l, type);
	for (uint32_t i = 0; i < l->n_rows; i++)
		sum += l->rows[i].type == ARCHIVE_DICTIONARY ? 0 : l->rows[i].size;
	sum = round_up(sum);
	l->header = ARCHIVE_HEADER_SIZE + ARCHIVE_SECTION_ROW * l->n_rows + 8 * (sum / ARCHIVE_BLOCK);
	l->first = place = round_up(l->header);
	l->tables = l->first + sum;
	for (uint32_t i = 0; i < l->n_rows; i++) {
		bool outside = l->rows[i].type == ARCHIVE_DICTIONARY;

		l->rows[i].place = outside ? l->tables : place;
		place += outside ? 0 : l->rows[i].size;
	}
	return r ?: l->tables > LIMIT_INDEX ? -EFBIG : 0;
}

static const uint8_t *bytes_of(const struct pack *p, const struct row *row)
{
	return row->packed ?: p->sections[row->type].items.items;
}

static void put_row(const struct pack *p, const struct row *row, uint8_t *to)
{
	put_le32(to, row->type);
	put_le32(to + 4, kinds[row->type].flags);
	put_le64(to + 8, row->place);
	put_le64(to + 16, row->size);
	put_le64(to + 24, row->unpacked);
	put_le64(to + 32, xxh64(bytes_of(p, row), row->size));
}

static void put_header(const struct layout *l, uint64_t size, uint8_t *to)
{
	memcpy(to, ARCHIVE_MAGIC, ARCHIVE_MAGIC_SIZE);
	put_le32(to + 8, ARCHIVE_VERSION);
	put_le32(to + 12, (uint32_t)l->header);
	put_le64(to + 16, size);
	put_le64(to + 24, l->tables);
	put_le32(to + 32, l->n_rows);
}

/* All tables, with their checksums. */
static uint8_t *make_tables(const struct pack *p, const struct layout *l, uint64_t size)
{
	uint8_t *tables = calloc(1, l->tables), *row, *sum;

	if (!tables)
		return NULL;
	put_header(l, size, tables);
	row = tables + ARCHIVE_HEADER_SIZE;
	for (uint32_t i = 0; i < l->n_rows; i++, row += ARCHIVE_SECTION_ROW) {
		put_row(p, &l->rows[i], row);
		if (l->rows[i].place < l->tables && l->rows[i].size)
			memcpy(tables + l->rows[i].place, bytes_of(p, &l->rows[i]), l->rows[i].size);
	}
	sum = row;
	for (uint64_t place = l->first; place < l->tables; place += ARCHIVE_BLOCK, sum += 8)
		put_le64(sum, xxh64(tables + place, ARCHIVE_BLOCK));
	put_le64(tables + ARCHIVE_HEADER_SUM, xxh64(tables, l->header));
	return tables;
}

static int fail(struct pack *p, int r)
{
	if (r != -ENOMEM)
		log_error(p->log, "%s: %s", p->wish->output, atomic_file_strerror(r));
	return r;
}

static int write_at(struct pack *p, uint64_t place, const void *data, size_t size)
{
	errno = 0;
	if (fseeko(p->f, (off_t)place, SEEK_SET) < 0 || (size && fwrite(data, 1, size, p->f) != size))
		return fail(p, errno ? -errno : -EIO);
	return 0;
}

static int write_file(struct pack *p, struct layout *l)
{
	const struct bytes *dictionary = &p->sections[ARCHIVE_DICTIONARY];
	_cleanup_free_ uint8_t *tables = NULL;
	uint64_t end;
	int r = write_at(p, l->tables, dictionary->items.items, dictionary->items.n);

	if (!r)
		r = pack_write_groups(p, l->tables + dictionary->items.n, &end);
	if (r < 0)
		return r;
	pack_fill_tables(p);
	tables = make_tables(p, l, end);
	r = tables ? write_at(p, 0, tables, l->tables) : -ENOMEM;
	if (r < 0)
		return r;
	r = p->out.f ? atomic_file_commit(&p->out) : 0;
	p->wish->tables = l->tables;
	p->wish->size = end;
	return r < 0 ? fail(p, r) : 0;
}

static int make(struct pack *p)
{
	_cleanup_(layout_free) struct layout layout = {};
	int r = pack_find(p) ?: pack_take_facts(p, 0);
	size_t n = p->entries.n;

	if (!r)
		r = pack_find_others(p) ?: pack_take_facts(p, n);
	if (!r)
		r = pack_divide(p) ?: pack_make_tables(p);
	if (!r && p->wish->update && pack_is_same(p)) {
		p->wish->unchanged = true;
		return 0;
	}
	return r ?: pack_make_dictionary(p) ?: lay_out(p, &layout) ?: write_file(p, &layout);
}

static int open_output(struct pack *p)
{
	/* Parts of modprobe.d may be for root only. */
	mode_t mode = p->wish->configuration ? 0600 : 0644;
	int r = p->wish->stream ? 0 : atomic_file_open_unnamed(&p->out, AT_FDCWD, p->wish->output, mode);

	p->f = p->wish->stream ?: p->out.f;
	return r < 0 ? fail(p, r) : 0;
}

int archive_write(struct archive_wish *wish, struct log *log)
{
	struct pack p = { .wish = wish, .log = log };
	int r = open_output(&p) ?: make(&p);

	if (r == -EOPNOTSUPP)
		log_error(log, "%s: cannot be made: this coldplug was built without zstd", wish->output);
	if (r == -EFBIG)
		log_error(log, "%s: cannot be made: a table would be larger than %u bytes", wish->output,
			  LIMIT_INDEX);
	wish->machine = p.machine;
	wish->n_modules = p.n_modules;
	wish->n_files = p.entries.n - p.n_modules;
	atomic_file_abort(&p.out);
	depmod_free(&p.depmod);
	for (size_t i = 0; i < ARCHIVE_SECTION_TYPES; i++)
		array_free(&p.sections[i].items);
	array_free(&p.entries);
	array_free(&p.order);
	array_free(&p.groups);
	arena_free(&p.arena);
	return r;
}
