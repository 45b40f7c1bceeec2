/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the subcommands of coldplug share. */
#pragma once

#include <stdbool.h>

#include <coldplug.h>

#define EXIT_USAGE 100
#define EXIT_SYSTEM 111 /* a system call failed */

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
};

/* One invocation: the context made ready by the options, and what only the program cares about. */
struct cli {
	struct coldplug *c;
	const struct command *command;
	int verbosity; /* -1 quiet, 0, 1 verbose, 2 debug */
	bool json;
	bool dry_run;
	int waits;		 /* how many --wait-for */
	unsigned int timeout_ms; /* --timeout; 0: there is none */
	char *wait_specs[16];
	unsigned int n_errors; /* that the library told */
	bool not_found;	       /* why: a name that is no module's */
	int notify_fd;	       /* -1: none */
	bool machine;	       /* closure: the names come in addition to the machine's modules */
	char *files_root;      /* closure: where modules and firmware are, or NULL */
	bool progress_shown;   /* a progress line stands on the terminal */
	char **args;	       /* NULL-terminated, behind the options */
	int n_args;
};

struct command {
	const char *name;
	enum command_id id;
	int (*fn)(struct cli *cli);
	const char *arguments;
	const char *help;
};

/* Reads options and makes the context: 0, or the exit code + 1 to end with (1: help was shown). */
int cli_setup(struct cli *cli, const struct command *command, int argc, char **argv);

/* Prints the help of one command. */
void cli_help(const struct command *command);

/* An error of the program itself, to stderr; returns the exit code. */
int cli_fail(struct cli *cli, int error, const char *what);

/* Follows loads: a line each with -v, a progress line on a terminal. */
void cli_follow(struct cli *cli);
/* One result as a line. */
void cli_print_step(struct cli *cli, const struct coldplug_step *s);
/* The summary line, failures, and the exit code of what was done; r is the library's last answer. */
int cli_end(struct cli *cli, int r);

/* Prints the plan as text or JSON and returns the exit code; r: how planning ended, what: what an error is about. */
int cli_print_plan(struct cli *cli, int r, const char *what);

/* Wants all names among the arguments, with the parameters that follow each. */
int cli_want(struct cli *cli);
/* A parameter before any name: then that is told. */
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
