/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/cli/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop, state;

static void on_signal(int signal)
{
	if (signal == SIGUSR1)
		state = 1;
	else
		stop = 1;
}

bool monitor_is_stopped(void)
{
	return stop;
}

static struct coldplug *reloaded;

static void on_hangup(int signal)
{
	coldplug_reload(reloaded);
}

/* The signals are blocked except while ppoll(2) waits, so that none arrives between the check of its flag and
 * the wait. */
void monitor_set_signals(struct cli *cli, sigset_t *waiting)
{
	struct sigaction sa = { .sa_handler = on_signal }, hup = { .sa_handler = on_hangup };
	sigset_t blocked;

	reloaded = cli->c;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, waiting);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGHUP, &hup, NULL);
}

static void print_state(struct cli *cli)
{
	struct coldplug_summary s;

	coldplug_get_summary(cli->c, &s);
	printf(cli->json
		       ? "{\"events\":%llu,\"ignored\":%llu,\"aliases\":%zu,\"modules\":%zu,\"loaded\":%zu,"
			 "\"declined\":%zu,\"skipped\":%zu,\"failed\":%zu,\"lost\":%zu}\n"
		       : "coldplug: %llu events (%llu ignored), %zu aliases, %zu modules: %zu loaded, %zu declined, "
			 "%zu skipped, %zu failed; %zu inputs lost\n",
	       (unsigned long long)s.events, (unsigned long long)s.events_ignored, s.aliases, s.modules,
	       s.loaded, s.declined, s.skipped, s.failed, s.lost);
	fflush(stdout);
}

/* Does what sd_notify(3) does: sends a datagram to the socket that the service manager named. */
void monitor_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (!n || n >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, n);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

/* For s6, readiness is a newline on the descriptor of --notify-fd, which is then closed. */
void monitor_report_ready(struct cli *cli)
{
	monitor_notify("READY=1");
	if (cli->notify_fd < 0)
		return;
	if (write(cli->notify_fd, "\n", 1) != 1)
		output_message("coldplug monitor: --notify-fd %d: %s\n", cli->notify_fd, strerror(errno));
	close(cli->notify_fd);
}

/* ppoll(2) delivers no signal when the descriptor is readable at once. If it always is, the signals are
 * delivered here. */
static void deliver_signals(const sigset_t *waiting)
{
	sigset_t blocked;

	sigprocmask(SIG_SETMASK, waiting, &blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

int monitor_wait_for_news(struct cli *cli, const struct timespec *timeout, const sigset_t *waiting)
{
	struct pollfd pfd = { .fd = coldplug_fd(cli->c), .events = POLLIN };

	if (ppoll(&pfd, 1, timeout, waiting) < 0 && errno != EINTR)
		return -errno;
	deliver_signals(waiting);
	if (state)
		print_state(cli);
	state = 0;
	return 0;
}

/* A boot waits for readiness, and a load may never return. */
void monitor_explain_late(struct cli *cli)
{
	unsigned int ms = cli->timeout_ms;
	const struct coldplug_step *s;

	fprintf(stderr,
		"coldplug: error: the machine has not settled after %u.%03u s; readiness is reported anyway\n",
		ms / 1000, ms % 1000);
	for (size_t i = 0; (s = coldplug_step(cli->c, i)); i++)
		if (s->state == COLDPLUG_PLANNED)
			output_message("coldplug:   still loading or waiting to be loaded: %s\n", s->module);
}
