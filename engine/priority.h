/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an alias says about its device: how soon a boot needs it, how long its probe may take. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What may be the way to a block device. */
enum {
	PROVIDER_NVME = 1,
	PROVIDER_VIRTIO_BLOCK = 2,
	PROVIDER_SCSI = 4, /* and SATA, IDE */
	PROVIDER_USB = 8,
	PROVIDER_MMC = 16,
	PROVIDER_ANY = 31,
};

/* What the name of a block device says: "/dev/nvme0n1p1" is behind NVMe, "/dev/disk/by-path/...-usb-..."
 * on USB. PROVIDER_ANY when it says nothing, as a UUID does not. */
uint32_t providers_of(const char *node);

/* The alias of the device that will ask for the driver of such a node once its adapter has found it, or
 * NULL. */
const char *alias_behind(const char *node);

/* Higher first: what the awaited device may be on, then what leads to more devices, then the rest.
 * awaited: the providers of all devices that are awaited. 0: only the end of all counts, and what takes
 * longest comes first. */
uint32_t alias_priority(const char *alias, uint32_t awaited);

enum alias_patience {
	ALIAS_NOT_PATIENT,
	/* Not as long as there is something urgent. A SCSI, SAS or RAID adapter: its scan can take
	 * seconds, and for so long every load that waits for asynchronous probes waits for it
	 * (loader/image.c). */
	ALIAS_PATIENT,
	/* Not as long as a device is awaited: what is wanted for processors and the firmware's tables
	 * leads to none. */
	ALIAS_LAST,
};

enum alias_patience alias_patience(const char *alias);
