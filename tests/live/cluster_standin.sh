#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What the cluster suites assume about Cartridge: topology, membership, pool and
# leaders, on three processes.  It passes with the stand-in and, with
# CARTRIDGE_ROCKS, with the real Cartridge.

# shellcheck source=tests/live/cluster_lib.sh disable=SC2016
. "$(dirname "$0")/cluster_lib.sh"

# fields NAME LUA: prints the names and types of the fields of a table.
fields()
{
	on "$1" app_eval 'local out = {}
		for name, value in pairs('"$2"') do
			table.insert(out, name .. ":" .. type(value))
		end
		table.sort(out)
		return table.concat(out, " ")'
}

# over_pool FROM TO LUA: runs Lua in one instance, with `conn`, the pool's
# connection to another one.
over_pool()
{
	on "$1" app_eval 'local conn, err = require("cartridge.pool")
		    .connect("'"${NODE_URI[$2]}"'", {wait_connected = 5})
		if conn == nil then
			return nil, err.err
		end
		'"$3"
}

# server_of OBSERVER NAME FIELD: prints a field of an entry of
# admin_get_servers.
server_of()
{
	on "$1" app_eval 'for _, s in ipairs(
		    require("cartridge").admin_get_servers()) do
			if s.uri == "'"${NODE_URI[$2]}"'" then
				return s.'"$3"'
			end
		end'
}

# config_of OBSERVER NAME: prints the entry of an instance in its config.
config_of()
{
	on "$1" app_eval 'return require("cartridge").config_get_readonly(
		    "topology").servers["'"${NODE_UUID[$2]}"'"]'"${3:-}"
}

rpc()
{
	on "$1" app_eval 'local ok, err = require("cartridge").rpc_call('"$2"')
		return ok, err and err.err'
}

is_leader()
{
	[ "$(on "$1" app_eval \
	    'return require("cartridge.failover").is_leader()')" = "$2" ]
}

is_read_only()
{
	[ "$(on "$1" app_eval 'return box.info.ro')" = "$2" ]
}

has_global()
{
	[ "$(on "$1" app_eval 'return rawget(_G, "'"$2"'") ~= nil')" = true ]
}

CODE=own start_cluster shop 's1=storage:s1-a,s1-b' 'router=web+storage:r1'
declare -A NODE_UUID
for name in "${NODES[@]}"; do
	NODE_UUID[$name]=$(node_uuid "$name")
done
S1=$(node_set s1-a)

diag 'The topology in the config'

is "$(fields r1 'require("cartridge").config_get_readonly("topology")')" \
    'failover:table replicasets:table servers:table' \
    'the config has the topology sections'
is "$(fields r1 'require("cartridge").config_get_readonly("topology")
	.servers["'"${NODE_UUID[s1-a]}"'"]')" \
    'disabled:boolean electable:boolean replicaset_uuid:string uri:string' \
    'an instance in the topology'
is "$(config_of r1 s1-a .uri) $(config_of r1 s1-a .disabled)" \
    "${NODE_URI[s1-a]} false" \
    'membership has the address, and that the instance takes part'
is "$(config_of r1 s1-b .replicaset_uuid) $(node_set s1-b)" "$S1 $S1" \
    'the replica set of an instance'
is "$(on r1 app_eval 'local set = require("cartridge").config_get_deepcopy(
	"topology").replicasets["'"$S1"'"]
	local roles = {}
	for name, enabled in pairs(set.roles) do
		table.insert(roles, name .. ":" .. tostring(enabled))
	end
	table.sort(roles)
	return set.alias, table.concat(roles, " "), set.master')" \
    "$(printf 's1\taudit:true ddl-manager:true health:true storage:true\t%s' \
    "[\"${NODE_UUID[s1-a]}\",\"${NODE_UUID[s1-b]}\"]")" \
    'a replica set: alias, enabled roles, leader first'
for name in s1-a s1-b; do
	is "$(on "$name" app_eval 'return require("cartridge.confapplier")
	    .get_active_config():get_checksum()')" \
	    "$(on r1 app_eval 'return require("cartridge.confapplier")
	    .get_active_config():get_checksum()')" \
	    "$name has the same config as r1"
done

diag 'Lists of instances and replica sets'

is "$(on r1 app_eval 'local out = {}
	for _, s in ipairs(require("cartridge").admin_get_servers()) do
		table.insert(out, table.concat({s.alias, s.status, s.message,
		    tostring(s.disabled), s.priority, s.replicaset.alias},
		    ","))
	end
	table.sort(out)
	return table.concat(out, " ")')" \
    'r1,healthy,,false,1,router s1-a,healthy,,false,1,s1 s1-b,healthy,,false,2,s1' \
    'the list of instances'
is "$(on r1 app_eval 'local out = {}
	for _, s in ipairs(require("cartridge").admin_get_replicasets()) do
		table.insert(out, table.concat({s.alias, s.status,
		    s.master.alias, s.active_master.alias, #s.servers,
		    s.servers[#s.servers].alias, table.concat(s.roles, "+")},
		    ","))
	end
	table.sort(out)
	return table.concat(out, " ")')" \
    'router,healthy,r1,r1,1,r1,storage+web s1,healthy,s1-a,s1-a,2,s1-b,storage' \
    'the list of replica sets'
is "$(on s1-b app_eval 'local s = require("cartridge.lua-api.topology").get_self()
	return s.alias, s.uri, s.uuid, s.state')" \
    "$(printf 's1-b\t%s\t%s\tRolesConfigured' "${NODE_URI[s1-b]}" \
    "${NODE_UUID[s1-b]}")" 'the instance itself'

diag 'Membership'

like "$(fields r1 'require("membership").get_member("'"${NODE_URI[s1-b]}"'")')" \
    'incarnation:number payload:table status:string timestamp:cdata uri:string' \
    'payload and status of a member'
is "$(fields r1 'require("membership").get_member("'"${NODE_URI[s1-b]}"'").payload')" \
    'alias:string leader_uuid:string state:string state_prev:string uuid:string' \
    'the entry of the member itself'
is "$(member_of r1 s1-b status) $(member_of r1 s1-b payload.alias) \
$(member_of r1 s1-b payload.state) $(member_of r1 s1-b payload.state_prev) \
$(member_of r1 s1-b payload.uuid) $(member_of r1 s1-b payload.leader_uuid)" \
    "alive s1-b RolesConfigured ConfiguringRoles ${NODE_UUID[s1-b]} \
${NODE_UUID[s1-a]}" 'payload: state, uuid and uuid of the leader'
is "$(on r1 app_eval 'local n = 0
	for uri, m in require("membership").pairs() do
		n = n + (uri == m.uri and 1 or 100)
	end
	return n, require("membership").myself().uri,
	    require("membership").get_member("127.0.0.1:1")')" \
    "$(printf '3\t%s\tnull' "${NODE_URI[r1]}" | sed 's/null/nil/')" \
    'members by address, including the instance itself'

diag 'Leaders and followers'

is "$(on s1-a app_eval 'local f = require("cartridge.failover")
	return box.info.ro, f.is_leader(), f.mode(),
	    f.get_active_leaders()['"$REPLICASET"'] == box.info.uuid')" \
    "$(printf 'false\ttrue\tdisabled\ttrue')" 'a leader'
is "$(on s1-b app_eval 'local f = require("cartridge.failover")
	return box.info.ro, f.is_leader(), box.cfg.read_only,
	    f.get_active_leaders()['"$REPLICASET"'] == box.info.uuid')" \
    "$(printf 'true\tfalse\ttrue\tfalse')" 'a follower'
is "$(on r1 app_eval 'local leaders = require("cartridge.failover")
	    .get_active_leaders()
	return leaders["'"$S1"'"], leaders['"$REPLICASET"']')" \
    "$(printf '%s\t%s' "${NODE_UUID[s1-a]}" "${NODE_UUID[r1]}")" \
    'each instance knows the leaders of all replica sets'
on s1-a app_eval 'box.space.items:replace({1, 100})' >/dev/null
ok 'a follower replicates what its leader writes' \
    wait_until 10 eval '[ "$(on s1-b app_eval "return box.space.items:len()")" = 1 ]'

diag 'The pool'

is "$(over_pool r1 s1-b 'return conn:eval([[return box.info.uuid,
	box.session.user(), box.session.type(), ...]], {7})')" \
    "$(printf '%s\tadmin\tbinary\t7' "${NODE_UUID[s1-b]}")" \
    'Lua runs on another instance as admin'
is "$(over_pool r1 s1-b 'return conn.state, conn.peer_uuid, conn ==
	require("cartridge.pool").connect("'"${NODE_URI[s1-b]}"'")')" \
    "$(printf 'active\t%s\ttrue' "${NODE_UUID[s1-b]}")" \
    'there is one connection to each instance'
is "$(over_pool r1 r1 'return conn:eval("return box.info.uuid")')" \
    "${NODE_UUID[r1]}" 'there is a connection to the instance itself'
is "$(over_pool r1 s1-b 'local got = {}
	local result = conn:eval([[for i = 1, 3 do box.session.push(i) end
	    return 4]], {}, {on_push = table.insert, on_push_ctx = got})
	return result, got')" "$(printf '4\t[1,2,3]')" 'messages arrive before the result'
is "$(over_pool r1 s1-b 'local seen
	conn:eval("box.session.push(1)", {}, {on_push = function()
		seen = {box.session.type(), box.session.push(2) == true}
	end})
	return unpack(seen)')" "$(printf 'background\tfalse')" \
    'messages arrive in a fiber without a console session'
# A console reads one line.
like "$(tr -s '\n\t' ' ' <<EOT | sed '$s/$/\n/' |
(function()
	local conn = require("cartridge.pool").connect("${NODE_URI[s1-b]}")
	local future = conn:eval("box.session.push(7) return 8", {},
		{is_async = true})
	for _, message in future:pairs(5) do
		box.session.push(message)
	end
	return "end"
end)()
EOT
    socat -t 10 - "UNIX-CONNECT:${NODE_SOCK[r1]}" | tr '\n' ' ')" \
    '!push!.* --- 7 .*!push!.* --- \[8\] .*- end' \
    'the fiber that asked can: messages, then the results as a list'
is "$(over_pool r1 s1-b 'local ok, err = pcall(conn.eval, conn,
	[[error("no good", 0)]])
	return ok, tostring(err), conn.state')" \
    "$(printf 'false\tno good\tactive')" \
    'an error on the other instance is raised to the caller'
# The texts are those of the server.
like "$(over_pool r1 s1-b 'local ok, err = pcall(conn.eval, conn,
	[[require("fiber").sleep(0.5)]], {}, {timeout = 0.1})
	return ok, tostring(err), conn.state')" \
    "^false$(printf '\t')(Timeout exceeded|timed out)$(printf '\t')active\$" \
    'a timeout ends only the wait'
is "$(over_pool r1 s1-b 'return #conn:eval("return (...):rep(2)",
	{("x"):rep(4 * 1024 * 1024)})')" $((8 * 1024 * 1024)) \
    'megabytes are sent in both directions'
is "$(over_pool r1 s1-b 'rawset(_G, "shop_half", conn:eval([[
	    require("fiber").sleep(0.2)
	    rawset(_G, "shop_half", true)]], {}, {is_async = true}))
	conn:eval("return 1")
	conn:close()
	return conn.state, require("cartridge.pool").connect(
	    "'"${NODE_URI[s1-b]}"'") ~= conn')" "$(printf 'closed\ttrue')" \
    'a closed connection is replaced'
ok 'a call on a closed connection still runs to its end' \
    wait_until 5 has_global s1-b shop_half
is "$(on r1 app_eval 'local pool = require("cartridge.pool")
	local results, err = pool.map_call("math.abs", {-2}, {timeout = 5,
	    uri_list = {"'"${NODE_URI[s1-a]}"'", "'"${NODE_URI[s1-b]}"'"}})
	return results["'"${NODE_URI[s1-a]}"'"], results["'"${NODE_URI[s1-b]}"'"],
	    err')" "$(printf '2\t2\tnil')" 'one function on several instances'
is "$(on r1 app_eval 'local conn = require("net.box").connect("'"${NODE_URI[s1-b]}"'")
	return (pcall(conn.eval, conn, "return 1"))')" false \
    'guest has no rights'
is "$(on r1 app_eval 'return require("cartridge.pool").format_uri(
	"'"${NODE_URI[s1-b]}"'")')" "admin:cluster-test-cookie@${NODE_URI[s1-b]}" \
    'the password is the cluster cookie'
like "$(on r1 app_eval 'local conn, err = require("cartridge.pool")
	    .connect("127.0.0.1:1", {wait_connected = 1})
	return conn, err.class_name, err.err')" \
    'nil.NetboxConnectError.*127.0.0.1:1' \
    'no process listening: nil and an error'

diag 'The program through the pool'

for command in status plan reload 'reload --method native'; do
	# shellcheck disable=SC2086
	"$CARTRIDGE_RELOAD" --print-lua -v $command \
	    >"$WORK/line-${command##* }"
done

# relay FROM TO LINE: prints what the program's Lua gives there.
relay()
{
	over_pool "$1" "$2" 'local fh = io.open("'"$WORK/line-$3"'")
		local line, got = fh:read("*a"), {}
		fh:close()
		local r = conn:eval("return " .. line, {},
		    {timeout = 20, on_push = table.insert, on_push_ctx = got})
		return r.outcome, r.alias, r.generation, table.concat(got, " ")'
}

is "$(relay r1 s1-b status)" "$(printf 'ok\ts1-b\t0\t')" \
    'status through the pool'
is "$(relay r1 s1-b plan)" "$(printf 'planned\ts1-b\t0\t')" \
    'plan through the pool'
over_pool r1 s1-b 'rawset(_G, "shop_slow", conn:eval([[
	    require("fiber").sleep(1)
	    return 5]], {}, {is_async = true}))' \
    >/dev/null
over_pool s1-b r1 'rawset(_G, "shop_slow", conn:eval([[
	    require("fiber").sleep(1)
	    return 6]], {}, {is_async = true}))' \
    >/dev/null
on s1-b app_version 2
is "$(relay r1 s1-b reload)" \
    "$(printf 'reloaded\ts1-b\t1\tcompile load validate init apply commit scan')" \
    'reload through the pool, with phases'
is "$(on s1-b app_eval 'return require("cartridge").service_get("storage").version')" \
    2 'new code serves on the other instance'
is "$(on s1-a app_eval 'return require("cartridge").service_get("storage").version')" \
    1 'old code serves elsewhere'
is "$(cmp -s "${NODE_CODE[s1-a]}/app/roles/web.lua" \
    "${NODE_CODE[s1-b]}/app/roles/web.lua"; echo $?)" 1 \
    'each instance has its own files'
is "$(on r1 app_eval 'return rawget(_G, "shop_slow"):wait_result(5)[1]')" 5 \
    'calls that ran during the reload are not disturbed'
is "$(on s1-b app_eval 'return rawget(_G, "shop_slow"):wait_result(5)[1]')" 6 \
    'calls of that instance to others are not disturbed'
is "$(over_pool r1 s1-b 'return conn.state')" active \
    'the connection is still the same'
is "$(member_of r1 s1-b payload.state)" RolesConfigured \
    'other instances are not affected'
over_pool r1 s1-b 'rawset(_G, "shop_slow", conn:eval([[
	    require("fiber").sleep(60)]], {}, {is_async = true}))' >/dev/null
over_pool s1-b r1 'local vars = _G._cluster_vars_values
	vars.kept = {conn:eval([[require("fiber").sleep(60)]], {},
	    {is_async = true}), conn}' >/dev/null
# It cancels fibers by their names.  Newer servers have another name for those of
# requests, which is one of the names that were there when Cartridge started.
cancelled='timed out'
if [ "$(over_pool r1 s1-b 'return conn:eval([[
	    return require("fiber").name()]])')" = main ]; then
	cancelled='fiber is cancelled'
fi
is "$(relay r1 s1-b native)" "$(printf 'reloaded\ts1-b\t2\t')" \
    'a native reload of Cartridge'
like "$(on r1 app_eval 'local _, err = rawget(_G, "shop_slow"):wait_result(3)
	return tostring(err)')" "$cancelled" \
    'a native reload cancels running calls in fibers with the usual name'
# In servers newer than 2.6 the fibers of connections cannot be cancelled.
like "$(on s1-b app_eval 'local kept = _G._cluster_vars_values.kept
	_G._cluster_vars_values.kept = nil
	local result = kept[1]:wait_result(3)
	return result, kept[2].state')" "^nil$(printf '\t')(error|active)\$" \
    'a native reload breaks connections to others, on older servers'
is "$(over_pool s1-b r1 'return conn:eval("return 1")')" 1 \
    'the pool reconnects'

diag 'Config changes'

is "$(on r1 app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 5}})')" true 'a config change'
for name in "${NODES[@]}"; do
	is "$(on "$name" app_eval 'return require("cartridge")
	    .config_get_readonly("shop").limit')" 5 "a config change has reached $name"
done
on s1-b app_eval '_G._cluster_vars_values["cartridge.twophase"]
	.prepared_config = {}' >/dev/null
like "$(on r1 app_eval 'local ok, err = require("cartridge")
	.config_patch_clusterwide({shop = {limit = 6}})
	return ok, err.err')" 'nil.*locked' 'an instance with a locked config rejects it for all'
on s1-b app_eval '_G._cluster_vars_values["cartridge.twophase"]
	.prepared_config = nil' >/dev/null
is "$(on s1-a app_eval 'return require("cartridge").config_get_readonly("shop").limit,
	_G._cluster_vars_values["cartridge.twophase"].prepared_config')" \
    "$(printf '5\tnil')" 'after a rejection no instance has a prepared config'

diag 'Calls of roles'

is "$(rpc r1 '"storage", "price", {1}, {uri = "'"${NODE_URI[s1-b]}"'"}')" \
    "$(printf '1.00 EUR\tnil')" 'a call of a role on another instance'
is "$(on s1-a app_eval 'return require("cartridge").rpc_get_candidates("web")')" \
    "[\"${NODE_URI[r1]}\"]" 'instances with a role'
is "$(on r1 app_eval 'local list = require("cartridge").rpc_get_candidates(
	"storage", {leader_only = true})
	table.sort(list)
	return #list')" 2 'leaders only'

diag 'An instance that hangs'

freeze_node s1-b
# All in one request: a moment later, a suspect may be dead.
look_at_suspect()
{
	SUSPECT=$(on r1 app_eval 'local status = require("membership")
		    .get_member("'"${NODE_URI[s1-b]}"'").status
		local healthy = require("cartridge").is_healthy()
		for _, s in ipairs(require("cartridge").admin_get_servers()) do
			if s.uri == "'"${NODE_URI[s1-b]}"'" then
				return status, healthy, s.status, s.message
			end
		end')
	[[ $SUSPECT == suspect* ]]
}
ok 'a stopped instance becomes suspect' wait_until 10 look_at_suspect
is "$SUSPECT" "$(printf 'suspect\ttrue\tunreachable\tServer status is "suspect"')" \
    'a suspect instance is healthy to Cartridge, and unreachable in its list, for that reason'
is "$(on r1 app_eval 'local conn = require("cartridge.pool").connect(
	    "'"${NODE_URI[s1-b]}"'", {wait_connected = false})
	local began = require("fiber").clock()
	local ok = pcall(conn.eval, conn, "return 1", {}, {timeout = 0.3})
	local took = require("fiber").clock() - began
	return ok, took >= 0.29 and took < 3')" "$(printf 'false\ttrue')" \
    'a timeout to a stopped instance is kept'
ok 'a stopped instance becomes dead' wait_until 10 member_is r1 s1-b status dead
like "$(on r1 app_eval 'return require("cartridge").is_healthy()')" \
    "(nil|null).${NODE_URI[s1-b]} status is dead" \
    'with a dead instance the cluster is not healthy'
thaw_node s1-b
ok 'the instance continues' wait_until 10 member_is r1 s1-b status alive
is "$(over_pool r1 s1-b 'return conn:eval("return 1")')" 1 \
    'the instance answers again'

diag 'An instance that is killed, disabled, and started again'

kill_node s1-b
like "$(over_pool r1 s1-b 'return 1')" \
    "nil.*\"${NODE_URI[s1-b]}\": .*(Connection refused|Peer closed)" \
    'a call to a killed instance fails at once'
ok 'a killed instance becomes dead' wait_until 10 member_is r1 s1-b status dead
is "$(member_of r1 s1-b payload.state)" RolesConfigured \
    'the last payload of a dead instance is kept'
like "$(on r1 app_eval 'local ok, err = require("cartridge")
	.config_patch_clusterwide({shop = {limit = 6}})
	return ok, err.err')" 'nil.*Connection refused' \
    'with a dead instance no config change is possible'
is "$(on r1 app_eval 'local _, err = require("cartridge.pool").map_call(
	    "math.abs", {-2}, {timeout = 5, uri_list = {
	    "'"${NODE_URI[s1-a]}"'", "'"${NODE_URI[s1-b]}"'"}})
	return err.suberrors["'"${NODE_URI[s1-a]}"'"],
	    err.suberrors["'"${NODE_URI[s1-b]}"'"].class_name')" \
    "$(printf 'nil\tNetboxCallError')" 'errors are listed by address'
choose_node r1
ok 'the dead instance is disabled' \
    edit_topology 'servers = {{uuid = "'"${NODE_UUID[s1-b]}"'", disabled = true}}'
is "$(config_of r1 s1-b .disabled)" true 'the config has it disabled'
is "$(server_of r1 s1-b disabled) $(server_of r1 s1-b status)" 'true unreachable' \
    'the list of instances has it disabled'
is "$(on r1 app_eval 'return (require("cartridge").is_healthy())')" true \
    'the cluster is healthy without it'
is "$(on r1 app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 6}})')" true 'the config can be changed without it'
ok 'the disabled instance starts again' run_node s1-b
ok 'other instances see it' wait_until 10 member_is r1 s1-b status alive
is "$(node_uuid s1-b)" "${NODE_UUID[s1-b]}" 'it is the same instance'
is "$(config_of s1-b s1-b .disabled) $(on s1-b app_eval 'return
	require("cartridge").config_get_readonly("shop").limit')" 'false 5' \
    'its config is an old one without its disabling'
is "$(on s1-b app_eval 'return (require("cartridge").is_healthy())')" true \
    'it regards the cluster as healthy'
isnt "$(on s1-b app_eval 'return require("cartridge.confapplier")
    .get_active_config():get_checksum()')" \
    "$(on r1 app_eval 'return require("cartridge.confapplier")
    .get_active_config():get_checksum()')" 'checksums of the configs differ'
is "$(on r1 app_eval 'return require("cartridge").admin_enable_servers({
	"'"${NODE_UUID[s1-b]}"'"}) ~= nil')" true 'the instance is enabled'
is "$(on s1-b app_eval 'return require("cartridge").config_get_readonly("shop").limit')" \
    6 'the enabled instance has the current config'

diag 'An instance that is stopped'

stop_node s1-b
ok 'a stopped instance leaves membership' \
    wait_until 10 member_is r1 s1-b status left
is "$(server_of r1 s1-b status)" 'not found' 'a stopped instance is not found'
like "$(on r1 app_eval 'return require("cartridge").is_healthy()')" \
    "(nil|null).${NODE_URI[s1-b]} status is left" \
    'without it the cluster is not healthy'
run_node s1-b
ok 'it starts again' wait_until 10 cluster_is_healthy

diag 'Failover'

on r1 set_failover 'mode = "eventual"'
ok 'failover is enabled' wait_until 10 eval '[ "$(on s1-b app_eval \
    "return require(\"cartridge.failover\").mode()")" = eventual ]'
ok 'the first instance still leads' is_leader s1-a true
on s1-a app_eval 'require("cartridge.confapplier").set_state("ReloadingRoles")' \
    >/dev/null
ok 'a leader in ReloadingRoles loses leadership' \
    wait_until 10 leader_is r1 s1-a s1-b
ok 'the follower leads' wait_until 10 is_leader s1-b true
ok 'the new leader can write' wait_until 10 is_read_only s1-b false
is "$(server_of r1 s1-a status) $(server_of r1 s1-a message)" \
    'warning ReloadingRoles' 'the list warns of the former leader'
is "$(on s1-a app_eval 'local c = require("cartridge.confapplier")
	c.set_state("BoxConfigured")
	return (c.apply_config(c.get_active_config()))')" true 'the former leader is configured again'
ok 'the former leader leads again' wait_until 10 leader_is r1 s1-a s1-a
ok 'the other one is a follower again' wait_until 10 is_read_only s1-b true
kill_node s1-a
ok 'when the leader dies, the other one leads' \
    wait_until 10 is_read_only s1-b false
ok 'the dead instance is started again' run_node s1-a
ok 'it leads again' wait_until 10 leader_is s1-b s1-a s1-a
ok 'all instances are healthy' wait_until 10 cluster_is_healthy

diag 'An instance that joins later'

make_node shop s1-c
spawn_node s1-c
on s1-c wait_until 20 app_answers
ok 'a new instance is unconfigured' on s1-c wait_until 10 in_state Unconfigured
is "$(over_pool r1 s1-c 'return conn:eval([[return type(box.cfg),
	(require("cartridge.confapplier").get_state())]])')" \
    "$(printf 'function\tUnconfigured')" \
    'an unconfigured instance answers through the pool'
choose_node r1
ok 'the new instance joins' edit_topology 'replicasets = {{uuid = "'"$S1"'",
    join_servers = {{uri = "'"${NODE_URI[s1-c]}"'"}}}}'
ok 'the new instance has configured its roles' \
    on s1-c wait_until 20 in_state RolesConfigured
ok 'the new instance is a follower' is_read_only s1-c true
ok 'all instances see each other' wait_until 10 cluster_is_healthy
NODE_UUID[s1-c]=$(node_uuid s1-c)

diag 'An instance that is expelled'

choose_node r1
ok 'the instance is expelled' \
    edit_topology 'servers = {{uuid = "'"${NODE_UUID[s1-c]}"'",
    expelled = true}}'
is "$(config_of r1 s1-c)" expelled 'the config keeps only that it is expelled'
is "$(server_of r1 s1-c uri)" '' 'the list of instances does not have it'
is "$(member_of r1 s1-c status)" alive 'the expelled instance is still running'
is "$(config_of s1-c s1-c .uri) $(on s1-c app_state)" \
    "${NODE_URI[s1-c]} RolesConfigured" \
    'the expelled instance does not know of its expulsion'
is "$(over_pool r1 s1-c 'return conn:eval("return box.info.uuid")')" \
    "${NODE_UUID[s1-c]}" 'the expelled instance answers through the pool'
is "$(on s1-a app_eval 'local order = require("cartridge").config_get_deepcopy(
	"topology").replicasets["'"$S1"'"].master
	return #order')" 2 'the expelled instance does not lead'
for change in 'expelled' 'disabled'; do
	like "$(on r1 app_eval 'local ok, err = require("cartridge")
		.admin_edit_topology({servers = {{uuid = box.info.uuid,
		'"$change"' = true}}})
		return ok, err.err')" "nil.*can not be $change" \
	    "no instance can make itself $change"
done

done_testing
