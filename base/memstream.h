/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A text that is written with stdio. Not by open_memstream(3): glibc's does not set the stream's error
 * when memory runs out, and the text then ends early without anybody knowing. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* *text and *n are the text so far after each fflush(); a NUL is behind it. Both must stay where they are
 * until memstream_close(). NULL: out of memory. */
FILE *memstream_open(char **text, size_t *n);
/* 0 or -ENOMEM; *text is for the caller to free() in either case, or NULL. */
int memstream_close(FILE *f);
