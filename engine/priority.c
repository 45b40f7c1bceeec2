/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/priority.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/pattern.h"
#include "engine/plan.h"

/* PCI classes: include/linux/pci_ids.h; virtio: include/uapi/linux/virtio_ids.h; USB: linux/usb/ch9.h. The
 * first pattern that matches counts. A fast disk comes before an adapter that scans its bus. What together
 * leads to one disk is at most 10 apart (loader/precedence.c). */
static const struct {
	const char *pattern;
	uint32_t priority;
	uint32_t provides;
} classes[] = {
	/* a file system that is about to be mounted (fs/filesystems.c asks by this name) */
	{ "fs-*", 450, PROVIDER_ANY },
	{ "pci:*bc01sc08*", 400, PROVIDER_NVME },
	/* the PCI half of virtio block and SCSI */
	{ "pci:v00001AF4d00001001*", 395, PROVIDER_VIRTIO_BLOCK },
	{ "pci:v00001AF4d00001042*", 395, PROVIDER_VIRTIO_BLOCK },
	{ "virtio:d00000002v*", 390, PROVIDER_VIRTIO_BLOCK },
	{ "pci:v00001AF4d00001004*", 385, PROVIDER_SCSI },
	{ "pci:v00001AF4d00001048*", 385, PROVIDER_SCSI },
	{ "virtio:d00000008v*", 380, PROVIDER_SCSI },
	/* disks on what was found: their driver is loaded while the adapters look for them */
	{ "scsi:t-0x0[05]*", 375, PROVIDER_SCSI | PROVIDER_USB },
	{ "pci:*bc01sc06*", 370, PROVIDER_SCSI }, /* SATA */
	{ "pci:*bc01sc01*", 365, PROVIDER_SCSI }, /* IDE */
	{ "pci:*bc08sc05*", 345, PROVIDER_MMC },
	{ "mmc:block", 340, PROVIDER_MMC },
	{ "usb:*ic08isc*", 330, PROVIDER_USB },	      /* mass storage */
	{ "pci:*bc0Csc03*", 320, PROVIDER_USB },      /* USB host */
	{ "pci:*bc01sc00*", 210, PROVIDER_SCSI },     /* SCSI: a bus rests for seconds after its reset */
	{ "pci:*bc01sc0[047]*", 200, PROVIDER_SCSI }, /* RAID, SAS */
	{ "pci:*bc01*", 200, PROVIDER_ANY },
	{ "pci:*bc02*", 100, 0 }, /* network */
	{ "virtio:d00000001v*", 100, 0 },
};

/* By the kernel's names of block devices, and what udev's 60-persistent-storage.rules make of them. */
static const struct {
	const char *pattern;
	uint32_t providers;
	const char *behind; /* what virtio_uevent(), scsi_bus_uevent() and mmc_bus_uevent() say */
} nodes[] = {
	{ "/dev/nvme*", PROVIDER_NVME, NULL },
	{ "/dev/vd*", PROVIDER_VIRTIO_BLOCK, "virtio:d00000002v00001AF4" },
	{ "/dev/sd*", PROVIDER_SCSI | PROVIDER_USB, "scsi:t-0x00" },
	{ "/dev/sr*", PROVIDER_SCSI | PROVIDER_USB, "scsi:t-0x05" },
	{ "/dev/mmcblk*", PROVIDER_MMC, "mmc:block" },
	{ "/dev/disk/by-id/nvme-*", PROVIDER_NVME, NULL },
	{ "/dev/disk/by-id/ata-*", PROVIDER_SCSI, NULL },
	{ "/dev/disk/by-id/usb-*", PROVIDER_USB, NULL },
	{ "/dev/disk/by-id/mmc-*", PROVIDER_MMC, "mmc:block" },
	{ "/dev/disk/by-path/*-nvme-*", PROVIDER_NVME, NULL },
	{ "/dev/disk/by-path/*-ata-*", PROVIDER_SCSI, NULL },
	{ "/dev/disk/by-path/*-usb-*", PROVIDER_USB, NULL },
};

static size_t find_node(const char *node)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(nodes) && !pattern_matches(nodes[i].pattern, node))
		i++;
	return i;
}

uint32_t providers_of(const char *node)
{
	size_t i = find_node(node);

	return i < ARRAY_SIZE(nodes) ? nodes[i].providers : PROVIDER_ANY;
}

const char *alias_behind(const char *node)
{
	size_t i = find_node(node);

	return i < ARRAY_SIZE(nodes) ? nodes[i].behind : NULL;
}

/* Adapters that scan a bus. And what processors and the firmware's tables want: many of these modules find
 * nothing to drive, and the kernel stops all loads while it removes them (free_module() waits for a grace
 * period under module_mutex); those for a processor's crypto instructions have the kernel start modprobe a
 * dozen times. */
enum alias_patience alias_patience(const char *alias)
{
	if (!strncmp(alias, "cpu:", 4) || !strncmp(alias, "dmi:", 4))
		return ALIAS_LAST;
	return pattern_matches("pci:*bc01sc0[047]*", alias) ? ALIAS_PATIENT : ALIAS_NOT_PATIENT;
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

/* What cannot be the way to the awaited device comes behind all that can. Among USB and MMC alone, their
 * slow buses are all there is. */
static uint32_t adjust(uint32_t priority, uint32_t provides, uint32_t awaited)
{
	if (provides && !(provides & awaited))
		return priority >= STEP_CANDIDATE ? priority / 2 - 20 : priority;
	if (awaited & (PROVIDER_NVME | PROVIDER_VIRTIO_BLOCK | PROVIDER_SCSI))
		return priority;
	return provides && provides != PROVIDER_ANY ? priority + 100 : priority;
}

uint32_t alias_priority(const char *alias, uint32_t awaited)
{
	for (size_t i = 0; !awaited && i < ARRAY_SIZE(long_ones); i++)
		if (pattern_matches(long_ones[i].pattern, alias))
			return long_ones[i].priority;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (pattern_matches(classes[i].pattern, alias))
			return awaited ? adjust(classes[i].priority, classes[i].provides, awaited)
				       : classes[i].priority;
	return 0;
}
