#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Binary ports: `status` as a whole process, compared with the console and with
# other clients, and reloads under load.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=$(quick_or 2 6)
runs=$(quick_or 30 80)
slow_runs=$(quick_or 4 8)
reloads=$(quick_or 4 20)
bare=$BENCH_TOOLS/bare_iproto

start_app shop
app_eval '
	box.schema.user.create("op", {password = "s3cret"})
	box.schema.user.grant("op", "execute", "universe")
	box.schema.user.grant("guest", "execute", "universe")' >/dev/null ||
    bail_out 'no users'
export TT_CLI_PASSWORD=s3cret
port=${APP_URI##*:}
question='return box.info.status'
through='return require("console").eval(...)'

# bare_with COMMAND [ARGUMENT]: prints a command line for hyperfine, which has no
# shell here: the bare client with the line that the command sends.
bare_with()
{
	local run
	"$CARTRIDGE_RELOAD" --print-lua "$@" >"$WORK/line" || return
	run="'$bare' $port '$through' '$(sed "s/'/'\\\\''/g" "$WORK/line")'"
	# A line that is quoted wrongly is answered, too, and faster.
	hyperfine -N --style none -r 1 --output "$WORK/said" "$run" \
	    >"$OUT" 2>&1 || return
	grep -q 'outcome: ok' "$WORK/said" || return
	echo "$run"
}

# --- Start-up ------------------------------------------------------------------

# Check that every command does its job, otherwise its time means nothing.
for target in "$APP_SOCK" "$APP_URI" "op@$APP_URI"; do
	"$CARTRIDGE_RELOAD" -q -s "$target" status || bail_out 'status failed'
done
[ "$("$bare" "$port" "$question")" = running ] ||
    bail_out 'the bare client failed'
"$TARANTOOL" "$BENCH_DIR/is_up_iproto.lua" "op:s3cret@$APP_URI" >"$OUT" ||
    bail_out 'is_up_iproto.lua failed'

bare_status=$(bare_with status) || bail_out 'the bare status failed'
bare_eval=$(bare_with eval "$question") || bail_out 'the bare eval failed'
: >"$WORK/times"
for round in $(seq "$rounds"); do
	progress "round $round of $rounds"
	hyperfine -N --style none -w 5 -r "$runs" --export-csv "$WORK/csv" \
	    -n quiet-op "'$CARTRIDGE_RELOAD' -q -s 'op@$APP_URI' status" \
	    -n status-console "'$CARTRIDGE_RELOAD' -s '$APP_SOCK' status" \
	    -n status-op "'$CARTRIDGE_RELOAD' -s 'op@$APP_URI' status" \
	    -n status-guest "'$CARTRIDGE_RELOAD' -s '$APP_URI' status" \
	    -n status-bare "$bare_status" \
	    -n eval-op "'$CARTRIDGE_RELOAD' -s 'op@$APP_URI' eval '$question'" \
	    -n eval-guest "'$CARTRIDGE_RELOAD' -s '$APP_URI' eval '$question'" \
	    -n eval-bare "$bare_eval" \
	    -n bare "'$bare' $port '$question'" \
	    >"$OUT" 2>&1 || bail_out "hyperfine: $(cat "$OUT")"
	sed '1d' "$WORK/csv" >>"$WORK/times"
	hyperfine -N --style none -w 1 -r "$slow_runs" --export-csv "$WORK/csv" \
	    -n tarantool "'$TARANTOOL' '$BENCH_DIR/is_up_iproto.lua' \
		'op:s3cret@$APP_URI'" \
	    >"$OUT" 2>&1 || bail_out "hyperfine: $(cat "$OUT")"
	sed '1d' "$WORK/csv" >>"$WORK/times"
done

# times_of NAME: prints the medians of the rounds in ms.
times_of()
{
	awk -F, -v name="$1" '$1 == name { print $4 * 1000 }' "$WORK/times"
}

# How many times as long as another something took, round by round.
ratio()
{
	paste -d ' ' <(times_of "$1") <(times_of "$2") |
	    awk '{ print $1 / $2 }' | median
}

: >"$BENCH_OUT/iproto.csv"
describe()
{
	local median low high
	read -r median low high _ < <(times_of "$1" | stats)
	printf '%s,%.2f,%.2f to %.2f,%.2f\n' "$2" "$median" "$low" "$high" \
	    "$(ratio "$1" bare)" >>"$BENCH_OUT/iproto.csv"
}
describe quiet-op '`status --quiet` over the binary port with a password'
describe status-console '`status` over the console'
describe status-op '`status` over the binary port with a password'
describe status-guest '`status` over the binary port as guest'
describe status-bare 'bare C program with msgpuck; the line that `status` sends'
describe eval-op '`eval` of box.info.status with a password'
describe eval-guest '`eval` of box.info.status as guest'
describe eval-bare 'bare C program with msgpuck; the line that `eval` sends'
describe bare 'bare C program with msgpuck; box.info.status'
describe tarantool 'a Tarantool as the client with a password; box.info.status'

say '## Binary ports' '' \
    "Whole processes. The bare C program is guest. $rounds rounds of $runs runs" \
    "each ($slow_runs with Tarantool); median of the rounds' medians, and their" \
    'spread; ms.'
table "$BENCH_OUT/iproto.csv" '' median spread 'times the bare one'

r=$(ratio status-op status-console)
verdict iproto "$r" '<=' 1.3 \
    "status over a binary port takes $(calc "$r") times as long as over the console"
for command in status eval; do
	r=$(ratio "$command-guest" "$command-bare")
	verdict iproto "$r" '<=' 2 \
	    "$command takes $(calc "$r") times as long as a bare C program that sends the same"
done
for way in 'quiet-op:status --quiet' eval-op:eval; do
	r=$(ratio tarantool "${way%%:*}")
	verdict iproto "$r" '>=' 10 \
	    "a Tarantool as the client takes $(calc "$r" %.1f) times as long as ${way#*:}"
done

# --- Load ----------------------------------------------------------------------

load_start
done_well=0
for i in $(seq "$reloads"); do
	app_version $((i + 1))
	"$CARTRIDGE_RELOAD" -q -s "op@$APP_URI" && done_well=$((done_well + 1))
done
load_stop
verdict iproto "$LOAD_FAILED" '<=' 0 \
    "$LOAD_FAILED of $LOAD_REQUESTS requests failed during $done_well reloads"
verdict iproto "$done_well" '>=' "$reloads" "$done_well of $reloads reloads succeeded"
finish
