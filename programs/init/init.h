/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of PID 1 share. Nothing of an init is in the library: mounts, the console and
 * switch_root live here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <coldplug.h>

#define NEW_ROOT "/sysroot"
/* As others wait: initramfs-tools has 30 s too. */
#define WAIT_SECONDS 30
#define SCRIPTS "/etc/coldplug/init.d"
#define REPORT_DIR "/run/coldplug"

/* ---- options.c: what the kernel's command line says ---- */

enum init_stage { STAGE_NONE, STAGE_START, STAGE_MOUNT, STAGE_SWITCH };

struct init_options {
	char *root;
	char *root_fs_types; /* rootfstype=, a list with commas; NULL */
	char *root_flags;
	char *init;
	char *resume;
	bool resume_in_file; /* resume_offset=: its device holds a file system with the swap file */
	bool read_write;
	bool no_resume;
	bool usr; /* there is a mount.usr= or the like */
	bool debug;
	enum init_stage stop_at; /* coldplug.break */
	unsigned int jobs;	 /* 0: chosen */
	unsigned int wait_s;	 /* how long for the root; 0: for ever */
	bool has_panic;
	int panic;	      /* panic=, seconds */
	unsigned int unknown; /* coldplug. words that are none */
};

/* Reads them by coldplug_parameters(): 0, or -errno (told). What is no option of ours is left to others,
 * what is one and not understood is told and counts as unknown. */
int init_options_read(struct init_options *o, struct coldplug *c);
void init_options_free(struct init_options *o);

/* What has to be waited for, as coldplug_wait_for() takes it, malloc'd; NULL: root= (or resume=) names no
 * block device, and *why is a sentence that says what to do about it. */
char *init_spec_of(const char *device, const char **why);

/* ---- message.c: /dev/kmsg ---- */

/* level as in syslog(3). */
__attribute__((format(printf, 2, 3))) void say(int level, const char *fmt, ...);
void say_open(void);
/* The rate limit of /dev/kmsg is lifted while PID 1 is ours; this puts it back. */
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
/* In a child, before it becomes somebody else. */
void process_reset(void);
/* Reaps whoever has died; the up to two we care for are known by address. */
void process_watch(struct child *child);
void process_unwatch(struct child *child);
/* Waits until fd is readable or timeout_ms has passed (-1: never), reaping meanwhile: 1, 0, or -errno. */
int process_wait_fd(int fd, int timeout_ms);
/* That long, whoever dies meanwhile. */
void process_sleep(int ms);
/* Waits until a child just forked has ended. */
void process_await(struct child *child);
/* The console becomes standard input, output and error, opened anew: whoever had it before may have hung it
 * up. */
void process_open_console(void);
/* Runs a program on the console and waits for its end; its status as waitpid() gives it, or -errno. */
int process_run(char *const argv[], bool own_terminal);
/* "exit status 3", "killed by signal 11". */
const char *process_status_text(int status, char buf[64]);
/* For ever. */
_Noreturn void process_stay(void);
/* Restarts or stays, as panic= says. */
_Noreturn void process_give_up(const struct init_options *o);
uint64_t process_now_ms(void);

/* ---- mount.c ---- */

void mount_api_file_systems(void);
bool mount_is_point(const char *dir);
/* Tries the types in turn; 0 or -errno, told. type: what libblkid says, or NULL. */
int mount_root(const struct init_options *o, const char *node, const char *type);
/* rootflags= has words for mount(2) itself and words for the file system: *flags gets the former, data
 * (as large as options) the latter. */
void mount_split_flags(const char *options, unsigned long *flags, char *data);

/* ---- engine.c: the engine in a process of its own ---- */

enum engine_what { WAIT_ROOT, WAIT_RESUME };

enum engine_kind {
	ENGINE_FOUND,	      /* what, node, type */
	ENGINE_READY,	      /* the root's file system has its module */
	ENGINE_SETTLED,	      /* nothing is in flight, and nothing more comes */
	ENGINE_COMMANDS_LEFT, /* n */
	ENGINE_EXPLAINED,
};

struct engine_message {
	uint32_t kind;
	uint32_t what;
	int32_t n;	/* SETTLED: how many times it was told AGAIN by then */
	char node[256]; /* "/dev/..." */
	char type[32];	/* "" when not known */
};

struct engine {
	struct child child;
	int fd; /* -1 */
};

int engine_start(struct engine *e, const struct init_options *o, const char *root, const char *resume);
/* 1: *m is a message; 0: none for timeout_ms; -EPIPE: the engine has died. */
int engine_receive(struct engine *e, struct engine_message *m, int timeout_ms);
enum engine_request { ENGINE_EXPLAIN = 'e', ENGINE_AGAIN = 'a', ENGINE_COMMANDS = 'c', ENGINE_LEAVE = 'l' };
/* EXPLAIN: says what is missing, answered by EXPLAINED. AGAIN: looks at all devices again and settles anew.
 * COMMANDS: how many install commands have not ended, answered by COMMANDS_LEFT. LEAVE: PID 1 goes on to the
 * new root; the engine goes on until everything has settled, and empties the initramfs. */
void engine_ask(struct engine *e, enum engine_request request);
/* The engine ends, unless it was told to LEAVE; what it has begun to load goes on. */
void engine_stop(struct engine *e);

/* ---- switch-root.c ---- */

/* Whether the new root has this program (or, without one, the first of the usual), answered by looking from
 * inside it: its path, or NULL. */
const char *switch_root_find_init(const struct init_options *o);
/* Moves the mounts and makes the new root "/". -errno: nothing was moved. */
int switch_root_enter(void);
/* Becomes init; returns if nobody can be. */
void switch_root_exec(const char *init, char **argv);
/* The file system of an initramfs, when "/" is one: a descriptor, else -1. */
int initramfs_open(void);
/* Deletes all that is in it, and closes it. -1 is fine. */
void initramfs_empty(int initramfs);
