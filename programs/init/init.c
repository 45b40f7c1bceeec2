/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PID 1 of an initramfs: gets the root mounted and the real init running.
 *
 * The engine (a child, engine.c) loads; it tells when root= and resume= are there and when nothing more
 * is to be expected. PID 1 decides what that means:
 *
 *     root is there                     mount it at once, other modules still load
 *     resume= is given                  the root waits for it, or for "nothing more comes"
 *     nothing more comes, no root       the executables of init.d may bring it (LVM, RAID, LUKS): they
 *                                       run once, and everything is looked at anew
 *     the time is up                    the root is there: go on without resume=; else let init.d try, once more
 *                                       wait; else say what is missing; a rescue shell; then all over again
 *
 * The engine and its loading process go on across switch_root, until everything has settled; then they
 * empty the initramfs, whose modules they need until then. Refused: waiting for
 * everything (a slow adapter would hold up a machine whose root is elsewhere), and loading for the root
 * alone (the real root would have to find the rest again).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/descriptors.h"
#include "programs/applets.h"
#include "programs/init/init.h"

/* How long install commands that need the initramfs may hold up leaving it. */
#define COMMANDS_MS 10000
#define ENGINE_TRIES 3
/* A shell that cannot be used ends at once, and again. */
#define SHELL_SHORT_MS 1000
#define SHORT_SHELLS_MAX 5
/* A hibernated machine is woken only when nothing is being loaded: what cannot be frozen makes it fail. */
#define RESUME_SETTLE_MS 10000
#define SCRIPTS_MAX 256

struct boot {
	struct init_options o;
	char **argv;
	struct engine engine;
	char *root, *resume; /* as coldplug_wait_for() takes them; NULL: not to be waited for */
	char node[256], type[32];
	char resume_node[256], resume_type[32];
	bool ready;   /* the file system's module has been tried */
	bool settled; /* nothing more comes */
	int n_again;  /* how many times the engine was told to look at everything anew */
	bool scripts_done;
	bool resume_tried;
	bool mounted;	   /* by us */
	uint64_t deadline; /* 0: none */
	int engine_deaths;
	int short_shells; /* that ended at once */
};

/* ---- a shell ---- */

static bool has_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		say(3, "/dev/console cannot be opened (%s): no shell", strerror(errno));
	else
		close(fd);
	return fd >= 0;
}

/* Whether it could be used, as far as can be told. */
static bool run_shell(struct boot *b, char *const argv[])
{
	uint64_t start = process_now_ms();
	int status = process_run(argv, true);

	if (status < 0 || (WIFEXITED(status) && (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127)))
		return false;
	if (process_now_ms() - start >= SHELL_SHORT_MS) {
		b->short_shells = 0;
		return true;
	}
	process_sleep(SHELL_SHORT_MS);
	return ++b->short_shells < SHORT_SHELLS_MAX;
}

static bool shell(struct boot *b, const char *why)
{
	static char sh[] = "/bin/sh", bash[] = "/bin/bash", busybox[] = "/bin/busybox", i_[] = "-i",
		    sh_[] = "sh";
	char *const shells[][3] = { { sh, i_, NULL }, { bash, i_, NULL }, { busybox, sh_, NULL } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (access(shells[i][0], X_OK) < 0)
			continue;
		if (!has_console())
			return false;
		say(3, "%s: a shell on the console; 'exit' goes on", why);
		if (run_shell(b, shells[i]))
			return true;
		say(3, "%s cannot be used", shells[i][0]);
	}
	return false;
}

static void stop_at(struct boot *b, enum init_stage stage)
{
	if (b->o.stop_at == stage && !shell(b, "coldplug.break"))
		say(3, "coldplug.break: there is no shell in this initramfs");
}

/* Returns when it is worth trying again. */
static void rescue(struct boot *b)
{
	if (b->o.has_panic)
		say(2, "the root file system cannot be had");
	else if (shell(b, "the root file system cannot be had"))
		return;
	else
		say(2,
		    "the root file system cannot be had, and there is no shell to look why: boot with another root=, "
		    "or with an initramfs that has one (see above)");
	process_give_up(&b->o);
}

/* ---- init.d ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_script(struct boot *b, const char *name)
{
	char path[512], text[64], *argv[] = { path, NULL };
	int status;

	snprintf(path, sizeof(path), SCRIPTS "/%s", name);
	if (access(path, X_OK) < 0)
		return;
	say(6, "running %s", path);
	status = process_run(argv, false);
	if (status < 0)
		say(3, "%s: %s", path, strerror(-status));
	else if (status)
		say(3, "%s: %s", path, process_status_text(status, text));
}

/* As run-parts(8) goes about it: in the order of the C locale, editors' backups left out. */
static int list_scripts(char *names[SCRIPTS_MAX])
{
	DIR *d = opendir(SCRIPTS);
	struct dirent *de;
	int n = 0;

	while (d && n < SCRIPTS_MAX && (de = readdir(d))) {
		size_t len = strlen(de->d_name);

		if (de->d_name[0] == '.' || de->d_name[len - 1] == '~')
			continue;
		names[n] = strdup(de->d_name);
		n += names[n] != NULL;
	}
	if (d)
		closedir(d);
	qsort(names, (size_t)n, sizeof(*names), by_name);
	return n;
}

/* They see what is known: COLDPLUG_ROOT is the device, empty while it is not there; COLDPLUG_RESUME is resume= as
 * long as that has not been tried, and who would change what is on a disk leaves it alone. True when there were any. */
static bool run_scripts(struct boot *b)
{
	char *names[SCRIPTS_MAX];
	int n = list_scripts(names);

	b->scripts_done = true;
	setenv("COLDPLUG_ROOT", b->node, 1);
	setenv("COLDPLUG_TYPE", b->type, 1);
	setenv("COLDPLUG_NEWROOT", NEW_ROOT, 1);
	setenv("COLDPLUG_RESUME", b->resume && !b->resume_tried ? b->o.resume : "", 1);
	mkdir(NEW_ROOT, 0755);
	for (int i = 0; i < n; i++) {
		run_script(b, names[i]);
		free(names[i]);
	}
	unsetenv("COLDPLUG_ROOT");
	unsetenv("COLDPLUG_TYPE");
	unsetenv("COLDPLUG_NEWROOT");
	unsetenv("COLDPLUG_RESUME");
	return n > 0;
}

/* ---- waiting ---- */

/* With rootwait too: by then init.d and a missing resume= have had their turn. */
static void set_deadline(struct boot *b)
{
	b->deadline = process_now_ms() + (uint64_t)(b->o.wait_s ? b->o.wait_s : WAIT_SECONDS) * 1000;
}

static int begin_engine(struct boot *b)
{
	int r = engine_start(&b->engine, &b->o, b->node[0] ? NULL : b->root,
			     b->resume_node[0] ? NULL : b->resume);

	b->settled = false;
	if (r < 0)
		say(3, "the engine cannot be started: %s", strerror(-r));
	return r;
}

/* It has died: what it loaded is loaded, another one finds that out. */
static int restart_engine(struct boot *b)
{
	char text[64];

	if (!b->engine.child.ended)
		kill(b->engine.child.pid, SIGKILL); /* it may only have closed its end */
	while (!b->engine.child.ended)
		process_wait_fd(-1, 1000);
	say(3, "the engine has ended: %s", process_status_text(b->engine.child.status, text));
	engine_stop(&b->engine);
	if (!b->ready)
		b->node[0] = '\0'; /* the next one is to say that it is ready */
	b->n_again = 0;
	if (++b->engine_deaths >= ENGINE_TRIES)
		return -ECHILD;
	return begin_engine(b);
}

static void take_found(struct boot *b, const struct engine_message *m)
{
	if (m->what == WAIT_ROOT) {
		memcpy(b->node, m->node, sizeof(b->node));
		memcpy(b->type, m->type, sizeof(b->type));
		/* rootwait had nothing to end it any more, and resume= may never be given up. */
		if (!b->deadline)
			set_deadline(b);
	} else {
		memcpy(b->resume_node, m->node, sizeof(b->resume_node));
		memcpy(b->resume_type, m->type, sizeof(b->resume_type));
	}
	say(6, "%s is %s%s%s", m->what == WAIT_ROOT ? b->o.root : b->o.resume, m->node,
	    m->type[0] ? ", " : "", m->type);
}

static void take(struct boot *b, const struct engine_message *m)
{
	if (m->kind == ENGINE_FOUND)
		take_found(b, m);
	b->ready |= m->kind == ENGINE_READY;
	/* What was said before everything was looked at anew does not count. */
	b->settled |= m->kind == ENGINE_SETTLED && m->n == b->n_again;
}

/* Waits for the answer of a kind, and takes what else comes meanwhile: 0 or -errno. */
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

	engine_ask(&b->engine, ENGINE_EXPLAIN);
	receive(b, ENGINE_EXPLAINED, &m, 5000);
}

/* What is being loaded cannot be frozen: with an image to resume from, that is waited for. Whether a file holds one
 * libblkid does not tell. */
static void settle_for_resume(struct boot *b)
{
	struct engine_message m;

	if ((b->o.resume_in_file || !strcmp(b->resume_type, "swsuspend")) && !b->settled)
		(void)receive(b, ENGINE_SETTLED, &m, RESUME_SETTLE_MS);
}

/* The kernel resumes in this call, or finds no image and goes on (kernel/power/hibernate.c resume_store()). */
static void write_resume(struct boot *b)
{
	char text[32];
	struct stat st;
	int fd;

	if (stat(b->resume_node, &st) < 0 || !S_ISBLK(st.st_mode)) {
		say(4, "resume=%s: %s is no block device", b->o.resume, b->resume_node);
		return;
	}
	settle_for_resume(b);
	snprintf(text, sizeof(text), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	fd = open("/sys/power/resume", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say(4, "resume=%s (%s): %s", b->o.resume, text, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Once, and before anybody touches a file system: what is mounted, or checked by a script, is not what the
 * image remembers. */
static void try_to_resume(struct boot *b)
{
	if (!b->resume_node[0] || b->resume_tried)
		return;
	b->resume_tried = true;
	if (mount_is_point(NEW_ROOT))
		say(4, "resume=%s came after the root was mounted, not resuming", b->o.resume);
	else
		write_resume(b);
}

static void resume(struct boot *b)
{
	if (b->resume && !b->resume_node[0])
		say(4, "resume=%s: it is not there, not resuming", b->o.resume);
	try_to_resume(b);
}

/* init.d has its turn; then the engine looks at everything anew. False: it had it, or there is nothing in it. */
static bool let_scripts_try(struct boot *b)
{
	if (b->scripts_done || mount_is_point(NEW_ROOT))
		return false;
	try_to_resume(b);
	if (!run_scripts(b))
		return false;
	b->n_again++;
	b->settled = false;
	engine_ask(&b->engine, ENGINE_AGAIN);
	set_deadline(b);
	return true;
}

static bool has_resume(const struct boot *b)
{
	return !b->resume || b->resume_node[0] || (b->settled && b->scripts_done);
}

static bool have_all(const struct boot *b)
{
	if (mount_is_point(NEW_ROOT))
		return true;
	if (!b->root)
		return b->settled && b->scripts_done;
	return b->node[0] && b->ready && has_resume(b);
}

/* 1: go on with what there is; 0: wait on; -ETIMEDOUT. */
static int time_is_up(struct boot *b)
{
	if (b->node[0])
		return 1;
	if (let_scripts_try(b))
		return 0;
	say(3, "waited %u seconds for the root file system:", b->o.wait_s ? b->o.wait_s : WAIT_SECONDS);
	explain(b);
	b->deadline = 0;
	return b->o.wait_s ? -ETIMEDOUT : 0;
}

/* Waits for one message at most: 1 go on with what there is, 0, or -errno. */
static int wait_for_engine(struct boot *b)
{
	uint64_t now = process_now_ms();
	int left = !b->deadline ? -1 : now < b->deadline ? (int)(b->deadline - now) : 0;
	struct engine_message m;
	int r = engine_receive(&b->engine, &m, left);

	if (r == 0)
		return time_is_up(b);
	if (r < 0)
		return restart_engine(b);
	take(b, &m);
	if (b->settled && m.kind == ENGINE_SETTLED && !let_scripts_try(b))
		b->scripts_done = true;
	return 0;
}

/* Until the root's device and its file system's module are there, and resume= or the certainty that it is
 * not. What is there when the engine cannot go on will have to do. */
static int find_root(struct boot *b)
{
	int r = 0;

	set_deadline(b);
	while (!r && !have_all(b))
		r = wait_for_engine(b);
	return r < 0 && !b->node[0] ? r : 0;
}

/* ---- what is done with it ---- */

static int mount_it(struct boot *b)
{
	int r;

	if (mount_is_point(NEW_ROOT)) {
		say(6, "the root file system was mounted by an executable in " SCRIPTS);
		return 0;
	}
	if (!b->node[0]) {
		const char *why = "";

		if (b->o.root)
			free(init_spec_of(b->o.root, &why));
		say(3,
		    "root=%s: %s; an executable in " SCRIPTS " has to mount it at " NEW_ROOT ", and none did",
		    b->o.root ? b->o.root : "",
		    b->o.root ? why : "it is missing from the kernel command line");
		return -ENODEV;
	}
	r = mount_root(&b->o, b->node, b->type[0] ? b->type : NULL);
	b->mounted = !r;
	return r;
}

static void say_about_usr(struct boot *b, int level)
{
	if (b->o.usr || access(NEW_ROOT "/usr/bin", F_OK) < 0)
		say(level,
		    "a separate /usr is not mounted by coldplug init: an executable in " SCRIPTS
		    " can mount the root and it at " NEW_ROOT);
}

/* How many have not ended, or -errno. When the engine is dead, another one is to find what is still to be loaded and
 * to empty the initramfs: it is asked next. */
static int commands_left(struct boot *b)
{
	struct engine_message m;
	int r;

	engine_ask(&b->engine, ENGINE_COMMANDS);
	r = receive(b, ENGINE_COMMANDS_LEFT, &m, COMMANDS_MS);
	if (r == -EPIPE)
		return restart_engine(b) ?: 1;
	return r < 0 ? r : m.n;
}

/* Install commands need what the initramfs has: they are waited for, but not for ever. */
static void wait_for_commands(struct boot *b)
{
	uint64_t end = process_now_ms() + COMMANDS_MS;
	int n;

	while ((n = commands_left(b)) > 0 && process_now_ms() < end)
		process_sleep(50);
	if (n < 0)
		say(4, "the engine does not answer: what it has not loaded is left to the new root");
	else if (n > 0)
		say(4, "%d install commands have not ended and lose their initramfs", n);
}

/* Behind this there is no way back: what was the initramfs is emptied. */
static _Noreturn void enter_root(struct boot *b, const char *init)
{
	engine_ask(&b->engine, ENGINE_LEAVE);
	engine_stop(&b->engine);
	say(6, "running %s", init);
	switch_root_exec(init, b->argv);
	say(2, "the root file system has no init that can be run");
	if (!b->o.has_panic)
		shell(b, "no init can be run");
	process_give_up(&b->o);
}

static int leave(struct boot *b)
{
	const char *init = switch_root_find_init(&b->o);
	int r;

	if (!init) {
		say_about_usr(b, 3);
		say(3, "the root file system has no %s",
		    b->o.init ? b->o.init : "/sbin/init, /etc/init, /bin/init or /bin/sh");
		return -ENOENT;
	}
	if (b->o.usr)
		say_about_usr(b, 4);
	stop_at(b, STAGE_SWITCH);
	wait_for_commands(b);
	r = switch_root_enter();
	if (!r)
		enter_root(b, init);
	say(2, "the new root cannot be made the root: %s", strerror(-r));
	return r;
}

/* ---- all of it ---- */

/* What is to be waited for; a sentence when that cannot be. */
static void choose_devices(struct boot *b)
{
	const char *why;

	free(b->root);
	free(b->resume);
	b->root = b->o.root ? init_spec_of(b->o.root, &why) : NULL;
	b->resume = NULL;
	if (!b->o.resume || !b->o.resume[0] || b->o.no_resume)
		return;
	b->resume = init_spec_of(b->o.resume, &why);
	if (!b->resume)
		say(4, "resume=%s: %s; not resuming", b->o.resume, why);
}

static void read_options(struct boot *b)
{
	struct coldplug *c;
	int r = coldplug_new(&c);

	if (r < 0) {
		say(3, "no memory");
		return;
	}
	coldplug_set_log(c, say_log, NULL, 4);
	init_options_read(&b->o, c);
	coldplug_free(c);
	choose_devices(b);
}

/* Returns only if it failed. */
static int boot(struct boot *b)
{
	int r = begin_engine(b);

	if (!r)
		r = find_root(b);
	if (r < 0)
		return r;
	try_to_resume(b);
	if (!b->scripts_done && !mount_is_point(NEW_ROOT))
		run_scripts(b);
	resume(b);
	stop_at(b, STAGE_MOUNT);
	r = mount_it(b);
	if (r < 0)
		explain(b);
	return r < 0 ? r : leave(b);
}

/* For the next try: what was found may have gone. */
static void forget(struct boot *b)
{
	engine_stop(&b->engine);
	if (b->mounted)
		umount2(NEW_ROOT, MNT_DETACH);
	b->node[0] = b->type[0] = b->resume_node[0] = '\0';
	b->mounted = b->resume_tried = false;
	b->n_again = 0;
	b->ready = b->settled = b->scripts_done = false;
	b->engine_deaths = 0;
}

static _Noreturn void run_as_pid_1(char **argv)
{
	static struct boot b; /* large, and there for as long as the machine */
	bool had_console;

	b.argv = argv;
	b.engine.fd = -1;
	process_setup();
	umask(0022);
	had_console = standard_descriptors();
	mount_api_file_systems();
	if (!had_console)
		process_open_console();
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	read_options(&b);
	say(6, "coldplug " COLDPLUG_VERSION " is PID 1, root=%s", b.o.root ? b.o.root : "");
	stop_at(&b, STAGE_START);
	for (;;) {
		boot(&b);
		rescue(&b);
		forget(&b);
	}
}

/* What PID 1 would make of a command line: for whoever writes one. */
static int dry_run(const char *root)
{
	struct init_options o;
	struct coldplug *c;
	const char *why = NULL;
	char *spec = NULL;
	int r = coldplug_new(&c);

	if (!r && root)
		r = coldplug_set_root(c, root);
	if (!r)
		r = init_options_read(&o, c);
	coldplug_free(c);
	if (r < 0)
		return 111;
	spec = o.root ? init_spec_of(o.root, &why) : NULL;
	printf("root: %s\n", spec ? spec : "none that can be waited for");
	if (!spec)
		printf("  %s\n", o.root ? why : "root= is missing");
	printf("type: %s\nflags: %s,%s\ninit: %s\n", o.root_fs_types ? o.root_fs_types : "(libblkid tells)",
	       o.read_write ? "rw" : "ro", o.root_flags ? o.root_flags : "", o.init ? o.init : "/sbin/init");
	printf("resume: %s\n", o.resume && !o.no_resume ? o.resume : "no");
	if (o.wait_s)
		printf("wait: %u s\n", o.wait_s);
	else
		printf("wait: for ever\n");
	free(spec);
	r = o.unknown ? 2 : 0;
	init_options_free(&o);
	return r;
}

static void help(FILE *to)
{
	fputs("coldplug init: PID 1 of an initramfs: loads, mounts the root file system, runs its init.\n\n"
	      "Usage: as /init of an initramfs, without options: the kernel command line has them.\n"
	      "       coldplug init -n [--root DIR]    show what PID 1 would make of the kernel command line\n",
	      to);
}

/* In a container PID 1 is none of an initramfs, and what is mounted there is not ours to move. */
static bool is_in_initramfs(void)
{
	int fd = initramfs_open();

	if (fd >= 0)
		close(fd);
	return fd >= 0 && (!access("/init", X_OK) || !mount_is_point("/proc"));
}

int init_main(int argc, char **argv)
{
	const char *root = NULL;
	bool dry = false;

	if (getpid() == 1 && is_in_initramfs())
		run_as_pid_1(argv);
	if (getpid() == 1 && !mount_is_point("/proc")) {
		fputs("coldplug init: this is no initramfs: its root is on a disk; see coldplug-init(8)\n",
		      stderr);
		process_stay();
	}
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-n") || !strcmp(argv[i], "--dry-run"))
			dry = true;
		else if (!strcmp(argv[i], "--root") && argv[i + 1])
			root = argv[++i];
		else if (!strncmp(argv[i], "--root=", 7))
			root = argv[i] + 7;
		else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			help(stdout);
			return 0;
		} else {
			help(stderr);
			return 100;
		}
	}
	if (dry)
		return dry_run(root);
	fputs("coldplug init: this is for PID 1 of an initramfs\n", stderr);
	return 100;
}
