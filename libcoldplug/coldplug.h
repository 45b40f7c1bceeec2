/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * libcoldplug loads the kernel modules that the devices of a machine need.
 *
 * One opaque context, struct coldplug, holds the settings, the indexes, the requests, the plan and the
 * results. A context may be used by one thread at a time. Different contexts are independent of each
 * other.
 *
 * Errors: a function that returns an int or int64_t returns 0 or more on success, and a negative errno on
 * failure. A failure is fatal for that call only. Problems with an input are reported once, to the log
 * function, with file, place and value. The library never prints and never exits.
 *
 * The library copies the strings that it is given. Pointers that it returns belong to the context. They
 * are valid until the next call that changes what they describe, which is named for each function, or
 * until coldplug_free().
 *
 * Terms: a "request" is an alias, a name or a path for which modules are wanted. A "step" is one module
 * of the plan. A "load" is the attempt to carry out a step. A load is "in flight" from the time it is
 * handed to the loading process until its result has come back. The machine has "settled" when no load is
 * in flight and every event that the kernel had sent by then has been handled. Other terms are those of
 * modprobe(8), modprobe.d(5) and modules-load.d(5).
 *
 * Each chapter begins with an example, which is the body of a function with a context c. Functions whose
 * names begin with "my_" are the caller's.
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

/* ---- making and freeing a context ----
 *
 *	struct coldplug *mine;
 *
 *	if (coldplug_new(&mine) < 0)
 *		return 111;
 *	coldplug_free(mine);
 */

/** Makes a context with default settings, which coldplug_free() frees. Returns -ENOMEM when memory runs
 * out. Since 0.1. */
int coldplug_new(struct coldplug **ret);

/** Frees the context. Loads in flight go on in the loading process. c may be NULL. Returns NULL. Since
 * 0.1. */
struct coldplug *coldplug_free(struct coldplug *c);

/* ---- settings ----
 *
 *	coldplug_set_log(c, my_log, NULL, 4);
 *	coldplug_set_root(c, "/srv/images/board");
 *	coldplug_set_release(c, "6.1.0-56-amd64");
 *	coldplug_set_flag(c, COLDPLUG_IGNORE_LOADED, true);
 *	return coldplug_set_jobs(c, 8);
 *
 * Settings must be made before the first call of any other kind. Afterwards the functions that return an
 * int return -EBUSY.
 */

/** Sets the directory in which sys/, proc/, lib/modules/ and etc/ are looked for. Any directory but "/"
 * also sets COLDPLUG_DRY_RUN, so that the modules of another system are not loaded into this kernel
 * unless the flag is cleared afterwards. NULL means "/". Since 0.1. */
int coldplug_set_root(struct coldplug *c, const char *dir);

/** Sets the directory in which lib/modules/ is looked for, as modprobe -d does. All other files stay where
 * they are, and modules are loaded. It cannot be used together with coldplug_set_root(). Since 0.1. */
int coldplug_set_module_root(struct coldplug *c, const char *dir);

/** Sets the kernel release whose modules are used. NULL means the release of the running kernel
 * (uname(2)), or with another root the only release that is there. Since 0.1. */
int coldplug_set_release(struct coldplug *c, const char *release);

/** Sets the archive of modules (docs/ARCHIVE.md) that is used; file is not below the root. NULL means the first that is
 * there of modules.archive in the directory of the release, and, below the root, boot/modules-RELEASE.archive,
 * boot/modules.archive and run/coldplug/modules.archive. Modules whose files are in the directory are taken from there. With
 * another root and no release, the archive's is used. A path to a module in an archive is "FILE:PATH". An archive that
 * cannot be used counts as lost input. Since 0.1. */
int coldplug_set_archive(struct coldplug *c, const char *file);

/** Sets the files and directories that are read instead of the modprobe.d directories: a NULL-terminated
 * array. The paths are not below the root. NULL restores the default. modules.softdep and modules.weakdep
 * are always read. Returns -ENOENT, or another negative errno, if one of them cannot be found. Since
 * 0.1. */
int coldplug_set_config_paths(struct coldplug *c, const char *const *paths);

/** Sets how many loads may be in flight at most. 0 means a number that depends on that of the processors.
 * Since 0.1. */
int coldplug_set_jobs(struct coldplug *c, unsigned int jobs);
/** Has a module load alone, as a line "alias coldplug:alone MODULE" of modprobe.d does (coldplug(8)): no
 * other load is in flight meanwhile. May be called for several. 0; -EINVAL: module is no name; -EBUSY after
 * the first call that is not a setting. Since 0.1. */
int coldplug_add_alone(struct coldplug *c, const char *module);

/** Sets the size of the socket buffer in which the kernel keeps uevents until they are read, in bytes. The
 * default is 16 MiB. The kernel has a minimum of about 2 KiB, and requires CAP_NET_ADMIN for more than
 * net.core.rmem_max. After an overflow /sys is walked again. Returns -EINVAL for 0 and for more than
 * INT_MAX / 2, and -EBUSY if the context is listening already. Since 0.1. */
int coldplug_set_receive_buffer(struct coldplug *c, unsigned int bytes);

enum coldplug_flag {
	COLDPLUG_DRY_RUN,     /**< only plan; change nothing in the kernel */
	COLDPLUG_ASYNC_PROBE, /**< give modules without drivers the parameter async_probe (on) */
	COLDPLUG_DEVICETREE,  /**< use OF_* of a device's uevent as an alias too (off, as kmod and udev) */
	COLDPLUG_BLACKLIST,   /**< apply blacklists to names too, as modprobe -b (off; always for devices) */
	COLDPLUG_IGNORE_INSTALL, /**< ignore install commands of requested modules, as modprobe -i (off) */
	COLDPLUG_IGNORE_LOADED,	 /**< plan as if no module were loaded, as modprobe -D (off) */
	COLDPLUG_UDEV,		 /**< take events from udevd, after its rules, not from the kernel (off) */
	COLDPLUG_MONITOR,	 /**< coldplug_dispatch() serves new devices after coldplug_run() (off) */
	COLDPLUG_FOUND_TYPE,	 /**< paths and numbers to wait for are found when their type is known (on) */
	/* These are for coldplug_insert() and coldplug_remove() only. */
	COLDPLUG_FIRST_TIME,	   /**< fail if the module is already loaded, or not loaded (off) */
	COLDPLUG_REMOVE_HOLDERS,   /**< remove the modules that use it too (off) */
	COLDPLUG_FORCE_MODVERSION, /**< do not compare symbol versions (off) */
	COLDPLUG_FORCE_VERMAGIC,   /**< do not compare the version magic (off) */
	COLDPLUG_FORCE_REMOVE,	   /**< remove a module in use, which may crash the kernel (off) */
	/* These are for coldplug_closure() only. */
	COLDPLUG_FIRMWARE,   /**< list firmware too (on) */
	COLDPLUG_COMPANIONS, /**< list companions, see engine/companions.c, too (on) */

	COLDPLUG_ORDERED, /**< load one module after the other, in the order of modules.order (off) */
	/** until coldplug_leave() or coldplug_finish() load other modules only on idle processors, also when the devices
	 * waited for are there: what is done with them goes first (off) */
	COLDPLUG_AWAIT_LEAVE,
	/** the same after coldplug_leave() too, until coldplug_finish(), coldplug_free() or the end of the process (off) */
	COLDPLUG_AWAIT_END,
};
/** Sets or clears a flag. The default is in parentheses above. Returns -EBUSY after the first call that is not a
 * setting, except for COLDPLUG_AWAIT_LEAVE and COLDPLUG_AWAIT_END. Since 0.1. */
int coldplug_set_flag(struct coldplug *c, enum coldplug_flag flag, bool on);

/** Whether COLDPLUG_DRY_RUN is set, by coldplug_set_flag() or by coldplug_set_root(). Since 0.1. */
bool coldplug_is_dry_run(const struct coldplug *c);

/** Sets the function that receives messages. Levels are those of syslog(3): 3 error, 4 warning, 6 info, 7
 * debug. Messages above the given level are dropped. A message has no newline and no control characters.
 * This may be called at any time. Since 0.1. */
void coldplug_set_log(struct coldplug *c, void (*fn)(void *userdata, int level, const char *message),
		      void *userdata, int level);

/** Sets the function that is called for each result during coldplug_run() and coldplug_wait(), with the
 * index of the step for coldplug_step(). Since 0.1. */
void coldplug_set_progress(struct coldplug *c, void (*fn)(void *userdata, size_t step), void *userdata);

/** A uevent. Unused fields are NULL. New fields are only added at the end. */
struct coldplug_event {
	const char *action;  /**< "add", "remove", "change", "bind", ... */
	const char *devpath; /**< "/devices/..." */
	const char *subsystem;
	const char *modalias;
	const char *devname; /**< without "/dev/" */
	uint64_t seqnum;
};
/** Sets the function that is called for each event before it is handled. The event is valid only during
 * the call. Since 0.1. */
void coldplug_set_event(struct coldplug *c, void (*fn)(void *userdata, const struct coldplug_event *event),
			void *userdata);

/** Has everything about this context written as JSON (coldplug-report(5)) to a file when all loads have
 * ended. The file appears whole or not at all, even if the caller has exited by then. It must be called
 * before coldplug_start(). Since 0.1. */
int coldplug_set_report(struct coldplug *c, const char *path);

/** Sets the profile of earlier boots (coldplug-profile(8)), by which coldplug_begin() and coldplug_run() load first what
 * was needed then for the devices of coldplug_wait_for(). One that cannot be used is warned of and ignored. path is not
 * below the root, and is read when the context first needs the machine; without this, or with NULL, /etc/coldplug/profile below
 * the root is, if there is one. 0, -EBUSY: that has been already. Since 0.1. */
int coldplug_set_profile(struct coldplug *c, const char *path);

/** Sets a descriptor that is written to where the path of coldplug_set_report(), coldplug_set_record(),
 * coldplug_record() or coldplug_image() is "-", for instance standard output. It must stay open, and is not
 * closed. Without this, and with -1, "-" is the name of a file. A report is then written when all loads have
 * ended and not before, and what was written before an error stays. Since 0.1. */
int coldplug_set_stream(struct coldplug *c, int fd);

/* ---- questions ----
 *
 *	const char *const *names;
 *	int n = coldplug_resolve(c, "fs-ext4", &names);
 *
 *	for (int i = 0; i < n; i++)
 *		puts(names[i]);
 */

/** Finds the modules that match an alias or name, in libkmod's order, each once. Blacklisted modules are
 * left out only if COLDPLUG_BLACKLIST is set. *names is a NUL-terminated array, valid until the next
 * call. Returns how many there are, 0 if nothing matches, or -EINVAL if the text is not an alias because
 * its '[' and ']' do not balance. An alias of more than 4095 bytes is cut there, as kmod does. Since
 * 0.1. */
int coldplug_resolve(struct coldplug *c, const char *alias, const char *const **names);

/** How a module is in the kernel (/sys/module/NAME/initstate). */
enum coldplug_initstate {
	COLDPLUG_INIT_ABSENT,  /**< it is not there */
	COLDPLUG_INIT_COMING,  /**< its init has not ended */
	COLDPLUG_INIT_LIVE,    /**< it is loaded */
	COLDPLUG_INIT_GOING,   /**< it is being removed */
	COLDPLUG_INIT_BUILTIN, /**< it is a part of the kernel */
};

/** One loaded module. New fields are only added at the end. */
struct coldplug_loaded {
	const char *name;
	uint64_t size;	     /**< in bytes, of /sys/module/NAME/coresize */
	int64_t refcount;    /**< -1 if the kernel cannot unload modules */
	const char *holders; /**< the modules that use it, separated by commas, or "" */
	enum coldplug_initstate initstate;
};
/** Lists the loaded modules in the order of /proc/modules and lsmod(8), the newest first. *list is an
 * array, valid until the next call. Returns how many there are. Since 0.1. */
int64_t coldplug_loaded(struct coldplug *c, const struct coldplug_loaded **list);

/** Says how one module is in the kernel now. Of name, which may be a path's last part, what stands before
 * the first '.' counts, as for rmmod(8). *ret is valid until the next call. Returns 0, also if the module
 * is not there. Since 0.1. */
int coldplug_initstate(struct coldplug *c, const char *name, struct coldplug_loaded *ret);

/** Calls fn for each parameter of the kernel command line (proc/cmdline below the root). Quotes, and the
 * end at "--", follow the kernel's own rules (lib/cmdline.c, kernel/params.c). value is NULL if the word
 * has no '='. Both strings are valid only during the call. If fn returns anything but 0, no more calls
 * are made and that is returned. Returns -ENOENT, or another negative errno, if the command line cannot
 * be read. Since 0.1. */
int coldplug_parameters(struct coldplug *c, int (*fn)(void *userdata, const char *name, const char *value),
			void *userdata);

/* ---- modules and their files, as modinfo(8) ----
 *
 *	const struct coldplug_module *modules;
 *	const struct coldplug_field *fields;
 *	int64_t n = coldplug_modules(c, "fs-ext4", COLDPLUG_BY_ALIAS, &modules);
 *
 *	for (int64_t i = 0; i < n; i++) {
 *		int64_t n_fields = coldplug_modinfo(c, &modules[i], &fields);
 *
 *		for (int64_t k = 0; k < n_fields; k++)
 *			printf("%s=%s\n", fields[k].key, fields[k].value);
 *	}
 */

/** How coldplug_modules() takes its text. A path is relative to the working directory, or to the root if
 * that is not "/". */
enum coldplug_by {
	COLDPLUG_BY_ALIAS, /**< a name or an alias, as coldplug_resolve() */
	COLDPLUG_BY_NAME,  /**< a name only: of a module that has a file, or is built in */
	COLDPLUG_BY_FILE,  /**< the path of a module's file */
};

/** One module. New fields are only added at the end. */
struct coldplug_module {
	const char *name;
	const char *path; /**< of its file, absolute, beginning with the root; or NULL: it has none */
	bool builtin;	  /**< it is a part of the kernel */
};
/** Finds the modules that a text means, in libkmod's order, in which a module can come twice. Nothing is
 * planned, and no blacklist counts. *list is an array, valid until the next call. Returns how many there
 * are, 0 if there is none, -EINVAL if the text is not an alias, or another negative errno if there is no
 * such file. Since 0.1. */
int64_t coldplug_modules(struct coldplug *c, const char *text, enum coldplug_by by,
			 const struct coldplug_module **list);

/** Where a field comes from. A signature is read, not checked; its fields are sig_id, signer, sig_key,
 * sig_hashalgo and signature. */
enum coldplug_field_source {
	COLDPLUG_FIELD_MODINFO,	  /**< .modinfo, or modules.builtin.modinfo */
	COLDPLUG_FIELD_SIGNATURE, /**< the signature at the file's end */
	COLDPLUG_FIELD_NOTE,	  /**< a note of the linker: build-id */
};

/** One field. Bytes are in hexadecimal, separated by ':', 20 in a line. New members are only added at the
 * end. */
struct coldplug_field {
	const char *key;
	const char *value; /**< "" if there is none */
	enum coldplug_field_source source;
};
/** Reads what a module's file, compressed or not, says of it; of a module without a path, what
 * modules.builtin.modinfo says. *list is an array in the file's order, valid until the next call. Returns
 * how many fields there are; -ENOENT if there is neither a path nor such a file; -ENODATA if the file has
 * no such section; -ENOEXEC if it is no module; -EINVAL if it is damaged; -EFBIG if it is too large
 * (docs/LIMITS.md); or another negative errno. Only a message of level 6 says more. Since 0.1. */
int64_t coldplug_modinfo(struct coldplug *c, const struct coldplug_module *module,
			 const struct coldplug_field **list);

/** A device node that makes the kernel request its module when it is opened. New fields are only added at
 * the end. */
struct coldplug_node {
	const char *module;
	const char *name; /**< below /dev */
	char type;	  /**< 'c' or 'b' */
	unsigned int major;
	unsigned int minor;
};
/** Lists the device nodes of modules.devname, which exist before their modules are loaded. *list is an
 * array, valid until the next call. Returns how many there are, or -ENOENT if there is no such file. Since
 * 0.1. */
int64_t coldplug_nodes(struct coldplug *c, const struct coldplug_node **list);

/** In which direction coldplug_related() looks. */
enum coldplug_relation {
	COLDPLUG_NEEDS,	    /**< the modules that this one needs, in the order to load them */
	COLDPLUG_NEEDED_BY, /**< the modules that need this one */
};
/** Lists the modules that modules.dep relates to one, also indirectly. module is a name in any spelling. *names is an
 * array, valid until the next call with the same relation. Returns how many there are, or -EINVAL if the relation is
 * none of these. Since 0.1. */
int64_t coldplug_related(struct coldplug *c, const char *module, enum coldplug_relation relation,
			 const char *const **names);

/** Lists the files of a firmware, by the name that modules have for it (the field "firmware" of coldplug_modinfo()), in
 * the kernel's directories: that of its parameter firmware_class.path and those below lib/firmware. A name may be a pattern, which can have several files. *paths is an array
 * of absolute paths that begin with the root, valid until the next call. Returns how many there are: 0 if it is missing.
 * Since 0.1. */
int64_t coldplug_firmware(struct coldplug *c, const char *name, const char *const **paths);

/** A parameter of a module in the kernel. New fields are only added at the end. */
struct coldplug_value {
	const char *name;
	const char *value; /**< without the newline at its end, or NULL: it cannot be read */
};
/** Lists the parameters of a module with the values that they have now (/sys/module/NAME/parameters), sorted by name.
 * module is a name in any spelling. *list is an array, valid until the next call. Returns how many there are: 0 if the
 * module is not in the kernel. Since 0.1. */
int64_t coldplug_values(struct coldplug *c, const char *module, const struct coldplug_value **list);

/** A section of a module in the kernel. New fields are only added at the end. */
struct coldplug_section {
	const char *name;
	uint64_t address; /**< 0 if the kernel does not tell it to this process */
};
/** Lists the sections of a module in the kernel (/sys/module/NAME/sections), sorted by name. module is a name in any
 * spelling. *list is an array, valid until the next call. Returns how many there are: 0 if the module is not in the
 * kernel. Since 0.1. */
int64_t coldplug_sections(struct coldplug *c, const char *module, const struct coldplug_section **list);

/** Which symbols of a module's file coldplug_symbols() and coldplug_symbols_text() list. */
enum coldplug_symbols {
	COLDPLUG_SYMBOLS_NEEDED,   /**< those that the module uses, with the versions it was built with */
	COLDPLUG_SYMBOLS_EXPORTED, /**< those that it exports */
	/** All that other modules or the kernel must have, with or without a version; coldplug_symbols() only. */
	COLDPLUG_SYMBOLS_UNDEFINED,
};
/** A symbol. New fields are only added at the end. */
struct coldplug_symbol {
	const char *name;
	uint64_t crc; /**< its version, or 0 if there is none */
	bool weak;    /**< it may be missing (COLDPLUG_SYMBOLS_UNDEFINED) */
};
/** Lists symbols of a module's file, compressed or not, in the file's order. *list is an array, valid until the next
 * call. Returns how many there are; -ENOENT if there is neither a path nor such a file; -ENODATA if the file has no such
 * table; -ENOEXEC if it is no module; -EINVAL if it is damaged, or if which is none of these; or another negative errno.
 * Only a message of level 6 says more. Since 0.1. */
int64_t coldplug_symbols(struct coldplug *c, const struct coldplug_module *module,
			 enum coldplug_symbols which, const struct coldplug_symbol **list);

/* ---- configuration and indexes, entry by entry ----
 *
 *	const struct coldplug_entry *entries;
 *	int64_t n = coldplug_config(c, COLDPLUG_CONFIG_OPTIONS, &entries);
 *
 *	for (int64_t i = 0; i < n; i++)
 *		printf("%s:%u: %s %s\n", entries[i].file, entries[i].line, entries[i].key, entries[i].value);
 */

/** The kinds of lines of modprobe.d(5). */
enum coldplug_config {
	COLDPLUG_CONFIG_ALIAS,	   /**< pattern, module */
	COLDPLUG_CONFIG_BLACKLIST, /**< module; no value. modprobe.blacklist= of the command line too */
	COLDPLUG_CONFIG_INSTALL,   /**< pattern, command */
	COLDPLUG_CONFIG_REMOVE,	   /**< pattern, command */
	COLDPLUG_CONFIG_OPTIONS, /**< module or alias, parameters. MODULE.PARAMETER= of the command line too */
	COLDPLUG_CONFIG_SOFTDEP,   /**< pattern, "pre: NAME... post: NAME..." */
	COLDPLUG_CONFIG_WEAKDEP,   /**< pattern, names */
	COLDPLUG_CONFIG_FORBIDDEN, /**< module; no value. module_blacklist= of the command line */
};
/** The index files of a release. */
enum coldplug_index {
	COLDPLUG_INDEX_DEP,	      /**< module, "FILE: FILE..." as in modules.dep */
	COLDPLUG_INDEX_ALIAS,	      /**< pattern, module */
	COLDPLUG_INDEX_SYMBOLS,	      /**< "symbol:NAME", module */
	COLDPLUG_INDEX_BUILTIN,	      /**< module; no value */
	COLDPLUG_INDEX_BUILTIN_ALIAS, /**< pattern, module */
};
/** One entry. New fields are only added at the end. */
struct coldplug_entry {
	const char *key;   /**< with '_' for '-' */
	const char *value; /**< the rest of the line as it is written there, or "" */
	const char *file;  /**< as in messages, or "kernel command line"; NULL for an index */
	unsigned int line; /**< from 1, or 0 */
};
/** Lists the lines of one kind that are in force, in the order in which they count, with those of modules.softdep,
 * modules.weakdep and the kernel command line. *list is an array, valid until the next call. Returns how many there are,
 * or -EINVAL if there is no such kind. Since 0.1. */
int64_t coldplug_config(struct coldplug *c, enum coldplug_config kind, const struct coldplug_entry **list);

/** Lists the entries of an index in the index's order, which is that of modprobe -c. *list is an array, valid until the
 * next call. Returns how many there are, 0 if there is no such file, or -EINVAL if there is no such index. Since 0.1. */
int64_t coldplug_index(struct coldplug *c, enum coldplug_index index, const struct coldplug_entry **list);

/** What the configuration says of one module. Lists of names are NULL-terminated. New fields are only added at the
 * end. */
struct coldplug_rules {
	const char *options;	 /**< its parameters, or "" */
	const char *install;	 /**< the command that is run instead of loading it, or NULL */
	const char *remove;	 /**< the command that is run instead of removing it, or NULL */
	const char *const *pre;	 /**< the modules of its softdeps, those to load before it */
	const char *const *post; /**< and those to load after it */
	const char *const *weak; /**< the modules of its weakdeps */
	bool blacklisted;	 /**< a blacklist line names it: its aliases count for nothing */
};
/** Says what the configuration says of a module, whether or not it has a file or is there. module is a name in any
 * spelling. As in a load only the first line counts that matches, but of "options" each one. *ret is valid until the
 * next call. Returns 0. Since 0.1. */
int coldplug_rules(struct coldplug *c, const char *module, struct coldplug_rules *ret);

/** Says whether the configuration or an index has changed since this was called first, without reading them again. If
 * this is the first call of any but the settings, that is before anything was read. The context goes on with what it has
 * read; a new one reads anew. Returns 1 if something has changed, or 0. Since 0.1. */
int coldplug_changed(struct coldplug *c);

/* ---- requests ----
 *
 *	if (coldplug_walk(c) < 0 || coldplug_want_configured(c) < 0)
 *		return 111;
 *	if (coldplug_want(c, "loop", "max_loop=4") == 0)
 *		return 1;
 *	return coldplug_plan(c) < 0 ? 111 : 0;
 */

/** Walks sys/devices and requests the aliases that have not been seen before. Returns how many these are.
 * It waits for devices that are slow to answer, for 10 seconds at most (coldplug_run() does other work
 * meanwhile). Returns -ENOENT if there is no sys/devices below the root. Since 0.1. */
int64_t coldplug_walk(struct coldplug *c);

/** Requests a module by name or alias, or by the path of its file, which must contain a '/'. The
 * dependencies of a file are those that modules.dep has for its name. params ("A=1 B=2") are parameters
 * of the module itself, or NULL. Returns 1 if the request matches a module, which may be loaded or
 * withheld already, or 0 if nothing has this name or params has more than 1 MiB, which counts as a failure.
 * Since 0.1. */
int coldplug_want(struct coldplug *c, const char *name, const char *params);

/** Requests the module of a file system, as the kernel does when one is mounted ("fs-TYPE"). A type that is
 * built in, or is not a file system's (LVM2_member), is passed over without a message. At most 50 bytes of
 * type count. Returns 1 if there is such a module, 0 if not. Since 0.1. */
int coldplug_want_filesystem(struct coldplug *c, const char *type);

/** The same for one that will be mounted when a device is there that is still waited for. It is loaded on
 * processors that what leads to the device leaves idle. When the device is there, coldplug_want_filesystem()
 * makes it more urgent. Since 0.1. */
int coldplug_expect_filesystem(struct coldplug *c, const char *type);

/** Requests the modules that modules-load.d(5) and modules_load= (rd.modules_load=) of the kernel command
 * line name. Since 0.1. */
int coldplug_want_configured(struct coldplug *c);

/** Requests the loaded modules by name. Some of them match no device, for instance those that the kernel
 * itself has requested. A loaded module that has no file here is reported and left out. Since 0.1. */
int coldplug_want_loaded(struct coldplug *c);

/* ---- the plan ----
 *
 *	const struct coldplug_step *s;
 *
 *	for (size_t i = 0; (s = coldplug_step(c, i)); i++)
 *		if (s->state == COLDPLUG_FAILED)
 *			printf("%s: %s\n", s->module, s->message);
 */

enum coldplug_kind {
	COLDPLUG_MODULE,  /**< the file at path is loaded */
	COLDPLUG_COMMAND, /**< the command of an install line is run instead */
	COLDPLUG_ABSENT,  /**< the module is wanted but has no file */
};

enum coldplug_state {
	COLDPLUG_PLANNED,  /**< there is no result yet */
	COLDPLUG_DONE,	   /**< it was loaded, or the command succeeded */
	COLDPLUG_ALREADY,  /**< another process loaded it meanwhile */
	COLDPLUG_DECLINED, /**< its init found no hardware (ENODEV), which is not a failure */
	COLDPLUG_FAILED,   /**< message says why */
	COLDPLUG_SKIPPED,  /**< it was not tried; message says why */
};

/** One step of the plan and its result. New fields are only added at the end. */
struct coldplug_step {
	const char *module;
	enum coldplug_kind kind;
	const char *path;    /**< absolute, beginning with the root, or NULL */
	const char *params;  /**< "" if there are none */
	const char *command; /**< NULL if there is none */
	enum coldplug_state state;
	int error;	     /**< a positive errno, or the exit status of a command, or 0 */
	const char *message; /**< "", or one line that says why */
	uint64_t start_us;   /**< microseconds of CLOCK_MONOTONIC, 0 if it was not tried */
	uint64_t end_us;
	unsigned int worker; /**< which thread of the loading process tried it */
};

/** Makes steps for all requests since the last call. Returns how many new steps there are. Returns -EBUSY
 * if the steps of the last call have not been handed to coldplug_load() yet. Since 0.1. */
int64_t coldplug_plan(struct coldplug *c);

/** Returns how many steps there are. Since 0.1. */
size_t coldplug_steps(struct coldplug *c);

/** Returns a step, or NULL if i is too large. The pointer and the path are valid until the next call of
 * coldplug_step(), the other strings until coldplug_free(). With COLDPLUG_MONITOR they are valid until
 * coldplug_dispatch(), and the indexes from coldplug_steps() on are the loads that were in flight when
 * the other steps were forgotten. Since 0.1. */
const struct coldplug_step *coldplug_step(struct coldplug *c, size_t i);

/** Returns the plan as modprobe -a -D prints it ("insmod PATH PARAMS", "install COMMAND PARAMS", "builtin
 * NAME"), each line once. The caller frees the text. Since 0.1. */
int coldplug_plan_text(struct coldplug *c, char **ret);

enum coldplug_why {
	COLDPLUG_WHY_DEVICE,	   /**< a device has an alias: alias, pattern, device */
	COLDPLUG_WHY_NAME,	   /**< it was requested as alias, by file and line; pattern or NULL */
	COLDPLUG_WHY_DEPENDENCY,   /**< a module depends on it: by */
	COLDPLUG_WHY_SOFTDEP_PRE,  /**< it is a pre softdep: by, file, line */
	COLDPLUG_WHY_SOFTDEP_POST, /**< it is a post softdep: by, file, line */
	COLDPLUG_WHY_BLACKLIST,	   /**< a blacklist withholds it: file, line, alias */
	COLDPLUG_WHY_FORBIDDEN, /**< module_blacklist= withholds it: by is the module that is named there */
	COLDPLUG_WHY_OPTION,	/**< it has options: pattern is the parameters; file, line */
	COLDPLUG_WHY_INSTALL,	/**< it has an install command: pattern is the command; file, line */
	COLDPLUG_WHY_OFF,	/**< "alias NAME off" withholds it: file, line, alias */
	COLDPLUG_WHY_BANNED,	/**< "install NAME /bin/true" withholds it: file, line, by is NAME's module */
	COLDPLUG_WHY_BUILTIN,	/**< it is built into the kernel */
	COLDPLUG_WHY_LOADED,	/**< it is loaded */
	COLDPLUG_WHY_NO_FILE,	/**< it has no file that can be loaded: pattern is the file and why */
	COLDPLUG_WHY_ALONE,	/**< it must load alone: file, line */
};

/** One reason for what happens to a module. Unused fields are NULL or 0. */
struct coldplug_reason {
	enum coldplug_why why;
	const char *alias;
	const char *pattern;
	const char *device; /**< "/devices/..." */
	const char *by;
	const char *file;
	unsigned int line;
};

/** Lists all reasons for a module (in any spelling of its name) that the requests so far have. *list is an
 * array, valid until the next call. Returns how many there are. The rules that would
 * withhold it, and that it is built in or loaded, are listed too when nothing has requested it: alias is NULL
 * then. Since 0.1. */
int64_t coldplug_why(struct coldplug *c, const char *module, const struct coldplug_reason **list);

/** Lists the requested modules that a rule withholds, and the names that are aliases to "off", each once
 * and in no particular order. coldplug_why() says which rule it is. *names is an array, valid until the
 * next call. Returns how many there are. Since 0.1. */
int64_t coldplug_withheld(struct coldplug *c, const char *const **names);

/** Lists the names of coldplug_want() and coldplug_want_configured() that match nothing. *names is an
 * array, valid until the next call. Returns how many there are. A module that is known but has no file is
 * a step with COLDPLUG_ABSENT instead. Since 0.1. */
int64_t coldplug_not_found(struct coldplug *c, const char *const **names);

/** Lists the devices that have an alias but no driver ("/devices/..."). *list is an array, valid until the
 * next call. Returns how many there are. Since 0.1. */
int64_t coldplug_undriven(struct coldplug *c, const char *const **list);

/* ---- the files of an image ----
 *
 *	const struct coldplug_file *files;
 *	int64_t n = coldplug_closure(c, NULL, &files);
 *
 *	for (int64_t i = 0; i < n; i++)
 *		puts(files[i].path);
 */

enum coldplug_file_kind {
	COLDPLUG_FILE_MODULE,
	COLDPLUG_FILE_FIRMWARE,
};

/** A file that an image needs. New fields are only added at the end. */
struct coldplug_file {
	enum coldplug_file_kind kind;
	const char *path; /**< absolute, beginning with the root (or with from) */
	const char *name; /**< of the module; for firmware the name by which the kernel requests it */
	const char *by; /**< the module that needs it, or NULL if it was requested or is a hard dependency */
};

/** Lists the files that an image needs for all requests so far: the modules with their hard dependencies,
 * softdeps, weakdeps and companions (engine/companions.c), and firmware. COLDPLUG_DRY_RUN and
 * COLDPLUG_IGNORE_LOADED must be set, or -EINVAL is returned. from is the directory whose lib/modules/
 * and lib/firmware/ have the files if the root has only the indexes, as a recording does; NULL means the
 * root. *list is an array with the modules first, each part sorted by path, valid until the next call.
 * Returns how many there are. A module that cannot be read counts as lost input. Missing firmware is
 * reported at level 6. The path of a module in an archive is "FILE:PATH". Since 0.1. */
int64_t coldplug_closure(struct coldplug *c, const char *from, const struct coldplug_file **list);

/** Unpacks the modules that coldplug_closure() has listed last and that are in an archive, as lib/modules/RELEASE/...
 * below directory, which need not exist. Their paths in the list are then those of these files. Returns 0, or a negative
 * errno that has been logged: -EEXIST if there is another file in the place of one, -EOPNOTSUPP if the library was built
 * without tools. A module that is damaged counts as lost input. Since 0.1. */
int coldplug_closure_extract(struct coldplug *c, const char *directory);

/** What coldplug_image() makes, and what it has made. Lists are NULL-terminated; NULL is an empty one. Fields
 * are only ever added at the end. */
struct coldplug_image {
	const char *output;  /**< the file to be made; NULL: nothing is written */
	const char *program; /**< the static coldplug that goes into it; NULL: the one that runs */
	/** Where modules, firmware and, without a recording, the configuration come from; NULL: the context's
	 * root, or with a recording "/". */
	const char *root;
	bool machine; /**< for the machine of the root or the recording, else only for the names */
	const char *const *names; /**< modules or aliases in addition */
	const char *const
		*types; /**< the root's file systems, "none" if built in; empty: what is mounted at "/" */
	const char *const *add;		/**< "SRC:DEST": files in addition, DEST in the image */
	const char *busybox;		/**< a static busybox, or NULL */
	const char *compression;	/**< "none", "gzip", "xz", "zstd" or "lz4"; NULL: zstd */
	const char *module_compression; /**< "none", "keep", "gzip", "xz" or "zstd"; NULL: none */
	/** Called for each entry of the image with the bytes of a file, sorted by name; or NULL. */
	void (*entry)(void *userdata, const char *name, uint64_t size);
	void *userdata;

	size_t n_modules, n_firmware; /**< how many are in it */
	uint64_t unpacked;	      /**< bytes of the archive */
	uint64_t size;		      /**< bytes of the file */

	/** Put the modules into one archive, as coldplug_pack() makes it, which stands uncompressed in front of the rest of
	 * the image; module_compression must be NULL. */
	bool pack;
	/** An archive that is put into the image, with all of its modules and its release; they may be of another
	 * architecture. No modules are taken from elsewhere: names and types are looked up in it. Or NULL. */
	const char *archive;
	/** A profile of an earlier boot (coldplug-profile(8)) that is put into the image as etc/coldplug/profile; or NULL. One that
	 * cannot be used with this release is warned of and left out. */
	const char *profile;
};
/** Makes an initramfs with coldplug as its init. The context must not have been used for anything else, or
 * -EBUSY is returned. The file appears whole or not at all, and only its owner can read it. The time of all
 * files in it is the environment variable SOURCE_DATE_EPOCH, or 0.
 * Returns 0, or a negative errno that has been logged: -ENOENT if a name matches no module, -EIO if input was
 * lost,
 * -EOPNOTSUPP if the library was built without tools. Since 0.1. */
int coldplug_image(struct coldplug *c, struct coldplug_image *image);

/* ---- archives of modules ----
 *
 *	struct coldplug_pack pack = { .output = "modules.archive" };
 *	int r = coldplug_pack(c, &pack);
 *
 *	return r < 0 ? r : coldplug_archive_extract(c, "modules.archive", "/tmp/modules");
 */

/** What coldplug_pack() makes, and what it has made. Fields are only ever added at the end. */
struct coldplug_pack {
	const char *output; /**< the file to be made */
	bool machine; /**< what the machine of the root or the recording needs; without names else all modules */
	const char *const
		*names;	  /**< modules, aliases, or patterns of modules' names; NULL-terminated, NULL: none */
	const char *root; /**< with a recording: where the modules are; NULL: "/" */
	/** Called in between with how many bytes of modules are packed, and of how many; or NULL. */
	void (*progress)(void *userdata, uint64_t done, uint64_t all);
	void *userdata;

	size_t n_modules;  /**< how many are in it */
	uint64_t unpacked; /**< bytes of what is in it */
	uint64_t tables;   /**< bytes of its tables */
	uint64_t size;	   /**< bytes of the archive */

	bool firmware; /**< pack the firmware that the modules name too, if it is there */
	bool configuration; /**< and modprobe.d and modules-load.d as they are; only the owner can read such an archive */
	const char *profile; /**< a file that is packed as the profile of this kernel; or NULL */
	size_t n_files;	     /**< how many of these, and files of the release, are in it */
	bool update;	/**< leave a file that is a sound archive of the same by the same coldplug as it is */
	bool unchanged; /**< and whether it was left */
};
/** Makes an archive of the modules of the context's root and release, with their indexes (docs/ARCHIVE.md). What is
 * selected comes with all that it needs, as coldplug_closure() has it. coldplug_set_jobs() says how many threads
 * compress. The context must not have been used for anything else, or -EBUSY is returned. The file appears whole or not
 * at all. Returns 0, or a negative errno that has been logged: -ENOENT if a name matches no module, -EIO if input was
 * lost, -EINVAL if an archive has some of the modules, -EOPNOTSUPP (here and below) if the library was built without tools
 * or zstd. Since 0.1. */
int coldplug_pack(struct coldplug *c, struct coldplug_pack *pack);

/** What coldplug_archive_list() lists. */
enum coldplug_listing {
	COLDPLUG_LISTING_TEXT,	/**< all files: lines with size and path */
	COLDPLUG_LISTING_JSON,	/**< the same and more, as an object of JSON */
	COLDPLUG_LISTING_PATHS, /**< modules: lines with the path */
	/** Firmware that modules name: lines with the module's path, a tab, and the name. One with a tab or a newline is
	 * warned of and left out. */
	COLDPLUG_LISTING_FIRMWARE,
};
/** Lists what is in an archive. *text, which the caller frees, is NULL or has what is sound after an error, too. Returns 0
 * or a negative errno that has been logged, -EBADMSG if the archive is damaged or none; or -EINVAL if there is no such
 * listing. Since 0.1. */
int coldplug_archive_list(struct coldplug *c, const char *path, enum coldplug_listing listing, char **text);

/** Says what a module of an archive says of itself, as modinfo(8) or as an object of JSON. *text and the return value are
 * those of coldplug_archive_list(), and -ENOENT: there is no such module. Since 0.1. */
int coldplug_archive_show(struct coldplug *c, const char *path, const char *module, bool json, char **text);

/** Compares two archives. *text, which the caller frees, has lines "-PATH" for what only the first one has, "+PATH" for
 * what only the other one has, and "!PATH" for different contents. Returns 1 if they differ, 0, or a negative errno.
 * Since 0.1. */
int coldplug_archive_diff(struct coldplug *c, const char *path, const char *other, char **text);

/** Unpacks an archive below a directory, which is made if it is not there: modules to lib/modules/RELEASE. Files that
 * exist are an error. After a damaged entry it goes on. Returns 0 or the first negative errno. Since 0.1. */
int coldplug_archive_extract(struct coldplug *c, const char *path, const char *directory);

/** Reads and checks all of an archive. Returns 0 or the first negative errno. Since 0.1. */
int coldplug_archive_verify(struct coldplug *c, const char *path);

/** How coldplug_depmod() works. With zeros but for the first two fields it is "depmod -a". All paths are those of the
 * running system, whatever the context's root is. */
struct coldplug_depmod {
	const char *directory; /**< of the release, absolute: "/lib/modules/6.1.0" */
	const char *release;   /**< its name, for depmod.d */
	const char *output;    /**< where the files are written, made if it is missing; NULL: directory */
	const char *const *config_paths; /**< files and directories instead of depmod.d, absolute, or NULL */
	const char *const
		*files;		/**< the only modules, by their absolute paths; NULL: all of the directory */
	const char *symvers;	/**< Module.symvers: the kernel's symbols with versions, which are checked */
	const char *system_map; /**< or System.map: the kernel's symbols; or NULL */
	char symbol_prefix;	/**< that is no part of a symbol's name, or 0 */
	bool unknown_symbols;	/**< warn of symbols that nobody has, and of versions that differ */
	bool duplicates;	/**< warn of aliases that a module has twice */
	bool quick;		/**< do nothing if no module is newer than modules.dep */
	/** Called for each text, which is then not written, as no index is; or NULL. */
	void (*text)(void *userdata, const char *name, const char *text, size_t size);
	void *userdata;
};
/** Makes the index files of a kernel release of its modules, as depmod(8) does: modules.dep and so on. All of them are
 * replaced, each at once, or none. Symbols that a module takes from another are told by messages of level 5. 0, or
 * -errno, which a message has explained unless it is -ENOMEM; -EOPNOTSUPP: built without tools. Since 0.1. */
int coldplug_depmod(struct coldplug *c, const struct coldplug_depmod *how);

/* ---- loading ----
 *
 *	int r = coldplug_run(c);
 *
 *	if (r >= 0)
 *		r = coldplug_finish(c);
 *	return r < 0 ? 111 : coldplug_exit_code(c);
 */

/** Does everything: starts the loading process, walks /sys, reads what is configured, plans and loads, and
 * does so again for devices that appear meanwhile, until the machine has settled. Since 0.1. */
int coldplug_run(struct coldplug *c);

/** coldplug_begin() and coldplug_advance() do what coldplug_run() does for a caller that has an event loop
 * of its own. coldplug_begin() does all that does not block. The caller then waits with poll(2) until
 * coldplug_fd() is readable, for at most *timeout_ms milliseconds (-1: no limit), and calls
 * coldplug_advance(), which does not block. It repeats this until coldplug_advance() returns 1 (the
 * machine has settled, or the devices of coldplug_wait_for() are there) or a negative errno, for instance
 * -ETIMEDOUT. If the caller goes on calling coldplug_advance() after that, the rest settles too, see
 * coldplug_is_settled(). While a device is waited for, only what leads to it may have been looked at when
 * it is there: a caller that does not go on calls coldplug_leave() or coldplug_finish(), which look at the
 * other devices first (coldplug_run() has done that when it returns). A later coldplug_begin() looks at all devices again. With COLDPLUG_DRY_RUN
 * coldplug_begin() does everything, and coldplug_advance() must not be called. Since 0.1. */
int coldplug_begin(struct coldplug *c);
int coldplug_advance(struct coldplug *c, int *timeout_ms);

/** Whether the machine has settled at this moment: devices that are still waited for will not appear by
 * themselves. Since 0.1. */
bool coldplug_is_settled(struct coldplug *c);

/** Starts the loading process (see "The loading process" in docs/ARCHITECTURE.md). This, or
 * coldplug_run(), must be called before the caller has a second thread, because it forks. With
 * COLDPLUG_DRY_RUN it does nothing. Since 0.1. */
int coldplug_start(struct coldplug *c);

/** Hands the planned steps to the loading process and returns at once. Since 0.1. */
int coldplug_load(struct coldplug *c);

/** Waits until each step that was handed over has a result. Since 0.1. */
int coldplug_wait(struct coldplug *c);

/** Stops the starting of loads. Loads in flight end, and the others become COLDPLUG_SKIPPED. It takes
 * effect in coldplug_wait() and in coldplug_run(), which then no longer waits for a device either. May be
 * called from a signal handler. Since 0.1. */
void coldplug_cancel(struct coldplug *c);

/** Prepares for the removal of the files below the root (those of an initramfs at switch_root): the
 * loading process opens the files that it has still to load, and goes on. Devices that have not been looked
 * at yet (coldplug_begin()) are before that. Returns how many steps still
 * need the files below the root. These are install commands that have not ended. A caller that can wait
 * for them calls coldplug_dispatch() and asks again. Since 0.1. */
int coldplug_leave(struct coldplug *c);

/** Waits until the report of coldplug_set_report() is written. Since 0.1. */
int coldplug_finish(struct coldplug *c);

/* ---- waiting for a device ----
 *
 *	coldplug_set_timeout(c, 30000);
 *	if (coldplug_wait_for(c, "LABEL=root") < 0)
 *		return 100;
 *	if (coldplug_run(c) >= 0)
 *		puts(coldplug_found(c, 0));
 */

/** Makes coldplug_run() return as soon as a device is there, instead of when the machine has settled.
 * Other loads go on. With several calls, all of the devices must be there. spec is "/dev/...", the
 * "MAJOR:MINOR" of a block device, "UUID=...", "LABEL=...", "PARTUUID=...", "PARTUUID=.../PARTNROFF=N"
 * (the partition whose number is N higher), "PARTLABEL=..." or
 * "/dev/disk/by-{uuid,label,partuuid,partlabel}/...". The latter do not need udev's links; links of by-id
 * and by-path can only be made by udev. With COLDPLUG_FOUND_TYPE a disk is there when its contents are
 * known, or when they could not be read for 10 seconds. Returns -EINVAL if spec is none of these, and
 * -EOPNOTSUPP if the library was built without libblkid and spec needs it. Since 0.1. */
int coldplug_wait_for(struct coldplug *c, const char *spec);

/** Has the module of the file system on a device loaded as soon as the device is there, so that a later
 * mount(2) need not wait for it. coldplug_run() does not wait for the device. spec and the errors are
 * those of coldplug_wait_for(). It needs libblkid. The module is looked for by the alias "fs-TYPE", as
 * mount(2) does (fs/filesystems.c), with the type that libblkid has found. Since 0.1. */
int coldplug_prepare_mount(struct coldplug *c, const char *spec);

/** Sets how long coldplug_run() waits for these devices before it returns -ETIMEDOUT, in milliseconds from
 * coldplug_new() on; 0 means for ever. With COLDPLUG_MONITOR it is how long coldplug_run() waits until
 * the machine has settled: -ETIMEDOUT then says that loads are still in flight (coldplug_step()), and
 * coldplug_dispatch() can be called all the same. Since 0.1. */
int coldplug_set_timeout(struct coldplug *c, unsigned int milliseconds);

/** Returns the device node ("/dev/...") of the i-th call of coldplug_wait_for(), or NULL while it is not
 * there. Since 0.1. */
const char *coldplug_found(const struct coldplug *c, size_t i);

/** Returns the type of the file system on that device, as libblkid calls it ("ext4"). It is NULL if the
 * device is not there, has no file system or did not answer, and in a library without libblkid. For paths
 * and numbers it is NULL without COLDPLUG_FOUND_TYPE too. Since 0.1. */
const char *coldplug_found_type(const struct coldplug *c, size_t i);

/** Looks at what is on a device now, and waits for that. *types becomes the type of the file system, as
 * libblkid calls it, or "". 1 means that there is more than one signature: *types has all that could be
 * named, with commas, and nobody can tell which is right. The string is valid until the next call. A process
 * of its own reads the device, and may do nothing else. Returns 0, 1, -EOPNOTSUPP if the library was built
 * without libblkid, -ETIMEDOUT if the device does not answer for 10 seconds, -ECHILD if that process has died
 * or cannot be confined, -EBADMSG, or why the device cannot be opened. Since 0.1. */
int coldplug_signatures(struct coldplug *c, const char *node, const char **types);

/* ---- a hotplug daemon ----
 *
 *	coldplug_set_flag(c, COLDPLUG_MONITOR, true);
 *	if (coldplug_run(c) < 0)
 *		return 111;
 *	for (struct pollfd p = { .fd = coldplug_fd(c), .events = POLLIN }; coldplug_dispatch(c) >= 0;)
 *		poll(&p, 1, -1);
 */

/** Returns a descriptor that is readable when coldplug_dispatch() has something to do, or -1 if nothing
 * was started. The context keeps it. Since 0.1. */
int coldplug_fd(struct coldplug *c);

/** Takes the results and events that have come, without blocking, and loads the modules for them. Returns
 * how many results there were. A hotplug daemon sets COLDPLUG_MONITOR, calls coldplug_run(), and then
 * repeats poll(2) on coldplug_fd() and this. Its memory does not grow: steps, reasons and devices are
 * forgotten when nothing was handed to the loading process and no result came for 0.2 s, or for 5 s if
 * loads are in flight. What the results of these loads need is kept, see coldplug_step(). If the
 * configuration or an index has changed, it is read again before the next request. Where there are no
 * events, /sys is walked every 5 s. Since 0.1. */
int coldplug_dispatch(struct coldplug *c);

/** Has the next coldplug_dispatch() read the configuration and the indexes again and walk /sys, whether or
 * not loads are in flight. May be called from a signal handler. Since 0.1. */
void coldplug_reload(struct coldplug *c);

/* ---- recordings ----
 *
 *	char *text;
 *
 *	if (coldplug_set_recording(c, "machine.tar") < 0 || coldplug_replay(c) < 0)
 *		return 111;
 *	if (coldplug_plan_text(c, &text) < 0)
 *		return 111;
 *	puts(text);
 *	free(text);
 */

/** Records the devices and the configuration of the machine (coldplug-record(8)) in a tar archive at path,
 * which is compressed if the path ends in .gz, .xz or .zst. It loads nothing. The unpacked archive can be
 * used as a root of coldplug_set_root(). Since 0.1. */
int coldplug_record(struct coldplug *c, const char *path);

/** Has coldplug_run() do this too, and add the events that it receives. Its last coldplug_advance() may
 * wait up to a second for devices that only the recording asks. If the archive cannot be written, that is
 * reported at once, everything else is done, and coldplug_exit_code() is 111. Since 0.1. */
int coldplug_set_record(struct coldplug *c, const char *path);

/** Uses a recording as the root, compressed or not. Paths are as in the recording. It is unpacked to a
 * temporary directory, which coldplug_replay() or coldplug_free() removes. Since 0.1. */
int coldplug_set_recording(struct coldplug *c, const char *path);

/** Plans what coldplug_run() would load, without loading it, and then handles the recorded events one
 * after the other. At the end it removes the unpacked recording; if it cannot, that is an error. Since 0.1. */
int coldplug_replay(struct coldplug *c);

/* ---- one name at a time, as modprobe(8) ----
 *
 *	coldplug_set_act(c, my_act, NULL);
 *	if (coldplug_insert(c, "fs-ext4", NULL) < 0)
 *		return 1;
 *	return coldplug_remove(c, "loop", 10000);
 */

/** What coldplug_insert() and coldplug_remove() are about to do, or have failed to do. */
enum coldplug_act_kind {
	COLDPLUG_ACT_MATCH,   /**< match: the requested name matches this module: path, if it has a file */
	COLDPLUG_ACT_INSMOD,  /**< its file is loaded: path, params */
	COLDPLUG_ACT_INSTALL, /**< an install command is run instead: command, params */
	COLDPLUG_ACT_BUILTIN, /**< nothing is to be done (only with COLDPLUG_IGNORE_LOADED) */
	COLDPLUG_ACT_RMMOD,   /**< it is removed from the kernel */
	COLDPLUG_ACT_REMOVE,  /**< a remove command is run instead: command */
	/* The following are failures. */
	COLDPLUG_ACT_NO_FILE,	     /**< there is no file of that name */
	COLDPLUG_ACT_COMMAND_FAILED, /**< a command failed: command; error is its exit status */
	COLDPLUG_ACT_FAILED,	     /**< insert: the requested module was not loaded: error, message */
	COLDPLUG_ACT_THERE,	     /**< insert, COLDPLUG_FIRST_TIME: it was loaded before */
	COLDPLUG_ACT_NOT_THERE,	     /**< remove, COLDPLUG_FIRST_TIME: it is not loaded */
	COLDPLUG_ACT_NOT_REMOVABLE,  /**< remove: it is built in */
	COLDPLUG_ACT_IN_USE,	     /**< remove: its reference count is not 0 */
	COLDPLUG_ACT_KEPT,	     /**< remove: the kernel refused: error */
};

/** Unused strings are NULL. The struct is valid only during the call. New fields are only added at the
 * end. */
struct coldplug_act {
	enum coldplug_act_kind kind;
	const char *module;
	const char *path;
	const char *params; /**< as modprobe -v prints them: with a blank after those of the configuration */
	const char *command;
	int error;	     /**< a positive errno, or an exit status */
	const char *message; /**< one line that says why, or NULL */
};

/** Sets the function that is called before each act, and for each failure. With COLDPLUG_DRY_RUN the acts
 * are not carried out. If fn returns anything but 0, the call in progress ends with -ECANCELED. Since
 * 0.1. */
void coldplug_set_act(struct coldplug *c, int (*fn)(void *userdata, const struct coldplug_act *act),
		      void *userdata);

/** Sets the function that runs install and remove commands for coldplug_insert() and coldplug_remove(), instead of
 * /bin/sh. command has $CMDLINE_OPTS replaced. It returns the exit status, or a negative errno if the command could not be
 * run; anything but 0 is a failure. NULL restores the shell. Since 0.1. */
void coldplug_set_command(struct coldplug *c,
			  int (*fn)(void *userdata, const char *module, const char *command), void *userdata);

/** Loads the modules that match a name or alias, or a path that begins with '/' or './', and all that they
 * need. It loads them in this process, one after the other and in modprobe's order, and returns when that
 * is done. It shares nothing with a loading process, so it may run while a load there waits for it
 * (request_module). Returns 0; 1 if blacklists withhold all that matches; -ENOENT if nothing has this name, for which there is no act; or the
 * negative errno of the last match that failed. Since 0.1. */
int coldplug_insert(struct coldplug *c, const char *name, const char *params);

/** Reports only the matches (COLDPLUG_ACT_MATCH), without any filter. Returns 0, or -ENOENT. Since
 * 0.1. */
int coldplug_match(struct coldplug *c, const char *name);

/** Removes the modules that match a name or alias, as modprobe -r: its post softdeps, the module, then the
 * dependencies that no other module uses, and its pre softdeps. wait_ms is how long to wait for its
 * reference count to become 0. Returns 0, also if it was not loaded; -ENOENT if nothing has this name, or
 * it is built in; -EBUSY if it is in use; -EINVAL if name is not an alias; -ELOOP if its softdeps do not
 * end; or the negative errno of the kernel. Since 0.1. */
int coldplug_remove(struct coldplug *c, const char *name, unsigned int wait_ms);

/** Loads the module in an open file alone, as insmod(8): nothing that it needs, and without configuration.
 * fd may be a pipe, which is read to its end. It stays open. COLDPLUG_FORCE_MODVERSION and
 * COLDPLUG_FORCE_VERMAGIC apply. params is "A=1 B=2", or NULL. Returns 0 or the kernel's negative errno;
 * -ENOEXEC if it is no module; -EINVAL if it is too short, or its compressed data are damaged. Since 0.1. */
int coldplug_insert_fd(struct coldplug *c, int fd, const char *params);

/** Removes one module alone, as rmmod(8): neither what uses it nor what it needs. name is as for
 * coldplug_initstate(). wait_ms is as for coldplug_remove(), and COLDPLUG_FORCE_REMOVE applies. Returns 0
 * or the kernel's negative errno, which is logged too. Since 0.1. */
int coldplug_remove_module(struct coldplug *c, const char *name, unsigned int wait_ms);

/** Returns the configuration, and all aliases of modules, as modprobe -c prints them. The text is
 * NUL-terminated and has several megabytes. The caller frees it. Since 0.1. */
int coldplug_config_text(struct coldplug *c, char **ret);

/** Returns lines "0xVERSION<tab>SYMBOL" of a module's file, compressed or not, as modprobe --show-modversions
 * and
 * --show-exports print them. Returns 0; -ENODATA if the file has no such table; -ENOEXEC if it is no module;
 * -EINVAL if it is damaged; or another negative errno. The caller frees the text. Since 0.1. */
int coldplug_symbols_text(const char *path, enum coldplug_symbols which, char **ret);

/** Returns the directory in which coldplug_insert() looks for modules, as modprobe names it, or NULL when
 * memory runs out. Since 0.1. */
const char *coldplug_module_directory(struct coldplug *c);

/* ---- results ----
 *
 *	struct coldplug_summary sum;
 *
 *	coldplug_get_summary(c, &sum);
 *	printf("%zu of %zu modules failed\n", sum.failed, sum.modules);
 *	return coldplug_exit_code(c);
 */

enum coldplug_json {
	COLDPLUG_JSON_PLAN,   /**< devices, requests, steps with reasons, withheld modules */
	COLDPLUG_JSON_LOADED, /**< the loaded modules */
	COLDPLUG_JSON_EVENT,  /**< the event, inside the function of coldplug_set_event() */
	COLDPLUG_JSON_RESULT, /**< the result, inside the function of coldplug_set_progress() */
};
/** Returns one of these as JSON text, which the caller frees. Since 0.1. */
int coldplug_json(struct coldplug *c, enum coldplug_json what, char **ret);

struct coldplug_summary {
	size_t devices; /**< with at least one alias */
	size_t aliases; /**< distinct ones */
	size_t modules; /**< steps */
	size_t loaded;	/**< COLDPLUG_DONE or COLDPLUG_ALREADY */
	size_t declined;
	size_t failed; /**< including names that nothing has */
	size_t skipped;
	size_t withheld; /**< modules */
	size_t lost;	 /**< inputs that could not be read */
	uint64_t start_us;
	uint64_t end_us;	 /**< of the last result */
	uint64_t events;	 /**< uevents received */
	uint64_t events_ignored; /**< messages that were broken or not from the expected sender */
};
/** Fills in the counts so far. Since 0.1. */
void coldplug_get_summary(struct coldplug *c, struct coldplug_summary *ret);

/** Returns the exit code for what was done so far, the highest that applies: 0; 1 if a module failed or
 * was not started because of coldplug_cancel(); 2 if input was lost; 111 if the recording could not be
 * written. Since 0.1. */
int coldplug_exit_code(struct coldplug *c);

#ifdef __cplusplus
}
#endif

#endif
