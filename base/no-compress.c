/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In place of compress.c in a program without tools. */
#include <errno.h>

#include "base/compress.h"

bool compress_built_in(enum compress_method m)
{
	return m == COMPRESS_NONE;
}

int compress_all(enum compress_method m, const void *data, size_t size, struct blob *ret)
{
	return -EOPNOTSUPP;
}
