/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the front and the loader's process say to each other: a header, then size bytes, on a stream
 * socket between two processes of one program. The receiver believes no offset all the same. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/plan.h"
#include "loader/loader.h"

#define WIRE_MAX (256U * 1024 * 1024) /* bytes of one message: a plan with all its strings */

enum wire_type {
	WIRE_PLAN = 1, /* to the loader: struct wire_plan and what follows it */
	WIRE_CANCEL,
	WIRE_REPORT_PATH, /* a file's name; with it, as SCM_RIGHTS, its directory */
	WIRE_REPORT_HEAD, /* bytes */
	WIRE_FINISH,
	WIRE_LEAVE,	  /* answered by WIRE_LEFT */
	WIRE_MESSAGE,	  /* uint32_t step, and the text that replaces its result's message */
	WIRE_RESULT,	  /* to the front: struct load_result */
	WIRE_LEFT,	  /* int32_t: for how many steps the files below the root are still needed */
	WIRE_REPORT_DONE, /* int32_t: 0 or -errno; the last message */
};

struct wire_header {
	uint32_t type;
	uint32_t size; /* of what follows */
};

/* A message on its way to the front, as both sides keep it. */
struct wire_answer {
	struct wire_header header;
	union {
		struct load_result result;
		int32_t error;
	};
};

/* A plan as a message of its own memory, header included: *ret is malloc'd. -EFBIG beyond WIRE_MAX. */
int wire_encode_plan(const struct plan *plan, void **ret, size_t *ret_size);
/* The plan in the size bytes after a header; it and its strings live in arena. -EBADMSG when an offset
 * or a length does not fit, -ENOMEM. */
int wire_decode_plan(struct arena *arena, const void *data, size_t size, struct plan *ret);

/* Whether a plan is one: ids from first_id on without gaps, what its kinds require, edges inside the
 * plan's and on earlier steps; -EINVAL when not. *n_edges: how many the steps have together. */
int wire_check_plan(const struct plan *plan, size_t first_id, size_t *n_edges);
