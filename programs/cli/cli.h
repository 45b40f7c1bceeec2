/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the subcommands of coldplug have in common. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <coldplug.h>

#include "programs/output.h"

#define EXIT_USAGE 100
#define EXIT_INPUT 2	/* some input could not be read */
#define EXIT_SYSTEM 111 /* a system call failed, or memory ran out */

enum command_id {
	COMMAND_RUN = 1,
	COMMAND_LOAD = 2,
	COMMAND_PLAN = 4,
	COMMAND_RESOLVE = 8,
	COMMAND_WHY = 16,
	COMMAND_LIST = 32,
	COMMAND_MONITOR = 64,
	COMMAND_RECORD = 128,
	COMMAND_REPLAY = 256,
	COMMAND_CLOSURE = 512,
	COMMAND_IMAGE = 1024,
	COMMAND_PLOT = 2048,
	COMMAND_BLAME = 4096,
	COMMAND_PACK = 8192,
	COMMAND_ARCHIVE = 16384,
	COMMAND_INSERT = 32768,
	COMMAND_REMOVE = 65536,
	COMMAND_SHOW = 131072,
	COMMAND_PROFILE = 262144,
	COMMAND_BENCH = 524288,
};

/* What an option that may be repeated was given; NULL-terminated. */
struct word_list {
	const char **items;
	size_t n;
};

/* image: its options. */
struct image_options {
	struct coldplug_image image;
	struct word_list names, types, add;
	const char *recording;
	const char *root; /* of --root */
};

/* bench: its options. */
struct bench_options {
	unsigned int rounds;  /* 0: as many as usual */
	const char *modprobe; /* NULL: the usual one */
};

/* One invocation: the context, set up by the options, and what only the program needs. */
struct cli {
	struct coldplug *c;
	const struct command *command;
	int verbosity; /* -1 with -q, else how many -v were given */
	bool json;
	bool dry_run;
	int waits;		 /* how many --wait-for were given */
	const char *filesystem;	 /* of --filesystem */
	bool background;	 /* --background */
	unsigned int timeout_ms; /* of --timeout, or 0 */
	char *wait_specs[16];
	FILE *modules; /* of --modules, or NULL */
	const char *modules_name;
	int stream;	       /* standard output as it was before cli_take_stdout(), or -1 */
	unsigned int n_errors; /* logged by the library */
	bool not_found;	       /* why: a name was not that of a module */
	int notify_fd;	       /* -1 without --notify-fd */
	bool machine;	       /* closure: list what the machine needs too, not only the names */
	char *files_root;      /* closure: the directory of --files, or NULL */
	const char *extract;   /* closure: the directory of --extract, or NULL */
	struct image_options image;
	struct coldplug_pack pack; /* only what has options of its own */
	bool list_paths;	   /* archive: --paths */
	bool list_firmware;	   /* archive: --firmware */
	struct bench_options bench;
	const char *config_paths[16]; /* of --config, NULL-terminated */
	size_t n_config_paths;
	bool progress_shown; /* the terminal shows a progress line */
	char **args;	     /* the arguments after the options, NULL-terminated */
	int n_args;
};

struct command {
	const char *name;
	enum command_id id;
	int (*fn)(struct cli *cli);
	const char *arguments;
	const char *help;
};

/* Parses the options and makes the context. Returns 0, or 1 + the exit code if the program must end (after
 * --help or an error). */
int cli_setup(struct cli *cli, const struct command *command, int argc, char **argv);
/* Frees what that has made. */
void cli_free(struct cli *cli);

/* Prints the help text of one command. */
void cli_help(const struct command *command);

/* Takes standard output for a report or a recording ("-"); all else that is printed goes to standard error
 * from now on. Returns 0, -E2BIG if it has been taken already, or another negative errno. */
int cli_take_stdout(struct cli *cli);

/* Prints an error, unless the library has logged one already. Returns the exit code. */
int cli_fail(struct cli *cli, int error, const char *what);

/* Prints results as they come: one line each with -v, else a progress line if standard error is a
 * terminal. */
void cli_follow(struct cli *cli);
/* Prints one result as a line. */
void cli_print_step(struct cli *cli, const struct coldplug_step *s);
/* Prints the summary, or why the run failed. r is the last return value of the library. Returns the exit
 * code. */
int cli_end(struct cli *cli, int r);

/* Prints the plan as text or JSON. r is what planning returned, what names the input of an error. Returns the
 * exit code. */
int cli_print_plan(struct cli *cli, int r, const char *what);
/* The exit code of a command that plans and does not load: a missing file of a module is no failure of it. */
int cli_exit_code_of_plan(struct cli *cli);

/* Requests all names among the arguments, each with the parameters that follow it, and those of --modules.
 * Returns 0 or more, or a negative errno. */
int cli_want(struct cli *cli);
/* Joins the parameters that the words begin with; the caller frees *params, which is NULL before. Returns
 * how many words they are, or -ENOMEM. */
int cli_join_params(char **words, char **params);
/* A file that is read line by line. */
struct cli_lines {
	FILE *f;
	const char *name;
	unsigned int number; /* of the last line */
};

/* Returns the next line, until the next call, or NULL at the end. Only its first 65,535 bytes are kept, with
 * a warning that names the file. */
char *cli_next_line(struct cli_lines *l);
/* Whether that was the end: 0, or the negative errno of an error, which is reported. */
int cli_lines_error(struct cli *cli, const struct cli_lines *l);
/* Whether an option is given that needs --wait-for, without that. It has been reported then. */
bool cli_lacks_wait_for(struct cli *cli, bool given, const char *option);
/* Whether the first argument is a parameter, which is an error. It has been reported then. */
bool cli_begins_with_param(struct cli *cli);

int command_run(struct cli *cli);
int command_load(struct cli *cli);
int command_plan(struct cli *cli);
int command_resolve(struct cli *cli);
int command_why(struct cli *cli);
int command_list(struct cli *cli);
int command_monitor(struct cli *cli);
int command_record(struct cli *cli);
int command_replay(struct cli *cli);
int command_closure(struct cli *cli);
int command_image(struct cli *cli);
int command_plot(struct cli *cli);
int command_blame(struct cli *cli);
int command_profile(struct cli *cli);
int command_pack(struct cli *cli);
int command_archive(struct cli *cli);
int command_insert(struct cli *cli);
int command_remove(struct cli *cli);
int command_show(struct cli *cli);
int command_bench(struct cli *cli);
