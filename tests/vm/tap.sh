# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# TAP lines, and the counts that tests/run adds up.
passed=0 failed=0

# check DESCRIPTION COMMAND...: one line; a failure's output follows it as comments. Its answer
# is the command's.
check() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $what"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $((passed + failed)) - $what"
	[ -z "$said" ] || echo "# ${said//$'\n'/$'\n'# }"
	return 1
}

# wanted NAME PATTERN...: whether one matches, or there are none.
wanted() {
	local name=$1 p
	shift
	[ $# -gt 0 ] || return 0
	for p; do
		# shellcheck disable=SC2053 # a pattern
		if [[ $name == $p ]]; then return 0; fi
	done
	return 1
}

tap_end() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
