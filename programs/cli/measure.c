/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process of its own, the runner, starts the commands one after the other, so that wait4(2) tells what
 * all of them have used, and nothing else. This one should be small, because the peak of a new process
 * includes what it had before execve(2).
 *
 * Processes are counted by ptrace(2), in a run that is not timed: nothing else sees those that somebody
 * else waits for, and no other processes.
 */
#include "programs/cli/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX \
	((size_t)96 * 1024) /* bytes of the words of one command; the kernel has room for 128 KiB at least */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Returns 0 or an errno. */
static int run_command(const char *const *argv)
{
	extern char **environ;
	int status = 0, r;
	pid_t pid;

	r = posix_spawn(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ);
	if (r)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	/* 126 and 127 are a shell's codes for what cannot be run. */
	if (WIFSIGNALED(status))
		return ECHILD;
	return WEXITSTATUS(status) < 126 ? 0 : ENOEXEC;
}

/* How many of the words the next command is given. */
static size_t count_words(const struct measured *m, size_t at)
{
	size_t n = 0, bytes = 0;

	for (; n < m->n_each && at + n < m->n_words; n++) {
		bytes += strlen(m->words[at + n]) + 1 + sizeof(char *);
		if (n && bytes > WORDS_MAX)
			break;
	}
	return n;
}

/* Returns 0 or an errno. */
static int run_commands(const struct measured *m)
{
	size_t n_head = 0, n;
	const char **argv;
	int r = 0;

	while (m->command[n_head])
		n_head++;
	argv = calloc(n_head + m->n_words + 1, sizeof(*argv));
	if (!argv)
		return ENOMEM;
	memcpy(argv, m->command, n_head * sizeof(*argv));
	if (!m->words)
		r = run_command(argv);
	for (size_t at = 0; !r && m->words && at < m->n_words; at += n) {
		n = count_words(m, at);
		memcpy(argv + n_head, m->words + at, n * sizeof(*argv));
		argv[n_head + n] = NULL;
		r = run_command(argv);
	}
	free(argv);
	return r;
}

/* Begins when a byte comes through the pipe. */
static void be_runner(const struct measured *m, int begin)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	unsetenv("MODPROBE_OPTIONS");
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || read(begin, &byte, 1) != 1)
		_exit(EIO);
	_exit(run_commands(m));
}

/* The runner waits until its descriptor is written to. */
static int start_runner(const struct measured *m, pid_t *pid, int *begin)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*pid = fork();
	if (*pid == 0) {
		/* Its end is an end of file here if this process dies. */
		close(fds[1]);
		be_runner(m, fds[0]);
	}
	close(fds[0]);
	if (*pid < 0) {
		close(fds[1]);
		return -EAGAIN;
	}
	*begin = fds[1];
	return 0;
}

static void release_runner(int begin)
{
	(void)!write(begin, "", 1);
	close(begin);
}

static int runner_error(int status)
{
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static uint64_t in_us(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

int measure(const struct measured *m, struct measurement *ret)
{
	struct rusage usage = {};
	int begin = -1, status = 0, r;
	uint64_t start;
	pid_t pid = -1;

	r = start_runner(m, &pid, &begin);
	if (r < 0)
		return r;
	start = now_us();
	release_runner(begin);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			return -errno;
	r = runner_error(status);
	if (r < 0)
		return r;
	ret->wall_us = now_us() - start;
	ret->cpu_us = in_us(usage.ru_utime) + in_us(usage.ru_stime);
	ret->peak_kib = (uint64_t)usage.ru_maxrss;
	return 0;
}

/* Lets a process that has stopped go on. Returns how many processes it has started. */
static int go_on(pid_t pid, int status)
{
	int event = status >> 16, signal = event ? 0 : WSTOPSIG(status);

	ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal);
	return event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE;
}

/* Threads are not seen: their clone(2) is not asked for. */
static bool trace(pid_t pid)
{
	int options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;

	return !ptrace(PTRACE_SEIZE, pid, NULL, (void *)(intptr_t)options);
}

int measure_processes(const struct measured *m, int64_t *ret)
{
	int begin = -1, status, r = 0;
	pid_t runner = -1, pid;
	int64_t n = 0;

	r = start_runner(m, &runner, &begin);
	if (r < 0)
		return r;
	*ret = trace(runner) ? 0 : -1;
	release_runner(begin);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid > 0 && WIFSTOPPED(status))
			n += go_on(pid, status);
		else if (pid == runner)
			r = runner_error(status);
	}
	if (!*ret)
		*ret = n;
	return r;
}
