#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What clients notice of reloads without Cartridge: of an application whose main
# script opens an HTTP server, reloaded with --main; of one with roles from the
# config of Tarantool 3 and the servers of roles.httpd; and of one in which a role
# opens its own server.  Older servers run the last two with stand-ins.  Compared
# with config:reload() and restarts.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck disable=SC2119 # stop_app takes a process, or none
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

requests_wanted=$(quick_or 2000 300000)
reloads=20
pause_ms=$(quick_or 100 500)
rounds_max=$(quick_or 1 30)
# A restart takes longer than the pause between reloads.
restarts=$(quick_or 1 5)

# Six kinds of broken code for each application.
roles_broken="api_top=local =|api_top=error('a')|store_validate=error('b')|api_apply=error('c')|store_apply=error('d')|store_top=error('e')"
declare -A broken=(
    [script]="script_top=local =|script_top=error('a')|pages_end=error('b')|script_end=error('c')|script_end=fiber.sleep(0.02) error('d')|script_end=box.cfg({log_level = 6})"
    [shared]=$roles_broken
    [own]=$roles_broken
)
declare -A title=(
    [script]='main script'
    [shared]='roles, roles.httpd'
    [own]='roles, own server'
)
declare -A template=([script]=script [shared]=configured [own]=configured)
declare -A path=([script]=/both [shared]=/hello [own]=/hello)
declare -A options=([script]=--main [shared]='' [own]='')
# The roles' handler sleeps for 5 ms, so more clients are needed for overlaps.
declare -A clients=([script]=8 [shared]=32 [own]=32)

# load_begin APP CONNECTION
load_begin()
{
	wrk -t 1 -c "${clients[$1]}" -d 600 --timeout 20s \
	    -s "$BENCH_DIR/mixed.lua" "$APP_URL" -- "${path[$1]}" "$2" \
	    >"$WORK/wrk" 2>&1 &
	load=$!
}

# Sets RESULT: requests, failed, mixed, p99 and the longest latency in ms.
load_finish()
{
	kill -INT "$load"
	wait "$load"
	read -r -a RESULT <<<"$(sed -n 's/^PLAIN //p' "$WORK/wrk")"
	[ "${#RESULT[@]}" -eq 5 ] || bail_out "wrk: $(cat "$WORK/wrk")"
}

# --- Ways ----------------------------------------------------------------------

do_none()
{
	:
}

# do_reload APP EXIT
do_reload()
{
	# shellcheck disable=SC2086 # no option, or one
	run -q -s "$APP_SOCK" -t 30 ${options[$1]}
	[ "$RC" -eq "$2" ] || wrong=$((wrong + 1))
}

do_config()
{
	app_eval 'require("config"):reload() return true' >/dev/null ||
	    bail_out 'config:reload()'
}

do_restart()
{
	stop_app
	run_app || bail_out 'the application does not start again'
}

heading_of()
{
	case $1 in
	none)	echo 'no reload' ;;
	reload)	echo 'cartridge-reload' ;;
	config)	echo 'config:reload()' ;;
	restart) echo restart ;;
	esac
}

# window APP CONNECTION WAY: reloads under load.  Every other time the code on disk
# is broken, except for restarts, which would fail with it.
window()
{
	local app=$1 connection=$2 way=$3 count=$reloads i begin kinds pause
	[ "$way" != restart ] || count=$restarts
	pause=$((pause_ms * reloads / count))
	IFS='|' read -r -a kinds <<<"${broken[$app]}"
	load_begin "$app" "$connection"
	begin=$(now_ms)
	for ((i = 0; i < count; i++)); do
		until_ms $((begin + i * pause))
		# Write the files for every way, so that all have the same cost.
		if [ "$way" = restart ] || [ $((i % 2)) -eq 0 ]; then
			version=$((version + 1))
			app_version "$version"
			"do_$way" "$app" 0
		else
			app_version 9999 "${kinds[i / 2 % 6]}"
			"do_$way" "$app" 3
		fi
	done
	until_ms $((begin + count * pause))
	load_finish
	app_version "$version"
	echo "$app,$connection,$way,$count,$(IFS=,; echo "${RESULT[*]}")" \
	    >>"$BENCH_OUT/plain.csv"
}

# --- Measuring -----------------------------------------------------------------

# field APP CONNECTION WAY COLUMN: prints the values of all windows; sum, median_of
# and most_of: print their sum, median and maximum.
field()
{
	awk -F, -v app="$1" -v connection="$2" -v way="$3" -v column="$4" '
		$1 == app && $2 == connection && $3 == way { print $column }' \
	    "$BENCH_OUT/plain.csv"
}

sum()
{
	field "$@" | awk '{ s += $1 } END { printf "%.0f\n", s }'
}

median_of()
{
	calc "$(field "$@" | median)" %.1f
}

most_of()
{
	calc "$(field "$@" | stats | cut -d ' ' -f 3)" %.1f
}

# measure APP CONNECTION
measure()
{
	local app=$1 connection=$2 round requests=0 label way ratio
	label="${title[$app]}, $connection"
	for ((round = 0; round < rounds_max; round++)); do
		progress "$label: $requests requests so far"
		window "$app" "$connection" none
		window "$app" "$connection" reload
		requests=$(sum "$app" "$connection" reload 5)
		[ "$requests" -lt "$requests_wanted" ] || break
	done
	for way in $([ "$app" = script ] || echo config) restart; do
		progress "$label: $(heading_of "$way")"
		window "$app" "$connection" "$way"
	done
	verdict plain "$(sum "$app" "$connection" reload 6)" '<=' 0 \
	    "$label: $(sum "$app" "$connection" reload 6) of $requests requests failed" \
	    '0 failed'
	verdict plain "$(sum "$app" "$connection" reload 7)" '<=' 0 \
	    "$label: $(sum "$app" "$connection" reload 7) answers are of two generations" \
	    '0 mixed'
	[ -n "$QUICK" ] || verdict plain "$requests" '>=' "$requests_wanted" \
	    "$label: $requests requests"
	ratio=$(calc "$(median_of "$app" "$connection" reload 9) / \
	    $(median_of "$app" "$connection" none 9)")
	verdict plain "$ratio" '<=' 2 \
	    "$label: the longest latency is $ratio times that without reloads"
}

: >"$BENCH_OUT/plain.csv"
for app in script shared own; do
	version=1 wrong=0
	case $app in
	script)
		SECOND_PORT=$(free_ports 2)
		SECOND_PORT=${SECOND_PORT% *}
		export SECOND_PORT
		;;
	shared)
		# shellcheck source=tests/live/config_lib.sh
		. "$BENCH_DIR/../live/config_lib.sh"
		;;
	own)
		OWN_SERVER=$(free_ports 1)
		;;
	esac
	launch_app "${template[$app]}" || bail_out "$app did not start"
	for connection in keep-alive close; do
		measure "$app" "$connection"
	done
	verdict plain "$wrong" '<=' 0 \
	    "${title[$app]}: $wrong reloads ended otherwise than they should" none
	stop_app
done

# Sums of the windows, and medians of their latencies.
awk -F, '{ print $1 "," $2 "," $3 }' "$BENCH_OUT/plain.csv" |
    awk '!seen[$0]++' | while IFS=, read -r app connection way; do
	line="${title[$app]/, / with }"
	line="$line,$connection,$(heading_of "$way")"
	for column in 4 5 6 7; do
		line="$line,$(sum "$app" "$connection" "$way" "$column")"
	done
	for column in 8 9; do
		line="$line,$(median_of "$app" "$connection" "$way" "$column")"
	done
	echo "$line,$(most_of "$app" "$connection" "$way" 9)"
done | sed 's/,no reload,[0-9]*,/,no reload,-,/' >"$WORK/rows"

say '## Applications without Cartridge' '' \
    "wrk, one thread; $reloads reloads in $(calc "$reloads * $pause_ms / 1000" %.0f) s," \
    'of good code and of six kinds of broken code in turn. config:reload() reads the' \
    'config again and calls `apply` of the roles; it loads no new code.'
table "$WORK/rows" application connection way times requests failed mixed 'p99 ms' \
    'longest ms' 'longest of all'
finish
