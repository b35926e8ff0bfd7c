#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# --main: the main script of an application without a framework runs again.

# shellcheck disable=SC2119 # reload takes options, or none
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

SECOND_PORT=$(free_ports 2)
SECOND_PORT=${SECOND_PORT% *}
export SECOND_PORT
launch_app script || bail_out 'the application did not start'

port()
{
	curl -s -m 20 --http0.9 "http://127.0.0.1:$SECOND_PORT/"
}

# Whether everything that the script sets up exists once, in one version.
state()
{
	printf '%s %s %s ' "$(http_get /page)" "$(http_get /anonymous)" \
	    "$(port)"
	app_eval 'local fiber = require("fiber")
		rawset(_G, "changes", {})
		box.space.items:replace({1})
		rawset(_G, "counter_version", nil)
		fiber.sleep(0.05)
		local counters, paths = 0, {}
		for _, f in pairs(fiber.info({backtrace = false})) do
			counters = counters + (f.name == "counter" and 1 or 0)
		end
		for path in package.path:gmatch("[^;]+") do
			paths[path] = (paths[path] or 0) + 1
		end
		local times = 0
		for _, count in pairs(paths) do
			times = math.max(times, count)
		end
		return ("%s changes %s counter %s of %d connect %s of %d path %d")
		    :format(api(), table.concat(changes, " "),
		    tostring(counter_version), counters,
		    tostring(connect_version), #box.session.on_connect(),
		    times)'
}

# serves N NAME
serves()
{
	is "$(state)" "page v$1 anonymous v$1 port v$1 api v$1 changes $1 \
counter $1 of 1 connect $1 of 1 path 1" "$2"
}

serves 1 'version 1 serves'

diag 'plan'

reload plan
is "$RC $(json 'i.main.path, i.main.runs, i.main.changed')" \
    "0 $APP_DIR/init.lua false null" 'plan names the script, which does not run'
is "$(json 'json.encode(i.main.risks)')" '[]' 'plan finds no risk'
like "$(json 'json.encode(i.main.calls)')" \
    '"box.cfg","box.once",.*"http.server.new",.*"socket.tcp_server","console.listen"' \
    'plan lists the calls of the script'
reload --main plan
is "$RC $(json 'i.main.runs')" '0 true' 'with --main the plan runs the script'
app_version 1 'script_end=box.space.items:truncate() os.exit(1)'
reload --main plan
like "$(json 'json.encode(i.main.risks)')" 'os.exit' \
    'plan warns of a script that exits'
app_version 1 'script_end=require("console").start() os.exit(0)'
reload --main plan
is "$(json 'json.encode(i.main.risks)')" '[]' \
    'plan warns of a script that ends in the console'
app_version 1 'script_end=while true do fiber.sleep(1) end'
reload --main plan
like "$(json 'json.encode(i.main.risks)')" 'loop' \
    'plan warns of a script that never ends'
app_version 1 'script_end=('
reload --main plan
is "$RC $(json 'i.error.code, i.error.module')" '3 compile_error main script' \
    'plan reports a script that does not compile'
reload --main
is "$RC $(json 'i.error.code, i.error.module')" '3 compile_error main script' \
    'a reload of a script that does not compile fails'
serves 1 'nothing has changed'

diag 'Version by version'

BROKEN=("script_end=error('boom')" 'script_top=error("boom")'
    'pages_end=error("boom")' "script_end=fiber.sleep(0.1) error('boom')"
    'script_end=box.space.items:drop_it()'
    'script_modules=require("app.missing")')
for version in 2 3 4; do
	app_version "$version"
	reload --main
	is "$RC $(json 'i.outcome, #i.stale, i.main.runs')" \
	    '0 reloaded 0 true' "version $version"
	serves "$version" "version $version serves"
	for broken in "${BROKEN[@]}"; do
		app_version 9 "$broken"
		reload --main
		is "$RC $(json 'i.error.code, i.rollback.complete')" \
		    '3 load_error true' "$broken"
		serves "$version" "version $version is still serving"
	done
done
app_version 4
reload --main
is "$(json 'i.main.changed, i.generation')" 'false 4' \
    'status shows that the script changed'
reload --main --if-changed
is "$RC $(json 'i.outcome')" '0 unchanged' \
    '--if-changed does nothing without a change of the script'
app_version 5
reload --main --if-changed
is "$RC $(json 'i.outcome, i.main.changed')" '0 reloaded true' \
    '--if-changed runs a changed script'
app_version 6 'script_routes=httpd:route({path = "/more", method = "GET"},
	function() return {status = 200, body = "more"} end)'
reload --main
is "$(http_get /more) $(http_status /page)" 'more 200' \
    'a new route of the script'
app_version 7
reload --main
is "$(http_status /more)" 404 'a removed route of the script'
serves 7 'version 7 serves'

diag 'A loop of the script that fails at once'

app_version 8 'script_loop=error("boom")'
reload --main
is "$RC $(json 'i.outcome, #i.stale, i.stale[1].patched')" '0 reloaded 1 false' \
    'the old loop is kept and reported'
like "$(json 'i.stale[1].reason')" 'ended with an error' 'with the reason'
like "$(json 'i.warnings[1]')" 'init\.lua:' 'a warning names the new loop'
app_eval 'rawset(_G, "counter_version", nil) require("fiber").sleep(0.05)' \
    >/dev/null
is "$(app_eval 'return counter_version')" 7 'the old loop is running'
app_version 8 'script_end=local f = fiber.new(function()
	while true do fiber.sleep(1) end end) fiber.yield() f:cancel() fiber.yield()'
reload --main
is "$RC $(json '#i.stale, #i.warnings')" '0 0 0' \
    'no warning of a loop that the script itself cancels'
app_version 7
reload --main
is "$RC $(json '#i.stale, #i.warnings')" '0 0 0' 'the fixed loop replaces it'
serves 7 'version 7 serves again'

diag 'Calls that work once in a process'

# refused CODE PLACE=LUA [NAME]
refused()
{
	app_version 9 "$2"
	reload --main
	is "$RC $(json 'i.error.code, i.error.phase, i.error.module,
	    i.rollback.complete')" "3 $1 load main script true" "$2"
	serves 7 'the old code is still serving'
}
refused box_cfg_changed 'script_end=box.cfg({log_level = 6})'
like "$(json i.error.message)" 'log_level' \
    'the changed option of box.cfg is named'
refused box_cfg_changed 'script_end=box.cfg({listen = "127.0.0.1:1"})'
unlike "$(json i.error.message)" '127.0.0.1' \
    'the value of the option is not printed'
refused box_cfg_changed 'script_end=pcall(box.cfg, {memtx_memory = 1e9})'
refused os_exit 'script_end=os.exit(0)'
refused os_exit 'script_end=pcall(os.exit, 0)'
refused os_exit 'script_modules=fiber.create(function() os.exit(0) end)'
app_version 9 'script_end=while true do fiber.sleep(0.01) end'
reload --main -t 3
is "$RC $(json 'i.error.code, i.error.module, i.rollback.complete')" \
    '4 deadline main script true' 'a script that never ends is a timeout'
serves 7 'the old code is still serving'
app_version 9 'script_end=while true do end'
reload --main -t 3
is "$RC $(json 'i.error.code, i.rollback.complete')" '4 deadline true' \
    'a script that never yields is a timeout'
serves 7 'the old code is still serving'
app_version 8 'script_end=require("console").start() os.exit(0)'
reload --main
is "$RC" 0 'a script that ends in the console'
serves 8 'version 8 serves'
app_version 9 'script_end=pcall(require("console").start) os.exit(0)'
reload --main
is "$RC" 0 'a script that ends in the console and catches errors'
serves 9 'version 9 serves'

diag 'Under load'

load_start "$APP_URL" /anonymous
for version in 10 11 12 13; do
	app_version "$version"
	reload --main
	app_version 99 "script_end=error('boom')"
	reload --main
done
load_stop
isnt "$LOAD_REQUESTS" 0 'requests were served'
is "$LOAD_FAILED" 0 'no request failed'
serves 13 'version 13 serves'

diag 'Watchers'

# watched: the versions whose callbacks an event is passed to, sorted.
watched()
{
	app_eval 'local fiber = require("fiber")
		rawset(_G, "watched", {})
		local value, is_told = fiber.time64(), false
		local probe = box.watch("orders", function(_, now)
			is_told = is_told or now == value
		end)
		box.broadcast("orders", value)
		local until_time = fiber.time() + 20
		while fiber.time() < until_time and
		    (not is_told or #watched == 0) do
			fiber.sleep(0.01)
		end
		probe:unregister()
		table.sort(watched)
		return table.concat(watched, " ")'
}

WATCH='rawset(_G, "watched", rawget(_G, "watched") or {})
	box.watch("orders", function() table.insert(watched, VERSION) end)'
if [ "$(app_eval 'return tostring(rawget(box, "watch") ~= nil)')" = true ]; then
	for version in 20 21 22; do
		app_version "$version" "script_end=$WATCH"
		reload --main
		is "$RC $(json '#i.stale') $(watched)" "0 0 $version" \
		    "only the watcher of version $version is called"
		app_version 99 "script_end=$WATCH error('boom')"
		reload --main
		is "$RC $(json 'i.rollback.complete') $(watched)" \
		    "3 true $version" 'after a failure too'
	done
	app_version 13
	reload --main
	is "$RC $(watched)" '0 22' \
	    'a watcher that the script no longer registers stays'
fi

diag 'Without --main'

app_version 14
reload
is "$RC $(http_get /page) $(http_get /anonymous)" '0 page v14 anonymous v13' \
    'without --main the script does not run'
app_version 14 'script_routes=httpd:hook("after_dispatch", function() end)'
reload
like "$(json 'table.concat(i.warnings)')" 'has changed.*--main' \
    'a changed script that does not run is reported'
app_version 15
reload --main
is "$(json '#i.warnings')" 0 'with --main a changed script is not reported'
serves 15 'a reload with --main after one without'
stop_app

diag 'Other scripts'

start_app shop
reload --main
is "$RC $(json 'i.error.code')" '5 no_main_script' \
    '--main is refused with Cartridge'
reload --main plan
is "$RC $(json 'i.error.code')" '5 no_main_script' \
    'plan --main is refused with Cartridge'
stop_app

done_testing
