#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# How long a reload takes: its commit, in an application with 100 routes; and all
# of it with up to 5000 modules, compared with a loop of unloading and `require`.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/modules_lib.sh
. "$(dirname "$0")/modules_lib.sh"

# --- Routes --------------------------------------------------------------------

runs=$(quick_or 10 20)
echo 'routes,run,commit_ms' >"$BENCH_OUT/commit.csv"
for extra in 10 100 1000; do
	progress "commit of $extra routes"
	start_app shop
	app_version 2 "web_init_end=for i = 1, $extra do
		httpd:route({method = 'GET', path = '/extra/' .. i .. '/:id',
		    name = i % 2 == 0 and 'extra_' .. i or nil}, hello)
	end"
	# The first reload adds the routes, the others replace them.
	for ((i = 0; i <= runs; i++)); do
		reload
		[ "$RC" -eq 0 ] || bail_out "reload: status $RC: $(cat "$ERR")"
		[ "$i" -eq 0 ] || echo "$extra,$i,$(number commit)" \
		    >>"$BENCH_OUT/commit.csv"
	done
	stop_app "$APP_PID"
done

# commit_of ROUTES: prints the times of all runs.
commit_of()
{
	awk -F, -v routes="$1" '$1 == routes { print $3 }' "$BENCH_OUT/commit.csv"
}

say '## Routes: the commit' '' \
    'The one step without a yield in which the new routes, half of them named,' \
    "take over from as many old ones; $runs reloads; ms."
for extra in 10 100 1000; do
	commit_of "$extra" | stats | awk -v routes="$extra" '{
		printf "%d,%.3f,%.3f to %.3f\n", routes, $1, $2, $3 }'
done >"$WORK/rows"
table "$WORK/rows" routes median spread
median=$(commit_of 100 | median)
verdict commit "$median" '<' 1 \
    "at 100 routes the commit takes $(calc "$median" %.3f) ms" '< 1 ms'

# --- Modules -----------------------------------------------------------------

: >"$WORK/rows"
: >"$BENCH_OUT/modules.csv"
: >"$WORK/lines"
echo 'modules,round,reload_ms,whole_process_ms,loop_ms' \
    >"$BENCH_OUT/modules.csv"
sizes=$(quick_or '10 100 1000' '10 100 1000 5000')
start_app plain
for size in $sizes; do
	progress "$size modules"
	make_modules "$size"
	case $size in
	5000)	rounds=5 ;;
	1000)	rounds=$(quick_or 3 9) ;;
	*)	rounds=$(quick_or 7 21) ;;
	esac
	: >"$WORK/one"
	# The first round is a warm-up.
	for ((round = 0; round <= rounds; round++)); do
		collect
		begin=$(date +%s%N)
		reload -t 120
		end=$(date +%s%N)
		[ "$RC" -eq 0 ] || bail_out "reload: status $RC: $(cat "$ERR")"
		[ "$round" -gt 0 ] || [ "$(grep -c '"name": "gen\.m' "$OUT")" \
		    -eq "$size" ] || bail_out "not $size modules were reloaded"
		loop=$(bare_loop) || bail_out 'the loop failed'
		[ "$round" -eq 0 ] || echo "$size $round $(calc \
		    "$(number duration_ms) - $(number scan)" %.3f)" \
		    "$(((end - begin) / 1000))e-3 $loop" >>"$WORK/one"
	done
	tr ' ' , <"$WORK/one" >>"$BENCH_OUT/modules.csv"
	read -r took low high _ < <(cut -d ' ' -f 3 "$WORK/one" | stats)
	whole=$(cut -d ' ' -f 4 "$WORK/one" | median)
	loop=$(cut -d ' ' -f 5 "$WORK/one" | median)
	ratio=$(awk '{ print $3 / $5 }' "$WORK/one" | median)
	awk -v size="$size" -v took="$took" -v low="$low" -v high="$high" \
	    -v whole="$whole" -v loop="$loop" -v ratio="$ratio" \
	    -v rounds="$rounds" 'BEGIN {
		printf "%d,%.2f,%.2f to %.2f,%.2f,%.2f,%.2f,%.1f,%.1f,%d\n", \
		    size, took, low, high, whole, loop, ratio, \
		    took * 1000 / size, loop * 1000 / size, rounds
	}' >>"$WORK/rows"
	printf 'reload,%s,%s\n' "$size" "$took" >>"$WORK/lines"
	printf 'unload and require,%s,%s\n' "$size" "$loop" >>"$WORK/lines"
	verdict modules "$ratio" '<=' 1.5 \
	    "a reload of $size modules takes $(calc "$took" %.1f) ms, $(
	    calc "$ratio") times as long as unloading and require"
done

say '## Modules' '' \
    'Time in the instance until the new code serves, and of the whole process,' \
    'which waits for the search for old code, too; beside it a loop in the' \
    'same process that unloads the same modules and requires them; ms, medians.' \
    'The ratio is the median of the ratios of the rounds.'
table "$WORK/rows" modules reload spread 'whole process' 'bare loop' ratio \
    'us per module' 'loop: us per module' rounds
say '![Modules](modules.svg)'
sort -s -t , -k 1,1 "$WORK/lines" |
    lines "$BENCH_OUT/modules.svg" 'Time until new code serves' modules ms \
	'set logscale xy' 'set xrange [8:7000]' \
	'set xtics (10, 100, 1000, 5000)'

# Time per module, with the largest number of modules and a tenth to a fifth of it.
read -r linear from to < <(tail -n 2 "$WORK/rows" | awk -F, '
	{ per[NR] = $7; size[NR] = $1 }
	END { print per[2] / per[1], size[1], size[2] }')
verdict modules "$linear" '<=' 1.5 \
    "a module of $to takes $(calc "$linear") times as long as one of $from" \
    'linear: <= 1.5'
finish
