/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random plans, a random kernel and random deaths, against what loader.h promises.
 *
 * Each round makes up to MOST_PLANS plans with edges of all kinds, in which any step may have an edge on one
 * of an earlier plan. What the kernel says to each step (an errno, a delay, no answer at all until it is
 * released, a file that is busy, a module that another process is loading) stands in shared memory, and so
 * does what was seen: how often a step was tried, and in which order steps began and ended.
 *
 * A front in a process of its own sends the plans, with reading, annotations, loader_leave() and so on in
 * between, and then finishes, exits, execs or closes its end. In some rounds the front, in others the
 * loader's process gets SIGKILL at a random moment. The test is a child subreaper: the loader's process
 * becomes its child, so that its end is waited for and its exit status seen.
 *
 * Then each promise of loader.h is checked: results, order, being alone, skipping and the report against a
 * model, and that everything ends in time.
 *
 *	loader [ROUNDS [EXITS]]		COLDPLUG_SEED chooses other ones; EXITS: rounds of a front that sends
 *					200 modules and exits at once
 */
#include "tests/unit/test-loader-plan.h"

#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MOST_PLANS 6U
#define MOST_STEPS 300U
#define DEADLINE_MS 60000U /* for what must not hang */
#define SERIAL_MS 900U	   /* a longer load may give up its place */

static unsigned int rounds = 100, exits = 50;
static unsigned int seed = 1;

static uint32_t dice; /* the state of a xorshift generator */

static uint32_t roll(uint32_t n)
{
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice % n;
}

static void start_dice(unsigned int round)
{
	dice = (seed * 2654435761U) ^ (round * 40503U + 1);
	dice += !dice;
	for (int i = 0; i < 8; i++)
		roll(2);
}

/* What the kernel says to a step, and what was seen of it. */
struct fact {
	int first; /* of the first try, -ETXTBSY or -EBUSY; 0: ret at once */
	int ret;
	unsigned int us;
	bool forever;
	bool live; /* EEXIST: another process has loaded it */
	bool no_file;
	atomic_uint n_tries;
	atomic_uint n_states;	  /* questions for its state */
	atomic_uint begun, ended; /* when, in order; 0: not */
	atomic_uint n_results;	  /* the front has read */
	atomic_uint outcome;
};

struct shared {
	struct fact facts[MOST_STEPS];
	atomic_uint order;
	atomic_uint running, most_running;
	atomic_uint longest_ms;
	atomic_uint released; /* a futex */
	atomic_int loader;
	atomic_uint n_sent;    /* steps of plans for which loader_submit() returned 0 */
	atomic_uint n_begun;   /* and of the one that was being sent */
	atomic_uint cancelled; /* n_sent when it was cancelled, plus 1; 0: it was not */
	atomic_bool read_all;  /* the front has read to the last message */
	atomic_int front_error;
};

enum ending {
	END_EXIT,
	END_EXEC,
	END_FREE,
	END_FINISH,
	END_READ_THEN_FINISH,
	END_FINISH_LATER,
	N_ENDINGS,
};

struct world {
	char dir[64];
	struct rootfs root;
	struct shared *s;
	struct plan_builder b;
	uint32_t plan_ends[MOST_PLANS];
	unsigned int n_plans;
	enum ending ending;
	unsigned int jobs;
	bool report, old_report, busy_front, any_forever, any_alone;
	bool finishing;				    /* in the front: it has nothing more to say */
	unsigned int kill_front_us, kill_loader_us; /* 0: not */
	bool loader_was_killed, front_was_killed;
	unsigned int round;
};

#define require(w, condition)                                                                         \
	do {                                                                                          \
		if (!(condition))                                                                     \
			fail_msg("COLDPLUG_SEED=%u, round %u: %s:%d: %s", seed, (w)->round, __FILE__, \
				 __LINE__, #condition);                                               \
	} while (0)

/* The kernel. */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void raise_to(atomic_uint *most, unsigned int n)
{
	unsigned int old = atomic_load(most);

	while (n > old && !atomic_compare_exchange_weak(most, &old, n))
		;
}

static void sleep_until_released(struct shared *s)
{
	struct timespec t = { .tv_nsec = 50000000 };

	while (!atomic_load(&s->released))
		syscall(SYS_futex, &s->released, FUTEX_WAIT, 0, &t, NULL, 0);
}

static int answer(struct shared *s, unsigned int id)
{
	struct fact *f = &s->facts[id];
	unsigned int try = atomic_fetch_add(&f->n_tries, 1);
	uint64_t start = now_ms();

	raise_to(&s->most_running, atomic_fetch_add(&s->running, 1) + 1);
	if (try == 0)
		atomic_store(&f->begun, atomic_fetch_add(&s->order, 1) + 1);
	if (f->us)
		usleep(f->us);
	if (f->forever)
		sleep_until_released(s);
	raise_to(&s->longest_ms, (unsigned int)(now_ms() - start));
	atomic_fetch_sub(&s->running, 1);
	atomic_store(&f->ended, atomic_fetch_add(&s->order, 1) + 1);
	return try == 0 && f->first ? f->first : f->ret;
}

static int sim_finit_module(void *data, int fd, const char *module_params, unsigned int flags)
{
	return answer(data, (unsigned int)fake_number(module_params, "id=", 0));
}

static int sim_init_module(void *data, const void *image, size_t size, const char *module_params)
{
	return answer(data, (unsigned int)fake_number(module_params, "id=", 0));
}

static enum initstate sim_initstate(void *data, const struct rootfs *root, const char *name)
{
	struct fact *f = &((struct shared *)data)->facts[strtoul(name + 1, NULL, 10)];

	if (f->live)
		return INITSTATE_LIVE;
	return f->first == -EBUSY && atomic_fetch_add(&f->n_states, 1) < 2 ? INITSTATE_COMING
									   : INITSTATE_ABSENT;
}

/* The loader's process asks for the kernel's compression before anything else. */
static int sim_read(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	atomic_store(&((struct shared *)data)->loader, getpid());
	return -ENOENT;
}

static bool sim_capable(void *data)
{
	return true;
}

static int sim_run_command(void *data, const struct rootfs *root, const struct kernel_command *command,
			   struct kernel_output *output)
{
	*output = (struct kernel_output){
		.status = answer(data, (unsigned int)fake_number(command->command, "id=", 0)) ? 3 : 0,
	};
	return 0;
}

static void sim_sleep(void *data, unsigned int ms)
{
}

static const struct kernel_ops sim_ops = {
	.finit_module = sim_finit_module,
	.init_module = sim_init_module,
	.delete_module = fake_delete_module,
	.initstate = sim_initstate,
	.read = sim_read,
	.capable = sim_capable,
	.run_command = sim_run_command,
	.sleep = sim_sleep,
};

/* What a round is made of. */

static int random_answer(struct fact *f)
{
	static const int errors[] = { ENOMEM, ECANCELED, ENOENT, EINVAL, EPERM, EEXIST,
				      EINTR,  EAGAIN,	 EPIPE,	 ENXIO,	 EIO,	ENOEXEC };
	uint32_t r = roll(30);

	f->live = r == 0;
	if (r == 0)
		return -EEXIST;
	if (r == 1)
		return -ENODEV;
	return r < 5 ? -errors[roll(ARRAY_SIZE(errors))] : 0;
}

static void choose_fact(struct world *w, struct fact *f, enum step_kind kind)
{
	*f = (struct fact){};
	if (kind == STEP_ABSENT || (kind == STEP_MODULE && roll(50) == 0)) {
		f->no_file = true;
		return;
	}
	f->ret = random_answer(f);
	f->us = roll(4) ? 0 : roll(2000);
	f->forever = w->any_forever && roll(25) == 0;
	if (kind == STEP_MODULE && !f->live && roll(30) == 0)
		f->first = roll(2) ? -ETXTBSY : -EBUSY;
}

static enum load_outcome outcome_of(const struct fact *f, enum step_kind kind)
{
	if (f->no_file)
		return LOAD_FAILED;
	if (kind == STEP_MODULE && f->live)
		return LOAD_ALREADY;
	if (kind == STEP_MODULE && f->ret == -ENODEV)
		return LOAD_DECLINED;
	return f->ret ? LOAD_FAILED : LOAD_DONE;
}

static void choose_edges(struct world *w, uint32_t id)
{
	uint32_t n = id ? roll(4) : 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t back = 1 + roll(id < 40 ? id : 40);

		build_edge(&w->b, id - back, roll(2) ? EDGE_HARD : (enum edge_kind)roll(3));
	}
}

static void choose_step(struct world *w)
{
	uint32_t id = (uint32_t)w->b.steps.n, kind = roll(12);
	struct fact *f = &w->s->facts[id];
	struct step step = { .kind = kind < 10	  ? STEP_MODULE
				     : kind == 10 ? STEP_COMMAND
						  : STEP_ABSENT,
			     .name = params("m%u", id),
			     .params = params("id=%u", id),
			     .priority = roll(3) ? roll(4) : STEP_URGENT + roll(2),
			     .patient = roll(10) < 2,
			     .last = roll(10) == 0,
			     .alone = w->any_alone && roll(8) == 0,
			     .post_only = roll(6) == 0 };

	choose_fact(w, f, step.kind);
	if (step.kind == STEP_MODULE && f->no_file)
		step.path = "none.ko";
	if (step.kind == STEP_COMMAND) {
		step.command = step.params;
		step.origin = "a.conf:1";
	}
	build_step(&w->b, step);
	choose_edges(w, id);
}

/* model() knows two outcomes that let others go on and one that does not. */
static void add_expected(struct world *w, uint32_t id)
{
	const struct step *step = &w->b.steps.items[id];
	enum load_outcome by_itself = outcome_of(&w->s->facts[id], step->kind), o;

	o = model(&w->b, step, 0);
	if (o == LOAD_DONE)
		o = by_itself;
	assert_int_equal(array_push(&w->b.expected, o), 0);
}

static void choose_plans(struct world *w)
{
	w->n_plans = 1 + roll(MOST_PLANS);
	for (unsigned int p = 0; p < w->n_plans; p++) {
		uint32_t n = roll(4) ? 1 + roll(12) : 1 + roll(MOST_STEPS / MOST_PLANS - 1);

		for (uint32_t i = 0; i < n; i++)
			choose_step(w);
		w->plan_ends[p] = (uint32_t)w->b.steps.n;
	}
	for (uint32_t id = 0; id < w->b.steps.n; id++)
		add_expected(w, id);
}

static void choose_round(struct world *w)
{
	uint32_t death = roll(4);

	w->any_forever = roll(8) == 0;
	/* One that never returns would take half a minute. */
	w->any_alone = !w->any_forever && roll(3) == 0;
	w->jobs = roll(3) ? 1 + roll(8) : 0;
	w->report = roll(10) != 0;
	w->old_report = roll(4) == 0;
	w->busy_front = roll(3) != 0;
	w->ending = (enum ending)roll(N_ENDINGS);
	if (death == 0)
		w->kill_front_us = 1 + roll(6000);
	else if (death == 1)
		w->kill_loader_us = 1 + roll(roll(2) ? 300 : 3000);
	choose_plans(w);
}

/* Two hundred modules in a few plans; the front exits at once. */
static void choose_exit(struct world *w)
{
	enum { MODULES = 200 };

	w->jobs = roll(3);
	w->report = true;
	w->ending = END_EXIT;
	w->n_plans = 2 + roll(MOST_PLANS - 1);
	for (uint32_t id = 0; id < MODULES; id++) {
		build_step(&w->b, (struct step){ .name = params("m%u", id), .params = params("id=%u", id) });
		w->s->facts[id].us = roll(20) ? 0 : roll(300);
		add_expected(w, id);
	}
	for (unsigned int p = 0; p < w->n_plans; p++)
		w->plan_ends[p] = MODULES * (p + 1) / w->n_plans;
}

/* The front, in a process of its own. */

static bool lacks_results(const struct world *w)
{
	for (uint32_t id = 0; id < w->s->n_sent; id++)
		if (!atomic_load(&w->s->facts[id].n_results))
			return true;
	return false;
}

static void keep_result(struct shared *s, const struct load_result *r)
{
	struct fact *f = &s->facts[r->step];

	atomic_fetch_add(&f->n_results, 1);
	atomic_store(&f->outcome, r->outcome);
}

/* Reads until n more results have come, or none for so long; 1, 0 or -errno. */
static int read_results(struct world *w, struct loader *l, unsigned int n, int timeout_ms)
{
	struct load_result result;
	int r = 1;

	while (n && r > 0) {
		struct pollfd fd = { .fd = loader_fd(l), .events = POLLIN };

		r = loader_next(l, &result);
		if (r > 0) {
			keep_result(w->s, &result);
			n--;
			if (!w->finishing && roll(20) == 0)
				r = loader_annotate(l, result.step, "a remark") ?: 1;
		} else if (r == 0) {
			r = poll(&fd, 1, timeout_ms);
		}
	}
	return r;
}

static int do_something(struct world *w, struct loader *l)
{
	int r;

	switch (roll(8)) {
	case 0:
		return loader_report_head(l, "{\"head\":1", 9);
	case 1:
		r = loader_leave(l);
		return r < 0 ? r : 0;
	case 2:
		if (roll(8))
			return 0;
		r = loader_cancel(l);
		if (r == 0 && !atomic_load(&w->s->cancelled))
			atomic_store(&w->s->cancelled, atomic_load(&w->s->n_sent) + 1);
		return r;
	case 3:
		usleep(roll(3000));
		return 0;
	case 4:
		return loader_await(l, roll(2));
	default:
		r = read_results(w, l, roll(30), (int)roll(4));
		return r < 0 ? r : 0;
	}
}

static int send_plans(struct world *w, struct loader *l)
{
	int r = 0;

	for (unsigned int p = 0; p < w->n_plans && r == 0; p++) {
		uint32_t first = p ? w->plan_ends[p - 1] : 0;
		struct plan plan = { w->b.steps.items + first, w->plan_ends[p] - first, w->b.edges.items,
				     w->b.edges.n };

		atomic_store(&w->s->n_begun, w->plan_ends[p]);
		r = loader_submit(l, &plan);
		if (r == 0)
			atomic_store(&w->s->n_sent, w->plan_ends[p]);
		while (r == 0 && w->busy_front && roll(3))
			r = do_something(w, l);
	}
	return r;
}

static int finish(struct world *w, struct loader *l)
{
	int r = 0;

	w->finishing = true;
	if (w->ending == END_READ_THEN_FINISH)
		while (r >= 0 && lacks_results(w))
			r = read_results(w, l, 1, -1);
	if (w->ending == END_FINISH_LATER) {
		r = loader_finish_later(l);
		while (r >= 0 && lacks_results(w))
			r = read_results(w, l, 1, -1);
	}
	if (r >= 0)
		r = loader_finish(l);
	while (r == 0 && lacks_results(w))
		r = read_results(w, l, 1, 0) < 0 ? -EPIPE : 0;
	if (r == 0)
		atomic_store(&w->s->read_all, true);
	return r < 0 ? r : 0;
}

static int run_front(struct world *w)
{
	struct loader_options options = { .root = w->root.path,
					  .rootfd = w->root.fd,
					  .jobs = w->jobs,
					  .ops = &sim_ops,
					  .ops_data = w->s };
	_cleanup_free_ char *path = params("%s/report", w->dir);
	struct loader *l;
	int r = loader_start(&l, &options);

	if (r == 0 && w->report)
		r = loader_report_open(l, path);
	if (r == 0)
		r = send_plans(w, l);
	if (r == 0 && w->ending == END_EXEC)
		execl("/bin/true", "true", (char *)NULL);
	if (r == 0 && w->ending == END_FREE) {
		loader_free(l);
		usleep(roll(3000));
	}
	if (r == 0 && w->ending >= END_FINISH)
		r = finish(w, l);
	return r;
}

/* The process that watches and kills. */

static bool needs_forever(const struct world *w, uint32_t id, const bool *stuck)
{
	const struct step *s = &w->b.steps.items[id];
	bool yes = w->s->facts[id].forever && w->b.expected.items[id] != LOAD_SKIPPED;

	for (uint32_t e = 0; e < s->n_edges; e++)
		yes |= stuck[w->b.edges.items[s->edge_first + e].on];
	return yes;
}

static bool is_tried(const struct world *w, uint32_t id)
{
	return w->b.expected.items[id] != LOAD_SKIPPED && !w->s->facts[id].no_file;
}

/* Everything that was sent and does not wait for what never returns has ended. */
static bool all_free_have_ended(const struct world *w)
{
	bool stuck[MOST_STEPS] = {}, ended = true;
	unsigned int n = atomic_load(&w->s->n_sent);

	for (uint32_t id = 0; id < n; id++) {
		stuck[id] = needs_forever(w, id, stuck);
		ended &= stuck[id] || !is_tried(w, id) || atomic_load(&w->s->facts[id].ended);
	}
	return ended;
}

struct watch {
	uint64_t deadline;
	pid_t front;
	bool front_ended, all_ended;
};

/* Notes which processes have ended. */
static void reap(struct world *w, struct watch *watch)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

		if (pid == watch->front) {
			watch->front_ended = true;
			w->front_was_killed = killed;
			require(w, killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
		} else if (pid == atomic_load(&w->s->loader)) {
			w->loader_was_killed = killed;
			require(w,
				killed ? w->kill_loader_us : WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
	}
	watch->all_ended = pid < 0 && errno == ECHILD;
}

static void kill_somebody(struct world *w, struct watch *watch)
{
	/* Most rounds are over in a few milliseconds. */
	while (w->kill_loader_us && !atomic_load(&w->s->loader) && now_ms() < watch->deadline)
		usleep(50);
	usleep(w->kill_front_us + w->kill_loader_us);
	if (w->kill_front_us)
		kill(watch->front, SIGKILL);
	if (w->kill_loader_us && atomic_load(&w->s->loader) > 0)
		kill(atomic_load(&w->s->loader), SIGKILL);
}

static void watch_round(struct world *w, pid_t front)
{
	struct watch watch = { .deadline = now_ms() + DEADLINE_MS, .front = front };
	uint32_t n_steps = (uint32_t)w->b.steps.n;

	if (w->kill_front_us || w->kill_loader_us)
		kill_somebody(w, &watch);
	while (!watch.all_ended) {
		reap(w, &watch);
		if (w->loader_was_killed || atomic_load(&w->s->cancelled) ||
		    ((watch.front_ended || atomic_load(&w->s->n_sent) == n_steps) &&
		     all_free_have_ended(w))) {
			atomic_store(&w->s->released, 1);
			syscall(SYS_futex, &w->s->released, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
		}
		require(w, now_ms() < watch.deadline);
		usleep(500);
	}
}

/* What must have come of it. */

static const char *const outcome_words[] = {
	[LOAD_DONE] = "loaded",	  [LOAD_ALREADY] = "already", [LOAD_DECLINED] = "declined",
	[LOAD_FAILED] = "failed", [LOAD_SKIPPED] = "skipped", [LOAD_SKIPPED + 1] = "pending",
};

static uint32_t outcome_by_word(const char *word, size_t n)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(outcome_words); i++)
		if (strlen(outcome_words[i]) == n && !memcmp(outcome_words[i], word, n))
			return i;
	return UINT32_MAX;
}

/* The outcomes in a report, by step; how many, or -1 when there is no report but what there was before. */
static int read_report(struct world *w, uint32_t *outcomes)
{
	static const char tail[] = "}}\n";
	_cleanup_file_ struct file_bytes file = {};
	int n = 0;

	if (rootfs_read(&w->root, "report", 1 << 24, &file) < 0)
		return -1;
	if (w->old_report && !strcmp(file.data, "old"))
		return -1;
	require(w, file.size > 3 && !strcmp(file.data + file.size - 3, tail));
	for (const char *p = file.data; (p = strstr(p, "\n{\"module\":\"m")); n++) {
		char *end;
		const char *word;

		p += strlen("\n{\"module\":\"m");
		require(w, strtoul(p, &end, 10) == (unsigned long)n && n < (int)MOST_STEPS);
		require(w, !strncmp(end, "\",\"outcome\":\"", 13));
		word = end + 13;
		outcomes[n] = outcome_by_word(word, strcspn(word, "\""));
		require(w, outcomes[n] != UINT32_MAX);
	}
	return n;
}

/* No step began before those had ended that it has an edge on. */
static void check_order(struct world *w, uint32_t id)
{
	const struct step *s = &w->b.steps.items[id];
	const struct fact *f = &w->s->facts[id];

	for (uint32_t e = 0; f->begun && e < s->n_edges; e++) {
		const struct fact *on = &w->s->facts[w->b.edges.items[s->edge_first + e].on];

		require(w, !on->begun || (on->ended && on->ended < f->begun));
	}
}

static bool ran_together(const struct fact *a, const struct fact *b)
{
	return a->begun && b->begun && (!a->ended || b->begun < a->ended) &&
		(!b->ended || a->begun < b->ended);
}

/* Nothing ran while a step did that must be alone. */
static void check_alone(struct world *w, uint32_t id)
{
	for (uint32_t i = 0; w->b.steps.items[id].alone && i < w->b.steps.n; i++)
		require(w, i == id || !ran_together(&w->s->facts[i], &w->s->facts[id]));
}

static unsigned int tries_of(const struct fact *f)
{
	return f->no_file ? 0 : f->first ? 2 : 1;
}

/* After loader_cancel() it depends on how far it was; what was sent later is not tried. */
static void check_cancelled(struct world *w, uint32_t id, uint32_t outcome)
{
	const struct fact *f = &w->s->facts[id];

	require(w, id + 1 < w->s->cancelled || f->n_tries == 0);
	if (outcome != UINT32_MAX)
		require(w, outcome == LOAD_SKIPPED ? f->n_tries == 0 : outcome == w->b.expected.items[id]);
}

static void check_step_of(struct world *w, uint32_t id, uint32_t reported)
{
	const struct fact *f = &w->s->facts[id];
	uint32_t expected = w->b.expected.items[id];

	require(w, f->n_results <= 1 && (!w->s->read_all || f->n_results == 1));
	require(w, !f->n_results || reported == UINT32_MAX || reported == f->outcome);
	if (w->s->cancelled) {
		check_cancelled(w, id,
				reported != UINT32_MAX ? reported
					: f->n_results ? f->outcome
						       : UINT32_MAX);
		return;
	}
	require(w, f->n_tries == (expected == LOAD_SKIPPED ? 0 : tries_of(f)));
	require(w, !f->n_results || f->outcome == expected);
	require(w, reported == UINT32_MAX || reported == expected);
}

static size_t count_files(const struct world *w)
{
	DIR *d = opendir(w->dir);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* The loader's process was killed: what there is must be right, nothing need be there. */
static void check_killed(struct world *w, int n_reported)
{
	for (uint32_t id = 0; id < w->b.steps.n; id++) {
		const struct fact *f = &w->s->facts[id];

		check_order(w, id);
		check_alone(w, id);
		require(w, f->n_tries <= tries_of(f) && f->n_results <= 1);
		require(w, w->s->cancelled || !f->n_results || f->outcome == w->b.expected.items[id]);
	}
	require(w,
		n_reported < 0 || (unsigned int)n_reported == w->s->n_sent ||
			(unsigned int)n_reported == w->s->n_begun);
}

static void check_round(struct world *w)
{
	uint32_t reported[MOST_STEPS], n = w->s->n_sent;
	int n_reported = read_report(w, reported);

	if (w->loader_was_killed) {
		check_killed(w, n_reported);
		return;
	}
	/* A front that was killed before it said where cannot have a report. */
	require(w, !w->report || n_reported >= 0 || w->kill_front_us);
	require(w, w->s->front_error == 0 || w->front_was_killed);
	if (w->front_was_killed && n_reported >= 0 && (uint32_t)n_reported == w->s->n_begun)
		n = w->s->n_begun;
	require(w, n_reported < 0 || (uint32_t)n_reported == n);
	for (uint32_t id = 0; id < w->b.steps.n; id++) {
		check_order(w, id);
		check_alone(w, id);
		if (id < n)
			check_step_of(w, id, n_reported < 0 ? UINT32_MAX : reported[id]);
		else if (n_reported >= 0 || n == w->s->n_begun)
			require(w, w->s->facts[id].n_tries == 0);
	}
	if (w->jobs && !w->any_forever && w->s->longest_ms < SERIAL_MS)
		require(w, w->s->most_running <= w->jobs);
	/* m.ko and the report: no temporary file is left. */
	require(w, count_files(w) <= 1U + (n_reported >= 0 || w->old_report));
}

static void play(struct world *w)
{
	pid_t pid;

	if (w->old_report)
		fake_file(w->dir, "report", "old", 3);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int r = prctl(PR_SET_PDEATHSIG, SIGKILL) ?: run_front(w);

		atomic_store(&w->s->front_error, r);
		_exit(0);
	}
	watch_round(w, pid);
	check_round(w);
}

static void free_plans(struct world *w)
{
	for (size_t i = 0; i < w->b.steps.n; i++)
		free((void *)(uintptr_t)w->b.steps.items[i].name);
	build_free(&w->b);
}

static void run_rounds(unsigned int n, void (*choose)(struct world *w))
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int n_steps = 0, n_fronts = 0, n_loaders = 0;

	assert_true(s != MAP_FAILED);
	for (unsigned int round = 0; round < n; round++) {
		struct world w = { .s = s, .round = round };

		memset(s, 0, sizeof(*s));
		start_dice(round);
		fake_root(w.dir, &w.root);
		choose(&w);
		play(&w);
		n_steps += s->n_sent;
		n_fronts += w.front_was_killed;
		n_loaders += w.loader_was_killed;
		free_plans(&w);
		fake_root_remove(w.dir, &w.root);
	}
	print_message("%u rounds, %u steps; %u fronts and %u loading processes killed\n", n, n_steps,
		      n_fronts, n_loaders);
	munmap(s, sizeof(*s));
}

static void what_loader_h_promises_holds_whoever_dies(void **state)
{
	run_rounds(rounds, choose_round);
}

static void a_front_that_exits_at_once_loses_no_module(void **state)
{
	run_rounds(exits, choose_exit);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_loader_h_promises_holds_whoever_dies),
		cmocka_unit_test(a_front_that_exits_at_once_loses_no_module),
	};
	const char *chosen = getenv("COLDPLUG_SEED");

	if (chosen)
		seed = (unsigned int)strtoul(chosen, NULL, 10);
	if (argc > 1)
		rounds = exits = (unsigned int)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		exits = (unsigned int)strtoul(argv[2], NULL, 10);
	/* The loading processes must become ours when their fronts have died. An emulator of user space has
	 * no such call. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		fprintf(stderr, "orphans cannot be collected here: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
