#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Binary ports of real servers: users and their rights, all commands, a reload
# under load, a server that is overloaded, a cluster, what is sent, and another
# network.

# shellcheck source=tests/live/cluster_lib.sh disable=SC2016
. "$(dirname "$0")/cluster_lib.sh"

is_3=$("$TARANTOOL" -e 'print(_TARANTOOL:match("^%d+") >= "3")
    os.exit()')

# at TARGET ARGUMENT ...: the program on that binary port, as op.
at()
{
	local target=$1
	shift
	TT_CLI_PASSWORD=s3cret run -s "$target" -u op -o json "$@"
}

# fails RC CODE NAME: how the last run ended.
fails()
{
	is "$RC $(json 'i.error.code')" "$1 $2" "$3"
}

# --- Before the bootstrap ----------------------------------------------------

BOOTSTRAP=no start_app shop TARANTOOL_CLUSTER_COOKIE=s3cret
# The console is there before the port.
is_reachable()
{
	TARANTOOL_CLUSTER_COOKIE=s3cret run -s "$APP_URI" -o json status
	[ "$RC" -ne 2 ]
}
wait_until 20 is_reachable
is "$RC $(json 'i.outcome')" '5 refused' 'before bootstrap status succeeds'
is "$(json 'i.error.code')" not_running \
    'before bootstrap status shows the state'
TARANTOOL_CLUSTER_COOKIE=s3cret run -s "$APP_URI" -o json
is "$RC" 5 'before bootstrap a reload is refused'
TARANTOOL_CLUSTER_COOKIE=wrong run -s "$APP_URI" -o json status
fails 2 login_failed 'another cookie'
TARANTOOL_CLUSTER_COOKIE=s3cret run -s "$APP_URI" eval 'return 1 + 1'
is "$RC $(cat "$OUT")" "0 ---
- 2
..." 'eval'
bootstrap_app || bail_out 'the application was not configured'
TARANTOOL_CLUSTER_COOKIE=s3cret run -s "$APP_URI" -o json status
is "$RC $(json 'i.outcome')" '0 ok' \
    'after bootstrap user and password stay valid'

# --- Users and rights --------------------------------------------------------

app_eval '
	box.schema.user.create("op", {password = "s3cret"})
	box.schema.user.create("nobody", {password = "x"})
	box.schema.user.create("shut", {password = "x"})
	box.schema.user.revoke("shut", "session", "universe")' >/dev/null
if [ "$is_3" = true ]; then
	app_eval 'box.schema.user.grant("op", "execute", "lua_eval")' >/dev/null
else
	app_eval 'box.schema.user.grant("op", "execute", "universe")' >/dev/null
fi
run -s "$APP_URI" -o json status
fails 2 access_denied 'guest may not evaluate'
TT_CLI_PASSWORD=x run -s "$APP_URI" -u nobody -o json status
fails 2 access_denied 'a user without rights may not evaluate'
TT_CLI_PASSWORD=x run -s "$APP_URI" -u shut -o json status
fails 2 access_denied 'a user that may not log in'
TT_CLI_PASSWORD=x run -s "$APP_URI" -u op -o json status
fails 2 login_failed 'a wrong password'
wrong=$(json 'i.error.message')
TT_CLI_PASSWORD=x run -s "$APP_URI" -u none -o json status
fails 2 login_failed 'no such user'
is "$(json 'i.error.message')" "${wrong/op/none}" \
    'status over both ports is the same'
at "$APP_URI" eval 'return box.session.user(), box.session.type()'
is "$(json 'i.results')" '["op","binary"]' 'eval runs as the user'
at "$APP_URI" eval 'box.schema.space.create("mine")'
fails 3 lua_error 'eval has the rights of the user'

# --- Commands ----------------------------------------------------------------

load_start
for version in 2 3 4; do
	app_version "$version"
	at "$APP_URI"
	is "$RC $(json 'i.outcome, i.generation')" "0 reloaded $((version - 1))" \
	    "a reload under load"
	is "$(http_get /hello)" "hello v$version" 'new code serves'
done
app_version 5
like "$(cat "$APP_LOG")" ' pid [0-9]+ as op from 127\.0\.0\.1:[0-9]+ started ' \
    'the log of the instance has user and address'
load_stop
is "$LOAD_FAILED" 0 "none of $LOAD_REQUESTS requests failed"
at "$APP_URI" plan
is "$RC $(json 'i.outcome')" '0 planned' 'plan over a binary port'
at "$APP_URI" -v
is "$RC $(json 'i.outcome')" '0 reloaded' 'reload --verbose over a binary port'
like "$(cat "$ERR")" 'commit' 'reload --verbose prints phases'
at "$APP_URI" stale
is "$(json 'i.outcome')" "$([ "$RC" = 0 ] && echo ok || echo stale)" \
    'stale over a binary port'
echo 'return {' >"$APP_DIR/app/broken.lua"
app_eval 'package.loaded["app.broken"] = {}' >/dev/null
at "$APP_URI"
fails 3 compile_error 'code that does not compile'
app_eval 'package.loaded["app.broken"] = nil' >/dev/null
rm "$APP_DIR/app/broken.lua"
at "$APP_URI" -s "$APP_SOCK" status
is "$RC $(json '#r.instances')" '0 2' \
    'console and binary port are different targets'
cat >"$WORK/lines" <<'END'
do rawset(_G, "x", (rawget(_G, "x") or 0) + 1) end
x, box.session.user()
box.begin()
x
END
TT_CLI_PASSWORD=s3cret run -u op -s "$APP_URI" console <"$WORK/lines"
is "$RC" 3 'the console reports a line that failed'
is "$(tr '\n' ' ' <"$OUT")" '--- ... --- - 1 - op ... --- - 1 ... ' \
    'the console continues after a failed line'
like "$(cat "$ERR")" 'line 3: .*transaction' \
    'a failed line rolls back its transaction'
at "$APP_URI" eval 'require("fiber").sleep(0.5) return ...' -t 0.2
fails 4 deadline 'a deadline'

# --- Overloaded --------------------------------------------------------------

app_eval 'box.cfg{net_msg_max = 2}' >/dev/null
"$TARANTOOL" -e "
	local conns = {}
	for i = 1, 8 do
		conns[i] = require('net.box').connect('op:s3cret@$APP_URI')
	end
	for i = 1, 8 do
		require('fiber').create(function()
			conns[i]:eval('require(\"fiber\").sleep(4)')
		end)
	end
	require('fiber').sleep(0.5)
	io.open('$WORK/busy', 'w'):close()
	require('fiber').sleep(6)
	os.exit()" >/dev/null 2>&1 &
wait_until 20 [ -e "$WORK/busy" ]
at "$APP_URI" -t 0.5
fails 4 deadline 'an instance with net_msg_max requests in flight'
like "$(json 'i.error.message')" 'did not answer.*console socket' \
    'the other port was asked for nothing'
run -s "$APP_SOCK" -o json status
is "$RC $(json 'i.generation')" '0 4' \
    'the console still answers, and nothing was run'
at "$APP_URI" -t 60 status
is "$RC" 0 'the port answers later'
app_eval 'box.cfg{net_msg_max = 768}' >/dev/null

# --- What is sent ------------------------------------------------------------

if command -v tcpdump >/dev/null && [ "$(id -u)" -eq 0 ]; then
	tcpdump -i lo -U -s 0 -w "$WORK/capture" "tcp port ${APP_URI##*:}" \
	    2>"$WORK/tcpdump" &
	dump=$!
	wait_until 10 grep -q listening "$WORK/tcpdump"
	at "$APP_URI"
	is "$RC" 0 'a reload is captured'
	TT_CLI_PASSWORD=s3cret run -u op -s "$APP_URI" console <<<1
	captured() { [ "$(grep -ac 'cartridge_reload_done' "$WORK/capture")" -gt 0 ]; }
	ok 'the packets are captured' wait_until 10 captured
	kill -INT "$dump"
	wait "$dump"
	ok 'all packets are captured' grep -aq 'console.*eval' "$WORK/capture"
	ok 'the user name is in the packets' \
	    grep -aq 'chap-sha1' "$WORK/capture"
	is "$(grep -ac s3cret "$WORK/capture")" 0 \
	    'the password is not in the packets'
	is "$(grep -c s3cret "$APP_LOG")" 0 'the password is not in the log'
	hash=$(printf s3cret | openssl sha1 -binary 2>/dev/null | head -c 6)
	[ -z "$hash" ] ||
	    is "$(LC_ALL=C grep -acF -- "$hash" "$WORK/capture")" 0 \
	        'the hash of the password is not in the log'
fi

# --- Another network ---------------------------------------------------------

NET=crl$$
if [ "$(id -u)" -eq 0 ] && ip netns add "$NET" 2>/dev/null; then
	ip link add "$NET-a" type veth peer name "$NET-b" &&
	    ip link set "$NET-b" netns "$NET" &&
	    ip addr add 198.18.77.1/30 dev "$NET-a" &&
	    ip link set "$NET-a" up &&
	    ip netns exec "$NET" ip addr add 198.18.77.2/30 dev "$NET-b" &&
	    ip netns exec "$NET" ip link set "$NET-b" up
	port=$(free_ports 1)
	socat "TCP-LISTEN:$port,bind=198.18.77.1,fork,reuseaddr" "TCP:$APP_URI" &
	TT_CLI_PASSWORD=s3cret ip netns exec "$NET" "$CARTRIDGE_RELOAD" --wait 20 \
	    -s "op@198.18.77.1:$port" -o json >"$OUT" 2>"$ERR"
	RC=$?
	is "$RC $(json 'i.outcome')" '0 reloaded' \
	    'a reload from another network namespace'
	ip netns del "$NET"
	ip link del "$NET-a" 2>/dev/null
fi

stop_app
TT_CLI_PASSWORD=s3cret "$CARTRIDGE_RELOAD" -u op -s "$APP_URI" -o json \
    --wait 60 >"$OUT" 2>"$ERR" &
pid=$!
run_app TARANTOOL_CLUSTER_COOKIE=s3cret || bail_out 'it did not start again'
wait "$pid"
RC=$?
is "$RC $(json 'i.outcome')" '0 reloaded' \
    '--wait waits until the instance has started'

# --- A cluster ---------------------------------------------------------------

start_cluster shop 's1=storage:s1-a,s1-b' 'router=web+storage:r1'
TARANTOOL_CLUSTER_COOKIE=cluster-test-cookie run -s "${NODE_URI[r1]}" -o json --cluster
is "$RC $(json '#r.instances')" '0 3' \
    'a Cartridge cluster by a URI and the cookie'
list=()
for name in "${NODES[@]}"; do
	list+=(-s "${NODE_URI[$name]}")
done
TARANTOOL_CLUSTER_COOKIE=cluster-test-cookie run "${list[@]}" -o json
is "$RC $(json '#r.instances')" '0 3' 'each instance by its own URI'

# --- A cluster of Tarantool 3 ------------------------------------------------

# The config tells its instances from 3.3 on.
if [ "$is_3" = true ] && "$TARANTOOL" -e '
    local major, minor = _TARANTOOL:match("^(%d+)%.(%d+)")
    os.exit((major > "3" or tonumber(minor) >= 3) and 0 or 1)'; then
	mkdir "$WORK/three"
	cd "$WORK/three" || exit 1
	read -ra ports <<<"$(free_ports 3)"
	cat >config.yaml <<-END
		credentials:
		  users:
		    op:
		      password: s3cret
		      privileges: [{permissions: [execute], lua_eval: true}]
		    replicator: {password: r, roles: [replication]}
		iproto: {advertise: {peer: {login: replicator}}}
		replication: {failover: manual}
		memtx: {memory: 33554432}
		roles: [greeter]
		groups:
		  all:
		    replicasets:
		      one:
		        leader: a
		        instances:
		          a: {iproto: {listen: [{uri: '127.0.0.1:${ports[0]}'}]}}
		          b: {iproto: {listen: [{uri: '127.0.0.1:${ports[1]}'}]}}
		      two:
		        leader: c
		        instances:
		          c: {iproto: {listen: [{uri: '127.0.0.1:${ports[2]}'}]}}
	END
	greeter()
	{
		echo "return {validate = function() end, apply = function() end,
			stop = function() end, version = $1}" >greeter.lua
	}
	greeter 1
	for name in a b c; do
		"$TARANTOOL" --name "$name" --config config.yaml \
		    >"$name.log" 2>&1 &
	done
	# All are there, and b follows a.
	together()
	{
		at "127.0.0.1:${ports[0]}" status --cluster &&
		    [ "$RC $(json '#r.instances')" = '0 3' ]
	}
	wait_until 60 together || bail_out "$(tail -n 5 ./*.log)"
	greeter 2
	TT_CLI_PASSWORD=s3cret run -s "op@127.0.0.1:${ports[0]}" --cluster
	is "$RC $(sed -n 's/ .*: reloaded to generation 1 in .*//p' "$OUT" | tr '\n' ' ')" \
	    '0 b c a ' 'followers, then leaders, the gateway last in its group'
	run -s "var/run/b/tarantool.control" -o json --cluster
	fails 5 unreachable_instances 'through a console, without a user'
	TT_CLI_PASSWORD=s3cret run -u op -s "var/run/b/tarantool.control" -o json --cluster
	is "$RC $(json '#r.instances')" '0 3' \
	    'through a console, with a user: the whole cluster'
fi

done_testing
