#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What `status` costs as a whole process, compared with alternatives.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=$(quick_or 2 6)
runs=$(quick_or 30 80)
slow_runs=$(quick_or 4 8)

bare=$BENCH_TOOLS/bare_client

start_app shop
question=box.info.status
echo "$question" >"$WORK/question"
"$CARTRIDGE_RELOAD" -s "$APP_SOCK" --print-lua status >"$WORK/line" ||
    bail_out '--print-lua failed'
# hyperfine runs no shell here; quote the words for its own splitting.
line=$(sed "s/'/'\\\\''/g" "$WORK/line")

# Check that every command does its job, otherwise its time means nothing.
"$CARTRIDGE_RELOAD" -q -s "$APP_SOCK" status || bail_out 'status failed'
"$bare" "$APP_SOCK" "$question" | grep -q running ||
    bail_out 'the bare client failed'
"$TARANTOOL" "$BENCH_DIR/is_up.lua" "$APP_SOCK" >"$OUT" ||
    bail_out 'is_up.lua failed'
socat -t 5 "OPEN:$WORK/question!!STDOUT" "UNIX-CONNECT:$APP_SOCK" |
    grep -q running || bail_out 'socat failed'

: >"$WORK/times"
for round in $(seq "$rounds"); do
	progress "round $round of $rounds"
	hyperfine -N --style none -w 5 -r "$runs" --export-csv "$WORK/csv" \
	    -n quiet "'$CARTRIDGE_RELOAD' -q -s '$APP_SOCK' status" \
	    -n status "'$CARTRIDGE_RELOAD' -s '$APP_SOCK' status" \
	    -n bare "'$bare' '$APP_SOCK' $question" \
	    -n bare-line "'$bare' '$APP_SOCK' '$line'" \
	    -n socat "socat -t 5 'OPEN:$WORK/question!!STDOUT' \
		'UNIX-CONNECT:$APP_SOCK'" \
	    -n socat-line "socat -t 5 'OPEN:$WORK/line!!STDOUT' \
		'UNIX-CONNECT:$APP_SOCK'" \
	    -n version "'$CARTRIDGE_RELOAD' --version" \
	    >"$OUT" 2>&1 || bail_out "hyperfine: $(cat "$OUT")"
	sed '1d' "$WORK/csv" >>"$WORK/times"
	hyperfine -N --style none -w 1 -r "$slow_runs" --export-csv "$WORK/csv" \
	    -n tarantool "'$TARANTOOL' '$BENCH_DIR/is_up.lua' '$APP_SOCK'" \
	    >"$OUT" 2>&1 || bail_out "hyperfine: $(cat "$OUT")"
	sed '1d' "$WORK/csv" >>"$WORK/times"
done

# Columns: command, mean, stddev, median, user, system, min, max.
times_of()
{
	awk -F, -v name="$1" -v column="$2" \
	    '$1 == name { print $column * 1000 }' "$WORK/times"
}

# ratio NAME OTHER: prints the median of how many times as long NAME took as OTHER.
ratio()
{
	paste -d ' ' <(times_of "$1" 4) <(times_of "$2" 4) |
	    awk '{ print $1 / $2 }' | median
}

: >"$BENCH_OUT/startup.csv"
: >"$WORK/bars"
describe()
{
	local median low high
	read -r median low high _ < <(times_of "$1" 4 | stats)
	printf '%s,%.2f,%.2f to %.2f,%.2f,%.2f\n' "$2" "$median" "$low" "$high" \
	    "$(times_of "$1" 7 | sort -g | head -n 1)" \
	    "$(ratio "$1" bare)" >>"$BENCH_OUT/startup.csv"
	printf '%s,%s\n' "$2" "$median" >>"$WORK/bars"
}
describe quiet '`cartridge-reload --quiet status` (a health check)'
describe status '`cartridge-reload status`'
describe version '`cartridge-reload --version` (no connection)'
describe bare 'bare C program'
describe bare-line 'bare C program; the line that `status` sends'
describe socat 'socat'
describe socat-line 'socat; the line that `status` sends'
describe tarantool 'a Tarantool as the client'

say '## Start-up: the whole process of `status`' '' \
    "What is sent is \`$question\` where nothing else is said; the line that" \
    "\`status\` sends has $(wc -c <"$WORK/line") bytes. $rounds rounds of" \
    "$runs runs each ($slow_runs with Tarantool); median of the rounds'" \
    "medians, their spread, and the fastest run; ms."
table "$BENCH_OUT/startup.csv" '' median spread fastest 'times the bare one'
say '![Start-up](startup.svg)'
bars "$BENCH_OUT/startup.svg" 'Whole process, ms (logarithmic)' <"$WORK/bars"

# The others do not compare code with files either.
r=$(ratio quiet bare)
verdict startup "$r" '<=' 2 \
    "status --quiet takes $(calc "$r") times as long as a bare C program"
r=$(ratio quiet socat)
verdict startup "$r" '<' 1 \
    "status --quiet takes $(calc "$r") times as long as socat"
r=$(ratio tarantool quiet)
verdict startup "$r" '>=' 10 \
    "a Tarantool as the client takes $(calc "$r" %.1f) times as long as status --quiet"
r=$(ratio status bare-line)
verdict startup "$r" '<=' 2 \
    "status takes $(calc "$r") times as long as a bare C program that sends the same"
finish
