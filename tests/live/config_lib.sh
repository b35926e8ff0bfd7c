# shellcheck shell=bash disable=SC2034,SC2317,SC2119,SC2120 # functions of the harness and of suites
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# How suites start an application with roles from the config of Tarantool 3; on
# older servers, from a stand-in for the module `config`.  To be read after lib.sh.

export FAKE_CONFIG=$TESTS_DIR/support/fake_config/config.lua
is_real=$("$TARANTOOL" -e 'print(_TARANTOOL:match("^%d+") >= "3")
    os.exit()')

# write_config [GREETING]: config.yaml in the application's directory.  With
# OWN_SERVER, a port, the server of roles.httpd listens there, and the role app.api
# opens the one at APP_URL itself.
write_config()
{
	local shared=${APP_URL#http://} own={}
	if [ -n "${OWN_SERVER:-}" ]; then
		shared=127.0.0.1:$OWN_SERVER
		own="{port: ${APP_URL##*:}}"
	fi
	cat >"$APP_DIR/config.yaml" <<-END
		credentials: {users: {guest: {roles: [super]}}}
		console: {socket: $APP_SOCK}
		process: {work_dir: $APP_DIR/data}
		memtx: {memory: 33554432}
		iproto: {listen: [{uri: '$APP_URI'}]}
		groups:
		  all:
		    replicasets:
		      one:
		        instances:
		          first:
		            roles: [app.api, roles.httpd, app.store]
		            roles_cfg:
		              roles.httpd:
		                default: {listen: '$shared'}
		              app.api: $own
		              app.store: {greeting: ${1:-hello}}
	END
}

run_app()
{
	local command=(init.lua)
	[ "$is_real" = false ] || command=(--name first --config config.yaml)
	write_config
	(
		cd "$APP_DIR" || exit
		exec env CONFIGURED_WORKDIR="$APP_DIR/data" \
		    CONFIGURED_CONSOLE_SOCK="$APP_SOCK" TT_INSTANCE_NAME=first \
		    LUA_PATH="$APP_DIR/?.lua;;" \
		    "$TARANTOOL" "${command[@]}"
	) >>"$APP_LOG" 2>&1 </dev/null &
	APP_PID=$!
	wait_until 20 app_answers && wait_until 20 is_ready
}

is_ready()
{
	[ "$(app_eval 'return require("config"):info().status')" = ready ]
}
