#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The life cycle of roles: no request reaches a stopped role, changes of the
# config and of the leader succeed during a reload, and a failed reload does not
# change the old roles.

# shellcheck source=tests/live/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

# probe_start PATH: requests it repeatedly, until probe_stop.
probe_start()
{
	rm -f "$WORK/probe.end"
	(
		while [ ! -e "$WORK/probe.end" ]; do
			printf '%s %s\n' "$(http_status "$1")" "$(http_get "$1")"
			nap 0.01
		done
	) >"$WORK/probe" &
	PROBE_PID=$!
	wait_until 10 test -s "$WORK/probe"
}

# Sets FAILURES to the number of requests that got anything but 200.
probe_stop()
{
	touch "$WORK/probe.end"
	wait "$PROBE_PID"
	FAILURES=$(grep -vc '^200 ' "$WORK/probe")
	[ "$FAILURES" -eq 0 ] || diag "$(grep -v '^200 ' "$WORK/probe" | head -n 3)"
}

# reload_start [OPTION ...]: a reload in the background; reload_end sets RC and
# OUT as reload does.
reload_start()
{
	{
		reload "$@"
		exit "$RC"
	} &
	RELOAD_PID=$!
}

# reload_end [VERSION]: waits for the end of the reload.  First releases the init
# of that version, see SLOW.
reload_end()
{
	[ $# -eq 0 ] || app_eval "rawset(_G, 'shop_released', $1)" >/dev/null
	wait "$RELOAD_PID"
	RC=$?
}

# in_init VERSION: whether the new init of that version is running.
in_init()
{
	[ "$(app_eval 'return rawget(_G, "shop_in_init")')" = "$1" ]
}

# A role that passes on a service, and holds a connection and a worker.
OWNS='web_top=
local fiber, net_box = require("fiber"), require("net.box")
local registry = require("cartridge.service-registry")
local vars = require("cartridge.vars").new("app.roles.web")'
GIVES='web_init=
	require("cartridge").service_get("httpd"):route({path = "/probe"}, function()
		local service = registry.get("stock")
		assert(vars.conn:ping(), "the connection is closed")
		local reply = fiber.channel(1)
		vars.jobs:put(reply)
		assert(reply:get(5), "nobody works")
		return {status = 200, body = service.name .. " " .. VERSION}
	end)
	registry.set("stock", {name = "stock of " .. VERSION})
	vars.conn = vars.conn or net_box.connect(box.cfg.listen)
	vars.jobs = fiber.channel(10)
	local jobs = vars.jobs
	vars.worker = vars.worker or fiber.create(function()
		while true do
			jobs:get():put(true)
		end
	end)'
TAKES='web_stop=
	registry.set("stock", nil)
	vars.conn:close()
	vars.conn = nil
	vars.worker:cancel()
	vars.worker = nil'
SLOW='web_init_end=
	rawset(_G, "shop_in_init", VERSION)
	while (rawget(_G, "shop_released") or 0) < VERSION do
		fiber.sleep(0.01)
	end
	rawset(_G, "shop_in_init", nil)'

start_app shop
app_version 2 "$OWNS" "$GIVES" "$TAKES"
reload
is "$RC" 0 'a role shares a service, a connection and a worker'
is "$(http_get /probe)" 'stock of 2 2' 'all of them serve'

diag 'A successful reload'

app_version 3 "$OWNS" "$GIVES" "$TAKES" "$SLOW"
probe_start /probe
reload_start
ok 'init of the new role is running' wait_until 20 in_init 3
is "$(app_eval 'return require("cartridge").service_get("stock").name')" \
    'stock of 2' 'serving code finds the service of the old role'
is "$(app_eval 'local names = {}
	for name in pairs(require("cartridge.service-registry").list()) do
		table.insert(names, name)
	end
	table.sort(names)
	return table.concat(names, " ")')" \
    'audit ddl-manager health httpd stock storage web' \
    'iterating over the service registry shows services of the old role'
is "$(app_eval 'local list = require("cartridge.service-registry").list()
	return rawget(list, "stock").name, next(list) ~= nil')" \
    "$(printf 'stock of 2\ttrue')" \
    'rawget on the service registry shows services of the old role'
changes_begin shop 5
changes_end
is "$CHANGES" 'true false true ' \
    'changes of config and leadership succeed during the reload'
reload_end 3
probe_stop
is "$RC" 0 'the reload succeeds'
is "$FAILURES" 0 'no request failed'
is "$(tail -n 1 "$WORK/probe")" '200 stock of 3 3' 'the new role serves'
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 5, is_master = true, version = 3}')" \
    'the new role has the current config and leadership'
is "$(app_state)" RolesConfigured 'the state is RolesConfigured'
is "$(app_eval 'local vars = _G._cluster_vars_values["app.roles.web"]
	return vars.conn:ping(), vars.worker:status() ~= "dead"')" \
    "$(printf 'true\ttrue')" 'connection and worker belong to the new role'

diag 'A failed reload'

app_version 4 "$OWNS" "$GIVES" "$TAKES" "$SLOW" \
    'web_apply=do return nil, "boom" end'
probe_start /probe
reload_start
ok 'init of the new role is running' wait_until 20 in_init 4
changes_begin shop 6
changes_end
is "$CHANGES" 'true false true ' \
    'changes of config and leadership succeed during the reload'
reload_end 4
probe_stop
is "$RC" 3 'the reload fails'
is "$FAILURES" 0 'no request failed'
is "$(tail -n 1 "$WORK/probe")" '200 stock of 3 3' 'the old role serves'
is "$(app_state)" RolesConfigured 'the state is RolesConfigured'
is "$(app_eval 'local vars = _G._cluster_vars_values["app.roles.web"]
	return vars.conn:ping(), vars.worker:status() ~= "dead"')" \
    "$(printf 'true\ttrue')" 'connection and worker of the old role are there'

diag 'A role whose new code needs the port of the old one'

port=$(free_ports 1)
SERVER='web_init=
	local udp = require("socket")("AF_INET", "SOCK_DGRAM", "udp")
	assert(udp:bind("127.0.0.1", PORT), tostring(udp:error()))
	vars.udp = udp
	require("cartridge").service_get("httpd"):route({path = "/own"}, function()
		assert(vars.udp:name().port == PORT, "the socket is closed")
		return {status = 200, body = "own " .. VERSION}
	end)'
SERVER=${SERVER//PORT/$port}
CLOSES='web_stop=
	vars.udp:close()
	vars.udp = nil'
# What a stopped role does if a config is applied.
USES='web_apply=assert(vars.udp ~= nil and vars.udp:name() ~= nil, "stopped")'
own()
{
	http_get /own
}
app_version 5 "$OWNS" "$SERVER" "$CLOSES" "$USES"
reload
is "$RC $(own)" '0 own 5' 'a role with its own socket serves'
app_version 6 "$OWNS" "$SERVER" "$CLOSES" "$SLOW" "$USES"
reload_start
ok 'init of the new role is running, with the port' wait_until 20 in_init 6
changes_begin shop 7
changes_end
is "$CHANGES" 'true false true ' \
    'changes of config and leadership succeed during the reload'
reload_end 6
is "$RC $(own) $(app_state)" '0 own 6 RolesConfigured' 'the reload succeeds'
like "$(json 'json.encode(i.warnings)')" 'role web was stopped before the commit.*in use' \
    'the report says that the old role was stopped first, and why'
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 7, is_master = true, version = 6}')" \
    'the new role has the current config'
app_version 7 "$OWNS" "$SERVER" "$CLOSES" "$SLOW" \
    'web_apply=do return nil, "boom" end'
reload_start
ok 'init of the new role is running, with the port' wait_until 20 in_init 7
changes_begin shop 8
changes_end
is "$CHANGES" 'true false true ' \
    'changes of config and leadership succeed during the reload'
reload_end 7
is "$RC $(own) $(app_state)" '3 own 6 RolesConfigured' \
    'a failed reload restarts the old role'
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 8, is_master = true, version = 6}')" \
    'the restarted role has the current config'

diag 'Time limits'

app_version 8 'web_init=if VERSION == 8 then fiber.sleep(1) end' \
    'web_end=M.stop = nil'
reload
is "$RC" 0 'a role without stop that starts slowly serves'
app_version 9 'web_init=
	rawset(_G, "shop_in_init", VERSION)
	pcall(fiber.sleep, 1000)
	pcall(fiber.sleep, 0.5)
	rawset(_G, "shop_in_init", nil)
	error("cancelled")'
started=$(date +%s%N)
# Three tenths of the time are for the way back, in which the old role starts slowly.
reload_start -t 20
ok 'init of the new role is running' wait_until 20 in_init 9
run_status()
{
	"$CARTRIDGE_RELOAD" -s "$APP_SOCK" status
}
like "$(run_status)" 'being reloaded by .* for [0-9.]+ s: init of role web' \
    'status shows phase and role of the reload'
reload_end
is "$RC $(json 'i.outcome, i.error.code, i.error.phase, i.error.role')" \
    '4 timeout deadline init web' \
    'the timeout names phase and role'
ok 'the instance answers within the time limit' \
    [ $((($(date +%s%N) - started) / 1000000)) -lt 20000 ]
is "$(json 'i.rollback.complete')" true \
    'the old role has been restarted by then'
is "$(http_get /hello)" 'hello v8' 'the old role serves'

done_testing
