/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idea: what is known from a directory's name and from what it is in costs no system call. A machine has 64 consoles, and
 * a server thousands of processors and memory blocks, each of them several directories and a file that only a process
 * of its own may read (uevent/prober.h).
 *
 * The facts, each of which has held for as long as the kernel has had the name:
 *
 * "power" below a device is an attribute group (drivers/base/power/sysfs.c), "wakeup" the class of wakeup sources, which
 * have no children (drivers/base/power/wakeup_stats.c, since 5.4), "link" below a PCI device the attribute group of
 * its link's power management (drivers/pci/pcie/aspm.c).
 *
 * Virtual consoles, their memory, /dev/null and its like, and backing devices are made without a parent, so in
 * /devices/virtual, and nothing is made below them. (Below another tty inputattach(1) makes a device.) The same holds for memory blocks, nodes, and what each processor has of clocks and
 * machine checks in /devices/system.
 *
 * What is below a disk is its partitions and what it tells of itself (queue, mq/N/cpuN): half of a small machine's
 * directories. A device-tree node called "block" is a device right below /devices/platform, or not of this name alone
 * (drivers/of/platform.c, of_device_make_bus_id()).
 *
 * All processors have the alias that /devices/system/cpu/modalias has (drivers/base/cpu.c: both are made by
 * CONFIG_GENERIC_CPU_AUTOPROBE of the same features).
 *
 * An ACPI object without an identifier is called "device:..." and has no alias (drivers/acpi/scan.c, acpi_device_hid();
 * drivers/acpi/device_sysfs.c).
 *
 * What is in the "queues" of a network device is its receive and transmit queues (net/core/net-sysfs.c): one or two directories
 * for each of them, and a server has hundreds of queues.
 *
 * A class's devices are in a directory of its name that is itself no device (drivers/base/core.c, get_device_parent()).
 * Only buses and the class "input" put MODALIAS into a uevent; in no kernel have the classes named here.
 */
#include "uevent/walk-skip.h"

#include <stdio.h>
#include <string.h>

/* Each word stands between two blanks. */
#define CLASSES                                                                                                 \
	" ata_device ata_link ata_port block bsg drm graphics hidraw hwmon ieee80211 iommu leds misc net nvme " \
	"pci_bus power_supply regulator rtc scsi_device scsi_disk scsi_generic scsi_host sound thermal tty vtconsole "

static bool is_among(const char *words, const char *name)
{
	char word[32];

	return snprintf(word, sizeof(word), " %s ", name) < (int)sizeof(word) && strstr(words, word);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_processor(const struct skip_place *in, const char *name)
{
	return in->modalias && !in->devicetree && !strncmp(name, "cpu", 3) && is_digit(name[3]) &&
		!strcmp(in->path, "/devices/system/cpu");
}

/* A device of the class "net", by the directory that it is in. One of a bus that is called so has an alias. */
static bool is_network_device(const struct skip_place *in)
{
	const char *slash = strrchr(in->path, '/');

	return in->device && !in->modalias && slash && slash - in->path >= 4 &&
		!strncmp(slash - 4, "/net", 4);
}

bool skip_directory(const struct skip_place *in, const char *name)
{
	switch (*name) {
	case 'b':
		/* The directory of a class; /devices/virtual is no device. */
		if (!strcmp(name, "block") && !in->devicetree &&
		    (in->device || !strcmp(in->path, "/devices/virtual")))
			return strcmp(in->path, "/devices/platform") != 0;
		break;
	case 'p':
		return !strcmp(name, "power");
	case 'w':
		return in->device && !strcmp(name, "wakeup") && strcmp(in->path, "/devices/platform") != 0;
	case 'l':
		return in->pci && !strcmp(name, "link");
	case 'q':
		if (!strcmp(name, "queues") && is_network_device(in))
			return true;
		break;
	case 't':
		if (!strncmp(name, "tty", 3) && is_digit(name[3]) &&
		    !strcmp(in->path, "/devices/virtual/tty"))
			return true;
		break;
	case 'c':
		if (is_processor(in, name))
			return true;
		break;
	}
	if (!strcmp(in->path, "/devices/virtual"))
		return is_among(" bdi mem vc ", name);
	if (!strcmp(in->path, "/devices/system"))
		return is_among(" clockevents machinecheck memory node ", name);
	return false;
}

bool skip_questions(const struct skip_place *in)
{
	const char *slash = strrchr(in->path, '/');

	return !in->device && !in->devicetree && slash && is_among(CLASSES, slash + 1);
}

bool skip_question(const struct skip_place *in, const char *name)
{
	return !in->devicetree && !strncmp(name, "device:", 7) &&
		!strncmp(in->path, "/devices/LNXSYSTM:", 18);
}
