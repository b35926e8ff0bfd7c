#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The client is killed, at any moment of a reload under load: the instance is
# on one whole generation each time, answers every request and takes the next
# reload.  The moments are spread evenly over the time from the start of the
# program to after its end, one at random in each of as many parts.
#
# Environment: KILLS (how many, 40), SEED (of the moments; another one each
# time, and printed).

# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/../live/lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"
command -v wrk >/dev/null || skip_all 'wrk is not there'

KILLS=${KILLS:-40}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}

# Of each answer all versions must be the same.
VERSIONS='
local mixed_count, threads, paths = 0, {}, {"/versions", "/hello"}
local n = 0
function setup(thread)
	table.insert(threads, thread)
end
function request()
	n = n + 1
	return wrk.format("GET", paths[n % #paths + 1])
end
function response(status, headers, body)
	local first = body:match("%d+")
	for version in body:gmatch("%d+") do
		if version ~= first then
			mixed_count = mixed_count + 1
			mixed = mixed_count
			return
		end
	end
end
local said = done
function done(summary)
	for _, thread in ipairs(threads) do
		print("MIXED " .. (thread:get("mixed") or 0))
	end
	said(summary)
end'

milliseconds()
{
	local now=$EPOCHREALTIME
	echo $((${now%.*} * 1000 + 10#${now#*.} / 1000))
}

# Prints the moments in ms, in an order at random: moments COUNT LAST
moments()
{
	awk -v count="$1" -v last="$2" -v seed="$SEED" 'BEGIN {
		srand(seed)
		for (i = 0; i < count; i++)
			at[i] = last * (i + rand()) / count
		for (i = count - 1; i > 0; i--) {
			k = int(rand() * (i + 1))
			kept = at[i]
			at[i] = at[k]
			at[k] = kept
		}
		for (i = 0; i < count; i++)
			printf "%.3f\n", at[i]
	}'
}

# Waits until no reload is running.  Prints the generation, and the versions of
# the code that is loaded and that is served, all of the same moment.
state()
{
	app_eval '
		local fiber = require("fiber")
		local registry = rawget(_G, "__cartridge_reload")
		local ends = fiber.clock() + 20
		while registry.lock ~= nil
		    and registry.lock.fiber:status() ~= "dead" do
			assert(fiber.clock() < ends, "the lock is not given back")
			fiber.sleep(0.001)
		end
		local loaded = package.loaded
		local service = require("cartridge").service_get
		return registry.generation, loaded["app.roles.web"].version,
		    loaded["app.roles.storage"].version,
		    loaded["app.lib.prices"].version,
		    loaded["app.lib.settings"].version,
		    service("web").version, service("storage").version' |
	    tr '\t' ' '
}

six()
{
	echo "$1 $1 $1 $1 $1 $1"
}

# Each step takes some time, or nearly all moments would be in the search for
# stale references.
next_version()
{
	local nap='require("fiber").sleep(0.02)'
	version=$((version + 1))
	app_version "$version" "prices_top=$nap" "web_validate=$nap" \
	    "storage_init=$nap" "web_init=$nap" "web_apply=$nap"
}

# Sets LAST: when the last kill is, in ms: somewhat more than a whole reload
# takes, as the median of some.
measure()
{
	local begin times=()
	for _ in 1 2 3 4 5 6 7; do
		next_version
		begin=$(milliseconds)
		run -s "$APP_SOCK"
		times+=($(($(milliseconds) - begin)))
		[ "$RC" -eq 0 ] || bail_out "no reload: $(cat "$ERR")"
	done
	LAST=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 4p)
	LAST=$((LAST * 6 / 5))
}

start_app shop
LOAD_LUA=$VERSIONS load_start
version=1
measure

killed=0
ended=0
old=0
new=0
mixtures=
refusals=
n=0
read -r generation _ <<<"$(state)"
before=$version
for moment in $(moments "$KILLS" "$LAST"); do
	n=$((n + 1))
	what="kill $n after $moment ms"
	next_version
	# In the foreground, or timeout would be killed, too.
	timeout --foreground -s KILL "$(awk "BEGIN { print $moment / 1000 }")" \
	    "$CARTRIDGE_RELOAD" -s "$APP_SOCK" >"$OUT" 2>&1
	case $? in
	137)	killed=$((killed + 1)) ;;
	0 | 124) ended=$((ended + 1)) ;;
	*)	refusals="$refusals$what: $(cat "$OUT")"$'\n' ;;
	esac
	answer=$(http_get /versions | grep -o '[0-9]*' | sort -u | tr '\n' ' ')
	[ "$answer" = "$before " ] || [ "$answer" = "$version " ] ||
	    mixtures="$mixtures$what: served is $answer"$'\n'
	found=$(state)
	case $found in
	# The client was gone before all of the request was.
	"$generation $(six "$before")")			old=$((old + 1)) ;;
	"$((generation + 1)) $(six "$version")")	new=$((new + 1)) ;;
	*)
		mixtures="$mixtures$what: generation $generation of version"
		mixtures="$mixtures $before became $found"$'\n'
		;;
	esac

	# What was sent before the kill may be read only now.
	run -s "$APP_SOCK" --wait 10
	found=$(state)
	if [ "$RC" -ne 0 ] || [ "${found#* }" != "$(six "$version")" ]; then
		refusals="$refusals$what: $RC, $found, $(cat "$ERR")"$'\n'
	fi
	generation=${found%% *}
	before=$version
done
load_stop

diag "seed $SEED: in $LAST ms $killed were killed," \
    "$ended had ended before; $old left the old code, $new the new"
is "$((killed + ended))" "$KILLS" "$KILLS clients were killed or had ended"
is "$mixtures" '' 'each time the instance is on one whole generation'
is "$refusals" '' 'each time the next reload succeeds'
is "$LOAD_FAILED" 0 "none of $LOAD_REQUESTS requests failed"
is "$(sed -n 's/^MIXED //p' "$WORK/load")" 0 \
    'no request was answered by two generations'
# Or the moments are wrong.
ok 'enough clients were killed during a reload' [ "$killed" -gt $((KILLS / 4)) ]

done_testing
