#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ends coldplug before the root takes over, whose udevd serves what is left. Loads in flight go on in a process of their own.
[ ! -s /run/coldplug/pid ] || kill -s KILL "$(cat /run/coldplug/pid)" 2>/dev/null
