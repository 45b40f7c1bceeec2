/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What earlier boots of a kernel on this machine have taught (coldplug-profile(8) describes the file). Whatever it says
 * wrongly, the modules of all devices are loaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/intern.h"
#include "base/rootfs.h"

/* A device that was on the way to an awaited one. */
struct profile_device {
	const char *path; /* "/devices/...", below sys */
	const char *alias;
};

struct profile {
	char *text;			      /* which the strings are in */
	ARRAY(const char *) awaited;	      /* what was waited for, as it was named */
	ARRAY(struct profile_device) devices; /* a bus before what is on it */
	ARRAY(const char *) filesystems;      /* types that were mounted, of at most 50 characters */
	struct intern declined;		      /* modules that found nothing to drive */
	struct intern timed;		      /* modules whose loads took took_us */
	ARRAY(uint32_t) took_us;	      /* microseconds, by the id in timed */
	char *softdeps; /* lines for modprobe.d: what a module's init asked the kernel for; or NULL */
	size_t n_softdeps;
};

struct profile_fault {
	unsigned int line;
	const char *what;
};

/* Reads the file of one, of LIMIT_CONFIG_FILE bytes at most; root NULL: the path is one of the caller's. 0 or -errno. */
int profile_read(const struct rootfs *root, const char *path, struct file_bytes *ret);
/* 0; -EBADMSG, with *fault, and *ret is empty; -ENOMEM. release: that of the modules, or NULL if it does not matter. */
int profile_parse(struct profile *ret, const char *data, size_t size, const char *release,
		  struct profile_fault *fault);
void profile_free(struct profile *p);
/* Whether the module, with '_', found nothing to drive. */
bool profile_declined(const struct profile *p, const char *module);
/* How long the load of the module, with '_', took, in microseconds; 0: it is not known. */
uint32_t profile_took_us(const struct profile *p, const char *module);
