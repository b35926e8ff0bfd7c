# shellcheck shell=bash disable=SC2034,SC2153
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Runs the applications of the corpus; tests/live/stale_cases/README says what is in their
# folders.  To be sourced after tests/live/lib.sh.
#
#	for case in $(corpus_cases); do
#		corpus_start "$case"
#		corpus_probe			which code serves: "v1 v1"
#		corpus_update			version 2 is on disk
#		corpus_reload; corpus_report	the places, a line for each
#		corpus_probe			"v2 v2"
#		stop_app
#	done

CORPUS=$TESTS_DIR/live/stale_cases

corpus_cases()
{
	(cd "$CORPUS" && printf '%s\n' */) | tr -d /
}

# corpus_is_cartridge CASE: whether it needs Cartridge.
corpus_is_cartridge()
{
	[ -e "$CORPUS/$1/v1/role.lua" ]
}

# corpus_expect CASE: sets EXPECTED to the name of the file with what is expected.
corpus_expect()
{
	EXPECTED=$CORPUS/$1/expected
	if [ -e "$EXPECTED.hidden" ] && [ "$(corpus_hides_finalizers)" = true ]
	then
		EXPECTED=$EXPECTED.hidden
	elif [ -e "$EXPECTED.3" ] &&
	    [ "$(lua 'return _TARANTOOL:match("^[12]%.")')" = nil ]; then
		EXPECTED=$EXPECTED.3
	fi
}

corpus_hides_finalizers()
{
	lua 'local ffi = require("ffi")
		local object = ffi.gc(ffi.new("char[1]"), type)
		return debug.getfenv(ffi.gc)[object] == nil'
}

# corpus_start CASE [cartridge]: version 1 of the application, by default
# without Cartridge if it does not need it.
corpus_start()
{
	local dir=$CORPUS/$1 main=plain rocks=$ROCKS/.rocks file
	APPS=$((APPS + 1))
	APP_NAME=$1
	APP_DIR=$WORK/$APPS
	APP_SOCK=$APP_DIR/console.sock
	APP_LOG=$APP_DIR/log
	APP_URI=
	APP_URL=
	mkdir -p "$APP_DIR/data" "$APP_DIR/.rocks/share/tarantool"
	[ ! -d "$dir/rock" ] ||
	    cp "$dir"/rock/* "$APP_DIR/.rocks/share/tarantool"
	if corpus_is_cartridge "$1" || [ $# -gt 1 ]; then
		main=cartridge
		ln -s "$rocks"/share/tarantool/* "$APP_DIR/.rocks/share/tarantool"
		[ ! -d "$rocks/lib" ] || ln -s "$rocks/lib" "$APP_DIR/.rocks"
		corpus_is_cartridge "$1" || cp "$CORPUS/role.lua" "$APP_DIR"
		file=$(free_ports 2)
		APP_URI=127.0.0.1:${file#* }
		APP_URL=http://127.0.0.1:${file% *}
	fi
	cp "$dir/setup.lua" "$dir"/v1/* "$APP_DIR"
	printf '%s\n' "$(<"$CORPUS/$main.lua")" >"$APP_DIR/init.lua"
	run_app || bail_out "$1 did not start"
	[ "$main" = plain ] || corpus_bootstrap ||
	    bail_out "$1 was not configured"
}

corpus_bootstrap()
{
	wait_until 10 in_state Unconfigured || return 1
	app_eval 'return require("cartridge").admin_edit_topology({
		replicasets = {{
			roles = {"role"},
			join_servers = {{uri = "'"$APP_URI"'"}},
		}},
	}) ~= nil' >/dev/null
	wait_until 20 in_state RolesConfigured && wait_until 10 corpus_is_set_up
}

corpus_is_set_up()
{
	helper eval "$APP_SOCK" 'return rawget(_G, "corpus_is_set_up")' &&
	    [ "$ANSWER" = true ]
}

# corpus_update: the code on disk is version 2 now.
corpus_update()
{
	local files=("$CORPUS/$APP_NAME"/v1/*)
	rm "${files[@]/#*\//"$APP_DIR/"}"
	cp "$CORPUS/$APP_NAME"/v2/* "$APP_DIR"
}

# corpus_probe: prints what serves in the places of the application, separated
# by ", ": each text ends with the version.
corpus_probe()
{
	local status=0
	corpus_ask || status=1
	echo "$ANSWER"
	return "$status"
}

# corpus_ask: the same, in ANSWER.
corpus_ask()
{
	local status=0
	helper eval "$APP_SOCK" "$(<"$CORPUS/$APP_NAME/probe.lua")" || status=1
	ANSWER=${ANSWER//	/, }
	return "$status"
}

# corpus_reload [ARGUMENT ...]: with the arguments that the case wants.
corpus_reload()
{
	local args=()
	[ ! -e "$CORPUS/$APP_NAME/args" ] ||
	    read -ra args <"$CORPUS/$APP_NAME/args"
	reload ${args[@]+"${args[@]}"} "$@"
}

# corpus_report: prints the places of the report in OUT, see report.lua.
corpus_report()
{
	corpus_reports "$OUT"
	cat "$OUT.places"
}

# corpus_reports FILE ...: the same for several reports, into FILE.places.
corpus_reports()
{
	helper file "$CORPUS/report.lua" "$APP_DIR" "$@" || bail_out "$ANSWER"
}
