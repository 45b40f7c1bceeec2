#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In images without systemd this runs last before udevd is started. Loads run in a process of their own. If one never
# returns, only the process that waits for it is killed (hence --foreground), and the boot goes on.
coldplug_run() {
	timeout --foreground -s KILL 60 coldplug run --report /run/coldplug/report.json 2>&1 | vinfo
}

# udevd cannot load from an archive of modules, so coldplug stays until coldplug-end.sh. It reports readiness after a minute
# in any case.
coldplug_stay() {
	mkfifo /run/coldplug/ready
	coldplug monitor --notify-fd 3 --report /run/coldplug/report.json 3>/run/coldplug/ready >/dev/kmsg 2>&1 &
	echo $! >/run/coldplug/pid
	read -r _ </run/coldplug/ready
}

coldplug_has_archive() {
	for archive in /lib/modules/*/modules.archive; do [ ! -e "$archive" ] || return 0; done
	return 1
}

if getargbool 1 rd.coldplug; then
	mkdir -p /run/coldplug
	if coldplug_has_archive; then coldplug_stay; else coldplug_run; fi
	# shellcheck disable=SC2086,SC2154 # words; coldplug-post.sh sets it
	[ -z "$coldplug_post" ] || timeout --foreground -s KILL 60 coldplug load $coldplug_post 2>&1 | vinfo
fi
unset -f coldplug_run coldplug_stay coldplug_has_archive
unset coldplug_post archive
