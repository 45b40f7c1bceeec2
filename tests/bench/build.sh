# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# Sourced: a release build of what is measured, in BUILD (or build-test/bench). Sets build and release (RELEASE,
# or the newest kernel with indexes).
# shellcheck disable=SC2034
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$source/build-test/bench}
[ -n "${BUILD:-}" ] || "$source/tests/build" -c bench >/dev/null
# shellcheck disable=SC2034
release=${RELEASE:-$(find -L /lib/modules -mindepth 2 -maxdepth 2 -name modules.alias.bin |
	sed 's,/modules.alias.bin$,,; s,.*/,,' | sort -V | tail -n 1)}

compile() {
	ninja -C "$build" "$@" >"$build/compile.log" || {
		cat "$build/compile.log" >&2
		exit 111
	}
}
