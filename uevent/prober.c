/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some reads can take for ever. Since 2024 (uevent_show() in drivers/base/core.c, "Synchronize with
 * really_probe()", also in stable kernels such as 6.1.98; a revert was proposed in 2025) reading a device's
 * "uevent" takes the device's lock, which is held for as long as a probe takes, or, for a hub, for as long
 * as its port is busy. A disk that does not answer blocks a process that looks for a file system on it
 * until the command times out, half a minute or more. Such a read cannot be interrupted, not even by
 * SIGKILL. A process that must not block leaves it to another one.
 *
 * A prober has a list of questions. A child, forked with the list, answers one after the other and writes
 * each answer to its socket; a page that both processes share says how far it has come. Most questions have
 * no answer that is worth sending, so this costs a fork, and a store for each question. When a timer finds
 * the child at the same question twice, the child is stuck: the rest of the list goes to another child, and
 * the stuck one ends as soon as it has its answer, which still counts. After PROBE_GIVE_UP_MS the question is
 * logged and no longer waited for.
 *
 * Both sides change the number in the page by compare-and-swap: the child from its question to the next,
 * the parent from it to STOPPED. One of them wins, so no question is answered twice and none is skipped.
 *
 * A child ends with its list and closes its end of the socket; the parent forks another one for the
 * questions that were added meanwhile. A child that ends in the middle of its list has crashed, and the
 * question it was at is lost.
 *
 * Refused: threads (a process with a thread in such a read cannot exit); a process for each question (there
 * are thousands); a process that is sent its questions (a system call for each on both sides, and a second
 * protocol to take them back); the loading process (it is not to know of devices).
 */
#include "uevent/prober.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/detach.h"

#define STOPPED UINT32_MAX
#define NONE UINT32_MAX
#define MAX_ERRNO 4096 /* the kernel's are below */

/* In place of a question: the child could not be confined, and answers none. */
#define UNCONFINED UINT32_MAX

/* The page that both processes see. */
struct shared {
	_Atomic uint32_t at; /* the question under way; the list's length: none; STOPPED */
};

struct probe_child {
	int fd; /* -1: the child has ended */
	struct intern list;
	struct shared *shared;
	uint32_t seen;	   /* at, when the timer last looked */
	uint32_t stuck;	   /* the question it cannot get past, or NONE */
	uint64_t stuck_ms; /* since when */
	uint32_t next;	   /* the question after the last one that was answered */
	bool given_up;
	bool answered; /* the question it was stuck at */
	bool again;    /* that question was added again meanwhile */
};

/* An answer on the wire: one datagram each. */
struct message {
	uint32_t question;
	int32_t error;
	char data[PROBE_MAX_ANSWER];
};

#define HEAD offsetof(struct message, data)

/* ---- the child's side ---- */

struct task {
	const struct prober *prober;
	const struct intern *list;
	struct shared *shared;
	int sock;
};

/* False: the parent has closed its end. */
static bool send_answer(const struct task *t, struct message *m, ssize_t n)
{
	size_t size = HEAD + (n > 0 ? (size_t)n : 0);
	ssize_t sent;

	m->error = n < 0 ? (int32_t)n : 0;
	do
		sent = send(t->sock, m, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

static int answer_all(void *userdata)
{
	struct task *t = userdata;
	struct rootfs root = *t->prober->root;
	int *fds[2 + ROOTFS_PINS] = { &t->sock, &root.fd };
	static struct message m;
	int r;

	for (unsigned int i = 0; i < root.n_pins; i++)
		fds[2 + i] = &root.pins[i].fd;
	if (detach_settle("coldplug-prober", fds, 2 + root.n_pins) < 0)
		return 1;
	/* The process that it starts for a disk is not to say how far this one has come. */
	(void)madvise(t->shared, sizeof(*t->shared), MADV_DONTFORK);
	r = confine_to_reading();
	if (r < 0) {
		m.question = UNCONFINED;
		return !send_answer(t, &m, r);
	}
	for (uint32_t i = 0; i < t->list->n; i++) {
		ssize_t n = t->prober->fn(&root, intern_string(t->list, i), m.data, sizeof(m.data));
		uint32_t at = i;

		if (n == PROBE_LOST)
			return 1;
		m.question = i;
		if (n && !send_answer(t, &m, n))
			break;
		if (!atomic_compare_exchange_strong(&t->shared->at, &at, i + 1))
			break;
	}
	return 0;
}

/* ---- the parent's ---- */

void prober_init(struct prober *p, probe_fn *fn, const struct rootfs *root, struct log *log)
{
	*p = (struct prober){ .fn = fn, .root = root, .log = log, .poller = POLLER_NONE };
	p->slow_ms = PROBE_SLOW_MS;
	p->give_up_ms = PROBE_GIVE_UP_MS;
	p->max_children = PROBE_MAX_CHILDREN;
}

static struct probe_child *free_child(struct probe_child *c)
{
	if (c->shared) {
		atomic_store(&c->shared->at, STOPPED);
		munmap(c->shared, sizeof(*c->shared));
	}
	if (c->fd >= 0)
		close(c->fd);
	intern_free(&c->list);
	free(c);
	return NULL;
}

void prober_free(struct prober *p)
{
	for (size_t i = 0; i < p->children.n; i++)
		free_child(p->children.items[i]);
	array_free(&p->children);
	intern_free(&p->waiting);
	intern_free(&p->lost);
	poller_close(&p->poller);
	free(p->buf);
	prober_init(p, p->fn, p->root, p->log);
}

int prober_fd(struct prober *p)
{
	int r;

	p->buf = p->buf ? p->buf : malloc(sizeof(struct message) + 1);
	if (!p->buf)
		return -ENOMEM;
	r = poller_open(&p->poller);
	return r < 0 ? r : p->poller.epoll_fd;
}

/* The timer only runs while answers are expected. */
static void set_timer(struct prober *p)
{
	poller_set_period(&p->poller, prober_busy(p) ? p->slow_ms * UINT64_C(1000) : 0);
}

static struct probe_child *working(const struct prober *p)
{
	struct probe_child *last = p->children.n ? p->children.items[p->children.n - 1] : NULL;

	return last && last->fd >= 0 && last->stuck == NONE ? last : NULL;
}

bool prober_busy(const struct prober *p)
{
	if (p->waiting.n || p->n_lost_reported < p->lost.n)
		return true;
	for (size_t i = 0; i < p->children.n; i++)
		if (!p->children.items[i]->given_up)
			return true;
	return false;
}

bool prober_works(const struct prober *p)
{
	if (p->waiting.n || p->n_lost_reported < p->lost.n)
		return true;
	for (size_t i = 0; i < p->children.n; i++)
		if (p->children.items[i]->fd >= 0 && p->children.items[i]->stuck == NONE)
			return true;
	return false;
}

/* The child that is stuck at a question, or NULL. */
static struct probe_child *stuck_at(const struct prober *p, const char *question)
{
	for (size_t i = 0; i < p->children.n; i++) {
		struct probe_child *c = p->children.items[i];

		if (c->fd >= 0 && c->stuck != NONE && !c->answered &&
		    !strcmp(intern_string(&c->list, c->stuck), question))
			return c;
	}
	return NULL;
}

int prober_add(struct prober *p, const char *question)
{
	size_t n = strlen(question);
	struct probe_child *c = stuck_at(p, question);
	uint32_t id;

	if (c) {
		c->again = true;
		return 0;
	}
	c = working(p);
	id = c ? intern_find(&c->list, question, n) : INTERN_NONE;
	/* A question that is not begun yet will see things as they are now. */
	if (id != INTERN_NONE && id > atomic_load(&c->shared->at))
		return 0;
	return intern_add(&p->waiting, question, n) == INTERN_NONE ? -ENOMEM : 0;
}

static int fork_child(struct prober *p, struct probe_child *c)
{
	_cleanup_close_ int theirs = -1;
	int ends[2], r;

	c->shared = mmap(NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->shared == MAP_FAILED) {
		c->shared = NULL;
		return -errno;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	c->fd = ends[0];
	theirs = ends[1];
	r = detach_lift(&c->fd);
	if (!r)
		r = detach_fork(answer_all, &(struct task){ p, &p->waiting, c->shared, theirs });
	return r ?: poller_watch(&p->poller, c->fd);
}

static void tell_if_unfiltered(struct prober *p)
{
	if (!p->told_unfiltered && !confine_has_filter())
		log_debug(p->log,
			  "this kernel does not filter system calls (CONFIG_SECCOMP_FILTER): "
			  "what reads devices is confined less");
	p->told_unfiltered = true;
}

/* One that has answered ends by itself, though its end may not have been seen yet. */
static size_t n_stuck(const struct prober *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->children.n; i++)
		n += p->children.items[i]->stuck != NONE && !p->children.items[i]->answered;
	return n;
}

/* No child can be had: each question is answered with an error. */
static void lose_waiting(struct prober *p, const char *why)
{
	const char *first = probe_name(intern_string(&p->waiting, 0));

	if (p->waiting.n > 1)
		log_lost(p->log, "%s and %u more: cannot be probed: %s", first, p->waiting.n - 1, why);
	else
		log_lost(p->log, "%s: cannot be probed: %s", first, why);
	intern_free(&p->lost);
	p->lost = p->waiting;
	p->n_lost_reported = 0;
	p->waiting = (struct intern){};
}

int prober_go(struct prober *p)
{
	struct probe_child *c;
	int r;

	if (!p->waiting.n || working(p) || p->n_lost_reported < p->lost.n)
		return 0;
	if (n_stuck(p) >= p->max_children) {
		lose_waiting(p, "too many devices do not answer");
		return 0;
	}
	r = prober_fd(p);
	if (r < 0 && r != -ENOMEM) {
		lose_waiting(p, strerror(-r));
		return 0;
	}
	c = r < 0 ? NULL : calloc(1, sizeof(*c));
	if (!c || array_push(&p->children, c) < 0) {
		free(c);
		return r < 0 ? r : -ENOMEM;
	}
	c->fd = -1;
	c->seen = c->stuck = NONE;
	r = fork_child(p, c);
	if (r < 0) {
		p->children.n--;
		free_child(c);
		lose_waiting(p, strerror(-r));
		return 0;
	}
	c->list = p->waiting;
	p->waiting = (struct intern){};
	tell_if_unfiltered(p);
	set_timer(p);
	return 0;
}

/* Puts a child's questions from a place on in front of those that wait, except those that a child is stuck
 * at. */
static int take_back(struct prober *p, const struct probe_child *c, uint32_t from)
{
	struct intern waiting = p->waiting;
	int r = 0;

	p->waiting = (struct intern){};
	for (uint32_t i = from; !r && i < c->list.n; i++)
		r = prober_add(p, intern_string(&c->list, i));
	for (uint32_t i = 0; !r && i < waiting.n; i++)
		r = prober_add(p, intern_string(&waiting, i));
	intern_free(&waiting);
	return r;
}

/* At each tick of the timer. */
static int check_progress(struct prober *p)
{
	struct probe_child *c = working(p);
	uint32_t at = c ? atomic_load(&c->shared->at) : 0;
	uint32_t stuck = at;

	if (!c || at >= c->list.n)
		return 0;
	if (at != c->seen) {
		c->seen = at;
		return 0;
	}
	if (!atomic_compare_exchange_strong(&c->shared->at, &at, STOPPED))
		return 0;
	c->stuck = stuck;
	c->stuck_ms = clock_now_ms() - p->slow_ms;
	return take_back(p, c, stuck + 1) ?: prober_go(p);
}

/* A child has closed its end. Its list is kept until the next call: the answer may point into it. 1 when
 * there is one to give: its question is lost. */
static int end_child(struct prober *p, struct probe_child *c, struct probe_answer *ret)
{
	uint32_t at = c->stuck != NONE ? c->stuck : atomic_load(&c->shared->at);
	bool lost = at < c->list.n && !(c->stuck != NONE);
	const char *question = at < c->list.n ? intern_string(&c->list, at) : NULL;
	int r = 0;

	close(c->fd);
	c->fd = -1;
	if (lost) {
		log_lost(p->log, "%s: the process that probed it has died", probe_name(question));
		r = take_back(p, c, at + 1);
	} else if (c->again) {
		r = prober_add(p, question);
	}
	if (r < 0)
		return r;
	if (!lost && (c->stuck == NONE || c->answered))
		return 0;
	*ret = (struct probe_answer){ .question = question, .error = PROBE_LOST };
	return 1;
}

/* An answer was there and is lost: which one is not known. What was not answered yet is asked again, except
 * the first of these, so that this ends. */
static int lose_answer(struct prober *p, struct probe_child *c, int error, struct probe_answer *ret)
{
	uint32_t at = c->stuck != NONE ? c->stuck : c->next;
	int r = 0;

	close(c->fd);
	c->fd = -1;
	if (at >= c->list.n)
		return 0;
	*ret = (struct probe_answer){ .question = intern_string(&c->list, at), .error = PROBE_LOST };
	log_lost(p->log, "%s: its answer cannot be received: %s", probe_name(ret->question), strerror(error));
	/* After a child is stuck the rest of its list is another's. */
	if (c->stuck == NONE) {
		atomic_store(&c->shared->at, STOPPED);
		r = take_back(p, c, at + 1);
	}
	return r < 0 ? r : 1;
}

static bool is_error(int error)
{
	return (error < 0 && error > -MAX_ERRNO) || confine_is_error(error);
}

/* Questions are answered in their order. */
static bool is_answer(const struct probe_child *c, const struct message *m, size_t n)
{
	return n >= HEAD && m->question < c->list.n && m->question >= c->next && m->question <= c->stuck &&
		(!m->error || (n == HEAD && is_error(m->error)));
}

static bool is_unconfined(const struct probe_child *c, const struct message *m, size_t n)
{
	return n == HEAD && m->question == UNCONFINED && confine_is_error(m->error) && c->next == 0;
}

/* The child could not be confined, and the next one could not either: each of the questions is answered with
 * an error. If it was taken for stuck, another child has all questions but that one. */
static int lose_unconfined(struct prober *p, struct probe_child *c, int error, struct probe_answer *ret)
{
	char why[128];
	int r;

	confine_strerror(error, why);
	close(c->fd);
	c->fd = -1;
	if (c->stuck != NONE) {
		*ret = (struct probe_answer){ .question = intern_string(&c->list, c->stuck),
					      .error = PROBE_LOST };
		log_lost(p->log, "%s: cannot be probed: %s", probe_name(ret->question), why);
		return 1;
	}
	r = take_back(p, c, 0);
	if (!r)
		lose_waiting(p, why);
	return r;
}

/* What the taker is told of an answer's error. */
static int take_error(struct prober *p, const char *question, int error)
{
	char why[128];

	if (!confine_is_error(error))
		return error;
	log_lost(p->log, "%s: cannot be probed: %s", probe_name(question), confine_strerror(error, why));
	return PROBE_LOST;
}

/* One message of a child: 1 and *ret, 0 none, or -errno. */
static int receive(struct prober *p, struct probe_child *c, struct probe_answer *ret)
{
	struct message *m = (struct message *)p->buf;
	const char *question;
	ssize_t n;

	if (c->fd < 0)
		return 0;
	do
		n = recv(c->fd, m, sizeof(*m), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : lose_answer(p, c, errno, ret);
	if (!n)
		return end_child(p, c, ret);
	if (is_unconfined(c, m, (size_t)n))
		return lose_unconfined(p, c, m->error, ret);
	if (!is_answer(c, m, (size_t)n))
		return lose_answer(p, c, EBADMSG, ret);
	p->buf[n] = '\0';
	c->answered |= m->question == c->stuck;
	c->next = m->question + 1;
	question = intern_string(&c->list, m->question);
	*ret = (struct probe_answer){ .question = question,
				      .error = take_error(p, question, m->error),
				      .data = m->data,
				      .size = (size_t)n - HEAD };
	return 1;
}

static bool give_up(struct prober *p, struct probe_child *c, struct probe_answer *ret)
{
	if (c->fd < 0 || c->stuck == NONE || c->given_up || clock_now_ms() < c->stuck_ms + p->give_up_ms)
		return false;
	c->given_up = true;
	*ret = (struct probe_answer){ .question = intern_string(&c->list, c->stuck), .error = -ETIMEDOUT };
	log_lost(p->log, "%s: no answer for %u.%03u s, no longer waited for", probe_name(ret->question),
		 p->give_up_ms / 1000, p->give_up_ms % 1000);
	return true;
}

static void sweep(struct prober *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->children.n; i++) {
		if (p->children.items[i]->fd < 0)
			free_child(p->children.items[i]);
		else
			p->children.items[n++] = p->children.items[i];
	}
	p->children.n = n;
}

static int find_answer(struct prober *p, struct probe_answer *ret)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->children.n; i++)
		r = receive(p, p->children.items[i], ret);
	if (!r && p->n_lost_reported < p->lost.n) {
		*ret = (struct probe_answer){ .question = intern_string(&p->lost, p->n_lost_reported++),
					      .error = PROBE_LOST };
		return 1;
	}
	if (!r && p->poller.period_us && poller_drain(&p->poller))
		r = check_progress(p);
	for (size_t i = 0; !r && i < p->children.n; i++)
		r = give_up(p, p->children.items[i], ret);
	return r;
}

/* Takes one answer without blocking: 1, 0 none is there, or -errno. It is valid until the next call. */
static int take_one(struct prober *p, struct probe_answer *ret)
{
	int r;

	if (!p->children.n && !prober_busy(p))
		return 0;
	sweep(p);
	r = find_answer(p, ret);
	if (!r) {
		sweep(p);
		r = prober_go(p);
		set_timer(p);
	}
	return r;
}

int prober_take(struct prober *p, int (*take)(void *userdata, const struct probe_answer *answer),
		void *userdata)
{
	struct probe_answer answer;
	int r;

	while ((r = take_one(p, &answer)) > 0) {
		r = take(userdata, &answer);
		if (r < 0)
			return r;
	}
	return r;
}

int prober_wait(struct prober *p, int (*take)(void *userdata, const struct probe_answer *answer),
		void *userdata)
{
	struct probe_answer answer;
	int r = prober_go(p);

	while (!r && prober_busy(p)) {
		r = take_one(p, &answer);
		if (r > 0)
			r = take(userdata, &answer);
		else if (!r && prober_busy(p))
			r = poller_wait(&p->poller, -1);
	}
	return r < 0 ? r : 0;
}
