# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the tests of the Debian packages share. They run as root, in a mount namespace of their own.

if [ "$(id -u)" -ne 0 ]; then exec sudo --preserve-env=SUITE,MIRROR "$0" "$@"; fi
# What is mounted in the tree goes with the namespace.
if [ -z "${COLDPLUG_PACKAGE_TEST:-}" ]; then COLDPLUG_PACKAGE_TEST=y exec unshare -m "$0" "$@"; fi

suite=${SUITE:-bookworm} mirror=${MIRROR:-http://deb.debian.org/debian}
release=${1:-$(find /lib/modules -mindepth 2 -maxdepth 2 -name modules.dep -printf '%h\n' | xargs -n 1 basename | sort | head -n 1)}
out=$PWD/build-test/package
# meson and python of Debian, whatever else is installed.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
# shellcheck disable=SC2034 # used by those who read this file
packages=(coldplug coldplug-initramfs coldplug-kmod libcoldplug0 libcoldplug-dev python3-coldplug)

# build_packages: of the tree of git, into $out.
build_packages() {
	rm -rf "$out/src" "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
	mkdir -p "$out/src"
	git -c safe.directory='*' ls-files -z | tar -c --null -T - | tar -x -C "$out/src"
	(cd "$out/src" && DEB_BUILD_OPTIONS=noautodbgsym nice -n 19 dpkg-buildpackage -us -uc -b)
}

# make_base DIR PACKAGES: a tree of debootstrap, which is kept for the next time.
make_base() {
	[ ! -e "$1/complete" ] || return 0
	rm -rf "$1"
	nice -n 19 debootstrap --variant=minbase --include="$2" "$suite" "$1" "$mirror" && touch "$1/complete"
}

# copy_base DIR TREE: a tree to work in, with the modules of this machine's kernel.
copy_base() {
	rm -rf --one-file-system "$2"
	cp -a "$1" "$2"
	rm "$2/complete"
	mkdir -p "$2/debs" "$2/lib/modules/$release"
	mount -t proc proc "$2/proc"
	# They are this machine's own: nothing below the tree may write to them.
	mount --bind "/lib/modules/$release" "$2/lib/modules/$release"
	mount -o remount,bind,ro "$2/lib/modules/$release"
	cp /etc/resolv.conf "$2/etc/resolv.conf"
	cp "/boot/config-$release" "$2/boot/" || echo CONFIG_RD_ZSTD=y >"$2/boot/config-$release"
	# Kernels are looked for by this name.
	: >"$2/boot/vmlinuz-$release"
	printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d"
	chmod +x "$2/usr/sbin/policy-rc.d"
}

# in_tree COMMAND...: in $tree, which the caller names.
in_tree() {
	# shellcheck disable=SC2154
	nice -n 19 chroot "$tree" env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 PATH="$PATH" DEBIAN_FRONTEND=noninteractive "$@"
}

install_packages() {
	rm -f "$tree"/debs/*
	cp "$@" "$tree/debs/"
	in_tree sh -c 'apt-get install -y --no-install-recommends /debs/*.deb'
}
