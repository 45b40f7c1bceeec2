/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kmod's small programs have in common. */
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include <coldplug.h>

/* Begins a program: its messages go to standard error, or to syslog(3) when it has none. */
void kmod_begin(void);

/* A context without configuration, which none of these programs reads, whose messages of at most this
 * level go to kmod_log(). NULL: a message has said why there is none. */
struct coldplug *kmod_context(int level);

/* What -V prints. */
void kmod_version(const char *name);

/* One of these programs, and the options that it has. */
struct kmod_program {
	const char *name;
	const char *letters; /* as getopt_long() has them */
	const struct option *options;
	void (*help)(void);
};

/* Parses the options. -s, -V and -h are the same for all programs that have them; take() is called for the
 * others, and returns 0, or 1 + an exit code, as this does. */
int kmod_options(const struct kmod_program *p, int argc, char **argv, int (*take)(void *userdata, int option),
		 void *userdata);

/* The exit code of a program whose answer stands on standard output: failed, or that this cannot be
 * written. */
int kmod_end(bool failed);
