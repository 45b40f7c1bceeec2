#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# dracut loads btrfs in each boot of an image that can mount it, because the kernel's own request when it is mounted comes too
# late on a slow machine (issue 658 of dracutdevs/dracut). That takes long: its libraries measure what is fastest.
# 63-coldplug-btrfs.rules loads it when a disk has btrfs, before udevd says that the disk is there.
if getargbool 1 rd.coldplug; then
	for f in /etc/cmdline.d/*btrfs.conf; do
		if [ -e "$f" ] && [ "$(cat "$f")" = rd.driver.pre=btrfs ]; then rm -f "$f"; fi
	done
	unset f
fi
