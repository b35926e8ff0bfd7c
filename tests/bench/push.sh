#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# How fast `push` sends code to the console, up to the maximum size of a folder,
# compared with a bare client that sends the same line.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=$(quick_or 3 9)
sizes='1 2 4 8 15'
file_kb=64

# make_folder MEGABYTES VERSION: makes a folder of realistic modules.
make_folder()
{
	local dir=$WORK/push.$1
	mkdir -p "$dir/gen"
	awk -v files="$(($1 * 1000 / file_kb))" -v bytes="$((file_kb * 1000))" \
	    -v dir="$dir/gen" -v version="$2" 'BEGIN {
		for (i = 1; i <= files; i++) {
			file = dir "/m" i ".lua"
			text = "-- version " version "\nlocal M = {}\n"
			size = 0
			for (f = 1; size + length(text) < bytes; f++) {
				printf "%s", text >file
				size += length(text)
				text = "\nfunction M.f" f "(a, b)\n" \
				    "    if a > " f " and b ~= nil then\n" \
				    "        -- Said \"as it is\".\n" \
				    "        return {a + b, name = \"m" i "\"}\n" \
				    "    end\n    return nil, \"no more\"\nend\n"
			}
			print "\nreturn M" >file
			close(file)
		}
	}'
}

folder_bytes()
{
	find "$WORK/push.$1" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }'
}

# timed COMMAND ...: prints "SECONDS CPU-SECONDS" of the command.
timed()
{
	local begin=$EPOCHREALTIME
	/usr/bin/time -o "$WORK/cpu" -f '%U %S' "$@" >"$OUT" 2>"$ERR" ||
	    bail_out "$1: status $?: $(head -n 3 "$ERR")"
	calc "$EPOCHREALTIME - $begin" '%.4f '
	awk '{ print $1 + $2 }' "$WORK/cpu"
}

# Prints the processor time that the server has used, in all its threads, in s.
server_cpu()
{
	cat "/proc/$APP_PID"/task/*/schedstat |
	    awk '{ s += $1 } END { printf "%.6f\n", s / 1e9 }'
}

# --- Measuring -----------------------------------------------------------------

BOOTSTRAP=no start_app extended
wait_until 10 in_state Unconfigured || bail_out 'extended did not start'
app_eval 'return require("cartridge").admin_edit_topology({
	replicasets = {{
		alias = "one", roles = {"extensions"},
		join_servers = {{uri = "'"$APP_URI"'"}},
	}},
}) ~= nil' >"$OUT"
wait_until 20 in_state RolesConfigured || bail_out 'it was not configured'

echo 'mb,bytes,round,way,seconds,client_cpu_s,server_cpu_s' \
    >"$BENCH_OUT/push.csv"
# measure MB ROUND WAY COMMAND ...
measure()
{
	local mb=$1 round=$2 way=$3 before took
	shift 3
	app_eval 'collectgarbage() collectgarbage() return true' >/dev/null
	before=$(server_cpu)
	took=$(timed "$@") || exit 1
	echo "$mb,$(folder_bytes "$mb"),$round,$way,${took/ /,},$(
	    calc "$(server_cpu) - $before" %.3f)" >>"$BENCH_OUT/push.csv"
}

for mb in $sizes; do
	make_folder "$mb" 1
	{
		printf 'local s = "'
		find "$WORK/push.$mb" -type f -exec cat {} + |
		    sed 's/\\/\\\\/g; s/"/\\"/g' | awk '{ printf "%s\\n", $0 }'
		echo '" return #s'
	} >"$WORK/line.$mb"
	for ((round = 1; round <= rounds; round++)); do
		progress "$mb MB, round $round of $rounds"
		measure "$mb" "$round" dry \
		    "$CARTRIDGE_RELOAD" -s "$APP_SOCK" push "$WORK/push.$mb" -n
		measure "$mb" "$round" socat socat -t 60 \
		    "OPEN:$WORK/line.$mb!!STDOUT" "UNIX-CONNECT:$APP_SOCK"
	done
	progress "$mb MB: pushed"
	measure "$mb" 1 push \
	    "$CARTRIDGE_RELOAD" -s "$APP_SOCK" -t 120 push "$WORK/push.$mb" --prune
done

# --- Report --------------------------------------------------------------------

# field MB WAY COLUMN
field()
{
	awk -F, -v mb="$1" -v way="$2" -v column="$3" \
	    '$1 == mb && $4 == way { print $column }' "$BENCH_OUT/push.csv"
}

# The cost of a push with almost no code, in s.
mkdir "$WORK/push.0"
echo 'return 1' >"$WORK/push.0/one.lua"
for ((round = 1; round <= rounds; round++)); do
	measure 0 "$round" dry "$CARTRIDGE_RELOAD" -s "$APP_SOCK" push "$WORK/push.0" -n
done

: >"$WORK/rows"
for mb in $sizes; do
	bytes=$(folder_bytes "$mb")
	read -r took low high _ < <(field "$mb" dry 5 | stats)
	printf '%s,%s,%.3f,%.3f to %.3f,%.1f,%.3f,%.3f,%.3f,%.3f\n' "$mb" "$bytes" \
	    "$took" "$low" "$high" "$(calc "$bytes / 1e6 / $took")" \
	    "$(field "$mb" dry 6 | median)" "$(field "$mb" dry 7 | median)" \
	    "$(field "$mb" socat 5 | median)" "$(field "$mb" push 5)"
done >"$WORK/rows"
for mb in $sizes; do
	for way in dry socat; do
		echo "$way,$(calc "$(folder_bytes "$mb") / 1e6"),$(
		    field "$mb" "$way" 5 | median)"
	done
done | sed 's/^dry/push --dry-run/; s/^socat/socat, one string/' | sort -s -t , -k 1,1 |
    lines "$BENCH_OUT/push.svg" 'Code into the console' MB s 'set yrange [0:*]'
say '## Push' '' \
    "A folder of modules of $file_kb kB, with \`--dry-run\`: read, sent, taken apart" \
    'by the console, compiled, and compared with the config, which is all but the' \
    'commit. Whole process, s; then the time of the processor that the program' \
    'and the server have used. socat: the same bytes as one string of Lua in a' \
    'line, which the console only parses. Pushed: once, without --dry-run, on a' \
    "cluster of one. Medians of $rounds rounds."
table "$WORK/rows" MB bytes 'dry run' spread MB/s 'client CPU' 'server CPU' socat \
    pushed
say '![Push](push.svg)' ''

# cpu MB: prints the processor time of program and server together, in s.
cpu()
{
	paste -d ' ' <(field "$1" dry 6) <(field "$1" dry 7) |
	    awk '{ print $1 + $2 }' | median
}

bytes=$(folder_bytes 15)
rate=$(calc "$bytes / 1e6 / $(field 15 dry 5 | median)" %.1f)
verdict push "$rate" '>=' 20 "15 MB of code go into the console at $rate MB/s by the clock, compiled there ($(
    calc "$bytes / 1e6 / $(field 15 socat 5 | median)" %.1f) MB/s with socat, not compiled)" \
    'at least 20 MB/s'
rate=$(calc "$bytes / 1e6 / $(cpu 15)" %.1f)
verdict push "$rate" '>=' 20 "program and server together: $rate MB for each second of a core" \
    'at least 20 MB/s'
rate=$(calc "$bytes / 1e6 / $(field 15 dry 6 | median)" %.1f)
verdict push "$rate" '>=' 20 "the program itself: $rate MB for each second of a core" \
    'at least 20 MB/s'
base=$(cpu 0)
linear=$(calc "(($(cpu 15) - $base) / $bytes) / (($(cpu 2) - $base) / $(folder_bytes 2))")
verdict push "$linear" '<=' 1.5 "a megabyte of 15 takes $linear times as much of a core as one of 2" \
    'linear: <= 1.5'
finish
