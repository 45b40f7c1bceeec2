/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Workers.
 *
 * Idea: one thread per load in flight, because finit_module(2) blocks and cannot be interrupted. `jobs` loads run
 * at once. A load that runs for longer than POOL_SLOW_MS is called slow and gives its place to another, for which
 * another thread is started if need be: so a load that never returns delays its dependents and nothing else. With
 * jobs = 1 and no slow load the order is strictly serial.
 *
 * When the number of jobs is ours to choose, a load that is found asleep gives up its place much sooner: many
 * probes sleep for a device, and every load without async_probe sleeps at its end until all asynchronous probes in
 * the kernel have ended (image.c). Places are for loads that use a processor.
 *
 * A thread is started only when there is a step to start and no idle thread. Wake-ups form a chain: a change of
 * state from outside wakes one worker, a worker that takes a step wakes the next, and a worker whose step has ended
 * looks for another one itself. There is no thundering herd.
 *
 * Refused: a thread per step from the start (thousands of stacks, and no priorities); a fixed number of threads
 * (twenty dead devices would end the boot); to read and decompress, or to unpack from an archive, what
 * still waits for other modules: nearly always another load is ready for the processor. On one, in virtual
 * time, tests/vm/machines/big settled in 18.24 s instead of 18.26 s with an archive, and in 21.83 s instead
 * of 21.60 s with modules in .xz; on two, with .xz, seven pairs showed no difference. A cold and slow disk
 * was not tried.
 *
 * Invariant: every member of struct pool that is not constant after pool_start() is accessed under `lock` only. The
 * strings of a step are not freed or moved before the pool is, so a worker reads its own without the lock. n_running
 * of the queue minus n_slow never exceeds jobs.
 */
#include "loader/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "loader/precedence.h"
#include "loader/idle.h"
#include "loader/queue.h"
#include "base/thread.h"
#include "loader/verdict.h"
#include "loader/wire.h"
#include "loader/work.h"

#define NICE 10
/* Times in a row that a processor is found idle, for the front; */
#define FRONT_IDLE 3
/* but it has its answer after this at the latest. */
#define FRONT_PATIENCE_US 500000
/* So long after the last progress towards an awaited device the last steps are held. */
#define HOLD_US 5000000
#define NOTIFY_RETRY_US 10000

struct worker {
	struct pool *pool;
	pthread_t thread;
	uint32_t index;
	pid_t tid;
	enum weight weight;
	bool busy;
	bool slow;	/* has given up its place */
	bool opening;	/* has taken a step whose file it has not opened yet */
	bool late;	/* has run longer than slow_us: no step is held for it */
	bool abandoned; /* longer than alone_us */
	uint32_t step;
	unsigned long switches; /* voluntary context switches at the last look */
	uint64_t start_us;
};

/* A result. Its message, which most do not have, is in the arena. */
struct record {
	uint32_t step;
	uint32_t outcome;
	int32_t error;
	uint32_t worker;
	uint32_t thread;
	uint64_t start_us;
	uint64_t read_us;
	uint64_t given_us;
	uint64_t end_us;
	const char *message;
	bool own;
};

struct pool {
	const struct kernel *kernel;
	unsigned int jobs;
	int niceness;
	uint64_t slow_us;
	uint64_t alone_us;
	bool adaptive; /* a load that sleeps gives up its place */
	int event;
	int tasks; /* /proc/self/task, also after /proc has been moved; -1 */
	pthread_t watcher;

	pthread_mutex_t lock;
	pthread_cond_t work; /* a step can be started, or quit is set */
	pthread_cond_t
		watch; /* a load was started while the watcher had nothing to watch, or unheard is set */
	pthread_cond_t opened; /* n_opening is 0 */
	struct queue queue;
	struct arena arena;
	ARRAY(struct step) steps;
	ARRAY(struct record) records;
	ARRAY(struct work_image) ahead; /* by step: opened ahead; shorter than steps, or empty */
	struct precedence precedence;
	struct idle *idle;    /* NULL: it could not be started, and no step waits for it */
	bool granted;	      /* a step that has to wait for an idle processor may start */
	bool asked_idle;      /* by pool_ask_idle() */
	bool found_idle;      /* which is answered */
	unsigned int n_found; /* times in a row, for that */
	uint64_t front_us;    /* when it was asked, a device was awaited first, or a leading step has ended */
	unsigned int n_opening; /* workers that have taken a step and not opened it yet */
	struct worker *workers[POOL_WORKERS_MAX];
	unsigned int n_workers;
	unsigned int n_idle; /* workers that wait, or have not looked for a step yet */
	unsigned int n_slow;
	uint64_t watch_until; /* when the watcher looks again; 0: once it is woken */
	bool unheard;	      /* event could not be written */
	bool cancelled;
	bool quit;
};

static void *worker_main(void *arg);

static int add_worker(struct pool *p)
{
	_cleanup_free_ struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (p->n_workers == POOL_WORKERS_MAX)
		return -EAGAIN;
	if (!w)
		return -ENOMEM;
	w->pool = p;
	w->index = p->n_workers;
	r = thread_start(&w->thread, worker_main, w);
	if (r < 0)
		return r;
	p->workers[p->n_workers++] = steal_ptr(w);
	p->n_idle++;
	return 0;
}

/* Whether a step that is ready has to wait for an idle processor. */
static bool needs_idle(const struct pool *p, uint32_t id)
{
	unsigned int n_awake = 0;

	if (!p->idle || !p->precedence.awaited)
		return false;
	for (unsigned int i = 0; i < p->n_workers; i++) {
		const struct worker *w = p->workers[i];

		n_awake += w->busy && !w->slow &&
			precedence_leads(&p->precedence, queue_priority(&p->queue, w->step));
	}
	return precedence_makes_wait(&p->precedence, queue_priority(&p->queue, id), n_awake);
}

static uint32_t pick(struct pool *p)
{
	uint32_t id;

	if (p->queue.n_running - p->n_slow >= p->jobs)
		return STEP_NONE;
	/* A patient step is better than none. */
	if (queue_pick(&p->queue) == STEP_NONE && p->queue.n_running == p->n_slow)
		queue_release(&p->queue, true);
	id = queue_pick(&p->queue);
	if (id == STEP_NONE || p->granted || !needs_idle(p, id))
		return id;
	idle_ask(p->idle);
	return STEP_NONE;
}

/* Wakes or starts a worker if a step can be started. That a thread cannot be created is no error: the workers
 * there are continue. */
static void kick(struct pool *p)
{
	if (p->quit || pick(p) == STEP_NONE)
		return;
	if (p->n_idle)
		pthread_cond_signal(&p->work);
	else
		(void)add_worker(p);
}

/* When the eventfd cannot be written, the watcher tries again: nobody else would. */
static void notify(struct pool *p)
{
	uint64_t one = 1;

	/* A full counter is readable too. */
	p->unheard = write(p->event, &one, sizeof(one)) < 0 && errno != EAGAIN;
	if (p->unheard)
		pthread_cond_signal(&p->watch);
}

/* There has been room since the step was submitted. A message for which there is no memory is left out. */
static void record(struct pool *p, const struct load_result *result)
{
	const char *message = NULL;

	if (result->message[0])
		message = arena_strdup(&p->arena, result->message);
	p->records.items[p->records.n++] = (struct record){
		.step = result->step,
		.outcome = result->outcome,
		.error = result->error,
		.worker = result->worker,
		.thread = result->thread,
		.start_us = result->start_us,
		.read_us = result->read_us,
		.given_us = result->given_us,
		.end_us = result->end_us,
		.message = message ? message : "",
		.own = result->own,
	};
}

static const char *describe(enum load_outcome outcome)
{
	switch (outcome) {
	case LOAD_DECLINED:
		return "found nothing to drive and is not loaded";
	case LOAD_SKIPPED:
		return "was not tried";
	default:
		return "failed";
	}
}

static void explain_skip(struct pool *p, const struct queue_skip *skip, struct load_result *result)
{
	const struct step *on, *root;
	const char *what;

	if (skip->reason == SKIP_CANCEL) {
		result_set(result, LOAD_SKIPPED, ECANCELED, "cancelled");
		result->own = true;
		return;
	}
	on = &p->steps.items[skip->on];
	root = &p->steps.items[skip->root];
	what = describe(queue_outcome(&p->queue, skip->root));
	if (skip->reason == SKIP_POST)
		result_set(result, LOAD_SKIPPED, 0, "post softdep of %s, which %s", on->name,
			   describe(queue_outcome(&p->queue, skip->on)));
	else if (on == root)
		result_set(result, LOAD_SKIPPED, 0, "needs %s, which %s", on->name, what);
	else
		result_set(result, LOAD_SKIPPED, 0, "needs %s, which was not tried: %s %s", on->name,
			   root->name, what);
}

static void record_skipped(struct pool *p)
{
	struct queue_skip skip;

	while (queue_skipped(&p->queue, &skip)) {
		struct load_result result = { .step = skip.id };

		explain_skip(p, &skip, &result);
		record(p, &result);
	}
}

/* The time from the start of a load to the first look at it. */
static uint64_t first_look_us(const struct pool *p)
{
	return p->adaptive ? POOL_NAP_MS * 1000 : p->slow_us;
}

static bool take(struct worker *w, uint32_t *id)
{
	struct pool *p = w->pool;

	if (pick(p) == STEP_NONE)
		return false;
	if (needs_idle(p, queue_pick(&p->queue)))
		p->granted = false;
	*id = queue_start(&p->queue);
	precedence_note_start(&p->precedence, queue_priority(&p->queue, *id));
	w->busy = true;
	w->opening = !p->steps.items[*id].member; /* the archive is open */
	p->n_opening += w->opening;
	w->slow = w->late = w->abandoned = false;
	w->switches = ULONG_MAX;
	w->step = *id;
	w->start_us = clock_now_us();
	/* The watcher may sleep until an older load is late; this load is to be looked at before that. */
	if (!p->watch_until || w->start_us + first_look_us(p) < p->watch_until)
		pthread_cond_signal(&p->watch);
	kick(p);
	return true;
}

/* Hands over what was opened ahead; the caller closes it. */
static struct work_image take_ahead(struct pool *p, uint32_t id)
{
	struct work_image image = WORK_IMAGE_NONE;

	if (id < p->ahead.n) {
		image = p->ahead.items[id];
		p->ahead.items[id] = WORK_IMAGE_NONE;
	}
	return image;
}

static void note_opened(struct worker *w)
{
	struct pool *p = w->pool;

	pthread_mutex_lock(&p->lock);
	if (w->opening && !--p->n_opening)
		pthread_cond_broadcast(&p->opened);
	pthread_mutex_unlock(&p->lock);
}

/* Commands keep theirs: the processes they start may stay. */
static enum weight weight_of(const struct pool *p, uint32_t id)
{
	if (p->steps.items[id].kind != STEP_MODULE)
		return WEIGHT_FULL;
	return precedence_weight(&p->precedence, queue_priority(&p->queue, id), p->queue.n_urgent);
}

/* Without CAP_SYS_NICE a weight cannot be raised again and stays low. In Linux setpriority(2) sets that of a thread. */
static void set_weight(struct worker *w, enum weight weight)
{
	static const int nice[WEIGHTS] = { [WEIGHT_LEAD] = -NICE,
					   [WEIGHT_FULL] = 0,
					   [WEIGHT_NICE] = NICE,
					   [WEIGHT_IDLE] = 0 };
	struct sched_param param = {};

	if (w->weight == weight)
		return;
	if ((w->weight == WEIGHT_IDLE || weight == WEIGHT_IDLE) &&
	    sched_setscheduler(w->tid, weight == WEIGHT_IDLE ? SCHED_IDLE : SCHED_OTHER, &param) < 0)
		return;
	if (!setpriority(PRIO_PROCESS, (id_t)w->tid, w->pool->niceness + nice[weight]))
		w->weight = weight;
}

/* A load in flight may have become one that is waited for, and the last urgent one may have ended. */
static void promote(struct pool *p)
{
	for (unsigned int i = 0; i < p->n_workers; i++) {
		struct worker *w = p->workers[i];

		if (w->busy && w->weight >= WEIGHT_NICE && weight_of(p, w->step) < w->weight)
			set_weight(w, weight_of(p, w->step));
	}
}

static void put(struct worker *w, const struct load_result *result)
{
	struct pool *p = w->pool;

	w->busy = false;
	p->n_slow -= w->slow;
	if (p->idle && precedence_leads(&p->precedence, queue_priority(&p->queue, result->step))) {
		idle_note_progress(p->idle);
		p->front_us = result->end_us;
	}
	record(p, result);
	queue_complete(&p->queue, result->step, result->outcome);
	record_skipped(p);
	promote(p);
	notify(p);
}

/* Called and returns with the lock held. */
static void carry_out(struct worker *w, uint32_t id)
{
	struct load_result result = { .step = id,
				      .worker = w->index,
				      .thread = (uint32_t)w->tid,
				      .start_us = w->start_us };
	struct pool *p = w->pool;
	struct step step = p->steps.items[id];
	struct work_image image = take_ahead(p, id);
	enum weight weight = weight_of(p, id);

	set_weight(w, weight);
	pthread_mutex_unlock(&p->lock);
	if (image.image.fd < 0)
		work_open(p->kernel, &step, &image);
	note_opened(w);
	work_on(p->kernel, &step, &image, &result);
	work_close(&image);
	result.end_us = clock_now_us();
	pthread_mutex_lock(&p->lock);
	put(w, &result);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	uint32_t id;

	/* It has inherited the niceness of the thread that created it. */
	(void)setpriority(PRIO_PROCESS, 0, p->niceness);
	pthread_mutex_lock(&p->lock);
	w->tid = (pid_t)syscall(SYS_gettid);
	p->n_idle--;
	while (!p->quit) {
		if (take(w, &id)) {
			carry_out(w, id);
			continue;
		}
		p->n_idle++;
		if (queue_drained(&p->queue))
			members_trim(p->kernel->members);
		pthread_cond_wait(&p->work, &p->lock);
		p->n_idle--;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* A number in the text of proc_pid_status(5); 0 without one. */
static unsigned long status_number(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoul(p + strlen(key), NULL, 10) : 0;
}

/* Whether a load has slept since the last look: it is asleep now (not R), and each sleep in between would have
 * been a voluntary context switch. A single look is not enough: on a busy machine every load sleeps for a moment
 * now and then, and the step that took its place would crowd out more urgent ones. */
static bool has_slept(struct worker *w)
{
	_cleanup_close_ int fd = -1;
	char path[64], buf[8192];
	unsigned long switches;
	const char *state;
	ssize_t n;
	bool same;

	snprintf(path, sizeof(path), "%d/status", (int)w->tid);
	fd = openat(w->pool->tasks, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	state = strstr(buf, "\nState:\t");
	switches = status_number(buf, "\nvoluntary_ctxt_switches:\t");
	same = switches == w->switches;
	w->switches = switches;
	return same && state && state[8] != 'R';
}

/* The time of the next look at a load, or 0: it gives up its place now. */
static uint64_t patience(const struct pool *p, struct worker *w, uint64_t now)
{
	uint64_t end = w->start_us + p->slow_us, nap = w->start_us + POOL_NAP_MS * 1000;

	if (now >= end)
		return 0;
	if (!p->adaptive)
		return end;
	if (now < nap)
		return nap;
	/* Whether it sleeps matters only while a step waits for the place. */
	if (queue_pick(&p->queue) != STEP_NONE && has_slept(w))
		return 0;
	return now + POOL_NAP_MS * 1000;
}

/* Marks loads that have become slow. Returns the time of the next look, or 0. */
static uint64_t find_slow(struct pool *p)
{
	uint64_t now = clock_now_us(), next = 0;

	for (unsigned int i = 0; i < p->n_workers; i++) {
		struct worker *w = p->workers[i];
		uint64_t due;

		if (!w->busy || w->late)
			continue;
		if (now >= w->start_us + p->slow_us) {
			w->late = true;
			queue_forgive(&p->queue, w->step);
			promote(p);
			kick(p);
		}
		due = w->slow ? w->start_us + p->slow_us : patience(p, w, now);
		if (w->slow && w->late)
			continue;
		if (!due) {
			w->slow = true;
			p->n_slow++;
			kick(p);
		} else if (!next || due < next) {
			next = due;
		}
	}
	return next;
}

/* Loads that take so long do not keep others from being alone. Returns when the next one does, or 0. */
static uint64_t find_abandoned(struct pool *p)
{
	uint64_t now = clock_now_us(), next = 0;

	for (unsigned int i = 0; i < p->n_workers; i++) {
		struct worker *w = p->workers[i];
		uint64_t due = w->start_us + p->alone_us;

		if (!w->busy || w->abandoned)
			continue;
		if (now < due) {
			next = next && next < due ? next : due;
			continue;
		}
		w->abandoned = true;
		queue_abandon(&p->queue, w->step);
		kick(p);
	}
	return next;
}

/* The front needs a processor for longer than a probe sleeps now and then. How long a look takes depends on the kernel's
 * timers, so looks are counted. */
static void answer_front(struct pool *p, bool idle)
{
	if (!p->asked_idle)
		return;
	if (idle && ++p->n_found < FRONT_IDLE && clock_now_us() < p->front_us + FRONT_PATIENCE_US) {
		idle_ask(p->idle);
		return;
	}
	p->asked_idle = false;
	p->found_idle = true;
	notify(p);
}

/* Whether a step has a place and waits for an idle processor. */
static bool does_step_wait(const struct pool *p)
{
	uint32_t id = queue_pick(&p->queue);

	return p->queue.n_running - p->n_slow < p->jobs && id != STEP_NONE && needs_idle(p, id);
}

/* A step that waits for an idle processor goes before the front, but does not hold it up for ever. */
static void found_idle(void *userdata, bool idle)
{
	struct pool *p = userdata;

	pthread_mutex_lock(&p->lock);
	/* Workers are not there any more. */
	if (p->quit) {
		pthread_mutex_unlock(&p->lock);
		return;
	}
	if (does_step_wait(p)) {
		p->granted = true;
		p->n_found = 0;
		idle &= clock_now_us() < p->front_us + FRONT_PATIENCE_US;
	}
	answer_front(p, idle);
	kick(p);
	pthread_mutex_unlock(&p->lock);
}

/* The earlier one of two times, of which 0 is none. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The last steps wait for a device no longer than this without progress. Returns when that is, or 0. */
static uint64_t end_hold(struct pool *p)
{
	uint64_t end = p->front_us + HOLD_US;

	if (!p->queue.holds_last || clock_now_us() < end)
		return p->queue.holds_last ? end : 0;
	queue_hold_last(&p->queue, false);
	kick(p);
	return 0;
}

/* The time of the watcher's next look, or 0. */
static uint64_t look(struct pool *p)
{
	uint64_t next = earlier(earlier(find_slow(p), find_abandoned(p)), end_hold(p));

	if (p->unheard)
		notify(p);
	return p->unheard ? earlier(next, clock_now_us() + NOTIFY_RETRY_US) : next;
}

static void *watcher_main(void *arg)
{
	struct pool *p = arg;
	uint64_t next;

	pthread_mutex_lock(&p->lock);
	while (!p->quit) {
		next = look(p);
		struct timespec t = { .tv_sec = (time_t)(next / 1000000),
				      .tv_nsec = (long)(next % 1000000) * 1000 };

		p->watch_until = next;
		if (next)
			pthread_cond_timedwait(&p->watch, &p->lock, &t);
		else
			pthread_cond_wait(&p->watch, &p->lock);
		p->watch_until = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static unsigned int count_processors(void)
{
	/* One cpu_set_t has room for 1,024; the kernel wants room for every processor it could have. */
	cpu_set_t sets[16];
	int n = 1;

	if (sched_getaffinity(0, sizeof(sets), sets) == 0)
		n = CPU_COUNT_S(sizeof(sets), sets);
	else if (errno == EINVAL)
		n = (int)sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (unsigned int)n;
}

/* Twice the number of processors, because probes wait for locks, too briefly to be found asleep; at least four,
 * because a small machine has slow devices too; at most 64, because the kernel's own locks are the limit beyond. */
static unsigned int choose_jobs(unsigned int processors)
{
	return processors < 2 ? 4 : processors > 32 ? 64 : 2 * processors;
}

static int init_locks(struct pool *p)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!r)
		r = pthread_cond_init(&p->watch, &attr);
	if (!r)
		r = pthread_cond_init(&p->work, NULL);
	if (!r)
		r = pthread_cond_init(&p->opened, NULL);
	if (!r)
		r = pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_destroy(&attr);
	return -r;
}

/* The watcher and the first worker: without these two there is no pool. */
static int start_threads(struct pool *p)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = add_worker(p);
	pthread_mutex_unlock(&p->lock);
	return r ?: thread_start(&p->watcher, watcher_main, p);
}

static void stop_workers(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->work);
	pthread_cond_broadcast(&p->watch);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n_workers; i++)
		pthread_join(p->workers[i]->thread, NULL);
	/* Each looks at all others, to its end. */
	for (unsigned int i = 0; i < p->n_workers; i++)
		free(p->workers[i]);
}

static void release(struct pool *p)
{
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->watch);
	pthread_cond_destroy(&p->opened);
	pthread_mutex_destroy(&p->lock);
	queue_free(&p->queue);
	for (size_t i = 0; i < p->ahead.n; i++)
		work_close(&p->ahead.items[i]);
	array_free(&p->ahead);
	array_free(&p->steps);
	array_free(&p->records);
	arena_free(&p->arena);
	close(p->event);
	if (p->tasks >= 0)
		close(p->tasks);
	free(p);
}

int pool_start(struct pool **ret, const struct kernel *kernel, const struct pool_options *options)
{
	struct pool *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->kernel = kernel;
	p->precedence.processors = count_processors();
	p->jobs = options->jobs ? options->jobs : choose_jobs(p->precedence.processors);
	p->niceness = getpriority(PRIO_PROCESS, 0);
	p->slow_us = (options->slow_ms ? options->slow_ms : POOL_SLOW_MS) * UINT64_C(1000);
	p->alone_us = (options->alone_ms ? options->alone_ms : POOL_ALONE_MS) * UINT64_C(1000);
	p->adaptive = !options->jobs;
	p->tasks = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = p->event < 0 ? -errno : init_locks(p);
	if (r < 0) {
		if (p->event >= 0)
			close(p->event);
		if (p->tasks >= 0)
			close(p->tasks);
		free(p);
		return r;
	}
	r = start_threads(p);
	if (r < 0) {
		stop_workers(p);
		release(p);
		return r;
	}
	/* Without it there is no order but that of the queue. */
	(void)idle_start(&p->idle, found_idle, p);
	*ret = p;
	return 0;
}

/* Does everything that can fail, before the first step is in the queue. */
static int prepare(struct pool *p, const struct plan *plan)
{
	size_t before = p->steps.n, n_edges;
	int r;

	r = wire_check_plan(plan, before, &n_edges);
	if (r == 0)
		r = array_make_room(&p->steps, plan->n_steps);
	if (r == 0)
		r = array_make_room(&p->records, before + plan->n_steps - p->records.n);
	if (r == 0)
		r = queue_reserve(&p->queue, plan->n_steps, n_edges);
	for (size_t i = 0; i < plan->n_steps && r == 0; i++)
		r = step_copy(&p->arena, &plan->steps[i], &p->steps.items[p->steps.n++]);
	if (r < 0)
		p->steps.n = before;
	return r;
}

static void enqueue(struct pool *p, const struct plan *plan)
{
	unsigned int processors = p->precedence.processors;
	uint64_t now = clock_now_us();

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];
		struct queue_step step = {
			.priority = s->priority,
			/* On one, tests/vm/machines/big settled in 16.4 to 16.8 s of virtual time in the
			 * order of these, in four boots, and in 15.9 to 16.0 s without them. */
			.expected_us = processors < 2 ? 0 : s->took_us,
			.post_only = s->post_only,
			.patient = s->patient,
			.last = s->last,
			.alone = s->alone,
		};

		p->steps.items[s->id].planned_us = now;
		queue_add(&p->queue, &step, plan->edges + s->edge_first, s->n_edges);
	}
	for (size_t i = 0; i < plan->n_raises; i++)
		queue_raise(&p->queue, plan->raises[i].id, plan->raises[i].priority);
	queue_inherit(&p->queue);
	queue_release(&p->queue, false);
	if (p->cancelled)
		queue_cancel(&p->queue);
	record_skipped(p);
	promote(p);
	notify(p);
	kick(p);
}

int pool_submit(struct pool *p, const struct plan *plan)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = prepare(p, plan);
	if (r == 0)
		enqueue(p, plan);
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* Whether the step needs nothing below the root from now on. */
static bool open_ahead(struct pool *p, uint32_t id)
{
	struct work_image *image = &p->ahead.items[id];

	if (queue_has_ended(&p->queue, id))
		return true;
	if (p->steps.items[id].kind == STEP_COMMAND)
		return false;
	/* The archive is open. */
	if (p->steps.items[id].member)
		return true;
	if (!queue_has_started(&p->queue, id) && image->image.fd < 0)
		work_open(p->kernel, &p->steps.items[id], image);
	/* A file that does not exist cannot be lost. */
	return image->error != -EMFILE && image->error != -ENFILE && image->error != -ENOMEM;
}

size_t pool_open_ahead(struct pool *p)
{
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	while (p->n_opening)
		pthread_cond_wait(&p->opened, &p->lock);
	if (array_make_room(&p->ahead, p->steps.n - p->ahead.n) < 0)
		n = p->steps.n - p->ahead.n;
	else
		while (p->ahead.n < p->steps.n)
			p->ahead.items[p->ahead.n++] = WORK_IMAGE_NONE;
	for (uint32_t id = 0; id < p->ahead.n; id++)
		n += !open_ahead(p, id);
	pthread_mutex_unlock(&p->lock);
	return n;
}

void pool_await(struct pool *p, bool awaited)
{
	pthread_mutex_lock(&p->lock);
	if (precedence_await(&p->precedence, awaited)) {
		p->granted = false;
		p->front_us = clock_now_us();
		queue_hold_last(&p->queue, awaited);
		pthread_cond_signal(&p->watch);
		promote(p);
		kick(p);
	}
	pthread_mutex_unlock(&p->lock);
}

void pool_ask_idle(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->asked_idle = p->idle;
	p->n_found = 0;
	p->front_us = clock_now_us();
	if (p->idle) {
		idle_ask(p->idle);
	} else {
		p->found_idle = true;
		notify(p);
	}
	pthread_mutex_unlock(&p->lock);
}

bool pool_found_idle(struct pool *p)
{
	bool found;

	pthread_mutex_lock(&p->lock);
	found = p->found_idle;
	p->found_idle = false;
	pthread_mutex_unlock(&p->lock);
	return found;
}

void pool_cancel(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->cancelled = true;
	queue_cancel(&p->queue);
	record_skipped(p);
	notify(p);
	pthread_mutex_unlock(&p->lock);
}

int pool_fd(const struct pool *p)
{
	return p->event;
}

static void unpack(const struct record *record, struct load_result *ret)
{
	*ret = (struct load_result){
		.step = record->step,
		.outcome = record->outcome,
		.error = record->error,
		.worker = record->worker,
		.thread = record->thread,
		.start_us = record->start_us,
		.read_us = record->read_us,
		.given_us = record->given_us,
		.end_us = record->end_us,
		.own = record->own,
	};
	strncpy(ret->message, record->message, sizeof(ret->message) - 1);
}

bool pool_next(struct pool *p, size_t *cursor, struct load_result *ret)
{
	bool there;

	pthread_mutex_lock(&p->lock);
	there = *cursor < p->records.n;
	if (there)
		unpack(&p->records.items[(*cursor)++], ret);
	pthread_mutex_unlock(&p->lock);
	return there;
}

void pool_annotate(struct pool *p, uint32_t step, const char *message)
{
	const char *copy;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->records.n; i++) {
		if (p->records.items[i].step != step)
			continue;
		copy = arena_strdup(&p->arena, message);
		if (copy)
			p->records.items[i].message = copy;
		break;
	}
	pthread_mutex_unlock(&p->lock);
}

struct step pool_step(struct pool *p, uint32_t id)
{
	struct step step;

	pthread_mutex_lock(&p->lock);
	step = p->steps.items[id];
	pthread_mutex_unlock(&p->lock);
	return step;
}

struct pool_state pool_look(struct pool *p)
{
	struct pool_state state;

	pthread_mutex_lock(&p->lock);
	state = (struct pool_state){
		.n_steps = p->steps.n,
		.n_results = p->records.n,
		.drained = queue_drained(&p->queue),
		.stalled = p->n_slow && p->queue.n_running == p->n_slow && pick(p) == STEP_NONE,
	};
	pthread_mutex_unlock(&p->lock);
	return state;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	stop_workers(p);
	idle_stop(p->idle);
	pthread_join(p->watcher, NULL);
	release(p);
}
