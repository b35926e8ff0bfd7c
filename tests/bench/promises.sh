#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Whether reloads keep their promises to requests in flight: requests of 1 to 3 s
# in different idioms, while the application is reloaded with good and broken
# code, and the config and the leader change.

# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/live/orders_lib.sh
. "$BENCH_DIR/../live/orders_lib.sh"

reloads=$(quick_or 6 20)
seconds=1 clients=$(quick_or 2 4)

orders_start "$seconds" "$clients"
echo 'reload,code,exit,ms,changes' >"$BENCH_OUT/promises.csv"
version=1 refused=0 reloaded=0 changed=0
read -r -a kinds <<<"$ORDERS_KINDS"

# reload_once NUMBER CODE COMMAND ...: reloads once; every second time with a slow
# init, during which the config and the leader change.
reload_once()
{
	local number=$1 code=$2 changes=-
	shift 2
	progress "reload $number of $((reloads * 2)): $code"
	if [ $((number / 2 % 2)) -eq 0 ]; then
		changes_begin orders "$number"
		set -- "$@" 'stock_init_end=fiber.sleep(1)'
	fi
	"$@"
	if [ $((number / 2 % 2)) -eq 0 ]; then
		changes_end
		changes=$CHANGES
		[ "$changes" = 'true false true ' ] || changed=$((changed + 1))
	fi
	echo "$number,$code,$RC,$(json 'math.floor(i.duration_ms or 0)'),$changes" \
	    >>"$BENCH_OUT/promises.csv"
}

for ((n = 0; n < reloads; n++)); do
	kind=${kinds[n % ${#kinds[@]}]}
	version=$((version + 1))
	reload_once $((2 * n)) good orders_reload "$version"
	[ "$RC" -ne 0 ] || reloaded=$((reloaded + 1))
	reload_once $((2 * n + 1)) "broken: $kind" orders_break "$kind"
	[ "$RC" -ne 3 ] || refused=$((refused + 1))
	[ "$(app_state)" = RolesConfigured ] || refused=$((refused - 1))
done
orders_end
orders_count

awk '$5 == 200 { ok[$3]++ }
	{
		total[$3]++
		ms = $2 - $1
		if (ms > worst[$3])
			worst[$3] = ms
	}
	END {
		for (kind in total)
			printf "%s,%d,%d,%d\n", kind, total[kind], \
			    total[kind] - ok[kind], worst[kind]
	}' "$ORDERS_LOG" | sort >"$BENCH_OUT/promises_kinds.csv"

say '## Requests in flight' '' \
    "$((clients * 9)) clients with requests of $seconds to $((3 * seconds)) s;" \
    "$reloads reloads of good code, and after each one of broken code; changes of" \
    'the config and of the leader during half of them.'
table "$BENCH_OUT/promises_kinds.csv" kind requests failed 'worst ms'
sed 1d "$BENCH_OUT/promises.csv" >"$WORK/table"
table "$WORK/table" reload code 'exit status' ms 'changes meanwhile'
say "$(head -n 20 "$WORK/orders.wrong" | sed 's/^/    /')"

verdict promises "$ORDERS_FAILED" '<=' 0 \
    "$ORDERS_FAILED of $ORDERS_TOTAL requests failed" '0 failed'
verdict promises "$ORDERS_LOST" '<=' 0 \
    "$ORDERS_LOST confirmed writes were lost" '0 lost'
verdict promises "$ORDERS_MIXED" '<=' 0 \
    "$ORDERS_MIXED answers are of several generations" '0 mixed'
verdict promises "$ORDERS_LATE" '<=' 0 \
    "$ORDERS_LATE requests got older code than what served" '0 late'
verdict promises "$((reloads - reloaded))" '<=' 0 \
    "$((reloads - reloaded)) of $reloads good reloads were not done" none
verdict promises "$((reloads - refused))" '<=' 0 \
    "$((reloads - refused)) of $reloads broken ones did not leave the old code" none
verdict promises "$changed" '<=' 0 \
    "$changed changes of config and leader were refused meanwhile" none
finish
