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

# A program and the libraries it needs, as paths: for an initramfs.
with_libraries() {
	echo "$1"
	ldd "$1" | grep -o '/[^ ]*'
}
