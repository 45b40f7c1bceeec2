#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In images without systemd, dracut's init calls "udevadm trigger" after this hook, at last for all devices.
udevadm() {
	case " $* " in
	" trigger "*"--type=devices "*)
		unset -f udevadm
		coldplug-trigger udevadm "$@"
		;;
	" trigger "*"--type=subsystems "*) coldplug-trigger udevadm "$@" ;;
	*) command udevadm "$@" ;;
	esac
}
