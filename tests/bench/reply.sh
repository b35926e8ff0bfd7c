#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What it costs to parse a reply into a tree, compared with plain libyaml on the
# same bytes: for replies that instances send, and for extremes made up here.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

reader=$BENCH_TOOLS/read_reply
rounds=$(quick_or 3 9)
# A run reads at least this many bytes.
run_bytes=2000000

# Saves the document of a reply, without the greeting.
greeting=128
ask()
{
	local file=$1
	shift
	"$CARTRIDGE_RELOAD" -s "$APP_SOCK" --print-lua "$@" >"$WORK/line" ||
	    bail_out "--print-lua $*"
	socat -t 60 "OPEN:$WORK/line!!STDOUT" "UNIX-CONNECT:$APP_SOCK" |
	    tail -c +$((greeting + 1)) >"$WORK/$file"
	[ "$(tail -n 1 "$WORK/$file")" = ... ] ||
	    bail_out "no reply to $*: $(head -c 500 "$WORK/$file")"
}

# --- Replies -------------------------------------------------------------------

progress 'replies'
start_app shop
ask reload reload
stop_app "$APP_PID"

start_app plain
mkdir "$APP_DIR/gen"
for i in {1..1000}; do
	echo "local M = {} function M.f() return $i end return M" \
	    >"$APP_DIR/gen/m$i.lua"
done
app_eval '
	for i = 1, 1000 do
		require("gen.m" .. i)
	end' >"$OUT"
ask plan plan
app_eval '
	local kept = {}
	rawset(_G, "kept", kept)
	for i = 1, 1000 do
		for k = 1, 5 do
			kept["place_" .. i .. "_" .. k] = require("gen.m" .. i).f
		end
	end' >"$OUT"
reload --stale=report -t 120
[ "$RC" -eq 0 ] || bail_out "reload: status $RC: $(cat "$ERR")"
ask stale stale
app_eval '
	local list = {}
	rawset(_G, "list", list)
	for i = 1, 70000 do
		list[i] = {
			id = i, name = "customer " .. i, price = i / 4,
			email = "c" .. i .. "@example.org",
			active = i % 2 == 0, tags = {"new", "paid"},
		}
	end' >"$OUT"
ask eval eval list
stop_app "$APP_PID"

# Results of `eval`, which are parsed for -o json, and extremes, as the console
# encodes them.
lua '
	local yaml, dir = require("yaml"), ...
	local function write(name, value)
		local file = assert(io.open(dir .. "/" .. name, "w"))
		file:write(yaml.encode({value}))
		file:close()
	end
	local function list(count, make)
		local out = {}
		for i = 1, count do
			out[i] = make(i)
		end
		return out
	end
	write("table", list(70000, function(i)
		return {
			id = i, name = "customer " .. i, price = i / 4,
			email = "c" .. i .. "@example.org",
			active = i % 2 == 0, tags = {"new", "paid"},
		}
	end))
	write("tuples", list(100000, function(i)
		return {i, "customer " .. i, "c" .. i .. "@example.org", i / 4,
		    i % 2 == 0, "new", i * 3}
	end))
	write("text", ("0123456789abcdef \n"):rep(550000))
	write("cyrillic", list(100000, function(i)
		return "\208\191\209\128\208\184\208\178\208\181\209\130 " .. i
	end))
	write("integers", list(1000000, function(i) return i end))
	write("maps", list(200000, function(i) return {a = i} end))
	local keys = {}
	for i = 1, 400000 do
		keys["key" .. i] = i
	end
	write("keys", keys)
	local shared = {}
	-- libyaml itself takes the square of their number for its tree.
	for i = 1, 5000 do
		local one = {i}
		table.insert(shared, one)
		table.insert(shared, one)
	end
	write("aliases", shared)' "$WORK" >/dev/null

REPLIES='reload|ordinary|a `reload`
plan|ordinary|a `plan` with 1,000 modules
stale|ordinary|a `stale` with 5,000 places
eval|ordinary|an `eval` of a table, 10 MB: one long text
table|ordinary|the same text with `-o json`: 70,000 maps
tuples|ordinary|100,000 tuples
text|ordinary|a text of 10 MB
cyrillic|ordinary|100,000 texts in Cyrillic
integers|extreme|1,000,000 integers, all different
maps|extreme|200,000 maps with one key
keys|extreme|a map with 400,000 keys
aliases|extreme|5,000 values that are shared'

# Extremes take long.
[ -z "$QUICK" ] || REPLIES=$(grep -v '|extreme|' <<<"$REPLIES")

# --- Measuring -----------------------------------------------------------------

echo 'reply,kind,bytes,way,round,ms,kb' >"$BENCH_OUT/reply.csv"
while IFS='|' read -r name kind _; do
	bytes=$(wc -c <"$WORK/$name")
	times=$((run_bytes / bytes + 1))
	progress "$name, $bytes bytes"
	for ((round = 1; round <= rounds; round++)); do
		# Alternate, so that neither is always the first.
		ways='events document tree'
		[ $((round % 2)) -eq 1 ] || ways='tree document events'
		for way in $ways; do
			"$reader" "$way" 1 "$times" "$WORK/$name" >"$OUT" ||
			    bail_out "read_reply $way $name"
			echo "$name,$kind,$bytes,$way,$round,$(tr ' ' , <"$OUT")"
		done
	done
done <<<"$REPLIES" >>"$BENCH_OUT/reply.csv"

# field REPLY WAY COLUMN
field()
{
	awk -F, -v reply="$1" -v way="$2" -v column="$3" \
	    '$1 == reply && $4 == way { print $column }' "$BENCH_OUT/reply.csv"
}

# ratios REPLY WAY COLUMN: prints the ratios to `events`, round by round.
ratios()
{
	paste -d ' ' <(field "$1" "$2" "$3") <(field "$1" events "$3") |
	    awk '$2 > 0 { print $1 / $2 }'
}

# speed REPLY WAY: prints the median in MB/s.
speed()
{
	calc "$(wc -c <"$WORK/$1") / 1000 / $(field "$1" "$2" 6 | median)" %.1f
}

# process_kb REPLY WAY: prints the memory of a process that reads the reply: of the
# program without a reply, of the bytes, and of reading them; in kilobytes.
process_kb()
{
	calc "$base_kb + $(wc -c <"$WORK/$1") / 1024 + $(
	    field "$1" "$2" 7 | median)" %.0f
}
base_kb=$(/usr/bin/time -f %M "$CARTRIDGE_RELOAD" --version 2>&1 >"$OUT")

: >"$WORK/rows"
: >"$WORK/ratios"
while IFS='|' read -r name kind text; do
	read -r ratio low high _ < <(ratios "$name" tree 6 | stats)
	memory=$(calc "$(process_kb "$name" tree) / $(process_kb "$name" events)")
	echo "$name $kind $ratio $memory" >>"$WORK/ratios"
	printf '%s,%s,%.0f kB,%s,%s,%s,%.2f,%.2f to %.2f,%.0f,%.0f,%.0f,%s\n' \
	    "$(tr -d , <<<"$text")" "$kind" \
	    "$(calc "$(wc -c <"$WORK/$name") / 1000")" \
	    "$(speed "$name" events)" "$(speed "$name" document)" \
	    "$(speed "$name" tree)" "$ratio" "$low" "$high" \
	    "$(process_kb "$name" events)" "$(process_kb "$name" document)" \
	    "$(process_kb "$name" tree)" "$memory" >>"$WORK/rows"
done <<<"$REPLIES"

say '## Reading replies' '' \
    'From the bytes of a reply to the tree that a report is made from, and that' \
    'tree freed again; beside it the events of plain libyaml on the same bytes,' \
    'each thrown away, and the tree of libyaml itself. MB/s by the time of the' \
    "processor, median of $rounds runs, each a process of its own; the ratio is" \
    'the median of the ratios of the rounds, ours to events. Memory: the peak of' \
    'the whole process in kB, with the bytes of the reply in it. Events keep' \
    'nothing, a tree keeps all: where a reply is one long text, that is as much' \
    'as libyaml needs for it; where it is small things, each of them costs a' \
    'node.'
table "$WORK/rows" reply kind size 'events MB/s' 'libyaml tree MB/s' 'ours MB/s' \
    ratio spread 'events kB' 'libyaml tree kB' 'ours kB' 'memory ratio'
while IFS='|' read -r name _ text; do
	printf '%s: events,%s\n%s: tree,%s\n' "$name" "$(speed "$name" events)" \
	    "$name" "$(speed "$name" tree)"
done <<<"$REPLIES" | bars "$BENCH_OUT/reply.svg" 'Reading replies, MB/s (logarithmic)'
say '![Reading replies](reply.svg)' ''

while read -r name kind ratio memory; do
	[ "$kind" = ordinary ] || continue
	verdict reply "$ratio" '<=' 1.5 "$name: $(calc "$ratio") times the time of plain libyaml events, $(
	    speed "$name" tree) MB/s"
done <"$WORK/ratios"
while read -r name kind ratio memory; do
	[ "$kind" = ordinary ] || continue
	verdict reply "$memory" '<=' 1.5 "$name: a peak of $memory times the memory of a process with plain events ($(
	    process_kb "$name" tree) kB)"
done <"$WORK/ratios"
[ -n "$QUICK" ] || say "Extremes, of which no figure is asked: $(awk '$2 == "extreme" {
	printf "%s%s %.1f times the time and %.1f times the memory",
	    n++ ? ", " : "", $1, $3, $4 }' "$WORK/ratios")."
finish
