# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Harness of the live suites: starts applications on a real Tarantool, asks
# them over HTTP and over their console, and prints TAP.
#
#	. "$(dirname "$0")/lib.sh"
#	start_app shop				tests/support/apps/shop, bootstrapped
#	is "$(http_get /hello)" 'hello v1' 'version 1 serves'
#	app_version 2				its code on disk is version 2 now
#	reload; is "$RC" 0 'reloaded'
#	done_testing
#
# helper.lua does what would need a process each time.
#
# Environment: TARANTOOL (the server), CARTRIDGE_RELOAD (the program),
# CARTRIDGE_ROCKS (a directory with .rocks to use instead of the stand-in),
# LIVE_TRANSPORT (binary: reload Cartridge applications through their binary port),
# TEST_PORTS (the first of 500 ports to listen on), KEEP=1 (keep the working
# directory).

set -u

LIVE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TESTS_DIR=$(dirname "$LIVE_DIR")
TARANTOOL=${TARANTOOL:-tarantool}
CARTRIDGE_RELOAD=${CARTRIDGE_RELOAD:-$(dirname "$TESTS_DIR")/build/cartridge-reload}
ROCKS=${CARTRIDGE_ROCKS:-$TESTS_DIR/support/fake_cartridge}
ROCKS=$(cd "$ROCKS" && pwd) || exit 1
TEST_PORTS=${TEST_PORTS:-$((10000 + RANDOM % 45 * 500))}

# The application must not see settings of the caller's environment.
for name in "${!TARANTOOL_@}" "${!TT_@}" "${!CARTRIDGE_RELOAD_@}"; do
	unset "$name"
done
export TARANTOOL LC_ALL=C

# A short path: it holds unix sockets.
WORK=$(mktemp -d "${TMPDIR:-/tmp}/crl.XXXXXX") || exit 1
APPS=0

# Lua: the UUID of the replica set, which is in another field since 3.0.
REPLICASET='(box.info.replicaset or box.info.cluster).uuid'

OUT=$WORK/out
ERR=$WORK/err
RC=

cleanup()
{
	local status=$? pid
	trap - EXIT INT TERM HUP
	for pid in $(jobs -pr); do
		kill -CONT "$pid" 2>/dev/null
		kill "$pid" 2>/dev/null
	done
	for pid in $(jobs -pr); do
		wait_until 5 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	helper quit
	if [ -n "${KEEP:-}" ]; then
		echo "# kept: $WORK"
	else
		rm -rf "$WORK"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- TAP ---------------------------------------------------------------------

# shellcheck source=tests/tap.sh
. "$TESTS_DIR/tap.sh"

# like TEXT EXTENDED_REGEX NAME: whether a line of the text matches.
like()
{
	if matches "$1" "$2"; then
		pass "$3"
	else
		fail "$3" "        got: $1" "should match: $2"
	fi
}

unlike()
{
	if matches "$1" "$2"; then
		fail "$3" "             got: $1" "should not match: $2"
	else
		pass "$3"
	fi
}

# ok NAME COMMAND [ARGUMENT ...]
ok()
{
	local name=$1
	shift
	if "$@"; then
		pass "$name"
	else
		fail "$name" "failed: $*"
	fi
}

bail_out()
{
	[ -z "${APP_LOG:-}" ] || diag "$(tail -n 20 "$APP_LOG")"
	echo "Bail out! $1"
	exit 1
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

done_testing()
{
	echo "1..$TESTS"
	[ "$FAILED" -eq 0 ] || diag "$FAILED of $TESTS failed"
	[ "$FAILED" -eq 0 ]
	exit
}

# --- The helper ---------------------------------------------------------------

# helper ACTION [ARGUMENT ...]: has helper.lua do that.  Sets ANSWER to the result,
# or fails and sets it to the error.  Works in subshells and background jobs.
helper()
{
	local fd status='' length=0
	ANSWER='no answer of the helper'
	{ exec {fd}<>"/dev/tcp/127.0.0.1/$HELPER_PORT"; } 2>/dev/null || return
	printf '%s\0' $# "$@" >&"$fd"
	# With -N, bash reads more than a byte at a time.
	read -r status length <&"$fd" &&
	    IFS= read -r -N "$length" ANSWER <&"$fd"
	exec {fd}>&-
	[ "$status" = ok ]
}

start_helper()
{
	local pid
	mkfifo "$WORK/helper"
	"$TARANTOOL" "$LIVE_DIR/helper.lua" >"$WORK/helper" 2>"$WORK/helper.log" \
	    </dev/null &
	pid=$!
	# Neither `wait` nor `jobs` should know of it.
	disown "$pid"
	read -r HELPER_PORT <"$WORK/helper" ||
	    bail_out "no helper: $(<"$WORK/helper.log")"
}

# --- Waiting -----------------------------------------------------------------

# wait_until SECONDS COMMAND [ARGUMENT ...]: waits until the command succeeds.
wait_until()
{
	local deadline=$((SECONDS + $1 + 1))
	shift
	while ! "$@"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			diag "waited in vain: $*"
			return 1
		fi
		nap 0.02
	done
}

# is_gone PID: whether a child of this shell has ended.  A process of another
# suite may reuse its id, so no signal is sent to a child that has ended.
is_gone()
{
	local list=$WORK/jobs.$BASHPID
	# Unlike $(jobs), this needs no process.
	jobs -pr >"$list"
	[[ $'\n'$(<"$list")$'\n' != *$'\n'"$1"$'\n'* ]]
}

# --- Applications ------------------------------------------------------------

# lua CODE [ARGUMENT ...]: runs Lua in the helper and prints what it returns.
lua()
{
	helper lua "$@"
	printf '%s\n' "$ANSWER"
}

# Prints N ports of 127.0.0.1 that are free for TCP and UDP; a port is repeated
# only after all others.  They are not ephemeral ports of the system: a client
# could get one of these before the application listens.
free_ports()
{
	helper ports "$TEST_PORTS" "$1"
	echo "$ANSWER"
}

# start_app NAME [VARIABLE=VALUE ...]: copies tests/support/apps/NAME, starts it
# and waits until it serves.  Sets APP_DIR, APP_SOCK, APP_URL, APP_LOG, APP_PID,
# APP_URI; several can run, the variables are those of the last one.
# BOOTSTRAP=no leaves a Cartridge application without a topology.
start_app()
{
	launch_app "$@" || bail_out "$1 did not start"
	[ "$1" = plain ] && return
	[ "${BOOTSTRAP:-yes}" = yes ] || return 0
	bootstrap_app || bail_out "$1 was not configured"
}

launch_app()
{
	local template=$TESTS_DIR/support/apps/$1 ports
	APPS=$((APPS + 1))
	APP_NAME=$1
	APP_TEMPLATE=$template
	APP_DIR=$WORK/$APPS
	APP_SOCK=$APP_DIR/console.sock
	APP_LOG=$APP_DIR/log
	shift
	mkdir -p "$APP_DIR/data"
	cp -R "$template/." "$APP_DIR"
	ln -s "$ROCKS/.rocks" "$APP_DIR/.rocks"
	ports=$(free_ports 2)
	APP_URI=127.0.0.1:${ports#* }
	APP_URL=http://127.0.0.1:${ports% *}
	run_app "$@"
}

# Starts, or restarts, the process of the application in APP_DIR.
run_app()
{
	(
		cd "$APP_DIR" || exit
		exec env TARANTOOL_WORKDIR="$APP_DIR/data" \
		    TARANTOOL_CONSOLE_SOCK="$APP_SOCK" \
		    TARANTOOL_ADVERTISE_URI="$APP_URI" \
		    TARANTOOL_HTTP_HOST=127.0.0.1 \
		    TARANTOOL_HTTP_PORT="${APP_URL##*:}" \
		    TARANTOOL_ALIAS="$APP_NAME-$APPS" \
		    PLAIN_WORKDIR="$APP_DIR/data" \
		    PLAIN_CONSOLE_SOCK="$APP_SOCK" \
		    "$@" "$TARANTOOL" init.lua
	) >>"$APP_LOG" 2>&1 </dev/null &
	APP_PID=$!
	wait_until 20 app_answers
}

app_answers()
{
	! is_gone "$APP_PID" || bail_out 'the application ended at its start'
	[ -S "$APP_SOCK" ] && helper eval "$APP_SOCK" 'return true'
}

GET_STATE='return (require("cartridge.confapplier").get_state())'
app_state()
{
	app_eval "$GET_STATE"
}

in_state()
{
	helper eval "$APP_SOCK" "$GET_STATE" && [ "$ANSWER" = "$1" ]
}

# Makes it a cluster of one instance, with the roles "web" and "storage".
bootstrap_app()
{
	wait_until 10 in_state Unconfigured || return 1
	app_eval 'return require("cartridge").admin_edit_topology({
		replicasets = {{
			alias = "shop",
			roles = {"storage", "web"},
			join_servers = {{uri = "'"$APP_URI"'"}},
		}},
	}) ~= nil' >/dev/null
	wait_until 20 in_state RolesConfigured
}

# app_lead yes|no: makes the instance the leader of its replica set, or not, as
# the failover does.  The function of Cartridge is found through upvalues.
app_lead()
{
	app_eval '
		local failover = require("cartridge.failover")
		local step, seen = failover.reconfigure_all, {}
		local function look(f)
			for i = 1, 250 do
				local name, value = debug.getupvalue(f, i)
				if name == nil or step ~= nil then
					return
				elseif name == "reconfigure_all" and value then
					step = value
				elseif type(value) == "function"
				    and not seen[value] then
					seen[value] = true
					look(value)
				end
			end
		end
		look(failover.cfg)
		local leader = "'"$1"'" == "yes" and box.info.uuid
		    or "aaaaaaaa-0000-4000-b000-000000000000"
		step({['"$REPLICASET"'] = leader})
		return failover.is_leader()'
}

# changes_begin SECTION LIMIT: makes a config change and two changes of the leader
# in the background; changes_end waits for them and sets CHANGES to their outcome.
changes_begin()
{
	{
		app_eval 'return require("cartridge").config_patch_clusterwide({
			'"$1"' = {limit = '"$2"'}})'
		app_lead no
		app_lead yes
	} >"$WORK/changes" 2>&1 &
	CHANGES_PID=$!
}

changes_end()
{
	wait "$CHANGES_PID"
	CHANGES=$(tr '\n' ' ' <"$WORK/changes")
}

# stop_app [PID]: stops the application started last, or that process.
stop_app()
{
	local pid=${1:-$APP_PID}
	is_gone "$pid" || kill "$pid" 2>/dev/null
	wait_until 10 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

# app_version N [PLACE=LUA ...]: writes version N of the application's files;
# each "-- insert: PLACE" line of the template becomes that Lua text.
app_version()
{
	local version=$1
	shift
	helper version "$APP_TEMPLATE" "$APP_DIR" "$version" "$@" ||
	    bail_out "$ANSWER"
}

# app_eval LUA: runs it in the application, prints its results separated by
# tabs, tables as JSON.  Fails if the Lua raises.
app_eval()
{
	helper eval "$APP_SOCK" "$1" || {
		printf '%s\n' "$ANSWER" >&2
		return 1
	}
	printf '%s\n' "$ANSWER"
}

# app_snapshot FILE: writes what a reload must not change or must restore, a line
# for each: modules, roles, services, routes, globals, triggers, named fibers.
# Tables are identified by address, functions by their code: a closure that the
# old code creates again counts as the same.
app_snapshot()
{
	helper eval "$APP_SOCK" '
		local jutil = require("jit.util")
		local out = {}
		local function add(...)
			table.insert(out, table.concat({...}, " "))
		end
		local function tostring(v)
			local proto = type(v) == "function"
			    and jutil.funcinfo(v).proto
			return _G.tostring(proto or v)
		end
		for name, value in pairs(package.loaded) do
			-- The server loads these when it needs them first.
			if not name:find("^internal%.") then
				add("module", name, tostring(value))
			end
		end
		for i, loader in ipairs(package.loaders) do
			add("loader", i, tostring(loader))
		end
		for name, value in pairs(_G) do
			if name ~= "__cartridge_reload" then
				add("global", name, tostring(value))
			end
		end
		for _, event in ipairs({"on_connect", "on_disconnect",
		    "on_auth"}) do
			for i, f in ipairs(box.session[event]()) do
				add("box.session", event, i, tostring(f))
			end
		end
		for i, f in ipairs(box.ctl.on_shutdown()) do
			add("box.ctl.on_shutdown", i, tostring(f))
		end
		local items = box.space.items
		for _, event in ipairs(items and {"on_replace",
		    "before_replace"} or {}) do
			for i, f in ipairs(items[event](items) or {}) do
				add("items", event, i, tostring(f))
			end
		end
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			if f.name:find("^shop") or f.name:find("^cartridge%-") then
				add("fiber", f.name)
			end
		end
		local vars = rawget(_G, "_cluster_vars_values")
		if vars ~= nil then
			local roles = vars["cartridge.roles"]
			for i, role in ipairs(roles.roles_by_number) do
				add("role", i, role.role_name, tostring(role),
				    tostring(role.M), #role.deps)
			end
			for name, role in pairs(roles.roles_by_role_name) do
				add("role", name, tostring(role))
			end
			local registry = vars["cartridge.service-registry"].registry
			for name, service in pairs(registry) do
				add("service", name, tostring(service))
			end
			add("state", vars["cartridge.confapplier"].state)
			local httpd = registry.httpd
			for i, route in pairs(httpd and httpd.routes or {}) do
				add("route", i, route.method, route.path,
				    tostring(route.name), tostring(route.sub))
			end
			for name, i in pairs(httpd and httpd.iroutes or {}) do
				add("named route", name, i)
			end
			for _, kind in ipairs({"hooks", "helpers"}) do
				for name, f in pairs(httpd and httpd[kind] or {}) do
					add(kind, name, tostring(f))
				end
			end
		end
		table.sort(out)
		return table.concat(out, "\n")' "$1" || bail_out "$ANSWER"
}

# --- HTTP --------------------------------------------------------------------

# http_get PATH [CURL OPTION ...]: prints the body of the response.
http_get()
{
	local path=$1
	shift
	if [ $# -eq 0 ]; then
		helper get "$APP_URL$path"
		printf '%s' "$ANSWER"
	else
		curl -s --max-time 20 "$@" "$APP_URL$path"
	fi
}

http_status()
{
	local path=$1
	shift
	curl -s -o /dev/null --max-time 20 -w '%{http_code}\n' "$@" \
	    "$APP_URL$path"
}

# load_start [URL PATH ...]: wrk asks for these in turn, or for a named and an
# unnamed route of the application, over connections that are kept alive, until
# load_stop; or does what LOAD_LUA, which is added to its script, makes of that.
# Each connection pauses for some milliseconds between two requests: at full
# speed the load itself would be what the tests wait for.  A request that is not
# answered within 20 s has failed; the 2 s of wrk are over soon where the
# machine is busy.
load_start()
{
	[ $# -gt 0 ] || set -- "$APP_URL" /hello /named
	{
		printf 'local paths = {'
		printf "'%s'," "${@:2}"
		echo '}'
	} >"$WORK/load.lua"
	printf '%s\n' "$LOAD_REQUEST" "${LOAD_LUA-}" >>"$WORK/load.lua"
	wrk -t1 -c8 -d600 --timeout 20s -s "$WORK/load.lua" "$1" \
	    >"$WORK/load" 2>&1 &
	LOAD_PID=$!
	wait_until 10 is_loaded 8 || bail_out 'no load'
}
read -r -d '' LOAD_REQUEST <<'LUA'
local n = 0
function request()
	n = n + 1
	return wrk.format('GET', paths[n % #paths + 1], LOAD_HEADERS)
end
function delay()
	return 4
end
function done(summary)
	local e = summary.errors
	print(('LOAD %d %d'):format(summary.requests,
	    e.connect + e.read + e.write + e.status + e.timeout))
	print(('KINDS %d connect, %d read, %d write, %d status, %d timeout')
	    :format(e.connect, e.read, e.write, e.status, e.timeout))
end
LUA

# Each connection has a fiber, and so has the listening socket.
is_loaded()
{
	helper eval "$APP_SOCK" 'local n = 0
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			n = n + (f.name:find("^http/") and 1 or 0)
		end
		return n'
	[ "$ANSWER" -gt "$1" ]
}

# Sets LOAD_REQUESTS and LOAD_FAILED.
load_stop()
{
	local load
	kill -INT "$LOAD_PID"
	wait "$LOAD_PID"
	load=$(<"$WORK/load")
	LOAD_REQUESTS=
	LOAD_FAILED=
	[[ ! $load =~ LOAD\ ([0-9]+)\ ([0-9]+) ]] || {
		LOAD_REQUESTS=${BASH_REMATCH[1]}
		LOAD_FAILED=${BASH_REMATCH[2]}
	}
	[ "$LOAD_FAILED" = 0 ] || diag "failed requests: $load"
}

# --- The program -------------------------------------------------------------

# run ARGUMENT ...: runs the program; its exit code is in RC, its output in
# the files OUT and ERR.
run()
{
	"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR"
	RC=$?
}

# reload [ARGUMENT ...]: the same for the application of the last start, with
# the report in JSON.
reload()
{
	if [ "${LIVE_TRANSPORT:-console}" = binary ]; then
		TT_CLI_PASSWORD=$(app_eval \
		    'return require("cartridge.cluster-cookie").cookie()') \
		    run -u admin -s "$APP_URI" -o json "$@"
	else
		run -s "$APP_SOCK" -o json "$@"
	fi
}

# json EXPRESSION: evaluates Lua expressions about the JSON report in OUT: `r`
# is the document, `i` its first instance, `names(list)` the names in a list,
# sorted.  Prints the values separated by blanks, tables as JSON.
json()
{
	helper json "$OUT" "$1"
	printf '%s\n' "$ANSWER"
}

start_helper
