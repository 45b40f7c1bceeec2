/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tests/bench/scale needs that is not a script:
 *
 *	bench-scale measure PROGRAM ARG...	what it takes: seconds, seconds on processors, KiB
 *	bench-scale schedule PROCESSORS		carries out the plan on standard input, in simulated time
 *
 * A line of the plan is a step: its priority, the microseconds that a profile has of it (0: none) and those
 * that its load computes, is under a lock, and sleeps, the lock, and its edges as pairs of a step and a
 * kind.
 *
 * The loader's own queue says what may start. What loader/pool.c adds to it is modelled here by its constants: how many loads have
 * a place, when one gives it up, and what share of a processor it gets. Each load computes the first half of its time,
 * then takes the lock, computes the second half and sleeps. Processors are shared by weight, locks are first come, first served.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "loader/pool.h"
#include "loader/precedence.h"
#include "loader/queue.h"
#include "tests/bench/bench.h"

#define LOCKS 64
#define NAP_US (POOL_NAP_MS * 1e3)
#define NEVER 1e18

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Seconds, seconds on processors, and KiB at the peak. This process is small, so the peak is the program's. */
static int measure(char **argv)
{
	double start = now_us();
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		perror("bench-scale");
		return 111;
	}
	printf("%.6f %.6f %ld\n", (now_us() - start) / 1e6, seconds(usage.ru_utime) + seconds(usage.ru_stime),
	       usage.ru_maxrss);
	return WIFEXITED(status) && WEXITSTATUS(status) < 100 ? 0 : 1;
}

enum phase { COMPUTES, IS_UNDER_LOCK, COMPUTES_AGAIN, SLEEPS, PHASES };

struct load {
	double us[PHASES];
	unsigned int lock;
	uint32_t edge_first, n_edges;
	/* Once it has started: */
	double weight;
	enum phase phase;
	double left;   /* of the phase */
	bool waits;    /* for the lock */
	double asleep; /* since when; NEVER: it is not */
	double start, look;
	bool slow;   /* has given up its place */
	double path; /* the least time from the start to its end */
};

struct machine {
	unsigned int processors, jobs, n_slow;
	double now;
	struct queue queue;
	ARRAY(struct load) loads;
	ARRAY(struct step_edge) edges;
	ARRAY(uint32_t) running;
	ARRAY(uint32_t) waiting[LOCKS];
	uint32_t owner[LOCKS];
	double busy; /* processors were, in microseconds */
};

static bool read_step(struct machine *m, const char *line)
{
	struct load l = { .edge_first = (uint32_t)m->edges.n };
	struct queue_step step = {};
	double compute, locked, sleep;
	struct step_edge edge;
	int n;

	if (sscanf(line, "%u %u %lf %lf %lf %u%n", &step.priority, &step.expected_us, &compute, &locked,
		   &sleep, &l.lock, &n) < 6 ||
	    l.lock >= LOCKS)
		return false;
	for (line += n; sscanf(line, "%u %u%n", &edge.on, &edge.kind, &n) == 2; line += n)
		if (array_push(&m->edges, edge) < 0)
			return false;
	l.n_edges = (uint32_t)m->edges.n - l.edge_first;
	l.us[COMPUTES] = l.us[COMPUTES_AGAIN] = compute / 2;
	l.us[IS_UNDER_LOCK] = locked;
	l.us[SLEEPS] = sleep;
	return !array_push(&m->loads, l) &&
		!queue_add(&m->queue, &step, m->edges.items + l.edge_first, l.n_edges);
}

/* A lock is passed on to the one that has waited for it longest. */
static void unlock(struct machine *m, unsigned int lock)
{
	uint32_t next = STEP_NONE;

	if (m->waiting[lock].n) {
		next = m->waiting[lock].items[0];
		m->waiting[lock].n--;
		memmove(m->waiting[lock].items, m->waiting[lock].items + 1,
			m->waiting[lock].n * sizeof(*m->waiting[lock].items));
		m->loads.items[next].waits = false;
		m->loads.items[next].asleep = NEVER;
	}
	m->owner[lock] = next;
}

static void lock(struct machine *m, uint32_t id)
{
	struct load *l = &m->loads.items[id];

	if (m->owner[l->lock] == STEP_NONE) {
		m->owner[l->lock] = id;
		return;
	}
	l->waits = true;
	l->asleep = m->now;
	if (array_push(&m->waiting[l->lock], id) < 0)
		abort();
}

static void enter_phase(struct machine *m, uint32_t id, enum phase phase)
{
	struct load *l = &m->loads.items[id];

	l->phase = phase;
	l->left = l->us[phase];
	l->asleep = phase == SLEEPS ? m->now : NEVER;
	if (phase == IS_UNDER_LOCK)
		lock(m, id);
}

static void start_loads(struct machine *m)
{
	const struct precedence p = { .processors = m->processors };

	while (m->queue.n_running - m->n_slow < m->jobs && queue_pick(&m->queue) != STEP_NONE) {
		uint32_t id = queue_start(&m->queue);
		struct load *l = &m->loads.items[id];

		l->weight =
			precedence_weight(&p, queue_priority(&m->queue, id), m->queue.n_urgent) == WEIGHT_NICE
			? 110
			: 1024;
		l->start = m->now;
		l->look = m->now + NAP_US;
		if (array_push(&m->running, id) < 0)
			abort();
		enter_phase(m, id, COMPUTES);
	}
}

static bool computes(const struct load *l)
{
	return l->phase != SLEEPS && !l->waits;
}

/* The share of a processor that a weight of 1 gets when none gets more than one processor. */
static double share(const struct machine *m)
{
	double unit = 0, next;

	for (;; unit = next) {
		double weight = 0, left = m->processors;

		for (size_t i = 0; i < m->running.n; i++) {
			const struct load *l = &m->loads.items[m->running.items[i]];
			bool full = l->weight * unit >= 1;

			left -= computes(l) && full;
			weight += computes(l) && !full ? l->weight : 0;
		}
		next = weight > 0 ? left / weight : unit;
		if (next <= unit)
			return unit;
	}
}

static double rate_of(const struct load *l, double unit)
{
	double rate = l->weight * unit;

	if (l->phase == SLEEPS)
		return 1;
	return l->waits ? 0 : rate < 1 ? rate : 1;
}

/* Whether a load gives up its place: as in patience() and has_slept() of pool.c. */
static void look(struct machine *m, struct load *l)
{
	if (m->now >= l->start + POOL_SLOW_MS * 1e3 ||
	    (l->asleep <= l->look - NAP_US && l->look > l->start + NAP_US + 1 &&
	     queue_pick(&m->queue) != STEP_NONE)) {
		l->slow = true;
		m->n_slow++;
	}
	l->look += NAP_US;
}

/* The time of the next end of a phase, or of a look. */
static double next_event(const struct machine *m, double unit)
{
	double next = NEVER;

	for (size_t i = 0; i < m->running.n; i++) {
		const struct load *l = &m->loads.items[m->running.items[i]];
		double rate = rate_of(l, unit);

		if (rate > 0 && m->now + l->left / rate < next)
			next = m->now + l->left / rate;
		if (!l->slow && l->look < next)
			next = l->look;
	}
	return next;
}

static void end_phase(struct machine *m, size_t at)
{
	uint32_t id = m->running.items[at];
	struct load *l = &m->loads.items[id];

	if (l->phase == IS_UNDER_LOCK)
		unlock(m, l->lock);
	if (l->phase + 1 < PHASES) {
		enter_phase(m, id, l->phase + 1);
		return;
	}
	m->n_slow -= l->slow;
	m->running.items[at] = m->running.items[--m->running.n];
	queue_complete(&m->queue, id, LOAD_DONE);
	/* As promote() of pool.c does. */
	for (size_t i = 0; !m->queue.n_urgent && i < m->running.n; i++)
		m->loads.items[m->running.items[i]].weight = 1024;
}

static void advance(struct machine *m)
{
	double unit = share(m), next = next_event(m, unit), passed = next - m->now;

	for (size_t i = 0; i < m->running.n; i++) {
		struct load *l = &m->loads.items[m->running.items[i]];

		m->busy += computes(l) ? passed * rate_of(l, unit) : 0;
		l->left -= passed * rate_of(l, unit);
	}
	m->now = next;
	for (size_t i = m->running.n; i-- > 0;) {
		struct load *l = &m->loads.items[m->running.items[i]];

		if (!l->slow && l->look <= m->now + 1e-6)
			look(m, l);
		if (!l->waits && l->left <= 1e-6)
			end_phase(m, i);
	}
}

static double own_time(const struct load *l)
{
	double us = 0;

	for (int i = 0; i < PHASES; i++)
		us += l->us[i];
	return us;
}

/* What no order can be faster than: the longest chain, the work, and the time under one lock. */
static void find_bounds(struct machine *m, double *path, double *work, double *locked)
{
	double locks[LOCKS] = {}, total = 0;

	*path = *locked = 0;
	for (size_t id = 0; id < m->loads.n; id++) {
		struct load *l = &m->loads.items[id];

		for (uint32_t i = 0; i < l->n_edges; i++) {
			double before = m->loads.items[m->edges.items[l->edge_first + i].on].path;

			l->path = before > l->path ? before : l->path;
		}
		l->path += own_time(l);
		*path = l->path > *path ? l->path : *path;
		total += own_time(l) - l->us[SLEEPS];
		locks[l->lock] += l->us[IS_UNDER_LOCK];
	}
	for (int i = 0; i < LOCKS; i++)
		*locked = locks[i] > *locked ? locks[i] : *locked;
	*work = total / m->processors;
}

/* loader/pool.c */
static unsigned int choose_jobs(unsigned int processors)
{
	return processors < 2 ? 4 : processors > 32 ? 64 : 2 * processors;
}

static int schedule(unsigned int processors)
{
	struct machine m = { .processors = processors, .jobs = choose_jobs(processors) };
	double path, work, locked;
	static char line[65536];

	for (int i = 0; i < LOCKS; i++)
		m.owner[i] = STEP_NONE;
	while (fgets(line, sizeof(line), stdin))
		if (!read_step(&m, line))
			return 2;
	queue_inherit(&m.queue);
	queue_release(&m.queue, true);
	find_bounds(&m, &path, &work, &locked);
	for (start_loads(&m); m.running.n; start_loads(&m))
		advance(&m);
	printf("%zu %.0f %.0f %.0f %.0f %.0f\n", m.loads.n, m.now, path, work, locked, m.busy / processors);
	return queue_drained(&m.queue) ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "measure"))
		return measure(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "schedule") && atoi(argv[2]) > 0)
		return schedule((unsigned int)atoi(argv[2]));
	return 100;
}
