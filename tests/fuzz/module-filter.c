/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte that says what follows; 0: what says it is a filtered module, after three bytes with
 * the module's size; 1: a module; 2: what a frame of members contains, after three bytes with the
 * members' size. */
#include "base/module-filter.h"

#include <errno.h>
#include <string.h>

#include "base/group-codec.h"
#include "tests/fuzz/fuzz.h"

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

static size_t input_size(struct input *in)
{
	size_t size = input_byte(in);

	size |= (size_t)input_byte(in) << 8;
	return size | (size_t)input_byte(in) << 16;
}

static void try_undo(struct input *in)
{
	size_t size = input_size(in);
	uint8_t *out = calloc(1, size ? size : 1);
	int r;

	MUST(out);
	r = module_filter_undo(in->p, in->n, out, size);
	MUST(r == 0 || r == -EBADMSG);
	free(out);
}

static void try_apply(struct input *in)
{
	uint8_t *data = NULL, *out = calloc(1, in->n ? in->n : 1);
	size_t size;
	int r = module_filter_apply(in->p, in->n, &data, &size);

	MUST(out);
	MUST(r == 0 || r == 1);
	if (r) {
		MUST(size / 2 <= in->n);
		MUST(module_filter_undo(data, size, out, in->n) == 0);
		MUST(memcmp(out, in->p, in->n) == 0);
	}
	free(data);
	free(out);
}

static void try_group(struct input *in)
{
#ifdef HAVE_ZSTD
	size_t size = input_size(in), n = ZSTD_compressBound(in->n);
	uint8_t *out = malloc(size ? size : 1), *frame = malloc(n);
	int r;

	MUST(out && frame);
	n = ZSTD_compress(frame, n, in->p, in->n, 1);
	MUST(!ZSTD_isError(n));
	r = group_decompress(frame, n, NULL, 0, out, size);
	MUST(r == 0 || r == -EBADMSG);
	free(out);
	free(frame);
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	switch (input_byte(&in)) {
	case 0:
		try_undo(&in);
		break;
	case 1:
		try_apply(&in);
		break;
	case 2:
		try_group(&in);
		break;
	default:
		break;
	}
	return 0;
}
