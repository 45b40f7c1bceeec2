/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which step may start while a device is awaited. The design is described in precedence.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct precedence {
	bool awaited;	     /* a device */
	uint32_t priority;   /* that leads: the highest of a step that was started since then */
	unsigned processors; /* for so many leading steps at once */
};

/* What a load gets of a processor that others want too. */
enum weight {
	WEIGHT_FULL,
	WEIGHT_LEAD, /* more than the process that walks, plans and takes events */
	WEIGHT_NICE, /* a tenth */
	WEIGHT_IDLE, /* what is left */
	WEIGHTS,
};

/* Whether a device is awaited from now on. True when that has changed. */
bool precedence_await(struct precedence *p, bool awaited);
/* A step of this priority was started. */
void precedence_note_start(struct precedence *p, uint32_t priority);

/* Whether a step is one of those that lead. */
bool precedence_leads(const struct precedence *p, uint32_t priority);
/* Whether a step that is ready has to wait for an idle processor. n_awake: leading steps that run and do not
 * sleep. */
bool precedence_makes_wait(const struct precedence *p, uint32_t priority, unsigned int n_awake);

/* any_urgent: there are urgent steps that have not ended. */
enum weight precedence_weight(const struct precedence *p, uint32_t priority, bool any_urgent);
