/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel uevent message (lib/kobject_uevent.c): "ACTION@DEVPATH\0KEY=VALUE\0...". One pure parser:
 * bytes in, pointers into them out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The kernel sends at most 2048 bytes of variables, and a header with a path. */
#define UEVENT_MESSAGE_MAX 8192

struct uevent {
	const char *action;  /* "add", "remove", "change", "bind", ... */
	const char *devpath; /* "/devices/..." */
	/* NULL when the message has none: */
	const char *subsystem;
	const char *modalias; /* perhaps with a newline at its end */
	const char *devname;  /* without "/dev/" */
	const char *synth_uuid;
	uint64_t seqnum;       /* 0 when it has none */
	const char *variables; /* all of them, each NUL-terminated */
	size_t size;	       /* of variables */
};

/* Parses a message of size bytes; text is not changed, and ret points into it. 0, or -EBADMSG and *why:
 * what is wrong with it. */
int uevent_parse(const char *text, size_t size, struct uevent *ret, const char **why);

/* The value of a variable, or NULL. */
const char *uevent_find(const struct uevent *e, const char *key);
