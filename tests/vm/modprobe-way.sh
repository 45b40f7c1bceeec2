#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a boot without coldplug does, in the guest: every modalias of every device to
# modprobe, until a round brings nothing new. With --slow one modprobe for each alias, as
# udev without its built-in kmod, mdev and many hand-made initramfs do.
#
# --aliases: for the tests, all aliases that this machine's devices have now, also those that
# only their uevent tells (mmc), which no such script looks at.
loaded() { wc -l </proc/modules; }

round() {
	if [ "$1" = --slow ]; then
		find /sys -name modalias -print0 | xargs -0 sort -u | xargs -n 1 /sbin/modprobe -b
	else
		find /sys -name modalias -print0 | xargs -0 sort -u | xargs /sbin/modprobe -a -b
	fi
}

if [ "${1:-}" = --aliases ]; then
	find /sys/devices -name modalias -print0 -o -name uevent -print0 | xargs -0 cat |
		sed -n 's/^MODALIAS=//p; /^[^=]*:/p'
	exit
fi
before=-1
while [ "$(loaded)" != "$before" ]; do
	before=$(loaded)
	round "${1:-}"
	echo "round: $before -> $(loaded) modules"
done
