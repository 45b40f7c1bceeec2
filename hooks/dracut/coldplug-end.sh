#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ends the coldplug that serves devices from an archive of modules, before the root takes over.
[ ! -s /run/coldplug/pid ] || kill "$(cat /run/coldplug/pid)" 2>/dev/null
