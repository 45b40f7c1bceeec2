/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The modules that the kernel itself asks for (request_module()): each time it starts modprobe, and whoever asked waits for
 * that. They are counted where tracefs is mounted on /sys/kernel/tracing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rootfs.h"

struct kernel_request {
	char *name;	 /* as it was asked for: "crypto-cryptd(ecb(aes))" */
	char *by;	 /* the thread that asked: the name of its process, up to 15 bytes */
	char *call_site; /* the function of the kernel */
	uint64_t time_us;
};

/* A line of the file "trace". The strings of *ret are in line, which is changed. false: it is no such request. */
bool kernel_request_parse(char *line, struct kernel_request *ret);

struct requests {
	int instances; /* -1: nothing is counted */
	FILE *trace;
	char name[40]; /* of our own instance: nobody else's trace is touched */
};

#define REQUESTS_NONE ((struct requests){ .instances = -1 })

/* Begins to count; 0 or -errno. */
int requests_open(struct requests *r, const struct rootfs *root);
/* Calls fn for each request since then, in order, until it answers something else than 0, which is returned. */
int requests_each(struct requests *r, int (*fn)(void *userdata, const struct kernel_request *request),
		  void *userdata);
void requests_close(struct requests *r);
