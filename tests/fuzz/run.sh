#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# run.sh DIRECTORY SECONDS: runs the fuzz targets in the directory, so long
# each.  What they start from is the corpus beside this file and the replies
# that the suites of the program use; what they find that is new goes to
# DIRECTORY/found, from where the next run goes on.  An input that makes the
# program crash, hang or take too much memory is left in DIRECTORY/failed.
#
# Prints a line for each target and, as the last one, "N passed, N failed".
#
# Environment: FUZZ_SEED, a number, for a run that can be repeated (0: another
# one each time).

set -eu

here=$(cd "$(dirname "$0")" && pwd)
replies=$(cd "$here/../functional/golden" && pwd)
cd "$1"
seconds=$2
mkdir -p failed
passed=0
failed=0

for target in fuzz_*; do
	# Not what the compiler has noted of it.
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
