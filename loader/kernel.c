/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define CAP_SYS_MODULE_BIT 16

static int real_finit_module(void *data, int fd, const char *params, unsigned int flags)
{
	return syscall(SYS_finit_module, fd, params, flags) < 0 ? -errno : 0;
}

static int real_init_module(void *data, const void *image, size_t size, const char *params)
{
	return syscall(SYS_init_module, image, size, params) < 0 ? -errno : 0;
}

static int real_delete_module(void *data, const char *name, unsigned int flags)
{
	return syscall(SYS_delete_module, name, flags) < 0 ? -errno : 0;
}

static int real_read(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_RDONLY | O_NONBLOCK);
	size_t n = 0;
	ssize_t r = 1;

	if (fd < 0)
		return fd;
	while (r > 0 && n < size - 1) {
		r = read(fd, buf + n, size - 1 - n);
		if (r < 0 && errno == EINTR)
			r = 1;
		else if (r < 0)
			return -errno;
		else
			n += (size_t)r;
	}
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return (int)n;
}

static bool is_there(const struct rootfs *root, const char *path)
{
	_cleanup_close_ int fd = rootfs_openat(root, path, O_PATH);

	return fd >= 0;
}

static enum initstate state_without_file(const struct rootfs *root, const char *directory)
{
	if (is_there(root, directory))
		return INITSTATE_BUILTIN;
	return is_there(root, "sys/module") ? INITSTATE_ABSENT : INITSTATE_UNKNOWN;
}

static enum initstate real_initstate(void *data, const struct rootfs *root, const char *name)
{
	static const char *const words[] = {
		[INITSTATE_COMING] = "coming",
		[INITSTATE_LIVE] = "live",
		[INITSTATE_GOING] = "going",
	};
	char path[320], word[16];
	int r, n;

	n = snprintf(path, sizeof(path), "sys/module/%s/initstate", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return INITSTATE_ABSENT;
	r = real_read(NULL, root, path, word, sizeof(word));
	/* The file existed when it was opened: the module is being removed. */
	if (r == -ENODEV)
		return INITSTATE_GOING;
	if (r < 0) {
		path[n - (int)strlen("/initstate")] = '\0';
		return state_without_file(root, path);
	}
	for (size_t i = INITSTATE_COMING; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i]))
			return (enum initstate)i;
	return INITSTATE_ABSENT;
}

static bool real_capable(void *data)
{
	struct {
		uint32_t version;
		int32_t pid;
	} header = { .version = 0x20080522 };
	struct {
		uint32_t effective, permitted, inheritable;
	} sets[2] = {};

	if (syscall(SYS_capget, &header, sets) < 0)
		return true;
	return sets[0].effective & 1U << CAP_SYS_MODULE_BIT;
}

/* The environment with MODPROBE_MODULE set. Only the array and that one string are allocated. */
static char **make_environment(const char *module, char **ret_string)
{
	_cleanup_free_ char **env = NULL;
	size_t n = 0, used = 0;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env || asprintf(ret_string, "MODPROBE_MODULE=%s", module) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "MODPROBE_MODULE=", 16))
			env[used++] = environ[i];
	env[used] = *ret_string;
	return steal_ptr(env);
}

static int add_actions(posix_spawn_file_actions_t *actions, bool foreground, int in, int out)
{
	int r = foreground ? 0 : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	if (r == 0 && out >= 0)
		r = posix_spawn_file_actions_adddup2(actions, out, 1);
	if (r == 0 && out >= 0)
		r = posix_spawn_file_actions_adddup2(actions, out, 2);
	/* Duplicated onto itself, it stays open across the exec. */
	if (r == 0 && in >= 0)
		r = posix_spawn_file_actions_adddup2(actions, in, in);
	return -r;
}

/* Restores the default signals for a command: the loader ignores some. */
static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return -r;
}

static int spawn_with(pid_t *pid, const char *shell, const struct kernel_command *c, char **env,
		      posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, int in, int out)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)(uintptr_t)c->command, NULL };
	int r;

	r = add_actions(actions, c->foreground, in, out);
	if (r == 0)
		r = set_signals(attr);
	if (r == 0)
		r = -posix_spawn(pid, shell, actions, attr, argv, env);
	return r;
}

static int spawn_shell(pid_t *pid, const char *shell, const struct kernel_command *c, int in, int out)
{
	_cleanup_free_ char *string = NULL;
	_cleanup_free_ char **env = make_environment(c->module, &string);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	if (!env || posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = spawn_with(pid, shell, c, env, &actions, &attr, in, out);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Reads a piece of the output; false: there is none. */
static bool take_output(int in, struct kernel_output *o, size_t *kept)
{
	char piece[4096];
	ssize_t n = read(in, piece, sizeof(piece));
	size_t room = sizeof(o->text) - 1 - *kept;

	if (n <= 0)
		return false;
	if ((size_t)n < room)
		room = (size_t)n;
	memcpy(o->text + *kept, piece, room);
	*kept += room;
	o->text[*kept] = '\0';
	return true;
}

/* 1: it has ended; 0: not yet. */
static int reap(pid_t pid, int *status)
{
	int s;
	pid_t r = waitpid(pid, &s, WNOHANG);

	if (r < 0 && errno != EINTR)
		return -errno;
	if (r <= 0)
		return 0;
	*status = WIFSIGNALED(s) ? 128 + WTERMSIG(s) : WEXITSTATUS(s);
	return 1;
}

/* Waits for the command and reads its output meanwhile, so that a command with much output is not blocked;
 * what does not fit is discarded. in: the output, a non-blocking descriptor, or -1. */
static int wait_for(pid_t pid, int in, struct kernel_output *o)
{
	/* Without a pidfd (before 5.3) poll() wakes a hundred times a second. */
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = { { .fd = in, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	size_t kept = 0;
	int r = 0;

	while (r == 0) {
		(void)poll(fds, ARRAY_SIZE(fds), pidfd < 0 ? 10 : -1);
		r = reap(pid, &o->status);
		if (in >= 0)
			(void)take_output(in, o, &kept);
	}
	/* A process that the command left behind may write for ever: read only what there is room for. */
	while (in >= 0 && kept < sizeof(o->text) - 1 && take_output(in, o, &kept))
		;
	return r < 0 ? r : 0;
}

/* *in does not block: the other end stays open here. Both are -1 when no such pipe can be made; the
 * command then inherits our output. */
static void open_output(int *in, int *out)
{
	int ends[2];

	*in = *out = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		close(ends[0]);
		close(ends[1]);
		return;
	}
	*in = ends[0];
	*out = ends[1];
}

/* The output comes through a pipe that is read until the shell exits: a memfd would have to grow without
 * bound, or a limit would make a command with much output fail. A process that the command leaves behind
 * cannot delay us, since the exit of the shell counts and not the end of the pipe. Nor is it killed by
 * SIGPIPE or blocked by a full pipe: it has inherited the reading end, and the writing end no longer
 * blocks. */
static int real_run_command(void *data, const struct rootfs *root, const struct kernel_command *command,
			    struct kernel_output *output)
{
	_cleanup_close_ int in = -1, out = -1;
	_cleanup_free_ char *shell = NULL;
	struct kernel_output o = {};
	pid_t pid;
	int r;

	if (!is_there(root, "bin/sh"))
		return -ENOENT;
	if (asprintf(&shell, "%s/bin/sh", root->path ? root->path : "") < 0)
		return -ENOMEM;
	if (!command->foreground)
		open_output(&in, &out);
	r = spawn_shell(&pid, shell, command, in, out);
	if (r == 0)
		r = wait_for(pid, in, &o);
	if (out >= 0)
		fcntl(out, F_SETFL, O_NONBLOCK);
	if (r < 0)
		return r;
	*output = o;
	return 0;
}

static void real_sleep(void *data, unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

const struct kernel_ops kernel_ops_real = {
	.finit_module = real_finit_module,
	.init_module = real_init_module,
	.delete_module = real_delete_module,
	.initstate = real_initstate,
	.read = real_read,
	.capable = real_capable,
	.run_command = real_run_command,
	.sleep = real_sleep,
};

void kernel_setup(struct kernel *k, const struct rootfs *root, const struct kernel_ops *ops, void *data)
{
	char word[16];

	*k = (struct kernel){ .ops = ops ? ops : &kernel_ops_real, .data = data, .root = *root };
	k->wants_file = getenv("COLDPLUG_MEMFD");
	if (k->ops->read(data, root, "sys/module/compression", word, sizeof(word)) > 0)
		k->compression = compression_by_name(word);
}
