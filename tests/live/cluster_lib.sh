# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Clusters of several processes, for the live suites: the instances of one
# application, each with its own working directory and console.
#
#	. "$(dirname "$0")/cluster_lib.sh"
#	start_cluster shop 's1=storage:s1-a,s1-b' 'router=web+storage:r1'
#	on s1-b app_eval 'return box.info.ro'
#	on r1 http_get /hello
#	on r1 reload --cluster
#	done_testing
#
# A replica set is ALIAS=ROLE+ROLE:INSTANCE,INSTANCE; its first instance is the
# leader.  The functions of lib.sh apply to the instance chosen with `on` or
# `choose_node`.

# shellcheck source=tests/live/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

NODES=()
declare -A NODE_PID NODE_URI NODE_URL NODE_SOCK NODE_LOG NODE_DATA NODE_CODE
declare -A NODE_ENV NODE_TEMPLATE

# In each period Cartridge probes one other instance.
CLUSTER_ENV=(
	TARANTOOL_CLUSTER_COOKIE=cluster-test-cookie
	TARANTOOL_SWIM_BROADCAST=false
	TARANTOOL_SWIM_PROTOCOL_PERIOD_SECONDS=0.2
)

# Seconds until a suspected instance is declared dead; Cartridge's default is
# 20.
CLUSTER_SUSPECT_TIMEOUT=${CLUSTER_SUSPECT_TIMEOUT:-1}

# start_cluster APP REPLICASET ...: starts the instances, joins them into one
# cluster and waits until each sees all of them healthy.  CODE=own gives each
# its own copy of the application; else they share one.  The consoles are in the
# directory RUN_DIR, if it is set, under the names that cartridge-cli gives
# them.
start_cluster()
{
	local app=$1
	shift
	launch_nodes "$app" "$@" || bail_out "the instances of $app did not start"
	bootstrap_cluster "$@" || bail_out 'the cluster was not configured'
	wait_until 30 cluster_is_healthy || bail_out 'the cluster is not healthy'
}

# Starts the instances of the replica sets without joining them.
launch_nodes()
{
	local app=$1 set name names=()
	shift
	for set in "$@"; do
		IFS=, read -ra set <<<"${set##*:}"
		names+=("${set[@]}")
	done
	for name in "${names[@]}"; do
		make_node "$app" "$name"
	done
	for name in "${names[@]}"; do
		spawn_node "$name"
	done
	for name in "${names[@]}"; do
		on "$name" wait_until 20 app_answers || return 1
	done
}

# make_node APP NAME: creates the directories of an instance and chooses its
# ports.
make_node()
{
	local app=$1 name=$2 dir=$WORK/$2 ports code
	mkdir -p "$dir/data"
	code=$WORK/$app
	[ "${CODE:-shared}" = shared ] || code=$dir/app
	if [ ! -d "$code" ]; then
		mkdir "$code"
		cp -R "$TESTS_DIR/support/apps/$app/." "$code"
		ln -s "$ROCKS/.rocks" "$code/.rocks"
	fi
	ports=$(free_ports 2)
	NODES+=("$name")
	NODE_CODE[$name]=$code
	NODE_DATA[$name]=$dir/data
	NODE_SOCK[$name]=$dir/console.sock
	if [ -n "${RUN_DIR:-}" ]; then
		mkdir -p "$RUN_DIR"
		NODE_SOCK[$name]=$RUN_DIR/$app.$name.control
	fi
	NODE_LOG[$name]=$dir/log
	NODE_URI[$name]=127.0.0.1:${ports#* }
	NODE_URL[$name]=http://127.0.0.1:${ports% *}
	NODE_TEMPLATE[$name]=$TESTS_DIR/support/apps/$app
}

# spawn_node NAME: starts its process without waiting.  NODE_ENV[NAME] contains
# additional VARIABLE=VALUE words.
spawn_node()
{
	local name=$1 extra
	read -ra extra <<<"${NODE_ENV[$name]:-}"
	(
		cd "${NODE_CODE[$name]}" || exit
		exec env TARANTOOL_WORKDIR="${NODE_DATA[$name]}" \
		    TARANTOOL_CONSOLE_SOCK="${NODE_SOCK[$name]}" \
		    TARANTOOL_ADVERTISE_URI="${NODE_URI[$name]}" \
		    TARANTOOL_HTTP_HOST=127.0.0.1 \
		    TARANTOOL_HTTP_PORT="${NODE_URL[$name]##*:}" \
		    TARANTOOL_ALIAS="$name" \
		    "${CLUSTER_ENV[@]}" ${extra[@]+"${extra[@]}"} \
		    "$TARANTOOL" init.lua
	) >>"${NODE_LOG[$name]}" 2>&1 </dev/null &
	NODE_PID[$name]=$!
}

# run_node NAME: restarts it and waits until its roles are configured.
run_node()
{
	spawn_node "$1"
	on "$1" wait_until 20 app_answers &&
	    on "$1" wait_until 20 in_state RolesConfigured
}

# choose_node NAME: the functions of lib.sh apply to it from now on.
choose_node()
{
	[ -n "${NODE_CODE[$1]:-}" ] || bail_out "there is no instance $1"
	APP_NAME=$1
	APP_TEMPLATE=${NODE_TEMPLATE[$1]}
	APP_DIR=${NODE_CODE[$1]}
	APP_SOCK=${NODE_SOCK[$1]}
	APP_LOG=${NODE_LOG[$1]}
	APP_PID=${NODE_PID[$1]:-}
	APP_URI=${NODE_URI[$1]}
	APP_URL=${NODE_URL[$1]}
}

# on NAME COMMAND [ARGUMENT ...]: runs the command with that instance chosen.
on()
{
	choose_node "$1"
	shift
	"$@"
}

# join_nodes REPLICASET ...: prints the replica sets as a Lua list for
# admin_edit_topology.
join_nodes()
{
	local set alias roles names name
	for set in "$@"; do
		alias=${set%%=*}
		set=${set#*=}
		roles=${set%%:*}
		IFS=, read -ra names <<<"${set#*:}"
		printf '{alias = "%s", roles = {%s}, join_servers = {' "$alias" \
		    "$(printf '%s' "$roles" | sed 's/[^+]*/"&"/g; s/+/, /g')"
		for name in "${names[@]}"; do
			printf '{uri = "%s"}, ' "${NODE_URI[$name]}"
		done
		printf '}}, '
	done
}

# bootstrap_cluster REPLICASET ...: joins the instances started by launch_nodes.
bootstrap_cluster()
{
	local name
	for name in "${NODES[@]}"; do
		on "$name" wait_until 10 in_state Unconfigured || return 1
	done
	choose_node "${NODES[0]}"
	edit_topology "replicasets = {$(join_nodes "$@")}" || return 1
	for name in "${NODES[@]}"; do
		on "$name" wait_until 20 in_state RolesConfigured || return 1
	done
	on "${NODES[0]}" set_failover "failover_timeout = $CLUSTER_SUSPECT_TIMEOUT"
}

# edit_topology LUA / set_failover LUA: makes a change through the chosen
# instance.
edit_topology()
{
	app_eval 'local ok, err = require("cartridge").admin_edit_topology({'"$1"'})
		if ok == nil then
			error(tostring(err.err), 0)
		end' >/dev/null
}

set_failover()
{
	app_eval 'local ok, err = require("cartridge")
		    .failover_set_params({'"$1"'})
		if ok == nil then
			error(tostring(err.err), 0)
		end' >/dev/null
}

# Whether each instance (of NAMES, or all) sees the whole cluster as healthy.
# Cartridge's is_healthy also accepts suspected instances.
cluster_is_healthy()
{
	local name
	for name in "${@:-"${NODES[@]}"}"; do
		choose_node "$name"
		helper eval "$APP_SOCK" '
			local cartridge = require("cartridge")
			local membership = require("membership")
			local servers = cartridge.config_get_readonly("topology")
			    .servers
			for uuid, server in pairs(servers) do
				if server ~= "expelled" and not server.disabled
				then
					local m = membership.get_member(server.uri)
					if m == nil or m.status ~= "alive"
					    or m.payload.uuid ~= uuid then
						return false
					end
				end
			end
			return (cartridge.is_healthy())'
		[ "$ANSWER" = true ] || return 1
	done
}

# node_uuid NAME: of the instance; node_set NAME: of its replica set.
node_uuid()
{
	on "$1" app_eval 'return box.info.uuid'
}

node_set()
{
	on "$1" app_eval "return $REPLICASET"
}

# member_of OBSERVER NAME FIELD: prints what one instance knows of another:
# member_of r1 s1-a status; member_of r1 s1-a payload.state
member_of()
{
	on "$1" app_eval 'local m = require("membership")
		    .get_member("'"${NODE_URI[$2]}"'")
		return m and m.'"$3"
}

# member_is OBSERVER NAME FIELD VALUE
member_is()
{
	[ "$(member_of "$1" "$2" "$3")" = "$4" ]
}

# leader_of OBSERVER NAME: prints the alias of the leader of the replica set of
# an instance, as the observer knows it.
leader_of()
{
	on "$1" app_eval '
		local cartridge = require("cartridge")
		local membership = require("membership")
		local servers = cartridge.config_get_readonly("topology").servers
		local leaders = require("cartridge.failover").get_active_leaders()
		for uuid, server in pairs(servers) do
			if server.uri == "'"${NODE_URI[$2]}"'" then
				local leader = leaders[server.replicaset_uuid]
				local uri = leader and servers[leader].uri
				local m = uri and membership.get_member(uri)
				return m and m.payload.alias
			end
		end'
}

leader_is()
{
	[ "$(leader_of "$1" "$2")" = "$3" ]
}

# --- Code --------------------------------------------------------------------

# app_versions N [PLACE=LUA ...]: app_version on all instances.
app_versions()
{
	local name
	for name in "${NODES[@]}"; do
		on "$name" app_version "$@"
	done
}

# Code for init that waits while a flag of its version is set, or fails if
# another one is set, see `set_flag`.
HOLD='while rawget(_G, "shop_hold") == VERSION do require("fiber").sleep(0.01) end'
FAIL='if rawget(_G, "shop_fail") == VERSION then error("no disk here", 0) end'

# set_flag NAME FLAG [VALUE]: sets a global of the instance; no value: nil.
set_flag()
{
	on "$1" app_eval 'rawset(_G, "'"$2"'", '"${3:-nil}"')' >/dev/null
}

# generations: prints the generation and the serving version of all instances,
# in the order in which they were started: 1/v2 1/v2 0/v1
generations()
{
	local name out=()
	for name in "${@:-"${NODES[@]}"}"; do
		out+=("$(on "$name" app_eval '
			local registry = rawget(_G, "__cartridge_reload")
			return ("%d/v%d"):format(registry and registry.generation
			    or 0, require("cartridge").service_get("storage")
			    .version)')")
	done
	echo "${out[*]}"
}

# loaded_at NAME: prints the time at which its code took over.
loaded_at()
{
	on "$1" app_eval 'return rawget(_G, "__cartridge_reload").loaded_at'
}

# is_before A B: compares two times.
is_before()
{
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'
}

# is_reloading NAME: whether a reload is running there.
is_reloading()
{
	choose_node "$1"
	helper eval "$APP_SOCK" 'local registry = rawget(_G, "__cartridge_reload")
		return registry ~= nil and registry.lock ~= nil'
	[ "$ANSWER" = true ]
}

# --- The program in the background -------------------------------------------

# begin_run ARGUMENT ...: `run`, without waiting for its end.  SIGINT is not
# ignored, unlike in other background jobs of a shell.
begin_run()
{
	env --default-signal=INT "$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" \
	    </dev/null &
	RUN_PID=$!
}

finish_run()
{
	wait "$RUN_PID"
	RC=$?
}

# --- Trouble -----------------------------------------------------------------

# kill_node NAME: without a goodbye, as a crash does.
kill_node()
{
	is_gone "${NODE_PID[$1]}" || kill -KILL "${NODE_PID[$1]}"
	wait "${NODE_PID[$1]}" 2>/dev/null
	return 0
}

# stop_node NAME: as an operator stops it.
stop_node()
{
	stop_app "${NODE_PID[$1]}"
}

# freeze_node NAME / thaw_node NAME: it is there, and does not answer.
freeze_node()
{
	kill -STOP "${NODE_PID[$1]}"
}

thaw_node()
{
	kill -CONT "${NODE_PID[$1]}"
}

# Stops all instances at once.
stop_cluster()
{
	local name
	for name in "${NODES[@]}"; do
		is_gone "${NODE_PID[$name]}" && continue
		thaw_node "$name"
		kill "${NODE_PID[$name]}"
	done
	for name in "${NODES[@]}"; do
		stop_node "$name"
	done
}
