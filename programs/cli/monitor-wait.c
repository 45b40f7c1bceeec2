/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monitor of an initramfs (--wait-for): it is ready when what is waited for can be mounted, and ends when the root takes
 * over. */
#include "programs/cli/monitor-wait.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "programs/filesystem.h"

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
		monitor_explain_late(w->cli);
	monitor_report_ready(w->cli);
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
	if (!monitor_is_stopped())
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
int monitor_stay_behind(struct cli *cli, const sigset_t *waiting)
{
	struct wait w = { .cli = cli, .deadline_ms = now_ms() + cli->timeout_ms };
	int timeout, r = coldplug_begin(cli->c);
	struct timespec t;

	while (r >= 0 && !may_end(&w)) {
		r = coldplug_advance(cli->c, &timeout);
		if (r < 0)
			break;
		look_whether_ready(&w);
		r = monitor_wait_for_news(cli, time_to_wait(&w, timeout, &t), waiting);
	}
	return r < 0 ? r : leave(cli);
}
