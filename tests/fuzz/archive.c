/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: an alias up to a newline, then an archive of modules, whose checksums are made right first: they
 * are no protection from whoever can make them. */
#include "base/archive-read.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/little-endian.h"
#include "base/xxh64.h"
#include "engine/archive-extract.h"
#include "engine/archive-match.h"
#include "engine/archive-text.h"
#include "tests/fuzz/fuzz.h"

/* As far as the header says where they are. */
static void fix_sums(uint8_t *data, size_t size)
{
	uint64_t header = le32(data + 12), tables = le64(data + 24), first, n;

	put_le64(data + 16, size);
	first = (header + ARCHIVE_BLOCK - 1) / ARCHIVE_BLOCK * ARCHIVE_BLOCK;
	if (header < ARCHIVE_HEADER_SIZE || first > tables || tables > size)
		return;
	n = (tables - first) / ARCHIVE_BLOCK;
	if (n > (header - ARCHIVE_HEADER_SIZE) / 8)
		return;
	for (uint64_t i = 0; i < n; i++)
		put_le64(data + header - 8 * (n - i), xxh64(data + first + ARCHIVE_BLOCK * i, ARCHIVE_BLOCK));
	memset(data + ARCHIVE_HEADER_SUM, 0, 8);
	put_le64(data + ARCHIVE_HEADER_SUM, xxh64(data, header));
}

static int list(struct archive *a, int listing, char **text)
{
	switch (listing) {
	case 0:
		return archive_list_paths(a, text);
	case 1:
		return archive_list_firmware(a, text);
	default:
		return archive_list(a, listing == 2, text);
	}
}

static void use(struct archive *a, const char *alias)
{
	struct index_hits hits = {};
	struct archive_entry e;
	char *text;
	int r;

	for (int listing = 0; listing < 4; listing++) {
		r = list(a, listing, &text);
		MUST(r == 0 || r == -EBADMSG || r == -EOPNOTSUPP);
		MUST(text);
		free(text);
	}
	for (uint32_t id = 0; id < a->n_entries && id < 8; id++) {
		if (archive_entry(a, id, &e) < 0)
			continue;
		MUST(strlen(e.path) < a->size);
		archive_show(a, e.name, id % 2, &text);
		free(text);
	}
	r = archive_match(a, alias, &hits);
	MUST(r == 0 || r == -EBADMSG);
	for (size_t i = 0; !r && i < hits.hits.n; i++) {
		MUST(strlen(hits.hits.items[i].value) < a->size);
		MUST(hits.hits.items[i].pattern < hits.patterns.n);
		MUST(!i || hits.hits.items[i - 1].priority <= hits.hits.items[i].priority);
	}
	index_hits_free(&hits);
	r = archive_verify(a);
	MUST(r <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_archive_ struct archive a = { .fd = -1 };
	struct input in = { data, size };
	_cleanup_free_ char *alias = input_part(&in, '\n', NULL);
	_cleanup_free_ uint8_t *copy = in.n >= ARCHIVE_HEADER_SIZE ? malloc(in.n) : NULL;

	if (!copy)
		return 0;
	memcpy(copy, in.p, in.n);
	fix_sums(copy, in.n);
	scratch_write("a", copy, in.n);
	if (!archive_open(&a, scratch_root(), "a", &fuzz_log))
		use(&a, alias);
	return 0;
}
