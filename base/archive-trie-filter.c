/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A key is asked for a piece, 4 characters, at every stride-th place. If all pieces that begin at the first
 * stride places of some text of a pattern are in the filter, a key with this text meets one of them,
 * wherever the text is. Which text, or window, is chosen for a pattern decides how many other keys get
 * through. Pieces that are in patterns elsewhere too, as "0000" and "isc0", are in most keys; those that
 * many patterns behind this '*' have make the filter no fuller.
 */
#include "base/archive-trie-filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/archive-format.h"
#include "base/cleanup.h"
#include "base/little-endian.h"

#define PIECES_BITS 18U

#define FILTERED_MAX 200U /* patterns: with more, a filter would let through most */
#define STRIDE_MIN 3U
#define STRIDE_MAX 4U
#define BITS_EACH 64U /* of each piece */
#define ELSEWHERE 16  /* by how much a piece elsewhere counts more than one here */

/* How often pieces have been seen, nearly: two can have the same place. */
struct pieces {
	uint32_t seen[1 << PIECES_BITS];
};

static uint32_t place_of(const char *piece)
{
	return archive_piece_hash(le32((const uint8_t *)piece)) >> (32 - PIECES_BITS);
}

struct pieces *filter_pieces_new(void)
{
	return calloc(1, sizeof(struct pieces));
}

/* Of what of a pattern stands for itself, the next stretch, up to a class or a '\\': its length, 0 at the
 * end. */
static size_t next_run(const char **p)
{
	*p += strspn(*p, "*?");
	return strcspn(*p, "*?[\\");
}

static size_t longest_run(const char *pattern)
{
	size_t longest = 0, n;

	for (const char *p = pattern; (n = next_run(&p)); p += n)
		longest = n > longest ? n : longest;
	return longest;
}

void filter_count(struct pieces *pieces, const char *pattern)
{
	size_t n;

	for (const char *p = pattern; (n = next_run(&p)); p += n)
		for (size_t i = 0; i + ARCHIVE_PIECE <= n; i++)
			pieces->seen[place_of(p + i)]++;
}

/* The window of a pattern whose pieces occur in few patterns that are not among these, and in many of
 * these. */
static const char *choose_window(const struct pieces *all, const struct pieces *these, const char *pattern,
				 uint32_t stride)
{
	const char *best = NULL;
	int64_t least = 0;
	size_t n;

	for (const char *p = pattern; (n = next_run(&p)); p += n) {
		for (size_t i = 0; i + stride + ARCHIVE_PIECE - 1 <= n; i++) {
			int64_t seen = 0;

			for (uint32_t k = 0; k < stride; k++) {
				uint32_t piece = place_of(p + i + k);
				int64_t here = these->seen[piece];

				seen += ELSEWHERE * (all->seen[piece] - here) - here;
			}
			if (!best || seen < least) {
				best = p + i;
				least = seen;
			}
		}
	}
	return best;
}

/* The stride for which each pattern has at least two windows to choose from; 0: there is none. */
static uint32_t choose_stride(const struct trie_alias *aliases, size_t n, size_t depth)
{
	size_t stride = STRIDE_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t k = longest_run(aliases[i].key + depth);

		if (k < STRIDE_MIN + ARCHIVE_PIECE)
			return 0;
		if (k < stride + ARCHIVE_PIECE)
			stride = k - ARCHIVE_PIECE;
	}
	return (uint32_t)stride;
}

static void set_bits(uint8_t *filter, uint32_t bits, const char *window, uint32_t stride)
{
	for (uint32_t k = 0; k < stride; k++) {
		uint32_t bit = archive_piece_hash(le32((const uint8_t *)window + k)) >> (32 - bits);

		filter[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
}

int filter_put(const struct pieces *all, const struct trie_alias *aliases, size_t n, size_t depth,
	       struct bytes *out, uint32_t *place)
{
	_cleanup_free_ struct pieces *these = NULL;
	_cleanup_free_ uint8_t *filter = NULL;
	uint32_t stride = n > FILTERED_MAX ? 0 : choose_stride(aliases, n, depth), bits = 5;
	size_t size;

	if (!stride)
		return 0;
	while ((size_t)1 << bits < n * stride * BITS_EACH)
		bits++;
	size = 2 + ((size_t)1 << bits) / 8;
	these = filter_pieces_new();
	filter = calloc(1, size);
	if (!these || !filter)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		filter_count(these, aliases[i].key + depth);
	filter[0] = (uint8_t)stride;
	filter[1] = (uint8_t)bits;
	for (size_t i = 0; i < n; i++)
		set_bits(filter + 2, bits, choose_window(all, these, aliases[i].key + depth, stride), stride);
	*place = (uint32_t)out->items.n;
	return array_append(&out->items, filter, size);
}
