#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What clients notice of reloads: wrk sends requests without a pause while the
# application is reloaded repeatedly, in several ways.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

reloads=$(quick_or 4 20)
pause_ms=500
broken_pause_ms=$(quick_or 100 250)
if [ -n "$QUICK" ]; then
	combinations='/hello:keep-alive /named:close'
	rounds=1 extra_rounds=0
else
	combinations='/hello:keep-alive /named:keep-alive /hello:close /named:close'
	# Latency depends on other processes of the machine: the two ways for
	# which it is compared get more rounds.
	rounds=1 extra_rounds=2
fi

# --- Ways to reload ----------------------------------------------------------

# What a simple script would do: unload the modules and start the roles again.
NAIVE=$(tr '\n' ' ' <<'LUA'
(function()
    for name in pairs(package.loaded) do
        if name:find('^app%.') then
            package.loaded[name] = nil
        end
    end
    for _, name in ipairs({'storage', 'web', 'health'}) do
        require('app.roles.' .. name).init({is_master = true})
    end
    return 'reloaded'
end)()
LUA
)

reload_none()
{
	:
}

reload_staged()
{
	"$CARTRIDGE_RELOAD" -q -s "$APP_SOCK" -t 15 >"$OUT" 2>&1
}

reload_native()
{
	"$CARTRIDGE_RELOAD" -q -s "$APP_SOCK" -t 15 --method native >"$OUT" 2>&1
}

reload_naive()
{
	printf '%s\n' "$NAIVE" | socat -t 15 - "UNIX-CONNECT:$APP_SOCK" >"$OUT" &&
	    grep -q '^- reloaded' "$OUT"
}

heading_of()
{
	case $1 in
	none)	echo 'no reload' ;;
	staged)	echo 'cartridge-reload' ;;
	native)	echo '--method native' ;;
	naive)	echo 'unload and init' ;;
	esac
}

# --- Measuring ---------------------------------------------------------------

version=1
next_version()
{
	version=$((version + 1))
	sed "s/^local VERSION = 1\$/local VERSION = $version/" \
	    "$APP_TEMPLATE/app/roles/web.lua" >"$WORK/web.lua"
	mv "$WORK/web.lua" "$APP_DIR/app/roles/web.lua"
}

is_new()
{
	[ "$(http_get "$1")" = "${1#/} v$version" ]
}

# For each way: its application, and the last version that it has loaded.
declare -A dir_of sock_of url_of log_of pid_of version_of

# measure WAY PATH CONNECTION ROUND: writes a line of load.csv.
measure()
{
	local way=$1 path=$2 connection=$3 round=$4 i good=0 begin new
	progress "$path, $connection, round $round: $(heading_of "$way")"
	load_run "$connection" "$path"
	begin=$(now_ms)
	for ((i = 0; i < reloads; i++)); do
		until_ms $((begin + pause_ms / 2 + i * pause_ms))
		# Write the files for every way, so that all have the same cost.
		next_version
		if "reload_$way"; then
			good=$((good + 1))
		fi
	done
	until_ms $((begin + reloads * pause_ms))
	load_end
	new=-
	if [ "$way" != none ]; then
		new=no
		# Some ways leave the application without routes for a time.
		if wait_until 2 is_new "$path"; then
			new=yes
		fi
		version_of[$way]=$version
	else
		good=-
	fi
	echo "$way $path $connection $round $good $new $LOAD" |
	    tr ' ' , >>"$BENCH_OUT/load.csv"
}

# start_way WAY: starts its application; use WAY: makes that the current one.
start_way()
{
	start_app shop
	dir_of[$1]=$APP_DIR
	sock_of[$1]=$APP_SOCK
	url_of[$1]=$APP_URL
	log_of[$1]=$APP_LOG
	pid_of[$1]=$APP_PID
}

use()
{
	APP_DIR=${dir_of[$1]}
	APP_SOCK=${sock_of[$1]}
	APP_URL=${url_of[$1]}
	APP_LOG=${log_of[$1]}
	APP_PID=${pid_of[$1]}
}

percentiles='p50,p75,p90,p95,p99,p99.5,p99.9,p99.99,max'
echo "way,path,connection,round,reloads_done,new_code,requests,per_second,connect,read,write,timeout,status,$percentiles" \
    >"$BENCH_OUT/load.csv"

start_way none
start_way staged
for round in $(seq $((rounds + extra_rounds))); do
	for combination in $combinations; do
		path=${combination%:*} connection=${combination#*:}
		# Alternate, so that neither is always the first.
		if [ $((round % 2)) -eq 1 ]; then
			ways='none staged'
		else
			ways='staged none'
		fi
		for way in $ways; do
			use "$way"
			measure "$way" "$path" "$connection" "$round"
		done
		[ "$round" -le "$rounds" ] || continue
		for way in native naive; do
			# Leftovers of one way must not slow down the next.
			start_way "$way"
			measure "$way" "$path" "$connection" "$round"
			stop_app "$APP_PID"
		done
	done
done
use none
stop_app "$APP_PID"

# --- Latency over time -------------------------------------------------------

# In addition to the load, some connections request /named and record each response.
# The other file has the start and end of each reload.
measure_timeline()
{
	local way=$1 begin end i probe
	progress "latency over time: $(heading_of "$way")"
	[ "$way" = staged ] || start_way "$way"
	use "$way"
	load_run keep-alive /hello /named
	wrk -t "$probes" -c "$probes" -d 120 -s "$BENCH_DIR/timeline.lua" "$APP_URL" -- \
	    /named "$WORK/timeline.$way" >"$WORK/probe" 2>&1 &
	probe=$!
	wait_until 10 test -s "$WORK/timeline.$way.$probes" ||
	    bail_out "the probe asks nothing: $(cat "$WORK/probe")"
	: >"$WORK/reloads.$way"
	begin=$(now_ms)
	for ((i = 0; i < timeline_reloads; i++)); do
		until_ms $((begin + 500 + i * timeline_pause_ms))
		next_version
		end=$(now_ms)
		"reload_$way"
		echo "$((end - begin)) $(($(now_ms) - begin))" \
		    >>"$WORK/reloads.$way"
	done
	until_ms $((begin + timeline_reloads * timeline_pause_ms))
	end=$(now_ms)
	kill -INT "$probe"
	wait "$probe"
	load_end
	[ "$way" = none ] || version_of[$way]=$version
	[ "$way" = staged ] || stop_app "$APP_PID"
	# The worst latency and the failed requests of each time slice.
	awk -v begin="$begin" -v end="$end" -v slice="$timeline_slice_ms" \
	    -v way="$(heading_of "$way")" '
		$1 < begin || $1 >= end { next }
		{
			at = int(($1 - begin) / slice)
			count[at]++
			if ($2 + 0 > worst[at])
				worst[at] = $2
			failed[at] += $3 != 200
		}
		END {
			for (at = 0; at * slice < end - begin; at++)
				printf "%s,%.3f,%s,%d,%d\n", way, \
				    at * slice / 1000, (worst[at] > 0 ? \
				    worst[at] : ""), \
				    count[at], failed[at]
		}' "$WORK/timeline.$way".* >>"$BENCH_OUT/timeline.csv"
}

timeline_reloads=$(quick_or 3 10)
timeline_pause_ms=1000
timeline_slice_ms=20
probes=4
timeline_ways='staged native naive'
echo 'way,seconds,worst_ms,requests,failed' >"$BENCH_OUT/timeline.csv"
for way in $timeline_ways; do
	measure_timeline "$way"
done

# Draws a panel for each way, all on the same scale.
draw_timeline()
{
	local way plots=0 bars begin end
	for way in $timeline_ways; do
		plots=$((plots + 1))
		grep "^$(heading_of "$way")," "$BENCH_OUT/timeline.csv" \
		    >"$WORK/panel.$way"
	done
	draw "$BENCH_OUT/timeline.svg" 760 $((40 + 130 * plots)) < <(
		echo "set multiplot layout $plots,1 title \
		    'Worst answer in each $timeline_slice_ms ms, ms; where a request failed, red; reloads are grey; x: seconds'"
		echo "set logscale y
		    set yrange [0.1:3000]
		    set xrange [0:$timeline_reloads * $timeline_pause_ms / 1000.0]
		    set tics nomirror
		    set grid ytics
		    set lmargin 8
		    set tmargin 2
		    set bmargin 2
		    unset key"
		for way in $timeline_ways; do
			bars=0
			echo 'unset object'
			while read -r begin end; do
				bars=$((bars + 1))
				echo "set object $bars rectangle from \
				    $begin / 1000.0, graph 0 to \
				    $end / 1000.0, graph 1 behind fc rgb \
				    0xdddddd fs solid noborder"
			done <"$WORK/reloads.$way"
			echo "set title '$(heading_of "$way")' offset 0,-0.7
			    plot '$WORK/panel.$way' using 2:3 with lines \
				lc rgb 0x1b6ca8, \
			    '' using 2:(\$5 > 0 ? 1500 : NaN) with points \
				pt 7 ps 0.4 lc rgb 0xc0392b"
		done
		echo 'unset multiplot'
	)
}
draw_timeline

# --- Broken code -------------------------------------------------------------

use staged
echo 'kind,reloads,refused,old_code,requests,connect,read,write,timeout,status,p99,p99.9,max' \
    >"$BENCH_OUT/broken.csv"
# The last good version must keep serving.
good_version=${version_of[staged]}
while IFS='|' read -r kind place; do
	progress "broken: $kind"
	app_version 999 "$place"
	load_run keep-alive /hello /named
	begin=$(now_ms)
	refused=0
	for ((i = 0; i < reloads; i++)); do
		until_ms $((begin + broken_pause_ms / 2 + i * broken_pause_ms))
		reload_staged
		[ $? -ne 3 ] || refused=$((refused + 1))
	done
	until_ms $((begin + reloads * broken_pause_ms))
	load_end
	version=$good_version
	old=no
	if is_new /hello && is_new /named; then
		old=yes
	fi
	read -r -a result <<<"$LOAD"
	# Numbers from load.lua: requests, errors, p99, p99.9, max.
	(
		IFS=,
		echo "$kind,$reloads,$refused,$old,${result[0]},${result[*]:2:5},${result[11]},${result[13]},${result[15]}"
	) >>"$BENCH_OUT/broken.csv"
done <<'KINDS'
syntax error|web_top=local =
error at the top|web_top=error('broken')
validate_config fails|web_validate=error('broken')
init fails|web_init=error('broken')
apply_config fails|web_apply=error('broken')
init fails after a yield|web_init_end=fiber.sleep(0.02) error('broken')
KINDS
stop_app "$APP_PID"

# --- Report ------------------------------------------------------------------

# field WAY PATH CONNECTION COLUMN: prints the values of all rounds.
field()
{
	awk -F, -v way="$1" -v path="$2" -v connection="$3" -v column="$4" '
		NR == 1 {
			for (i = 1; i <= NF; i++)
				if ($i == column)
					c = i
		}
		NR > 1 && $1 == way && $2 == path && $3 == connection {
			print $c
		}' "$BENCH_OUT/load.csv"
}

sum()
{
	awk '{ s += $1 } END { print s + 0 }'
}

: >"$WORK/rows"
: >"$WORK/ratios"
: >"$WORK/lines"
for combination in $combinations; do
	path=${combination%:*} connection=${combination#*:}
	for way in none staged native naive; do
		{
			printf '%s,%s,%s' "$(heading_of "$way")" "$path" \
			    "$connection"
			printf ',%s' "$(field "$way" "$path" "$connection" \
			    reloads_done | awk '
				$1 != "-" { s += $1; n++ }
				END { print n ? s : "-" }')"
			printf ',%s' "$(field "$way" "$path" "$connection" \
			    new_code | sort -u | paste -s -d /)"
			printf ',%s' "$(field "$way" "$path" "$connection" \
			    requests | sum)"
			printf ',%s' "$(for e in connect read write; do
				field "$way" "$path" "$connection" "$e"
			done | sum)"
			for e in timeout status; do
				printf ',%s' "$(field "$way" "$path" \
				    "$connection" "$e" | sum)"
			done
			for p in p50 p99 p99.9 max; do
				printf ',%s' "$(calc "$(field "$way" "$path" \
				    "$connection" "$p" | median)")"
			done
			printf ',%s\n' "$(field "$way" "$path" "$connection" \
			    p99.9 | stats | awk '{
				printf "%.1f to %.1f of %d", $2, $3, $4 }')"
		} >>"$WORK/rows"
	done
	paste -d ' ' <(field staged "$path" "$connection" p99.9) \
	    <(field none "$path" "$connection" p99.9) |
	    awk -v c="$connection" -v p="$path" \
	    '$2 > 0 { printf "%s %s %.3f\n", c, p, $1 / $2 }' >>"$WORK/ratios"
done

for way in none staged native naive; do
	x=0
	for p in p50 p90 p99 p99.9 p99.99; do
		printf '%s,%d,%s\n' "$(heading_of "$way")" "$x" "$(
		    field "$way" /hello keep-alive "$p" | median)"
		x=$((x + 1))
	done >>"$WORK/lines"
done
lines "$BENCH_OUT/load.svg" 'Latency on /hello, keep-alive, while reloads go on' \
    percentile ms "${PERCENTILES[@]}" <"$WORK/lines"
sed '1d' "$BENCH_OUT/load.csv" | awk -F, '{
		n[$1] += $9 + $10 + $11 + $12 + $13
		total[$1] += $7
	}
	END {
		for (way in n)
			print way "," n[way] * 1e6 / total[way]
	}' | while IFS=, read -r way n; do
	printf '%s,%s\n' "$(heading_of "$way")" "$n"
done | sort >"$WORK/failed"
bars "$BENCH_OUT/failed.svg" 'Failed requests of a million (none: no bar)' \
    <"$WORK/failed"

say "## Reloads under load" '' \
    "wrk, $connections connections, one thread; $reloads reloads in $(
    calc "$reloads * $pause_ms / 1000" %.0f) s, each of new code; \`/hello\`" \
    'is an unnamed route, `/named` a named one. Counts are sums of all rounds;' \
    'latencies (ms) their medians. New code: whether the route answered with' \
    'the last version after it. "unload and init" is what a shell script would' \
    'do by itself; its reloads are not done where `init` raises, as it does for' \
    'a named route that is there already.'
table "$WORK/rows" way route connection 'reloads done' 'new code' requests \
    'socket errors' time-outs non-2xx p50 p99 p99.9 max 'p99.9: spread'
say '![Latency](load.svg)' '![Failed requests](failed.svg)' '' \
    '### Latency over time' '' \
    "A reload of new code each $(calc "$timeline_pause_ms / 1000" %.0f) s;" \
    "beside the load, $probes connections ask for \`/named\` and take note of each" \
    'answer.' '' '![Latency over time](timeline.svg)'
sed 1d "$BENCH_OUT/timeline.csv" | awk -F, '
	!($1 in n) { order[++ways] = $1 }
	{
		n[$1] += $4
		failed[$1] += $5
		if ($3 + 0 > worst[$1])
			worst[$1] = $3
	}
	END {
		for (i = 1; i <= ways; i++)
			printf "%s,%d,%d,%.1f\n", order[i], n[order[i]], \
			    failed[order[i]], worst[order[i]]
	}' >"$WORK/table"
table "$WORK/table" way requests failed 'worst answer'
say \
    '### Broken code' '' \
    "$reloads reloads of each kind with cartridge-reload, keep-alive, both" \
    'routes in turn. Refused: with exit status 3.'
sed '1d' "$BENCH_OUT/broken.csv" | awk -F, '{
	printf "%s,%s,%s,%s,%s,%d,%s,%s,%s,%s,%s\n", $1, $2, $3, $4, $5, \
	    $6 + $7 + $8, $9, $10, $11, $12, $13
}' >"$WORK/table"
table "$WORK/table" kind reloads refused 'old code serves' requests \
    'socket errors' time-outs non-2xx p99 p99.9 max

read -r requests failed < <({
	sed '1d' "$BENCH_OUT/load.csv" | awk -F, '$1 == "staged" {
		print $7, $9 + $10 + $11 + $12 + $13 }'
	sed '1d' "$BENCH_OUT/broken.csv" | awk -F, '{
		print $5, $6 + $7 + $8 + $9 + $10 }'
} | awk '{ r += $1; f += $2 } END { print r + 0, f + 0 }')
verdict load "$failed" '<=' 0 \
    "$failed of $requests requests failed, with good and broken code" '0 failed'
[ -n "$QUICK" ] || verdict load "$requests" '>=' 500000 \
    "$requests requests were made" 'at least 500000'
bad=$(sed '1d' "$BENCH_OUT/load.csv" | awk -F, -v n="$reloads" '
	$1 == "staged" && ($5 != n || $6 != "yes")' | wc -l)
verdict load "$bad" '<=' 0 \
    "$bad runs without every reload done and the new code serving" none
bad=$(sed '1d' "$BENCH_OUT/broken.csv" | awk -F, '$2 != $3 || $4 != "yes"' |
    wc -l)
verdict load "$bad" '<=' 0 \
    "$bad kinds of broken code not refused each time, or not the old serving" \
    none
for connection in keep-alive close; do
	read -r ratio low high count < <(awk -v c="$connection" \
	    '$1 == c { print $3 }' "$WORK/ratios" | stats)
	verdict load "$ratio" '<=' 2 "p99.9 with $connection is $(
	    calc "$ratio") times that without reloads (median of $count pairs, $(
	    calc "$low") to $(calc "$high"))"
done
finish
