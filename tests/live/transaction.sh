#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# All or nothing, and no failed request: reloads that fail in each known way,
# and reloads at the same time as other changes, all of them under load.

# shellcheck source=tests/live/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"
command -v wrk >/dev/null || skip_all 'wrk is not there'

BEFORE=$WORK/before
GOOD=1

is_as_before()
{
	app_snapshot "$WORK/after"
	[ "$(<"$BEFORE")" = "$(<"$WORK/after")" ]
}

# kind NAME EXIT CODE [OPTION ...] -- PLACE=LUA ...: reloads a version that
# fails.
kind()
{
	local name=$1 status=$2 code=$3 options=()
	shift 3
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	app_snapshot "$BEFORE"
	app_version 99 "$@"
	load_start
	reload ${options[@]+"${options[@]}"}
	load_stop
	is "$RC $(json i.error.code)" "$status $code" "$name: exit status"
	is "$LOAD_FAILED" 0 "$name: none of $LOAD_REQUESTS requests failed"
	if ! wait_until 5 is_as_before; then
		fail "$name: all is as it was" \
		    "$(diff "$BEFORE" "$WORK/after")" "$(json i.rollback)"
	else
		pass "$name: everything is as before"
	fi
	is "$(http_get /hello) $(http_get /named)" \
	    "hello v$GOOD named v$GOOD" "$name: the old code serves"
}

# good VERSION NAME [PLACE=LUA ...]: reloads a version that works.
good()
{
	local version=$1 name=$2
	shift 2
	app_version "$version" "$@"
	load_start
	reload
	load_stop
	is "$RC $(json i.outcome)" '0 reloaded' "$name: reloaded"
	is "$LOAD_FAILED" 0 "$name: none of $LOAD_REQUESTS requests failed"
	is "$(http_get /hello) $(http_get /named)" \
	    "hello v$version named v$version" "$name: the new code serves"
	GOOD=$version
}

start_app shop

good 2 'a first reload'

diag 'Failures in each phase, with and without yields'

kind 'syntax error' 3 compile_error -- 'web_top=local = 1'
kind 'error at the top' 3 load_error -- 'web_top=error("top")'
kind 'error at the top after a yield' 3 load_error -- \
    'web_end=rawset(_G, "leak", 1) fiber.sleep(0.05) error("top")'
kind 'not a table' 3 bad_role -- 'web_top=do return 42 end'
kind 'no such module' 3 load_error -- 'prices_top=require("app.nothing")'
kind 'validate_config refuses' 3 validate_failed -- \
    'storage_validate=do return nil, "never" end'
kind 'validate_config raises after a yield' 3 validate_failed -- \
    'web_validate=fiber.sleep(0.05) error("never")'
kind 'init raises' 3 init_failed -- 'storage_init=error("never")'
kind 'init raises after a yield' 3 init_failed -- \
    'web_init_end=fiber.sleep(0.05) error("never")'
kind 'apply_config raises' 3 apply_failed -- 'storage_apply=error("never")'
kind 'apply_config refuses after a yield' 3 apply_failed -- \
    'web_apply=fiber.sleep(0.05) do return nil, "never" end'
kind 'deadline at the top' 4 deadline -t 1 -- 'web_end=fiber.sleep(100)'
kind 'deadline in validate_config' 4 deadline -t 1 -- \
    'web_validate=fiber.sleep(100)'
kind 'deadline in init' 4 deadline -t 1 -- 'web_init_end=fiber.sleep(100)'
kind 'deadline in apply_config' 4 deadline -t 1 -- \
    'web_apply=fiber.sleep(100)'

diag 'Side effects of failing code'

kind 'globals' 3 init_failed -- \
    'web_init=rawset(_G, "leak", {}) _G.shop_price = nil error("never")'
kind 'triggers of a space' 3 init_failed -- \
    'web_init_end=box.space.items:on_replace(function() end)
	box.space.items:before_replace(function() end)
	fiber.sleep(0.05)
	error("never")'
kind 'triggers of the session and of the server' 3 apply_failed -- \
    'web_init=box.session.on_connect(function() end)
	box.session.on_disconnect(function() end)
	box.ctl.on_shutdown(function() end)' \
    'web_apply=fiber.sleep(0.05) error("never")'
kind 'fibers' 3 init_failed -- \
    'web_init_end=for i = 1, 3 do
	    fiber.new(function()
		fiber.name("shop_stray")
		while true do fiber.sleep(0.01) end
	    end)
	end
	fiber.sleep(0.05)
	error("never")'
kind 'routes, hooks and helpers' 3 init_failed -- \
    'web_init_end=httpd:delete("shop_named")
	httpd:route({path = "/leak", name = "leak"}, hello)
	httpd:hook("before_dispatch", function() error("leak") end)
	httpd:helper("leak", function() end)
	fiber.sleep(0.05)
	error("never")'
kind 'modules and loaders' 3 init_failed -- \
    'web_init_end=package.loaded["app.leak"] = {}
	package.loaded["app.lib.prices"] = {}
	table.insert(package.loaders, 1, function() end)
	error("never")'
kind 'services' 3 init_failed -- \
    'web_init_end=cartridge.service_set("leak", {})
	cartridge.service_set("storage", nil)
	error("never")'
kind 'functions and settings of Tarantool' 3 init_failed -- \
    'web_init_end=require("json").cfg({encode_max_depth = 7})
	box.cfg({log_level = 6})
	getmetatable("").__mod = hello
	string.leak, box.session.leak = hello, hello
	box.space.items.leak = hello
	httpd.options.leak = hello
	fiber.sleep(0.05)
	error("never")'
is "$(app_eval 'return {getmetatable("").__mod == nil, string.leak == nil,
    box.session.leak == nil, box.space.items.leak == nil,
    require("json").cfg.encode_max_depth, tonumber(box.cfg.log_level) ~= 6}')" \
    '[true,true,true,true,128,true]' \
    'functions and settings of Tarantool are restored'
kind 'a global table changed in place' 3 load_error -- \
    'web_top=_G._error_classes = rawget(_G, "_error_classes") or {}
	_G._error_classes.Leak = {} error("never")'
port=$(free_ports 1)
kind 'an own server' 3 init_failed -- \
    'web_init_end=require("http.server").new("127.0.0.1", '"$port"', {}):start()
	fiber.sleep(0.05)
	error("never")'
is "$(lua 'return require("socket").tcp_connect("127.0.0.1", tonumber(...))' \
    "$port")" nil 'the port of failed code is closed'

diag 'Roles'

kind 'a dependency that is not there' 3 load_error -- \
    'web_end=table.insert(M.dependencies, "app.roles.nothing")'
kind 'a circle of dependencies' 3 bad_role -- \
    'audit_end=M.dependencies = {"app.roles.web"}'
kind 'the name of another role' 3 bad_role -- \
    'web_end=M.role_name = "storage"'
kind 'an enabled role gets another name' 5 role_removed -- \
    'web_end=M.role_name = "shopfront"'
good 3 'a new dependency' \
    'web_end=table.insert(M.dependencies, "app.roles.spare")'
is "$(app_eval 'return require("cartridge").service_get("spare").version')" 3 \
    'a new dependency is initialised'
good 4 'a dependency that is gone'
is "$(app_eval 'return require("cartridge").service_get("spare")')" nil \
    'a dropped dependency is stopped'
good 5 'a role that becomes permanent' 'spare_end=M.permanent = true'
is "$(app_eval 'return require("cartridge").service_get("spare").version')" 5 \
    'a new dependency is initialised'
kind 'a permanent role that becomes optional and fails' 3 apply_failed -- \
    'web_apply=error("never")'
good 6 'a permanent role that becomes optional'
is "$(app_eval 'return require("cartridge").service_get("spare")')" nil \
    'a dropped dependency is stopped'

diag 'stop'

good 7 'a role that raises in stop' 'web_stop=error("cannot stop")'
good 8 'an error in stop does not fail the reload'
good 9 'a role that deletes its route in stop' \
    'web_stop=cartridge.service_get("httpd"):delete("shop_named")'
kind 'a failure after a role deleted its route in stop' 3 apply_failed -- \
    'web_apply=error("never")'
good 10 'a success after a role deleted its route in stop'
server='web_init_end=M.own = require("http.server")
	    .new("127.0.0.1", PORT, {log_requests = false})
	M.own:route({path = "/"}, hello)
	M.own:start()'
server=${server/PORT/$port}
own()
{
	curl -s --max-time 5 "http://127.0.0.1:$port/"
}
good 11 'a role with a server of its own' "$server" 'web_stop=M.own:stop()'
is "$(own)" 'hello v11' 'the own server of a role serves'
good 12 'a role whose server is stopped and started' "$server" \
    'web_stop=M.own:stop()'
is "$(own)" 'hello v12' 'the own server serves new code'
kind 'a role with its own server that fails' 3 init_failed -- "$server
	error('never')" 'web_stop=M.own:stop()'
is "$(own)" 'hello v12' 'after a failure the own server serves the old code'
good 13 'a role that drops its own server'
is "$(own)" '' 'a dropped server is closed'

diag 'Fibers'

loops()
{
	app_eval 'local list = {}
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			if f.name:find("^shop_") then
				table.insert(list, f.name)
			end
		end
		table.sort(list)
		return table.concat(list, " ")'
}
has_loops()
{
	[ "$(loops)" = "$1" ]
}
ok 'one loop runs' wait_until 5 has_loops shop_audit_v13
app_version 14
reload --no-stop
GOOD=14
is "$RC $(json 'i.roles[1].stopped')" '0 false' '--no-stop'
ok '--no-stop: a loop of the old code ends' \
    wait_until 5 has_loops shop_audit_v14

requests=()
for n in 1 2 3 4 5; do
	http_get '/slow?seconds=1' >"$WORK/slow.$n" &
	requests+=($!)
done
is_slow()
{
	app_eval 'local n = 0
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			n = n + (f.name == "shop_slow" and 1 or 0)
		end
		assert(n == 5, n)' >/dev/null 2>&1
}
ok 'five requests are running' wait_until 5 is_slow
app_version 15
reload
GOOD=15
is "$RC" 0 'a reload succeeds while requests are running'
wait "${requests[@]}"
is "$(cat "$WORK"/slow.?)" "$(printf 'slow v14%.0s' 1 2 3 4 5)" \
    'running requests end on the code on which they began'

diag 'Concurrent changes'

# Runs a reload that waits in init until a flag is set in the instance.
begin_reload()
{
	app_version "$1" \
	    'web_init=while not rawget(_G, "go") do fiber.sleep(0.01) end'
	"$CARTRIDGE_RELOAD" -s "$APP_SOCK" -o json >"$WORK/first" 2>&1 &
	FIRST=$!
	wait_until 10 is_in_init || bail_out 'no reload is running'
}
is_in_init()
{
	app_eval 'local list = _G._cluster_vars_values["shop.calls"].list
		return list[#list]' | grep -q 'web.init'
}
finish_reload()
{
	app_eval 'rawset(_G, "go", true)' >/dev/null
	wait "$FIRST"
	RC=$?
	wait_until 10 has_no_lock
	app_eval 'rawset(_G, "go", nil)' >/dev/null
}
has_no_lock()
{
	reload status
	[ "$(json 'i.status.reloading == nil')" = true ]
}

load_start
begin_reload 16
is "$(app_state)" RolesConfigured 'the state is RolesConfigured all the time'
is "$(app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 16}})')" true 'a config change is accepted during a reload'
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 16, is_master = true, version = 15}')" \
    'the old code gets the new config'
finish_reload
is "$RC" 0 'the reload succeeds'
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 16, is_master = true, version = 16}')" \
    'the new code has the new config'
begin_reload 17
app_lead no >/dev/null
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 16, is_master = false, version = 16}')" \
    'a change of leadership is accepted during a reload'
finish_reload
is "$RC" 0 'the reload succeeds'
is "$(http_get /configured)" \
    "$(app_eval 'return {limit = 16, is_master = false, version = 17}')" \
    'the new code knows its leadership'
app_lead yes >/dev/null
begin_reload 18
is "$(app_eval 'return require("cartridge").admin_edit_topology({
	replicasets = {{uuid = '"$REPLICASET"',
	    roles = {"storage", "web", "spare"}}}}) ~= nil')" true \
    'another role is enabled during a reload'
finish_reload
is "$RC" 0 'the reload succeeds'
is "$(app_eval 'return require("cartridge").service_get("spare").version')" 18 \
    'the enabled role runs with new code'
load_stop
is "$LOAD_FAILED" 0 "none of $LOAD_REQUESTS requests failed"
GOOD=18

diag 'A client that is killed'

reload status
generation=$(json i.generation)
begin_reload 19
kill -KILL "$FIRST"
finish_reload 2>/dev/null
reload status
is "$(json 'i.outcome, i.generation')" "ok $((generation + 1))" \
    'the instance is on one whole generation'
is "$(http_get /versions)" "$(app_eval 'return {
	web = 19, storage = 19, prices = 19, settings = 19}')" 'the instance serves'
GOOD=19
good 20 'the next reload succeeds'

diag 'C declarations'

cdef='prices_top=require("ffi").cdef("struct shop_item { int id; FIELD; };")'
good 21 'a declaration' "${cdef/FIELD/int price}"
good 22 'the same declaration again' "${cdef/FIELD/int price}"
app_version 99 "${cdef/FIELD/double price}"
reload
is "$RC" 3 'another layout is refused'
like "$(json i.error.message)" 'restart' 'the message asks for a restart'
is "$(http_get /hello)" 'hello v22' 'the old code serves'

done_testing
