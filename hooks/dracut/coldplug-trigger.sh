#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Takes the place of "udevadm trigger": coldplug-trigger COMMAND [ARG]..., or "coldplug-trigger check", which only decides.
#
# When coldplug has loaded the modules, udevd has work only for devices with a node in /dev and for network interfaces, unless
# there are other rules than the usual ones, or a bus for which the usual rules do more (80-drivers loads some modules by
# name). Then these devices are triggered, and otherwise COMMAND is executed, which triggers all.

# Those of systemd, dracut, lvm2, mdadm and btrfs-progs that do nothing for other devices.
is_usual_rule() {
	case ${1##*/} in
	50-firmware.* | 50-udev-default.* | 60-block.* | 60-cdrom_id.* | 60-persistent-storage.* | 99-systemd.*) ;;
	70-uaccess.* | 71-seat.* | 73-seat-late.* | 73-special-net-names.* | 75-net-description.*) ;;
	80-net-setup-link.* | 80-net-name-slot.* | 80-drivers.* | 64-btrfs.* | 64-btrfs-dm.* | 63-coldplug-btrfs.*) ;;
	10-dm.* | 11-dm.* | 55-dm.* | 13-dm-disk.* | 60-persistent-storage-dm.* | 95-dm-notify.*) ;;
	11-dm-lvm.* | 56-lvm.* | 64-lvm.* | 69-dm-lvm.* | 69-lvm.* | 63-md-raid-* | 64-md-raid-*) ;;
	59-persistent-storage.* | 59-persistent-storage-dm.* | 59-persistent-storage-md.* | 61-persistent-storage.*) ;;
	65-md-incremental-imsm.* | 65-luks-keydev.* | 70-luks.* | 99-root.* | 99-resume.* | 99-resume-link.* | '*.rules') ;;
	*) return 1 ;;
	esac
}

only_nodes_matter() {
	for dir in /sys/bus/ccw /sys/bus/memstick /sys/bus/tifm; do
		[ ! -e "$dir" ] || return
	done
	for rules in /lib/udev/rules.d/*.rules /etc/udev/rules.d/*.rules /run/udev/rules.d/*.rules; do
		is_usual_rule "$rules" || return
	done
}

# Without memory, virtual terminals, /dev/tty and their like (1, 4, 5, 7: Documentation/admin-guide/devices.txt). udevd would
# only change owner and mode of these, and the udevd of the root file system does it later. Serial ports have device units.
# A partition comes after its disk, from which the rules take its name. The block layer's own event turns on the polling of
# drives without it (60-block.rules).
trigger_nodes() {
	for place in /sys/module/block/uevent /sys/block/*/uevent /sys/block/*/*/partition /sys/dev/char/*/uevent \
		/sys/class/net/*/uevent; do
		case $place in
		/sys/dev/char/[157]:* | /sys/dev/char/4:[0-9]/* | /sys/dev/char/4:[1-5][0-9]/* | /sys/dev/char/4:6[0-3]/*) ;;
		*) echo add >"${place%/*}/uevent" || : ;;
		esac
	done 2>/dev/null
}

if [ "${1:-}" = check ]; then
	only_nodes_matter
	exit
fi
# coldplug is still there, and serves what is left.
serves() {
	[ -s /run/coldplug/pid ] && [ -e "/proc/$(cat /run/coldplug/pid)/exe" ]
}

if ! serves || ! only_nodes_matter; then exec "$@"; fi
case " $* " in
*" --type=subsystems "*) ;;
*)
	trigger_nodes
	echo 'coldplug: triggered devices with nodes and network interfaces only' >/dev/kmsg
	;;
esac
