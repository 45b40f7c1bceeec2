/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report: the front's head and the loads, as JSON, complete or not at all. */
#pragma once

#include "loader/pool.h"
#include "loader/trace.h"

struct report {
	int dirfd;  /* -1: none was asked for */
	char *name; /* in that directory; NULL: dirfd itself is written to, once */
	char *head; /* a JSON object without its last brace; NULL: nothing */
	size_t n_head;
	struct trace trace; /* what the kernel does meanwhile */
};

#define REPORT_NONE ((struct report){ .dirfd = -1, .trace = TRACE_NONE })

/* Writes a temporary file beside the name and renames it (base/atomic-file.h). A step without a result is
 * "pending". 0 or -errno; in the latter case what the name had before is unchanged. */
int report_write(struct report *report, struct pool *pool);
void report_free(struct report *report);
