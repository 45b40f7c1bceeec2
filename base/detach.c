/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Runs between the two forks: the caller waits for this process only. */
static void fork_again(int (*fn)(void *userdata), void *userdata)
{
	pid_t pid;

	setsid();
	pid = fork();
	if (pid == 0)
		_exit(fn(userdata));
	_exit(pid < 0 ? errno : 0);
}

static int wait_for_middle(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		/* ECHILD: the caller ignores SIGCHLD. A process that is not there answers EPIPE later. */
		if (errno == ECHILD)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
	if (!WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

int detach_fork(int (*fn)(void *userdata), void *userdata)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		fork_again(fn, userdata);
	return wait_for_middle(pid);
}

static void set_signals(void)
{
	static const int kept[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };
	sigset_t none;

	for (int s = 1; s < NSIG; s++) {
		bool keep = false;

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			keep |= s == kept[i];
		if (!keep)
			signal(s, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_range_of(unsigned int first, unsigned int last)
{
	if (first > last)
		return;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, last, 0) == 0)
		return;
#endif
	long max = sysconf(_SC_OPEN_MAX);

	for (unsigned int fd = first; fd <= last && fd < (max > 0 ? max : 1024); fd++)
		close((int)fd);
}

/* All but these, from 3 on. */
static void close_others(int *const fds[], size_t n)
{
	unsigned int first = 3;

	for (;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < n; i++)
			if ((unsigned int)*fds[i] >= first && (unsigned int)*fds[i] < next)
				next = (unsigned int)*fds[i];
		close_range_of(first, next == ~0U ? next : next - 1);
		if (next == ~0U)
			return;
		first = next + 1;
	}
}

/* Nothing of the caller's stays open, least of all a pipe that somebody reads to its end. */
static int set_descriptors(int *fds[], size_t n)
{
	int null;

	for (size_t i = 0; i < n; i++) {
		*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 3);
		if (*fds[i] < 0)
			return -errno;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Without /dev something that keeps the three numbers taken, and that nobody can write to. */
	if (null < 0)
		null = open("/", O_PATH | O_CLOEXEC);
	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	close_others(fds, n);
	return 0;
}

int detach_settle(const char *name, int *fds[], size_t n)
{
	int r;

	set_signals();
	prctl(PR_SET_NAME, name);
	r = set_descriptors(fds, n);
	if (r < 0)
		return r;
	/* No file system is kept busy. */
	return chdir("/") < 0 ? -errno : 0;
}

int detach_lift(int *fd)
{
	int high;

	if (*fd > STDERR_FILENO)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high < 0)
		return -errno;
	close(*fd);
	*fd = high;
	return 0;
}
