/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine is a child of PID 1. It is a front of the library, as every other caller is: the
 * loading process behind it goes on by itself when it ends. It reports what it finds to PID 1,
 * which decides; the two share a socket of whole messages.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs/explain.h"
#include "programs/filesystem.h"
#include "programs/init/init.h"

/* How long the initramfs is kept at most after PID 1 has gone on. */
#define LEAVE_MS 30000
/* Nothing tells whether a USB hub has still ports to look at, each some 0.2 s. By then nobody waits
 * for the engine. */
#define LINGER_MS 1000

struct server {
	struct coldplug *c;
	const struct init_options *o;
	int fd;
	const char *specs[2]; /* by enum engine_what; NULL: not waited for */
	int places[2];	      /* its number among those that the library waits for */
	bool reported[2];
	bool settled_reported;
	bool ready_reported;
	int n_again;	   /* how often PID 1 has asked to look at all devices again */
	char types[256];   /* the root's, with commas; "": not known yet */
	int initramfs;	   /* to be emptied at the end; -1: PID 1 has not gone on */
	uint64_t leave_by; /* when to end at the latest; 0: PID 1 has not gone on */
	uint64_t quiet_ms; /* since when nothing has happened after that; 0 */
};

static void report(struct server *s, const struct engine_message *m)
{
	/* PID 1 may have closed its end: its last request is still to be read. */
	if (send(s->fd, m, sizeof(*m), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		say(4, "the engine cannot report to PID 1: %s", strerror(errno));
}

/* Has the modules of the root's file system loaded, without waiting for that. */
static void want_types(struct server *s, const char *found)
{
	snprintf(s->types, sizeof(s->types), "%s", s->o->root_fs_types ? s->o->root_fs_types : found);
	filesystem_want(s->c, s->types);
	(void)coldplug_plan(s->c);
	(void)coldplug_load(s->c);
}

static void found(struct server *s, enum engine_what what, const char *node)
{
	struct engine_message m = { .kind = ENGINE_FOUND, .what = what };
	const char *type = coldplug_found_type(s->c, (size_t)s->places[what]);

	snprintf(m.node, sizeof(m.node), "%s", node);
	snprintf(m.type, sizeof(m.type), "%s", type ? type : "");
	s->reported[what] = true;
	if (what == WAIT_ROOT)
		want_types(s, m.type);
	report(s, &m);
}

static void report_news(struct server *s)
{
	bool settled = coldplug_is_settled(s->c);

	for (int what = WAIT_ROOT; what <= WAIT_RESUME; what++) {
		const char *node = s->specs[what] ? coldplug_found(s->c, (size_t)s->places[what]) : NULL;

		if (node && !s->reported[what])
			found(s, (enum engine_what)what, node);
	}
	if (s->reported[WAIT_ROOT] && !s->ready_reported && filesystem_is_tried(s->c, s->types)) {
		s->ready_reported = true;
		report(s, &(struct engine_message){ .kind = ENGINE_READY });
	}
	if (settled && !s->settled_reported)
		report(s, &(struct engine_message){ .kind = ENGINE_SETTLED, .n = s->n_again });
	s->settled_reported = settled;
}

static void say_line(void *userdata, const char *line)
{
	say(3, "  %s", line);
}

/* What is waited for comes last: the rest may be longer than a screen. */
static void explain(struct server *s)
{
	explain_missing(s->c, say_line, NULL);
	for (int what = WAIT_ROOT; what <= WAIT_RESUME; what++)
		if (s->specs[what] && !s->reported[what])
			say(3, "  not there: %s%s", what == WAIT_ROOT ? "root=" : "resume=", s->specs[what]);
	report(s, &(struct engine_message){ .kind = ENGINE_EXPLAINED });
}

static void answer_request(struct server *s, char request)
{
	int n;

	switch (request) {
	case ENGINE_EXPLAIN:
		explain(s);
		break;
	case ENGINE_AGAIN:
		s->n_again++;
		coldplug_begin(s->c);
		s->settled_reported = false;
		break;
	case ENGINE_COMMANDS:
		n = coldplug_leave(s->c);
		report(s, &(struct engine_message){ .kind = ENGINE_COMMANDS_LEFT, .n = n });
		break;
	case ENGINE_LEAVE:
		s->initramfs = initramfs_open();
		s->leave_by = process_now_ms() + LEAVE_MS;
		break;
	default:
		break;
	}
}

static void note_quiet(struct server *s)
{
	if (!s->leave_by || !coldplug_is_settled(s->c))
		s->quiet_ms = 0;
	else if (!s->quiet_ms)
		s->quiet_ms = process_now_ms();
}

/* When to end; 0: not yet known. */
static uint64_t end_of_stay(const struct server *s)
{
	uint64_t quiet_until = s->quiet_ms + LINGER_MS;

	return s->quiet_ms && quiet_until < s->leave_by ? quiet_until : s->leave_by;
}

/* PID 1 runs the real init now. What appears until everything has settled is still loaded from
 * here, so that the real root need not find it again. Then the initramfs is emptied; a load that
 * has not ended by then has its file open. */
static bool has_left(struct server *s)
{
	note_quiet(s);
	if (!s->leave_by || process_now_ms() < end_of_stay(s))
		return false;
	(void)coldplug_leave(s->c);
	initramfs_empty(s->initramfs);
	return true;
}

/* False: PID 1 has closed its end, and nothing is left to be read. When it did so with messages
 * unread, which is usual once it has asked to LEAVE, the first recv(2) fails and the request comes
 * after that. */
static bool receive_request(int fd, char *request)
{
	ssize_t n;

	do
		n = recv(fd, request, 1, 0);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		say(3, "the engine cannot hear PID 1: %s", strerror(errno));
	return n == 1;
}

/* False: PID 1 has closed its end, or there is no waiting. */
static bool wait_for_something(struct server *s, int timeout)
{
	struct pollfd fds[2] = {
		{ .fd = s->leave_by ? -1 : s->fd, .events = POLLIN },
		{ .fd = coldplug_fd(s->c), .events = POLLIN },
	};
	uint64_t now = process_now_ms(), end = end_of_stay(s);
	char request;

	if (end && (timeout < 0 || now + (uint64_t)timeout > end))
		timeout = now < end ? (int)(end - now) : 0;
	if (poll(fds, 2, timeout) < 0 && errno != EINTR) {
		say(3, "the engine cannot wait: %s", strerror(errno));
		return false;
	}
	if (!fds[0].revents)
		return true;
	if (!receive_request(s->fd, &request))
		return false;
	answer_request(s, request);
	return true;
}

static void serve(struct server *s)
{
	int timeout, r;

	do {
		r = coldplug_advance(s->c, &timeout);
		if (r < 0)
			say(3, "the engine cannot go on: %s", strerror(-r));
		if (r < 0)
			return;
		if (!s->leave_by)
			report_news(s);
	} while (!has_left(s) && wait_for_something(s, timeout));
}

/* Successes are in the report. */
static void say_failure(void *userdata, size_t i)
{
	struct server *s = userdata;
	const struct coldplug_step *step = coldplug_step(s->c, i);

	if (step->state == COLDPLUG_FAILED)
		say(4, "%s", step->message[0] ? step->message : step->module);
}

/* A new device means that more may come, also when it needs no module: a hub looks at its ports one
 * by one. "change" does not count, an empty drive sends it without end. */
static void note_event(void *userdata, const struct coldplug_event *event)
{
	struct server *s = userdata;

	if (event->action && !strcmp(event->action, "add"))
		s->quiet_ms = 0;
}

static int wait_for(struct server *s, enum engine_what what, const char *spec, int *n)
{
	int r = spec ? coldplug_wait_for(s->c, spec) : 0;

	if (r == -EOPNOTSUPP)
		say(3, "%s cannot be found: this coldplug is built without libblkid", spec);
	else if (r < 0)
		say(3, "cannot wait for %s: %s", spec, strerror(-r));
	if (!spec || r < 0)
		return r;
	s->specs[what] = spec;
	s->places[what] = (*n)++;
	return 0;
}

static int begin(struct server *s, const char *root, const char *resume)
{
	const char *types = s->o->root_fs_types ? s->o->root_fs_types : s->o->expected_types;
	int n = 0, r = coldplug_new(&s->c);

	if (r < 0)
		return r;
	coldplug_set_log(s->c, say_log, NULL, s->o->debug ? 7 : 6);
	coldplug_set_progress(s->c, say_failure, s);
	coldplug_set_event(s->c, note_event, s);
	/* What is about to be mounted needs the processors. */
	(void)coldplug_set_flag(s->c, COLDPLUG_AWAIT_LEAVE, true);
	mkdir(REPORT_DIR, 0755);
	r = coldplug_set_jobs(s->c, s->o->jobs);
	if (!r)
		r = coldplug_set_report(s->c, REPORT_DIR "/report.json");
	if (r < 0)
		return r;
	/* A failure here is not the end: an executable of init.d may bring the device. */
	(void)wait_for(s, WAIT_ROOT, root, &n);
	(void)wait_for(s, WAIT_RESUME, resume, &n);
	if (types)
		filesystem_expect(s->c, types);
	return coldplug_begin(s->c);
}

struct task {
	const struct init_options *o;
	const char *root, *resume;
};

static void run_engine(int fd, void *userdata)
{
	const struct task *t = userdata;
	struct server s = { .o = t->o, .fd = fd, .initramfs = -1 };
	int r = begin(&s, t->root, t->resume);

	if (r < 0)
		say(3, "the engine cannot start: %s", strerror(-r));
	else
		serve(&s);
	coldplug_free(s.c);
	if (r < 0)
		_exit(1);
}

/* fn runs in the child, at the other end of the socket. */
static int fork_engine(struct engine *e, void (*fn)(int fd, void *userdata), void *userdata)
{
	int ends[2];

	*e = (struct engine){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	e->child.pid = fork();
	if (e->child.pid == 0) {
		close(ends[0]);
		process_reset();
		prctl(PR_SET_NAME, "coldplug-engine");
		fn(ends[1], userdata);
		_exit(0);
	}
	close(ends[1]);
	if (e->child.pid < 0) {
		close(ends[0]);
		return -errno;
	}
	e->fd = ends[0];
	process_watch(&e->child);
	return 0;
}

int engine_start(struct engine *e, const struct init_options *o, const char *root, const char *resume)
{
	return fork_engine(e, run_engine, &(struct task){ o, root, resume });
}

/* Nobody knows whether loads that need the initramfs are still in flight, so it waits before it empties it. */
static void empty_on_request(int fd, void *userdata)
{
	int initramfs;
	char request;

	if (!receive_request(fd, &request) || request != ENGINE_LEAVE)
		return;
	initramfs = initramfs_open();
	poll(NULL, 0, LEAVE_MS);
	initramfs_empty(initramfs);
}

int engine_start_emptier(struct engine *e)
{
	return fork_engine(e, empty_on_request, NULL);
}

int engine_receive(struct engine *e, struct engine_message *m, int timeout_ms)
{
	int r = process_wait_fd(e->fd, timeout_ms);

	if (r <= 0)
		return r;
	return recv(e->fd, m, sizeof(*m), MSG_DONTWAIT) == sizeof(*m) ? 1 : -EPIPE;
}

void engine_ask(struct engine *e, enum engine_request request)
{
	char c = (char)request;

	/* That it has died is found out where its answer is waited for. */
	if (e->fd >= 0 && send(e->fd, &c, 1, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		say(4, "the engine cannot be asked: %s", strerror(errno));
}

void engine_stop(struct engine *e)
{
	process_unwatch(&e->child);
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}
