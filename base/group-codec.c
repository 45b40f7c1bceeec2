/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the frame has: the number of members; for each one how many streams it has (0: it is one piece),
 * and their lengths, or its length; the first stream of each member, the second of each, and so on. All
 * numbers have 7-bit digits. The lengths of a member's streams are what its own data begins with.
 */
#include "base/group-codec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/module-filter.h"

#ifdef HAVE_ZSTD
#include <zstd.h>

/* Bytes of the numbers beyond the members' own. */
#define TABLE_MAX (16 + (size_t)GROUP_MEMBERS_MAX * 12)

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

static uint64_t read_number(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; r->p < r->end && shift < 64; shift += 7) {
		v |= (uint64_t)(*r->p & 0x7f) << shift;
		if (!(*r->p++ & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

/* A member that is being put together. */
struct target {
	struct reader lengths; /* of the streams that are to come */
	uint64_t size;	       /* of a member in one piece */
	uint64_t n_streams;
	uint8_t *out;
};

/* The room that this member takes; 0 with r->bad: there is not so much. */
static uint64_t read_target(struct reader *r, struct target *t, uint8_t *out, size_t room)
{
	struct reader lengths;
	uint64_t n, total;

	t->n_streams = read_number(r);
	lengths = (struct reader){ r->p, r->end, r->bad };
	r->bad |= t->n_streams != 0 && t->n_streams != MODULE_FILTER_STREAMS;
	if (r->bad)
		return 0;
	total = t->n_streams ? 0 : read_number(r);
	t->size = total;
	for (uint64_t i = 0; i < t->n_streams; i++) {
		n = read_number(r);
		r->bad |= n > room - total;
		total += r->bad ? 0 : n;
	}
	lengths.end = r->p;
	n = t->n_streams ? (uint64_t)(lengths.end - lengths.p) : 0;
	r->bad |= total > room || n > room - total;
	if (r->bad)
		return 0;
	memcpy(out, lengths.p, n);
	t->lengths = lengths;
	t->out = out + n;
	return total + n;
}

/* One stream of each member. */
static void read_streams(struct reader *r, struct target *targets, uint64_t n, unsigned int stream)
{
	uint64_t size;

	for (struct target *t = targets; t < targets + n && !r->bad; t++) {
		if (t->n_streams)
			size = read_number(&t->lengths);
		else
			size = stream ? 0 : t->size;
		r->bad |= size > (uint64_t)(r->end - r->p);
		if (r->bad)
			return;
		memcpy(t->out, r->p, size);
		t->out += size;
		r->p += size;
	}
}

static int put_together(const uint8_t *data, size_t size, uint8_t *out, size_t out_size)
{
	struct reader r = { data, data + size, false };
	uint64_t n = read_number(&r), used;
	_cleanup_free_ struct target *targets = NULL;

	if (r.bad || n > GROUP_MEMBERS_MAX)
		return -EBADMSG;
	targets = calloc(n ? n : 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	for (uint64_t i = 0; i < n && !r.bad; i++) {
		used = read_target(&r, &targets[i], out, out_size);
		out += used;
		out_size -= used;
	}
	/* Each length has been read once, and their sum is what the members are large. */
	for (unsigned int i = 0; i < MODULE_FILTER_STREAMS && !r.bad; i++)
		read_streams(&r, targets, n, i);
	return r.bad || out_size || r.p != r.end ? -EBADMSG : 0;
}

static int decompress_frame(struct group_scratch *s, const void *frame, size_t size, const void *dictionary,
			    size_t n_dictionary, void *out, size_t out_size)
{
	ZSTD_DCtx *d = s->context = s->context ?: ZSTD_createDCtx();
	size_t n;

	if (!d)
		return -ENOMEM;
	/* A dictionary that a frame before this one was refused with is forgotten too. */
	ZSTD_DCtx_reset(d, ZSTD_reset_session_and_parameters);
	if (n_dictionary && ZSTD_isError(ZSTD_DCtx_refPrefix(d, dictionary, n_dictionary)))
		return -ENOMEM;
	n = ZSTD_decompressDCtx(d, out, out_size, frame, size);
	return n == out_size ? 0 : -EBADMSG;
}

static void free_context(void *context)
{
	ZSTD_freeDCtx(context);
}

int group_decompress_with(struct group_scratch *s, const void *frame, size_t size, const void *dictionary,
			  size_t n_dictionary, void *out, size_t out_size)
{
	unsigned long long n = ZSTD_getFrameContentSize(frame, size);
	int r;

	/* What is not known or an error is a very large number. */
	if (n < out_size || n - out_size > TABLE_MAX)
		return -EBADMSG;
	r = blob_reserve(&s->data, (size_t)n + 1)
		?: decompress_frame(s, frame, size, dictionary, n_dictionary, s->data.data, n);
	return r < 0 ? r : put_together((const uint8_t *)s->data.data, n, out, out_size);
}

#else

static void free_context(void *context)
{
}

int group_decompress_with(struct group_scratch *s, const void *frame, size_t size, const void *dictionary,
			  size_t n_dictionary, void *out, size_t out_size)
{
	return -EOPNOTSUPP;
}

#endif

void group_scratch_release(struct group_scratch *s)
{
	free_context(s->context);
	s->context = NULL;
	blob_release(&s->packed);
	blob_release(&s->data);
}

int group_decompress(const void *frame, size_t size, const void *dictionary, size_t n_dictionary, void *out,
		     size_t out_size)
{
	_cleanup_(group_scratch_release) struct group_scratch s = {};

	return group_decompress_with(&s, frame, size, dictionary, n_dictionary, out, out_size);
}
