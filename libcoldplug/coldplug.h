/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * libcoldplug: from a machine's devices to loaded kernel modules.
 *
 * One opaque context, struct coldplug, holds the settings, the indexes, what is wanted, the plan and
 * the results. It is used by one thread at a time; different contexts are independent.
 *
 * Errors: functions returning int give 0 (or a positive answer where their description names one) or
 * a negative errno, which is fatal for that call only. What went wrong with an input is told once, to
 * the log function, with file, place and value; the library never prints and never exits.
 *
 * Strings handed in are copied. Pointers handed out belong to the context and stay valid until the
 * next call that changes what they describe (named at each), or coldplug_free().
 *
 * Names follow modprobe(8), modprobe.d(5), modules-load.d(5).
 */
#ifndef COLDPLUG_H
#define COLDPLUG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coldplug;

/* ---- life ---- */

/** A new context with default settings; free it with coldplug_free(). -ENOMEM. Since 0.1. */
int coldplug_new(struct coldplug **ret);

/** Frees the context; loads in flight go on by themselves. NULL is fine; returns NULL. Since 0.1. */
struct coldplug *coldplug_free(struct coldplug *c);

/** Calls fn for each parameter of the kernel's command line (proc/cmdline below the root), by the kernel's
 * own rules: quotes, and the end at "--" (lib/cmdline.c, kernel/params.c). value is NULL where there is
 * no '='; both are valid only meanwhile. fn's answer: 0 go on, anything else ends it and is passed on.
 * -ENOENT and such: the command line cannot be read. Since 0.1. */
int coldplug_parameters(struct coldplug *c, int (*fn)(void *userdata, const char *name, const char *value),
			void *userdata);

/* ---- settings: before the first call of any other kind, -EBUSY afterwards ---- */

/** The directory in which sys/, proc/, lib/modules/ and etc/ are looked for. Anything but NULL or "/"
 * also sets COLDPLUG_DRY_RUN: another system's modules are not loaded into this kernel unless the
 * flag is then cleared. Since 0.1. */
int coldplug_set_root(struct coldplug *c, const char *dir);

/** The directory in which lib/modules/ is looked for, as modprobe -d: everything else stays where it is,
 * and what is there is loaded. Not together with coldplug_set_root(). Since 0.1. */
int coldplug_set_module_root(struct coldplug *c, const char *dir);

/** The kernel release to use; NULL: the running one (uname(2)), or under another root the only one
 * there is. Since 0.1. */
int coldplug_set_release(struct coldplug *c, const char *release);

/** Files or directories to read instead of the modprobe.d directories, NULL-terminated; they are not
 * below the root. NULL: those directories again. modules.softdep is always read too. -ENOENT and such: one cannot be found. Since 0.1. */
int coldplug_set_config_paths(struct coldplug *c, const char *const *paths);

/** Loads in flight at most; 0 chooses by the number of processors. Since 0.1. */
int coldplug_set_jobs(struct coldplug *c, unsigned int jobs);

/** How many bytes of events the kernel keeps for coldplug_run() while it does something else; 16 MiB if not set.
 * The kernel has a minimum of some 2 KiB, and beyond net.core.rmem_max it wants CAP_NET_ADMIN. What does not fit
 * is made up for by a walk of /sys. -EINVAL: 0, or more than INT_MAX / 2; -EBUSY: it listens already. Since 0.1. */
int coldplug_set_receive_buffer(struct coldplug *c, unsigned int bytes);

enum coldplug_flag {
	COLDPLUG_DRY_RUN,	 /**< plan only; nothing in the kernel is changed */
	COLDPLUG_ASYNC_PROBE,	 /**< modules without drivers get the parameter async_probe (on) */
	COLDPLUG_DEVICETREE,	 /**< OF_* of a device's uevent is an alias too (off, as kmod and udev) */
	COLDPLUG_BLACKLIST,	 /**< blacklists count for names too, modprobe -b (off; devices always) */
	COLDPLUG_IGNORE_INSTALL, /**< no install command for the modules named, modprobe -i (off) */
	COLDPLUG_IGNORE_LOADED,	 /**< plan as if nothing were loaded, modprobe -D (off) */
	COLDPLUG_UDEV,		 /**< events come from udevd, after its rules, instead of the kernel (off) */
	COLDPLUG_MONITOR,	 /**< after coldplug_run(), coldplug_dispatch() goes on for days (off) */
	COLDPLUG_FOUND_TYPE,	 /**< a path or number waited for is there when its type is known too (on) */
	/* of coldplug_insert() and coldplug_remove() only: */
	COLDPLUG_FIRST_TIME,	   /**< what is there, or gone, already is an error (off) */
	COLDPLUG_REMOVE_HOLDERS,   /**< the modules that use it go too (off) */
	COLDPLUG_FORCE_MODVERSION, /**< symbol versions are not compared (off) */
	COLDPLUG_FORCE_VERMAGIC,   /**< nor the version magic (off) */
	COLDPLUG_FORCE_REMOVE,	   /**< removed although it is in use: the kernel may crash (off) */
	COLDPLUG_FIRMWARE,	   /**< coldplug_closure() lists firmware too (on) */
	COLDPLUG_COMPANIONS,	   /**< coldplug_closure() adds what engine/companions.c says (on) */
};
int coldplug_set_flag(struct coldplug *c, enum coldplug_flag flag, bool on);

/** Whether nothing will be changed: COLDPLUG_DRY_RUN, also as coldplug_set_root() implied it. Since
 * 0.1. */
bool coldplug_is_dry_run(const struct coldplug *c);

/** Where messages go: level as in syslog(3): 3 error, 4 warning, 6 info, 7 debug; those above the
 * given level are dropped. The message has no newline and no control characters. May be called at any
 * time. Since 0.1. */
void coldplug_set_log(struct coldplug *c, void (*fn)(void *userdata, int level, const char *message),
		      void *userdata, int level);

/** Called for each result while coldplug_run() or coldplug_wait() run, with the index of the step
 * (coldplug_step()). Since 0.1. */
void coldplug_set_progress(struct coldplug *c, void (*fn)(void *userdata, size_t step), void *userdata);

/** A uevent of the kernel. Unused fields are NULL. Fields are only ever added at the end. */
struct coldplug_event {
	const char *action;  /**< "add", "remove", "change", "bind", ... */
	const char *devpath; /**< "/devices/..." */
	const char *subsystem;
	const char *modalias;
	const char *devname; /**< without "/dev/" */
	uint64_t seqnum;
};
/** Called for each event received, before it is handled; event is valid only meanwhile. Since 0.1. */
void coldplug_set_event(struct coldplug *c, void (*fn)(void *userdata, const struct coldplug_event *event),
			void *userdata);

/* ---- asking ---- */

/** The modules an alias or name means, in libkmod's order, each once. Filters nothing, unless
 * COLDPLUG_BLACKLIST is set: then the blacklisted ones are left out. *names: NUL-terminated array,
 * valid until the next call. Returns how many; 0: nothing matches; -EINVAL: not an alias ('[' and ']'
 * unbalanced). An alias longer than 4095 bytes is cut there, as kmod does. Since 0.1. */
int coldplug_resolve(struct coldplug *c, const char *alias, const char *const **names);

/** One loaded module. */
struct coldplug_loaded {
	const char *name;
	uint64_t size;	     /**< bytes, of /sys/module/NAME/coresize */
	int64_t refcount;    /**< -1 when the kernel cannot unload */
	const char *holders; /**< comma-separated modules that use it, "" */
};
/** The modules in the kernel, newest first as in /proc/modules, whose order lsmod(8) has. *list:
 * array valid until the next call. Returns how many. Since 0.1. */
int64_t coldplug_loaded(struct coldplug *c, const struct coldplug_loaded **list);

/* ---- wanting ---- */

/** Walks sys/devices and wants what was not seen before; how many new aliases. Waits for devices that are
 * slow to answer, 10 seconds at most (coldplug_run() goes on meanwhile). -ENOENT: there is no sys/devices
 * under the root. Since 0.1. */
int64_t coldplug_walk(struct coldplug *c);

/** Wants a module or alias by name, or a module's file by a path with a '/' in it (its dependencies are
 * those modules.dep has for its name); params ("A=1 B=2") or NULL for the module itself. 1 when it
 * leads anywhere (also to a loaded or withheld module), 0 when nothing has this name, which counts as
 * a failure. Since 0.1. */
int coldplug_want(struct coldplug *c, const char *name, const char *params);

/** Wants what modules-load.d(5) and modules_load= (rd.modules_load=) of the kernel command line name.
 * Since 0.1. */
int coldplug_want_configured(struct coldplug *c);

/** Wants the modules that are loaded, by name: some of them no device names, for instance what the kernel
 * asked for itself. One that has no file here is told and left out. Since 0.1. */
int coldplug_want_loaded(struct coldplug *c);

/* ---- the plan ---- */

enum coldplug_kind {
	COLDPLUG_MODULE,  /**< load path */
	COLDPLUG_COMMAND, /**< run the command of an install line instead */
	COLDPLUG_ABSENT,  /**< wanted, but without a file */
};

enum coldplug_state {
	COLDPLUG_PLANNED,  /**< no result yet */
	COLDPLUG_DONE,	   /**< loaded, or the command succeeded */
	COLDPLUG_ALREADY,  /**< somebody else loaded it meanwhile */
	COLDPLUG_DECLINED, /**< its init found nothing to drive (ENODEV): not a failure */
	COLDPLUG_FAILED,
	COLDPLUG_SKIPPED, /**< not tried, message says why */
};

/** One step of the plan and its result. Fields are only ever added at the end. */
struct coldplug_step {
	const char *module;
	enum coldplug_kind kind;
	const char *path;    /**< absolute, with the root in front; NULL */
	const char *params;  /**< "" */
	const char *command; /**< NULL */
	enum coldplug_state state;
	int error;	     /**< positive errno, or a command's exit status; 0 */
	const char *message; /**< "" or one line that says why */
	uint64_t start_us;   /**< CLOCK_MONOTONIC, microseconds; 0 when not tried */
	uint64_t end_us;
	unsigned int worker;
};

/** Makes steps of everything wanted since the last call; how many are new. Since 0.1. */
int64_t coldplug_plan(struct coldplug *c);

/** How many steps there are, and one of them (NULL past the end). The pointer and its path are valid
 * until the next call of coldplug_step(), the other strings until coldplug_free(); with COLDPLUG_MONITOR until
 * coldplug_dispatch(), and from coldplug_steps() on there are those that were in flight when all else was
 * forgotten. Since 0.1. */
size_t coldplug_steps(struct coldplug *c);
const struct coldplug_step *coldplug_step(struct coldplug *c, size_t i);

/** The plan as modprobe -a -D prints it ("insmod PATH PARAMS", "install COMMAND PARAMS", "builtin
 * NAME"), each line once, NUL-terminated; for the caller to free(). Since 0.1. */
int coldplug_plan_text(struct coldplug *c, char **ret);

enum coldplug_why {
	COLDPLUG_WHY_DEVICE,	   /**< alias, pattern, device */
	COLDPLUG_WHY_NAME,	   /**< alias (as asked for), pattern or NULL; file, line where that stands */
	COLDPLUG_WHY_DEPENDENCY,   /**< by */
	COLDPLUG_WHY_SOFTDEP_PRE,  /**< by, file, line */
	COLDPLUG_WHY_SOFTDEP_POST, /**< by, file, line */
	COLDPLUG_WHY_BLACKLIST,	   /**< withheld: file, line, alias */
	COLDPLUG_WHY_FORBIDDEN,	   /**< withheld: by (the module that module_blacklist= names) */
	COLDPLUG_WHY_OPTION,	   /**< pattern is the parameters, file, line */
	COLDPLUG_WHY_INSTALL,	   /**< pattern is the command, file, line */
	COLDPLUG_WHY_OFF,	   /**< withheld by "alias NAME off": file, line, alias */
};

/** One reason for what becomes of a module. Unused fields are NULL or 0. */
struct coldplug_reason {
	enum coldplug_why why;
	const char *alias;
	const char *pattern;
	const char *device; /**< "/devices/..." */
	const char *by;
	const char *file;
	unsigned int line;
};

/** All reasons known for a module (any spelling of its name), of what was wanted so far: *list, an
 * array valid until the next call. Returns how many, 0 when nothing asked for it. Since 0.1. */
int64_t coldplug_why(struct coldplug *c, const char *module, const struct coldplug_reason **list);

/** What rules withhold of what was wanted so far: modules, and names that are "off", each once, without any
 * order; coldplug_why() says by which rule. *names: an array valid until the next call. Returns how many. Since
 * 0.1. */
int64_t coldplug_withheld(struct coldplug *c, const char *const **names);

/** The names that were wanted (coldplug_want(), coldplug_want_configured()) and nothing has: *names, an array
 * valid until the next call. Returns how many. What has a name but no file is a step, COLDPLUG_ABSENT. Since
 * 0.1. */
int64_t coldplug_not_found(struct coldplug *c, const char *const **names);
/* ---- an image ---- */

enum coldplug_file_kind {
	COLDPLUG_FILE_MODULE,
	COLDPLUG_FILE_FIRMWARE,
};

/** A file that an image needs. Fields are only ever added at the end. */
struct coldplug_file {
	enum coldplug_file_kind kind;
	const char *path; /**< absolute, with the root (or from) in front */
	const char *name; /**< the module's; firmware: the name by which the kernel asks for it */
	const char *by; /**< the module that brought it in; NULL: it was wanted, or is a dependency of such */
};

/** The files that an image needs for all that was wanted so far: modules with their hard dependencies,
 * softdeps, weakdeps and companions (engine/companions.c), and firmware. For an image nothing counts as
 * loaded: needs COLDPLUG_DRY_RUN and COLDPLUG_IGNORE_LOADED, else -EINVAL. from: the directory whose
 * lib/modules/ and lib/firmware/ have the files, when the root has only the indexes (a recording); NULL:
 * the root. *list: an array, modules first, each sorted by path, valid until the next call. Returns how
 * many. A module that cannot be read is input lost; firmware that is not there is told at level 6. Since
 * 0.1. */
int64_t coldplug_closure(struct coldplug *c, const char *from, const struct coldplug_file **list);

/* ---- loading ---- */

/** Starts the process that loads (loader(7) in ARCHITECTURE.md): call it, or coldplug_run(), before
 * the caller has a second thread. Nothing under COLDPLUG_DRY_RUN. Since 0.1. */
int coldplug_start(struct coldplug *c);

/** Hands the planned steps to the loading process; returns at once. Since 0.1. */
int coldplug_load(struct coldplug *c);

/** A descriptor that polls readable when coldplug_dispatch() has something to do; -1 when nothing was
 * started. Since 0.1. */
int coldplug_fd(struct coldplug *c);

/** Takes the results and the events that are there, without blocking, and loads what they want; how
 * many results. With COLDPLUG_MONITOR, after coldplug_run(): a hotplug daemon is a loop of poll(2) on
 * coldplug_fd() and this. Its memory does not grow: steps, reasons and devices are forgotten when
 * nothing has been handed over or come back for 0.2 s, or with loads in flight for 5 s; of these only what
 * their results need is kept, see coldplug_step(). Configuration and indexes that have changed are read
 * anew before the next request. Without events it walks every 5 s. Since 0.1. */
int coldplug_dispatch(struct coldplug *c);

/** Has the next coldplug_dispatch() read the configuration and the indexes anew and walk again, whatever is
 * in flight. May be called from a signal handler. Since 0.1. */
void coldplug_reload(struct coldplug *c);

/** Waits until each step handed over has a result. Since 0.1. */
int coldplug_wait(struct coldplug *c);

/** All of it: start, walk, what is configured, plan, load, and again for the devices that appear
 * meanwhile until nothing new comes. Since 0.1. */
int coldplug_run(struct coldplug *c);

/** The same in steps, for who has a loop of its own: coldplug_begin() does all that need not be waited for.
 * Then, until coldplug_advance() answers 1 (done: all has settled, or what is waited for is there) or a
 * negative errno (-ETIMEDOUT among them): wait with poll(2) until coldplug_fd() is readable, *timeout_ms at
 * most (-1: no limit), and call it again. It does not block. Who goes on calling it after that has the rest
 * settle too (coldplug_is_settled()). A later coldplug_begin() looks at everything
 * anew. Not with COLDPLUG_DRY_RUN: there coldplug_begin() is all. Since 0.1. */
int coldplug_begin(struct coldplug *c);
int coldplug_advance(struct coldplug *c, int *timeout_ms);

/** Whether at this moment nothing is in flight and the kernel has said all: what is still waited for does not
 * come by itself. Since 0.1. */
bool coldplug_is_settled(struct coldplug *c);

/** Makes coldplug_run() return as soon as a device is there, instead of when all is done: "/dev/...",
 * "MAJOR:MINOR" of a block device, "UUID=...", "LABEL=...", "PARTUUID=...", "PARTUUID=.../PARTNROFF=N" (the
 * partition N behind that one), "PARTLABEL=..." or "/dev/disk/by-{uuid,label,partuuid,partlabel}/..." (udev's
 * links are not needed for these; by-id and by-path only udev can make). With COLDPLUG_FOUND_TYPE
 * a disk is there when it has said what is on it, or has not for 10 seconds. Several calls: until all of them are there. Other loads go on. -EINVAL: none of these; -EOPNOTSUPP: built
 * without libblkid. Since 0.1. */
int coldplug_wait_for(struct coldplug *c, const char *spec);

/** Has the module of the file system on a device loaded as soon as the device is there, so that who mounts it
 * need not wait for that. Nobody waits for the device. spec and errors are those of coldplug_wait_for().
 * Needs libblkid; what it calls the file system is looked for as "fs-TYPE", as mount(2) does
 * (fs/filesystems.c). Since 0.1. */
int coldplug_prepare_mount(struct coldplug *c, const char *spec);

/** How long coldplug_run() waits for it, from coldplug_new() on, before it answers -ETIMEDOUT;
 * milliseconds, 0 for ever. With COLDPLUG_MONITOR how long it waits until all has settled: -ETIMEDOUT says
 * that loads are still in flight (coldplug_step()), and coldplug_dispatch() goes on all the same.
 * Since 0.1. */
int coldplug_set_timeout(struct coldplug *c, unsigned int milliseconds);

/** The device node ("/dev/...") of the i-th thing waited for, or NULL while it is not there. Since 0.1. */
const char *coldplug_found(const struct coldplug *c, size_t i);

/** The type of the file system on it, as libblkid calls it ("ext4"); NULL when it is not there, has none, did
 * not answer, or without libblkid; of paths and numbers also without COLDPLUG_FOUND_TYPE. Since 0.1. */
const char *coldplug_found_type(const struct coldplug *c, size_t i);

/** The devices with an alias and without a driver ("/devices/..."): *list, an array valid until the next
 * call. Returns how many. Since 0.1. */
int64_t coldplug_undriven(struct coldplug *c, const char *const **list);

/** Nothing more is started: what is in flight finishes, the rest is COLDPLUG_SKIPPED. Takes effect in
 * coldplug_run() (which then no longer waits for a device either) and coldplug_wait(). May be called from a signal handler. Since 0.1. */
void coldplug_cancel(struct coldplug *c);

/** Everything about this context as JSON (coldplug-report(5)) to a file, when all loads have ended: it
 * appears whole or not at all, also when the caller has exited by then. Call it before
 * coldplug_start(). Since 0.1. */
int coldplug_set_report(struct coldplug *c, const char *path);

/** Saves what the machine shows (coldplug-record(8)) as a tar archive at path; loads nothing. Unpacked
 * it is a root for coldplug_set_root(). Since 0.1. */
int coldplug_record(struct coldplug *c, const char *path);

/** Has coldplug_run() do so while it runs, and add the events it hears; for what only the recording wants to know
 * of a device its last coldplug_advance() waits up to a second. Where it cannot be written that is told at once,
 * everything else is done, and coldplug_exit_code() is 111. Since 0.1. */
int coldplug_set_record(struct coldplug *c, const char *path);

/** Uses a recording as the root: it is unpacked to a temporary directory, which coldplug_free() removes.
 * coldplug_replay() then does what coldplug_run() would, by plan only, and takes the recorded events one
 * after the other. Since 0.1. */
int coldplug_set_recording(struct coldplug *c, const char *path);
int coldplug_replay(struct coldplug *c);

/** For whom the files below the root will go away (an initramfs at switch_root): the loading process opens
 * what it has still to load, and goes on. How many steps need those files all the same: install
 * commands that have not ended; who can waits for them (coldplug_dispatch()) and asks again. Since 0.1. */
int coldplug_leave(struct coldplug *c);

/** Waits until the report is written. Since 0.1. */
int coldplug_finish(struct coldplug *c);

/* ---- one name at a time, as modprobe(8) does it ---- */

/** What coldplug_insert() and coldplug_remove() are about to do, or could not. */
enum coldplug_act_kind {
	COLDPLUG_ACT_MATCH,   /**< insert: the name asked for means this module */
	COLDPLUG_ACT_INSMOD,  /**< its file goes to the kernel: path, params */
	COLDPLUG_ACT_INSTALL, /**< an install command is run instead: command, params */
	COLDPLUG_ACT_BUILTIN, /**< nothing to do (told under COLDPLUG_IGNORE_LOADED only) */
	COLDPLUG_ACT_RMMOD,   /**< it is taken out of the kernel */
	COLDPLUG_ACT_REMOVE,  /**< a remove command is run instead: command */
	/* what went wrong */
	COLDPLUG_ACT_NO_FILE,	     /**< there is no file of that name */
	COLDPLUG_ACT_COMMAND_FAILED, /**< command, error: its exit status */
	COLDPLUG_ACT_FAILED,	     /**< insert: the module asked for is not in the kernel: error, message */
	COLDPLUG_ACT_THERE,	     /**< insert, COLDPLUG_FIRST_TIME: it was loaded before */
	COLDPLUG_ACT_NOT_THERE,	     /**< remove, COLDPLUG_FIRST_TIME: it is not loaded */
	COLDPLUG_ACT_NOT_REMOVABLE,  /**< remove: it is built in */
	COLDPLUG_ACT_IN_USE,	     /**< remove: its reference count is not 0 */
	COLDPLUG_ACT_KEPT,	     /**< remove: the kernel refused: error */
};

/** Unused strings are NULL. Valid only inside the function. Fields are only ever added at the end. */
struct coldplug_act {
	enum coldplug_act_kind kind;
	const char *module;
	const char *path;
	const char *params; /**< as modprobe -v prints them: a blank behind those of the configuration */
	const char *command;
	int error;	     /**< positive errno, or an exit status */
	const char *message; /**< why, in one line, or NULL */
};

/** Called before each act, and for each that failed; COLDPLUG_DRY_RUN: only called. Anything but 0 ends
 * the call in progress with -ECANCELED. Since 0.1. */
void coldplug_set_act(struct coldplug *c, int (*fn)(void *userdata, const struct coldplug_act *act),
		      void *userdata);

/** Loads what a name or alias (or a path that begins with '/' or './') means, with what it needs, in this
 * process, one after the other, in modprobe's order; returns when it is done. Nothing is shared with a loading
 * process, so it may run while another one's module waits for it (request_module). 0; -ENOENT: nothing
 * has this name, and no act told so; else -errno of the last match that failed. Since 0.1. */
int coldplug_insert(struct coldplug *c, const char *name, const char *params);

/** The matches only (COLDPLUG_ACT_MATCH), not filtered. 0 or -ENOENT. Since 0.1. */
int coldplug_match(struct coldplug *c, const char *name);

/** Removes what a name or alias means, as modprobe -r: its post softdeps, itself, then what it needed and
 * nobody else uses, and its pre softdeps. wait_ms: how long to wait for its reference count to become 0.
 * 0 (also when it was not loaded); -ENOENT: nothing has this name, or it is built in; -EBUSY; -EINVAL: not an
 * alias; -ELOOP: its softdeps have no end; -errno of the kernel. Since 0.1. */
int coldplug_remove(struct coldplug *c, const char *name, unsigned int wait_ms);

/** The configuration, and all aliases that modules have, as modprobe -c prints them: megabytes, NUL-terminated, for
 * the caller to free(). Since 0.1. */
int coldplug_config_text(struct coldplug *c, char **ret);

/** The directory in which coldplug_insert() looks, as modprobe names it. NULL: no memory. Since 0.1. */
const char *coldplug_module_directory(struct coldplug *c);

enum coldplug_json {
	COLDPLUG_JSON_PLAN,   /**< devices, aliases, steps with reasons, what is withheld */
	COLDPLUG_JSON_LOADED, /**< the loaded modules */
	COLDPLUG_JSON_EVENT,  /**< the event, inside the function of coldplug_set_event() */
	COLDPLUG_JSON_RESULT, /**< the result, inside the function of coldplug_set_progress() */
};
/** As JSON text for the caller to free(). Since 0.1. */
int coldplug_json(struct coldplug *c, enum coldplug_json what, char **ret);

struct coldplug_summary {
	size_t devices; /**< with at least one alias */
	size_t aliases; /**< distinct */
	size_t modules; /**< steps */
	size_t loaded;	/**< done or already */
	size_t declined;
	size_t failed; /**< and names that nothing has */
	size_t skipped;
	size_t withheld; /**< modules */
	size_t lost;	 /**< inputs that could not be read */
	uint64_t start_us;
	uint64_t end_us;	 /**< of the last result */
	uint64_t events;	 /**< uevents received from the kernel */
	uint64_t events_ignored; /**< messages that were not the kernel's, or broken */
};
/** Counts so far. Since 0.1. */
void coldplug_get_summary(struct coldplug *c, struct coldplug_summary *ret);

/** The exit code of what was done so far: 0, 1 some module failed or was not started because of
 * coldplug_cancel(), 2 input was lost, 111 the recording could not be written: the highest that applies.
 * Since 0.1. */
int coldplug_exit_code(struct coldplug *c);

#ifdef __cplusplus
}
#endif

#endif
