/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PID 1 at work: what boot-state.c decides is done here, and what comes of it goes back there as an
 * event.
 *
 * The engine and its loading process go on across switch_root until everything has settled; then
 * they empty the initramfs, whose modules they need until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "programs/init/boot-state.h"
#include "programs/init/init.h"

/* How long install commands that need the initramfs may delay leaving it. */
#define COMMANDS_MS 10000
/* The kernel can only resume while nothing is being loaded: a task in a module's init cannot be
 * frozen. */
#define RESUME_SETTLE_MS 10000
#define EXPLAIN_MS 5000
#define ENGINE_END_MS 1000
/* Without an engine nobody reports a device: how often PID 1 looks itself. */
#define LOOK_MS 200

struct boot {
	const struct init_options *o;
	char **argv;
	struct boot_state state;
	struct engine engine;
	char *root, *resume; /* as coldplug_wait_for() takes them; NULL: not waited for */
	char node[256], type[32];
	char resume_node[256], resume_type[32];
	uint64_t deadline;
	bool fallback_failed;
	dev_t mounted; /* what PID 1 has mounted at NEW_ROOT; 0: nothing */
};

/* ---- the engine ---- */

static void start_engine(struct boot *b)
{
	int r = engine_start(&b->engine, b->o, b->node[0] ? NULL : b->root,
			     b->resume_node[0] ? NULL : b->resume);

	if (r < 0)
		say(3, "cannot start the engine: %s", strerror(-r));
	boot_note(&b->state, r < 0 ? BOOT_ENGINE_DIED : BOOT_ENGINE_STARTED);
}

/* What a dead engine loaded is loaded; the next one finds that out. */
static void bury_engine(struct boot *b)
{
	char text[64];

	if (!b->engine.child.ended)
		kill(b->engine.child.pid, SIGKILL); /* it may only have closed its end */
	while (!b->engine.child.ended)
		process_wait_fd(-1, 1000);
	say(3, "the engine has died: %s", process_status_text(b->engine.child.status, text));
	engine_stop(&b->engine);
	boot_note(&b->state, BOOT_ENGINE_DIED);
	if (!b->state.root_found)
		b->node[0] = b->type[0] = '\0';
	if (b->state.engine == BOOT_ENGINE_GONE)
		say(2, "the engine has died %u times: going on without it, no more modules are loaded",
		    b->state.engine_deaths);
}

static void found(struct boot *b, enum engine_what what, const char *node, const char *type)
{
	bool is_root = what == WAIT_ROOT;

	snprintf(is_root ? b->node : b->resume_node, sizeof(b->node), "%s", node);
	snprintf(is_root ? b->type : b->resume_type, sizeof(b->type), "%s", type);
	boot_note(&b->state, is_root ? BOOT_ROOT_FOUND : BOOT_RESUME_FOUND);
	say(6, "%s is %s%s%s", is_root ? b->o->root : b->o->resume, node, type[0] ? ", " : "", type);
}

static void take(struct boot *b, const struct engine_message *m)
{
	switch (m->kind) {
	case ENGINE_FOUND:
		found(b, m->what, m->node, m->type);
		break;
	case ENGINE_READY:
		boot_note(&b->state, BOOT_ROOT_READY);
		break;
	case ENGINE_SETTLED:
		boot_note_settled(&b->state, (unsigned int)m->n);
		break;
	default:
		break;
	}
}

/* Waits for an answer of this kind, and takes what else comes meanwhile: 0 or -errno. */
static int receive(struct boot *b, enum engine_kind kind, struct engine_message *m, int timeout_ms)
{
	uint64_t end = process_now_ms() + (uint64_t)timeout_ms;
	int r;

	do {
		uint64_t now = process_now_ms();

		r = engine_receive(&b->engine, m, now < end ? (int)(end - now) : 0);
		if (r <= 0)
			return r < 0 ? r : -ETIMEDOUT;
		take(b, m);
	} while (m->kind != kind);
	return 0;
}

static void explain(struct boot *b)
{
	struct engine_message m;

	if (b->state.engine == BOOT_ENGINE_RUNS) {
		engine_ask(&b->engine, ENGINE_EXPLAIN);
		receive(b, ENGINE_EXPLAINED, &m, EXPLAIN_MS);
	} else if (b->root && !b->node[0]) {
		say(3, "  not there: root=%s (without the engine it is found by path or number only)",
		    b->root);
	}
}

/* ---- without an engine ---- */

/* The node of a path or of MAJOR:MINOR, if there is such a block device. */
static bool find_by_path(const char *spec, char node[256])
{
	char link[64], target[256];
	struct stat st;
	ssize_t n;

	snprintf(node, 256, "%s", spec);
	if (spec[0] != '/') {
		snprintf(link, sizeof(link), "/sys/dev/block/%.40s", spec);
		n = readlink(link, target, sizeof(target) - 1);
		if (n <= 0)
			return false;
		target[n] = '\0';
		snprintf(node, 256, "/dev/%.200s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
		for (char *p = node + 5; *p; p++)
			if (*p == '!') /* sysfs writes '!' for the '/' of a node in a directory */
				*p = '/';
	}
	return !stat(node, &st) && S_ISBLK(st.st_mode);
}

static void look_by_path(struct boot *b)
{
	char node[256];

	if (b->root && !b->state.root_found && find_by_path(b->root, node))
		found(b, WAIT_ROOT, node, "");
	if (b->resume && !b->state.resume_found && find_by_path(b->resume, node))
		found(b, WAIT_RESUME, node, "");
}

static void look_again(struct boot *b)
{
	if (b->state.engine == BOOT_ENGINE_GONE)
		look_by_path(b);
	else
		engine_ask(&b->engine, ENGINE_AGAIN);
	boot_note(&b->state, BOOT_LOOKED_AGAIN);
}

/* ---- waiting ---- */

static unsigned int seconds_to_wait(const struct boot *b)
{
	return b->o->wait_s ? b->o->wait_s : WAIT_SECONDS;
}

/* Also with rootwait: by the time it is up, init.d and a missing resume= have had their turn. */
static void start_timer(struct boot *b)
{
	b->deadline = process_now_ms() + (uint64_t)seconds_to_wait(b) * 1000;
	boot_note(&b->state, BOOT_TIMER_STARTED);
}

static int time_left(const struct boot *b)
{
	uint64_t now = process_now_ms();

	if (b->state.timer != BOOT_TIMER_RUNS)
		return -1;
	return now < b->deadline ? (int)(b->deadline - now) : 0;
}

static void wait_without_engine(struct boot *b)
{
	process_sleep(LOOK_MS);
	look_by_path(b);
	if (!time_left(b))
		boot_note(&b->state, BOOT_TIME_UP);
}

/* For one message at most. */
static void wait_for_engine(struct boot *b)
{
	struct engine_message m;
	int r;

	if (b->state.engine == BOOT_ENGINE_GONE) {
		wait_without_engine(b);
		return;
	}
	r = engine_receive(&b->engine, &m, time_left(b));
	if (r > 0)
		take(b, &m);
	else if (r < 0)
		bury_engine(b);
	else
		boot_note(&b->state, BOOT_TIME_UP);
}

static void explain_delay(struct boot *b)
{
	say(3, "no root file system after %u seconds:", seconds_to_wait(b));
	explain(b);
	boot_note(&b->state, BOOT_EXPLAINED);
}

/* ---- resume= and init.d ---- */

/* With an image to resume from, everything is loaded first. libblkid cannot say
 * whether a swap file has one. */
static void settle_for_resume(struct boot *b)
{
	struct engine_message m;

	if ((b->o->resume_in_file || !strcmp(b->resume_type, "swsuspend")) && !b->state.settled)
		(void)receive(b, ENGINE_SETTLED, &m, RESUME_SETTLE_MS);
}

/* The kernel resumes in this call, or finds no image and goes on (kernel/power/hibernate.c
 * resume_store()). */
static void write_resume(struct boot *b)
{
	char text[32];
	struct stat st;
	int fd;

	if (stat(b->resume_node, &st) < 0 || !S_ISBLK(st.st_mode)) {
		say(4, "resume=%s: %s is not a block device", b->o->resume, b->resume_node);
		return;
	}
	settle_for_resume(b);
	snprintf(text, sizeof(text), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	fd = open("/sys/power/resume", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say(4, "cannot resume from %s (%s): %s", b->o->resume, text, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void try_to_resume(struct boot *b)
{
	write_resume(b);
	boot_note(&b->state, BOOT_RESUME_TRIED);
}

static void skip_resume(struct boot *b)
{
	if (b->state.resume_found)
		say(4, "resume=%s appeared after the root was mounted: not resuming", b->o->resume);
	else
		say(4, "resume=%s has not appeared: not resuming", b->o->resume);
	boot_note(&b->state, BOOT_RESUME_TRIED);
}

static void run_scripts(struct boot *b)
{
	struct script_environment env = {
		.root = b->node,
		.type = b->type,
		.resume = b->resume && !b->state.resume_done ? b->o->resume : "",
	};

	boot_note(&b->state, scripts_run(&env) ? BOOT_SCRIPTS_RAN : BOOT_NO_SCRIPTS);
}

/* ---- mounting the root ---- */

static int mount_it(struct boot *b)
{
	const char *why = "it is missing from the kernel command line";
	struct stat st;
	int r;

	if (b->state.root_mounted) {
		say(6, "the root file system was mounted by an executable in " SCRIPTS);
		return 0;
	}
	if (!b->node[0]) {
		if (b->o->root)
			free(init_spec_of(b->o->root, &why));
		say(3,
		    "root=%s: %s; an executable in " SCRIPTS " has to mount it at " NEW_ROOT ", and none did",
		    b->o->root ? b->o->root : "", why);
		return -ENODEV;
	}
	r = mount_root(b->o, b->node, b->type[0] ? b->type : NULL);
	if (!r && !stat(NEW_ROOT, &st))
		b->mounted = st.st_dev;
	return r;
}

static void mount_or_explain(struct boot *b)
{
	int r;

	shell_stop_at(b->o, STAGE_MOUNT);
	r = mount_it(b);
	if (r < 0)
		explain(b);
	boot_note(&b->state, r < 0 ? BOOT_CANNOT_GO_ON : BOOT_MOUNTED);
}

static void say_about_usr(struct boot *b, int level)
{
	if (b->o->usr || access(NEW_ROOT "/usr/bin", F_OK) < 0)
		say(level,
		    "coldplug init does not mount a separate /usr: an executable in " SCRIPTS
		    " can mount it, and the root, at " NEW_ROOT);
}

/* ---- entering it ---- */

/* How many install commands still run, or -errno. A dead engine is replaced, since one has to find
 * out what is still to be loaded, and to empty the initramfs; then the answer is 1, and the new one
 * is asked next. */
static int commands_left(struct boot *b)
{
	struct engine_message m;
	int r;

	if (b->state.engine == BOOT_ENGINE_GONE)
		return 0;
	if (b->state.engine == BOOT_ENGINE_WANTED) {
		start_engine(b);
		return 1;
	}
	engine_ask(&b->engine, ENGINE_COMMANDS);
	r = receive(b, ENGINE_COMMANDS_LEFT, &m, COMMANDS_MS);
	if (r == -EPIPE) {
		bury_engine(b);
		return 1;
	}
	return r < 0 ? r : m.n;
}

static void wait_for_commands(struct boot *b)
{
	uint64_t end = process_now_ms() + COMMANDS_MS;
	int n;

	while ((n = commands_left(b)) > 0 && process_now_ms() < end)
		process_sleep(50);
	if (n < 0)
		say(4, "the engine does not answer: what it has not loaded is left to the new root");
	else if (n > 0)
		say(4, "%d install commands are still running and lose the initramfs they need", n);
}

/* There is no way back from here: the initramfs will be emptied. */
static _Noreturn void become_init(struct boot *b, const char *init)
{
	engine_ask(&b->engine, ENGINE_LEAVE);
	engine_stop(&b->engine);
	say(6, "running %s", init);
	switch_root_exec(init, b->argv);
	say(2, "the root file system has no init that can be run");
	if (!b->o->has_panic)
		shell_run("no init can be run");
	process_give_up(b->o);
}

static void enter_root(struct boot *b)
{
	const char *init = switch_root_find_init(b->o);
	int r;

	boot_note(&b->state, BOOT_CANNOT_GO_ON); /* if this returns */
	if (!init) {
		say_about_usr(b, 3);
		say(3, "the root file system has no %s",
		    b->o->init ? b->o->init : "/sbin/init, /etc/init, /bin/init or /bin/sh");
		return;
	}
	if (b->o->usr)
		say_about_usr(b, 4);
	shell_stop_at(b->o, STAGE_SWITCH);
	wait_for_commands(b);
	if (b->o->keep_archive)
		mount_kept_archive();
	if (b->state.engine != BOOT_ENGINE_RUNS && engine_start_emptier(&b->engine) < 0)
		say(4, "nobody is left to empty the initramfs: it stays in memory");
	r = switch_root_enter();
	if (!r)
		become_init(b, init);
	say(2, "cannot make the new root the root: %s", strerror(-r));
}

/* ---- all of it ---- */

static void (*const acts[])(struct boot *b) = {
	[BOOT_START_ENGINE] = start_engine,   [BOOT_START_TIMER] = start_timer,
	[BOOT_LOOK_AGAIN] = look_again,	      [BOOT_WAIT] = wait_for_engine,
	[BOOT_TRY_RESUME] = try_to_resume,    [BOOT_SKIP_RESUME] = skip_resume,
	[BOOT_RUN_SCRIPTS] = run_scripts,     [BOOT_EXPLAIN] = explain_delay,
	[BOOT_MOUNT_ROOT] = mount_or_explain, [BOOT_ENTER_ROOT] = enter_root,
};

/* Returns when it has failed. */
static void boot_once(struct boot *b)
{
	enum boot_action action;

	boot_state_init(&b->state, b->root, b->resume, !b->o->wait_s, b->o->fallback && !b->fallback_failed);
	for (;;) {
		/* An executable of init.d may mount it, also from the background. */
		boot_note(&b->state, mount_is_point(NEW_ROOT) > 0 ? BOOT_SEEN_MOUNTED : BOOT_SEEN_UNMOUNTED);
		action = boot_next(&b->state);
		if (action == BOOT_GIVE_UP)
			return;
		acts[action](b);
	}
}

/* For the next try: what was found may be gone. What somebody has mounted in the rescue shell
 * stays. */
static void forget(struct boot *b)
{
	struct stat st;

	engine_stop(&b->engine);
	if (b->mounted && !stat(NEW_ROOT, &st) && st.st_dev == b->mounted)
		umount2(NEW_ROOT, MNT_DETACH);
	b->mounted = 0;
	b->node[0] = b->type[0] = b->resume_node[0] = b->resume_type[0] = '\0';
}

/* It ends when PID 1 closes its end; only what is being loaded goes on. */
static void end_engine(struct boot *b)
{
	if (b->state.engine != BOOT_ENGINE_RUNS)
		return;
	close(b->engine.fd);
	b->engine.fd = -1;
	if (!process_await(&b->engine.child, ENGINE_END_MS))
		kill(b->engine.child.pid, SIGKILL);
}

/* Returns if that cannot be. */
static void fall_back(struct boot *b)
{
	const char *why = "the root file system could not be mounted, or has no init";

	if (b->root && !b->state.root_found)
		why = "the device of root= has not appeared";
	else if (b->state.has_resume && !b->state.resume_found)
		why = "the device of resume= has not appeared";
	end_engine(b);
	forget(b);
	/* An executable of init.d may have mounted more than one. */
	for (int i = 0; i < 8 && mount_is_point(NEW_ROOT) > 0; i++)
		(void)umount2(NEW_ROOT, MNT_DETACH);
	fallback_run(b->o, b->argv, why);
	b->fallback_failed = true;
}

static void choose_devices(struct boot *b)
{
	const struct init_options *o = b->o;
	const char *why;

	b->root = o->root ? init_spec_of(o->root, &why) : NULL;
	if (!o->resume || !o->resume[0] || o->no_resume)
		return;
	if (access("/sys/power/resume", F_OK) < 0 && errno == ENOENT) {
		say(6, "resume=%s: this kernel cannot resume (there is no /sys/power/resume)", o->resume);
		return;
	}
	b->resume = init_spec_of(o->resume, &why);
	if (!b->resume)
		say(4, "resume=%s: %s; not resuming", o->resume, why);
}

void boot_run(const struct init_options *o, char **argv)
{
	struct boot b = { .o = o, .argv = argv, .engine = { .fd = -1 } };

	choose_devices(&b);
	for (;;) {
		boot_once(&b);
		if (o->fallback && !b.fallback_failed)
			fall_back(&b);
		shell_rescue(o);
		forget(&b);
	}
}
