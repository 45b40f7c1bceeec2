/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a command, waits for all processes that come of it, and reports what became of them:
 *
 *	supervise -o REPORT [-t SECONDS] [-p LIBRARY] [-k] [-r] [-s SOCKET] [-l | -f TASK:CALL:NUMBER:ERRNO] COMMAND...
 *	supervise -c SOCKET [-k] [-l | -f FAULT] COMMAND...
 *
 *	-t	what is left after so many seconds is killed
 *	-p	a library to be preloaded
 *	-k	be the kernel as far as modules go: what loads or removes one succeeds, and nothing is done
 *	-r	the command gets SIGTERM as soon as it writes to its descriptor 9, which is a pipe, and after 3 seconds
 *	-l	list the system calls that can fail
 *	-s	nothing fails in the command, but in what is called by "supervise -c SOCKET" below it, which becomes COMMAND
 *		with "." as its root: so PID 1 of another namespace can be watched, and not what has made the namespace
 *	-f	let a system call fail: of task 0, which is the command, or 1, the first process or thread that was started
 *		by it and made a call, ...; of this name; the first (1) of these, or a later one; with this error
 *
 * The kernel asks this process about each system call of the table below (seccomp's user notification) and
 * carries it out, or answers with the error. Compared to ptrace(2) there are no stops, no signals and no
 * registers to change. It is the same on all architectures, and calls that are not in the table cost
 * nothing. What the dynamic linker and the sanitizers call is left alone: they end the process.
 *
 * The report's lines:
 *	call TASK NAME NUMBER ERRNO,... SITE...	a call that can fail, with errors that it can fail with
 *	fault TASK NAME NUMBER ERRNO SITE...	the call that was failed
 *	crash PID SIGNAL			a process died of a fault of its own
 *	left PID NAME				a process that had to be killed
 *	kernel NUMBER				a system call about a module that was answered
 *	exit STATUS				of the command, 128 + signal when it was killed
 * A SITE is an address in the program, relative to where it is loaded: words on the stack that can be
 * return addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define READY_FD 9
#define NOT_READY_MS 3000

struct call {
	long nr;
	const char *name;
	int errors[4];
};

#define CALL(name, ...)             \
	{                           \
		SYS_##name, #name,  \
		{                   \
			__VA_ARGS__ \
		}                   \
	}

/* What can fail, and how it does on real machines: a failing disk, a full one, too many open files, no
 * memory, a kernel or a filter without the call. */
static const struct call calls[] = {
	CALL(openat, EMFILE, EACCES, EIO),
	CALL(openat2, EMFILE, EACCES, EIO, ENOSYS),
	CALL(read, EIO),
	CALL(pread64, EIO),
	CALL(readlinkat, EIO, EACCES),
	CALL(getdents64, EIO),
	CALL(fstat, EIO),
#ifdef SYS_newfstatat
	CALL(newfstatat, EIO, EACCES),
#else
	CALL(fstatat64, EIO, EACCES),
#endif
	CALL(statx, EIO, EACCES),
	CALL(fstatfs, EIO),
	CALL(faccessat, EIO, EACCES),
	CALL(faccessat2, EIO, EACCES),
	CALL(lseek, EIO),
	CALL(write, EIO, ENOSPC),
	CALL(pwrite64, EIO, ENOSPC),
	CALL(writev, EIO, ENOSPC),
	CALL(ftruncate, EIO, ENOSPC),
	CALL(fsync, EIO, ENOSPC),
	CALL(renameat, EIO, ENOSPC),
	CALL(renameat2, EIO, ENOSPC),
	CALL(unlinkat, EIO),
	CALL(mkdirat, EACCES, ENOSPC),
	CALL(symlinkat, EACCES, ENOSPC),
	CALL(linkat, EACCES, ENOSPC),
	CALL(fchmod, EIO, EPERM),
	CALL(utimensat, EIO, EPERM),
	CALL(mmap, ENOMEM),
	CALL(mprotect, ENOMEM),
	CALL(mremap, ENOMEM),
	CALL(clone, EAGAIN, ENOMEM),
	CALL(clone3, EAGAIN, ENOSYS),
	CALL(setsid, EPERM),
	CALL(prctl, EINVAL),
	CALL(capget, EPERM),
	CALL(capset, EPERM),
	CALL(setpriority, EPERM),
	CALL(sched_setscheduler, EPERM),
	CALL(execve, EACCES, ENOMEM),
	CALL(wait4, EINTR),
	CALL(kill, EPERM),
	CALL(mount, ENOMEM, EPERM),
	CALL(umount2, EBUSY),
	CALL(chroot, EPERM),
	CALL(chdir, EACCES),
	CALL(dup, EMFILE),
	CALL(dup3, EMFILE),
	CALL(fcntl, EMFILE),
	CALL(ioctl, ENOTTY),
	CALL(pipe2, EMFILE),
	CALL(socket, EMFILE, EAFNOSUPPORT),
	CALL(socketpair, EMFILE),
	CALL(bind, EPERM, EADDRINUSE),
	CALL(connect, ECONNREFUSED),
	CALL(getsockname, ENOBUFS),
	CALL(setsockopt, EPERM, ENOBUFS),
	CALL(sendmsg, ENOBUFS, ENOMEM),
	CALL(sendto, ENOBUFS, ENOMEM),
	CALL(recvmsg, ENOMEM, ECONNRESET),
	CALL(recvfrom, ENOMEM, ECONNRESET),
	CALL(ppoll, ENOMEM, EINTR),
	CALL(epoll_create1, EMFILE),
	CALL(epoll_ctl, ENOMEM),
	CALL(epoll_pwait, EINTR),
	CALL(eventfd2, EMFILE),
	CALL(timerfd_create, EMFILE),
	CALL(timerfd_settime, EPERM),
	CALL(signalfd4, EMFILE),
	CALL(memfd_create, EMFILE, ENOSYS),
	CALL(pidfd_open, EMFILE, ENOSYS),
	CALL(close_range, ENOSYS),
	CALL(getcwd, ENOENT),
	CALL(getrandom, ENOSYS),
	CALL(sched_getaffinity, EINVAL),
	CALL(prlimit64, EPERM),
/* What newer architectures do not have. */
#ifdef SYS_open
	CALL(open, EMFILE, EACCES, EIO),
	CALL(readlink, EIO, EACCES),
	CALL(stat, EIO, EACCES),
	CALL(lstat, EIO, EACCES),
	CALL(access, EIO, EACCES),
	CALL(rename, EIO, ENOSPC),
	CALL(unlink, EIO),
	CALL(rmdir, EIO),
	CALL(mkdir, EACCES, ENOSPC),
	CALL(chmod, EIO, EPERM),
	CALL(fork, EAGAIN),
	CALL(vfork, EAGAIN),
	CALL(dup2, EMFILE),
	CALL(pipe, EMFILE),
	CALL(poll, ENOMEM, EINTR),
	CALL(epoll_wait, EINTR),
#endif
};

/* With -k these are answered. */
static const long kernel_calls[] = { SYS_init_module, SYS_finit_module, SYS_delete_module };

struct options {
	const char *report, *library, *socket, *client;
	bool kernel, until_ready;
	unsigned long seconds, task, number;
	const struct call *call; /* that is to fail */
	int error;
	bool list;
};

struct task {
	pid_t pid;
	unsigned long n[ARRAY_SIZE(calls)]; /* of each call */
};

/* A part of the address space that holds code, as /proc/PID/maps had it. */
struct code {
	uintptr_t begin, end, base;
	enum { PROGRAM, LIBRARY, LEFT_ALONE } kind;
};

struct supervisor {
	struct options o;
	FILE *report;
	int listener, signals;
	int socket; /* of -s: where the listener comes from */
	int ready;  /* what descriptor 9 of the command leads to, or -1 */
	pid_t command;
	int status;
	struct task tasks[512];
	size_t n_tasks;
	struct code codes[256];
	size_t n_codes;
	char program[4096]; /* what task 0 runs first; with -s, other programs are left alone */
	int64_t start_ms;
	uint8_t *text; /* the program's code */
	const struct code *text_of;
};

static void die(const char *what)
{
	perror(what);
	exit(99);
}

/* ---- the filter ---- */

static void ask_about(struct sock_fprog *program, long nr)
{
	program->filter[program->len++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1);
	program->filter[program->len++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
}

static int install_filter(const struct options *o)
{
	struct sock_filter f[2 * (ARRAY_SIZE(calls) + ARRAY_SIZE(kernel_calls)) + 2];
	struct sock_fprog program = { .filter = f };

	f[program.len++] =
		(struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; (o->list || o->call) && i < ARRAY_SIZE(calls); i++)
		ask_about(&program, calls[i].nr);
	for (size_t i = 0; o->kernel && i < ARRAY_SIZE(kernel_calls); i++)
		ask_about(&program, kernel_calls[i]);
	f[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* ---- what is where ---- */

static void read_maps(struct supervisor *s, pid_t pid)
{
	char path[64], exe[4096], line[4300], name[4096], flags[8];
	unsigned long begin, end, offset, base = 0;
	ssize_t n;
	FILE *f;

	s->n_codes = 0;
	s->text_of = NULL;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n < 0 ? 0 : n] = '\0';
	if (!*s->program)
		strcpy(s->program, exe);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) && s->n_codes < ARRAY_SIZE(s->codes)) {
		struct code *c = &s->codes[s->n_codes];

		*name = '\0';
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4095s", &begin, &end, flags, &offset, name) < 4)
			continue;
		if (!offset && !strcmp(name, exe))
			base = begin;
		if (flags[2] != 'x')
			continue;
		*c = (struct code){ begin, end, base, strcmp(name, exe) ? LIBRARY : PROGRAM };
		if ((s->o.socket && strcmp(exe, s->program)) || strstr(name, "/ld-") ||
		    strstr(name, "/libasan.") || strstr(name, "/libubsan.") || strstr(name, "/libtsan."))
			c->kind = LEFT_ALONE;
		s->n_codes++;
	}
	if (f)
		fclose(f);
}

static const struct code *find_code(const struct supervisor *s, uintptr_t address)
{
	for (size_t i = 0; i < s->n_codes; i++)
		if (address >= s->codes[i].begin && address < s->codes[i].end)
			return &s->codes[i];
	return NULL;
}

static bool is_left_alone(struct supervisor *s, pid_t pid, uintptr_t address)
{
	const struct code *c = find_code(s, address);

	if (!c) {
		read_maps(s, pid);
		c = find_code(s, address);
	}
	return c && c->kind == LEFT_ALONE;
}

static size_t read_memory(pid_t pid, uintptr_t from, void *to, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)from, size };
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return n < 0 ? 0 : (size_t)n;
}

/* Whether a call instruction ends here. */
static bool is_behind_call(struct supervisor *s, pid_t pid, const struct code *c, uintptr_t address)
{
#ifdef __x86_64__
	size_t at = address - c->begin;

	if (s->text_of != c) {
		s->text = realloc(s->text, c->end - c->begin);
		if (!s->text || read_memory(pid, c->begin, s->text, c->end - c->begin) != c->end - c->begin)
			return false;
		s->text_of = c;
	}
	return at >= 7 &&
		(s->text[at - 5] == 0xe8 || s->text[at - 2] == 0xff || s->text[at - 3] == 0xff ||
		 s->text[at - 6] == 0xff);
#else
	return true;
#endif
}

static uintptr_t stack_pointer(pid_t pid)
{
	char path[64];
	unsigned long sp = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*s %*s %*s %*s %*s %*s %*s %lx", &sp) != 1)
		sp = 0;
	if (f)
		fclose(f);
	return sp;
}

static void print_sites(struct supervisor *s, pid_t pid, uintptr_t ip)
{
	uintptr_t words[1024], sp = stack_pointer(pid);
	size_t n = 0, size = 4096 - sp % 4096 + 4096;
	const struct code *c = find_code(s, ip);

	if (c && c->kind == PROGRAM)
		fprintf(s->report, " %lx", (unsigned long)(ip - c->base));
	/* Less than that is left at the stack's end. */
	size = read_memory(pid, sp, words, size) ?: read_memory(pid, sp, words, size - 4096);
	for (size_t i = 0; i < size / sizeof(words[0]) && n < 12; i++) {
		c = find_code(s, words[i]);
		if (!c || c->kind != PROGRAM || !is_behind_call(s, pid, c, words[i]))
			continue;
		fprintf(s->report, " %lx", (unsigned long)(words[i] - c->base));
		n++;
	}
}

/* ---- system calls ---- */

static struct task *find_task(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->n_tasks; i++)
		if (s->tasks[i].pid == pid)
			return &s->tasks[i];
	if (s->n_tasks == ARRAY_SIZE(s->tasks))
		return NULL;
	s->tasks[s->n_tasks] = (struct task){ .pid = pid };
	return &s->tasks[s->n_tasks++];
}

static const struct call *find_call(long nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

static void print_call(struct supervisor *s, const struct seccomp_notif *n, const struct task *t,
		       const struct call *c)
{
	fprintf(s->report, "%s %zu %s %lu ", s->o.list ? "call" : "fault", (size_t)(t - s->tasks), c->name,
		t->n[c - calls]);
	if (!s->o.list)
		fprintf(s->report, "%d", s->o.error);
	for (size_t i = 0; s->o.list && i < ARRAY_SIZE(c->errors) && c->errors[i]; i++)
		fprintf(s->report, "%s%d", i ? "," : "", c->errors[i]);
	print_sites(s, (pid_t)n->pid, n->data.instruction_pointer);
	putc('\n', s->report);
}

/* What the call is answered with; 0: it is carried out. */
static int judge(struct supervisor *s, const struct seccomp_notif *n)
{
	const struct call *c = find_call(n->data.nr);
	struct task *t;
	bool it;

	/* That becomes the command. */
	if (!s->n_tasks && n->data.nr == SYS_execve)
		return 0;
	t = find_task(s, (pid_t)n->pid);
	if (!t || is_left_alone(s, (pid_t)n->pid, n->data.instruction_pointer))
		return 0;
	t->n[c - calls]++;
	it = c == s->o.call && (size_t)(t - s->tasks) == s->o.task && t->n[c - calls] == s->o.number;
	if (it || s->o.list)
		print_call(s, n, t, c);
	return it ? s->o.error : 0;
}

static bool is_for_kernel(long nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_calls); i++)
		if (kernel_calls[i] == nr)
			return true;
	return false;
}

static void answer_call(struct supervisor *s)
{
	struct seccomp_notif n = {};
	struct seccomp_notif_resp r = {};
	int error;

	/* ENOENT: whoever called was killed meanwhile. */
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
		return;
	r.id = n.id;
	if (is_for_kernel(n.data.nr))
		fprintf(s->report, "kernel %d\n", n.data.nr);
	error = is_for_kernel(n.data.nr) ? 0 : judge(s, &n);
	if (error)
		r.error = -error;
	else if (!is_for_kernel(n.data.nr))
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	(void)!ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

/* ---- processes ---- */

static bool is_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGILL ||
		signal == SIGFPE || signal == SIGSYS || signal == SIGTRAP;
}

/* False: there is no process any more. */
static bool reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->command)
			s->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (WIFSIGNALED(status) && is_crash(WTERMSIG(status)))
			fprintf(s->report, "crash %d %d\n", pid, WTERMSIG(status));
	}
	return pid == 0;
}

/* Whose parents die become ours, so this is called until there are none. */
static void kill_children(struct supervisor *s)
{
	char path[64], name[64] = "";
	FILE *f, *comm;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		comm = fopen(path, "re");
		if (comm && fgets(name, sizeof(name), comm))
			fprintf(s->report, "left %d %s", pid, name);
		if (comm)
			fclose(comm);
		kill(pid, SIGKILL);
	}
	if (f)
		fclose(f);
}

static bool needs_filter(const struct options *o)
{
	return o->list || o->call || o->kernel;
}

static void run_command(struct supervisor *s, char **command, _Atomic int *listener)
{
	bool filter = needs_filter(&s->o) && !s->o.socket;
	sigset_t none;
	int fd = 0;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The same addresses each time. */
	personality(ADDR_NO_RANDOMIZE);
	setrlimit(RLIMIT_CORE, &(struct rlimit){});
	if (s->o.library)
		setenv("LD_PRELOAD", s->o.library, 1);
	if (filter)
		fd = install_filter(&s->o);
	/* From here on each call of the table waits for the other process. */
	atomic_store(listener, fd < 0 ? -2 : fd);
	if (fd >= 0)
		execv(command[0], command);
	_exit(98);
}

static _Atomic int *share_number(void)
{
	_Atomic int *number =
		mmap(NULL, sizeof(*number), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (number == MAP_FAILED)
		die("mmap");
	atomic_store(number, -1);
	return number;
}

static int wait_for_number(_Atomic int *number)
{
	while (atomic_load(number) == -1)
		usleep(20);
	if (atomic_load(number) == -2) {
		fprintf(stderr, "supervise: no seccomp filter with notifications here\n");
		exit(77);
	}
	return atomic_load(number);
}

static void start(struct supervisor *s, char **command)
{
	_Atomic int *listener = share_number();
	bool filter = needs_filter(&s->o) && !s->o.socket;
	int ends[2] = { -1, -1 }, fd;

	/* It stays open here too: until exec there is one table of descriptors. */
	if (s->o.until_ready && (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[1], READY_FD) < 0))
		die("pipe");
	s->ready = ends[0];
	/* With one table of descriptors the listener is the parent's too; exec ends the sharing. */
	s->command =
		filter ? (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL) : fork();
	if (s->command < 0)
		die("fork");
	if (s->command == 0)
		run_command(s, command, listener);
	fd = wait_for_number(listener);
	s->listener = filter ? fd : -1;
}

/* ---- what is far below the command ---- */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static void listen_at(struct supervisor *s)
{
	struct sockaddr_un a = address_of(s->o.socket);

	s->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->socket < 0 || bind(s->socket, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(s->o.socket);
}

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void take_listener(struct supervisor *s)
{
	union control control = {};
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	if (recvmsg(s->socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 && msg.msg_controllen)
		memcpy(&s->listener, CMSG_DATA(&control.head), sizeof(s->listener));
}

static void send_listener(int to, int listener)
{
	union control control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (char[1]){ 0 }, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.head), &listener, sizeof(listener));
	if (sendmsg(to, &msg, 0) < 0)
		die("sendmsg");
}

/* Another process sends the listener: from the filter on, each call of this one waits for it. */
static void be_client(struct supervisor *s, char **command)
{
	struct sockaddr_un a = address_of(s->o.client);
	_Atomic int *listener = share_number();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t sender;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chroot(".") < 0)
		die(s->o.client);
	sender = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (sender == 0) {
		send_listener(fd, wait_for_number(listener));
		_exit(0);
	}
	s->o.library = NULL;
	run_command(s, command, listener);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Ends a command that runs until it is told to end. */
static void end_when_ready(struct supervisor *s, bool ready)
{
	if (s->ready < 0 || !(ready || now_ms() > s->start_ms + NOT_READY_MS))
		return;
	kill(s->command, SIGTERM);
	close(s->ready);
	s->ready = -1;
}

static void supervise(struct supervisor *s)
{
	int64_t end = now_ms() + (int64_t)s->o.seconds * 1000, left;
	struct signalfd_siginfo info;

	s->start_ms = now_ms();
	while (reap(s)) {
		struct pollfd fds[] = { { s->listener, POLLIN, 0 },
					{ s->signals, POLLIN, 0 },
					{ s->ready, POLLIN, 0 },
					{ s->socket, POLLIN, 0 } };

		left = end - now_ms();
		if (left <= 0)
			kill_children(s);
		else if (s->ready >= 0 && left > NOT_READY_MS)
			left = NOT_READY_MS;
		poll(fds, 4, left > 0 ? (int)left : 10);
		end_when_ready(s, fds[2].revents & POLLIN);
		if (fds[0].revents & POLLIN)
			answer_call(s);
		else if (fds[0].revents)
			s->listener = -1;
		if (fds[3].revents)
			take_listener(s);
		if (fds[1].revents)
			(void)!read(s->signals, &info, sizeof(info));
	}
	fprintf(s->report, "exit %d\n", s->status);
}

static void parse_fault(struct options *o, const char *text)
{
	char name[32];

	if (sscanf(text, "%lu:%31[^:]:%lu:%d", &o->task, name, &o->number, &o->error) != 4)
		exit(100);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(calls[i].name, name))
			o->call = &calls[i];
	if (!o->call)
		exit(100);
}

static void parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .seconds = 60 };
	while ((c = getopt(argc, argv, "+o:t:p:krs:c:lf:")) != -1)
		switch (c) {
		case 'o':
			o->report = optarg;
			break;
		case 't':
			o->seconds = strtoul(optarg, NULL, 10);
			break;
		case 'p':
			o->library = optarg;
			break;
		case 'k':
			o->kernel = true;
			break;
		case 'r':
			o->until_ready = true;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'c':
			o->client = optarg;
			break;
		case 'l':
			o->list = true;
			break;
		case 'f':
			parse_fault(o, optarg);
			break;
		default:
			exit(100);
		}
	if (!(o->report || o->client) || !argv[optind])
		exit(100);
}

int main(int argc, char **argv)
{
	static struct supervisor s;
	sigset_t child;

	parse(&s.o, argc, argv);
	if (s.o.client)
		be_client(&s, argv + optind);
	s.report = fopen(s.o.report, "we");
	if (!s.report)
		die(s.o.report);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	s.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("signalfd");
	s.socket = -1;
	if (s.o.socket)
		listen_at(&s);
	start(&s, argv + optind);
	supervise(&s);
	return fclose(s.report) == EOF;
}
