#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# How long a reload blocks the event loop: the longest slice without a turn of the
# event loop, by the number of modules and with a large heap.  A fiber that sleeps
# 0 s in a loop measures the processor time of the server's thread between two of
# its turns, which does not depend on other processes.

# shellcheck disable=SC2016 # the back-quotes are Markdown's
# shellcheck source=tests/bench/modules_lib.sh
. "$(dirname "$0")/modules_lib.sh"

# Milliseconds by which a slice may exceed the longest one without a reload.
LIMIT=10

start_probe()
{
	app_eval "
		local clock, fiber = require('clock'), require('fiber')
		rawset(_G, 'longest_slice', 0)
		fiber.create(function()
			fiber.name('probe')
			local last = clock.thread()
			while true do
				fiber.sleep(0)
				local now = clock.thread()
				longest_slice = math.max(longest_slice, now - last)
				last = now
			end
		end)
		return true" >"$OUT" || bail_out 'the probe cannot be started'
}

# Does not count the slice in which the console evaluates this.
reset_probe()
{
	app_eval "
		local fiber = require('fiber')
		fiber.create(function()
			fiber.sleep(0.05)
			longest_slice = 0
		end)
		return true" >"$OUT"
	app_eval "require('fiber').sleep(0.2) return true" >"$OUT"
}

longest_slice()
{
	app_eval 'return longest_slice * 1000'
}

# measure COMMAND ...: prints the longest slice while the command runs, in ms.
measure()
{
	collect
	reset_probe
	"$@" >/dev/null || bail_out "failed: $*"
	longest_slice
}

idle()
{
	app_eval "require('fiber').sleep(1) return true"
}

one_reload()
{
	reload -t 120
	[ "$RC" -eq 0 ] || bail_out "reload: status $RC: $(cat "$ERR")"
}

: >"$WORK/rows"
echo 'modules,objects,round,reload_ms,bare_loop_ms,idle_ms' \
    >"$BENCH_OUT/stalls.csv"

# compare MODULES OBJECTS ROUNDS: measures a reload, the loop, and an idle
# instance, in turn.
compare()
{
	local size=$1 objects=$2 rounds=$3 round took loop quiet over
	progress "$size modules, $objects objects"
	for ((round = 0; round <= rounds; round++)); do
		took=$(measure one_reload) || exit 1
		loop=$(measure bare_loop) || exit 1
		quiet=$(measure idle) || exit 1
		# The first round is a warm-up.
		[ "$round" -eq 0 ] ||
		    echo "$size,$objects,$round,$took,$loop,$quiet" \
		    >>"$BENCH_OUT/stalls.csv"
	done
	awk -F, -v size="$size" -v objects="$objects" \
	    '$1 == size && $2 == objects' "$BENCH_OUT/stalls.csv" >"$WORK/one"
	took=$(cut -d , -f 4 "$WORK/one" | median)
	loop=$(cut -d , -f 5 "$WORK/one" | median)
	quiet=$(cut -d , -f 6 "$WORK/one" | median)
	over=$(awk -F, '{ print $4 - $6 }' "$WORK/one" | median)
	printf '%d,%d,%.1f,%.1f,%.1f,%.1f,%d\n' "$size" "$objects" "$took" \
	    "$(cut -d , -f 4 "$WORK/one" | stats | cut -d ' ' -f 3)" \
	    "$loop" "$quiet" "$rounds" >>"$WORK/rows"
	verdict stalls "$over" '<' "$LIMIT" \
	    "a reload of $size modules beside $objects objects keeps others$(
	    ) waiting $(calc "$took" %.1f) ms, $(
	    calc "$over" %.1f) more than no reload" \
	    "< $LIMIT ms"
}

start_app plain
start_probe
for size in $(quick_or '10 1000' '10 100 1000 5000'); do
	make_modules "$size"
	compare "$size" 0 "$(quick_or 3 7)"
done

# With a large heap, in a new process.
stop_app "$APP_PID"
start_app plain
start_probe
objects=$(quick_or 200000 1000000)
app_eval "
	local heap = {}
	for i = 1, $objects / 2 do
		heap[i] = {{i}}
		if i % 10000 == 0 then
			require('fiber').yield()
		end
	end
	rawset(_G, 'heap', heap)
	return true" >"$OUT" || bail_out 'the heap cannot be made'
make_modules 100
compare 100 "$objects" "$(quick_or 3 7)"

say '## Stalls' '' \
    'The longest time for which the event loop did not turn while the' \
    'instance was reloaded: processor time of its thread, medians of the' \
    'rounds; beside it a loop that unloads the modules and requires them' \
    'again, and the same instance without a reload; ms.'
table "$WORK/rows" modules 'objects in the heap' reload 'worst reload' \
    'bare loop' 'no reload' rounds
finish
