#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# A whole cluster through one of its instances: the order, the conditions that
# prevent a reload, and the report if an instance fails, dies or hangs during
# it.

# shellcheck source=tests/live/cluster_lib.sh disable=SC2016
. "$(dirname "$0")/cluster_lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

COOKIE=cluster-test-cookie
VERSION=1

# The complete output of all runs.
SAID=$WORK/said
remember()
{
	cat "$OUT" "$ERR" >>"$SAID"
}

# via ENTRY ARGUMENT ...: runs the program for the whole cluster through ENTRY.
via()
{
	local entry=$1
	shift
	run "$@" --cluster -s "${NODE_SOCK[$entry]}"
	remember
}

begin_via()
{
	local entry=$1
	shift
	begin_run "$@" --cluster -s "${NODE_SOCK[$entry]}"
}

finish_via()
{
	finish_run
	remember
}

# said FILE: prints it without addresses, which differ from run to run.
said()
{
	sed 's/ (127\.0\.0\.1:[0-9]*)//g; s/127\.0\.0\.1:[0-9]*/ADDRESS/g' "$1"
}

# summary: prints the end of the report, from the line with the counts on.
summary()
{
	said "$OUT" | sed -n '/^[0-9]* instances: /,$p'
}

# order: prints the reloaded instances, in the order of the report.
order()
{
	said "$OUT" | sed -n 's/^\([^ ]*\): reloaded to.*/\1/p' | xargs
}

not_touched()
{
	said "$ERR" | sed -n 's/^cartridge-reload: \(.*\): not attempted$/\1/p' |
	    xargs
}

# rows COLUMN ...: prints these columns of the table in OUT, one word for each
# row.
rows()
{
	awk -v columns="$*" 'BEGIN { n = split(columns, list, " ") }
	/^NAME / { on = 1; next }
	/^[0-9]+ instances: / { on = 0 }
	# The lines below the table are not about instances.
	/^(Tarantool|Cartridge|outdated|not healthy)/ { on = 0 }
	on {
		row = $list[1]
		for (i = 2; i <= n; i++)
			row = row "," $list[i]
		print row
	}' "$OUT" | xargs
}

# The next version of the code on all hosts; a flag makes the init of its role
# wait or fail on an instance.
next_version()
{
	VERSION=$((VERSION + 1))
	app_versions "$VERSION" "storage_init=$HOLD; $FAIL"
}

hold()
{
	set_flag "$1" shop_hold "$VERSION"
}

release()
{
	set_flag "$1" shop_hold
}

# last NAME: prints the outcome of the last reload of an instance.
last()
{
	on "$1" app_eval 'local registry = rawget(_G, "__cartridge_reload")
		local last = registry and registry.last or {}
		return ("%s %s"):format(last.outcome, last.code)'
}

is_idle()
{
	! is_reloading "$1"
}

CODE=own start_cluster shop 's1=storage:s1-a,s1-b' 'router=web+storage:r1'
S1=$(node_set s1-a)
S1_A=$(node_uuid s1-a)
S1_B=$(node_uuid s1-b)

diag 'A healthy cluster'

via r1 status
is "$RC $(rows 1 2 5 3)" '0 r1,RolesConfigured,0,leader/rw s1-a,RolesConfigured,0,leader/rw s1-b,RolesConfigured,0,follower/ro' \
    'status --cluster prints a table'
cp "$OUT" "$WORK/table"
via s1-b status
is "$(cat "$OUT")" "$(cat "$WORK/table")" \
    'through another instance the table is the same'
next_version
on r1 load_start
via r1 reload
is "$RC $(order)" '0 s1-b s1-a r1' \
    'reload --cluster: followers, then leaders, the gateway last in its group'
is "$(cat "$ERR")" '' 'reload --cluster: nothing on standard error'
is "$(summary)" '3 instances: 3 reloaded' \
    'reload --cluster: the summary counts all instances'
is "$(generations)" '1/v2 1/v2 1/v2' \
    'reload --cluster: all instances have the new code'
is "$(on r1 http_get /hello)" 'hello v2' \
    'reload --cluster: new code serves over HTTP'
ok 'reload --cluster: the second instance starts after the first has ended' \
    is_before "$(loaded_at s1-b)" "$(loaded_at s1-a)"
ok 'reload --cluster: the last instance starts after the others have ended' \
    is_before "$(loaded_at s1-a)" "$(loaded_at r1)"
next_version
via r1 reload -o json
is "$(json 'r.exit, r.command, r.instances[1].alias, r.instances[2].alias,
    r.instances[3].alias, r.instances[1].outcome, r.instances[2].outcome,
    r.instances[3].outcome')" \
    '0 reload r1 s1-a s1-b reloaded reloaded reloaded' 'JSON is sorted by name'
is "$(json 'r.instances[2].target, r.instances[3].uuid, r.instances[3].generation,
    #r.instances[3].modules, names(r.instances[3].roles)')" \
    "s1-a (${NODE_URI[s1-a]}) $S1_B 2 8 audit health spare storage web" \
    'relayed reports are complete'
next_version
via s1-b reload -v
is "$RC $(order)" '0 s1-b r1 s1-a' \
    'a follower as gateway is reloaded before the leaders'
is "$(said "$ERR" | sed -n 's/^cartridge-reload: s1-a: //p' | xargs)" \
    'compile load validate init apply commit scan' \
    'phases of relayed instances are printed'
on r1 load_stop
is "$LOAD_FAILED" 0 'under load no request failed'
ok 'under load there were requests' [ "$LOAD_REQUESTS" -gt 100 ]
next_version
via r1 plan
is "$RC $(summary | head -n 1)" '0 3 instances: 3 planned' \
    'plan --cluster succeeds'
like "$(said "$OUT")" '^s1-b: planned: 8 modules .*, 3 roles' \
    'plan --cluster has a line for each instance'
is "$(generations)" '3/v4 3/v4 3/v4' 'plan --cluster changes nothing'
via s1-a stale
is "$RC $(summary)" '0 3 instances: 3 ok' 'stale --cluster finds nothing'
via r1 reload --if-changed
via r1 reload --if-changed
is "$RC $(summary)" '0 3 instances: 3 unchanged' \
    '--if-changed reloads no instance twice'

diag 'An instance without the new code on disk'

next_version
on s1-b app_version 3
via r1 reload
is "$RC" 5 'mixed code is refused'
like "$(said "$ERR")" '^cartridge-reload: r1: .* s1-b has [0-9a-f]{8}, ' \
    'mixed code: the instance is named'
is "$(not_touched)" 's1-a s1-b' 'mixed code: the others are not attempted'
is "$(generations)" '4/v5 4/v5 4/v5' 'mixed code: no instance is reloaded'
via r1 plan
is "$RC $(grep -oE '[0-9a-f]{8}$' "$OUT" | sort | uniq -c | sort -n | awk '{ print $1 }' | xargs)" \
    '5 1 2' 'mixed code: plan shows the code of each instance'
via r1 reload --allow-mixed
is "$RC $(generations)" '0 5/v6 5/v3 5/v6' '--allow-mixed reloads all'
next_version
for name in "${NODES[@]}"; do
	echo 'return {}' >"${NODE_CODE[$name]}/app/lib/extra.lua"
done
on r1 app_eval 'require("app.lib.extra")' >/dev/null
via r1 reload
is "$RC" 0 'an instance that has loaded more modules has the same code'
rm "${NODE_CODE[s1-a]}/app/lib/extra.lua"
via r1 reload
like "$RC $(said "$ERR" | head -n 1)" '^5 .*: s1-a has ' \
    'an instance that lacks a file it has not loaded has other code'
cp "${NODE_CODE[r1]}/app/lib/extra.lua" "${NODE_CODE[s1-a]}/app/lib/extra.lua"

diag 'A failure in the middle'

next_version
set_flag s1-a shop_fail "$VERSION"
via r1 reload
is "$RC" 3 'new code fails in init on the second instance'
is "$(generations)" '6/v7 7/v8 6/v7' 'only the first instance has the new code'
is "$(summary)" '3 instances: 1 reloaded, 1 failed, 1 not attempted
  s1-a: failed (init_failed)' 'the summary counts all instances'
like "$(said "$OUT")" '^s1-a: failed after .*, rolled back; generation 6$' \
    'the failed instance was rolled back'
like "$(said "$ERR")" '^cartridge-reload: s1-a: .*role storage.*no disk here' \
    'the failed instance is named, with the role and the reason'
is "$(not_touched)" r1 'the gateway is not attempted'
via r1 reload --keep-going -o json
is "$(json 'r.exit, r.instances[1].outcome, r.instances[2].outcome,
    r.instances[3].outcome, r.instances[2].rollback.complete,
    r.instances[2].error.role')" \
    '3 reloaded failed reloaded true storage' '--keep-going reloads the others'
is "$(generations)" '6/v7 8/v8 7/v8' \
    '--keep-going: all others have the new code'
is "$(on s1-a app_state)" RolesConfigured \
    '--keep-going: the failed instance still serves'
set_flag s1-a shop_fail
via r1 reload --if-changed
is "$RC $(generations)" '0 7/v8 8/v8 7/v8' \
    '--if-changed reloads only the instance that is left'

diag 'An instance that dies during its reload'

next_version
hold s1-a
begin_via r1 reload
ok 'the second instance is being reloaded when it is killed' \
    wait_until 10 is_reloading s1-a
kill_node s1-a
finish_via
is "$RC $(summary)" '4 3 instances: 1 reloaded, 1 timeout, 1 not attempted
  s1-a: timeout (closed)' 'the outcome of the killed instance is unknown'
like "$(said "$ERR")" '^cartridge-reload: s1-a: .*ADDRESS' \
    'the reason is reported'
is "$(not_touched)" r1 'the next instance is not attempted'
ok 'the killed instance starts again' run_node s1-a
ok 'all instances are healthy' wait_until 20 cluster_is_healthy

diag 'The gateway dies while another instance is reloaded'

next_version
hold s1-a
begin_via r1 reload
ok 'the other instance is being reloaded when the gateway is killed' \
    wait_until 10 is_reloading s1-a
kill_node r1
finish_via
is "$RC $(summary)" '8 3 instances: 1 reloaded, 1 protocol, 1 not attempted
  s1-a: protocol (closed)' 'each instance is reported as far as its outcome is known'
like "$(said "$ERR")" '^cartridge-reload: s1-a: .*/r1/console.sock: ' \
    'the lost gateway is named'
is "$(not_touched)" r1 'the gateway was not reloaded'
via s1-b status -o json
is "$(json 'r.instances[1].outcome, r.instances[2].outcome,
    r.instances[2].status.reloading ~= json.NULL')" 'unreachable ok true' \
    'another gateway shows the running reload'
release s1-a
ok 'the reload ends' wait_until 10 is_idle s1-a
via s1-b status -o json
is "$(json 'r.exit, r.instances[2].generation, r.instances[2].status.last.outcome')" \
    '2 1 reloaded' 'status shows the outcome of the reload'
ok 'the gateway starts again' run_node r1
ok 'all instances are healthy' wait_until 20 cluster_is_healthy

diag 'Concurrent changes'

next_version
hold s1-a
OUT=$WORK/other ERR=$WORK/other begin_run reload -s "${NODE_SOCK[s1-a]}"
ok 'another client reloads one of the instances' wait_until 10 is_reloading s1-a
via r1 reload
is "$RC $(summary)" '5 3 instances: 1 reloaded, 1 refused, 1 not attempted
  s1-a: refused (locked)' 'the locked instance refuses'
like "$(said "$ERR")" "^cartridge-reload: s1-a: .* pid $RUN_PID," \
    'the holder of the lock is named'
OTHER=$RUN_PID
begin_via r1 reload --wait 60 -v
ok '--wait waits for the lock' wait_until 10 grep -q 's1-a .*: waiting' "$ERR"
release s1-a
finish_via
is "$RC $(order)" '0 s1-b s1-a r1' \
    '--wait reloads all after the lock is released'
wait "$OTHER"
is $? 0 'the waiting reload changes nothing in the other one'
hold r1
begin_via r1 reload
ok 'the last instance is being reloaded' wait_until 10 is_reloading r1
is "$(on s1-a app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 7}})')" true 'a config change succeeds during a reload'
release r1
finish_via
is "$RC $(order)" '0 s1-b s1-a r1' \
    'the reload succeeds in spite of the config change'
is "$(on r1 http_get /configured | tr -d '{}' | tr , '\n' | sort | xargs)" \
    "is_master:true limit:7 version:$VERSION" \
    'the new code has the new config'
next_version
hold s1-b
begin_via r1 reload
ok 'a follower is being reloaded' wait_until 10 is_reloading s1-b
on r1 edit_topology 'replicasets = {{uuid = "'"$S1"'",
    failover_priority = {"'"$S1_B"'", "'"$S1_A"'"}}}'
ok 'the follower becomes the leader during its reload' \
    wait_until 10 leader_is r1 s1-b s1-b
release s1-b
finish_via
is "$RC $(order)" '0 s1-b s1-a r1' \
    'the reload succeeds in spite of the new leader'
like "$(on s1-b app_eval 'local last
	for _, text in ipairs(_G._cluster_vars_values["shop.calls"].list) do
		last = text:match("^storage.apply (.*)") or last
	end
	return last')" "^v$VERSION master" 'the new code knows that it leads'
ok 'the instance leads' wait_until 10 eval \
    '[ "$(on s1-b app_eval "return box.info.ro")" = false ]'
via r1 reload
is "$RC $(order)" '0 s1-a s1-b r1' 'the new leader is reloaded last'
on r1 edit_topology 'replicasets = {{uuid = "'"$S1"'",
    failover_priority = {"'"$S1_A"'", "'"$S1_B"'"}}}'
ok 'the former leader leads again' wait_until 10 leader_is r1 s1-a s1-a

diag 'Interrupts'

next_version
hold s1-a
begin_via r1 reload
ok 'the second instance is being reloaded' wait_until 10 is_reloading s1-a
kill -INT "$RUN_PID"
ok 'Ctrl-C: the instance that is waited for is named' wait_until 10 \
    grep -q 'interrupted; waiting for s1-a (.*) (interrupt again to stop waiting)' "$ERR"
release s1-a
finish_via
is "$RC $(summary)" '130 3 instances: 2 reloaded, 1 not attempted' \
    'Ctrl-C: running reloads end'
is "$(not_touched)" r1 'Ctrl-C: no other reload begins'
hold s1-a
begin_via r1 reload
ok 'a reload is running again' wait_until 10 is_reloading s1-a
kill -INT "$RUN_PID"
wait_until 10 grep -q 'interrupt again' "$ERR"
kill -INT "$RUN_PID"
finish_via
is "$RC $(summary)" '130 3 instances: 1 reloaded, 1 timeout, 1 not attempted
  s1-a: timeout (interrupted)' 'Ctrl-C twice: the client stops waiting'
release s1-a
ok 'Ctrl-C twice: the instance continues' wait_until 10 is_idle s1-a
is "$(last s1-a)" 'reloaded nil' \
    'Ctrl-C twice: the instance completes its reload'

diag 'Time limits'

next_version
mark=$(generations)
hold s1-b
begin_via r1 reload --timeout 2
ok 'a slow instance is being reloaded' wait_until 10 is_reloading s1-b
finish_via
is "$RC $(summary)" '4 3 instances: 1 timeout, 2 not attempted
  s1-b: timeout (deadline)' 'a relayed timeout reports an unknown outcome'
like "$(said "$ERR")" '^cartridge-reload: s1-b: ' \
    'the message names the instance'
release s1-b
ok 'the slow instance rolls back' wait_until 10 is_idle s1-b
like "$(last s1-b)" '.* deadline' 'the slow instance reports its deadline'
is "$(generations)" "$mark" 'no instance has changed'
hold s1-b
begin_via r1 reload --timeout 2
ok 'an instance that hangs is being reloaded' wait_until 10 is_reloading s1-b
freeze_node s1-b
finish_via
is "$RC $(summary | tail -n 1)" '4   s1-b: timeout (deadline)' \
    'an instance that hangs reports an unknown outcome'
like "$(said "$ERR")" '^cartridge-reload: s1-b: .*ADDRESS' \
    'the message names the instance'
thaw_node s1-b
release s1-b
ok 'the instance that hung rolls back' wait_until 10 is_idle s1-b
is "$(generations)" "$mark" 'no instance has changed'
ok 'all instances are healthy' wait_until 20 cluster_is_healthy

diag 'Unreachable instances'

freeze_node s1-b
ok 'membership suspects the stopped instance' \
    wait_until 10 member_is r1 s1-b status dead
wait_until 10 member_is s1-a s1-b status dead
via r1 reload --timeout 2
is "$RC $(not_touched)" '5 s1-a s1-b' \
    'an unreachable instance refuses the reload'
like "$(said "$ERR")" '^cartridge-reload: r1: .* s1-b;' \
    'the unreachable instance is named'
via r1 reload --timeout 2 --keep-going
is "$RC $(summary)" '2 3 instances: 2 reloaded, 1 unreachable
  s1-b: unreachable (connection_failed)' '--keep-going reloads the others'
via r1 status --timeout 2
is "$RC $(rows 1 2)" \
    '2 r1,RolesConfigured s1-a,RolesConfigured s1-b,unreachable:' \
    'the unreachable instance is in the table'
mark=$(generations r1 s1-a)
thaw_node s1-b
ok 'the stopped instance continues' wait_until 20 cluster_is_healthy
is "$(generations s1-b)" "$(generations s1-b | sed "s/v.*/v$((VERSION - 1))/")" \
    'the stopped instance does not run the abandoned request'
kill_node s1-b
via r1 reload
is "$RC $(not_touched) $(generations r1 s1-a)" "5 s1-a s1-b $mark" \
    'a dead instance refuses the reload'
like "$(said "$ERR")" '^cartridge-reload: s1-b: .* ADDRESS: ' \
    'the dead instance is named'
via r1 reload --keep-going
is "$RC $(order)" '2 s1-a r1' '--keep-going reloads the others'
ok 'the dead instance starts again' run_node s1-b
ok 'all instances are healthy' wait_until 20 cluster_is_healthy

diag "Cartridge's own reload"

next_version
via r1 reload --method native
is "$RC $(order)" '0 s1-b s1-a r1' 'over the cluster'
is "$(generations | tr ' ' '\n' | cut -d/ -f2 | sort -u)" "v$VERSION" \
    'all serve the new code'

diag 'What instances say of themselves'

on r1 app_eval 'require("membership").set_payload("alias",
    "r\27[31m\"x\"\n\r1\194\155")' >/dev/null
via r1 status
is "$RC" 0 'an alias with control characters is printed'
is "$(cat "$OUT" "$ERR" | LC_ALL=C tr -d '\n -~' | od -An -c)" '' \
    'control characters of an alias are escaped'
like "$(cat "$OUT")" 'r[\]033\[31m"x"[\]' \
    'an escaped alias is cut to the width of the table'
via s1-a reload -v
is "$RC $(cat "$OUT" "$ERR" | LC_ALL=C tr -d '\n -~' | od -An -c)" '0 ' \
    'control characters of a relayed alias are escaped'
via s1-a status -o json
is "$(json 'r.instances[1].alias == "r\27[31m\"x\"\n\r1\194\155"')" true \
    'JSON has the alias unchanged'
is "$(LC_ALL=C tr -d '\n -~' <"$OUT" | od -An -c)" '' 'JSON is ASCII'
on r1 app_eval 'require("membership").set_payload("alias", "r1")' >/dev/null

for name in "${NODES[@]}"; do
	mkdir "${NODE_CODE[$name]}/app/many"
	for i in {1..1000}; do
		echo "return {$i}" >"${NODE_CODE[$name]}/app/many/m$i.lua"
	done
	on "$name" app_eval 'for i = 1, 1000 do
		require("app.many.m" .. i)
	end' >/dev/null
done
via r1 reload -o json
is "$(json 'r.exit, #r.instances[1].modules, #r.instances[2].modules,
    #r.instances[3].modules')" '0 1008 1008 1008' 'a reload of a thousand modules is relayed'

diag 'Disabled and expelled instances'

choose_node r1
edit_topology 'servers = {{uuid = "'"$S1_B"'", disabled = true}}'
mark=$(generations s1-b)
via r1 reload
is "$RC $(order)" '0 s1-a r1' 'a disabled instance is skipped'
is "$(said "$ERR")" 'cartridge-reload: s1-b: skipped: disabled' \
    'a disabled instance is reported as skipped'
is "$(generations s1-b)" "$mark" 'a disabled instance is not reloaded'
via s1-b reload
is "$RC" 5 'a disabled instance that does not know it is refused as gateway'
like "$(said "$ERR")" '[: ](r1|s1-a),? .*disabled' \
    'through a disabled instance nothing is reloaded'
edit_topology 'servers = {{uuid = "'"$S1_B"'", expelled = true}}'
via r1 reload
is "$RC $(order)" '0 s1-a r1' 'an expelled instance is skipped'
is "$(said "$ERR")" "cartridge-reload: $S1_B: skipped: expelled" \
    'an expelled instance is reported as skipped'
via r1 status -o json
is "$(json 'r.exit, #r.instances, r.skipped[1].reason')" '0 2 expelled' \
    'an expelled instance is reported in JSON'
via s1-b reload
is "$RC" 5 'an expelled instance is refused as gateway'
like "$(said "$ERR")" '[: ](r1|s1-a),? .*expelled' \
    'through an expelled instance nothing is reloaded'

diag 'Secrets'

for name in "${NODES[@]}"; do
	grep -h 'cartridge-reload' "${NODE_LOG[$name]}"
done >>"$SAID"
"$CARTRIDGE_RELOAD" --print-lua reload -v >>"$SAID"
ok 'the output of all runs was recorded' [ "$(wc -l <"$SAID")" -gt 1000 ]
is "$(grep -c "$COOKIE" "$SAID")" 0 \
    'the output does not contain the cluster cookie'

done_testing
