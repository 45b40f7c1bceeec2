/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a device: which one is meant, and whether it is there. Disks are probed by a prober
 * (uevent/prober.h), because they may not answer. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/log.h"
#include "base/rootfs.h"
#include "uevent/prober.h"

enum wait_kind {
	WAIT_PATH,   /* a node below /dev */
	WAIT_NUMBER, /* MAJOR:MINOR of a block device */
	WAIT_UUID,
	WAIT_LABEL,
	WAIT_PARTUUID,
	WAIT_PARTLABEL,
};

struct wait_spec {
	enum wait_kind kind;
	char *text;	   /* as given */
	char *value;	   /* the path, the numbers, the UUID, the label */
	long offset;	   /* WAIT_PARTUUID: the partition so many behind the one named */
	char *base;	   /* with an offset: the name of the one named, once it is known */
	char *named;	   /* the node, while its contents are probed */
	char *node;	   /* "/dev/..." once it is there */
	char *type;	   /* of its file system; NULL: not known */
	uint64_t found_us; /* when it was found to be there */
	bool put_off;	   /* for the caller: the type has not been used yet */
	bool twin_told;	   /* it was logged that another device has the same name */
};

struct wait_list {
	ARRAY(struct wait_spec) specs;
	size_t n_found;
	bool types;	  /* a path or a number only counts as there when its contents are known */
	bool one_will_do; /* a second device of the same name is not logged */
	bool unread_told; /* it was logged that something in sysfs cannot be read */
};

/* "/dev/...", "MAJOR:MINOR", "UUID=", "LABEL=", "PARTUUID=", also with "/PARTNROFF=N" behind,
 * "PARTLABEL=", or the link udev would make, "/dev/disk/by-{uuid,label,partuuid,partlabel}/...". 0; 1: a
 * path that only udev makes (by-id, by-path); -EINVAL: none of these; -EOPNOTSUPP: needs libblkid, which
 * is not built in; -ENOMEM. */
int wait_list_add(struct wait_list *l, const char *text);

static inline bool wait_list_pending(const struct wait_list *l)
{
	return l->n_found < l->specs.n;
}

/* Whether a missing device is given by its path: that may appear without an event. */
bool wait_list_needs_polling(const struct wait_list *l);

/* The path below /sys of a block device that is there, "/devices/...". False: it has none. */
bool wait_spec_device(const struct wait_spec *spec, const struct rootfs *root, char path[PATH_MAX]);

/* A probe_fn: looks at a disk, and may block. */
ssize_t wait_list_answer(const struct rootfs *root, const char *question, char *buf, size_t size);

/* A block device has come or changed; name as in DEVNAME. 0 or -ENOMEM, as the next three. */
int wait_list_check_block(struct wait_list *l, const struct rootfs *root, struct prober *disks,
			  const char *name);
/* Looks for the paths. */
int wait_list_check_paths(struct wait_list *l, const struct rootfs *root, struct prober *disks);
/* Looks at all block devices there are. */
int wait_list_check_all(struct wait_list *l, const struct rootfs *root, struct prober *disks);
/* Takes an answer of the prober. */
int wait_list_take_answer(struct wait_list *l, const struct rootfs *root, struct prober *disks,
			  struct log *log, const struct probe_answer *answer);

/* Whether a device is there, but its contents are still being probed. */
bool wait_list_is_probing(const struct wait_list *l);
/* Devices that are there but have not answered count as found, of unknown type. */
void wait_list_take_named(struct wait_list *l);
void wait_list_free(struct wait_list *l);
