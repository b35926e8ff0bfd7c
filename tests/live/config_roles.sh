#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Roles from the config of Tarantool 3; on older servers, from a stand-in for
# the module `config`.

# shellcheck disable=SC2119 # stop_app takes a process id, or none
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/live/config_lib.sh
. "$(dirname "$0")/config_lib.sh"

# Prints the state of the roles: route, triggers, loops, config and versions.
roles_state()
{
	curl -s -m 20 "$APP_URL/hello"
	app_eval '
		local loops = 0
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			loops = loops + (f.name == "ticker" and 1 or 0)
		end
		return #box.space.goods:on_replace(), loops, ticked,
		    require("config"):info().status,
		    require("app.store").version'
}

is_at()
{
	[ "$(roles_state)" = "v$1 v$1 v$1 ${2:-hello}1"$'\t'"1"$'\t'"$1"$'\t'"ready"$'\t'"$1" ]
}

serves_version()
{
	wait_until 20 is_at "$@" || diag "$(roles_state)"
	is_at "$@"
}

launch_app configured || bail_out 'the application did not start'
ok 'version 1 serves' serves_version 1

diag 'Looking'

reload status
is "$RC $(json 'i.status.state, i.alias')" '0 ready first' 'status'
reload plan
is "$RC $(json 'i.roles[1].name, i.roles[2].name, #i.roles')" \
    '0 app.store app.api 2' 'plan: the roles, dependencies first'
reload --main
is "$RC $(json 'i.error.code')" '5 no_main_script' '--main: roles start it'

diag 'Good code'

app_version 2
reload --stale fail
is "$RC $(json 'i.outcome')" '0 reloaded' 'good code'
is "$(json 'i.roles[1].name, i.roles[1].validated, i.roles[1].applied,
    i.roles[1].stopped, i.roles[2].name, i.roles[2].applied')" \
    'app.store true true true app.api true' 'the report has the roles'
is "$(json 'i.routes.added, i.routes.replaced, i.routes.removed')" '0 1 0' \
    'and the routes'
ok 'all of it is new' serves_version 2
version=$("$TARANTOOL" -e 'print(_TARANTOOL) os.exit()')
case $version in
3.[012].*)
	is "$(app_eval 'return events')" nil 'roles of this server have no events'
	;;
*)
	like "$(app_eval 'return events')" ' v2:config\.apply$' \
	    'the new role has been told that the config is applied'
	;;
esac
app_eval 'require("config"):reload() return true' >/dev/null
ok 'the config applies new roles' serves_version 2

diag 'Broken code'

# fails CODE NAME [PLACE=LUA ...]
fails()
{
	local code=$1 name=$2
	shift 2
	app_version 3 "$@"
	reload
	is "$RC $(json 'i.error.code')" "$code" "$name"
	ok "$name: the old code is still serving" serves_version 2
}

fails '3 validate_failed' 'validate throws' "store_validate=error('bad')"
fails '3 apply_failed' 'apply throws' "store_apply=error('boom')"
fails '3 apply_failed' 'apply throws again' "store_apply=error('boom')"
fails '3 apply_failed' 'a later role throws' "api_apply=error('late')"
fails '3 bad_role' 'a role without stop' \
    "store_top=local setmetatable = function(M) M.stop = nil return M end" \
    'store_stop=end M = setmetatable(M) function M.nothing()'
fails '3 bad_role' 'a dependency that the config does not give' \
    'api_apply=end table.insert(M.dependencies, "app.gone") function M.nothing()'

diag 'The config changes during a reload'

app_version 4 "store_apply=fiber.sleep(rawget(_G, 'pause') or 0)"
app_eval "rawset(_G, 'pause', 1) return true" >/dev/null
began=$(app_eval 'return applied')
reload &
is_applying()
{
	[ "$(app_eval 'return applied')" -gt "$began" ]
}
ok 'the new role is being applied' wait_until 20 is_applying
write_config changed
app_eval 'require("config"):reload() rawset(_G, "pause", 0) return true' >/dev/null
wait $!
ok 'the new roles get the config that is applied in the end' \
    serves_version 4 changed

app_version 5 "store_apply=rawset(_G, 'nested', {pcall(require('config').reload,
    require('config'))})"
reload
is "$RC $(app_eval 'return nested[1]')" '0 false' \
    'new code cannot reload the config during a reload'
app_eval 'require("config"):reload() return true' >/dev/null
ok 'afterwards it can be' serves_version 5 changed

diag 'Under load'

curl_loop()
{
	local failed=0 mixed=0 total=0 answer
	while [ ! -e "$WORK/enough" ]; do
		answer=$(curl -s -m 20 -f "$APP_URL/hello") || failed=$((failed + 1))
		# shellcheck disable=SC2086 # words
		set -- $answer
		[ "$1" = "$2" ] && [ "$2" = "$3" ] || mixed=$((mixed + 1))
		total=$((total + 1))
		nap 0.02
	done
	echo "$failed $mixed" >"$WORK/loop.$1.$BASHPID"
	[ "$total" -gt 0 ]
}
curl_loop &
first=$!
curl_loop &
second=$!
for version in 6 7 8 9; do
	app_version "$version"
	reload
	app_version "$version" "api_apply=error('late')"
	reload
done
touch "$WORK/enough"
wait "$first" "$second"
is "$(cat "$WORK"/loop.* | sort -u)" '0 0' 'no request failed, none was mixed'
app_version 9
reload
ok 'the last version serves' serves_version 9 changed

diag 'Not now'

app_eval 'rawset(_G, "before", require("config")._status)
    require("config")._status = "reload_in_progress" return true' >/dev/null
reload
is "$RC $(json 'i.error.code')" \
    '5 config_locked' 'while the config is being reloaded'
app_eval 'require("config")._status = "check_errors" return true' >/dev/null
reload
is "$RC $(json 'i.error.code')" '5 bad_state' 'when roles are half applied'
reload status
is "$RC $(json 'i.error.code')" '5 bad_state' \
    'status reports half applied roles'
app_eval 'require("config")._status = before return true' >/dev/null

diag 'A role that opens a server itself'

OWN_SERVER=$(free_ports 1)
stop_app
launch_app configured || bail_out 'the application with a server did not start'
ok 'version 1 serves' serves_version 1
# listeners: prints how many fibers listen at APP_URL, and which.
listeners()
{
	app_eval 'local out = {}
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			if f.name == "http/'"${APP_URL#http://}"'" then
				table.insert(out, f.fid)
			end
		end
		return #out, unpack(out)'
}
before=$(listeners)
like "$before" '^1[[:blank:]]' 'one fiber listens'
load_start "$APP_URL" /hello
for version in 2 3 4; do
	app_version "$version"
	reload --stale fail
	is "$RC $(json 'i.outcome')" '0 reloaded' "good code $version"
	ok 'all of it is new' serves_version "$version"
	app_version 9 "api_apply=error('late')"
	reload
	is "$RC $(json 'i.error.code')" '3 apply_failed' 'broken code'
	ok 'the old code is still serving' serves_version "$version"
done
load_stop
is "$LOAD_FAILED" 0 "none of $LOAD_REQUESTS requests failed"
is "$(listeners)" "$before" 'the same fiber listens'
app_version 5
app_eval 'require("config"):reload() return true' >/dev/null
ok 'the config applies the roles that serve' serves_version 4

done_testing
