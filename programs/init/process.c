/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PID 1 must not exit: the kernel panics when it does. So it does little itself; the engine runs in a child,
 * and a crash there costs modules, not the machine. Every orphan becomes a child of PID 1: they are reaped
 * wherever PID 1 waits, and it waits in this file only.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "programs/init/init.h"

/* What the kernel's signal frame and open(2), write(2) need, with room to spare (AVX-512 alone
 * takes 3 KiB). */
#define FAULT_STACK (64 * 1024)

static struct child *watched[4];

static void wake_up(int signal)
{
}

/* Only async-signal-safe calls. A handler that returned would fault again at once. */
static void on_fault(int signal)
{
	static const char text[] = "<24>coldplug: PID 1 has crashed and stops here\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	(void)!write(fd >= 0 ? fd : STDERR_FILENO, text, sizeof(text) - 1);
	for (;;)
		pause();
}

/* A stack of its own: the fault may be that the usual one has overflowed. */
static void handle_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	static char stack[FAULT_STACK];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &fault, NULL);
}

/* The kernel keeps from PID 1 every signal it has no handler for, but not its own faults. SIGCHLD
 * is blocked except while PID 1 waits. */
void process_setup(void)
{
	struct sigaction wake = { .sa_handler = wake_up };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGCHLD, &wake, NULL);
	handle_faults();
	signal(SIGPIPE, SIG_IGN);
}

void process_reset(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

uint64_t process_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void process_watch(struct child *child)
{
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		if (!watched[i]) {
			watched[i] = child;
			return;
		}
	}
}

void process_unwatch(struct child *child)
{
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (watched[i] == child)
			watched[i] = NULL;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
			if (!watched[i] || watched[i]->pid != pid)
				continue;
			watched[i]->status = status;
			watched[i]->ended = true;
		}
	}
}

int process_wait_fd(int fd, int timeout_ms)
{
	uint64_t end = process_now_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	sigset_t none;

	sigemptyset(&none);
	for (;;) {
		uint64_t now = process_now_ms(), left = now < end ? end - now : 0;
		struct timespec t = { .tv_sec = (time_t)(left / 1000),
				      .tv_nsec = (long)(left % 1000) * 1000000 };
		int n = ppoll(&p, fd >= 0, timeout_ms < 0 ? NULL : &t, &none);

		reap();
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -errno;
		if (fd < 0)
			return 0; /* a child has died, which is what the caller waits for */
	}
}

void process_sleep(int ms)
{
	uint64_t end = process_now_ms() + (uint64_t)ms;

	for (uint64_t now; (now = process_now_ms()) < end;)
		process_wait_fd(-1, (int)(end - now));
}

void process_open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int i = 0; fd >= 0 && i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

bool process_await(struct child *child, int timeout_ms)
{
	uint64_t end = process_now_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);

	process_watch(child);
	for (uint64_t now; !child->ended && (timeout_ms < 0 || (now = process_now_ms()) < end);)
		process_wait_fd(-1, timeout_ms < 0 ? 1000 : (int)(end - now));
	process_unwatch(child);
	return child->ended;
}

int process_start(struct child *child, char *const argv[], bool own_terminal)
{
	*child = (struct child){ .pid = fork() };
	if (child->pid < 0)
		return -errno;
	if (child->pid == 0) {
		process_reset();
		if (own_terminal)
			setsid();
		process_open_console();
		if (own_terminal)
			ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		execv(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	return 0;
}

int process_run(char *const argv[], bool own_terminal)
{
	struct child child;
	int r = process_start(&child, argv, own_terminal);

	if (r < 0)
		return r;
	process_await(&child, -1);
	return child.status;
}

const char *process_status_text(int status, char buf[64])
{
	if (WIFSIGNALED(status))
		snprintf(buf, 64, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(buf, 64, "exit status %d", WEXITSTATUS(status));
	return buf;
}

void process_stay(void)
{
	for (;;)
		process_wait_fd(-1, -1);
}

void process_give_up(const struct init_options *o)
{
	if (!o->has_panic || !o->panic)
		process_stay();
	if (o->panic > 0)
		say(2, "restarting in %d seconds, as panic= says", o->panic);
	for (int i = 0; i < o->panic; i++)
		process_sleep(1000);
	sync();
	reboot(RB_AUTOBOOT);
	process_stay();
}
