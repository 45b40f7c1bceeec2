/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/thread.h"

#include <stddef.h>

#define STACK_SIZE ((size_t)256 * 1024)

int thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (!r)
		r = pthread_create(ret, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return -r;
}
