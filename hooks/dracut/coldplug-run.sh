#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In images without systemd this runs last before udevd is started. Loads run in a process of their own. If one never
# returns, only the process that waits for it is killed (hence --foreground), and the boot goes on.
if getargbool 1 rd.coldplug; then
	mkdir -p /run/coldplug
	{
		timeout --foreground -s KILL 60 coldplug run --report /run/coldplug/report.json
		# shellcheck disable=SC2086,SC2154 # words; coldplug-post.sh sets it
		[ -z "$coldplug_post" ] || timeout --foreground -s KILL 60 coldplug load $coldplug_post
	} 2>&1 | vinfo
fi
unset coldplug_post
