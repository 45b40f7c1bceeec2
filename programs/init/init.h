/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of PID 1 share. The library has nothing of an init: mounts, the console and
 * switch_root live here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <coldplug.h>

#define NEW_ROOT "/sysroot"
/* As long as initramfs-tools waits. */
#define WAIT_SECONDS 30
#define SCRIPTS "/etc/coldplug/init.d"
#define REPORT_DIR "/run/coldplug"

/* ---- options.c: what the kernel command line says ---- */

enum init_stage { STAGE_NONE, STAGE_START, STAGE_MOUNT, STAGE_SWITCH };

struct init_options {
	char *root;
	char *root_fs_types; /* rootfstype=, a list with commas; NULL */
	char *root_flags;
	char *init;
	char *resume;
	char *expected_types; /* of the file system that the root most likely has, with commas; NULL */
	char *run_size;	      /* of /run; NULL: the kernel's choice */
	char *fallback;	      /* another init, for what this one cannot do; NULL */
	char *fallback_if;    /* patterns of parameters for which it is run at once; NULL */
	char *fallback_why;   /* the parameter that one of them matches; NULL: none does */
	bool resume_in_file;  /* resume_offset=: its device has a file system with the swap file */
	bool read_write;
	bool no_resume;
	bool usr; /* there is a mount.usr= or the like */
	bool debug;
	bool keep_archive;	 /* of modules, for the real root */
	enum init_stage stop_at; /* coldplug.break */
	unsigned int jobs;	 /* 0: chosen */
	unsigned int wait_s;	 /* how long to wait for the root; 0: forever */
	bool has_panic;
	int panic;	      /* panic=, seconds */
	unsigned int unknown; /* parameters that begin with "coldplug." or have a bad value */
};

#define INIT_OPTIONS_DEFAULT           \
	{                              \
		.wait_s = WAIT_SECONDS \
	}

/* What whoever made the image knows and the command line does not say. What is said there comes first. It is
 * read before the command line. */
#define INIT_CONF "/etc/coldplug/init.conf"
/* Reads a file like it, if there is one: 0, or -errno with a message. A line that is not understood is warned
 * of and counted in unknown. */
int init_conf_read(struct init_options *o, const char *path);
/* Notes whether a parameter is one for which the fallback is run at once: 0 or -ENOMEM. */
int init_conf_note(struct init_options *o, const char *name, const char *value);

/* Replaces a malloc'd string by a copy of value, of "" for NULL: 0 or -ENOMEM. */
int init_set_string(char **place, const char *value);

/* Reads them by coldplug_parameters(), into what INIT_OPTIONS_DEFAULT and init_conf_read() have set: 0, or
 * -errno with a message. A parameter of somebody else is passed over; one of ours that is not understood is
 * warned of and counted in unknown. On failure *o is fit to be used and freed all the same. */
int init_options_read(struct init_options *o, struct coldplug *c);
void init_options_free(struct init_options *o);

/* What to wait for, as coldplug_wait_for() takes it, malloc'd. NULL: root= (or resume=) does not
 * name a block device, or there is no memory: then *why says so, and is left alone otherwise. */
char *init_spec_of(const char *device, const char **why);

/* ---- message.c: /dev/kmsg ---- */

/* level as in syslog(3). */
__attribute__((format(printf, 2, 3))) void say(int level, const char *fmt, ...);
void say_open(void);
/* The rate limit of /dev/kmsg is lifted while coldplug is PID 1; this restores it. */
void say_restore_limit(void);
/* For coldplug_set_log(). */
void say_log(void *userdata, int level, const char *message);

/* ---- process.c: PID 1 and its children ---- */

struct child {
	pid_t pid;  /* 0: none */
	int status; /* of waitpid(), once ended */
	bool ended;
};

void process_setup(void);
/* In a child: signals are as a new program expects them. */
void process_reset(void);
/* Every child that dies is reaped; a watched one (four at most) is also marked as ended. */
void process_watch(struct child *child);
void process_unwatch(struct child *child);
/* Waits until fd is readable or timeout_ms has passed (-1: never), reaping meanwhile: 1, 0, or
 * -errno. */
int process_wait_fd(int fd, int timeout_ms);
/* Sleeps that long, whatever dies meanwhile. */
void process_sleep(int ms);
/* Waits until a child has ended, at most timeout_ms (-1: forever); whether it has. */
bool process_await(struct child *child, int timeout_ms);
/* Makes the console standard input, output and error; it is opened anew, since whoever had it
 * before may have hung it up. */
void process_open_console(void);
/* Starts a program on the console: 0 or -errno. Wait for it by process_await(), before anything
 * else waits. */
int process_start(struct child *child, char *const argv[], bool own_terminal);
/* Starts it and waits for its end; its status as waitpid() gives it, or -errno. */
int process_run(char *const argv[], bool own_terminal);
/* "exit status 3", "killed by signal 11". */
const char *process_status_text(int status, char buf[64]);
/* Reaps forever. */
_Noreturn void process_stay(void);
/* Restarts the machine or stays, as panic= says. */
_Noreturn void process_give_up(const struct init_options *o);
uint64_t process_now_ms(void);

/* ---- mount.c ---- */

void mount_api_file_systems(void);
/* Sets the size of /run, and forbids to execute what is there, as distributions have it. */
void mount_set_run(const char *size);
/* Unmounts them all, for an init that mounts them itself. */
void mount_undo_api_file_systems(void);
/* 1; 0: it is none, or is not there; -errno: that is not known. */
int mount_is_point(const char *dir);
/* Has the archive of modules appear in /run, where it stays when the initramfs is emptied. */
void mount_kept_archive(void);
/* Tries the types in turn; 0, or -errno with a message. type: what libblkid says, or NULL. */
int mount_root(const struct init_options *o, const char *node, const char *type);
/* rootflags= has options of mount(2) and options of the file system: *flags gets the former, data
 * (as large as options) the latter. */
void mount_split_flags(const char *options, unsigned long *flags, char *data);
/* The file system types that can mount one of the signatures; all are lists with commas, ret is ""
 * when there is none. */
void mount_choose_types(const char *types, const char *signatures, char *ret, size_t size);

/* ---- signature.c ---- */

struct signatures {
	char types[256]; /* as libblkid calls them, with commas; "": none */
	bool ambivalent; /* there is more than one */
};

/* Reads the signatures on a device: 0, -EOPNOTSUPP without libblkid, -ETIMEDOUT when the device
 * does not answer, or another -errno. */
int signatures_read(const char *node, struct signatures *ret);

/* ---- scripts.c: init.d ---- */

struct script_environment {
	const char *root; /* its device, "" while it is not there */
	const char *type; /* what is on it, "" when that is not known */
	/* resume=, "" once that has been tried: until then a script must not write to a disk */
	const char *resume;
};

/* Runs them one after the other; false when there are none. */
bool scripts_run(const struct script_environment *env);

/* ---- shell.c ---- */

/* A shell on the console; returns whether it was usable. */
bool shell_run(const char *why);
/* For coldplug.break. */
void shell_stop_at(const struct init_options *o, enum init_stage stage);
/* No root could be mounted. Returns when it is worth another try. */
void shell_rescue(const struct init_options *o);

/* ---- fallback.c ---- */

/* Becomes the fallback, which there is, with what is mounted and set as the kernel left it. Returns if it cannot
 * be run. */
void fallback_run(const struct init_options *o, char **argv, const char *why);
/* The same, if the command line shows that this init is not enough. Forgets a fallback that is not there. */
void fallback_run_if_asked(struct init_options *o, char **argv);

/* ---- boot.c ---- */

/* Boots: finds the root, mounts it and becomes its init. */
_Noreturn void boot_run(const struct init_options *o, char **argv);

/* ---- front.c: the engine, a process of its own ---- */

enum engine_what { WAIT_ROOT, WAIT_RESUME };

enum engine_kind {
	ENGINE_FOUND,	      /* what, node, type */
	ENGINE_READY,	      /* the module of the root's file system has been tried */
	ENGINE_SETTLED,	      /* nothing is in flight, and nothing more is to be expected */
	ENGINE_COMMANDS_LEFT, /* n */
	ENGINE_EXPLAINED,
};

struct engine_message {
	uint32_t kind;
	uint32_t what;
	int32_t n;	/* SETTLED: how often AGAIN had been asked by then */
	char node[256]; /* "/dev/..." */
	char type[32];	/* "" when it is not known */
};

struct engine {
	struct child child;
	int fd; /* -1 */
};

int engine_start(struct engine *e, const struct init_options *o, const char *root, const char *resume);
/* A process that only knows ENGINE_LEAVE: for a PID 1 without an engine. */
int engine_start_emptier(struct engine *e);
/* 1: *m is a message; 0: there was none for timeout_ms; -EPIPE: the engine has died. */
int engine_receive(struct engine *e, struct engine_message *m, int timeout_ms);
enum engine_request { ENGINE_EXPLAIN = 'e', ENGINE_AGAIN = 'a', ENGINE_COMMANDS = 'c', ENGINE_LEAVE = 'l' };
/* EXPLAIN: says what is missing, and answers EXPLAINED. AGAIN: looks at all devices again and
 * settles again. COMMANDS: answers COMMANDS_LEFT, how many install commands are still running.
 * LEAVE: PID 1 goes on to the new root; the engine goes on until everything has settled, and then
 * empties the initramfs. */
void engine_ask(struct engine *e, enum engine_request request);
/* The engine ends, unless it was asked to LEAVE; what it has begun to load goes on. */
void engine_stop(struct engine *e);

/* ---- switch-root.c ---- */

/* The program of the new root to run: init=, or else the first of the usual ones that is there;
 * NULL: none. */
const char *switch_root_find_init(const struct init_options *o);
/* Moves the mounts and makes the new root "/". -errno: nothing was moved. */
int switch_root_enter(void);
/* Becomes init; returns if none can be run. */
void switch_root_exec(const char *init, char **argv);
/* The file system of an initramfs, when "/" is one: a descriptor, else -1. */
int initramfs_open(void);
/* Deletes all that is in it, and closes it. -1 is fine. */
void initramfs_empty(int initramfs);
