/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/compress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_LZ4
#include <lz4hc.h>
#endif

#define CHUNK ((size_t)128 * 1024)

struct compressor {
	const struct method *method;
	compress_write_fn *write;
	void *userdata;
	void *state; /* the library's */
	char *out;   /* a chunk of output */
	char *in;    /* lz4: the block that is being filled */
	size_t n_in;
};

struct method {
	const char *name;
	int (*begin)(struct compressor *c, uint64_t size);
	/* At the end with nothing more to add. */
	int (*add)(struct compressor *c, const void *data, size_t size, bool end);
	void (*free)(struct compressor *c);
};

#if defined(HAVE_ZLIB) || defined(HAVE_ZSTD) || defined(HAVE_LZMA)
/* Writes what is in c->out. */
static int put_out(struct compressor *c, size_t n)
{
	return n ? c->write(c->userdata, c->out, n) : 0;
}
#endif

static int none_begin(struct compressor *c, uint64_t size)
{
	return 0;
}

static int none_add(struct compressor *c, const void *data, size_t size, bool end)
{
	return size ? c->write(c->userdata, data, size) : 0;
}

static void none_free(struct compressor *c)
{
}

#ifdef HAVE_ZLIB
static int gzip_begin(struct compressor *c, uint64_t size)
{
	z_stream *z = calloc(1, sizeof(*z));

	/* A header without a name and without a time. */
	if (!z ||
	    deflateInit2(z, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	c->state = z;
	return 0;
}

/* zlib counts in 32 bits. */
static int gzip_piece(struct compressor *c, const void *data, size_t size, int flush)
{
	z_stream *z = c->state;
	int r, state;

	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = (uInt)size;
	do {
		z->next_out = (Bytef *)c->out;
		z->avail_out = CHUNK;
		state = deflate(z, flush);
		r = put_out(c, CHUNK - z->avail_out);
		if (r < 0)
			return r;
	} while (state == Z_OK && !z->avail_out);
	return state == Z_STREAM_ERROR ? -EINVAL : 0;
}

static int gzip_add(struct compressor *c, const void *data, size_t size, bool end)
{
	const char *p = data;
	int r = 0;

	for (size_t n; !r && size; p += n, size -= n) {
		n = size < 1U << 30 ? size : 1U << 30;
		r = gzip_piece(c, p, n, Z_NO_FLUSH);
	}
	return r < 0 || !end ? r : gzip_piece(c, "", 0, Z_FINISH);
}

static void gzip_free(struct compressor *c)
{
	if (c->state)
		deflateEnd(c->state);
	free(c->state);
}
#endif

#ifdef HAVE_LZMA
static int xz_begin(struct compressor *c, uint64_t size)
{
	lzma_stream *s = calloc(1, sizeof(*s));
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };

	if (!s)
		return -ENOMEM;
	c->state = s;
	/* The kernel takes as much memory as the dictionary is large, on the smallest machine too. */
	if (lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME))
		return -EOPNOTSUPP;
	options.dict_size = 8U << 20;
	return lzma_stream_encoder(s, filters, LZMA_CHECK_CRC32) == LZMA_OK ? 0 : -ENOMEM;
}

static int xz_add(struct compressor *c, const void *data, size_t size, bool end)
{
	lzma_stream *s = c->state;
	lzma_ret state;
	int r;

	s->next_in = data;
	s->avail_in = size;
	do {
		s->next_out = (uint8_t *)c->out;
		s->avail_out = CHUNK;
		state = lzma_code(s, end ? LZMA_FINISH : LZMA_RUN);
		r = put_out(c, CHUNK - s->avail_out);
		if (r < 0)
			return r;
	} while (state == LZMA_OK && (end || s->avail_in || !s->avail_out));
	if (state == LZMA_OK || state == LZMA_STREAM_END || state == LZMA_BUF_ERROR)
		return 0;
	return state == LZMA_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static void xz_free(struct compressor *c)
{
	if (c->state)
		lzma_end(c->state);
	free(c->state);
}
#endif

#ifdef HAVE_ZSTD
static int zstd_begin(struct compressor *c, uint64_t size)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();

	c->state = z;
	/* Level 19 has the largest window of those that are not "ultra": 8 MiB. */
	if (!z || ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 19)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, size)))
		return -ENOMEM;
	return 0;
}

static int zstd_add(struct compressor *c, const void *data, size_t size, bool end)
{
	ZSTD_inBuffer in = { .src = data, .size = size };
	size_t left;
	int r;

	do {
		ZSTD_outBuffer out = { .dst = c->out, .size = CHUNK };

		left = ZSTD_compressStream2(c->state, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -EINVAL;
		r = put_out(c, out.pos);
		if (r < 0)
			return r;
	} while (end ? left > 0 : in.pos < in.size);
	return 0;
}

static void zstd_free(struct compressor *c)
{
	ZSTD_freeCCtx(c->state);
}
#endif

#ifdef HAVE_LZ4
/* What lz4 -l writes: a magic number, then blocks of up to 8 MiB with their compressed size in front. */
#define LZ4_BLOCK ((size_t)8 << 20)

static void put_le32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static int lz4_begin(struct compressor *c, uint64_t size)
{
	static const unsigned char magic[4] = { 0x02, 0x21, 0x4c, 0x18 };

	c->in = malloc(LZ4_BLOCK);
	c->state = malloc((size_t)LZ4_compressBound(LZ4_BLOCK) + 4);
	if (!c->in || !c->state)
		return -ENOMEM;
	return c->write(c->userdata, magic, sizeof(magic));
}

static int lz4_block(struct compressor *c)
{
	char *out = c->state;
	int n = LZ4_compress_HC(c->in, out + 4, (int)c->n_in, LZ4_compressBound(LZ4_BLOCK), 9);

	if (n <= 0)
		return -ENOMEM;
	put_le32((unsigned char *)out, (uint32_t)n);
	c->n_in = 0;
	return c->write(c->userdata, out, (size_t)n + 4);
}

static int lz4_add(struct compressor *c, const void *data, size_t size, bool end)
{
	const char *p = data;
	int r = 0;

	while (!r && size) {
		size_t n = size < LZ4_BLOCK - c->n_in ? size : LZ4_BLOCK - c->n_in;

		memcpy(c->in + c->n_in, p, n);
		c->n_in += n;
		p += n;
		size -= n;
		if (c->n_in == LZ4_BLOCK)
			r = lz4_block(c);
	}
	return r < 0 || !end || !c->n_in ? r : lz4_block(c);
}

static void lz4_free(struct compressor *c)
{
	free(c->in);
	free(c->state);
}
#endif

static const struct method methods[COMPRESS_METHODS] = {
	[COMPRESS_NONE] = { "none", none_begin, none_add, none_free },
	[COMPRESS_GZIP] = { "gzip",
#ifdef HAVE_ZLIB
			    gzip_begin, gzip_add, gzip_free
#endif
	},
	[COMPRESS_XZ] = { "xz",
#ifdef HAVE_LZMA
			  xz_begin, xz_add, xz_free
#endif
	},
	[COMPRESS_ZSTD] = { "zstd",
#ifdef HAVE_ZSTD
			    zstd_begin, zstd_add, zstd_free
#endif
	},
	[COMPRESS_LZ4] = { "lz4",
#ifdef HAVE_LZ4
			   lz4_begin, lz4_add, lz4_free
#endif
	},
};

const char *compress_name(enum compress_method m)
{
	return methods[m].name;
}

int compress_by_name(const char *name)
{
	for (int i = 0; i < COMPRESS_METHODS; i++)
		if (!strcmp(methods[i].name, name))
			return i;
	return -EINVAL;
}

bool compress_built_in(enum compress_method m)
{
	return methods[m].begin != NULL;
}

int compressor_new(struct compressor **ret, enum compress_method m, uint64_t size, compress_write_fn *write,
		   void *userdata)
{
	struct compressor *c;
	int r;

	if (!compress_built_in(m))
		return -EOPNOTSUPP;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct compressor){ .method = &methods[m], .write = write, .userdata = userdata };
	c->out = malloc(CHUNK);
	r = c->out ? c->method->begin(c, size) : -ENOMEM;
	if (r < 0)
		compressor_free(c);
	else
		*ret = c;
	return r;
}

int compressor_add(struct compressor *c, const void *data, size_t size)
{
	return size ? c->method->add(c, data, size, false) : 0;
}

int compressor_end(struct compressor *c)
{
	return c->method->add(c, "", 0, true);
}

struct compressor *compressor_free(struct compressor *c)
{
	if (!c)
		return NULL;
	c->method->free(c);
	free(c->out);
	free(c);
	return NULL;
}

static int append(void *userdata, const void *data, size_t size)
{
	struct blob *b = userdata;
	int r = 0;

	if (size > b->capacity - b->size)
		r = blob_reserve(b, 2 * (b->size + size));
	if (r < 0)
		return r;
	memcpy(b->data + b->size, data, size);
	b->size += size;
	return 0;
}

int compress_all(enum compress_method m, const void *data, size_t size, struct blob *ret)
{
	_cleanup_blob_ struct blob out = {};
	struct compressor *c;
	int r = compressor_new(&c, m, size, append, &out);

	if (r < 0)
		return r;
	r = compressor_add(c, data, size);
	if (!r)
		r = compressor_end(c);
	compressor_free(c);
	if (r < 0)
		return r;
	*ret = out;
	out = (struct blob){};
	return 0;
}
