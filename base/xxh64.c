/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/xxh64.h"

#include "base/little-endian.h"

#define P1 0x9E3779B185EBCA87ULL
#define P2 0xC2B2AE3D27D4EB4FULL
#define P3 0x165667B19E3779F9ULL
#define P4 0x85EBCA77C2B2AE63ULL
#define P5 0x27D4EB2F165667C5ULL

static uint64_t rotate(uint64_t v, unsigned int bits)
{
	return v << bits | v >> (64 - bits);
}

static uint64_t add_round(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * P2, 31) * P1;
}

static uint64_t merge(uint64_t hash, uint64_t lane)
{
	return (hash ^ add_round(0, lane)) * P1 + P4;
}

/* Takes the stripes of 32 bytes, as many as there are. */
static uint64_t take_stripes(const uint8_t **p, const uint8_t *end)
{
	uint64_t a = P1 + P2, b = P2, c = 0, d = -P1, hash;

	for (; end - *p >= 32; *p += 32) {
		a = add_round(a, le64(*p));
		b = add_round(b, le64(*p + 8));
		c = add_round(c, le64(*p + 16));
		d = add_round(d, le64(*p + 24));
	}
	hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
	return merge(merge(merge(merge(hash, a), b), c), d);
}

uint64_t xxh64(const void *data, size_t size)
{
	const uint8_t *p = data, *end = p + size;
	uint64_t hash = size < 32 ? P5 : take_stripes(&p, end);

	hash += size;
	for (; end - p >= 8; p += 8)
		hash = rotate(hash ^ add_round(0, le64(p)), 27) * P1 + P4;
	if (end - p >= 4) {
		hash = rotate(hash ^ le32(p) * P1, 23) * P2 + P3;
		p += 4;
	}
	for (; p < end; p++)
		hash = rotate(hash ^ *p * P5, 11) * P1;
	hash = (hash ^ hash >> 33) * P2;
	hash = (hash ^ hash >> 29) * P3;
	return hash ^ hash >> 32;
}
