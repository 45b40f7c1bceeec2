/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/blockdev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_BLKID
#include <blkid/blkid.h>

bool blockdev_available(void)
{
	return true;
}

static void take(blkid_probe probe, const char *name, char *place, size_t size)
{
	const char *value;

	if (!blkid_probe_lookup_value(probe, name, &value, NULL))
		snprintf(place, size, "%s", value);
}

int blockdev_probe(const char *node, struct blockdev *ret)
{
	blkid_probe probe;

	errno = 0;
	probe = blkid_new_probe_from_filename(node);
	*ret = (struct blockdev){};
	if (!probe)
		return errno ? -errno : -EIO;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	/* An ambivalent result names nothing: better none than the wrong one. */
	if (blkid_do_safeprobe(probe) >= 0) {
		take(probe, "TYPE", ret->type, sizeof(ret->type));
		take(probe, "UUID", ret->uuid, sizeof(ret->uuid));
		take(probe, "LABEL", ret->label, sizeof(ret->label));
		take(probe, "PART_ENTRY_UUID", ret->partuuid, sizeof(ret->partuuid));
		take(probe, "PART_ENTRY_NAME", ret->partlabel, sizeof(ret->partlabel));
	}
	blkid_free_probe(probe);
	return 0;
}

#else

bool blockdev_available(void)
{
	return false;
}

int blockdev_probe(const char *node, struct blockdev *ret)
{
	*ret = (struct blockdev){};
	return -EOPNOTSUPP;
}

#endif
