#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What clients notice of reloads where there is no Cartridge: an application whose
# main script opens an HTTP server, reloaded with --main, and one with roles from
# the config of Tarantool 3 and the servers of roles.httpd; on an older server the
# latter has stand-ins.

# shellcheck disable=SC2119 # stop_app takes a process, or none
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

requests_wanted=$(quick_or 20000 300000)
reloads=20
pause_ms=$(quick_or 100 500)
rounds_max=$(quick_or 1 20)

# What makes code of each application fail, six kinds each.
declare -A broken=(
    [script]="script_top=local =|script_top=error('a')|pages_end=error('b')|script_end=error('c')|script_end=fiber.sleep(0.02) error('d')|script_end=box.cfg({log_level = 6})"
    [configured]="api_top=local =|api_top=error('a')|store_validate=error('b')|api_apply=error('c')|store_apply=error('d')|store_top=error('e')"
)
declare -A path=([script]=/both [configured]=/hello)
declare -A options=([script]=--main [configured]='')

# load_begin APP CONNECTION
load_begin()
{
	wrk -t 1 -c 8 -d 600 --timeout 20s -s "$BENCH_DIR/mixed.lua" "$APP_URL" \
	    -- "${path[$1]}" "$2" >"$WORK/wrk" 2>&1 &
	load=$!
}

# Sets RESULT: requests, failed, mixed, p99 and the longest in ms.
load_finish()
{
	kill -INT "$load"
	wait "$load"
	read -r -a RESULT <<<"$(sed -n 's/^PLAIN //p' "$WORK/wrk")"
	[ "${#RESULT[@]}" -eq 5 ] || bail_out "wrk: $(cat "$WORK/wrk")"
}

# One reload of good code, and one of broken code, in turn.
reload_all()
{
	local app=$1 i begin kinds
	IFS='|' read -r -a kinds <<<"${broken[$app]}"
	begin=$(now_ms)
	for ((i = 0; i < reloads; i++)); do
		until_ms $((begin + i * pause_ms))
		if [ $((i % 2)) -eq 0 ]; then
			version=$((version + 1))
			app_version "$version"
		else
			app_version 9999 "${kinds[i / 2 % 6]}"
		fi
		# shellcheck disable=SC2086 # no option, or one
		run -q -s "$APP_SOCK" -t 30 ${options[$app]}
		[ "$RC" -eq $((i % 2 * 3)) ] || wrong=$((wrong + 1))
	done
	app_version "$version"
}

# measure APP CONNECTION
measure()
{
	local app=$1 connection=$2 requests=0 failed=0 mixed=0 worst=0 round done=0
	load_begin "$app" "$connection"
	until_ms $(($(now_ms) + $(quick_or 1000 10000)))
	load_finish
	echo "$app,$connection,none,${RESULT[0]},${RESULT[1]},${RESULT[2]},${RESULT[4]}" \
	    >>"$BENCH_OUT/plain.csv"
	for ((round = 0; round < rounds_max; round++)); do
		progress "$app, $connection, $requests requests so far"
		load_begin "$app" "$connection"
		reload_all "$app"
		load_finish
		done=$((done + reloads))
		requests=$((requests + RESULT[0]))
		failed=$((failed + RESULT[1]))
		mixed=$((mixed + RESULT[2]))
		worst=$(printf '%s\n' "$worst" "${RESULT[4]}" | sort -g | tail -n 1)
		[ "$requests" -lt "$requests_wanted" ] || break
	done
	echo "$app,$connection,$done,$requests,$failed,$mixed,$worst" \
	    >>"$BENCH_OUT/plain.csv"
	verdict "$app" "$failed" '<=' 0 \
	    "$failed of $requests requests failed ($connection)" '0 failed'
	verdict "$app" "$mixed" '<=' 0 \
	    "$mixed answers are of two generations ($connection)" '0 mixed'
	[ -n "$QUICK" ] || verdict "$app" "$requests" '>=' "$requests_wanted" \
	    "$requests requests ($connection)"
}

: >"$BENCH_OUT/plain.csv"
for app in script configured; do
	version=1 wrong=0
	if [ "$app" = configured ]; then
		# shellcheck source=tests/live/config_lib.sh
		. "$BENCH_DIR/../live/config_lib.sh"
	else
		SECOND_PORT=$(free_ports 2)
		SECOND_PORT=${SECOND_PORT% *}
		export SECOND_PORT
	fi
	launch_app "$app" || bail_out "$app did not start"
	for connection in keep-alive close; do
		measure "$app" "$connection"
	done
	verdict "$app" "$wrong" '<=' 0 \
	    "$wrong reloads ended otherwise than they should" none
	stop_app
done

say '## Applications without Cartridge' '' \
    'Reloads of good code and of six kinds of broken code in turn, under load.'
table "$BENCH_OUT/plain.csv" application connection reloads requests failed mixed 'worst ms'
finish
