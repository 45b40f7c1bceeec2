/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's answer to a load means. */
#pragma once

#include "loader/kernel.h"
#include "loader/loader.h"

#define VERDICT_PATIENCE_MS 60000U /* how long to wait for another process that loads the same module */
#define VERDICT_BUSY_TRIES 5U	   /* ETXTBSY: another process has the file open for writing */

enum verdict_next {
	VERDICT_GIVEN,
	VERDICT_RETRY, /* load again */
};

/* The state of judging one module. */
struct verdict {
	const struct kernel *kernel;
	const char *name;
	const char *path;
	unsigned int waited_ms;
	unsigned int tries;
};

/* Judges the kernel's answer (0 or -errno). With VERDICT_GIVEN it has written outcome, error and message of
 * result. May sleep while another process loads or removes the module. */
int verdict_judge(struct verdict *v, int error, struct load_result *result);

/* Sets an outcome with a message: one line of printable bytes. */
__attribute__((format(printf, 4, 5))) void result_set(struct load_result *result, enum load_outcome outcome,
						      int error, const char *fmt, ...);
