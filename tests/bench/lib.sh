# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What the sections of the bench have in common.  Each is a script of its own,
# which starts its applications with the harness of the live suites, and leaves
# behind in $BENCH_OUT: NAME.md, its part of the report; NAME.verdicts, a line
# for each figure; and tables (csv) and plots (svg).

BENCH_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/live/lib.sh
. "$BENCH_DIR/../live/lib.sh"

BENCH_OUT=${BENCH_OUT:?is set by run.sh}
QUICK=${BENCH_QUICK:+yes}
SECTION=$(basename "$0" .sh)
REPORT=$BENCH_OUT/$SECTION.md
VERDICTS=$BENCH_OUT/$SECTION.verdicts
: >"$REPORT"
: >"$VERDICTS"

# quick_or A B: A in a quick run, B otherwise.
quick_or()
{
	if [ -n "$QUICK" ]; then
		echo "$1"
	else
		echo "$2"
	fi
}

# say LINE ...: to the report.
say()
{
	printf '%s\n' "$@" >>"$REPORT"
}

# progress TEXT: to whoever waits.
progress()
{
	echo "$SECTION: $1" >&2
}

# table CSV COLUMN ...: the file as a table of the report, with those headings.
table()
{
	local csv=$1
	shift
	say ''
	printf '| %s ' "$@" >>"$REPORT"
	say '|'
	printf '|%s' "${@/*/---}" >>"$REPORT"
	say '|'
	sed 's/,/ | /g; s/^/| /; s/$/ |/' "$csv" >>"$REPORT"
	say ''
}

# verdict NAME FIGURE RELATION LIMIT TEXT: whether a figure was reached, as
# in: verdict startup 1.4 '<=' 2 'status takes 1.4 times as long as ...'
verdict()
{
	local word
	word=$(awk -v a="$2" -v op="$3" -v b="$4" 'BEGIN {
		if (a !~ /^[-+0-9.e]+$/ || b !~ /^[-+0-9.e]+$/)
			ok = 0
		else if (op == "<=")
			ok = a + 0 <= b + 0
		else if (op == "<")
			ok = a + 0 < b + 0
		else
			ok = a + 0 >= b + 0
		print ok ? "REACHED" : "MISSED"
	}')
	printf '%-7s  %s: %s (to reach: %s)\n' "$word" "$1" "$5" \
	    "${6:-$3 $4}" >>"$VERDICTS"
	tail -n 1 "$VERDICTS"
}

# stats < NUMBERS: "median min max count"
stats()
{
	sort -g | awk '
		{ v[NR] = $1 }
		END {
			if (NR == 0) {
				print "none none none 0"
				exit
			}
			m = NR % 2 ? v[(NR + 1) / 2] : \
			    (v[NR / 2] + v[NR / 2 + 1]) / 2
			print m, v[1], v[NR], NR
		}'
}

median()
{
	stats | cut -d ' ' -f 1
}

# calc EXPRESSION [FORMAT]
calc()
{
	awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

# finish: the verdicts into the report as well.
finish()
{
	say ''
	sed 's/^/    /' "$VERDICTS" >>"$REPORT"
	say ''
}
