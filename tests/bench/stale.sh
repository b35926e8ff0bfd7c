#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The scan for places that hold old code: what it finds, how many places hold new
# code after a reload, what the scan costs in time and memory, what clients notice
# of it, and whether old code is collected.
#
# STALE_PARTS: the parts to run, of "kinds corpus cost load generations".

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/live/stale_cases/lib.sh
. "$TESTS_DIR/live/stale_cases/lib.sh"

# value LINE NAME: prints a value from a line "NAME=VALUE NAME=VALUE ..."
value()
{
	printf '%s\n' "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# --- Kinds -------------------------------------------------------------------

# Name, application of the corpus, and how the line of the place begins in a
# report: its kind, and the start of its description.
KINDS='
global variable|alias|global | global get_balance
field of a library|slot|module | package.loaded
upvalue of a library|upvalue|upvalue | upvalue
key of a table|key|key | key of
metatable|metatable|metatable | metatable __index
metatable of a primitive type|strings|metatable | metatable __index of strings
entry of a weak table|weak|global | global cache.get
HTTP route|http|route | http route
HTTP hook|http|hook | http hook
HTTP helper|http|helper | http helper
service of Cartridge|service|service | service
trigger of a space|trigger_space|trigger | trigger on_replace of space
trigger of sessions|trigger_session|trigger | trigger box.session
running fiber|request|fiber | fiber
stack of a fiber|timer|local | local callback of fiber
coroutine|coroutine|coroutine | coroutine in
environment of a function|environment|environment | environment of function
metatype of ffi|ffi_metatype|ctype | metatype __index
finalizer of ffi|ffi_gc|finalizer | finalizer of
callback of C|ffi_callback|callback | C callback
Lua registry|registry|registry | Lua registry slot
'

# places FILE: prints the lines about places, from a report or the expected one.
places()
{
	grep -E '^(patched|added|removed|left|unchecked) ' "$1"
}

measure_kinds()
{
	local name case start cases found=0 all=0 false=0 clean=0 i

	cases=$(cut -d '|' -f 2 <<<"$KINDS" | sort -u)
	for case in $cases; do
		progress "kinds: $case"
		corpus_start "$case"
		corpus_probe >/dev/null
		corpus_update
		corpus_reload --stale=patch
		corpus_report >"$WORK/report.$case"
		stop_app "$APP_PID"
		corpus_expect "$case"
		false=$((false + $(places "$EXPECTED" |
		    grep -cvxFf - "$WORK/report.$case")))
	done
	echo 'kind,application,found,where' >"$BENCH_OUT/kinds.csv"
	: >"$WORK/rows"
	while IFS='|' read -r name case start; do
		[ -n "$name" ] || continue
		all=$((all + 1))
		# The expected report contains the right description.
		corpus_expect "$case"
		places "$EXPECTED" | grep -F " $start" \
		    >"$WORK/wanted" || bail_out "$case: no place \"$start\""
		if grep -vxFf "$WORK/report.$case" "$WORK/wanted" >"$WORK/not"
		then
			printf '%s,%s,no,%s\n' "$name" "$case" \
			    "$(head -n 1 "$WORK/not")"
		else
			found=$((found + 1))
			printf '%s,%s,%s,%s\n' "$name" "$case" \
			    "$(sed 's/ .*//; s/left/named/' \
				"$WORK/wanted" | sort -u | paste -s -d /)" \
			    "$(sed 's/^[^|]* | //; s/ | .*//' "$WORK/wanted" |
				head -n 1)"
		fi
	done <<<"$KINDS" >"$WORK/found"
	found=$(grep -vc ',no,' "$WORK/found")
	all=$(wc -l <"$WORK/found")
	cat "$WORK/found" >>"$BENCH_OUT/kinds.csv"
	sed 's/,\([^,]*\)$/,`\1`/' "$WORK/found" >"$WORK/rows"

	# These applications have no places with old code.
	for case in clean cartridge_clean; do
		progress "kinds: $case"
		corpus_start "$case"
		corpus_update
		for ((i = 0; i < 3; i++)); do
			corpus_reload --stale=report
			corpus_report | places /dev/stdin >"$WORK/report.$case"
			clean=$((clean + $(wc -l <"$WORK/report.$case")))
		done
		stop_app "$APP_PID"
	done

	say '### Kinds of places' '' \
	    'A function of the application is planted in each of these' \
	    'places, and the application is reloaded. Found: reported' \
	    'with exactly the expected description, and patched or only named.'
	table "$WORK/rows" kind application found where
	verdict kinds "$found" '>=' "$all" \
	    "$found of $all kinds of planted places were found with the right words" \
	    'all, and at least 15'
	verdict kinds "$all" '>=' 15 "$all kinds were planted" 'at least 15'
	verdict kinds "$false" '<=' 0 \
	    "$false places were reported that are not expected" 'none'
	verdict kinds "$clean" '<=' 0 \
	    "$clean places were reported in 6 reloads where nothing is stale" 'none'
}

# --- Corpus ------------------------------------------------------------------

# Applications in which places must be patched: how many of them hold new code,
# after a reload and after other ways to reload.
measure_corpus()
{
	local list=() all new case kind staged unload native

	[ -z "$QUICK" ] || list=(slot upvalue)
	progress 'corpus'
	"$TESTS_DIR/live/stale_cases/compare.sh" ${list[@]+"${list[@]}"} \
	    >"$BENCH_OUT/corpus.csv" &
	wait "$!" || bail_out "compare.sh: $(tail -n 1 "$BENCH_OUT/corpus.csv")"
	: >"$WORK/rows"
	while IFS=, read -r case kind staged unload native; do
		case $case in
		case|total)
			continue
			;;
		esac
		corpus_expect "$case"
		# The number of places that must hold new code: not all, if old
		# objects had to be removed.
		all=$(sed -n 's/^after //p' "$EXPECTED" |
		    grep -Eo 'v2(,|$)' | wc -l)
		echo "$case $kind $all ${staged%/*} ${unload%/*} ${native%/*}"
	done <"$BENCH_OUT/corpus.csv" >"$WORK/compared"
	awk '$2 == "exact" {
		print $1 "," $3 "," $4 "," $5 "," $6
	}' "$WORK/compared" | sort >"$WORK/rows"
	awk '$2 == "exact" {
		n++
		all += $3
		for (i = 4; i <= 6; i++) {
			sum[i] += $i
			full[i] += $i == $3
		}
	}
	END {
		print n, all, sum[4], sum[5], sum[6], full[4], full[5], full[6]
	}' "$WORK/compared" >"$WORK/sums"
	read -r -a new <"$WORK/sums"
	echo "**all**,${new[1]},${new[2]},${new[3]},${new[4]}" >>"$WORK/rows"
	echo "applications in which all do,${new[0]},${new[5]},${new[6]},${new[7]}" \
	    >>"$WORK/rows"

	say '### The corpus' '' \
	    'In how many places new code serves, right after a reload;' \
	    'after forgetting the modules and loading them again, as' \
	    '`package.reload` does; and after `--method native`, for which' \
	    'all of them run on Cartridge. Places that cannot be patched' \
	    'exactly are not among these. broken: what asks the places' \
	    'fails.'
	table "$WORK/rows" application places cartridge-reload unload \
	    '--method native'
	# Applications in which places are reported by name.
	awk '$2 == "named" {
		print $1 "," $3 "," $4 "," $5 "," $6
	}' "$WORK/compared" | sort >"$WORK/rows"
	if [ -s "$WORK/rows" ]; then
		say 'Applications with places that cannot be patched' \
		    'exactly; these are named in the report.'
		table "$WORK/rows" application 'that can' cartridge-reload \
		    unload '--method native'
	fi
	verdict corpus "${new[5]}" '>=' "${new[0]}" \
	    "in ${new[5]} of ${new[0]} applications all places serve new code (unload: ${new[6]}, native: ${new[7]}); in ${new[2]} of ${new[1]} places (unload: ${new[3]}, native: ${new[4]})$(
	    awk '$2 == "exact" && $3 != $4 { printf "; not %s", $1 }' \
		"$WORK/compared")" all
}

# --- Cost --------------------------------------------------------------------

# in_app LUA: runs Lua in which bench_stale is the result of stale.lua.
in_app()
{
	app_eval "local bench_stale = rawget(_G, 'bench_stale')
		if bench_stale == nil then
			bench_stale = dofile('$BENCH_DIR/stale.lua')
			rawset(_G, 'bench_stale', bench_stale)
		end
		$1"
}

# heap KIND COUNT: fills the heap; prints its size in MB.
heap()
{
	in_app "rawset(_G, 'ballast', bench_stale.$1($2))
		return ('%.0f'):format(bench_stale.collect() / 1024)"
}

# Prints for how many milliseconds the server has waited for a core.
waited()
{
	awk '{ printf "%.0f\n", $2 / 1e6 }' \
	    "/proc/$APP_PID/task/$APP_PID/schedstat" 2>/dev/null || echo 0
}

# memory_of VmRSS|VmHWM: prints the memory of the process in kilobytes, now or at
# its peak since reset_most.
memory_of()
{
	sed -n "s/^$1:[^0-9]*\\([0-9]*\\).*/\\1/p" "/proc/$APP_PID/status"
}

# measure_heap KIND COUNT ROUNDS: writes lines of cost.csv.
measure_heap()
{
	local kind=$1 count=$2 rounds=$3 size round rss wait seen idle litter
	local objects passes slices slice scan seconds

	start_app plain
	reload
	size=$(heap "$kind" "$count") || bail_out 'no heap'
	for ((round = 1; round <= rounds; round++)); do
		progress "cost: $kind of $count, round $round of $rounds"
		rss=$(memory_of VmRSS)
		echo 5 2>/dev/null >"/proc/$APP_PID/clear_refs"
		wait=$(waited)
		in_app 'bench_stale.watch()' >/dev/null
		reload -t 240
		[ "$RC" -eq 0 ] || bail_out "reload: status $RC: $(cat "$ERR")"
		seen=$(in_app 'return bench_stale.watched()')
		wait=$(($(waited) - wait))
		rss=$(($(memory_of VmHWM) - rss))
		read -r objects passes slices slice scan < <(json \
		    'i.scan.objects, i.scan.passes, i.scan.slices,
		    i.scan.max_slice_ms, i.timings_ms.scan')
		seconds=$(calc "$scan / 1000")
		idle=$(in_app "bench_stale.watch()
			require('fiber').sleep($seconds)
			return bench_stale.watched()")
		litter=$(in_app "bench_stale.watch()
			bench_stale.litter($seconds)
			return bench_stale.watched()")
		awk -v kind="$kind" -v count="$count" -v size="$size" \
		    -v round="$round" -v objects="$objects" -v passes="$passes" \
		    -v slices="$slices" -v scan="$scan" -v slice="$slice" \
		    -v cpu="$(value "$seen" cpu)" -v wait="$wait" \
		    -v grown="$(value "$seen" grown)" -v rss="$rss" \
		    -v gaps="$(printf ',%s' "$(value "$seen" gap)" \
			"$(value "$seen" busy)" "$(value "$seen" scan_gap)" \
			"$(value "$seen" scan_busy)" "$(value "$idle" gap)" \
			"$(value "$idle" busy)" "$(value "$litter" gap)" \
			"$(value "$litter" busy)")" 'BEGIN {
			printf "%s,%d,%d,%d,%d,%d,%d,%.3f,%.3f,%.3f,%.3f,%.3f,%.0f,%.0f,%.1f%s\n", \
			    kind, count, size, round, objects, passes, slices, \
			    scan / 1000, cpu / 1000, wait / 1000, \
			    objects * passes / scan / 1000, \
			    objects * passes / cpu / 1000, \
			    grown * 1024 / objects, rss * 1024 / objects, \
			    slice, gaps
		    }' >>"$BENCH_OUT/cost.csv"
	done
	stop_app "$APP_PID"
}

# column FILE NAME [FIELD=VALUE ...]: prints the values in a column of a file with
# headings, for the lines in which these fields have these values.
column()
{
	local file=$1 name=$2
	shift 2
	awk -F, -v name="$name" -v wanted="$*" '
		NR == 1 {
			for (i = 1; i <= NF; i++)
				c[$i] = i
			n = split(wanted, want, " ")
			next
		}
		{
			for (i = 1; i <= n; i++) {
				split(want[i], pair, "=")
				if ($c[pair[1]] != pair[2])
					next
			}
			print $c[name]
		}' "$file"
}

# cost KIND COUNT COLUMN: prints the value of each round.
cost()
{
	column "$BENCH_OUT/cost.csv" "$3" "kind=$1" "count=$2"
}

measure_cost()
{
	local heaps heap kind count rounds name field rate low high cpu bytes
	local slice worst alone

	if [ -n "$QUICK" ]; then
		heaps='tree:100000:1 tree:1000000:1'
	else
		heaps='tree:100000:9 tree:1000000:7 flat:1000000:7'
		heaps="$heaps tree:3000000:3"
	fi
	{
		printf '%s' 'kind,count,heap_mb,round,objects,passes,slices,'
		printf '%s' 'scan_s,cpu_s,waited_s,rate,cpu_rate,bytes,'
		printf '%s' 'rss_bytes,slice_ms,gap_ms,busy_ms,scan_gap_ms,'
		printf '%s' 'scan_busy_ms,idle_gap_ms,idle_busy_ms,'
		echo 'litter_gap_ms,litter_busy_ms'
	} >"$BENCH_OUT/cost.csv"
	for heap in $heaps; do
		IFS=: read -r kind count rounds <<<"$heap"
		measure_heap "$kind" "$count" "$rounds"
	done

	: >"$WORK/rows"
	: >"$WORK/gaps"
	for heap in $heaps; do
		IFS=: read -r kind count rounds <<<"$heap"
		name="$count ($kind)"
		{
			printf '%s' "$name"
			for field in heap_mb passes; do
				printf ',%s' "$(cost "$kind" "$count" "$field" |
				    median)"
			done
			for field in scan_s cpu_s waited_s rate cpu_rate; do
				printf ',%s' "$(calc "$(cost "$kind" "$count" \
				    "$field" | median)")"
			done
			for field in bytes rss_bytes; do
				printf ',%s' "$(cost "$kind" "$count" "$field" |
				    stats | cut -d ' ' -f 3)"
			done
			echo
		} >>"$WORK/rows"
		{
			printf '%s' "$name"
			for field in slice_ms scan_gap_ms scan_busy_ms \
			    gap_ms busy_ms idle_gap_ms idle_busy_ms \
			    litter_gap_ms litter_busy_ms; do
				printf ',%s' "$(cost "$kind" "$count" "$field" |
				    stats | awk '{
					printf "%.1f / %.1f", $1, $3 }')"
			done
			echo
		} >>"$WORK/gaps"
	done
	say '### What it costs' '' \
	    'A plain application with a heap of so many objects: records in' \
	    'lists of ten, which are in lists of ten, and so on (tree), or' \
	    'all in one list (flat). Each is reloaded several times;' \
	    'medians of the scans, in seconds, and for memory the most.' \
	    'CPU: time of the processor, of the whole reload. Waited: for a' \
	    'core, as others use them too. Rate: objects looked at, in' \
	    'millions a second, of the clock and of the processor; an' \
	    'object is looked at once in each pass. Bytes: by which the' \
	    'heap of Lua, and the memory of the process, were larger at the' \
	    'most, for each object of the heap.'
	table "$WORK/rows" objects MB passes time CPU waited rate 'CPU rate' \
	    'bytes/object' 'RSS bytes/object'
	say 'The longest time in which no other fiber ran, in ms: median of' \
	    'the rounds and the worst of them. Slice: as the report has it.' \
	    'Gap: as a fiber saw it that wants to run twice in a' \
	    'millisecond, by the clock; busy: what was computed in it, by' \
	    'the time of the processor; in the scan, and in the whole' \
	    'reload. For comparison the same without a reload, as long:' \
	    'idle, and with garbage for the collector of Tarantool, twice' \
	    'as much as the heap has.'
	table "$WORK/gaps" objects slice 'scan: gap' 'scan: busy' \
	    'reload: gap' 'reload: busy' 'idle: gap' 'idle: busy' \
	    'garbage: gap' 'garbage: busy'
	for heap in $heaps; do
		IFS=: read -r kind count rounds <<<"$heap"
		name="$count objects ($kind)"
		rate=$(cost "$kind" "$count" rate | median)
		cpu=$(cost "$kind" "$count" cpu_rate | median)
		verdict rate "$rate" '>=' 1 \
		    "$name: $(calc "$rate") million objects a second ($(
		    calc "$cpu") by the time of the processor)" \
		    'at least 1 million'
	done
	for heap in $heaps; do
		IFS=: read -r kind count rounds <<<"$heap"
		[ "$count" -eq 1000000 ] || continue
		name="$count objects ($kind)"
		read -r slice low worst _ < <(cost "$kind" "$count" slice_ms |
		    stats)
		high=$(cost "$kind" "$count" scan_busy_ms | stats | cut -d ' ' -f 3)
		verdict slice "$slice" '<' 10 \
		    "$name: the longest slice has $(calc "$slice" %.1f) ms by the clock (median; $(
		    calc "$low" %.1f) to $(calc "$worst" %.1f))" '< 10 ms'
		# The collector traverses a table in one go, however large it is.
		alone=$(cost "$kind" "$count" litter_busy_ms | stats |
		    cut -d ' ' -f 3)
		verdict slice "$high" '<' "$(calc "($alone > 10 ? $alone : 10)" %.1f)" \
		    "$name: at most $(calc "$high" %.1f) ms are computed without a pause, in the scans of $rounds reloads (with garbage and no scan: $(
		    calc "$alone" %.1f) ms)" \
		    '< 10 ms, or less than the collector takes by itself'
	done
	for heap in $heaps; do
		IFS=: read -r kind count rounds <<<"$heap"
		bytes=$(cost "$kind" "$count" bytes | stats | cut -d ' ' -f 3)
		verdict bytes "$bytes" '<' 160 \
		    "$count objects ($kind): $bytes bytes of extra memory an object" \
		    '< 160'
	done
}

# --- Load --------------------------------------------------------------------

# Runs one scan after the other until the file is removed; records how the last
# one ended, how many there were, how long they took, and their longest slice.
scan_on()
{
	local status=0
	: >"$WORK/scans"
	while [ -e "$WORK/scan" ]; do
		"$CARTRIDGE_RELOAD" -s "$APP_SOCK" -t 60 -o json stale \
		    >"$WORK/scanned" 2>&1
		status=$?
		[ "$status" -eq 0 ] || [ "$status" -eq 7 ] || break
		sed -n 's/^ *"scan": \([-+.e0-9]*\),*$/time=\1/p
		    s/^ *"max_slice_ms": \([-+.e0-9]*\),*$/slice=\1/p' \
		    "$WORK/scanned" | paste -s -d ' ' >>"$WORK/scans"
	done
	awk -v status="$status" -F '[= ]' '
		{
			time += $2
			if ($4 + 0 > slice + 0)
				slice = $4
		}
		END { printf "%d,%d,%.0f,%.1f\n", status, NR, time, slice }' \
	    "$WORK/scans" >"$WORK/scanned"
}

# measure_window CONNECTION PAIR scans|none SECONDS: writes a line of scan_load.csv.
measure_window()
{
	local pid wait
	progress "load: $1, pair $2, $3"
	# Collect the garbage of the previous window first.
	in_app 'return bench_stale.collect()' >/dev/null
	echo '-,0,0,0' >"$WORK/scanned"
	if [ "$3" = scans ]; then
		: >"$WORK/scan"
		scan_on &
		pid=$!
	fi
	wait=$(waited)
	load_run "$1" /hello
	sleep "$4"
	load_end
	if [ "$3" = scans ]; then
		rm "$WORK/scan"
		wait "$pid"
	fi
	wait=$(($(waited) - wait))
	echo "$1,$2,$3,$(cat "$WORK/scanned"),$wait,$(tr ' ' , <<<"$LOAD")" \
	    >>"$BENCH_OUT/scan_load.csv"
}

# load_field CONNECTION WAY COLUMN: prints the values of all windows, by pair.
load_field()
{
	column "$BENCH_OUT/scan_load.csv" "$3" "connection=$1" "way=$2"
}

sum()
{
	awk '{ s += $1 } END { print s + 0 }'
}

# load_row CONNECTION WAY: prints a row of the table.
load_row()
{
	local field
	{
		echo "${2/none/no scan}"
		echo "$1"
		for field in connect read write timeout not_200; do
			load_field "$1" "$2" "$field"
		done | sum
		load_field "$1" "$2" requests | sum
		for field in per_second p50 p90 p99 p99.9 max waited_ms; do
			calc "$(load_field "$1" "$2" "$field" | median)"
			echo
		done
	} | paste -s -d ,
}

# load_ratios CONNECTION SECONDS: writes the ratios of p99 of all pairs to
# $WORK/ratios, and those of calm pairs to $WORK/calm.  Other processes on the
# machine can have more influence than a scan.  A pair is calm if the server waited
# for a core for less than a fiftieth of the time, in both windows.
load_ratios()
{
	paste -d ' ' <(load_field "$1" scans p99) <(load_field "$1" none p99) \
	    <(load_field "$1" scans waited_ms) \
	    <(load_field "$1" none waited_ms) |
	    awk -v limit="$(($2 * 20))" '$2 > 0 {
		print $1 / $2, $3 <= limit && $4 <= limit ? "calm" : "busy"
	    }' >"$WORK/ratios.all"
	cut -d ' ' -f 1 "$WORK/ratios.all" >"$WORK/ratios"
	sed -n 's/ calm$//p' "$WORK/ratios.all" >"$WORK/calm"
}

# ratio_row CONNECTION: prints a row with the median and the spread, of all pairs
# and of the calm ones.
ratio_row()
{
	local file median low high count
	printf '%s' "$1"
	for file in ratios calm; do
		read -r median low high count < <(stats <"$WORK/$file")
		printf ',%d' "$count"
		if [ "$count" -gt 0 ]; then
			printf ',%.2f,%.2f to %.2f' "$median" "$low" "$high"
		else
			printf ',-,-'
		fi
	done
	echo
}

# Prints the ratios that count for the figure: median, minimum, maximum, and from
# how many pairs they are.
ratio_that_counts()
{
	local calm all
	calm=$(wc -l <"$WORK/calm")
	all=$(wc -l <"$WORK/ratios")
	if [ "$calm" -ge 3 ]; then
		echo "$(stats <"$WORK/calm" | cut -d ' ' -f 1-3) the $calm calm of $all pairs"
	else
		echo "$(stats <"$WORK/ratios" | cut -d ' ' -f 1-3) all $all pairs, of which only $calm were calm"
	fi
}

measure_load()
{
	# Each window is long enough for several cycles of the collector.
	local pairs seconds=10 count=1000000 size connection pair way ways field
	local x ratio low high of total failed bad scans slice

	pairs=$(quick_or 1 9)
	start_app shop
	reload
	[ "$RC" -eq 0 ] || bail_out "reload: status $RC: $(cat "$ERR")"
	size=$(heap tree "$count") || bail_out 'no heap'
	{
		printf '%s' 'connection,pair,way,status,scans,scan_ms,slice_ms,'
		printf '%s' 'waited_ms,requests,per_second,connect,read,write,'
		printf '%s' 'timeout,not_200,p50,p75,p90,p95,p99,p99.5,p99.9,'
		echo 'p99.99,max'
	} >"$BENCH_OUT/scan_load.csv"
	for ((pair = 1; pair <= pairs; pair++)); do
		ways='none scans'
		[ $((pair % 2)) -eq 1 ] || ways='scans none'
		for connection in $(quick_or keep-alive 'keep-alive close'); do
			for way in $ways; do
				measure_window "$connection" "$pair" "$way" \
				    "$seconds"
			done
		done
	done
	stop_app "$APP_PID"

	for connection in $(quick_or keep-alive 'keep-alive close'); do
		for way in none scans; do
			load_row "$connection" "$way"
		done
	done >"$WORK/rows"
	for way in none scans; do
		x=0
		for field in p50 p90 p99 p99.9 p99.99; do
			printf '%s,%d,%s\n' "${way/none/no scan}" "$x" \
			    "$(load_field keep-alive "$way" "$field" | median)"
			x=$((x + 1))
		done
	done | lines "$BENCH_OUT/scan_load.svg" \
	    'Latency while the heap is scanned, keep-alive' percentile ms \
	    "${PERCENTILES[@]}"
	read -r failed total < <(awk -F, '
		$1 == "scans" { failed += $3; total += $4 }
		END { print failed, total }' "$WORK/rows")
	column "$BENCH_OUT/scan_load.csv" scans way=scans >"$WORK/scans"
	scans=$(sum <"$WORK/scans")
	slice=$(column "$BENCH_OUT/scan_load.csv" slice_ms way=scans | stats |
	    cut -d ' ' -f 3)
	bad=$(column "$BENCH_OUT/scan_load.csv" status way=scans |
	    grep -cvx '[07]')

	say '### What clients notice' '' \
	    "wrk, $connections connections; $size MB of $count objects (tree)." \
	    "Pairs of windows of $seconds s, $pairs of them, with \`stale\` again" \
	    'and again in one of each. Latencies in ms, medians of the windows;' \
	    'counts are sums. Waited: for how many ms of a window the server' \
	    'waited for a core, as others use them too.'
	table "$WORK/rows" window connection 'failed requests' requests \
	    'requests/s' p50 p90 p99 p99.9 max waited
	say "$scans scans; their longest slice has $slice ms." '' \
	    '![Latency](scan_load.svg)' '' \
	    'p99 of a window with scans, divided by that of the window without' \
	    'beside it. Calm: pairs in which the server waited for a core for' \
	    'less than 2% of the time, in both windows. **What counts for the' \
	    'figure is the median of the calm pairs, for each kind of' \
	    'connection by itself; of all pairs, if fewer than 3 were calm,' \
	    'and then the figure says so.**'
	: >"$WORK/rows"
	for connection in $(quick_or keep-alive 'keep-alive close'); do
		load_ratios "$connection" "$seconds"
		ratio_row "$connection" >>"$WORK/rows"
	done
	table "$WORK/rows" connection pairs median spread 'calm pairs' \
	    'their median' 'their spread'
	verdict load "$failed" '<=' 0 \
	    "$failed of $total requests failed during scans" '0 failed'
	verdict load "$bad" '<=' 0 "$bad windows in which a scan broke off" none
	for connection in $(quick_or keep-alive 'keep-alive close'); do
		load_ratios "$connection" "$seconds"
		read -r ratio low high of < <(ratio_that_counts)
		verdict load "$ratio" '<=' 1.5 "p99 during scans with $connection is $(
		    calc "$ratio") times that without (median of $of; $(
		    calc "$low") to $(calc "$high"))"
	done
}

# --- Generations -------------------------------------------------------------

# The web role passes three of its functions to a library.
KEPT='web_init_end=local keeper = rawget(_G, "bench_keeper")
    keeper.keep("hello", hello)
    keeper.guard("named", named)
    keeper.every("tick", 0.01, tick)'
TICK='web_top=local function tick() return VERSION end'

kept()
{
	in_app 'local keeper = rawget(_G, "bench_keeper")
		return ("%s, %s, tick v%d"):format(keeper.handlers.hello().body,
		    keeper.guards.named().body, keeper.last.tick)'
}

is_kept_new()
{
	[ "$(kept)" = "hello v$1, named v$1, tick v$1" ]
}

# alive RELOADS: writes a line of generations.csv; sets ALIVE.
alive()
{
	local line
	line=$(in_app '
		_G._cluster_vars_values["shop.calls"].list = {}
		local usual = bench_stale.alive()
		jit.flush()
		return usual, bench_stale.alive()') ||
	    bail_out 'the generations cannot be counted'
	ALIVE="usual_${line/	/ }"
	HEAP=$(value "$ALIVE" heap | tail -n 1)
	echo "$1,$(value "$ALIVE" usual_alive),$(value "$ALIVE" alive),$HEAP" \
	    >>"$BENCH_OUT/generations.csv"
}

measure_generations()
{
	local reloads parts version=1 part at=0 next early old=1

	reloads=$(quick_or 50 1000)
	parts=$(quick_or 2 10)
	start_app shop
	in_app 'rawset(_G, "bench_keeper", bench_stale.keeper())' >/dev/null
	echo 'reloads,alive,alive_flushed,heap_kb' \
	    >"$BENCH_OUT/generations.csv"
	for ((part = 0; part <= parts; part++)); do
		# After ten reloads, everything that is made only once exists.
		next=$((part == 0 ? 10 : reloads * part / parts))
		progress "generations: $at of $reloads reloads"
		while [ "$at" -lt "$next" ]; do
			at=$((at + 1))
			version=$((version + 1))
			if [ "$at" -eq 1 ]; then
				app_version "$version" "$TICK" "$KEPT"
			else
				sed "s/^local VERSION = .*/local VERSION = $version/" \
				    "$APP_DIR/app/roles/web.lua" >"$WORK/web.lua"
				mv "$WORK/web.lua" "$APP_DIR/app/roles/web.lua"
			fi
			"$CARTRIDGE_RELOAD" -q -s "$APP_SOCK" >"$OUT" 2>&1 ||
			    bail_out "reload: status $?: $(cat "$OUT")"
		done
		alive "$at"
		[ "$part" -gt 0 ] || early=$HEAP
	done
	wait_until 2 is_kept_new "$version" && old=0
	at=$(kept)
	stop_app "$APP_PID"

	sed 1d "$BENCH_OUT/generations.csv" >"$WORK/rows"
	say '### Old code goes away' '' \
	    "$reloads reloads, each of new code, of a Cartridge application with" \
	    'four roles; a library keeps three of its functions, in a' \
	    'table, in an upvalue and in the stack of a fiber that calls it' \
	    'again and again. How many generations of code are in memory' \
	    'after full collections that the bench asks for: as it is, and' \
	    'without compiled traces (`jit.flush()`); and the heap then, in' \
	    'kB.'
	table "$WORK/rows" reloads generations 'without traces' heap
	verdict generations "$(value "$ALIVE" alive)" '<=' 2 \
	    "$(value "$ALIVE" alive) generations are alive after $reloads reloads ($(
	    value "$ALIVE" usual_alive) with compiled traces)"
	verdict generations "$old" '<=' 0 \
	    "after the last reload what the library calls is of version $version: $at" \
	    yes
	verdict generations "$(calc "($HEAP / $early - 1) * 100" %.1f)" '<=' 10 \
	    "the live heap has grown by $(calc "($HEAP / $early - 1) * 100" %.1f)% between reload 10 and $reloads ($early to $HEAP kB)" \
	    '<= 10%'
}

# -----------------------------------------------------------------------------

say '## Places that keep old code' ''
for part in ${STALE_PARTS:-kinds corpus cost load generations}; do
	"measure_$part"
done
finish
