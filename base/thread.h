/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

/* Starts a thread with a stack that is enough for liblzma, libzstd and the sanitizers. 0 or -errno. */
int thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);
