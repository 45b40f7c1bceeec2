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
	bool slow;
} classes[] = {
	{ "pci:*bc01sc08*", 400, false }, /* NVMe */
	{ "virtio:d00000002v*", 390, false }, /* block */
	{ "pci:v00001AF4d0000100[18]*", 385, false }, /* the PCI half of virtio block and SCSI */
	{ "pci:v00001AF4d0000104[28]*", 385, false },
	{ "virtio:d00000008v*", 380, false }, /* SCSI */
	{ "pci:*bc01sc06*", 370, false }, /* SATA */
	{ "pci:*bc01sc01*", 360, false }, /* IDE */
	{ "scsi:t-0x00*", 350, false }, /* disks on what was found */
	{ "mmc:block", 350, false },
	{ "pci:*bc08sc05*", 340, false }, /* SD host */
	{ "usb:*ic08isc*", 330, false }, /* mass storage */
	{ "pci:*bc0Csc03*", 320, false }, /* USB host */
	{ "pci:*bc01sc0[047]*", 200, true }, /* SCSI, RAID, SAS */
	{ "pci:*bc01*", 200, false },
	{ "pci:*bc02*", 100, false }, /* network */
	{ "virtio:d00000001v*", 100, false },
};

static ptrdiff_t find_class(const char *alias)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!fnmatch(classes[i].pattern, alias, 0))
			return (ptrdiff_t)i;
	return -1;
}

uint32_t alias_priority(const char *alias)
{
	ptrdiff_t i = find_class(alias);

	return i < 0 ? 0 : classes[i].priority;
}

bool alias_probes_slowly(const char *alias)
{
	ptrdiff_t i = find_class(alias);

	return i >= 0 && classes[i].slow;
}
