/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PID 1 of the VM tests: runs the lines of /job one after the other and tells the host
 * over the second serial port how each went. No shell: a test of coldplug must not be
 * helped by anything but the kernel. A line is
 *
 *	PROGRAM ARG...		run it, its output kept in /tmp/out.N (N counts the lines)
 *	@file PATH		send a file; "@wait SECONDS" does just that
 *
 * It is /init of an initramfs, or /sbin/init of a root file system (root-image): what is mounted by
 * then stays, and the arguments it was given stand in /tmp/args, one a line.
 *
 * What goes over the line: "@start N COMMAND", "@end N STATUS START END" (seconds of
 * CLOCK_MONOTONIC; status 128 + signal, or "timeout"), "@file PATH SIZE" and so many bytes,
 * "@done". A job may take JOB_LIMIT seconds: a thread inside finit_module cannot be
 * killed, so whoever takes longer is reported, and the machine is switched off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define JOB_LIMIT 120
#define ARGS_MAX 64

static FILE *out;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_mounted(const char *dir)
{
	struct stat here, above;

	return !stat(dir, &here) && !stat("/", &above) && here.st_dev != above.st_dev;
}

static void keep_args(char **argv)
{
	FILE *f = fopen("/tmp/args", "we");

	for (; f && *argv; argv++)
		fprintf(f, "%s\n", *argv);
	if (f)
		fclose(f);
}

static void prepare(void)
{
	static const char *const fs[][2] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
		{ "tmpfs", "/run" }, { "tmpfs", "/tmp" },
	};
	bool first = !is_mounted("/proc");
	struct termios t;
	FILE *f;
	int fd;

	for (size_t i = 0; i < sizeof fs / sizeof *fs; i++) {
		if (is_mounted(fs[i][1]))
			continue;
		mkdir(fs[i][1], 0755);
		mount(fs[i][0], fs[i][1], fs[i][0], 0, NULL);
	}
	fd = open("/dev/console", O_RDWR);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	out = fopen(RESULTS, "we");
	if (!out)
		out = stdout;
	if (!tcgetattr(fileno(out), &t)) {
		cfmakeraw(&t);
		tcsetattr(fileno(out), TCSANOW, &t);
	}
	/* An earlier init, if there was one, must have left it as it was. */
	f = first ? fopen("/proc/sys/kernel/printk_devkmsg", "we") : NULL;
	if (f) {
		fputs("on\n", f);
		fclose(f);
	}
}

/* Files of /proc say that they are empty: read first, then tell the size. */
static void send_file(const char *path)
{
	size_t size = 0, room = 1 << 16;
	char *data = malloc(room);
	FILE *f = fopen(path, "re");

	while (f && data) {
		size_t n = fread(data + size, 1, room - size, f);

		if (!n)
			break;
		size += n;
		if (size == room)
			data = realloc(data, room *= 2);
	}
	if (!f)
		fprintf(out, "@missing %s\n", path);
	else if (data) {
		fprintf(out, "@file %s %zu\n", path, size);
		fwrite(data, 1, size, out);
		fputc('\n', out);
	}
	if (f)
		fclose(f);
	free(data);
	fflush(out);
}

/* The status of `child`, or -1 after JOB_LIMIT; whoever else dies meanwhile is reaped. */
static int wait_for(pid_t child)
{
	double end = now() + JOB_LIMIT;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		struct timespec second = { 1, 0 };
		int status;
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (now() > end)
			return -1;
		sigtimedwait(&set, NULL, &second);
	}
}

static void child(char **argv, const char *output)
{
	int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	execv(argv[0], argv);
	dprintf(2, "init: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* False when the job did not end. */
static bool run(int n, char *line)
{
	char *argv[ARGS_MAX + 1] = { NULL }, *save = NULL, output[32];
	double start;
	pid_t pid;
	int argc = 0, status;

	fprintf(out, "@start %d %s\n", n, line);
	fflush(out);
	snprintf(output, sizeof output, "/tmp/out.%d", n);
	for (char *a = strtok_r(line, " ", &save); a && argc < ARGS_MAX; a = strtok_r(NULL, " ", &save))
		argv[argc++] = a;
	start = now();
	pid = fork();
	if (pid == 0)
		child(argv, output);
	status = wait_for(pid);
	if (status < 0)
		fprintf(out, "@end %d timeout %.6f %.6f\n", n, start, now());
	else
		fprintf(out, "@end %d %d %.6f %.6f\n", n, status, start, now());
	send_file(output);
	return status >= 0;
}

/* Where check-log stops: shutting devices down is no business of whoever loaded their drivers. */
static void note_power_off(void)
{
	FILE *f = fopen("/dev/kmsg", "we");

	if (f) {
		fputs("init: the jobs are done\n", f);
		fclose(f);
	}
}

int main(int argc __attribute__((unused)), char **argv)
{
	char line[4096];
	sigset_t set;
	FILE *job;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prepare();
	keep_args(argv);
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	job = fopen("/job", "re");
	for (int n = 1; job && fgets(line, sizeof line, job); n++) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "@file ", 6))
			send_file(line + 6);
		else if (!strncmp(line, "@wait ", 6))
			sleep((unsigned)atoi(line + 6));
		else if (*line && !run(n, line))
			break;
	}
	note_power_off();
	fprintf(out, "@done\n");
	fflush(out);
	tcdrain(fileno(out));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
