#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# run.sh DIRECTORY SECONDS: runs each fuzz target in the directory for SECONDS.
# They start with the corpus next to this file and the replies that the suites of
# the program use.  New inputs are stored in DIRECTORY/found, with which the next
# run continues.  An input that makes the program crash, hang or use too much memory
# is stored in DIRECTORY/failed.
#
# Prints a line for each target and, as the last one, "N passed, N failed".
#
# Environment: FUZZ_SEED, a number, to make a run repeatable (0: a different seed
# each time).

set -eu

here=$(cd "$(dirname "$0")" && pwd)
replies=$(cd "$here/../functional/golden" && pwd)
cd "$1"
seconds=$2
mkdir -p failed
passed=0
failed=0

for target in fuzz_*; do
	# Skip the dependency files of the compiler.
	[ -x "$target" ] || continue
	name=${target#fuzz_}
	mkdir -p "found/$name"
	set -- "found/$name"
	[ ! -d "$here/corpus/$name" ] || set -- "$@" "$here/corpus/$name"
	[ "$name" != reply ] || set -- "$@" "$replies"
	[ ! -f "$here/$name.dict" ] || set -- "$@" -dict="$here/$name.dict"
	if "./$target" "$@" -seed="${FUZZ_SEED:-0}" \
	    -max_total_time="$seconds" -timeout=20 \
	    -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
	    -artifact_prefix="failed/$name-" >"$name.log" 2>&1; then
		passed=$((passed + 1))
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
		    "$name.log")
		echo "ok      fuzz/$name ($runs inputs, $seconds s)"
	else
		failed=$((failed + 1))
		echo "FAILED  fuzz/$name:"
		grep -v '^#' "$name.log" | tail -n 40 | sed 's/^/    /'
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
