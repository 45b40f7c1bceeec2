/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every call with which the loader changes or asks the kernel, in one table: a test passes its own and needs
 * no privilege. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/decompress.h"
#include "base/rootfs.h"
#include "loader/members.h"

#define FINIT_IGNORE_MODVERSIONS 1U /* linux/module.h */
#define FINIT_IGNORE_VERMAGIC 2U
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
	bool foreground;     /* as system(3): it inherits the caller's input and output */
};

struct kernel_output {
	int status;	/* exit status, or 128 + signal */
	char text[256]; /* the beginning of its output, NUL-terminated */
};

/* data is loader_options.ops_data. The calls return 0 or -errno unless the comment says otherwise. */
struct kernel_ops {
	int (*finit_module)(void *data, int fd, const char *params, unsigned int flags);
	int (*init_module)(void *data, const void *image, size_t size, const char *params);
	int (*delete_module)(void *data, const char *name, unsigned int flags);
	enum initstate (*initstate)(void *data, const struct rootfs *root, const char *name);
	/* Reads an attribute below sys/ or proc/ into buf, NUL-terminated: at most size - 1 bytes, without
	 * the newlines at its end. Returns its length or -errno. */
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
	enum compression compression; /* the format it decompresses itself: /sys/module/compression */
	bool async_probe;	      /* load modules that start no probe with async_probe */
	bool foreground;	      /* of commands */
	unsigned int finit_flags;     /* for finit_module(2): which checks it is to skip */
	/* Runs commands instead of the operation; optional. */
	int (*run_command)(void *data, const struct kernel_command *command, struct kernel_output *output);
	void *run_command_data;
	bool wants_file;	 /* it is given no image but as a file: COLDPLUG_MEMFD is set */
	struct members *members; /* of the steps' archive; NULL: they have none */
};

static inline int kernel_run_command(const struct kernel *k, const struct kernel_command *command,
				     struct kernel_output *output)
{
	if (k->run_command)
		return k->run_command(k->run_command_data, command, output);
	return k->ops->run_command(k->data, &k->root, command, output);
}

/* ops: NULL for the running kernel. */
void kernel_setup(struct kernel *k, const struct rootfs *root, const struct kernel_ops *ops, void *data);
