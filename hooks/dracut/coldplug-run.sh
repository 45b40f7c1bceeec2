#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In images without systemd this runs last before udevd is started. coldplug stays until coldplug-end.sh, since it may load the
# modules that do not lead to the root in the background, and udevd cannot load from an archive of modules. The boot goes on
# when it is ready, or after a minute. Loads run in a process of their own.
if getargbool 1 rd.coldplug; then
	mkdir -p /run/coldplug
	mkfifo /run/coldplug/ready
	# In a shell of its own, so that this one says nothing about its end.
	# shellcheck disable=SC2086,SC2154 # words; coldplug-early.sh sets it
	(
		coldplug monitor --notify-fd 3 --report /run/coldplug/report.json $coldplug_wait \
			3>/run/coldplug/ready >/dev/kmsg 2>&1 &
		echo $! >/run/coldplug/pid
	)
	read -r _ </run/coldplug/ready
	# shellcheck disable=SC2086,SC2154 # words; coldplug-post.sh sets it
	[ -z "$coldplug_post" ] || timeout --foreground -s KILL 60 coldplug load $coldplug_post 2>&1 | vinfo
fi
unset coldplug_post coldplug_wait
