/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every call of the loader that changes or asks the kernel, in one table: a test hands in its own and
 * needs neither root nor tricks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/decompress.h"
#include "base/rootfs.h"

#define FINIT_COMPRESSED_FILE 4U /* MODULE_INIT_COMPRESSED_FILE, absent from older headers */

enum initstate {
	INITSTATE_ABSENT,
	INITSTATE_COMING,
	INITSTATE_LIVE,
	INITSTATE_GOING,
	INITSTATE_BUILTIN, /* known to sysfs, but without a state */
	INITSTATE_UNKNOWN, /* there is no sysfs to ask */
};

struct kernel_command {
	const char *command; /* for /bin/sh -c */
	const char *module;  /* MODPROBE_MODULE */
	bool foreground;     /* as system(3): the caller's input and output are its own */
};

struct kernel_output {
	int status;	/* exit status, or 128 + signal */
	char text[256]; /* how its output begins, NUL-terminated */
};

/* data is loader_options.ops_data. Unless told otherwise: 0 or -errno. */
struct kernel_ops {
	int (*finit_module)(void *data, int fd, const char *params, unsigned int flags);
	int (*init_module)(void *data, const void *image, size_t size, const char *params);
	int (*delete_module)(void *data, const char *name, unsigned int flags);
	enum initstate (*initstate)(void *data, const struct rootfs *root, const char *name);
	/* An attribute of sys/ or proc/ into buf, NUL-terminated, at most size - 1 bytes of it and without
	 * the newline at its end; its length or -errno. */
	int (*read)(void *data, const struct rootfs *root, const char *path, char *buf, size_t size);
	/* Whether this process has CAP_SYS_MODULE. */
	bool (*capable)(void *data);
	/* -ENOENT: there is no /bin/sh under the root. */
	int (*run_command)(void *data, const struct rootfs *root, const struct kernel_command *command,
			   struct kernel_output *output);
	void (*sleep)(void *data, unsigned int ms);
};

extern const struct kernel_ops kernel_ops_real;

/* The kernel as the workers see it; read-only once set up. */
struct kernel {
	const struct kernel_ops *ops;
	void *data;
	struct rootfs root;	      /* borrowed */
	enum compression compression; /* what it decompresses itself: /sys/module/compression */
	bool async_probe;	      /* modules that begin no probe are loaded with async_probe */
	bool foreground;	      /* of commands */
	unsigned int finit_flags;     /* what finit_module(2) is not to look at */
};

/* ops: NULL for the running kernel. */
void kernel_setup(struct kernel *k, const struct rootfs *root, const struct kernel_ops *ops, void *data);
