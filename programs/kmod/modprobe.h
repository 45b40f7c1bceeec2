/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What modprobe(8) was asked to do. */
struct modprobe {
	int verbosity; /* a level of syslog(3) */
	bool all;
	bool remove;
	bool match_only;  /* -R */
	bool show;	  /* -D */
	bool show_config; /* -c */
	bool to_syslog;
	uint32_t flags; /* bits of enum coldplug_flag */
	unsigned int wait_ms;
	const char *module_root;   /* -d */
	const char *release;	   /* -S */
	const char **config_paths; /* -C, NULL-terminated; NULL: none was given */
	char **args;
	int n_args;
	char **words; /* argv with MODPROBE_OPTIONS in front, and their text */
	char *environment;
};

/* Reads the environment and argv: 0, or the exit code + 1 to end with. */
int modprobe_options(struct modprobe *m, int argc, char **argv);
void modprobe_options_free(struct modprobe *m);

/* "A=1 B=2" of the words: a value with a blank is quoted. NULL when out of memory; for the caller to free(). */
char *modprobe_params(char **words, int n);
