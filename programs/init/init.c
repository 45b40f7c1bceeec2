/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* coldplug init: PID 1 of an initramfs, and a dry run that shows what it would make of a command
 * line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs/applets.h"
#include "programs/descriptors.h"
#include "programs/init/init.h"
#include "programs/output.h"

/* The kernel's first PID namespace (include/linux/proc_ns.h PROC_PID_INIT_INO). */
#define FIRST_PID_NAMESPACE 0xeffffffcU

static void read_options(struct init_options *o)
{
	struct coldplug *c = NULL;
	int r;

	(void)init_conf_read(o, INIT_CONF);
	r = coldplug_new(&c);
	if (r < 0) {
		say(2, "cannot read the kernel command line: %s", strerror(-r));
		return;
	}
	coldplug_set_log(c, say_log, NULL, 4);
	(void)init_options_read(o, c);
	coldplug_free(c);
}

static _Noreturn void run_as_pid_1(char **argv)
{
	static struct init_options o = INIT_OPTIONS_DEFAULT;
	bool had_console;

	process_setup();
	umask(0022);
	had_console = standard_descriptors(false);
	mount_api_file_systems();
	if (!had_console)
		process_open_console();
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	read_options(&o);
	fallback_run_if_asked(&o, argv);
	if (o.run_size)
		mount_set_run(o.run_size);
	say(6, "coldplug " COLDPLUG_VERSION " is PID 1, root=%s", o.root ? o.root : "");
	shell_stop_at(&o, STAGE_START);
	boot_run(&o, argv);
}

/* ---- the dry run ---- */

static int show_options(const struct init_options *o)
{
	const char *why = "root= is missing";
	char *spec;

	errno = 0;
	spec = o->root ? init_spec_of(o->root, &why) : NULL;
	if (!spec && errno == ENOMEM)
		return -ENOMEM;
	output_printf("root: %s\n", spec ? spec : "not a device to wait for");
	if (!spec)
		output_printf("  %s\n", why);
	output_printf("type: %s\nflags: %s,%s\ninit: %s\n",
		      o->root_fs_types ? o->root_fs_types : "(as libblkid finds)",
		      o->read_write ? "rw" : "ro", o->root_flags ? o->root_flags : "",
		      o->init ? o->init : "/sbin/init");
	output_printf("resume: %s\n", o->resume && !o->no_resume ? o->resume : "no");
	if (o->wait_s)
		printf("wait: %u s\n", o->wait_s);
	else
		printf("wait: forever\n");
	if (o->fallback)
		output_printf("fallback: %s%s%s\n", o->fallback, o->fallback_why ? ", at once for " : "",
			      o->fallback_why ? o->fallback_why : "");
	free(spec);
	return 0;
}

/* What PID 1 would make of a command line: for whoever writes one. */
static int dry_run(const char *root)
{
	struct init_options o = INIT_OPTIONS_DEFAULT;
	struct coldplug *c = NULL;
	int r = coldplug_new(&c);

	if (!r && root)
		r = coldplug_set_root(c, root);
	if (!r && !root)
		r = init_conf_read(&o, INIT_CONF);
	if (!r)
		r = init_options_read(&o, c);
	else
		fprintf(stderr, "coldplug init: %s\n", strerror(-r));
	coldplug_free(c);
	if (!r) {
		r = show_options(&o);
		if (r < 0)
			fprintf(stderr, "coldplug init: %s\n", strerror(-r));
	}
	r = r < 0 ? 111 : o.unknown ? 2 : 0;
	init_options_free(&o);
	return r;
}

/* ---- the command ---- */

/* The exit code, when all has been printed. */
static int end_output(int r)
{
	if (fflush(stdout) != EOF && !ferror(stdout))
		return r;
	perror("coldplug init: standard output");
	return 111;
}

static void help(FILE *to)
{
	fputs("coldplug init is PID 1 of an initramfs: it loads modules, mounts the root file system\n"
	      "and runs its init.\n\n"
	      "Usage: as /init of an initramfs, without options: they are on the kernel command line.\n"
	      "       coldplug init -n [--root DIR]\n"
	      "           shows what PID 1 would make of the kernel command line\n",
	      to);
}

/* PID 1 of a container is not the init of an initramfs, and what is mounted there is not ours to
 * move. */
static bool is_in_initramfs(void)
{
	int fd = initramfs_open(), error = access("/init", X_OK) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (error && error != ENOENT)
		say(4, "/init: %s", strerror(error));
	return fd >= 0 && (!error || mount_is_point("/proc") <= 0);
}

/* The kernel panics when PID 1 of the machine exits; that of a container may. */
static bool must_not_exit(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == FIRST_PID_NAMESPACE;
}

static void run_if_pid_1(char **argv)
{
	if (getpid() != 1)
		return;
	if (is_in_initramfs())
		run_as_pid_1(argv);
	if (must_not_exit()) {
		fputs("coldplug init: this is PID 1, but its root is not an initramfs: stopping here;\n"
		      "see coldplug-init(8)\n",
		      stderr);
		process_stay();
	}
}

int init_main(int argc, char **argv)
{
	const char *root = NULL;
	bool dry = false;

	run_if_pid_1(argv);
	standard_descriptors(true);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-n") || !strcmp(argv[i], "--dry-run")) {
			dry = true;
		} else if (!strcmp(argv[i], "--root") && argv[i + 1]) {
			root = argv[++i];
		} else if (!strncmp(argv[i], "--root=", 7)) {
			root = argv[i] + 7;
		} else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			help(stdout);
			return end_output(0);
		} else {
			help(stderr);
			return 100;
		}
	}
	if (dry)
		return end_output(dry_run(root));
	fputs("coldplug init: this is the PID 1 of an initramfs; see coldplug init --help\n", stderr);
	return 100;
}
