/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PID 1 must not exit, whatever happens: the kernel panics when it does. So it does little itself; the
 * engine runs in a child, and a fault there costs modules, not the machine. Everybody's orphans are its
 * children: they are reaped wherever it waits, and it waits only here.
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

static struct child *watched[4];

static void wake_up(int signal)
{
}

/* Only async-signal-safe calls. A handler that returned would come here again at once. */
static void on_fault(int signal)
{
	static const char text[] = "<24>coldplug: PID 1 has a fault of its own and stops here\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	(void)!write(fd >= 0 ? fd : STDERR_FILENO, text, sizeof(text) - 1);
	for (;;)
		pause();
}

/* The kernel spares PID 1 all signals it has no handler for, but not its own faults. SIGCHLD is blocked
 * but where we wait. */
void process_setup(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction wake = { .sa_handler = wake_up }, fault = { .sa_handler = on_fault };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGCHLD, &wake, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &fault, NULL);
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
			return 0; /* somebody has died, which is what is waited for */
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

void process_await(struct child *child)
{
	process_watch(child);
	while (!child->ended)
		process_wait_fd(-1, 1000);
	process_unwatch(child);
}

int process_run(char *const argv[], bool own_terminal)
{
	struct child child = { .pid = fork() };

	if (child.pid < 0)
		return -errno;
	if (child.pid == 0) {
		process_reset();
		if (own_terminal)
			setsid();
		process_open_console();
		if (own_terminal)
			ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		execv(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	process_await(&child);
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
