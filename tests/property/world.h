/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel of the test's own: modules, a socket of uevents, and below a directory the files of /sys and
 * /proc that coldplug reads. It lives in shared memory, because modules are loaded by the loader's
 * process. What it does is what lib/kobject_uevent.c, net/netlink/af_netlink.c and kernel/module do. */
#pragma once

#include <linux/netlink.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "loader/kernel.h"
#include "tests/unit/test.h"
#include "uevent/netlink.h"

#define N_MODULES 400
#define N_CORES 20 /* what others depend on; never removed */
/* Modules that are special, from here to the end: blacklisted; declining (ENODEV); those that only
 * forged messages name. */
#define FIRST_OFF 360
#define FIRST_DECLINING 370
#define FIRST_FORGED 380
#define HANGING 354	 /* its init does not return as long as world.hangs */
#define FIRST_BEHIND 350 /* from here to it: they need it */
#define EVERYBODYS 355	 /* wanted by each device whose alias ends in z7, too */

#define RECEIVE_BUFFER (256U * 1024) /* some 1,500 events */

/* A message as it waits in the socket; size bytes of text follow. */
struct queued {
	uint32_t size;
	uint32_t pid, groups, uid;
	bool no_credentials, truncated;
};

struct world {
	pthread_mutex_t lock;
	char dir[64];
	int barriers; /* sys/module/printk/uevent is a pipe: its end, which is the "socket" too */

	/* modules */
	bool loaded[N_MODULES];
	unsigned int tried[N_MODULES]; /* loads since the last check, whatever came of them */
	unsigned int loads, already;
	bool hangs;
	unsigned int hung; /* loads that did */
	pid_t tester;
	char broken[128]; /* what must not happen, "" */

	/* the socket */
	char bytes[RECEIVE_BUFFER];
	uint64_t head, tail; /* ever written and read */
	bool overrun;	     /* an ENOBUFS is due */
	bool congested;	     /* and nothing is taken until all is read */
	uint64_t seqnum, sent, lost, truncated, synthetic, forged;
};

static inline struct world *world_new(const struct tree *t)
{
	struct world *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t shared;

	assert_true(w != MAP_FAILED);
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&w->lock, &shared);
	w->tester = getpid();
	snprintf(w->dir, sizeof(w->dir), "%s", t->dir);
	tree_mkdir(t, "sys/module/printk/uevent");
	assert_int_equal(mkfifo(tree_path(t, "sys/module/printk/uevent"), 0600), 0);
	w->barriers = open(tree_path(t, "sys/module/printk/uevent"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(w->barriers >= 0);
	return w;
}

static inline void world_free(struct world *w)
{
	close(w->barriers);
	munmap(w, sizeof(*w));
}

/* ---- the socket ---- */

static inline void ring_copy(struct world *w, uint64_t at, void *data, size_t size, bool in)
{
	size_t place = at % RECEIVE_BUFFER,
	       first = RECEIVE_BUFFER - place < size ? RECEIVE_BUFFER - place : size;

	memcpy(in ? w->bytes + place : data, in ? data : w->bytes + place, first);
	memcpy(in ? w->bytes : (char *)data + first, in ? (char *)data + first : w->bytes, size - first);
}

/* Locked. A message that does not fit is dropped, and so are all others until the queue is empty. */
static inline void world_queue(struct world *w, struct queued head, const void *text)
{
	if (w->congested || RECEIVE_BUFFER - (w->head - w->tail) < sizeof(head) + head.size) {
		w->overrun = w->overrun || !w->congested;
		w->congested = true;
		w->lost++;
		return;
	}
	ring_copy(w, w->head, &head, sizeof(head), true);
	ring_copy(w, w->head + sizeof(head), (void *)(uintptr_t)text, head.size, true);
	w->head += sizeof(head) + head.size;
}

/* Locked. An event of the kernel's; more: further variables, each with its NUL, or "". */
static inline void world_event(struct world *w, const char *action, const char *devpath, const char *more,
			       size_t n_more, bool truncated)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%s@%s%cACTION=%s%cDEVPATH=%s%c", action, devpath, 0, action, 0,
			 devpath, 0);

	memcpy(text + n, more, n_more);
	n += (int)n_more;
	n += snprintf(text + n, sizeof(text) - (size_t)n, "SEQNUM=%llu", (unsigned long long)++w->seqnum) + 1;
	w->sent++;
	w->truncated += truncated;
	world_queue(w, (struct queued){ .size = (uint32_t)n, .groups = 1, .truncated = truncated }, text);
}

/* Somebody wrote "add UUID" to a file "uevent". */
static inline void take_barriers(struct world *w)
{
	char line[64], more[64];
	ssize_t n;

	while ((n = read(w->barriers, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		assert_int_equal(strlen(line), strlen("add ") + 36);
		n = snprintf(more, sizeof(more), "SYNTH_UUID=%s", line + 4) + 1;
		w->synthetic++;
		world_event(w, "add", "/module/printk", more, (size_t)n, false);
	}
}

static inline int socket_open(void *data, int rcvbuf)
{
	struct world *w = data;
	int fd = fcntl(w->barriers, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

static inline void credentials_of(const struct queued *head, struct msghdr *msg)
{
	struct ucred cred = { .uid = head->uid, .pid = (pid_t)head->pid };
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(cred));
	memcpy(CMSG_DATA(c), &cred, sizeof(cred));
}

static inline ssize_t take_message(struct world *w, struct msghdr *msg)
{
	struct sockaddr_nl *sender = msg->msg_name;
	struct queued head;
	size_t n;

	ring_copy(w, w->tail, &head, sizeof(head), false);
	n = head.size < msg->msg_iov->iov_len ? head.size : msg->msg_iov->iov_len;
	if (head.truncated)
		n = n / 2;
	ring_copy(w, w->tail + sizeof(head), msg->msg_iov->iov_base, n, false);
	w->tail += sizeof(head) + head.size;
	*sender =
		(struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_pid = head.pid, .nl_groups = head.groups };
	msg->msg_namelen = sizeof(*sender);
	msg->msg_flags = n < head.size ? MSG_TRUNC : 0;
	if (head.no_credentials)
		msg->msg_controllen = 0;
	else
		credentials_of(&head, msg);
	return (ssize_t)n;
}

static inline ssize_t socket_receive(void *data, int fd, struct msghdr *msg)
{
	struct world *w = data;
	ssize_t r;

	pthread_mutex_lock(&w->lock);
	take_barriers(w);
	if (w->overrun) {
		w->overrun = false;
		r = -ENOBUFS;
	} else {
		r = w->head == w->tail ? -EAGAIN : take_message(w, msg);
		if (w->head == w->tail)
			w->congested = false;
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

static inline bool socket_has_more(const struct world *w)
{
	return w->overrun || w->head != w->tail;
}

static const struct netlink_ops world_netlink = { .open = socket_open, .receive = socket_receive };

/* ---- modules ---- */

static inline const char *module_name(int m, char name[32])
{
	snprintf(name, 32, "%s_%d",
		 m < N_CORES			? "core"
			 : m >= FIRST_FORGED	? "forged"
			 : m >= FIRST_DECLINING ? "declining"
			 : m >= FIRST_OFF	? "off"
						: "mod",
		 m);
	return name;
}

/* Locked. /proc/modules, and the event. Always whole: a reader has the old one or the new one. */
static inline void world_set_module(struct world *w, int m, bool loaded, bool truncated)
{
	char path[96], new_path[96], name[32], devpath[64];
	FILE *f;

	w->loaded[m] = loaded;
	snprintf(path, sizeof(path), "%s/proc/modules", w->dir);
	snprintf(new_path, sizeof(new_path), "%s/proc/modules.new", w->dir);
	f = fopen(new_path, "we");
	if (!f)
		abort();
	for (int i = 0; i < N_MODULES; i++)
		if (w->loaded[i])
			fprintf(f, "%s 16384 0 - Live 0x0\n", module_name(i, name));
	if (fclose(f) < 0 || rename(new_path, path) < 0)
		abort();
	snprintf(devpath, sizeof(devpath), "/module/%s", module_name(m, name));
	world_event(w, loaded ? "add" : "remove", devpath, "SUBSYSTEM=module", sizeof("SUBSYSTEM=module"),
		    truncated);
}

static inline int load(struct world *w, const char *file)
{
	int m;

	if (sscanf(file, "%*[a-z]_%d.ko", &m) != 1 || m >= N_MODULES)
		return -ENOEXEC;
	w->loads++;
	w->tried[m]++;
	if (w->loaded[m]) {
		w->already++;
		return -EEXIST;
	}
	if (m >= N_CORES && !w->loaded[m % N_CORES])
		snprintf(w->broken, sizeof(w->broken), "%.64s is loaded before what it needs", file);
	if (m >= FIRST_BEHIND && m < HANGING && !w->loaded[HANGING])
		snprintf(w->broken, sizeof(w->broken), "%.64s is loaded before what hangs", file);
	if (m >= FIRST_DECLINING && m < FIRST_FORGED)
		return -ENODEV;
	world_set_module(w, m, true, false);
	return 0;
}

/* Locked, but while it waits. Nobody is left behind when the test dies. */
static inline int load_or_hang(struct world *w, const char *file)
{
	int m;

	if (sscanf(file, "%*[a-z]_%d.ko", &m) != 1 || m != HANGING || !w->hangs)
		return load(w, file);
	w->hung++;
	while (w->hangs && kill(w->tester, 0) == 0) {
		pthread_mutex_unlock(&w->lock);
		usleep(2000);
		pthread_mutex_lock(&w->lock);
	}
	return load(w, file);
}

static inline int world_finit_module(void *data, int fd, const char *params, unsigned int flags)
{
	char link[64], path[256];
	struct world *w = data;
	ssize_t n;
	int r;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	pthread_mutex_lock(&w->lock);
	r = load_or_hang(w, strrchr(path, '/') + 1);
	pthread_mutex_unlock(&w->lock);
	return r;
}

static inline int world_init_module(void *data, const void *image, size_t size, const char *params)
{
	return -ENOSYS;
}

static inline int world_delete_module(void *data, const char *name, unsigned int flags)
{
	return -ENOSYS;
}

static inline enum initstate world_initstate(void *data, const struct rootfs *root, const char *name)
{
	struct world *w = data;
	enum initstate state = INITSTATE_ABSENT;
	int m;

	pthread_mutex_lock(&w->lock);
	if (sscanf(name, "%*[a-z]_%d", &m) == 1 && m < N_MODULES && w->loaded[m])
		state = INITSTATE_LIVE;
	pthread_mutex_unlock(&w->lock);
	return state;
}

static inline int world_read(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	return -ENOENT;
}

static inline bool world_capable(void *data)
{
	return true;
}

static inline int world_run_command(void *data, const struct rootfs *root,
				    const struct kernel_command *command, struct kernel_output *output)
{
	return -ENOENT;
}

static inline void world_sleep(void *data, unsigned int ms)
{
	usleep(ms * 1000);
}

static const struct kernel_ops world_kernel = {
	.finit_module = world_finit_module,
	.init_module = world_init_module,
	.delete_module = world_delete_module,
	.initstate = world_initstate,
	.read = world_read,
	.capable = world_capable,
	.run_command = world_run_command,
	.sleep = world_sleep,
};
