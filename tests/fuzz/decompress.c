/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a compressed file. */
#include "base/decompress.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

#define MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_blob_ struct blob blob = {};
	enum compression format = compression_of(data, size);
	int r;

	if (format == COMPRESSION_NONE)
		return 0;
	r = decompress(format, data, size, MAX, &blob);
	MUST(r <= 0);
	MUST(r < 0 || blob.size <= MAX);
	if (r < 0)
		MUST(strlen(decompress_strerror(format, r)));
	return 0;
}
