/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/module-filter.h"

#include <errno.h>

struct stream {
	const uint8_t *p;
	const uint8_t *end;
};

#include "base/module-filter-walk.h"

/* ---- what the walk asks for ---- */

static uint64_t long_code(struct walk *w, struct stream *s)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; s->p < s->end && shift < 64; shift += 7) {
		v |= (uint64_t)(*s->p & 0x7f) << shift;
		if (!(*s->p++ & 0x80))
			return v;
	}
	w->bad = true;
	return 0;
}

static inline uint64_t code(struct walk *w, unsigned int stream, uint64_t value)
{
	struct stream *s = &w->streams[stream];

	if (s->p < s->end && *s->p < 0x80)
		return *s->p++;
	return long_code(w, s);
}

static void bytes(struct walk *w, unsigned int stream, uint64_t at, uint64_t n)
{
	struct stream *s = &w->streams[stream];

	if (n > (size_t)(s->end - s->p)) {
		w->bad = true;
		return;
	}
	memcpy(w->image + at, s->p, n);
	s->p += n;
}

static uint64_t string(struct walk *w, unsigned int stream, uint64_t at, uint64_t n)
{
	struct stream *s = &w->streams[stream];
	size_t left = (size_t)(s->end - s->p);
	const uint8_t *nul;

	n = n < left ? n : left;
	w->bad |= !n;
	nul = n ? memchr(s->p, '\0', n) : NULL;
	n = nul ? (uint64_t)(nul - s->p) + 1 : n;
	bytes(w, stream, at, n);
	return n;
}

static uint8_t mark(struct walk *w, unsigned int stream, uint64_t at, uint64_t n)
{
	struct stream *s = &w->streams[stream];

	return s->p < s->end && *s->p && *s->p <= VERSIONS_AHEAD ? *s->p++ : 0;
}

static void copy(struct walk *w, uint64_t at, const uint8_t *from, uint64_t n)
{
	memmove(w->image + at, from, n);
}

static inline void store(struct walk *w, uint64_t at, unsigned int width, uint64_t v)
{
	uint8_t *p = w->image + at;
	uint64_t v64 = w->big_endian ? htobe64(v) : htole64(v);
	uint32_t v32 = w->big_endian ? htobe32((uint32_t)v) : htole32((uint32_t)v);
	uint16_t v16 = w->big_endian ? htobe16((uint16_t)v) : htole16((uint16_t)v);

	if (width == 8)
		memcpy(p, &v64, 8);
	else if (width == 4)
		memcpy(p, &v32, 4);
	else if (width == 2)
		memcpy(p, &v16, 2);
	else
		*p = (uint8_t)v;
}

static void btf_bases(struct walk *w, const struct section *s, uint32_t *strings, uint32_t *types)
{
	*strings = (uint32_t)code(w, STREAM_BTF_HEADER, 0);
	*types = (uint32_t)code(w, STREAM_BTF_HEADER, 0);
}

static void sites_of(struct walk *w, const struct section *s, uint32_t *source, uint32_t *symbol)
{
	*source = (uint32_t)code(w, STREAM_CONTROL, 0);
	*symbol = (uint32_t)code(w, STREAM_CONTROL, 0);
}

static void instructions(struct walk *w, unsigned int stream, const struct section *s, uint64_t from,
			 uint64_t n)
{
	bytes(w, stream, s->offset + from, n);
	if (!w->bad)
		x86_calls(w->image + s->offset + from, n, from, s->size, false);
}

/* ---- the data ---- */

/* The streams' lengths, then the streams. */
static int open_streams(struct walk *w, const uint8_t *data, size_t size)
{
	struct stream all = { data, data + size };
	uint64_t lengths[STREAMS];
	uint64_t left;

	for (unsigned int i = 0; i < STREAMS; i++)
		lengths[i] = long_code(w, &all);
	for (unsigned int i = 0; i < STREAMS && !w->bad; i++) {
		left = (uint64_t)(all.end - all.p);
		w->bad |= lengths[i] > left;
		w->streams[i] = (struct stream){ all.p, all.p + (w->bad ? 0 : lengths[i]) };
		all.p = w->streams[i].end;
	}
	return w->bad || all.p != all.end ? -EBADMSG : 0;
}

/* What no section has: the file header, the signature, the space between sections if there is something
 * in it. */
static void read_rest(struct walk *w)
{
	uint64_t n = code(w, STREAM_CONTROL, 0), at = 0, length;

	while (n-- && !w->bad) {
		at += code(w, STREAM_CONTROL, 0);
		length = code(w, STREAM_CONTROL, 0);
		w->bad |= at > w->size || length > w->size - at;
		if (!w->bad)
			bytes(w, STREAM_REST, at, length);
		at += length;
	}
}

static void read_widths(struct walk *w)
{
	uint64_t n = code(w, STREAM_CONTROL, 0);
	uint8_t *width;

	while (n-- && !w->bad) {
		width = &w->widths[code(w, STREAM_CONTROL, 0) % WIDTHS];
		*width = (uint8_t)code(w, STREAM_CONTROL, 0);
	}
}

static int read_control(struct walk *w)
{
	uint64_t flags = code(w, STREAM_CONTROL, 0);
	const struct stream *classes = &w->streams[STREAM_CLASSES];

	w->word = flags & CONTROL_64 ? 8 : 4;
	w->big_endian = flags & CONTROL_BIG_ENDIAN;
	w->x86_calls = flags & CONTROL_X86_CALLS;
	w->bad |= code(w, STREAM_CONTROL, 0) != w->size;
	w->sections = code(w, STREAM_CONTROL, 0);
	w->classes = classes->p;
	w->n_sections = (uint32_t)(classes->end - classes->p);
	w->streams[STREAM_CLASSES].p = classes->end;
	if (w->bad || flags & ~(uint64_t)CONTROL_KNOWN || w->sections > w->size ||
	    w->n_sections > (w->size - w->sections) / header_layout(w)->size)
		return -EBADMSG;
	read_widths(w);
	read_rest(w);
	return w->bad ? -EBADMSG : 0;
}

int module_filter_undo(const void *data, size_t size, void *out, size_t out_size)
{
	struct walk w = { .image = out, .size = out_size, .budget = READ_BACK * (uint64_t)out_size };
	int r;

	if (!out_size)
		return -EBADMSG;
	r = open_streams(&w, data, size);
	if (r < 0)
		return r;
	r = read_control(&w);
	if (r < 0)
		return r;
	walk_sections(&w);
	for (unsigned int i = 0; i < STREAMS; i++)
		w.bad |= w.streams[i].p != w.streams[i].end;
	return w.bad ? -EBADMSG : 0;
}
