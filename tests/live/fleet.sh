#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# All instances of an application on one host, through their sockets: found by
# name, one after the other or in parallel, and with failures of some.

# shellcheck source=tests/live/cluster_lib.sh disable=SC2016
. "$(dirname "$0")/cluster_lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

RUN_DIR=$WORK/run
ALL=$RUN_DIR/'*.control'

# rows COLUMN ...: prints these columns of the table in OUT, one word for each
# row.
rows()
{
	awk -v columns="$*" 'BEGIN { n = split(columns, list, " ") }
	# The lines below the table are not about instances.
	/^(Tarantool|Cartridge|outdated|not healthy)/ { exit }
	NR > 1 {
		row = $list[1]
		for (i = 2; i <= n; i++)
			row = row "," $list[i]
		print row
	}' "$OUT" | xargs
}

# order: prints the instances in the order of the report.
order()
{
	sed -n 's/^.*shop\.\([^.]*\)\.control: .*reloaded to.*/\1/p' "$OUT" |
	    xargs
}

# not_touched: prints the instances reported as not attempted.
not_touched()
{
	sed -n 's/^.*shop\.\([^.]*\)\.control: not attempted$/\1/p' "$ERR" | xargs
}

CODE=own start_cluster shop 's1=storage:s1-a,s1-b' 'router=web+storage:r1'

diag 'Instances found by name'

run status --app shop --run-dir "$RUN_DIR"
is "$RC $(rows 1 2 5 3)" '0 r1,RolesConfigured,0,leader/rw s1-a,RolesConfigured,0,leader/rw s1-b,RolesConfigured,0,follower/ro' \
    'status prints a table of all instances of an application'
is "$(head -n 1 "$OUT" | xargs)" \
    'NAME STATE ROLE PID GEN CODE' 'the table has a header'
is "$(rows 6 | tr ' ' '\n' | sort -u | grep -Ec '^[0-9a-f]{8}$')" 1 \
    'all instances have the same code'
is "$(rows 4)" "${NODE_PID[r1]} ${NODE_PID[s1-a]} ${NODE_PID[s1-b]}" \
    'all instances are different processes'
run status --app shop --run-dir "$RUN_DIR" --instance 's1-*'
is "$(rows 1)" 's1-a s1-b' '--instance takes a pattern'
TARANTOOL_RUN_DIR=$RUN_DIR run status --instance r1
like "$(cat "$OUT")" 'shop.r1.control: running, RolesConfigured, .* r1,' \
    '--instance takes a name, with the run directory from the environment'
run status --app shop --run-dir "$RUN_DIR" --instance s9
is "$RC" 2 'an unknown name is unreachable'
like "$(cat "$ERR")" "searched: $RUN_DIR" 'the searched places are listed'

# A stateboard is a separate Tarantool process.
start_app plain
STATEBOARD=$APP_PID
ln "$APP_SOCK" "$RUN_DIR/shop-stateboard.control"
app_eval 'package.loaded["cartridge.stateboard"] = true' >/dev/null
run status --app shop --run-dir "$RUN_DIR"
is "$RC $(rows 1)" '0 r1 s1-a s1-b' 'the stateboard is left out'

diag 'Rolling reload'

app_versions 2
on s1-b app_eval '
	local fiber = require("fiber")
	local confapplier = require("cartridge.confapplier")
	fiber.new(function()
		while rawget(_G, "__cartridge_reload") == nil
		    or _G.__cartridge_reload.generation == 0 do
			fiber.sleep(0.001)
		end
		confapplier.set_state("ConfiguringRoles")
		fiber.sleep(0.5)
		rawset(_G, "shop_well", fiber.time())
		confapplier.set_state("RolesConfigured")
	end)' >/dev/null
run reload -s "$ALL"
is "$RC" 0 'a rolling reload by a pattern for sockets'
is "$(generations)" '1/v2 1/v2 1/v2' 'all instances have the new code'
ok 'the follower is healthy before the next reload begins' is_before \
    "$(on s1-b app_eval 'return rawget(_G, "shop_well")')" "$(loaded_at r1)"
ok 'each reload ends before the next begins' is_before "$(loaded_at r1)" \
    "$(loaded_at s1-a)"
like "$(cat "$ERR")" \
    'shop-stateboard.control: ' \
    'a stateboard is skipped'
is "$(tail -n 1 "$OUT")" '4 instances: 3 reloaded, 1 skipped' \
    'the summary counts all'
run reload -s "$ALL" --if-changed -o json
is "$(json 'r.exit, #r.instances, r.instances[1].outcome, r.instances[2].outcome,
    r.instances[3].outcome')" '0 3 unchanged unchanged unchanged' \
    '--if-changed does nothing without a change'
is "$(json 'r.instances[1].target, r.instances[2].target, r.instances[3].target')" \
    "${NODE_SOCK[r1]} ${NODE_SOCK[s1-a]} ${NODE_SOCK[s1-b]}" \
    'JSON is in the order of the names'

diag 'A stale socket file'

kill -KILL "$STATEBOARD"
wait "$STATEBOARD" 2>/dev/null
mv "$RUN_DIR/shop-stateboard.control" "$RUN_DIR/shop.gone.control"
run status --app shop --run-dir "$RUN_DIR"
is "$RC $(rows 1 2)" \
    '2 r1,RolesConfigured s1-a,RolesConfigured s1-b,RolesConfigured gone,unreachable:' \
    'an instance that was killed is at the end of the table'
app_versions 3 "storage_init=$HOLD; $FAIL"
run reload --app shop --run-dir "$RUN_DIR"
is "$RC $(not_touched)" '2 r1 s1-a s1-b' \
    'an unreachable instance refuses the reload'
is "$(generations)" '1/v2 1/v2 1/v2' 'no instance is reloaded'
rm "$RUN_DIR/shop.gone.control"

diag 'An instance that fails'

set_flag r1 shop_fail 3
run reload --app shop --run-dir "$RUN_DIR"
is "$RC" 3 'new code fails in init on the second instance'
like "$(cat "$ERR")" 'shop.r1.control: .*role storage.*no disk here' \
    'the failed instance is named'
is "$(generations)" '1/v2 2/v3 1/v2' 'the first instance has the new code'
is "$(order) $(not_touched)" 's1-b s1-a' 'the last instance is not attempted'
is "$(tail -n 2 "$OUT")" "3 instances: 1 reloaded, 1 failed, 1 not attempted
  ${NODE_SOCK[r1]}: failed (init_failed)" 'the summary has the failure'
run reload --app shop --run-dir "$RUN_DIR" --keep-going -o json
is "$(json 'r.exit, r.instances[1].outcome, r.instances[2].outcome,
    r.instances[3].outcome, r.instances[1].rollback.complete')" \
    '3 failed reloaded reloaded true' '--keep-going reloads the others'
is "$(generations)" '2/v3 3/v3 1/v2' \
    '--keep-going: all others have the new code'
is "$(on r1 http_get /hello)" 'hello v2' \
    '--keep-going: the failed instance still serves'
set_flag r1 shop_fail

diag 'Parallel reload'

set_flag r1 shop_hold 3
set_flag s1-a shop_hold 3
begin_run reload --app shop --run-dir "$RUN_DIR" --jobs 3
ok '--jobs 3: one instance is being reloaded' wait_until 10 is_reloading r1
ok '--jobs 3: another one is being reloaded at the same time' \
    wait_until 10 is_reloading s1-a
set_flag r1 shop_hold
set_flag s1-a shop_hold
finish_run
is "$RC $(generations)" '0 3/v3 4/v3 2/v3' '--jobs 3: all are reloaded'

diag 'Other commands'

run eval -s "$ALL" 'return box.info.ro' -o json
is "$(json 'r.exit, r.instances[1].results, r.instances[2].results,
    r.instances[3].results')" '0 [false] [false] [true]' 'eval on all instances'
run plan --app shop --run-dir "$RUN_DIR"
is "$RC $(tail -n 1 "$OUT")" '0 3 instances: 3 unchanged' \
    'plan of all instances'
is "$(generations)" '3/v3 4/v3 2/v3' 'plan changes nothing'
run stale --app shop --run-dir "$RUN_DIR"
is "$RC $(tail -n 1 "$OUT")" '0 3 instances: 3 ok' 'stale of all instances'

diag 'An instance that hangs'

freeze_node s1-b
ok 'membership suspects the stopped instance' \
    wait_until 10 member_is r1 s1-b status dead
wait_until 10 member_is s1-a s1-b status dead
BEGAN=$SECONDS
run status --app shop --run-dir "$RUN_DIR" --timeout 1
is "$RC $(rows 1 2)" "2 r1,RolesConfigured s1-a,RolesConfigured s1-b,unreachable:" \
    'the table has the stopped instance at the end'
run reload --app shop --run-dir "$RUN_DIR" --timeout 1
is "$RC $(not_touched)" '2 r1 s1-a' 'an unreachable instance refuses the reload'
run reload --app shop --run-dir "$RUN_DIR" --timeout 3 --keep-going
is "$RC $(order)" '2 r1 s1-a' '--keep-going reloads the others'
ok 'each request takes no longer than its timeout' \
    [ $((SECONDS - BEGAN)) -lt 40 ]
thaw_node s1-b
ok 'the stopped instance continues' wait_until 20 cluster_is_healthy
is "$(generations)" '4/v3 4/v3 3/v3' \
    'the stopped instance does not run abandoned requests'

diag 'An instance that starts later'

stop_node s1-b
begin_run reload -s "${NODE_SOCK[s1-b]}" -s "${NODE_SOCK[r1]}" --wait 60 -v
ok '--wait waits for the instance' \
    wait_until 10 grep -q 'shop.s1-b.control: waiting' "$ERR"
is "$(generations r1)" '3/v3' 'no reload begins before all are reachable'
run_node s1-b
finish_run
is "$RC $(order)" '0 s1-b r1' 'the late instance is reloaded like the others'

done_testing
