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

# --- Load --------------------------------------------------------------------

connections=16

# load_run CONNECTION PATH ...: wrk asks for these paths in turn; CONNECTION is
# keep-alive or close.  load_end: ends that, and sets LOAD to what load.lua
# prints.
load_run()
{
	local header=()
	[ "$1" = keep-alive ] || header=(-H 'Connection: close')
	shift
	wrk -t 1 -c "$connections" -d 120 ${header[@]+"${header[@]}"} \
	    -s "$BENCH_DIR/load.lua" "$APP_URL" -- "$@" >"$WORK/wrk" 2>&1 &
	LOAD_PID=$!
	PIDS+=("$LOAD_PID")
}

load_end()
{
	local kept=() pid
	kill -INT "$LOAD_PID"
	wait "$LOAD_PID"
	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$LOAD_PID" ] || kept+=("$pid")
	done
	PIDS=("${kept[@]}")
	LOAD=$(sed -n 's/^LOAD //p' "$WORK/wrk")
	[ -n "$LOAD" ] || bail_out "wrk: $(cat "$WORK/wrk")"
}

now_ms()
{
	echo "$(($(date +%s%N) / 1000000))"
}

# Until that time, if it is not past.
until_ms()
{
	local left=$(($1 - $(now_ms)))
	[ "$left" -le 0 ] || sleep "$(printf '%d.%03d' $((left / 1000)) \
	    $((left % 1000)))"
}
