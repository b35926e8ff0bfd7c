#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# An application that uses package.reload of moonlibs: its registered
# destructors end the old generation, and its main script runs again.

# shellcheck disable=SC2119,SC2317 # reload takes options, or none
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

[ -e "$ROCKS/.rocks/share/tarantool/package/reload.lua" ] ||
    skip_all 'package.reload is not among the rocks'
launch_app reloader || bail_out 'the application did not start'

# Prints what is left of each generation: running jobs and watchers with their
# version, and the destructors called at the end of the previous generation.
state()
{
	printf '%s ' "$(http_get /page)"
	app_eval 'local fiber = require("fiber")
		rawset(_G, "job_version", nil)
		rawset(_G, "watcher_version", nil)
		fiber.sleep(0.05)
		local jobs, watchers = 0, 0
		for _, f in pairs(fiber.info({backtrace = false})) do
			jobs = jobs + (f.name == "job" and 1 or 0)
			watchers = watchers + (f.name == "watcher" and 1 or 0)
		end
		local ended = rawget(_G, "ended")
		table.sort(ended)
		rawset(_G, "ended", {})
		return ("count %d job %s of %d watcher %s of %d ended %s")
		    :format(package.reload.count, tostring(job_version), jobs,
		    tostring(watcher_version), watchers,
		    table.concat(ended, " "))'
}

reload status
is "$RC $(json 'i.status.package_reload')" '0 1' \
    'status shows the number of package.reload'
reload plan
is "$RC $(json 'i.main.path, i.main.runs')" "0 $APP_DIR/init.lua true" \
    'plan runs the main script'
is "$(state)" 'page v1 of 1 count 1 job 1 of 1 watcher 1 of 1 ended ' \
    'the first reload is generation 1'

for version in 2 3 4; do
	app_version "$version"
	reload
	is "$RC $(json 'i.outcome, #i.stale, #i.warnings, #i.fibers.cancelled')" \
	    '0 reloaded 0 0 0' "version $version is loaded"
	is "$(state)" "page v$version of $version count $version job $version \
of 1 watcher $version of 1 ended -$((version - 1)) $((version - 1)) \
$((version + 99))" "version $version serves whole, and the one before has ended"
	for place in 'reloader_end=error("boom")' 'jobs_end=error("boom")' \
	    'reloader_top=error("boom")' \
	    'reloader_end=fiber.sleep(0.1) error("boom")'; do
		app_version 9 "$place"
		reload
		is "$RC $(json 'i.error.code, i.rollback.complete')" \
		    '3 load_error true' "$place"
		is "$(state)" "page v$version of $version count $version \
job $version of 1 watcher $version of 1 ended " \
    'failed code ends nothing of the old generation'
	done
done
is "$(app_eval 'return watchers_ended')" 3 'watchers end by themselves'

diag 'A slow loop'

SLOW='reloader_end=fiber.create(function()
	fiber.name("slow")
	while generation == package.reload.count do
		while rawget(_G, "slow_go") == nil do
			fiber.sleep(0.01)
		end
	end
	rawset(_G, "slow_ended", VERSION)
end)'
app_version 5 "$SLOW"
reload
app_version 6
reload
is "$(json 'names(i.fibers.left), #i.fibers.cancelled, #i.stale')" 'slow 0 1' \
    'a slow loop is reported while it runs, and not cancelled'
like "$(json 'i.stale[1].reason')" 'expected to end' 'the report has the reason'
slow_has_ended()
{
	[ "$(app_eval 'return rawget(_G, "slow_ended")')" = 5 ]
}
app_eval 'rawset(_G, "slow_go", true)'
ok 'the slow loop ends by itself' wait_until 10 slow_has_ended

diag 'Options'

app_version 7
state >/dev/null
reload --no-stop
is "$RC $(state)" '0 page v7 of 7 count 7 job 7 of 1 watcher 7 of 1 ended ' \
    '--no-stop: destructors are not called'
app_version 8 "reloader_end=package.reload:register(function()
	error('boom') end)"
reload
app_version 9
reload
is "$RC $(json 'i.outcome')" '0 reloaded' \
    'a destructor that raises an error does not fail the reload'
like "$(json 'i.warnings[1]')" 'boom' 'the error of a destructor is a warning'

diag 'Under load'

load_start "$APP_URL" /page
for version in 10 11 12; do
	app_version "$version"
	reload
	app_version 99 'reloader_end=error("boom")'
	reload
done
load_stop
isnt "$LOAD_REQUESTS" 0 'requests were served'
is "$LOAD_FAILED" 0 'no request failed'

diag 'Odd objects'

app_version 19 'reloader_end=package.reload:register(setmetatable(
	{destroy = function() rawset(_G, "odd_ended", true) end},
	{__tostring = function() error("odd") end}))'
reload
app_version 19
reload
is "$RC $(app_eval 'return odd_ended')" '0 true' \
    'an object that has no text is registered'

diag 'Servers whose own functions are registered'

SECOND_PORT=$(free_ports 2)
THIRD_PORT=${SECOND_PORT#* }
SECOND_PORT=${SECOND_PORT% *}
SERVERS='reloader_end=local second = require("http.server").new("127.0.0.1",
	'$SECOND_PORT', {log_requests = false})
second:route({path = "/v"}, function()
	return {status = 200, body = "second v" .. VERSION}
end)
second:start()
package.reload:register(second, second.stop)
local third = require("socket").tcp_server("127.0.0.1", '$THIRD_PORT',
	function(s) s:write("third v" .. VERSION) end)
package.reload:register('
# third: prints what the third server sends, then the status.
third()
{
	curl -s -m 20 --http0.9 "http://127.0.0.1:$THIRD_PORT" || echo "($?)"
}
for form in 'third, third.close)' 'third.close, third)'; do
	for version in 20 21 22; do
		app_version "$version" "$SERVERS$form"
		reload
		is "$RC $(curl -s -m 20 "http://127.0.0.1:$SECOND_PORT/v") $(third)" \
		    "0 second v$version third v$version" "version $version: $form"
	done
	app_version 23
	reload
	is "$RC $(curl -s -m 20 "http://127.0.0.1:$SECOND_PORT/v"; echo $?) $(third)" \
	    '0 7 (7)' 'new code that opens none closes them'
done
app_version 12
reload
count=$(app_eval 'return package.reload.count')
is "$RC $(http_get /page)" "0 page v12 of $count" 'the former version is loaded'

diag '--method native'

app_version 13
reload --method native
is "$RC $(json 'i.outcome, i.error.code')" '5 refused no_main_script' \
    'a script not found from the working directory is refused'
http_get /page >"$WORK/page"
is "$(cat "$WORK/page")" "page v12 of $count" 'the old code is still serving'
echo 'rawset(_G, "stranger", true) require("package.reload")' \
    >"$APP_DIR/data/init.lua"
reload --method native
is "$RC $(json 'i.outcome, i.error.code')" '5 refused no_main_script' \
    'another script of that name in the working directory is refused'
is "$(http_get /page) $(app_eval 'return rawget(_G, "stranger")')" \
    "page v12 of $count nil" 'the other script has not run'
rm "$APP_DIR/data/init.lua"
ln -s ../init.lua "$APP_DIR/data/init.lua"
app_version 13 'reloader_top=local ='
reload --method native
is "$RC $(json 'i.outcome, i.error.code')" '3 failed load_error' \
    'a script that does not compile fails'
app_version 13 'reloader_top=error("boom")'
reload --method native
is "$RC $(json 'i.outcome, i.error.code')" '3 failed load_error' \
    'a script that fails before it ends the old generation fails'
is "$(http_get /page)" "page v12 of $count" 'the old code is still serving'
app_version 13
reload --method native
is "$RC $(json 'i.outcome, #i.stale')" '0 reloaded 0' 'a native reload succeeds'
is "$(http_get /page)" "page v13 of $((count + 1))" 'a native reload loads new code'
app_version 14 'reloader_end=error("boom")'
reload --method native
is "$RC $(json 'i.outcome, i.error.code, i.rollback.complete')" \
    '6 degraded native_failed false' \
    'a native reload with a failing script is degraded'
app_version 15
reload
is "$RC $(http_get /page)" "0 page v15 of $((count + 3))" 'a staged reload recovers'

done_testing
