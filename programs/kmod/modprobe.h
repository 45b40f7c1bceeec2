/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the options and arguments ask for. */
struct modprobe {
	int verbosity; /* a level of syslog(3) */
	bool all;
	bool remove;
	bool match_only;  /* -R */
	bool show;	  /* -D */
	bool show_config; /* -c */
	bool show_modversions;
	bool show_exports;
	bool to_syslog;
	bool no_memory; /* for an option that is to be kept or passed on */
	uint32_t flags; /* bits of enum coldplug_flag */
	unsigned int wait_ms;
	const char *module_root;   /* -d */
	const char *release;	   /* -S */
	const char **config_paths; /* -C, NULL-terminated, or NULL */
	char **args;
	int n_args;
	char **words; /* argv with the words of MODPROBE_OPTIONS before it, and their memory */
	char *environment;
};

/* Parses MODPROBE_OPTIONS and argv. Returns 0, or 1 + the exit code if the program must end. */
int modprobe_options(struct modprobe *m, int argc, char **argv);
void modprobe_options_free(struct modprobe *m);

/* Joins words to "A=1 B=2", and quotes a value that has a blank. Returns NULL when memory runs out; the
 * caller frees the text. */
char *modprobe_params(char **words, int n);
