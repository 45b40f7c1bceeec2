/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the administrator said: modprobe.d(5), modules.softdep, modules.weakdep and the kernel command
 * line. A rule is data with a file and a line, so that every decision can say which rule made it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/rootfs.h"

struct origin {
	const char *file; /* "/etc/modprobe.d/x.conf", as seen under the root; "kernel command line" */
	uint32_t line;	  /* of its first line, from 1; 0 for the command line */
};

enum rule_kind {
	RULE_ALIAS,	/* pattern -> module name */
	RULE_BLACKLIST, /* module name, exact */
	RULE_FORBID,	/* module_blacklist= of the kernel: it will refuse the module itself */
	RULE_OPTIONS,	/* module name or alias, exact -> parameters */
	RULE_INSTALL,	/* pattern -> command */
	RULE_REMOVE,
	RULE_SOFTDEP, /* pattern -> names */
	RULE_WEAKDEP,
	RULE_KINDS,
};

struct rule {
	const char *key;   /* normalised */
	const char *value; /* text as written; module name of an alias is normalised; "" if none */
	struct origin origin;
	const char **pre; /* softdep; weakdep's list */
	const char **post;
	uint32_t n_pre, n_post;
};

struct config {
	struct arena arena;
	struct log *log;
	ARRAY(struct rule) rules[RULE_KINDS];
	uint32_t bad_lines;	    /* of the file being read */
	bool keep_carriage_returns; /* at a line's end, as kmod has them */
};

/* Where modprobe.d(5) is, NULL-terminated. */
extern const char *const config_default_paths[];

/* Called for each file in the order they are read, with the root it is below; optional: it need not
 * exist. An answer other than 0 ends the loop. */
typedef int config_file_fn(void *userdata, const struct rootfs *root, const char *path, bool optional);

/* The files of the directories (or files) in paths, NULL-terminated, wherever they are; when NULL of
 * the default ones under root: /etc, /run, /usr/local/lib, /usr/lib, /lib, each modprobe.d. moddir (may
 * be NULL): the release's directory, whose modules.softdep and modules.weakdep are sorted in among
 * them. What cannot be read is reported to c's log. Returns fn's answer, 0 or -ENOMEM. */
int config_each_file(struct config *c, const struct rootfs *root, const char *const *paths,
		     const char *moddir, config_file_fn *fn, void *userdata);

/* Reads all of them. Bad lines and unreadable files are logged and skipped. more: called where modules.softdep and
 * modules.weakdep were read or are not there, for what is to be read behind them; may be NULL. 0 or -ENOMEM. */
typedef int config_more_fn(void *userdata, struct config *c, const char *name);
int config_load(struct config *c, const struct rootfs *root, const char *const *paths, const char *moddir,
		config_more_fn *more, void *userdata);

/* One file's text, as config_load() reads it; text is changed. */
int config_parse(struct config *c, char *text, size_t size, const char *file);

/* The kernel command line; text is changed. */
int config_parse_cmdline(struct config *c, char *text);

void config_free(struct config *c);

/* The first rule of this kind whose pattern matches name (fnmatch), or NULL. */
const struct rule *config_match(const struct config *c, enum rule_kind kind, const char *name);
/* The first rule of this kind with exactly this key, or NULL. */
const struct rule *config_find(const struct config *c, enum rule_kind kind, const char *key);

/* The rule that says that a module must load while no other does, or NULL: "alias coldplug:alone NAME" in modprobe.d, which means nothing to kmod,
 * or coldplug.alone=NAME[,NAME...] on the kernel command line, which becomes the same rule. */
const struct rule *config_alone(const struct config *c, const char *name);
/* Adds such rules: names with commas between them. from: for messages; not copied. 0 or -ENOMEM. */
int config_add_alone(struct config *c, const char *names, const char *from);

/* Whether an install line forbids its module: its command does nothing but say true or false. */
bool rule_is_ban(const struct rule *rule);

/* kmod's name rules. '-' becomes '_' outside of [...]; false for a ']' alone or a '[' that stays open.
 * In place. */
bool normalise_pattern(char *s);
/* The same for an alias that is looked up, into buf of LIMIT_ALIAS + 1 bytes: cut there as kmod does. */
bool normalise_alias(const char *alias, char *buf);
/* A module's name out of a name or a path's last part: up to the first '.', '-' to '_'. Returns its
 * length; at most size - 1 bytes are written. */
size_t normalise_name(const char *name, char *buf, size_t size);
/* The same of the last part of a path. */
size_t normalise_path(const char *path, char *buf, size_t size);
/* The same of the next name in a list with commas, as depends= of a module has it, and moves on behind it.
 * What is empty or too long is passed over. 0 at the end of the list. */
size_t normalise_next_name(const char **list, char name[LIMIT_NAME + 1]);
