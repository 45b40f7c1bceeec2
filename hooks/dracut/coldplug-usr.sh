#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In images without systemd, dracut mounts a /usr of its own after the root, without waiting for its disk. So all devices are
# served before.
coldplug_usr() {
	while read -r device place _; do
		case $device in \#*) continue ;; esac
		[ "$place" != /usr ] || return 0
	done <"$NEWROOT/etc/fstab"
	return 1
}

if getargbool 1 rd.coldplug && [ -r "$NEWROOT/etc/fstab" ] && coldplug_usr; then
	timeout --foreground -s KILL 60 coldplug run >/dev/kmsg 2>&1
	udevadm settle --timeout=60
fi
unset -f coldplug_usr
unset device place
