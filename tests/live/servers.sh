#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# HTTP servers that an application opens itself: new code takes them over.

# shellcheck disable=SC2119 # reload takes options, or none
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

SECOND_PORT=$(free_ports 1)
export SECOND_PORT
launch_app server || bail_out 'the application did not start'

# get PATH: prints the response of the first server.
get()
{
	curl -s -m 20 -f "$APP_URL$1"
}

second()
{
	curl -s -m 20 -f "http://127.0.0.1:$SECOND_PORT/version"
}

# identity: prints the TCP server and the number of routes.
identity()
{
	app_eval 'local httpd = require("app.front").httpd
		return tostring(httpd.tcp_server), #httpd.routes'
}

is "$(get /version) $(get /named) $(second)" 'v1 named v1 back v1' \
    'version 1 serves'
listener=$(identity)
app_eval "rawset(_G, 'back_httpd', require('app.back').httpd) return true" \
    >/dev/null

diag 'Successful reloads'

app_version 2
reload
is "$RC $(json 'i.outcome')" '0 reloaded' \
    'a server created at the top of a module'
is "$(get /version) $(get /named)" 'v2 named v2' 'the server serves new code'
is "$(identity)" "$listener" 'the server keeps its socket'
is "$(json 'i.routes.added, i.routes.replaced, i.routes.removed')" '0 2 0' \
    'the routes are replaced'
like "$(cat "$OUT")" '"where": "[^"]*/version' \
    'a route of the main script is reported as stale'
like "$(json 'table.concat(i.warnings)')" '--main' 'the report suggests --main'
app_version 3 'front_routes=httpd:route({path = "/more", method = "GET"},
	function() return {status = 200, body = "more"} end)'
reload
is "$(get /version) $(get /more)" 'v3 more' 'a reload with a new route succeeds'
app_version 4
reload
is "$(get /version) $(get /more || echo gone)" 'v4 gone' \
    'a reload without that route succeeds'

diag 'Failed reloads'

app_version 5 "front_end=error('boom')"
reload
is "$RC $(json 'i.error.code')" '3 load_error' \
    'code that fails after the server start'
is "$(get /version) $(get /named)" 'v4 named v4' 'the old code is still serving'
app_version 5 "front_top=if rawget(_G, 'front') then
	rawget(_G, 'front'):stop() end" "front_end=error('boom')"
app_eval "rawset(_G, 'front', require('app.front').httpd) return true" >/dev/null
reload
is "$RC $(get /version)" '3 v4' \
    'code that stops the old server, creates its own and fails'
app_version 5 "front_top=if rawget(_G, 'front') then
	rawget(_G, 'front'):stop() end"
reload
is "$RC $(get /version)" '0 v5' 'the same code without the failure'

diag 'Under load'

load_start "$APP_URL" /version
for version in 6 7 8 9; do
	app_version "$version"
	reload
	app_version "$version" "front_end=error('boom')"
	reload
done
load_stop
is "$LOAD_FAILED" 0 "no request of $LOAD_REQUESTS failed"
app_version 9
reload
is "$(get /version)" v9 'the last version serves'

diag 'Servers that new code drops'

app_version 10 'back_end=local before = rawget(_G, "back_httpd")
	if before ~= nil then before:stop() end'
second_is_closed()
{
	! second >/dev/null
}
reload
is "$RC" 0 'new code stops a server and creates none'
ok 'the server is closed' wait_until 10 second_is_closed

stop_app

diag 'A role with its own server'

# own_server [REST]: prints Lua for init and stop of the role, in the common
# style with variables of cartridge.vars.
own_server()
{
	printf '%s' "web_init=local vars = require('cartridge.vars').new(
	    'app.roles.web')
	vars:new('server')
	if vars.server ~= nil then vars.server:stop() end
	vars.server = require('http.server').new('127.0.0.1', $SECOND_PORT,
	    {log_requests = false})
	vars.server:route({path = '/version', method = 'GET'}, function()
		return {status = 200, body = 'own v' .. VERSION}
	end)
	vars.server:start()
	${1:-}"
}

# With and without a stop that ends the server.
for stop in '' "local vars = require('cartridge.vars').new('app.roles.web')
	vars.server:stop() vars.server = nil"; do
	label=${stop:+, with stop}
	start_app shop
	app_version 1 "$(own_server)" "web_stop=$stop"
	reload
	is "$RC $(second)" '0 own v1' "the server listens$label"
	load_start "http://127.0.0.1:$SECOND_PORT" /version
	for version in 2 3; do
		app_version "$version" "$(own_server)" "web_stop=$stop"
		reload
		is "$RC $(second)" "0 own v$version" \
		    "version $version serves$label"
		app_version 9 "$(own_server "error('boom')")" "web_stop=$stop"
		reload
		is "$RC $(json 'i.rollback.complete') $(second)" \
		    "3 true own v$version" \
		    "broken code after version $version fails$label"
	done
	load_stop
	is "$LOAD_FAILED" 0 "no request of $LOAD_REQUESTS failed$label"
	stop_app
done

done_testing
