#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The modules of rd.driver.post=A,B are loaded after all others, so when coldplug is done. Until then neither coldplug
# nor udevd may load them. dracut itself blacklists "A,B", which is not the name of a module, and loads them only if
# it still waits for the root after udev has settled.
if getargbool 1 rd.coldplug; then
	coldplug_post=$(getargs rd.driver.post | tr '\n,' '  ')
	for m in $coldplug_post; do
		mkdir -p /etc/modprobe.d /run/coldplug
		echo "blacklist $m" >>/etc/modprobe.d/coldplug-post.conf
		echo "MODULES=$coldplug_post" >/run/coldplug/post # for coldplug-post.service
	done
	unset m
fi
