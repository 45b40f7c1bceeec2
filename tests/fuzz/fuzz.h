/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the targets share: an input cut into parts, a root directory to put files in, a log that holds
 * the library to its word. A target is libFuzzer's function, or, with replay.c, a test of its corpus. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rootfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be true. */
#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* The rest of an input. */
struct input {
	const uint8_t *p;
	size_t n;
};

/* Its next byte, 0 at the end. */
uint8_t input_byte(struct input *in);
/* What is in front of the next byte 'separator' (or all), as a string of the caller's to free; a NUL ends
 * the string, but not the part. *size, if not NULL: of the part. */
char *input_part(struct input *in, char separator, size_t *size);

/* Keeps no message, but reads each: one line, no control characters. */
extern struct log fuzz_log;

/* A directory of this process's own in memory, removed at exit. */
const struct rootfs *scratch_root(void);
/* Writes a file in it, and the directories above; NULL data removes it. */
void scratch_write(const char *path, const void *data, size_t size);
