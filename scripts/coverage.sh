#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# coverage.sh BUILD_DIR LEAST: how many lines of each file of src were run by a
# program that was built there with --coverage.  Leaves the sources with counts
# in BUILD_DIR/lines.  Fails if of all lines less than LEAST percent were run.

set -eu

cd "$(dirname "$0")/.."
build=$1
least=$2
mkdir -p "$build/lines"

for source in src/*.c src/*/*.c; do
	name=${source#src/}
	name=${name%.c}
	mkdir -p "$build/lines/$(dirname "$name")"
	# A file of which nothing was run has no counts, or an old file's.
	gcov -t -o "$build/$name.o" "$source" >"$build/lines/$name.c" \
	    2>"$build/lines/log" || {
		cat "$build/lines/log" >&2
		exit 1
	}
done

# COUNT:LINE:TEXT; the count is "-" if there is nothing to run, and of #### or
# ==== if it was not.  Headers with code are sources of their own.
find "$build/lines" -name '*.c' -exec cat {} + | awk -F : -v least="$least" '
	$3 == "Source" { file = $4; next }
	file !~ /^src\/[a-z_\/]*\.c$/ || $2 + 0 == 0 || $1 ~ /-/ { next }
	{ lines[file]++; all++ }
	$1 !~ /[#=]/ { run[file]++; all_run++ }
	function row(name, run, lines) {
		return sprintf("%-28s %5d of %5d lines  %5.1f %%", name, run,
		    lines, 100 * run / lines)
	}
	END {
		for (file in lines)
			print row(file, run[file], lines[file]) | "sort"
		close("sort")
		if (all == 0) {
			print "nothing was counted"
			exit 1
		}
		print row("all", all_run, all)
		if (100 * all_run / all < least) {
			printf "less than %d %% of the lines were run\n", least
			exit 1
		}
	}'
