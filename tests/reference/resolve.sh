#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# "coldplug resolve -" against libkmod, through the command line.
#
#	tests/reference/resolve.sh [BUILD [SEED [RELEASE]]]
#
# BUILD: meson's build directory (build). SEED: a number, or "random" (1). RELEASE: of the kernel (the
# newest installed). Exit code 1 when they differ, 77 when there is nothing to compare with.
set -eu

build=${1:-build} seed=${2:-1} release=${3:-}
coldplug=$build/coldplug ref=$build/tests/reference/ref-resolve
if [ "$seed" = random ]; then seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); fi
if [ -z "$release" ]; then
	release=$(find -L /lib/modules -mindepth 2 -maxdepth 2 -name modules.alias.bin 2>/dev/null |
		sed 's,/modules.alias.bin$,,; s,.*/,,' | sort -V | tail -n 1)
fi
[ -x "$ref" ] && [ -n "$release" ] || exit 77

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/none"
"$ref" --seed "$seed" --release "$release" --config "$dir/none" \
	--aliases "$dir/aliases" --answers "$dir/libkmod" >"$dir/log" || {
	code=$?
	cat "$dir/log"
	exit "$code"
}
"$coldplug" resolve -S "$release" -C "$dir/none" - <"$dir/aliases" >"$dir/coldplug"
differences=$(diff -a "$dir/libkmod" "$dir/coldplug" >"$dir/diff" || grep -ac '^<' "$dir/diff" || :)
echo "$release, seed $seed: ${differences:-0} differences in $(wc -l <"$dir/aliases")"
if [ -n "$differences" ]; then
	head -n 20 "$dir/diff"
	exit 1
fi
