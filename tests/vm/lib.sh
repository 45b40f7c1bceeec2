# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the scripts of tests/vm share: where things are, and how they complain.

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # used by those who read this file
repo=$(cd "$vm/../.." && pwd)
# Built once and used again, in no git tree: initramfs pieces, the modprobe way's results.
cache=${COLDPLUG_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/coldplug-vm}
mkdir -p "$cache"

die() {
	echo "${0##*/}: $*" >&2
	exit 111
}

# need_program FILE BUILD [FEATURE]...: a program of build-test/BUILD is built as tests/build says; any other is there
# as whoever named it made it. Both must have the features, which --version lists.
need_program() {
	local program=$1 build=$2 feature has
	shift 2
	if [ "$program" = "$repo/build-test/$build/coldplug" ]; then
		"$repo/tests/build" "$build" program >"$cache/build.$$" 2>&1 || {
			cat "$cache/build.$$" >&2
			die "tests/build $build could not build coldplug"
		}
		rm -f "$cache/build.$$"
	fi
	[ -x "$program" ] || die "there is no program $program"
	[ $# -gt 0 ] || return 0
	has=$("$program" --version) || die "$program does not run"
	for feature; do
		case " $has " in
		*" +$feature "*) ;;
		*) die "$program is built without $feature, which is needed here ($has)" ;;
		esac
	done
}

# boot ARG...: nothing of ours runs in it, so what is the matter with the first try is the emulator's affair.
boot_twice() { "$vm/boot" "$@" || "$vm/boot" "$@"; }

# The newest installed kernel whose version begins with $1 ("6.1.").
kernel_like() {
	local k
	for k in $(printf '%s\n' /lib/modules/"$1"*/modules.dep | sort -rV); do
		k=$(basename "$(dirname "$k")")
		[ -e "/boot/vmlinuz-$k" ] && echo "$k" && return
	done
	die "no kernel $1 is installed (linux-image-amd64, linux-image-6.12-amd64)"
}

# A short name for the contents of the files and the words given: the cache's key.
key_of() {
	local a
	for a; do
		if [ -f "$a" ]; then cat "$a"; else echo "$a"; fi
	done | sha256sum | cut -c1-12
}

# stdin: a list of files below the current directory; stdout: a cpio archive.
archive() {
	LC_ALL=C sort -u | cpio -o -H newc --reproducible -R 0:0 --quiet
}

# archive_dir DIR FILE: the same input gives the same bytes.
archive_dir() {
	find "$1" -exec touch -h -d @1 {} +
	(cd "$1" && find . -mindepth 1 -printf '%P\n' | archive) >"$2.$$"
	mv "$2.$$" "$2"
}

# The static PID 1, compiled once for each version of its source: init_binary CC RESULTS.
init_binary() {
	local out
	out=$cache/init-$(key_of "$vm/init.c" "$1" "$2")
	if [ ! -e "$out" ]; then
		"$1" -O2 -s -static -D_GNU_SOURCE -Wall -Wextra -DRESULTS="\"$2\"" \
			-o "$out.$$" "$vm/init.c" || die "cannot compile init.c with $1"
		mv "$out.$$" "$out"
	fi
	echo "$out"
}

# The same for what the hotplug tests do inside the machine.
aide_binary() {
	local out
	out=$cache/aide-$(key_of "$vm/aide.c")
	if [ ! -e "$out" ]; then
		gcc -O2 -s -static -D_GNU_SOURCE -Wall -Wextra -o "$out.$$" "$vm/aide.c"
		mv "$out.$$" "$out"
	fi
	echo "$out"
}

# A program and the libraries it needs, as paths: for an initramfs.
with_libraries() {
	echo "$1"
	ldd "$1" | grep -o '/[^ ]*'
}

# staged TO FUNCTION: the archive TO of what the function puts below $stage.
staged() {
	local stage
	if [ ! -e "$1" ]; then
		stage=$(mktemp -d)
		"$2"
		archive_dir "$stage" "$1"
		rm -rf "$stage"
	fi
	echo "$1"
}

# into_stage FILE...: with the libraries that they need.
into_stage() {
	local program f
	for f in $(for program; do with_libraries "$program" 2>/dev/null; done | sort -u); do
		mkdir -p "$stage/$(dirname "$f")"
		cp -L "$f" "$stage/$f"
	done
}

# A shell, its tools, and kmod: what the modprobe way needs and coldplug does not.
stage_tools() {
	local f
	mkdir -p "$stage/bin" "$stage/sbin" "$stage/etc"
	into_stage /bin/kmod
	ln -s /bin/kmod "$stage/sbin/modprobe"
	cp "$(command -v busybox)" "$stage/bin/busybox"
	for f in sh find xargs sort wc cat sed mdev; do ln -s busybox "$stage/bin/$f"; done
	cp "$vm/modprobe-way.sh" "$stage/modprobe-way"
	chmod +x "$stage/modprobe-way"
	# The line that most who use mdev have.
	# shellcheck disable=SC2016 # mdev's variable
	echo '$MODALIAS=.* 0:0 660 @modprobe -b "$MODALIAS"' >"$stage/etc/mdev.conf"
}

tools_archive() {
	staged "$cache/tools-$(key_of "$vm/lib.sh" "$vm/modprobe-way.sh" "$(kmod --version)" \
		"$(busybox | head -1)").cpio" stage_tools
}

# udevd, all rules, and their helpers. Not hwdb.bin: it names devices, and no rule loads a module by it.
stage_udev() {
	into_stage /bin/udevadm /lib/udev/*_id
	mkdir -p "$stage"/lib/udev/rules.d "$stage/lib/systemd" "$stage/etc"
	cp -L /lib/udev/rules.d/*.rules "$stage/lib/udev/rules.d/"
	ln -s /bin/udevadm "$stage/lib/systemd/systemd-udevd"
	# Rules name users and groups.
	cp /etc/passwd /etc/group "$stage/etc/"
}

udev_version() { dpkg-query -W -f '${Version}' udev; }

udev_archive() {
	staged "$cache/udev-$(key_of "$vm/lib.sh" "$(udev_version)").cpio" stage_udev
}
