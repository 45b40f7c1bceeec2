/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages between the front and the loader's process: a header, then size bytes, on a stream socket
 * between two processes of one program. The receiver checks each offset all the same. */
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
	WIRE_REPORT_PATH, /* a file's name; with it, as SCM_RIGHTS, its directory. No name: what is to be written to */
	WIRE_REPORT_HEAD, /* bytes */
	WIRE_ARCHIVE, /* struct archive_dictionary; with it the archive, from which steps of later plans are loaded */
	WIRE_FINISH,
	WIRE_AWAIT,	  /* int32_t: whether a device is awaited */
	WIRE_ASK_IDLE,	  /* answered by WIRE_IDLE */
	WIRE_LEAVE,	  /* answered by WIRE_LEFT */
	WIRE_MESSAGE,	  /* uint32_t step, and the text that replaces its result's message */
	WIRE_RESULT,	  /* to the front: struct load_result */
	WIRE_LEFT,	  /* int32_t: how many steps still need the files below the root */
	WIRE_IDLE,	  /* int32_t, which says nothing */
	WIRE_REPORT_DONE, /* int32_t: 0 or -errno; the last message */
};

struct wire_header {
	uint32_t type;
	uint32_t size; /* of what follows */
};

/* A message to the front, as it is sent and received. */
struct wire_answer {
	struct wire_header header;
	union {
		struct load_result result;
		int32_t error;
	};
};

/* Makes a message of a plan, header included; *ret is for the caller to free(). -EFBIG beyond WIRE_MAX. */
int wire_encode_plan(const struct plan *plan, void **ret, size_t *ret_size);
/* Reads the plan in the size bytes after a header; it and its strings live in arena. -EBADMSG when an
 * offset or a length does not fit, -ENOMEM. */
int wire_decode_plan(struct arena *arena, const void *data, size_t size, struct plan *ret);

/* Checks a plan: ids from first_id on without gaps, the strings that each kind requires, edges that are
 * inside the plan and point to earlier steps; -EINVAL otherwise. *n_edges: the number of edges of all
 * steps. */
int wire_check_plan(const struct plan *plan, size_t first_id, size_t *n_edges);
