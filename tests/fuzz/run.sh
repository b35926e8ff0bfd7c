#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# run.sh DIRECTORY SECONDS: runs each fuzz target in the directory for SECONDS,
# as many at a time as there are processors.  They start with the corpus next to
# this file and the replies that the suites of the program use.  New inputs are
# stored in DIRECTORY/found, with which the next run continues.  An input that
# makes the program crash, hang or use too much memory is stored in
# DIRECTORY/failed.
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
jobs=$(nproc)

# fuzz TARGET: writes the line of its result to a file.
fuzz()
{
	name=${1#fuzz_}
	mkdir -p "found/$name"
	set -- "./$1" "found/$name"
	[ ! -d "$here/corpus/$name" ] || set -- "$@" "$here/corpus/$name"
	[ "$name" != reply ] || set -- "$@" "$replies"
	[ ! -f "$here/$name.dict" ] || set -- "$@" -dict="$here/$name.dict"
	if "$@" -seed="${FUZZ_SEED:-0}" \
	    -max_total_time="$seconds" -timeout=20 \
	    -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
	    -artifact_prefix="failed/$name-" >"$name.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
		    "$name.log")
		echo "ok      fuzz/$name ($runs inputs, $seconds s)"
	else
		echo "FAILED  fuzz/$name:"
		grep -v '^#' "$name.log" | tail -n 40 | sed 's/^/    /'
	fi >"$name.result"
}

# shellcheck disable=SC2046 # a list of numbers
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM

rm -f ./*.result
running=0
for target in fuzz_*; do
	# Skip the dependency files of the compiler.
	[ -x "$target" ] || continue
	# All take the same time, so wait for as many as run at a time.
	[ "$running" -lt "$jobs" ] || {
		wait
		running=0
	}
	fuzz "$target" &
	running=$((running + 1))
done
wait
cat ./*.result
passed=$(cat ./*.result | grep -c '^ok ') || :
failed=$(cat ./*.result | grep -c '^FAILED ') || :
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
