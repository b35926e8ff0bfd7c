#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The program with a real application: what it reloads, what it refuses, its
# exit status, and what it does not change.

# shellcheck source=tests/live/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

calls()
{
	app_eval 'local vars = _G._cluster_vars_values["shop.calls"]
		local list = table.concat(vars.list, ", ")
		vars.list = {}
		return list'
}

audit_lines()
{
	grep -c 'cartridge-reload: ' "$APP_LOG"
}

routes_count()
{
	app_eval 'return #require("cartridge").service_get("httpd").routes'
}

# Tests that the whole application runs that version.
serves()
{
	is "$(http_get /hello) $(http_get /named) $(http_get /health)" \
	    "hello v$1 named v$1 healthy v$1" "${2:-version $1 serves}"
}

# Tests that the last reload restored the state in $BEFORE.
nothing_changed()
{
	app_snapshot "$WORK/after"
	ok "$1: everything is as it was" \
	    diff "$BEFORE" "$WORK/after"
}
BEFORE=$WORK/before

start_app shop

diag 'Before the first reload'

app_snapshot "$BEFORE"
app_version 2
reload plan
is "$RC $(json 'r.ok, r.exit, r.command, i.outcome, i.generation')" \
    '0 true 0 plan planned 0' 'plan: the report in JSON'
is "$(json 'names(i.modules)')" "app.lib.calls app.lib.prices \
app.lib.settings app.roles.audit app.roles.health app.roles.spare \
app.roles.storage app.roles.web" 'plan: the modules of the application'
is "$(json 'names(i.roles)')" 'audit health spare storage web' \
    'plan: the roles'
like "$(json 'json.encode(i.kept)')" '"rocks".*"cartridge.roles"|"cartridge.roles".*"rocks"' \
    'plan: modules that are not reloaded, with reasons'
nothing_changed plan
is "$(app_eval 'return rawget(_G, "__cartridge_reload")')" nil \
    'plan leaves nothing behind'
serves 1
is "$(audit_lines)" 0 'plan writes nothing to the log'
reload status
is "$RC $(json 'i.outcome, i.generation, i.status.box, i.status.state,
    i.status.cartridge, i.status.read_only')" \
    '0 ok 0 running RolesConfigured 2.17.2 false' 'status succeeds'
is "$(json 'i.target, i.alias, i.uuid')" \
    "$APP_SOCK shop-1 $(app_eval 'return box.info.uuid')" \
    'status names the instance'
nothing_changed status

diag 'From version 1 to version 2'

routes=$(routes_count)
calls >/dev/null
reload
is "$RC $(json 'r.ok, r.command, i.ok, i.outcome, i.generation, i.error')" \
    '0 true reload true reloaded 1 null' 'a reload succeeds'
serves 2
is "$(http_get /versions)" \
    "$(app_eval 'return {web = 2, storage = 2, prices = 2, settings = 2}')" \
    'helper modules are new, even those loaded before cartridge.cfg'
is "$(http_get /item/1 -d '{"cents": 1250}') $(http_get /item/1)" \
    "created $(app_eval 'return {price = "12.50 EUR", version = 2}')" \
    'routes with stashes and other methods work'
is "$(http_get /file/a/b.txt)" 'file a/b.txt' 'a route with a wildcard works'
is "$(http_status /login -X POST -d '')" 403 'routes of Cartridge stay'
is "$(routes_count)" "$routes" 'the number of routes stays'
is "$(app_state)" RolesConfigured 'the state is RolesConfigured'
is "$(app_eval 'return require("cartridge").is_healthy()')" true \
    'the instance is healthy'
order=$(calls)
like "$order" 'storage.validate v2.*web.validate v2.*health.init v2 master.*audit.init v2 master.*storage.init v2 master.*web.init v2 master' \
    'validate_config of all roles, then init in the order of dependencies'
like "$order" 'audit.apply v2 master.*storage.apply v2 master.*web.apply v2 master' \
    'apply_config in the order of dependencies'
unlike "$order" 'spare\.' 'a role that is not enabled is left alone'
is "$(json 'names(i.roles)')" 'audit health spare storage web' \
    'the report has the roles'
is "$(json '(function()
	local out = {}
	for _, role in ipairs(i.roles) do
		out[role.name] = ("%s %s %s %s"):format(role.enabled,
		    role.validated, role.initialized, role.applied)
	end
	return out.web .. ", " .. out.spare
    end)()')" 'true true true true, false false false false' \
    'the report has the steps of each role'
is "$(json 'i.routes.replaced, i.routes.added, i.routes.removed')" '9 0 0' \
    'the report has the number of routes'
is "$(json 'i.duration_ms > 0, type(i.timings_ms.compile), type(i.timings_ms.commit),
    type(i.fibers.left), type(i.stale), i.rollback')" \
    'true number number table table null' 'the report has times and counts'
is "$(app_eval 'local roles = require("cartridge.roles")
	return roles.get_role("web") == package.loaded["app.roles.web"],
	    roles.get_role("web") == require("cartridge").service_get("web"),
	    roles.get_role("web").version')" "$(printf 'true\ttrue\t2')" \
    'Cartridge has the new role modules'
is "$(app_eval 'return require("cartridge").rpc_call("storage", "price", {1})')" \
    '12.50 EUR' 'rpc calls the new code'
is "$(app_eval 'return shop_price(1)')" '12.50 EUR' 'globals have the new code'
is "$(audit_lines)" 2 'a reload writes two lines to the log'
like "$(grep 'cartridge-reload: ' "$APP_LOG" | head -n 1)" \
    " pid [0-9]+ started " 'the log has the client'
like "$(grep 'cartridge-reload: ' "$APP_LOG" | tail -n 1)" \
    'reloaded, generation 1' 'the log has the outcome'

app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 5}})' >/dev/null
like "$(calls)" 'storage.validate v2, web.validate v2.*web.apply v2 master' \
    'a later config change reaches the new roles'
app_lead no >/dev/null
like "$(calls)" 'storage.apply v2 replica.*web.apply v2 replica' \
    'a later change of leadership reaches the new roles'
app_version 3
reload
like "$RC $(calls)" '^0 .*web.init v3 replica.*web.apply v3 replica' \
    'the roles of a replica get is_master = false'
app_lead yes >/dev/null
calls >/dev/null
serves 3

diag 'Broken versions'

app_snapshot "$BEFORE"

# broken CODE PHASE ROLE MODULE MESSAGE PLACE=LUA
broken()
{
	app_version 4 "$6"
	reload
	is "$RC $(json 'r.ok, i.ok, i.outcome, i.error.code, i.error.phase,
	    i.error.role, i.error.module')" "3 false false failed $1 $2 $3 $4" \
	    "$6: failed"
	like "$(json i.error.message)" "$5" "$6: the message"
	like "$(cat "$ERR")" "^cartridge-reload: $APP_SOCK: " \
	    "$6: an error on standard error"
	nothing_changed "$6"
	serves 3 "$6: the old code serves"
}
broken compile_error compile null app.roles.web 'web.lua:[0-9]+: ' \
    'web_top=local = 4'
broken compile_error compile null app.lib.prices 'prices.lua:[0-9]+: ' \
    'prices_top=if'
broken load_error load null app.roles.web 'web.lua:[0-9]+: at the top' \
    'web_top=error("at the top")'
broken load_error load null app.lib.prices 'no_such_module' \
    'prices_top=require("no_such_module")'
broken bad_role load null app.roles.web 'table' \
    'web_top=do return "not a table" end'
broken validate_failed validate storage app.roles.storage 'never' \
    'storage_validate=do return nil, "never" end'
broken validate_failed validate storage app.roles.storage '.' \
    'storage_validate=do return false end'
broken validate_failed validate web app.roles.web 'bad config' \
    'web_validate=error("bad config")'
broken init_failed init storage app.roles.storage 'cannot start' \
    'storage_init=error("cannot start")'
broken init_failed init web app.roles.web 'cannot start' \
    'web_init_end=error("cannot start")'
broken init_failed init web app.roles.web 'tables too' \
    'web_init=fiber.sleep(0.01) error({code = 1, text = "tables too"})'
broken apply_failed apply audit app.roles.audit 'cannot apply' \
    'audit_apply=error("cannot apply")'
broken apply_failed apply web app.roles.web 'nil and why' \
    'web_apply=do return nil, "nil and why" end'
like "$(json i.error.traceback)" null \
    'an error returned as nil, err has no traceback'
broken init_failed init web app.roles.web 'attempt to index' \
    'web_init=local t; t.x = 1'
like "$(json i.error.traceback)" 'app/roles/web.lua:[0-9]+: in function' \
    'an error that was raised has a traceback'

app_version 4 'web_top=local = 4'
reload plan
is "$RC $(json 'i.outcome, i.error.code, i.error.module')" \
    '3 failed compile_error app.roles.web' 'plan finds syntax errors'
nothing_changed 'plan of a broken version'
app_version 4
reload
is "$RC $(json i.outcome)" '0 reloaded' \
    'a good version is loaded after all failures'
serves 4

diag 'Selected modules'

reload --if-changed
is "$RC $(json 'i.outcome, i.generation')" \
    "0 unchanged $(json i.generation)" '--if-changed: nothing changed'
generation=$(json i.generation)
find "$APP_DIR/app" -name '*.lua' -exec touch {} +
calls >/dev/null
reload --if-changed
is "$RC $(json i.outcome) $(calls)" '0 unchanged ' \
    '--if-changed ignores times of files and calls no role'
sed -i 's/VERSION = 4/VERSION = 5/' "$APP_DIR/app/lib/prices.lua"
reload plan
is "$(json '(function()
	local out = {}
	for _, module in ipairs(i.modules) do
		if module.changed then
			table.insert(out, module.name)
		end
	end
	return table.concat(out, " ")
    end)()')" app.lib.prices 'plan marks changed files'
reload --if-changed
is "$RC $(json 'i.outcome, i.generation')" "0 reloaded $((generation + 1))" \
    '--if-changed reloads after a change'
is "$(http_get /versions)" \
    "$(app_eval 'return {web = 4, storage = 4, prices = 5, settings = 4}')" \
    '--if-changed: the change serves'

app_version 6
reload -m 'app.roles.*'
is "$RC $(json 'names(i.modules)')" "0 app.roles.audit app.roles.health \
app.roles.spare app.roles.storage app.roles.web" '--module selects modules'
is "$(http_get /versions)" \
    "$(app_eval 'return {web = 6, storage = 6, prices = 5, settings = 4}')" \
    '--module: other modules stay'
reload -x 'app.roles.*' -x app.lib.calls
is "$RC $(json 'names(i.modules)')" '0 app.lib.prices app.lib.settings' \
    '--exclude leaves modules out'
is "$(app_eval 'return require("app.lib.prices").version')" 6 \
    '--exclude: other modules are new'
reload
serves 6
reload plan --rocks
like "$(json 'names(i.modules)')" 'errors' '--rocks selects modules of .rocks'

diag 'eval'

run -s "$APP_SOCK" eval '1 + 1, {a = "b"}'
is "$RC $(cat "$OUT")" "0 $(printf -- '---\n- 2\n- a: b\n...')" \
    'eval prints results like the console'
reload eval 'return {1, {two = "2"}}'
is "$RC $(json 'i.outcome, i.results')" '0 ok [[1,{"two":"2"}]]' \
    'eval prints results in JSON'
reload eval 'error("no")'
is "$RC $(json 'i.outcome')" '3 failed' 'eval: an error is a failure'
reload eval 'nil, "what is wrong"'
is "$RC" 3 'eval: nil and an error are a failure'
like "$(cat "$ERR")" 'what is wrong' 'eval: the error is on standard error'
reload eval 'this is no Lua'
is "$RC" 3 'eval: a syntax error is a failure'
printf '%s\n' '-- a comment' 'local x = 20' 'return x + 1' >"$WORK/file.lua"
run -s "$APP_SOCK" eval -f "$WORK/file.lua"
is "$RC $(cat "$OUT")" "0 $(printf -- '---\n- 21\n...')" \
    'eval --file runs a file'
printf '%s\n' 'local x' 'error("in line two")' >"$WORK/file.lua"
run -s "$APP_SOCK" eval -f "$WORK/file.lua"
is "$RC" 3 'eval --file of failing code fails'
like "$(cat "$ERR")" 'file.lua:2: in line two' 'eval --file names file and line'

diag 'The request by itself'

app_version 7
run --print-lua reload
is "$RC $(wc -l <"$OUT")" '0 1' '--print-lua prints one line'
socat -t 30 - "UNIX-CONNECT:$APP_SOCK" <"$OUT" >"$WORK/reply"
like "$(cat "$WORK/reply")" 'outcome: reloaded' \
    'socat can send the printed line'
serves 7
is "$(head -c 1000 "$OUT" | socat -t 30 - "UNIX-CONNECT:$APP_SOCK" |
    tail -n +3 | grep -c 'error')" 1 'a part of it is a syntax error'

diag 'Output'

run -s "$APP_SOCK"
is "$RC" 0 'reload is the default command'
like "$(cat "$OUT")" 'reloaded' 'the text names the generation'
run -s "$APP_SOCK" -q
is "$RC$(cat "$OUT" "$ERR")" 0 '--quiet prints nothing'
run -s "$APP_SOCK" -v
like "$(cat "$ERR")" 'validate' '--verbose prints phases'
CARTRIDGE_RELOAD_SOCKET=$APP_SOCK run status
is "$RC" 0 'CARTRIDGE_RELOAD_SOCKET names the socket'
TARANTOOL_CONSOLE_SOCK=$APP_SOCK run status
is "$RC" 0 'TARANTOOL_CONSOLE_SOCK names the socket'

diag 'Two reloads at the same time'

app_version 8 'web_init=while not rawget(_G, "go") do fiber.sleep(0.01) end'
"$CARTRIDGE_RELOAD" -s "$APP_SOCK" -o json >"$WORK/first" 2>&1 &
first=$!
is_reloading()
{
	reload status
	[ "$(json 'i.status.reloading ~= nil')" = true ]
}
ok 'status shows the running reload' wait_until 10 is_reloading
like "$(json i.status.reloading.holder)" '@.* pid [0-9]+' \
    'status shows the holder of the lock'
reload
is "$RC $(json 'i.outcome, i.error.code')" '5 refused locked' \
    'a second reload is refused'
like "$(json i.error.message)" "pid $first" \
    'the refusal names the holder of the lock'
reload plan
is "$RC $(json 'i.outcome, i.error.code')" '5 refused locked' \
    'plan is refused during a reload'
serves 7 'the old code serves while a reload runs'
app_eval 'rawset(_G, "go", true)' >/dev/null
wait "$first"
is $? 0 'the first reload succeeds'
serves 8
app_eval 'rawset(_G, "go", nil)' >/dev/null

diag 'Time limits'

app_snapshot "$BEFORE"
app_version 9 'web_init=fiber.sleep(100)'
reload -t 1
is "$RC $(json 'i.outcome')" '4 timeout' \
    'an init that does not return is a timeout'
is_rolled_back()
{
	app_snapshot "$WORK/after"
	[ "$(<"$BEFORE")" = "$(<"$WORK/after")" ]
}
ok 'after the timeout everything is as before' wait_until 10 is_rolled_back
serves 8
kill -STOP "$APP_PID"
reload -t 0.5 status
is "$RC $(json 'i.error.code')" '2 no_greeting' \
    'an instance that hangs is a timeout'
kill -CONT "$APP_PID"

diag 'Refusals'

refused()
{
	is "$RC $(json 'i.outcome, i.error.code')" "5 refused $1" "$2"
}
app_version 9
app_eval 'require("cartridge.roles").forbid_reload()' >/dev/null
reload
refused forbidden 'forbidden by the application'
reload plan
refused forbidden 'plan: forbidden by the application'
app_eval 'require("cartridge.roles").allow_reload()' >/dev/null
app_eval '_G._cluster_vars_values["cartridge.twophase"].prepared_config = {}' \
    >/dev/null
reload
refused config_locked 'a config change is under way'
app_eval '_G._cluster_vars_values["cartridge.twophase"].prepared_config = nil' \
    >/dev/null
serves 8 'nothing happened'

diag '--method native'

reload --method native
is "$RC $(json 'i.outcome')" '0 reloaded' 'a native reload succeeds'
serves 9
app_version 10 'web_validate=do return nil, "never" end'
reload --method native
is "$RC $(json 'i.outcome, i.error.phase, i.rollback.complete')" \
    '6 degraded native false' 'a native reload that fails is degraded'
like "$(json 'i.error.message')" 'never' 'the message is that of Cartridge'
is "$(app_state)" ReloadError 'the state is the one Cartridge has set'
reload status
is "$RC $(json 'i.outcome, i.error.code, i.status.state')" \
    '5 refused bad_state ReloadError' 'status: the instance is not serving'
reload
refused bad_state 'a staged reload needs a configured state'
app_version 11
reload --method native
is "$RC $(json 'i.outcome')" '0 reloaded' 'a native reload recovers'
serves 11
reload
is "$RC $(json 'i.outcome')" '0 reloaded' 'a staged reload succeeds afterwards'
serves 11

diag 'Unreachable targets and usage errors'

run -s "$WORK/nothing.sock"
is "$RC" 2 'a missing socket is unreachable'
like "$(cat "$ERR")" "^cartridge-reload: $WORK/nothing.sock: " \
    'the missing socket is named'
run -s "$APP_URI" status
is "$RC" 2 'a binary port without a user is unreachable'
like "$(cat "$ERR")" '--user' 'the message asks for a user'
run -s "$APP_SOCK" frobnicate
is "$RC" 1 'an unknown command is a usage error'
run
is "$RC" 1 'no target is a usage error'
port=$(free_ports 1)
app_eval "require('console').listen('127.0.0.1:$port')" >/dev/null
run -s "127.0.0.1:$port" status
is "$RC" 0 'a console on a TCP port is reloaded'
stop_app "$APP_PID"
run -s "$APP_SOCK" status
is "$RC" 2 'an instance that has ended is unreachable'

diag 'An application that forbids reloads and starts slowly'

BOOTSTRAP=no start_app shop SHOP_RELOAD_ALLOWED=no
reload
refused not_running 'not configured yet'
reload status
is "$RC" 5 'status: the instance is not serving'
"$CARTRIDGE_RELOAD" -s "$APP_SOCK" -w 20 -o json status >"$WORK/first" 2>&1 &
first=$!
bootstrap_app || bail_out 'not configured'
wait "$first"
is $? 0 '--wait waits until the instance is ready'
app_version 2
reload --method native
is "$RC $(json 'i.outcome')" '5 refused' '--method native: Cartridge refuses'
like "$(json 'i.error.message')" 'forbids' '--method native: the reason'
reload --if-changed
is "$RC $(json 'i.outcome')" '0 reloaded' \
    '--if-changed before the first staged reload reloads'
serves 2
one=$APP_SOCK

diag 'An application without Cartridge'

start_app plain
is "$(app_eval 'return greet("you"), greet_first("you")')" \
    "$(printf 'hello, you (v1)\thello, you (v1)')" 'version 1 serves'
app_version 2
reload status
is "$RC $(json 'i.status.box, i.status.state, i.status.cartridge')" \
    '0 running null null' 'status succeeds'
reload plan
is "$RC $(json 'names(i.modules)')" '0 app.greeting app.words' 'plan succeeds'
reload
is "$RC $(json 'i.outcome, #(i.roles or {})')" '0 reloaded 0' \
    'a reload succeeds'
is "$(app_eval 'return greet("you")')" 'hello, you (v2)' 'version 2 serves'
app_version 3 'words_top=error("no words")'
app_snapshot "$BEFORE"
reload
is "$RC $(json 'i.error.code, i.error.module')" '3 load_error app.words' \
    'a broken version fails'
nothing_changed 'without Cartridge'
app_version 3 'words_top=rawset(_G, "require", function() end)
	rawset(_G, "pairs", nil) rawset(_G, "type", tostring)
	table.insert, table.concat, string.find, string.format = nil
	getmetatable("").__index = nil
	package.loaded.fiber.sleep = function() end
	package.loaded.log.error = nil package.loaded.clock.monotonic = nil
	error(nil)'
reload
is "$RC $(json 'i.error.code, i.rollback.complete')" '3 load_error true' \
    'code that breaks functions of Lua and fails is rolled back'
nothing_changed 'after that'
reload --method native
refused no_cartridge '--method native without Cartridge'

diag 'Several targets'

app_version 4
run -o json -s "$one" -s "$APP_SOCK"
is "$RC $(json '#r.instances, r.instances[1].target, r.instances[2].target')" \
    "0 2 $one $APP_SOCK" 'several targets are reloaded one after the other'
run -o json -s "$WORK/1/console.sock" -s "$one" status
is "$RC $(json '#r.instances, i.outcome')" '2 2 unreachable' \
    'status prints all targets'
rm "$WORK/1/console.sock"
run -o json -s "$WORK/*/console.sock" status
is "$RC $(json '#r.instances, r.instances[1].target, r.instances[2].target')" \
    "0 2 $one $APP_SOCK" 'the program expands a glob'
run -o json -s "$WORK/*/nothing.sock" status
is "$RC" 2 'a glob without a match is unreachable'

done_testing
