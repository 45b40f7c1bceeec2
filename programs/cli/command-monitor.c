/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hotplug daemon: it does what `coldplug run` does, and then serves the devices that appear. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "programs/cli/cli.h"
#include "programs/filesystem.h"

/* Readiness is reported after this time at the latest. coldplug-initrd.service uses the same limit. */
#define READY_MS 60000

static volatile sig_atomic_t stop, state;

static void on_signal(int signal)
{
	if (signal == SIGUSR1)
		state = 1;
	else
		stop = 1;
}

static struct coldplug *reloaded;

static void on_hangup(int signal)
{
	coldplug_reload(reloaded);
}

/* The signals are blocked except while ppoll(2) waits, so that none arrives between the check of its flag and
 * the wait. */
static void set_signals(struct cli *cli, sigset_t *waiting)
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

/* Something that happened is missing in the output. */
static bool incomplete;

/* The modules of a device are more important than the line about it, so this is no reason to end. */
static void print_json(struct cli *cli, enum coldplug_json what, const char *loss)
{
	char *text;
	int r = coldplug_json(cli->c, what, &text);

	if (r < 0) {
		cli_fail(cli, r, loss);
		incomplete = true;
		return;
	}
	puts(text);
	fflush(stdout);
	free(text);
}

static void print_event(void *userdata, const struct coldplug_event *e)
{
	struct cli *cli = userdata;

	if (cli->json) {
		print_json(cli, COLDPLUG_JSON_EVENT, "an event is missing in the output");
		return;
	}
	output_printf("event   %-8s %s%s%s\n", e->action, e->devpath, e->modalias ? "  " : "",
		      e->modalias ? e->modalias : "");
	fflush(stdout);
}

static void print_result(void *userdata, size_t step)
{
	struct cli *cli = userdata;
	const struct coldplug_step *s = coldplug_step(cli->c, step);

	if (cli->json)
		print_json(cli, COLDPLUG_JSON_RESULT, "a result is missing in the output");
	else if (cli->verbosity > 0 || s->state == COLDPLUG_FAILED)
		cli_print_step(cli, s);
	fflush(stdout);
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
static void notify_manager(const char *text)
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
static void report_ready(struct cli *cli)
{
	notify_manager("READY=1");
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

static int wait_for_news(struct cli *cli, const struct timespec *timeout, const sigset_t *waiting)
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

static int stay(struct cli *cli, const sigset_t *waiting)
{
	int r = 0;

	while (r >= 0 && !stop && (r = coldplug_dispatch(cli->c)) >= 0)
		r = wait_for_news(cli, NULL, waiting);
	return r;
}

/* Does what coldplug_run() does, but handles signals meanwhile, also while a driver hangs. */
static int settle(struct cli *cli, const sigset_t *waiting)
{
	int timeout, r = coldplug_begin(cli->c);

	while (r >= 0 && !stop && (r = coldplug_advance(cli->c, &timeout)) == 0) {
		struct timespec t = { .tv_sec = timeout / 1000, .tv_nsec = (long)(timeout % 1000) * 1000000 };

		r = wait_for_news(cli, timeout < 0 ? NULL : &t, waiting);
	}
	return r;
}

/* A boot waits for readiness, and a load may never return. */
static void explain_late(struct cli *cli)
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

/* Waits until the machine has settled, or until the timeout. After a timeout the loading process writes the
 * report later. */
static int get_ready(struct cli *cli, const sigset_t *waiting)
{
	int r = settle(cli, waiting);

	if (stop)
		return r == -ETIMEDOUT ? 0 : r;
	if (r == -ETIMEDOUT)
		explain_late(cli);
	else if (r >= 0)
		r = coldplug_finish(cli->c);
	if (r >= 0 || r == -ETIMEDOUT)
		report_ready(cli);
	return r == -ETIMEDOUT ? 0 : r;
}

/* ---- with --wait-for ---- */

#define WAITS_MAX (sizeof(((struct cli *)0)->wait_specs) / sizeof(((struct cli *)0)->wait_specs[0]))

/* How long the root's init may take to start. */
#define INIT_MS 5000
#define LOOK_MS 20

struct wait {
	struct cli *cli;
	bool wanted[WAITS_MAX]; /* the modules of its file system are requested */
	bool ready;		/* which has been reported */
	bool ending;		/* a signal has come */
	bool stays;		/* until all has settled, all the same */
	int64_t deadline_ms;	/* for these */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What these types are on may need further devices, which nobody has named, before it can be mounted; and the kernel
 * can resume from a disk only while nothing is being loaded. */
static bool needs_more(const char *type)
{
	static const char *const types[] = {
		"bcache", "bcachefs", "btrfs", "crypto_LUKS", "jbd", "swsuspend"
	};
	const char *member = strstr(type, "_member");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(type, types[i]))
			return true;
	return !*type || strchr(type, ',') || (member && !member[strlen("_member")]);
}

/* All is waited for. So nothing gives way to anything else any more, and what comes last is not held. */
static void wait_for_all(struct wait *w)
{
	(void)coldplug_set_flag(w->cli->c, COLDPLUG_AWAIT_END, false);
}

/* Whether one of what is waited for can be mounted. The modules for that are requested when its type is known. */
static bool is_mountable(struct wait *w, int i)
{
	struct coldplug *c = w->cli->c;
	const char *type = coldplug_found_type(c, (size_t)i);

	if (!type)
		return false;
	if (needs_more(type)) {
		wait_for_all(w);
		return false;
	}
	if (!w->wanted[i]) {
		w->wanted[i] = true;
		filesystem_want(c, type);
		if (coldplug_plan(c) >= 0)
			(void)coldplug_load(c);
	}
	return filesystem_is_tried(c, type);
}

static bool are_mountable(struct wait *w)
{
	bool all = true;

	for (int i = 0; i < w->cli->waits; i++)
		all = is_mountable(w, i) && all;
	return all;
}

/* Devices that are not there when all has settled are left to whoever has asked for readiness. */
static void look_whether_ready(struct wait *w)
{
	bool late;

	if (w->ready)
		return;
	late = now_ms() >= w->deadline_ms;
	w->ready = are_mountable(w) || coldplug_is_settled(w->cli->c) || late;
	if (!w->ready)
		return;
	if (late)
		explain_late(w->cli);
	report_ready(w->cli);
}

/* Sooner, if the limit for readiness is sooner. */
static struct timespec *time_to_wait(const struct wait *w, int timeout, struct timespec *t)
{
	int64_t left = w->deadline_ms - now_ms(), ms = timeout;

	if ((!w->ready || w->stays) && (ms < 0 || left < ms))
		ms = left > 0 ? left : 0;
	*t = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	return ms < 0 ? NULL : t;
}

/* The program that process 1 runs. */
static bool stat_first(int proc, struct stat *st)
{
	return proc >= 0 && !fstatat(proc, "exe", st, 0);
}

/* Until process 1 runs a program of another file system: that is the init of the root, which has the processors to
 * itself until then. In an initramfs /proc moves away. What deletes the initramfs, run-init, is a program of it. */
static void wait_for_init(int proc)
{
	int64_t end = now_ms() + INIT_MS;
	struct stat before, now;

	if (!stat_first(proc, &before))
		return;
	while (now_ms() < end && stat_first(proc, &now) && now.st_dev == before.st_dev)
		poll(NULL, 0, LOOK_MS);
}

/* Whether a signal ends it now. A driver finds no firmware between the end of the initramfs and the root's init, and
 * a command has no program any more: with these it ends when all has settled, or when the limit is over. */
static bool may_end(struct wait *w)
{
	if (!stop)
		return false;
	if (!w->ending) {
		w->ending = true;
		w->stays = filesystem_has_firmware() || coldplug_leave(w->cli->c) > 0;
		if (w->stays)
			wait_for_all(w);
	}
	return !w->stays || coldplug_is_settled(w->cli->c) || now_ms() >= w->deadline_ms;
}

/* The modules that are left are opened, since their files may be about to be deleted. Who has asked for the end need
 * not wait any longer than for that. */
static int leave(struct cli *cli)
{
	int proc = open("/proc/1", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = coldplug_leave(cli->c);

	if (r >= 0 && !fork()) {
		setsid();
		wait_for_init(proc);
		_exit(0);
	}
	if (proc >= 0)
		close(proc);
	return r;
}

/* Until it may end. */
static int stay_behind(struct cli *cli, const sigset_t *waiting)
{
	struct wait w = { .cli = cli, .deadline_ms = now_ms() + cli->timeout_ms };
	int timeout, r = coldplug_begin(cli->c);
	struct timespec t;

	while (r >= 0 && !may_end(&w)) {
		r = coldplug_advance(cli->c, &timeout);
		if (r < 0)
			break;
		look_whether_ready(&w);
		r = wait_for_news(cli, time_to_wait(&w, timeout, &t), waiting);
	}
	return r < 0 ? r : leave(cli);
}

int command_monitor(struct cli *cli)
{
	sigset_t waiting;
	int r;

	if (cli_begins_with_param(cli))
		return EXIT_USAGE;
	if (coldplug_is_dry_run(cli->c)) {
		fprintf(stderr, "coldplug monitor: --root cannot be used: a directory sends no uevents\n");
		return EXIT_USAGE;
	}
	coldplug_set_flag(cli->c, cli->waits ? COLDPLUG_AWAIT_END : COLDPLUG_MONITOR, true);
	coldplug_set_progress(cli->c, print_result, cli);
	if (cli->verbosity > 0 || cli->json)
		coldplug_set_event(cli->c, print_event, cli);
	if (!cli->timeout_ms)
		cli->timeout_ms = READY_MS;
	if (!cli->waits)
		coldplug_set_timeout(cli->c, cli->timeout_ms);
	set_signals(cli, &waiting);
	r = coldplug_start(cli->c);
	if (r >= 0)
		r = cli_want(cli);
	if (r >= 0)
		r = cli->waits ? stay_behind(cli, &waiting) : get_ready(cli, &waiting);
	if (r >= 0 && !cli->waits && !stop)
		r = stay(cli, &waiting);
	notify_manager("STOPPING=1");
	/* Each failure was reported when it happened, so the exit code does not repeat it. */
	if (r >= 0)
		return incomplete ? EXIT_SYSTEM : 0;
	return cli_fail(cli, r, "cannot go on");
}
