/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The front: the part of the loader that runs in the caller's process. */
#include "loader/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/array.h"
#include "base/atomic-file.h"
#include "base/cleanup.h"
#include "base/detach.h"
#include "loader/child.h"
#include "loader/wire.h"

struct loader {
	int sock;
	uint32_t n_submitted;
	struct wire_answer in;
	size_t n_in;			/* bytes of it read */
	ARRAY(struct load_result) kept; /* read while finishing */
	size_t n_kept_given;
	bool has_archive; /* it has been sent */
	bool found_idle;
	bool dead;
	bool finished;
	int report_error;
};

struct start {
	int sock;
	const struct loader_options *options;
};

static int run_child(void *userdata)
{
	const struct start *start = userdata;

	return child_main(start->sock, start->options);
}

int loader_start(struct loader **ret, const struct loader_options *options)
{
	_cleanup_free_ struct loader *l = calloc(1, sizeof(*l));
	int ends[2], r;

	if (!l)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = detach_lift(&ends[0]);
	if (r == 0)
		r = detach_fork(run_child, &(struct start){ ends[1], options });
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	l->sock = ends[0];
	*ret = steal_ptr(l);
	return 0;
}

static void attach(struct msghdr *msg, void *control, size_t size, int fd)
{
	struct cmsghdr *h;

	msg->msg_control = control;
	msg->msg_controllen = size;
	h = CMSG_FIRSTHDR(msg);
	*h = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(fd)),
	};
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
}

static ssize_t send_some(struct loader *l, struct iovec *iov, size_t n, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	if (fd >= 0)
		attach(&msg, &control, sizeof(control), fd);
	do
		sent = sendmsg(l->sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* Removes the first n bytes from the two pieces; false: nothing is left. */
static bool advance(struct iovec iov[2], size_t n)
{
	for (int i = 0; i < 2; i++) {
		size_t piece = iov[i].iov_len < n ? iov[i].iov_len : n;

		iov[i].iov_base = (char *)iov[i].iov_base + piece;
		iov[i].iov_len -= piece;
		n -= piece;
	}
	return iov[0].iov_len || iov[1].iov_len;
}

/* Sends one message in two pieces. Waits until the loader's process has read it, which it does at once. fd:
 * -1, or a descriptor to pass with the first byte. A message of which only the beginning could be sent is
 * the last: the next one would be taken for its rest. The loader's process ignores it, and goes on sending
 * results. */
static int send_all(struct loader *l, struct iovec iov[2], int fd)
{
	bool begun = false;
	ssize_t n;
	int r;

	do {
		n = send_some(l, iov, 2, fd);
		if (n < 0) {
			r = errno == ECONNRESET ? -EPIPE : -errno;
			if (begun)
				shutdown(l->sock, SHUT_WR);
			return r;
		}
		begun = true;
		fd = -1;
	} while (advance(iov, (size_t)n));
	return 0;
}

static int send_message(struct loader *l, enum wire_type type, const void *data, size_t size, int fd)
{
	struct wire_header header = { .type = type, .size = (uint32_t)size };
	struct iovec iov[2] = { { &header, sizeof(header) }, { (void *)(uintptr_t)data, size } };

	return size > WIRE_MAX ? -EFBIG : send_all(l, iov, fd);
}

/* Where the steps come from, once. A loader's plans are all of one machine, as it was opened once. */
static int send_archive(struct loader *l, const struct plan *plan)
{
	bool any = false;
	int r;

	for (size_t i = 0; i < plan->n_steps && !any; i++)
		any = plan->steps[i].member;
	if (!any || l->has_archive)
		return 0;
	if (!plan->archive || plan->archive->fd < 0)
		return -EINVAL;
	r = send_message(l, WIRE_ARCHIVE, &plan->archive->dictionary, sizeof(plan->archive->dictionary),
			 plan->archive->fd);
	l->has_archive = !r;
	return r;
}

int loader_submit(struct loader *l, const struct plan *plan)
{
	_cleanup_free_ void *message = NULL;
	size_t size, n_edges;
	int r;

	if (l->finished)
		return -EPIPE;
	if (!plan->n_steps && !plan->n_raises)
		return 0;
	r = wire_check_plan(plan, l->n_submitted, &n_edges);
	if (r == 0)
		r = wire_encode_plan(plan, &message, &size);
	if (r == 0)
		r = send_archive(l, plan) ?: send_all(l, (struct iovec[2]){ { message, size } }, -1);
	if (r == 0)
		l->n_submitted += (uint32_t)plan->n_steps;
	return r;
}

int loader_annotate(struct loader *l, uint32_t step, const char *message)
{
	_cleanup_free_ char *data = NULL;
	size_t n = strlen(message);

	if (l->finished)
		return -EPIPE;
	data = malloc(sizeof(step) + n);
	if (!data)
		return -ENOMEM;
	memcpy(data, &step, sizeof(step));
	memcpy(data + sizeof(step), message, n);
	return send_message(l, WIRE_MESSAGE, data, sizeof(step) + n, -1);
}

int loader_await(struct loader *l, bool awaited)
{
	int32_t value = awaited;

	return l->finished ? 0 : send_message(l, WIRE_AWAIT, &value, sizeof(value), -1);
}

int loader_ask_idle(struct loader *l)
{
	l->found_idle = l->finished;
	return l->finished ? 0 : send_message(l, WIRE_ASK_IDLE, NULL, 0, -1);
}

bool loader_found_idle(const struct loader *l)
{
	return l->found_idle;
}

int loader_fd(const struct loader *l)
{
	return l->sock;
}

/* Reads until there are size bytes of the message. 1: they are there; 0: not yet; -EPIPE. */
static int receive_until(struct loader *l, size_t size)
{
	ssize_t n;

	while (l->n_in < size) {
		n = recv(l->sock, (char *)&l->in + l->n_in, size - l->n_in, MSG_DONTWAIT);
		if (n > 0)
			l->n_in += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			return 0;
		else if (n == 0 || errno != EINTR)
			return -EPIPE;
	}
	return 1;
}

static bool header_is_good(const struct wire_header *h)
{
	return (h->type == WIRE_RESULT && h->size == sizeof(struct load_result)) ||
		((h->type == WIRE_REPORT_DONE || h->type == WIRE_LEFT || h->type == WIRE_IDLE) &&
		 h->size == sizeof(int32_t));
}

/* That of a step that was handed over, with a text that ends. */
static bool result_is_good(const struct loader *l, const struct load_result *r)
{
	unsigned char own;

	memcpy(&own, &r->own, sizeof(own));
	return r->step < l->n_submitted && r->outcome <= LOAD_SKIPPED && own <= 1 &&
		memchr(r->message, '\0', sizeof(r->message));
}

/* 1: l->in is a message; 0: none now; -EPIPE. */
static int receive_any(struct loader *l)
{
	int r = receive_until(l, sizeof(l->in.header));
	if (r > 0 && !header_is_good(&l->in.header))
		r = -EPIPE;
	if (r > 0)
		r = receive_until(l, offsetof(struct wire_answer, result) + l->in.header.size);
	if (r > 0 && l->in.header.type == WIRE_RESULT && !result_is_good(l, &l->in.result))
		r = -EPIPE;
	if (r > 0)
		l->n_in = 0;
	return r;
}

/* Reads one message and not a byte more, so that loader_fd() is readable as long as there is another; but
 * WIRE_IDLE is only noted. 1: l->in is one; 0: none now; -EPIPE. */
static int receive(struct loader *l)
{
	int r;

	if (l->dead)
		return -EPIPE;
	while ((r = receive_any(l)) > 0 && l->in.header.type == WIRE_IDLE)
		l->found_idle = true;
	l->dead = r < 0;
	return r;
}

int loader_next(struct loader *l, struct load_result *result)
{
	int r;

	if (l->n_kept_given < l->kept.n) {
		*result = l->kept.items[l->n_kept_given++];
		return 1;
	}
	if (l->finished)
		return 0;
	r = receive(l);
	if (r <= 0)
		return r;
	if (l->in.header.type == WIRE_REPORT_DONE) {
		l->finished = true;
		l->report_error = l->in.error;
		return 0;
	}
	if (l->in.header.type != WIRE_RESULT)
		return -EPIPE;
	*result = l->in.result;
	return 1;
}

int loader_cancel(struct loader *l)
{
	return l->finished ? 0 : send_message(l, WIRE_CANCEL, NULL, 0, -1);
}

/* Opens the directory of path; *name is the last component. */
static int open_directory(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory = NULL;
	int fd;

	*name = slash ? slash + 1 : path;
	if (!slash)
		directory = strdup(".");
	else
		directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!directory)
		return -ENOMEM;
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Finds the errors that can be known before the report is written. */
static int check_target(int dirfd, const char *name)
{
	int r = atomic_file_check(dirfd, name);

	if (r < 0)
		return r;
	return faccessat(dirfd, ".", W_OK, 0) < 0 ? -errno : 0;
}

int loader_report_open(struct loader *l, const char *path)
{
	_cleanup_close_ int dirfd = -1;
	const char *name;
	int r;

	dirfd = open_directory(path, &name);
	if (dirfd < 0)
		return dirfd;
	r = check_target(dirfd, name);
	if (r < 0)
		return r;
	return send_message(l, WIRE_REPORT_PATH, name, strlen(name), dirfd);
}

int loader_report_open_fd(struct loader *l, int fd)
{
	return send_message(l, WIRE_REPORT_PATH, "", 0, fd);
}

int loader_report_head(struct loader *l, const char *head, size_t len)
{
	return send_message(l, WIRE_REPORT_HEAD, head, len, -1);
}

static int wait_readable(const struct loader *l)
{
	struct pollfd fd = { .fd = l->sock, .events = POLLIN };

	return poll(&fd, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* Reads messages, keeping results, until one has this type: 0, and it is in l->in. */
static int receive_answer(struct loader *l, enum wire_type type)
{
	int r;

	for (;;) {
		r = receive(l);
		if (r == 0)
			r = wait_readable(l);
		else if (r > 0 && l->in.header.type == type)
			return 0;
		else if (r > 0 && l->in.header.type == WIRE_RESULT)
			r = array_push(&l->kept, l->in.result);
		if (r < 0)
			return r;
	}
}

int loader_leave(struct loader *l)
{
	int r;

	if (l->finished)
		return 0;
	r = send_message(l, WIRE_LEAVE, NULL, 0, -1) ?: receive_answer(l, WIRE_LEFT);
	return r < 0 ? r : l->in.error;
}

int loader_finish(struct loader *l)
{
	int r;

	if (l->finished)
		return l->report_error;
	r = send_message(l, WIRE_FINISH, NULL, 0, -1);
	/* When nothing can be sent any more, results may still be in the socket. */
	if (r < 0 && r != -EPIPE)
		return r;
	r = receive_answer(l, WIRE_REPORT_DONE);
	if (r < 0)
		return r;
	l->finished = true;
	l->report_error = l->in.error;
	return l->report_error;
}

int loader_finish_later(struct loader *l)
{
	return l->finished ? 0 : send_message(l, WIRE_FINISH, NULL, 0, -1);
}

void loader_free(struct loader *l)
{
	if (!l)
		return;
	close(l->sock);
	array_free(&l->kept);
	free(l);
}
