/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process of its own: forked twice, so that nobody has to wait for it, and with nothing of the
 * caller's that others may be waiting for. */
#pragma once

#include <stddef.h>

/* Runs fn in a new process, which ends with its answer as exit status, in a session of its own. 0 as
 * soon as it is there, or -errno. No other thread may hold a lock that fn takes. */
int detach_fork(int (*fn)(void *userdata), void *userdata);

/* For fn to call first: handlers and masks of signals are the default again, but for what a sanitizer or
 * a crash handler wants; the process is called name and stands in "/"; of the descriptors only these n are
 * left (each may get another number), standard input, output and error are /dev/null. 0 or -errno. */
int detach_settle(const char *name, int *fds[], size_t n);

/* Moves a descriptor beyond standard error: what is written to standard error must not go into it. 0 or
 * -errno. */
int detach_lift(int *fd);
