/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The output of uevent/: which devices there are and which aliases they have. Data only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/intern.h"

#define CLAIM_NONE UINT32_MAX

/* One device's claim on one alias: a device with two aliases has two. */
struct device_claim {
	uint32_t device; /* id in device_set.devpaths */
	uint32_t alias;	 /* id in device_set.aliases */
	uint32_t next;	 /* the same device's next claim */
};

struct device_set {
	struct intern devpaths; /* "/devices/pci0000:00/...", as in DEVPATH= */
	struct intern aliases;	/* each distinct alias once, as the kernel wrote it */
	ARRAY(uint32_t) first;	/* by device: its first claim */
	ARRAY(struct device_claim) claims;
};

/* Enters a claim once, however often it is seen. 1 when it is new, 0 when not, -ENOMEM. */
int device_set_add(struct device_set *set, const char *devpath, const char *alias, size_t alias_len);
void device_set_free(struct device_set *set);
