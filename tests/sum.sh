#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# sum.sh COMMAND ...: runs these command lines one after the other.  Prints
# their output and, as the last line, the total "N passed, N failed".  A command
# that does not print such a line, or that fails without a failed test, counts
# as one failed test.

set -u

log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
passed=0
failed=0

for command; do
	echo "--- $command"
	{ sh -c "$command" || echo "exit status: $?"; } 2>&1 | tee "$log"
	counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' \
	    "$log" | tail -n 1)
	status=$(sed -n 's/^exit status: //p' "$log" | tail -n 1)
	[ -n "$counts" ] || [ -n "$status" ] || passed=$((passed + 1))
	: "${counts:=0 0}"
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
	[ "${counts#* }" -gt 0 ] || [ -z "$status" ] || failed=$((failed + 1))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
