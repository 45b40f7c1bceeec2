/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ready queue.
 *
 * Idea: every step counts the edges that it still waits for. When a step ends, the list of the steps that wait
 * for it is walked. A hard edge on a step that did not become live skips the waiting step at once; a soft or
 * post edge is satisfied by any outcome. Steps that wait for nothing are in a heap: highest priority first, then
 * lowest id, which is kmod's order. An edge on a step that has ended takes effect when it is added, so later
 * plans may build on earlier ones.
 *
 * A patient step (an adapter that scans its bus for seconds) is held until no urgent step is left: while it
 * scans, every load that waits for asynchronous probes waits for it, and the root's disk must not. An urgent
 * step that turns out to be slow is forgiven, that is, no longer counted as urgent, and when nothing else could
 * run, nothing is held. So holding can delay but never block. The last steps (what processors want, and what found no
 * hardware in an earlier boot) are held while a device is awaited; the pool limits that time.
 *
 * If a profile says how long loads take, the steps below STEP_CANDIDATE start by the time of the longest
 * chain of steps that begins with each, the longest first, and by priority among equals: a long chain, or a
 * module that sleeps for seconds, leaves processors idle at the end if it is begun last (tests/bench/scale
 * schedule -s). What may lead to a disk starts by priority, and by this time among equals.
 *
 * A step that must be alone starts when nothing else runs, and nothing starts while it runs. As long as it is the one to
 * start next, no other is started, so it does not wait for the end of all; what is more urgent and becomes ready
 * meanwhile still goes first. Running steps that are abandoned, because they may never end, do not count in this.
 *
 * Invariant: n_done + n_running + the steps in `ready` or `held` + those with waiting > 0 are all steps. A step
 * is in one of the two arrays at most once. They and `skips` have room for all steps, so nothing here fails after
 * queue_add().
 */
#include "loader/queue.h"

#include <errno.h>

#define LINK_NONE UINT32_MAX

enum node_state {
	NODE_WAITING,
	NODE_READY,
	NODE_RUNNING,
	NODE_DONE,
};

struct queue_node {
	/* From its start to the end of the last step that waits for it, as far as that is known. */
	uint64_t remaining_us;
	uint32_t priority;
	uint32_t expected_us;
	uint32_t waiting;    /* edges not satisfied */
	uint32_t first_link; /* of the steps that wait for it */
	uint32_t root;	     /* if skipped: the first step of the chain */
	uint32_t n_post;     /* edges of kind EDGE_POST satisfied */
	uint32_t last_post;  /* the step on the other end of the last of them */
	uint8_t outcome;
	uint8_t state;
	bool post_only : 1;
	bool post_live : 1; /* one of them became live */
	bool urgent : 1;    /* and counted in n_urgent */
	bool forgiven : 1;  /* it has taken too long to be counted */
	bool patient : 1;
	bool last : 1;
	bool alone : 1;
	bool abandoned : 1;
};

struct queue_link {
	uint32_t dependent;
	uint32_t kind;
	uint32_t next; /* of the steps that wait for the same node */
};

static uint32_t class_of(const struct queue_node *node)
{
	return node->priority < STEP_CANDIDATE ? 0 : node->priority;
}

static bool starts_before(const struct queue *q, uint32_t a, uint32_t b)
{
	const struct queue_node *x = &q->nodes.items[a], *y = &q->nodes.items[b];

	if (class_of(x) != class_of(y))
		return class_of(x) > class_of(y);
	if (x->remaining_us != y->remaining_us)
		return x->remaining_us > y->remaining_us;
	return x->priority != y->priority ? x->priority > y->priority : a < b;
}

static void push_heap(struct queue *q, uint32_t id)
{
	uint32_t *heap = q->ready.items;
	size_t i = q->ready.n++;

	for (; i > 0 && starts_before(q, id, heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = id;
}

static void push_ready(struct queue *q, uint32_t id)
{
	q->nodes.items[id].state = NODE_READY;
	/* What was not urgent when it was added may have become so while it waited. */
	if (q->nodes.items[id].patient && q->nodes.items[id].priority < STEP_URGENT)
		q->held.items[q->held.n++] = id;
	else
		push_heap(q, id);
}

void queue_release(struct queue *q, bool all)
{
	size_t n = 0;

	if (!all && q->n_urgent)
		return;
	for (size_t i = 0; i < q->held.n; i++) {
		uint32_t id = q->held.items[i];

		if (q->holds_last && q->nodes.items[id].last)
			q->held.items[n++] = id;
		else
			push_heap(q, id);
	}
	q->held.n = n;
}

void queue_hold_last(struct queue *q, bool hold)
{
	q->holds_last = hold;
	if (!hold)
		queue_release(q, false);
}

/* The highest priority of the steps that wait for a node. A module does not inherit that of its post softdep. */
static uint32_t priority_of_waiting(const struct queue *q, uint32_t id)
{
	uint32_t most = 0;

	for (uint32_t l = q->nodes.items[id].first_link; l != LINK_NONE; l = q->links.items[l].next) {
		const struct queue_node *dependent = &q->nodes.items[q->links.items[l].dependent];

		if (q->links.items[l].kind != EDGE_POST && dependent->state != NODE_DONE &&
		    dependent->priority > most)
			most = dependent->priority;
	}
	return most;
}

/* How long the longest chain of steps that wait for a node is expected to take. */
static uint64_t remaining_after(const struct queue *q, uint32_t id)
{
	uint64_t most = 0;

	for (uint32_t l = q->nodes.items[id].first_link; l != LINK_NONE; l = q->links.items[l].next) {
		const struct queue_node *dependent = &q->nodes.items[q->links.items[l].dependent];

		if (dependent->state != NODE_DONE && dependent->remaining_us > most)
			most = dependent->remaining_us;
	}
	return most;
}

static void rebuild_heap(struct queue *q)
{
	size_t n = q->ready.n;

	for (q->ready.n = 0; q->ready.n < n;)
		push_heap(q, q->ready.items[q->ready.n]);
}

/* Those that something urgent waits for by now. */
static void release_urgent(struct queue *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->held.n; i++) {
		uint32_t id = q->held.items[i];

		if (q->nodes.items[id].priority >= STEP_URGENT)
			push_heap(q, id);
		else
			q->held.items[n++] = id;
	}
	q->held.n = n;
}

/* Whether its place in the order has changed. */
static bool inherit(struct queue *q, uint32_t id)
{
	struct queue_node *node = &q->nodes.items[id];
	uint32_t priority = priority_of_waiting(q, id);
	uint64_t remaining = node->expected_us + remaining_after(q, id);
	bool changes = priority > node->priority || remaining != node->remaining_us;

	if (priority > node->priority)
		node->priority = priority;
	node->remaining_us = remaining;
	return changes;
}

void queue_inherit(struct queue *q)
{
	bool changed = false;

	/* Steps that wait for a node come after it. */
	for (uint32_t id = (uint32_t)q->nodes.n; id-- > 0;)
		changed |= q->nodes.items[id].state < NODE_DONE && inherit(q, id);
	if (!changed)
		return;
	rebuild_heap(q);
	release_urgent(q);
}

void queue_raise(struct queue *q, uint32_t id, uint32_t priority)
{
	struct queue_node *node = &q->nodes.items[id];

	if (node->state == NODE_DONE || priority <= node->priority)
		return;
	if (!node->urgent && !node->forgiven && priority >= STEP_URGENT) {
		node->urgent = true;
		q->n_urgent++;
	}
	node->priority = priority;
	rebuild_heap(q);
	release_urgent(q);
}

static void end_urgency(struct queue *q, uint32_t id)
{
	q->n_urgent -= q->nodes.items[id].urgent;
	q->nodes.items[id].urgent = false;
}

void queue_forgive(struct queue *q, uint32_t id)
{
	q->nodes.items[id].forgiven = true;
	end_urgency(q, id);
	queue_release(q, false);
}

static uint32_t pop_ready(struct queue *q)
{
	uint32_t *heap = q->ready.items;
	uint32_t first = heap[0], last = heap[--q->ready.n];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < q->ready.n) {
		if (child + 1 < q->ready.n && starts_before(q, heap[child + 1], heap[child]))
			child++;
		if (!starts_before(q, heap[child], last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return first;
}

static bool live(enum load_outcome outcome)
{
	return outcome == LOAD_DONE || outcome == LOAD_ALREADY;
}

static uint32_t root_of(const struct queue *q, uint32_t id)
{
	return q->nodes.items[id].outcome == LOAD_SKIPPED ? q->nodes.items[id].root : id;
}

static void skip(struct queue *q, uint32_t id, enum skip_reason reason, uint32_t on)
{
	struct queue_node *node = &q->nodes.items[id];

	end_urgency(q, id);
	node->state = NODE_DONE;
	node->outcome = LOAD_SKIPPED;
	node->root = on == STEP_NONE ? id : root_of(q, on);
	q->n_done++;
	q->skips.items[q->skips.n++] =
		(struct queue_skip){ .id = id, .reason = reason, .on = on, .root = node->root };
}

/* Applies the outcome of step on to the edge that step id has on it. */
static void settle_edge(struct queue *q, uint32_t id, uint32_t on, enum edge_kind kind)
{
	struct queue_node *node = &q->nodes.items[id];
	bool ok = live(q->nodes.items[on].outcome);

	if (kind == EDGE_HARD && !ok) {
		skip(q, id, SKIP_NEEDS, on);
		return;
	}
	node->waiting--;
	if (kind == EDGE_POST) {
		node->n_post++;
		node->last_post = on;
		node->post_live |= ok;
	}
}

/* The last edge of a step is satisfied. */
static void settle_step(struct queue *q, uint32_t id)
{
	struct queue_node *node = &q->nodes.items[id];

	if (node->post_only && node->n_post && !node->post_live)
		skip(q, id, SKIP_POST, node->last_post);
	else
		push_ready(q, id);
}

/* Settles the edges of the steps that wait for an ended step; those that this skips are appended to skips. */
static void settle_dependents(struct queue *q, uint32_t on)
{
	for (uint32_t i = q->nodes.items[on].first_link; i != LINK_NONE; i = q->links.items[i].next) {
		uint32_t id = q->links.items[i].dependent;
		struct queue_node *node = &q->nodes.items[id];

		if (node->state != NODE_WAITING)
			continue;
		settle_edge(q, id, on, q->links.items[i].kind);
		if (node->state == NODE_WAITING && !node->waiting)
			settle_step(q, id);
	}
}

/* The same for the steps that have been skipped, which may skip more. */
static void settle_skipped(struct queue *q, size_t from)
{
	for (size_t i = from; i < q->skips.n; i++)
		settle_dependents(q, q->skips.items[i].id);
}

int queue_reserve(struct queue *q, size_t n_steps, size_t n_edges)
{
	size_t n = q->nodes.n + n_steps;
	int r = array_make_room(&q->nodes, n_steps);

	if (r == 0)
		r = array_make_room(&q->links, n_edges);
	if (r == 0)
		r = array_make_room(&q->ready, n - q->ready.n);
	if (r == 0)
		r = array_make_room(&q->held, n - q->held.n);
	if (r == 0)
		r = array_make_room(&q->skips, n - q->skips.n);
	return r;
}

static void add_link(struct queue *q, uint32_t id, const struct step_edge *edge)
{
	struct queue_node *on = &q->nodes.items[edge->on];

	q->links.items[q->links.n] = (struct queue_link){
		.dependent = id,
		.kind = edge->kind,
		.next = on->first_link,
	};
	on->first_link = (uint32_t)q->links.n++;
}

static void add_edges(struct queue *q, uint32_t id, const struct step_edge *edges, size_t n_edges)
{
	struct queue_node *node = &q->nodes.items[id];

	for (size_t i = 0; i < n_edges && node->state != NODE_DONE; i++)
		if (q->nodes.items[edges[i].on].state == NODE_DONE)
			settle_edge(q, id, edges[i].on, edges[i].kind);
		else
			add_link(q, id, &edges[i]);
}

int queue_add(struct queue *q, const struct queue_step *step, const struct step_edge *edges, size_t n_edges)
{
	uint32_t id = (uint32_t)q->nodes.n;
	int r;

	for (size_t i = 0; i < n_edges; i++)
		if (edges[i].on >= id)
			return -EINVAL;
	r = queue_reserve(q, 1, n_edges);
	if (r < 0)
		return r;
	q->nodes.items[q->nodes.n++] = (struct queue_node){
		.priority = step->priority,
		.expected_us = step->expected_us,
		.remaining_us = step->expected_us,
		.waiting = (uint32_t)n_edges,
		.first_link = LINK_NONE,
		.post_only = step->post_only,
		.urgent = step->priority >= STEP_URGENT,
		.patient = step->patient,
		.last = step->last,
		.alone = step->alone,
	};
	q->n_urgent += q->nodes.items[id].urgent;
	add_edges(q, id, edges, n_edges);
	if (q->nodes.items[id].state == NODE_WAITING && !q->nodes.items[id].waiting)
		settle_step(q, id);
	return 0;
}

uint32_t queue_pick(const struct queue *q)
{
	uint32_t id = q->ready.n ? q->ready.items[0] : STEP_NONE;

	if (id == STEP_NONE || q->n_alone)
		return STEP_NONE;
	return q->nodes.items[id].alone && q->n_running > q->n_abandoned ? STEP_NONE : id;
}

void queue_abandon(struct queue *q, uint32_t id)
{
	struct queue_node *node = &q->nodes.items[id];

	if (node->abandoned)
		return;
	node->abandoned = true;
	q->n_abandoned++;
	q->n_alone -= node->alone;
}

uint32_t queue_start(struct queue *q)
{
	uint32_t id = pop_ready(q);

	q->nodes.items[id].state = NODE_RUNNING;
	q->n_running++;
	q->n_alone += q->nodes.items[id].alone;
	return id;
}

void queue_complete(struct queue *q, uint32_t id, enum load_outcome outcome)
{
	struct queue_node *node = &q->nodes.items[id];
	size_t from = q->skips.n;

	node->state = NODE_DONE;
	node->outcome = (uint8_t)outcome;
	q->n_running--;
	q->n_abandoned -= node->abandoned;
	q->n_alone -= node->alone && !node->abandoned;
	q->n_done++;
	end_urgency(q, id);
	settle_dependents(q, id);
	settle_skipped(q, from);
	queue_release(q, false);
}

void queue_cancel(struct queue *q)
{
	q->ready.n = q->held.n = 0;
	for (uint32_t i = 0; i < q->nodes.n; i++)
		if (q->nodes.items[i].state <= NODE_READY)
			skip(q, i, SKIP_CANCEL, STEP_NONE);
}

bool queue_skipped(struct queue *q, struct queue_skip *ret)
{
	if (q->n_taken == q->skips.n)
		return false;
	*ret = q->skips.items[q->n_taken++];
	return true;
}

uint32_t queue_priority(const struct queue *q, uint32_t id)
{
	return q->nodes.items[id].priority;
}

bool queue_is_urgent(const struct queue *q, uint32_t id)
{
	return q->nodes.items[id].priority >= STEP_URGENT;
}

bool queue_has_started(const struct queue *q, uint32_t id)
{
	return q->nodes.items[id].state >= NODE_RUNNING;
}

bool queue_has_ended(const struct queue *q, uint32_t id)
{
	return q->nodes.items[id].state == NODE_DONE;
}

enum load_outcome queue_outcome(const struct queue *q, uint32_t id)
{
	return q->nodes.items[id].outcome;
}

void queue_free(struct queue *q)
{
	array_free(&q->nodes);
	array_free(&q->links);
	array_free(&q->ready);
	array_free(&q->held);
	array_free(&q->skips);
}
