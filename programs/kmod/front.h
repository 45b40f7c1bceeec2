/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kmod's small programs have in common. */
#pragma once

#include <stdbool.h>

#include <coldplug.h>

/* Begins a program: its messages go to standard error, or to syslog(3) when it has none. */
void kmod_begin(void);

/* A context without configuration, which none of these programs reads, whose messages of at most this
 * level go to kmod_log(). NULL: a message has said why there is none. */
struct coldplug *kmod_context(int level);

/* What -V prints. */
void kmod_version(const char *name);

/* The exit code of a program whose answer stands on standard output: failed, or that this cannot be
 * written. */
int kmod_end(bool failed);
