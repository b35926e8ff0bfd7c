#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# demo.sh: a small web application on a real Tarantool is reloaded to new code,
# and then is not reloaded to broken code.  Shows what would be typed and seen
# in a terminal, and fails if a step does not end as it should.
#
# All of it happens in a temporary directory; the application is ended and the
# directory removed at the end, also after Ctrl-C.
#
# From the environment, all with defaults: CARTRIDGE_RELOAD (the program),
# TARANTOOL (the server), CARTRIDGE_ROCKS (a directory with .rocks to use
# instead of the stand-in for Cartridge under tests/), TMPDIR.

set -u
# Each job in a process group of its own, so that it can be ended as a whole.
set -m

cd "$(dirname "$0")/.." || exit 1
program=${CARTRIDGE_RELOAD:-$PWD/build/cartridge-reload}
[ -x "$program" ] || { echo "demo.sh: no $program: run make" >&2; exit 1; }
tarantool=${TARANTOOL:-tarantool}
rocks=${CARTRIDGE_ROCKS:-$PWD/tests/support/fake_cartridge}
rocks=$(cd "$rocks" && pwd) || exit 1

# What the application or the program would listen to.
for name in $(compgen -e | grep -E '^(TARANTOOL|TT|CARTRIDGE_RELOAD)_'); do
	unset "$name"
done
PATH=$(cd "$(dirname "$program")" && pwd):$PATH
export PATH LC_ALL=C

dir=
cleanup()
{
	local status=$? pid tries=0

	trap '' INT TERM HUP PIPE
	trap - EXIT
	# All has been said; the shell would tell of the end of its jobs.
	exec 2>/dev/null
	for pid in $(jobs -p); do
		kill -- "-$pid"
		while kill -0 -- "-$pid"; do
			[ $((tries += 1)) -lt 100 ] || kill -KILL -- "-$pid"
			sleep 0.02
		done
	done
	if [ -n "$dir" ]; then
		cd / && rm -rf "$dir"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

fail()
{
	echo "demo.sh: $1" >&2
	[ ! -s log ] || tail -n 20 log >&2
	exit 1
}

# say LINE ...: what one would remark while typing.
say()
{
	[ "$status" = none ] || echo
	printf '# %s\n' "$@"
}

# step STATUS REGEX COMMAND: runs a command as if it had been typed; it must
# end with that status and print something like that.
status=none
step()
{
	local expected=$1 regex=$2 printed

	printf '$ %s\n' "$3"
	# In the background, so that a signal need not wait for it.
	{
		# For a command that asks for the status of the one before.
		(exit "${status/none/0}")
		eval "$3"
	} >out 2>&1 </dev/null &
	wait "$!"
	status=$?
	cat out
	[ "$status" -eq "$expected" ] ||
	    fail "that ended with status $status, not $expected"
	printed=$(cat out)
	[[ $printed =~ $regex ]] || fail "that did not print $regex"
}

# The role `hello` of Cartridge, and its main script.
write_cartridge()
{
	cat >init.lua <<'LUA'
require('strict').on()
require('table.new')
require('table.clear')
package.setsearchroot(require('fio').cwd())

local ok, err = require('cartridge').cfg({
    roles = {'app.roles.hello'},
    cluster_cookie = 'demo',
    swim_broadcast = false,
}, {log_level = 5, memtx_memory = 32 * 1024 * 1024})
assert(ok, tostring(err))
LUA

	cat >app/roles/hello.lua <<'LUA'
local cartridge = require('cartridge')
local greeting = require('app.greeting')

return {
    role_name = 'hello',
    init = function()
        local httpd = cartridge.service_get('httpd')
        httpd:route({path = '/hello/:name'}, function(req)
            return {status = 200, body = greeting(req:stash('name')) .. '\n'}
        end)
        return true
    end,
}
LUA
}

# The same for the config of Tarantool 3.
write_configured()
{
	cat >app/roles/hello.lua <<'LUA'
local http = require('http.server')
local greeting = require('app.greeting')
local httpd

return {
    validate = function() end,
    apply = function(cfg)
        if httpd ~= nil then
            return
        end
        httpd = http.new('127.0.0.1', cfg.port, {log_requests = false})
        httpd:route({path = '/hello/:name'}, function(req)
            return {status = 200, body = greeting(req:stash('name')) .. '\n'}
        end)
        httpd:start()
    end,
    stop = function()
        httpd:stop()
    end,
}
LUA
}

start_cartridge()
{
	local bootstrap tries=0

	write_cartridge
	TARANTOOL_ALIAS=hello TARANTOOL_WORKDIR=data \
	    TARANTOOL_CONSOLE_SOCK=./hello.sock TARANTOOL_HTTP_HOST=127.0.0.1 \
	    TARANTOOL_HTTP_PORT=$http_port \
	    TARANTOOL_ADVERTISE_URI=127.0.0.1:$port \
	    "$tarantool" init.lua >log 2>&1 </dev/null &

	# A cluster of one, with the role enabled.  A try that took too long may
	# have made it all the same.
	bootstrap="
local state = require('cartridge.confapplier').get_state
while state() == '' do
    require('fiber').sleep(0.01)
end
if state() ~= 'Unconfigured' then
    return true
end
return require('cartridge').admin_edit_topology({replicasets = {{
    alias = 'hello',
    roles = {'hello'},
    join_servers = {{uri = '127.0.0.1:$port'}},
}}})"
	until [ -S hello.sock ] && cartridge-reload -q -s hello.sock -t 30 \
	    eval "$bootstrap" >out 2>&1; do
		kill -0 "$!" 2>/dev/null || fail 'the application did not start'
		[ $((tries += 1)) -lt 200 ] || fail "$(cat out)"
		sleep 0.05
	done
}

start_configured()
{
	write_configured
	cat >config.yaml <<-END
		console: {socket: $dir/hello.sock}
		process: {work_dir: $dir/data}
		memtx: {memory: 33554432}
		iproto: {listen: [{uri: 'unix/:$dir/hello.iproto'}]}
		groups:
		  all:
		    replicasets:
		      all:
		        instances:
		          hello:
		            roles: [app.roles.hello]
		            roles_cfg:
		              app.roles.hello: {port: $http_port}
	END
	LUA_PATH="$dir/?.lua;$dir/.rocks/share/tarantool/?.lua;;" \
	    "$tarantool" --name hello --config config.yaml >log 2>&1 </dev/null &
}

# --- The application ---------------------------------------------------------

# Once made, its name must get here whatever happens.
dir=$(
	trap '' INT TERM HUP
	exec mktemp -d "${TMPDIR:-/tmp}/demo.XXXXXX"
) || exit 1
cd "$dir" || exit 1
mkdir -p app/roles data || exit 1
ln -s "$rocks/.rocks" .rocks

# As at a terminal, where curl is silent, and without the user's own settings.
export CURL_HOME=$dir
printf '%s\n' silent show-error 'max-time = 20' 'noproxy = "*"' >.curlrc

cat >app/greeting.lua <<'LUA'
return function(name)
    return 'Hello, ' .. name .. '!'
end
LUA

# Two ports that nobody uses, now at least.
cat >ports.lua <<'LUA'
local socket = require('socket')
local http, tcp = socket('AF_INET', 'SOCK_STREAM', 'tcp'), socket('AF_INET', 'SOCK_STREAM', 'tcp')
assert(http:bind('127.0.0.1', 0) and tcp:bind('127.0.0.1', 0))
print(http:name().port, tcp:name().port)
os.exit(0)
LUA
ports=$("$tarantool" ports.lua) || fail "$tarantool does not run"
read -r http_port port <<<"$ports"

# Tarantool 3 starts it from a config, older servers with Cartridge.
case $("$tarantool" -e 'print(_TARANTOOL) os.exit()') in
[12].*)
	start_cartridge
	starter='init = function()'
	;;
*)
	start_configured
	starter='apply = function(cfg)'
	;;
esac
cartridge-reload -q -s hello.sock -w 60 status ||
    fail 'the application was not configured'

# --- The session -------------------------------------------------------------

url=http://127.0.0.1:$http_port/hello/world

say 'A web application runs on Tarantool. This is the code of its greeting.'
step 0 'Hello, ' 'cat app/greeting.lua'
step 0 '^Hello, world!$' "curl $url"

say 'The code changes, and a reload makes the running process use it.'
step 0 '^$' "sed -i 's/Hello/Good morning/' app/greeting.lua"
step 0 '^Hello, world!$' "curl $url"
step 0 'reloaded to generation 1 ' 'cartridge-reload --socket hello.sock'
step 0 '^Good morning, world!$' "curl $url"

say 'Now the code is broken. The reload fails and rolls back; the old code is' \
    'still serving.'
step 0 '^$' \
    "sed -i \"s/$starter/& error('no coffee')/\" app/roles/hello.lua"
step 3 'of role [a-z.]*hello failed' 'cartridge-reload --socket hello.sock'
step 0 '^3$' "echo \$?"
step 0 '^Good morning, world!$' "curl $url"
step 0 ' generation 1,' 'cartridge-reload --socket hello.sock status'
