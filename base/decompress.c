/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The output grows by doubling with mremap(2): pages are moved, not copied, and pages never written
 * cost nothing. So nothing has to be believed about the size that a header claims, which a bomb
 * would use, and the memory is gone after munmap even in a process that keeps hundreds of threads.
 * Growing stops one byte above the limit: that byte is how "exactly max" and "more" are told apart.
 */
#include "base/decompress.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/limits.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#define BLOB_FIRST ((size_t)64 * 1024)

int blob_reserve(struct blob *b, size_t capacity)
{
	void *p;

	if (capacity <= b->capacity)
		return 0;
	capacity = (capacity + BLOB_FIRST - 1) & ~(BLOB_FIRST - 1);
	if (b->data)
		p = mremap(b->data, b->capacity, capacity, MREMAP_MAYMOVE);
	else
		p = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	b->data = p;
	b->capacity = capacity;
	return 0;
}

void blob_release(struct blob *b)
{
	if (b->data)
		munmap(b->data, b->capacity);
	*b = (struct blob){};
}

static const struct {
	const char *name;
	size_t n_magic;
	unsigned char magic[6];
} formats[] = {
	[COMPRESSION_NONE] = { "none", 0, {} },
	[COMPRESSION_GZIP] = { "gzip", 2, { 0x1f, 0x8b } },
	[COMPRESSION_XZ] = { "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
	[COMPRESSION_ZSTD] = { "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },
};

enum compression compression_of(const void *data, size_t size)
{
	for (size_t i = 1; i < ARRAY_SIZE(formats); i++)
		if (size >= formats[i].n_magic && !memcmp(data, formats[i].magic, formats[i].n_magic))
			return (enum compression)i;
	return COMPRESSION_NONE;
}

enum compression compression_by_name(const char *name)
{
	for (size_t i = 1; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(name, formats[i].name))
			return (enum compression)i;
	return COMPRESSION_NONE;
}

#if defined(HAVE_ZLIB) || defined(HAVE_ZSTD) || defined(HAVE_LZMA)
/* Makes the next piece of output writable; *room bytes of it, never more than max + 1 in all. */
static int blob_room(struct blob *b, size_t max, size_t *room)
{
	size_t want = b->capacity ? b->capacity : BLOB_FIRST;
	int r;

	if (b->size > max)
		return -EFBIG;
	if (b->size == b->capacity)
		want = b->capacity ? 2 * b->capacity : BLOB_FIRST;
	r = blob_reserve(b, want);
	if (r < 0)
		return r;
	*room = (b->capacity < max + 1 ? b->capacity : max + 1) - b->size;
	return 0;
}
#endif

#ifdef HAVE_ZLIB
static int gzip_member(z_stream *z, size_t max, struct blob *out)
{
	size_t room;
	int r, state;

	do {
		r = blob_room(out, max, &room);
		if (r < 0)
			return r;
		z->next_out = (Bytef *)out->data + out->size;
		z->avail_out = (uInt)room;
		state = inflate(z, Z_NO_FLUSH);
		out->size += room - z->avail_out;
		if (state == Z_BUF_ERROR && !z->avail_in)
			return -ENODATA;
	} while (state == Z_OK);
	if (state == Z_STREAM_END)
		return out->size > max ? -EFBIG : 0;
	return state == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int gzip_all(const void *data, size_t size, size_t max, struct blob *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
	int r;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	do {
		r = gzip_member(&z, max, out);
		if (r == 0 && inflateReset(&z) != Z_OK)
			r = -EBADMSG;
	} while (r == 0 && compression_of(z.next_in, z.avail_in) == COMPRESSION_GZIP);
	inflateEnd(&z);
	return r;
}
#endif

#ifdef HAVE_ZSTD
static int zstd_frames(ZSTD_DCtx *d, ZSTD_inBuffer *in, size_t max, struct blob *out)
{
	size_t left, room;
	int r;

	do {
		r = blob_room(out, max, &room);
		if (r < 0)
			return r;
		ZSTD_outBuffer o = { .dst = out->data + out->size, .size = room };

		left = ZSTD_decompressStream(d, &o, in);
		out->size += o.pos;
		if (ZSTD_isError(left))
			return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
		if (left && in->pos == in->size && o.pos < room)
			return -ENODATA;
	} while (left || in->pos < in->size);
	return out->size > max ? -EFBIG : 0;
}

static int zstd_all(const void *data, size_t size, size_t max, struct blob *out)
{
	ZSTD_inBuffer in = { .src = data, .size = size };
	ZSTD_DCtx *d = ZSTD_createDCtx();
	int r;

	if (!d)
		return -ENOMEM;
	r = zstd_frames(d, &in, max, out);
	ZSTD_freeDCtx(d);
	return r;
}
#endif

#ifdef HAVE_LZMA
static int xz_streams(lzma_stream *s, size_t max, struct blob *out)
{
	lzma_ret state;
	size_t room;
	int r;

	do {
		r = blob_room(out, max, &room);
		if (r < 0)
			return r;
		s->next_out = (uint8_t *)out->data + out->size;
		s->avail_out = room;
		state = lzma_code(s, LZMA_FINISH);
		out->size += room - s->avail_out;
	} while (state == LZMA_OK);
	if (state == LZMA_STREAM_END)
		return out->size > max ? -EFBIG : 0;
	if (state == LZMA_BUF_ERROR)
		return -ENODATA;
	return state == LZMA_MEM_ERROR || state == LZMA_MEMLIMIT_ERROR ? -ENOMEM : -EBADMSG;
}

static int xz_all(const void *data, size_t size, size_t max, struct blob *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	int r;

	s.next_in = data;
	s.avail_in = size;
	if (lzma_stream_decoder(&s, LIMIT_IMAGE, LZMA_CONCATENATED) != LZMA_OK)
		return -ENOMEM;
	r = xz_streams(&s, max, out);
	lzma_end(&s);
	return r;
}
#endif

typedef int decompress_fn(const void *data, size_t size, size_t max, struct blob *out);

static decompress_fn *const decompressors[] = {
#ifdef HAVE_ZLIB
	[COMPRESSION_GZIP] = gzip_all,
#endif
#ifdef HAVE_LZMA
	[COMPRESSION_XZ] = xz_all,
#endif
#ifdef HAVE_ZSTD
	[COMPRESSION_ZSTD] = zstd_all,
#endif
	[COMPRESSION_ZSTD + 1] = NULL,
};

bool compression_built_in(enum compression c)
{
	return decompressors[c] != NULL;
}

int decompress(enum compression c, const void *data, size_t size, size_t max, struct blob *ret)
{
	struct blob out = {};
	int r;

	if (!decompressors[c])
		return -EOPNOTSUPP;
	/* zlib counts its input in 32 bits. */
	if (size > LIMIT_IMAGE)
		return -EFBIG;
	r = decompressors[c](data, size, max, &out);
	if (r < 0) {
		blob_release(&out);
		return r;
	}
	*ret = out;
	return 0;
}

const char *decompress_strerror(enum compression c, int r)
{
	static const char *const missing[] = {
		[COMPRESSION_NONE] = "is not compressed",
		[COMPRESSION_GZIP] = "is gzip, which this build cannot read (built without zlib)",
		[COMPRESSION_XZ] = "is xz, which this build cannot read (built without liblzma)",
		[COMPRESSION_ZSTD] = "is zstd, which this build cannot read (built without libzstd)",
	};

	switch (-r) {
	case EOPNOTSUPP:
		return missing[c];
	case EFBIG:
		return "expands to more than the limit of a module (LIMIT_IMAGE, 256 MiB)";
	case ENODATA:
		return "is cut short: its compressed data ends too early";
	case EBADMSG:
		return "is damaged: its compressed data does not decompress";
	case ENOMEM:
		return "needs more memory to decompress than there is or is allowed";
	default:
		return strerror(-r);
	}
}
