/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One thread owns the socket and does nothing but wait on it and on the pool's eventfd; the workers do
 * the loading. So the front's writes are always read, however long a load takes.
 *
 * In the other direction nothing may block on a front that reads slowly, is stopped or dead: results are
 * sent without waiting, and those that do not fit stay where they are, in the pool's records, with a cursor.
 * There is no queue to grow.
 *
 * The two directions end separately. A front that exits right after its last plan leaves that plan in the
 * socket, and the first result sent to it fails with EPIPE: this closes the sending side only, and the
 * reading side is drained until the end of file. The other way round, a front that cannot complete a message
 * shuts down its sending side (loader.c) and still gets all results. The front is gone when both ends are
 * closed, by exit, by exec or by force. A malformed message closes both at once: what was received before
 * it is loaded, and the report is written.
 *
 * When memory is short, a message stays in the buffer and is tried again, STARVED_TRIES times.
 *
 * A load that never returns must not delay the report for ever: when nothing else has happened for
 * STALL_MS, a report is written in which the steps without a result are "pending". It is replaced by the
 * full report should that load return.
 */
#include "loader/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/detach.h"
#include "loader/pool.h"
#include "loader/report.h"
#include "loader/wire.h"

#define READ_SIZE ((size_t)64 * 1024)
#define PASSED_MAX 4U
#define STALL_MS 2000
#define STARVED_MS 100
#define STARVED_TRIES 100U

struct child {
	int sock;	   /* -1: the front is gone */
	bool read_closed;  /* the front has sent its last message */
	bool write_closed; /* the front reads no more results; what it sent before is still in the socket */
	unsigned int n_starved; /* times in a row that a message found no memory */
	struct kernel kernel;
	struct pool *pool;
	struct report report;
	ARRAY(char) in;
	int passed[PASSED_MAX]; /* descriptors received, whose message is still to come */
	unsigned int n_passed;
	size_t cursor; /* into the pool's results: the next to send */
	struct wire_answer out;
	size_t n_out; /* bytes of out, at its end, that are still to be sent */
	size_t out_size;
	size_t pending_reported; /* number of results in the last report with pending steps, plus 1 */
	unsigned int n_leaves;	 /* WIRE_LEAVE messages not answered yet */
	bool finishing;
	bool reported;
	bool done_queued;
	int report_error;
};

static void front_is_gone(struct child *c)
{
	if (c->sock >= 0)
		close(c->sock);
	c->sock = -1;
	if (c->pool)
		pool_await(c->pool, false);
}

static int take_plan(struct child *c, const char *data, size_t size)
{
	_cleanup_arena_ struct arena arena = {};
	struct plan plan;
	int r;

	r = wire_decode_plan(&arena, data, size, &plan);
	if (r == 0)
		r = pool_submit(c->pool, &plan);
	return r;
}

static int take_passed(struct child *c)
{
	int fd = c->passed[0];

	c->n_passed--;
	memmove(c->passed, c->passed + 1, c->n_passed * sizeof(*c->passed));
	return fd;
}

static int take_report_path(struct child *c, const char *data, size_t size)
{
	char *name = NULL;

	if (!c->n_passed || memchr(data, '/', size))
		return -EBADMSG;
	if (size && !(name = strndup(data, size)))
		return -ENOMEM;
	if (c->report.dirfd >= 0)
		close(c->report.dirfd);
	free(c->report.name);
	c->report.name = name;
	c->report.dirfd = take_passed(c);
	/* Where it cannot be, nothing is traced. */
	if (c->report.trace.instances < 0 && !*c->kernel.root.path)
		(void)trace_open(&c->report.trace, &c->kernel.root);
	return 0;
}

/* A plan that needs it comes next. */
static int take_archive(struct child *c, const char *data, size_t size)
{
	struct archive_dictionary dictionary;
	int r;

	if (!c->n_passed || size != sizeof(dictionary))
		return -EBADMSG;
	memcpy(&dictionary, data, size);
	r = members_open(c->kernel.members, c->passed[0], &dictionary);
	if (r < 0)
		return r == -EMFILE ? -ENOMEM : r;
	close(take_passed(c));
	return 0;
}

static int take_report_head(struct child *c, const char *data, size_t size)
{
	char *head = malloc(size + 1);

	if (!head)
		return -ENOMEM;
	memcpy(head, data, size);
	free(c->report.head);
	c->report.head = head;
	c->report.n_head = size;
	return 0;
}

static int take_annotation(struct child *c, const char *data, size_t size)
{
	_cleanup_free_ char *text = NULL;
	uint32_t step;

	if (size < sizeof(step))
		return -EBADMSG;
	memcpy(&step, data, sizeof(step));
	text = strndup(data + sizeof(step), size - sizeof(step));
	if (!text)
		return -ENOMEM;
	pool_annotate(c->pool, step, text);
	return 0;
}

static int take_await(struct child *c, const char *data, size_t size)
{
	int32_t value;

	if (size != sizeof(value))
		return -EBADMSG;
	memcpy(&value, data, sizeof(value));
	pool_await(c->pool, value);
	return 0;
}

static int take_message(struct child *c, uint32_t type, const char *data, size_t size)
{
	switch (type) {
	case WIRE_PLAN:
		return take_plan(c, data, size);
	case WIRE_CANCEL:
		pool_cancel(c->pool);
		return 0;
	case WIRE_REPORT_PATH:
		return take_report_path(c, data, size);
	case WIRE_ARCHIVE:
		return take_archive(c, data, size);
	case WIRE_REPORT_HEAD:
		return take_report_head(c, data, size);
	case WIRE_FINISH:
		c->finishing = true;
		pool_await(c->pool, false);
		return 0;
	case WIRE_AWAIT:
		return take_await(c, data, size);
	case WIRE_ASK_IDLE:
		pool_ask_idle(c->pool);
		return 0;
	case WIRE_LEAVE:
		c->n_leaves++;
		return 0;
	case WIRE_MESSAGE:
		return take_annotation(c, data, size);
	default:
		return -EBADMSG;
	}
}

/* Takes the complete messages out of what has been read. -ENOMEM: the next one is still there. */
static int take_messages(struct child *c)
{
	struct wire_header header;
	size_t at = 0;
	int r = 0;

	while (r == 0 && c->in.n - at >= sizeof(header)) {
		memcpy(&header, c->in.items + at, sizeof(header));
		if (header.size > WIRE_MAX)
			return -EBADMSG;
		if (c->in.n - at - sizeof(header) < header.size)
			break;
		r = take_message(c, header.type, c->in.items + at + sizeof(header), header.size);
		if (r == 0)
			at += sizeof(header) + header.size;
	}
	c->in.n -= at;
	if (!c->in.n)
		array_free(&c->in);
	else if (at)
		memmove(c->in.items, c->in.items + at, c->in.n);
	return r;
}

static void take_descriptors(struct child *c, struct msghdr *msg)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (h->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (c->n_passed < PASSED_MAX)
				c->passed[c->n_passed++] = fd;
			else
				close(fd);
		}
	}
}

/* 1: something was read; 0: nothing is there now, or the end; -ENOMEM; another error: the front is gone. */
static int read_some(struct child *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PASSED_MAX)];
	} control;
	struct msghdr msg = { .msg_control = &control, .msg_controllen = sizeof(control) };
	struct iovec iov = { .iov_len = READ_SIZE };
	ssize_t n;

	if (array_make_room(&c->in, READ_SIZE) < 0)
		return -ENOMEM;
	iov.iov_base = c->in.items + c->in.n;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	n = recvmsg(c->sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	take_descriptors(c, &msg);
	c->read_closed = n == 0;
	/* Nobody waits any more. */
	if (n == 0)
		pool_await(c->pool, false);
	c->in.n += (size_t)n;
	return n > 0;
}

static void read_front(struct child *c)
{
	/* A message that found no memory goes first. */
	int r = c->n_starved ? take_messages(c) : 0;

	if (r == 0)
		r = read_some(c);
	if (r > 0)
		r = take_messages(c);
	c->n_starved = r == -ENOMEM ? c->n_starved + 1 : 0;
	if (r < 0 && (r != -ENOMEM || c->n_starved == STARVED_TRIES))
		front_is_gone(c);
}

/* The next message to send into c->out; false: none. */
static bool next_out(struct child *c)
{
	size_t size;

	if (pool_next(c->pool, &c->cursor, &c->out.result)) {
		c->out.header.type = WIRE_RESULT;
		size = sizeof(c->out.result);
	} else if (pool_found_idle(c->pool)) {
		c->out.header.type = WIRE_IDLE;
		c->out.error = 0;
		size = sizeof(c->out.error);
	} else if (c->n_leaves) {
		c->n_leaves--;
		c->out.header.type = WIRE_LEFT;
		c->out.error = (int32_t)pool_open_ahead(c->pool);
		size = sizeof(c->out.error);
	} else if (c->reported && !c->done_queued) {
		c->done_queued = true;
		c->out.header.type = WIRE_REPORT_DONE;
		c->out.error = c->report_error;
		size = sizeof(c->out.error);
	} else {
		return false;
	}
	c->out.header.size = (uint32_t)size;
	c->out_size = c->n_out = offsetof(struct wire_answer, result) + size;
	return true;
}

/* The front would wait for the results that it does not get. */
static void close_write(struct child *c)
{
	c->write_closed = true;
	shutdown(c->sock, SHUT_WR);
}

/* Sends what can be sent without waiting. */
static void write_front(struct child *c)
{
	ssize_t n;

	while (c->sock >= 0 && !c->write_closed && (c->n_out || next_out(c))) {
		n = send(c->sock, (char *)&c->out + c->out_size - c->n_out, c->n_out,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			c->n_out -= (size_t)n;
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			close_write(c);
	}
}

static bool no_more_comes(const struct child *c)
{
	return c->sock < 0 || c->read_closed || c->finishing;
}

static void report_all(struct child *c)
{
	c->report_error = report_write(&c->report, c->pool);
	c->reported = true;
}

/* Once for each stall. An error is ignored here: the full report will have it too. */
static void report_pending(struct child *c)
{
	struct pool_state state = pool_look(c->pool);

	/* What a stream was given cannot be replaced later. */
	if (!c->report.name || !no_more_comes(c) || c->pending_reported == state.n_results + 1 ||
	    !state.stalled)
		return;
	(void)report_write(&c->report, c->pool);
	c->pending_reported = state.n_results + 1;
}

static short wanted_events(const struct child *c)
{
	short in = c->read_closed ? 0 : POLLIN, out = c->n_out && !c->write_closed ? POLLOUT : 0;

	return (short)(in | out);
}

/* A hang-up is reported also while messages are left to be read. */
static void heed_front(struct child *c, short events)
{
	if (!(events & (POLLIN | POLLHUP | POLLERR)))
		return;
	if (c->read_closed)
		front_is_gone(c);
	else
		read_front(c);
}

static void wait_for_event(struct child *c)
{
	struct pollfd fds[] = {
		{ .fd = pool_fd(c->pool), .events = POLLIN },
		{ .fd = c->n_starved ? -1 : c->sock, .events = wanted_events(c) },
	};
	int timeout = no_more_comes(c) && !c->reported ? STALL_MS : -1;
	uint64_t count;
	int n = poll(fds, ARRAY_SIZE(fds), c->n_starved ? STARVED_MS : timeout);

	if (c->n_starved)
		read_front(c);
	else if (n == 0)
		report_pending(c);
	if (n <= 0)
		return;
	if (fds[0].revents)
		(void)!read(fds[0].fd, &count, sizeof(count));
	heed_front(c, fds[1].revents);
}

static void serve(struct child *c)
{
	for (;;) {
		if (no_more_comes(c) && !c->reported && pool_look(c->pool).drained)
			report_all(c);
		write_front(c);
		if (c->reported && (c->sock < 0 || (c->done_queued && !c->n_out)))
			return;
		wait_for_event(c);
	}
}

static void release(struct child *c)
{
	pool_free(c->pool);
	c->pool = NULL;
	members_free(c->kernel.members);
	front_is_gone(c);
	report_free(&c->report);
	for (unsigned int i = 0; i < c->n_passed; i++)
		close(c->passed[i]);
	array_free(&c->in);
}

int child_serve(int sock, const struct loader_options *options)
{
	struct rootfs root = { .fd = options->rootfd, .path = (char *)(uintptr_t)options->root };
	struct pool_options pool = { .jobs = options->jobs, .slow_ms = options->slow_ms };
	struct child c = { .sock = sock, .report = REPORT_NONE };
	int r;

	rootfs_pin(&root);
	kernel_setup(&c.kernel, &root, options->ops, options->ops_data);
	c.kernel.async_probe = options->async_probe;
	c.kernel.members = members_new();
	r = !c.kernel.members ? -ENOMEM : pool_start(&c.pool, &c.kernel, &pool);
	if (r == 0)
		serve(&c);
	release(&c);
	rootfs_unpin(&root);
	return r < 0 ? 1 : 0;
}

/* Signals that ask to stop are ignored: half a set of modules is of no use, and a load cannot be interrupted
 * anyway. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGHUP, SIGPIPE, SIGTERM, SIGQUIT };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/* When systemd leaves an initramfs, it kills every process but those whose command line begins with '@'
 * (https://systemd.io/ROOT_STORAGE_DAEMONS/). The kernel reads it between arg_start and arg_end of
 * proc_pid_stat(5). */
static void set_command_line(void)
{
	static const char name[] = "@coldplug-loader";
	unsigned long start = 0, end = 0;
	char buf[2048];
	ssize_t n = read_attribute(AT_FDCWD, "/proc/self/stat", buf, sizeof(buf));
	char *p = n > 0 ? strrchr(buf, ')') : NULL;

	/* arg_start and arg_end are fields 48 and 49; the third follows the name's parenthesis. */
	for (int field = 3; p && field <= 49; field++) {
		p = strchr(p + 1, ' ');
		if (p && field == 48)
			start = strtoul(p, NULL, 10);
		if (p && field == 49)
			end = strtoul(p, NULL, 10);
	}
	if (!start || end <= start)
		return;
	memset((void *)(uintptr_t)start, 0, end - start);
	memcpy((void *)(uintptr_t)start, name,
	       end - start - 1 < sizeof(name) ? end - start - 1 : sizeof(name));
}

/* loader_leave() may have to keep the file of every waiting step open at once. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int child_main(int sock, const struct loader_options *options)
{
	struct loader_options o = *options;
	int *fds[] = { &sock, &o.rootfd };

	if (detach_settle("coldplug-loader", fds, ARRAY_SIZE(fds)) < 0)
		return 1;
	ignore_signals();
	set_command_line();
	raise_descriptor_limit();
	return child_serve(sock, &o);
}
