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

diag 'All is well'

via r1 status
is "$RC $(rows 1 2 5 3)" '0 r1,RolesConfigured,0,leader/rw s1-a,RolesConfigured,0,leader/rw s1-b,RolesConfigured,0,follower/ro' \
    'a table of the cluster'
cp "$OUT" "$WORK/table"
via s1-b status
is "$(cat "$OUT")" "$(cat "$WORK/table")" 'it is the same through another one'
next_version
on r1 load_start
via r1 reload
is "$RC $(order)" '0 s1-b s1-a r1' 'follower, leader, entry'
is "$(cat "$ERR")" '' 'nothing is complained about'
is "$(summary)" '3 instances: 3 reloaded' 'the summary'
is "$(generations)" '1/v2 1/v2 1/v2' 'all serve the new code'
is "$(on r1 http_get /hello)" 'hello v2' 'over HTTP, too'
ok 'one after the other' is_before "$(loaded_at s1-b)" "$(loaded_at s1-a)"
ok 'and the last one' is_before "$(loaded_at s1-a)" "$(loaded_at r1)"
next_version
via r1 reload -o json
is "$(json 'r.exit, r.command, r.instances[1].alias, r.instances[2].alias,
    r.instances[3].alias, r.instances[1].outcome, r.instances[2].outcome,
    r.instances[3].outcome')" \
    '0 reload r1 s1-a s1-b reloaded reloaded reloaded' 'JSON, sorted by name'
is "$(json 'r.instances[2].target, r.instances[3].uuid, r.instances[3].generation,
    #r.instances[3].modules, names(r.instances[3].roles)')" \
    "s1-a (${NODE_URI[s1-a]}) $S1_B 2 8 audit health spare storage web" \
    'what came through the relay is all there'
next_version
via s1-b reload -v
is "$RC $(order)" '0 s1-b r1 s1-a' 'through a follower, which goes before the leaders'
is "$(said "$ERR" | sed -n 's/^cartridge-reload: s1-a: //p' | xargs)" \
    'compile load validate init apply commit scan' \
    'the phases of another instance come through the relay'
on r1 load_stop
is "$LOAD_FAILED" 0 'no request has failed meanwhile'
ok 'and there were some' [ "$LOAD_REQUESTS" -gt 100 ]
next_version
via r1 plan
is "$RC $(summary | head -n 1)" '0 3 instances: 3 planned' 'a plan of the cluster'
like "$(said "$OUT")" '^s1-b: planned: 8 modules .*, 3 roles' 'for each instance'
is "$(generations)" '3/v4 3/v4 3/v4' 'changes nothing'
via s1-a stale
is "$RC $(summary)" '0 3 instances: 3 ok' 'nothing is stale'
via r1 reload --if-changed
via r1 reload --if-changed
is "$RC $(summary)" '0 3 instances: 3 unchanged' 'nothing is done twice'

diag 'A host where the new code has not arrived'

next_version
on s1-b app_version 3
via r1 reload
is "$RC" 5 'it is refused'
like "$(said "$ERR")" '^cartridge-reload: r1: the code on disk differs between instances: s1-b has [0-9a-f]{8}, expected [0-9a-f]{8}; use --allow-mixed to proceed anyway$' \
    'and the host is named'
is "$(not_touched)" 's1-a s1-b' 'the others are not attempted'
is "$(generations)" '4/v5 4/v5 4/v5' 'no instance is'
via r1 plan
is "$RC $(grep -oE '[0-9a-f]{8}$' "$OUT" | sort | uniq -c | sort -n | awk '{ print $1 }' | xargs)" \
    '5 1 2' 'a plan shows who has what'
via r1 reload --allow-mixed
is "$RC $(generations)" '0 5/v6 5/v3 5/v6' '--allow-mixed goes on'
next_version
for name in "${NODES[@]}"; do
	echo 'return {}' >"${NODE_CODE[$name]}/app/lib/extra.lua"
done
on r1 app_eval 'require("app.lib.extra")' >/dev/null
via r1 reload
is "$RC" 0 'who has loaded more of the same code does not have another one'
rm "${NODE_CODE[s1-a]}/app/lib/extra.lua"
via r1 reload
like "$RC $(said "$ERR" | head -n 1)" '^5 .*: s1-a has ' \
    'who lacks a file that it has not loaded does'
cp "${NODE_CODE[r1]}/app/lib/extra.lua" "${NODE_CODE[s1-a]}/app/lib/extra.lua"

diag 'A failure in the middle'

next_version
set_flag s1-a shop_fail "$VERSION"
via r1 reload
is "$RC" 3 'an init that fails on the second instance'
is "$(generations)" '6/v7 7/v8 6/v7' 'the first one has the new code, only'
is "$(summary)" '3 instances: 1 reloaded, 1 failed, 1 not attempted
  s1-a: failed (init_failed)' 'the summary tells all of them'
like "$(said "$OUT")" '^s1-a: failed after .*, rolled back; generation 6$' \
    'the one that failed was rolled back'
is "$(said "$ERR" | sed '/^ /d')" \
    'cartridge-reload: s1-a: init of role storage failed: no disk here; the old code is still serving
cartridge-reload: r1: not attempted' 'and is named, with the reason'
via r1 reload --keep-going -o json
is "$(json 'r.exit, r.instances[1].outcome, r.instances[2].outcome,
    r.instances[3].outcome, r.instances[2].rollback.complete,
    r.instances[2].error.role')" \
    '3 reloaded failed reloaded true storage' '--keep-going does the others'
is "$(generations)" '6/v7 8/v8 7/v8' 'all of them'
is "$(on s1-a app_state)" RolesConfigured 'the one that failed is well'
set_flag s1-a shop_fail
via r1 reload --if-changed
is "$RC $(generations)" '0 7/v8 8/v8 7/v8' 'once more does what is left'

diag 'One that dies in the middle of its reload'

next_version
hold s1-a
begin_via r1 reload
ok 'it is being reloaded' wait_until 10 is_reloading s1-a
kill_node s1-a
finish_via
is "$RC $(summary)" '4 3 instances: 1 reloaded, 1 timeout, 1 not attempted
  s1-a: timeout (closed)' 'its outcome was not seen'
like "$(said "$ERR")" '^cartridge-reload: s1-a: the connection to ADDRESS was lost: .*; the instance rolls back on its own unless it has committed; run `cartridge-reload status` to see the outcome$' \
    'it is said why'
is "$(not_touched)" r1 'the next one is not attempted'
ok 'it starts again' run_node s1-a
ok 'all are well' wait_until 20 cluster_is_healthy

diag 'The entry dies while another one is reloaded'

next_version
hold s1-a
begin_via r1 reload
ok 'the other one is being reloaded' wait_until 10 is_reloading s1-a
kill_node r1
finish_via
is "$RC $(summary)" '8 3 instances: 1 reloaded, 1 protocol, 1 not attempted
  s1-a: protocol (closed)' 'each is reported as far as it is known'
like "$(said "$ERR")" '^cartridge-reload: s1-a: through .*/r1/console.sock: connection closed before the final reply: the outcome is unknown; run `cartridge-reload status` to see the outcome$' \
    'it was the entry that was lost'
is "$(not_touched)" r1 'which was not reloaded itself'
via s1-b status -o json
is "$(json 'r.instances[1].outcome, r.instances[2].outcome,
    r.instances[2].status.reloading ~= json.NULL')" 'unreachable ok true' \
    'through another one: the reload goes on'
release s1-a
ok 'to its end' wait_until 10 is_idle s1-a
via s1-b status -o json
is "$(json 'r.exit, r.instances[2].generation, r.instances[2].status.last.outcome')" \
    '2 1 reloaded' 'and how it ended is told'
ok 'the entry starts again' run_node r1
ok 'all are well' wait_until 20 cluster_is_healthy

diag 'Others are at work'

next_version
hold s1-a
OUT=$WORK/other ERR=$WORK/other begin_run reload -s "${NODE_SOCK[s1-a]}"
ok 'somebody else reloads one of them' wait_until 10 is_reloading s1-a
via r1 reload
is "$RC $(summary)" '5 3 instances: 1 reloaded, 1 refused, 1 not attempted
  s1-a: refused (locked)' 'it is refused there'
like "$(said "$ERR")" "^cartridge-reload: s1-a: another reload has been running for .* s, started by .* pid $RUN_PID\$" \
    'and it is said by whom'
OTHER=$RUN_PID
begin_via r1 reload --wait 60 -v
ok 'with --wait it waits' wait_until 10 grep -q 's1-a .*: waiting' "$ERR"
release s1-a
finish_via
is "$RC $(order)" '0 s1-b s1-a r1' 'for its end'
wait "$OTHER"
is $? 0 'which is as if nobody had waited'
hold r1
begin_via r1 reload
ok 'the last one is being reloaded' wait_until 10 is_reloading r1
is "$(on s1-a app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 7}})')" true 'somebody changes the config'
release r1
finish_via
is "$RC $(order)" '0 s1-b s1-a r1' 'which does no harm'
is "$(on r1 http_get /configured | tr -d '{}' | tr , '\n' | sort | xargs)" \
    "is_master:true limit:7 version:$VERSION" \
    'the new code has the new config'
next_version
hold s1-b
begin_via r1 reload
ok 'a follower is being reloaded' wait_until 10 is_reloading s1-b
on r1 edit_topology 'replicasets = {{uuid = "'"$S1"'",
    failover_priority = {"'"$S1_B"'", "'"$S1_A"'"}}}'
ok 'it becomes the leader meanwhile' wait_until 10 leader_is r1 s1-b s1-b
release s1-b
finish_via
is "$RC $(order)" '0 s1-b s1-a r1' 'which does no harm, either'
like "$(on s1-b app_eval 'local last
	for _, text in ipairs(_G._cluster_vars_values["shop.calls"].list) do
		last = text:match("^storage.apply (.*)") or last
	end
	return last')" "^v$VERSION master" 'the new code knows that it leads'
ok 'it leads' wait_until 10 eval \
    '[ "$(on s1-b app_eval "return box.info.ro")" = false ]'
via r1 reload
is "$RC $(order)" '0 s1-a s1-b r1' 'now the other one goes first'
on r1 edit_topology 'replicasets = {{uuid = "'"$S1"'",
    failover_priority = {"'"$S1_A"'", "'"$S1_B"'"}}}'
ok 'the leader is the old one' wait_until 10 leader_is r1 s1-a s1-a

diag 'Interrupted'

next_version
hold s1-a
begin_via r1 reload
ok 'the second one is being reloaded' wait_until 10 is_reloading s1-a
kill -INT "$RUN_PID"
ok 'Ctrl-C: it is said who is waited for' wait_until 10 \
    grep -q 'interrupted; waiting for s1-a (.*) (interrupt again to stop waiting)' "$ERR"
release s1-a
finish_via
is "$RC $(summary)" '130 3 instances: 2 reloaded, 1 not attempted' \
    'what was begun is brought to its end'
is "$(not_touched)" r1 'and nothing else begun'
hold s1-a
begin_via r1 reload
ok 'once more' wait_until 10 is_reloading s1-a
kill -INT "$RUN_PID"
wait_until 10 grep -q 'interrupt again' "$ERR"
kill -INT "$RUN_PID"
finish_via
is "$RC $(summary)" '130 3 instances: 1 reloaded, 1 timeout, 1 not attempted
  s1-a: timeout (interrupted)' 'Ctrl-C twice: it is given up'
release s1-a
ok 'the instance goes on' wait_until 10 is_idle s1-a
is "$(last s1-a)" 'reloaded nil' 'to the end'

diag 'Too little time'

UNSEEN='no reply from ADDRESS in time; the instance rolls back on its own unless it has committed; run `cartridge-reload status` to see the outcome'

next_version
mark=$(generations)
hold s1-b
begin_via r1 reload --timeout 2
ok 'one that is slow' wait_until 10 is_reloading s1-b
finish_via
is "$RC $(summary)" '4 3 instances: 1 timeout, 2 not attempted
  s1-b: timeout (deadline)' 'nobody knows how it will end'
like "$(said "$ERR")" "^cartridge-reload: s1-b: (.* nothing was committed|$UNSEEN)\$" \
    'it is said what that means'
release s1-b
ok 'it rolls back' wait_until 10 is_idle s1-b
like "$(last s1-b)" '.* deadline' 'as its time is over'
is "$(generations)" "$mark" 'nothing has changed anywhere'
hold s1-b
begin_via r1 reload --timeout 2
ok 'one that hangs in the middle' wait_until 10 is_reloading s1-b
freeze_node s1-b
finish_via
is "$RC $(summary | tail -n 1)" '4   s1-b: timeout (deadline)' 'is the same'
like "$(said "$ERR")" "^cartridge-reload: s1-b: $UNSEEN\$" 'and so is what it means'
thaw_node s1-b
release s1-b
ok 'it rolls back, too' wait_until 10 is_idle s1-b
is "$(generations)" "$mark" 'and nothing has changed'
ok 'all are well' wait_until 20 cluster_is_healthy

diag 'Some cannot be reached'

freeze_node s1-b
ok 'one hangs' wait_until 10 member_is r1 s1-b status dead
wait_until 10 member_is s1-a s1-b status dead
via r1 reload --timeout 2
is "$RC $(not_touched)" '5 s1-a s1-b' 'it is refused'
like "$(said "$ERR")" '^cartridge-reload: r1: some instances cannot be reached: s1-b; use --keep-going to skip them$' \
    'and it is said who it is'
via r1 reload --timeout 2 --keep-going
is "$RC $(summary)" '2 3 instances: 2 reloaded, 1 unreachable
  s1-b: unreachable (connection_failed)' '--keep-going leaves it out'
via r1 status --timeout 2
is "$RC $(rows 1 2)" \
    '2 r1,RolesConfigured s1-a,RolesConfigured s1-b,unreachable:' \
    'it is in the table'
mark=$(generations r1 s1-a)
thaw_node s1-b
ok 'it is back' wait_until 20 cluster_is_healthy
is "$(generations s1-b)" "$(generations s1-b | sed "s/v.*/v$((VERSION - 1))/")" \
    'and does not do later what was given up'
kill_node s1-b
via r1 reload
is "$RC $(not_touched) $(generations r1 s1-a)" "5 s1-a s1-b $mark" \
    'one is dead: refused'
like "$(said "$ERR")" '^cartridge-reload: s1-b: ADDRESS cannot be reached from here: .*(refused|closed)' \
    'for that reason'
via r1 reload --keep-going
is "$RC $(order)" '2 s1-a r1' '--keep-going: the others are reloaded'
ok 'it starts again' run_node s1-b
ok 'all are well' wait_until 20 cluster_is_healthy

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
is "$RC" 0 'a name with control characters'
is "$(cat "$OUT" "$ERR" | LC_ALL=C tr -d '\n -~' | od -An -c)" '' \
    'does not reach the terminal as it is'
like "$(cat "$OUT")" 'r[\]033\[31m"x"[\]' 'but escaped, and cut to the width of the table'
via s1-a reload -v
is "$RC $(cat "$OUT" "$ERR" | LC_ALL=C tr -d '\n -~' | od -An -c)" '0 ' \
    'nor does it through the relay'
via s1-a status -o json
is "$(json 'r.instances[1].alias == "r\27[31m\"x\"\n\r1\194\155"')" true \
    'JSON has it as it is'
is "$(LC_ALL=C tr -d '\n -~' <"$OUT" | od -An -c)" '' 'in plain characters'
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
    #r.instances[3].modules')" '0 1008 1008 1008' 'a thousand modules'

diag 'Not all take part'

choose_node r1
edit_topology 'servers = {{uuid = "'"$S1_B"'", disabled = true}}'
mark=$(generations s1-b)
via r1 reload
is "$RC $(order)" '0 s1-a r1' 'one is disabled: the others are reloaded'
is "$(said "$ERR")" 'cartridge-reload: s1-b: skipped: disabled' 'and that is told'
is "$(generations s1-b)" "$mark" 'it is left alone'
via s1-b reload
is "$RC" 5 'through the one that is disabled, and does not know it'
like "$(said "$ERR")" 'this instance has an outdated view of the cluster: (r1|s1-a) sees it as disabled; use another instance$' \
    'nothing is done'
edit_topology 'servers = {{uuid = "'"$S1_B"'", expelled = true}}'
via r1 reload
is "$RC $(order)" '0 s1-a r1' 'it is expelled: the others are reloaded'
is "$(said "$ERR")" "cartridge-reload: $S1_B: skipped: expelled" 'and that is told'
via r1 status -o json
is "$(json 'r.exit, #r.instances, r.skipped[1].reason')" '0 2 expelled' \
    'in JSON, too'
via s1-b reload
is "$RC" 5 'through the one that is expelled'
like "$(said "$ERR")" '(r1|s1-a) sees it as expelled; use another instance$' \
    'nothing is done, either'

diag 'Nothing secret is told'

for name in "${NODES[@]}"; do
	grep -h 'cartridge-reload' "${NODE_LOG[$name]}"
done >>"$SAID"
"$CARTRIDGE_RELOAD" --print-lua reload -v >>"$SAID"
ok 'there is something to look at' [ "$(wc -l <"$SAID")" -gt 1000 ]
is "$(grep -c "$COOKIE" "$SAID")" 0 'the password of the cluster is not in it'

done_testing
