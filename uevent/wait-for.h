/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a device: what is meant, and whether it is there. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/log.h"
#include "base/rootfs.h"

enum wait_kind {
	WAIT_PATH, /* a node below /dev */
	WAIT_UUID,
	WAIT_LABEL,
	WAIT_PARTUUID,
	WAIT_PARTLABEL,
};

struct wait_spec {
	enum wait_kind kind;
	char *text;  /* as given */
	char *value; /* the path, the UUID, the label */
	char *node;  /* "/dev/..." once it is there */
};

struct wait_list {
	ARRAY(struct wait_spec) specs;
	size_t n_found;
};

/* "/dev/...", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", or the link udev would make,
 * "/dev/disk/by-{uuid,label,partuuid,partlabel}/...". 0; 1: a path that only udev makes (by-id, by-path);
 * -EINVAL: none of these; -EOPNOTSUPP: needs libblkid, which is not built in; -ENOMEM. */
int wait_list_add(struct wait_list *l, const char *text);

static inline bool wait_list_pending(const struct wait_list *l)
{
	return l->n_found < l->specs.n;
}

/* Whether a path is among what is missing: it may appear without an event. */
bool wait_list_needs_polling(const struct wait_list *l);

/* A block device has come or changed; name as in DEVNAME. */
void wait_list_check_block(struct wait_list *l, const struct rootfs *root, struct log *log, const char *name);
/* Looks for the paths. */
void wait_list_check_paths(struct wait_list *l, const struct rootfs *root);
/* Looks at all block devices there are. */
void wait_list_check_all(struct wait_list *l, const struct rootfs *root, struct log *log);
void wait_list_free(struct wait_list *l);
