/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an awaited device, or the end of all loads, has waited for: one thing after the other, without a
 * gap. */
#pragma once

#include "programs/cli/report-read.h"

enum wait_kind {
	WAIT_LOAD,	 /* the load itself */
	WAIT_FOR_PLAN,	 /* from the start of the run until the plan with the load came */
	WAIT_FOR_START,	 /* the same, until the load started: the report does not say when it was planned */
	WAIT_FOR_DEVICE, /* from the end of the load that brings a device until the plan with its load came */
	WAIT_FOR_TURN,	 /* the load could start, and others ran */
	WAIT_FOR_NODE,	 /* from the end of the last load until the device was there */
};

/* A part of the time, from start_us to end_us. */
struct wait_part {
	enum wait_kind kind;
	uint32_t load; /* the one, or the one that waits; for WAIT_FOR_NODE the last one, or REPORT_NONE */
	uint64_t start_us, end_us;
	uint64_t gain_us; /* so much sooner would all be over if this part took no time */
};

struct critical_path {
	const struct report_awaited *awaited; /* NULL: the end of all loads */
	uint64_t start_us, end_us;
	struct wait_part *parts; /* in the order of time */
	size_t n_parts;
};

/* awaited is NULL, or one of the report's that has come. -ENOMEM or 0. */
int critical_path_find(struct critical_path *ret, const struct run_report *report,
		       const struct report_awaited *awaited);
void critical_path_free(struct critical_path *path);
