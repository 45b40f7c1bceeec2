/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's answer to a load means. */
#pragma once

#include "loader/kernel.h"
#include "loader/loader.h"

#define VERDICT_PATIENCE_MS 60000U /* waited for somebody else's load of the same module */
#define VERDICT_BUSY_TRIES 5U	   /* ETXTBSY: somebody still writes the file */

enum verdict_next {
	VERDICT_GIVEN,
	VERDICT_RETRY, /* load again */
};

/* One module's way to its verdict. */
struct verdict {
	const struct kernel *kernel;
	const char *name;
	const char *path;
	unsigned int waited_ms;
	unsigned int tries;
};

/* Judges error (0 or -errno, the kernel's) and, when the verdict is given, writes outcome, error and
 * message of result. May sleep while the module is coming. Answers enum verdict_next. */
int verdict_judge(struct verdict *v, int error, struct load_result *result);

/* An outcome with a message in words, one line of printable bytes. */
__attribute__((format(printf, 4, 5))) void result_set(struct load_result *result, enum load_outcome outcome,
						      int error, const char *fmt, ...);
