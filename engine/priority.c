/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/priority.h"

#include <fnmatch.h>
#include <stddef.h>

#include "base/cleanup.h"

/* PCI classes: include/linux/pci_ids.h; virtio: include/uapi/linux/virtio_ids.h; USB: linux/usb/ch9.h.
 * The first pattern that matches counts. A fast disk comes before an adapter that scans its bus. */
static const struct {
	const char *pattern;
	uint32_t priority;
} classes[] = {
	{ "fs-*", 450 }, /* a file system that is about to be mounted (fs/filesystems.c asks by this name) */
	{ "pci:*bc01sc08*", 400 },	       /* NVMe */
	{ "virtio:d00000002v*", 390 },	       /* block */
	{ "pci:v00001AF4d0000100[18]*", 385 }, /* the PCI half of virtio block and SCSI */
	{ "pci:v00001AF4d0000104[28]*", 385 },
	{ "virtio:d00000008v*", 380 }, /* SCSI */
	{ "pci:*bc01sc06*", 370 },     /* SATA */
	{ "pci:*bc01sc01*", 360 },     /* IDE */
	{ "scsi:t-0x00*", 350 },       /* disks on what was found */
	{ "mmc:block", 350 },
	{ "pci:*bc08sc05*", 340 },     /* SD host */
	{ "usb:*ic08isc*", 330 },      /* mass storage */
	{ "pci:*bc0Csc03*", 320 },     /* USB host */
	{ "pci:*bc01sc00*", 210 },     /* SCSI: a bus rests for seconds after its reset */
	{ "pci:*bc01sc0[047]*", 200 }, /* RAID, SAS */
	{ "pci:*bc01*", 200 },
	{ "pci:*bc02*", 100 }, /* network */
	{ "virtio:d00000001v*", 100 },
};

bool alias_scans(const char *alias)
{
	return !fnmatch("pci:*bc01sc0[047]*", alias, 0);
}

/* A SCSI bus rests for three seconds after its reset, so its driver should start early. But from then
 * on the load of every driver waits for its scan (loader/image.c), and USB host drivers depend on each
 * other: they come first. */
static const struct {
	const char *pattern;
	uint32_t priority;
} long_ones[] = {
	{ "pci:*bc0Csc03*", 430 }, /* USB host */
	{ "pci:*bc01sc00*", 420 }, /* SCSI */
};

uint32_t alias_priority(const char *alias, bool only_end_counts)
{
	for (size_t i = 0; only_end_counts && i < ARRAY_SIZE(long_ones); i++)
		if (!fnmatch(long_ones[i].pattern, alias, 0))
			return long_ones[i].priority;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!fnmatch(classes[i].pattern, alias, 0))
			return classes[i].priority;
	return 0;
}
