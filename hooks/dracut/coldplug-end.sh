#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ends coldplug before the root takes over, whose udevd serves later devices. It opens the modules that are left, and, with
# firmware in the image, waits until all has settled, for 60 s at most. Loads in flight go on in a process of their own.
if [ -s /run/coldplug/pid ] && kill "$(cat /run/coldplug/pid)" 2>/dev/null; then
	i=0
	while [ $i -lt 700 ] && kill -0 "$(cat /run/coldplug/pid)" 2>/dev/null; do
		sleep 0.1
		i=$((i + 1))
	done
	unset i
	kill -s KILL "$(cat /run/coldplug/pid)" 2>/dev/null
fi
rm -f /run/coldplug/pid
