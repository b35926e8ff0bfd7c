#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Requests of some seconds in flight during reloads, with working and broken
# code, and with changes of the config and of the leader: each finishes on the
# code on which it started.  The bench section `promises` does the same for
# longer.

# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/live/orders_lib.sh
. "$LIVE_DIR/orders_lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

orders_start 0.7 2

changes_begin orders 2
orders_reload 2 'stock_init_end=fiber.sleep(0.5)'
is "$RC" 0 'a reload succeeds while config and leadership change'
changes_end
is "$CHANGES" 'true false true ' 'changes of config and leadership succeed'
is "$(json 'names(i.fibers.left)')" '' 'no request is left on old code'

for kind in $ORDERS_KINDS; do
	[ "$kind" != init_yields ] || changes_begin orders 3
	orders_break "$kind"
	is "$RC" 3 "broken: $kind"
	[ "$kind" != init_yields ] || changes_end
	is "$(app_state)" RolesConfigured 'the state is RolesConfigured'
done

orders_reload 4
is "$RC" 0 'a reload succeeds'
orders_reload 5
is "$RC" 0 'an immediate second reload succeeds'

orders_end
orders_count
is "$ORDERS_FAILED" 0 "none of $ORDERS_TOTAL requests failed"
is "$ORDERS_MIXED" 0 'no request was answered by two generations'
is "$ORDERS_LATE" 0 'no request begun after a reload was answered by old code'
is "$ORDERS_LOST" 0 'no write was lost'
[ "$FAILED" -eq 0 ] || diag "$(head -n 20 "$WORK/orders.wrong")"
is "$(app_eval 'local count = 0
	for _, f in pairs(require("fiber").info({backtrace = false})) do
		count = count + (f.name == "orders_worker" and 1 or 0)
	end
	return count')" 6 'all workers belong to one generation'

done_testing
