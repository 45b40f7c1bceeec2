/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idea: while a device is awaited, the steps of the highest priority, and those just below it, lead: one for each
 * processor. All others start only when a processor is idle (loader/idle.c). So they use what the leading steps leave,
 * also while these sleep for their device or work in the kernel's threads; and however many they are, they do not hold
 * a processor or one of the kernel's locks that a leading step could have had.
 *
 * The leading priority only rises. When the driver is loaded and its device is still being probed, what comes next
 * must not take the processor from that probe.
 *
 * Measured (tests/vm/bench-root, one processor in virtual time, `big`): without this rule an NVMe disk is there after
 * 3.1 of the time that its bare chain of modules takes, with it after 1.1.
 *
 * Refused: to hold what is of lower priority until the leading steps have ended, which made everything settle in twice
 * the time; to load one module after the other, which has the same effect where devices sleep; rcu_expedited
 * (/sys/kernel/rcu_expedited) while modules load: all of `big` took 16.33 s without it and 16.40 s with it, of `small`
 * 6.67 and 6.66 s.
 */
#include "loader/precedence.h"

#include "engine/plan.h"

bool precedence_await(struct precedence *p, bool awaited)
{
	bool changes = p->awaited != awaited;

	p->awaited = awaited;
	if (changes)
		p->priority = 0;
	return changes;
}

void precedence_note_start(struct precedence *p, uint32_t priority)
{
	if (p->awaited && priority > p->priority)
		p->priority = priority;
}

bool precedence_leads(const struct precedence *p, uint32_t priority)
{
	return p->awaited && priority >= STEP_URGENT && priority + STEP_BAND >= p->priority;
}

bool precedence_makes_wait(const struct precedence *p, uint32_t priority, unsigned int n_awake)
{
	return p->awaited && (!precedence_leads(p, priority) || n_awake >= p->processors);
}

enum weight precedence_weight(const struct precedence *p, uint32_t priority, bool any_urgent)
{
	if (!p->awaited)
		return priority < STEP_URGENT && any_urgent ? WEIGHT_NICE : WEIGHT_FULL;
	if (precedence_leads(p, priority))
		return WEIGHT_LEAD;
	return priority >= STEP_CANDIDATE ? WEIGHT_NICE : WEIGHT_IDLE;
}
