#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Decides whether the boot can go on as soon as the disk of the root is there (and what may be resumed from), while all else is
# loaded in the background. Otherwise it goes on when all devices have been served. $coldplug_wait is what coldplug monitor is
# told, for coldplug-run.sh, and for coldplug-initrd.service in /run/coldplug/wait.

# Prints the name of a disk or partition that only needs modules to be there, as coldplug knows it.
coldplug_disk() {
	case $1 in
	*[!-A-Za-z0-9_.:=/]*) return 1 ;; # systemd would have to have it quoted
	UUID=?* | LABEL=?* | PARTUUID=?* | PARTLABEL=?*) echo "$1" ;;
	/dev/disk/by-uuid/*) echo "UUID=${1##*/}" ;;
	/dev/disk/by-partuuid/*) echo "PARTUUID=${1##*/}" ;;
	/dev/*/* | /dev/dm-* | /dev/md* | /dev/nfs | /dev/ram* | /dev/root) return 1 ;;
	/dev/?*) echo "$1" ;;
	*) return 1 ;;
	esac
}

# Whether a word of the command line, or of those that are in the image, asks for what needs more devices.
coldplug_asks_for_more() {
	for word in $(getcmdline); do
		case $word in
		rd.driver.pre=* | rd.driver.blacklist=* | rd.shell* | rd.emergency=* | rd.debug* | rd.info* | rd.udev.* | \
			rd.retry=* | rd.timeout=* | rd.skipfsck* | rd.hostonly* | rd.memdebug=* | rd.coldplug* | \
			rd.systemd.show_status* | rd.systemd.log_* | rd.plymouth=*) ;;
		# What is not looked for needs no device.
		rd.auto=0 | rd.luks=0 | rd.luks.crypttab=0 | rd.lvm=0 | rd.lvm.conf=0 | rd.md=0 | rd.md.conf=0 | rd.md.ddf=0 | \
			rd.md.imsm=0 | rd.dm=0 | rd.multipath=0 | rd.fstab=0 | rd_NO_*[A-Z]) ;;
		rd.* | rd[A-Z_a-z]* | ip=* | ifname=* | netroot=* | bootdev=* | BOOTIF=* | netconsole=* | resume_offset=* | \
			mount.usr=* | systemd.mount-extra=* | systemd.swap-extra=* | luks.* | luks=*) return 0 ;;
		rootflags=*dev=* | rootflags=*device=* | rootflags=*journal*) return 0 ;;
		esac
	done
	return 1
}

coldplug_early() {
	[ "$(getarg rd.coldplug.wait=)" != all ] && [ ! -s /etc/crypttab ] && [ ! -s /etc/fstab ] && [ ! -s /etc/fstab.sys ] &&
		[ -z "${netroot:-}" ] && ! coldplug_asks_for_more && coldplug-trigger check || return
	coldplug_wait=$(coldplug_disk "$(getarg root=)") || return
	coldplug_wait="--wait-for $coldplug_wait"
	[ -z "$(getarg resume=)" ] || coldplug_wait="$coldplug_wait --wait-for $(coldplug_disk "$(getarg resume=)")" || return
	word=$(getarg rootfstype=)
	case $word in
	'' | auto | *[!A-Za-z0-9_.,-]*) ;;
	*) [ ${#word} -gt 128 ] || coldplug_wait="$coldplug_wait --filesystem $word" ;;
	esac
	mkdir -p /run/coldplug
	echo "WAIT=$coldplug_wait" >/run/coldplug/wait # for coldplug-initrd.service
}

coldplug_early || coldplug_wait=''
unset -f coldplug_disk coldplug_asks_for_more coldplug_early
unset word
