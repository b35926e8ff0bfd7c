#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What many consecutive reloads leave behind.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

reloads=$(quick_or 100 1000)
parts=$(quick_or 2 10)

start_app shop

# Prints "reloads kind=number ...".  Entries of the Lua registry that are numbers
# form the list of its free slots.
state()
{
	local counted
	counted=$(app_eval '
		local calls = _G._cluster_vars_values["shop.calls"]
		calls.list = {} -- what the application itself collects
		local function live()
			local before
			repeat
				before = collectgarbage("count")
				collectgarbage()
				collectgarbage()
				-- Finalizers may need other fibers.
				require("fiber").sleep(0)
			until before - collectgarbage("count") < 0.5
			return collectgarbage("count")
		end
		local function count(t)
			local n = 0
			for _ in pairs(t) do
				n = n + 1
			end
			return n
		end
		local out = {}
		local function add(name, n)
			table.insert(out, ("%s=%g"):format(name, n))
		end
		add("heap", math.floor(live() * 10) / 10)
		local used = 0
		for key, value in pairs(debug.getregistry()) do
			if type(value) ~= "number" then
				used = used + 1
			end
		end
		add("registry", used)
		add("fibers", count(require("fiber").info({backtrace = false})))
		local registry =
		    _G._cluster_vars_values["cartridge.service-registry"].registry
		add("routes", count(registry.httpd.routes))
		add("named", count(registry.httpd.iroutes))
		local triggers = #box.ctl.on_shutdown()
		for _, event in ipairs({"on_connect", "on_disconnect",
		    "on_auth"}) do
			triggers = triggers + #box.session[event]()
		end
		local items = box.space.items
		triggers = triggers + #(items:on_replace() or {})
		    + #(items:before_replace() or {})
		add("triggers", triggers)
		add("loaders", #package.loaders)
		add("modules", count(package.loaded))
		add("globals", count(_G))
		if "'"$2"'" == "flush" then
			jit.flush()
			add("without_traces", math.floor(live() * 10) / 10)
		end
		return table.concat(out, " ")') || bail_out 'the state cannot be read'
	STATE="reloads=$1 $counted"
	echo "$STATE" >>"$WORK/states"
}

value()
{
	printf '%s\n' "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

burst()
{
	local i
	for ((i = 0; i < $1; i++)); do
		"$CARTRIDGE_RELOAD" -q -s "$APP_SOCK" >"$OUT" 2>&1 ||
		    bail_out "reload: status $?: $(cat "$OUT")"
	done
}

state 0 no
start=$STATE
# After these, everything that is made only once exists.
burst 10
state 10 no
early=$STATE
step=$(((reloads - 10) / parts))
at=10
for ((part = 1; part < parts; part++)); do
	progress "$at of $reloads reloads"
	burst "$step"
	at=$((at + step))
	state "$at" no
done
burst $((reloads - at))
state "$reloads" flush
end=$STATE

kinds='registry fibers routes named triggers loaders modules globals'
{
	echo 'reloads,heap_kb,registry,fibers,routes,named,triggers,loaders,modules,globals'
	while read -r line; do
		printf '%s,%s' "$(value "$line" reloads)" "$(value "$line" heap)"
		for kind in $kinds; do
			printf ',%s' "$(value "$line" "$kind")"
		done
		echo
	done <"$WORK/states"
} >"$BENCH_OUT/memory.csv"
sed '1d' "$BENCH_OUT/memory.csv" | awk -F, '{ print "live heap," $1 "," $2 }' |
    lines "$BENCH_OUT/memory.svg" "Live heap during $reloads reloads" \
	reloads kB 'set yrange [0:*]'

say "## Memory: $reloads reloads in a row" '' \
    'Live heap in kB after full collections that the bench asks for, and what' \
    'there is of things; the application lists are emptied first. Registry:' \
    'the entries of `debug.getregistry()` that are in use.'
sed '1d' "$BENCH_OUT/memory.csv" >"$WORK/table"
table "$WORK/table" reloads heap registry fibers routes 'named routes' \
    triggers loaders modules globals
flushed=$(value "$end" without_traces)
say "At the end $flushed kB without the compiled traces (\`jit.flush()\`), which" \
    'keep the code alive that they were compiled from.' '' \
    '![Live heap](memory.svg)'

before=$(value "$start" heap)
after=$(value "$end" heap)
growth=$(calc "($after / $before - 1) * 100" %.1f)
verdict memory "$growth" '<=' 10 \
    "after $reloads reloads the live heap has grown by $growth% ($before to $after kB; $(
    calc "($flushed / $before - 1) * 100" %.1f)% without compiled traces)" '<= 10%'
grown=
for kind in $kinds; do
	[ "$(value "$end" "$kind")" -le "$(value "$early" "$kind")" ] ||
	    grown="$grown $kind: $(value "$early" "$kind") to $(
	    value "$end" "$kind");"
done
verdict memory "$(printf '%s' "$grown" | wc -w)" '<=' 0 \
    "growth between reload 10 and $reloads:${grown:- none}" 'none'
finish
