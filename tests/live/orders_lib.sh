# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Reloads of the application `orders` with requests of some seconds in flight,
# changes of the config and of the leader, and broken code in between.  Used by
# a live suite and by the bench, after lib.sh.
#
#	orders_start SECONDS CLIENTS
#	orders_reload VERSION			good code
#	orders_break KIND			one of ORDERS_KINDS
#	orders_end; orders_count

ORDERS_LOG=$WORK/orders.log
ORDERS_SERVING=$WORK/orders.serving
# The version of broken code.
ORDERS_BROKEN=999
ORDERS_KINDS='syntax top validate init apply init_yields'

# Makes the application a cluster of one instance.
orders_bootstrap()
{
	wait_until 10 in_state Unconfigured || return 1
	app_eval 'return require("cartridge").admin_edit_topology({
		replicasets = {{
			alias = "orders",
			roles = {"orders"},
			join_servers = {{uri = "'"$APP_URI"'"}},
		}},
	}) ~= nil' >/dev/null
	wait_until 20 in_state RolesConfigured
}

# orders_serving VERSION: requests that start from now on must run its code.
orders_serving()
{
	echo "$(($(date +%s%N) / 1000000)) $1" >>"$ORDERS_SERVING"
	ORDERS_VERSION=$1
}

# Whether each kind of request was answered at least once.
orders_are_answered()
{
	[ "$(cut -d ' ' -f 3 "$ORDERS_LOG" 2>/dev/null | sort -u | wc -l)" -ge 9 ]
}

orders_start()
{
	BOOTSTRAP=no start_app orders
	orders_bootstrap || bail_out 'orders was not configured'
	rm -f "$WORK/orders.stop" "$ORDERS_SERVING"
	orders_serving 1
	"$TARANTOOL" "$LIVE_DIR/orders.lua" "$APP_URL" "$ORDERS_LOG" \
	    "$WORK/orders.stop" "$1" "$2" >"$WORK/orders.out" 2>&1 &
	ORDERS_PID=$!
	wait_until 30 orders_are_answered ||
	    bail_out "no answers: $(cat "$WORK/orders.out" "$ORDERS_LOG")"
}

# orders_reload VERSION [PLACE=LUA ...]: reloads; sets RC and OUT.  Waits while
# the config is being changed.
orders_reload()
{
	app_version "$@"
	reload -t 30 -w 10
	[ "$RC" -ne 0 ] || orders_serving "$1"
}

# orders_break KIND [PLACE=LUA ...]: the same with broken code, of one of
# ORDERS_KINDS.
orders_break()
{
	local kind=$1 place
	shift
	case $kind in
	syntax)		place='orders_top=local =' ;;
	top)		place='orders_top=error("broken")' ;;
	validate)	place='orders_validate=error("broken")' ;;
	init)		place='orders_init_end=error("broken")' ;;
	apply)		place='orders_apply=error("broken")' ;;
	init_yields)	place='orders_init_end=fiber.sleep(0.5) error("broken")' ;;
	*)		bail_out "no kind of broken code: $kind" ;;
	esac
	orders_reload "$ORDERS_BROKEN" "$place" "$@"
}

orders_end()
{
	touch "$WORK/orders.stop"
	wait "$ORDERS_PID"
}

# Sets ORDERS_TOTAL; ORDERS_FAILED: not answered with 200; ORDERS_MIXED: run by
# code of several versions, or by broken code; ORDERS_LATE: run by older code
# than the code that served at their start; ORDERS_LOST: confirmed writes that
# are missing.  The failures are listed in $WORK/orders.wrong.
orders_count()
{
	local count
	app_eval 'local list = {}
		for _, row in box.space.ledger:pairs() do
			table.insert(list, row[1])
		end
		return table.concat(list, "\n")' | sort >"$WORK/orders.ledger"
	awk '$3 == "transaction" && $5 == 200 { print $4 }' "$ORDERS_LOG" |
	    sort >"$WORK/orders.confirmed"
	ORDERS_LOST=$(comm -13 "$WORK/orders.ledger" "$WORK/orders.confirmed" |
	    wc -l)
	count=$(awk -v wrong="$WORK/orders.wrong" -v broken="$ORDERS_BROKEN" '
		BEGIN { printf "" >wrong }
		NR == FNR {
			since[++changes] = $1
			version[changes] = $2
			next
		}
		{
			total++
			if ($5 != 200) {
				failed++
				print "failed", $0 >wrong
				next
			}
			for (i = 6; i <= NF; i++)
				if ($i != $6 || $i == broken)
					break
			if (i <= NF) {
				mixed++
				print "mixed", $0 >wrong
			}
			for (i = changes; since[i] > $1; i--)
				;
			if ($6 + 0 < version[i] + 0) {
				late++
				print "late", $0 >wrong
			}
		}
		END { print total + 0, failed + 0, mixed + 0, late + 0 }' \
	    "$ORDERS_SERVING" "$ORDERS_LOG")
	read -r ORDERS_TOTAL ORDERS_FAILED ORDERS_MIXED ORDERS_LATE <<<"$count"
}
