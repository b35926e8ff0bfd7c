#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Many instances: in parallel and one after the other, in order, until a failure
# or an interruption; on one host and in a cluster.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

FLEET=$BUILD_DIR/fakes/fake_fleet
FLEET_PID=
FRAMES=()
is_console || FRAMES=(-f)

# fleet ADDRESS ...: starts consoles with the rules on standard input.
fleet()
{
	[ -z "$FLEET_PID" ] || kill "$FLEET_PID"
	rm -f ./*.sock
	cat >rules
	"$FLEET" "${FRAMES[@]}" -l log rules "$@" >.run/ready 2>.run/fake &
	FLEET_PID=$!
	TARGET=$(<.run/ready)
	[ -n "$TARGET" ] || bail_out "fake_fleet: $(cat .run/fake)"
}

report='reply=---\n- cartridge_reload: 1\n  outcome:'
# answer STATUS: prints the reply to `status` of an instance.
answer()
{
	printf '%s' "$report ok\n  generation: 1\n" \
	    "  status: {box: running, $1}\n...\n"
}
follows=$(answer 'state: RolesConfigured, role: follower')
leads=$(answer 'state: RolesConfigured, role: leader')
reloaded="$report reloaded\n  generation: 2\n...\n"
fails="$report failed\n  error: {code: init_failed, message: no}\n...\n"

# happened_at WHAT COMMAND PLACES NAME: it happened at these instances, in order.
happened_at()
{
	local line places=()
	while IFS= read -r line; do
		[[ $line != *" $1 $2 "* ]] || places+=("${line%% *}")
	done <log
	is "${places[*]}" "$3" "$4"
}

# reloaded_through URIS NAME: the instances that were reloaded through a.sock.
reloaded_through()
{
	local line uris=()
	while IFS= read -r line; do
		[[ $line != 'a.sock request reload '* ]] || uris+=("${line##* }")
	done <log
	is "${uris[*]}" "$1" "$2"
}

# json EXPECTED LUA NAME: compares a value of `d`, the JSON document of the last
# run; list() returns the values of a field for all instances.
json()
{
	local got
	got=$(lua "local json = require('json')
	    local file = io.open(arg[1])
	    local d = json.decode(file:read('*a'))
	    local function list(of, key)
	        local values = {}
	        for i, item in ipairs(of or {}) do
	            values[i] = key == nil and item or item[key]
	        end
	        return table.concat(values, ' ')
	    end
	    print($2)
	    os.exit(0)" "$OUT" 2>&1)
	if [ "$got" = "$1" ]; then
		pass "$3"
	else
		fail "$3" "expected: $1" "is: $got"
		show_run
	fi
}

# --- A table -----------------------------------------------------------------

fleet one.sock three.sock two.sock <<END
one.sock * $(answer 'tarantool: 2.6.0-0-g1, cartridge: 2.17.2, state: RolesConfigured, role: leader, digest: 0123456789abcdef')
two.sock * $report ok\n  alias: number-two\n  generation: 12\n  status: {box: running, tarantool: 2.10.4, role: follower, healthy: false, digest: a123456789}\n...\n
three.sock * $report refused\n  generation: 0\n  status: {box: loading}\n  error: {code: not_running, message: m}\n...\n
END
try status -s one.sock -s none.sock -s three.sock -s two.sock
ends_at 2 none.sock 'a table of instances'
ends_at 2 three.sock 'an instance that is not ready is named'
prints 'NAME        STATE                   ROLE      GEN  CODE      TARANTOOL
one.sock    RolesConfigured         leader    1    01234567  2.6.0
number-two  running                 follower  12   a1234567  2.10.4
none.sock   unreachable: no_socket  -         -    -         -
three.sock  loading                 -         0    -         -
Cartridge 2.17.2
not healthy: Cartridge gives no reason' \
    'the columns fit their content, and failures are last'
try status -s one.sock -s none.sock -s three.sock -s two.sock -o json
lists target 'one.sock none.sock three.sock two.sock' 'JSON keeps the order of the targets'
try status -s one.sock -s two.sock -v
ok '--verbose prints a line for each instance, too' \
    said "$OUT" '^two.sock: running, generation 12, Tarantool 2.10.4, number-two, follower, code a1234567$'
try status -s one.sock
prints 'one.sock: running, RolesConfigured, generation 1, Tarantool 2.6.0-0-g1, Cartridge 2.17.2, leader, code 01234567' \
    'a single target has no table'
happened_at request status '' \
    'a single target is sent one preflight request'
try status -s one.sock -s two.sock -q
ends 0 '' '--quiet status of several'
ok '--quiet prints no table' [ ! -s "$OUT" ]
happened_at request status 'one.sock two.sock' \
    '--quiet sends the request status only'

# --- Order -------------------------------------------------------------------

fleet a.sock b.sock c.sock d.sock <<END
[ac].sock command=preflight $leads
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock -s d.sock
ends 0 '' 'a rolling reload'
happened_at request reload 'b.sock d.sock a.sock c.sock' \
    'followers are reloaded before leaders'
prints 'b.sock: reloaded to generation 2
d.sock: reloaded to generation 2
a.sock: reloaded to generation 2
c.sock: reloaded to generation 2
4 instances: 4 reloaded' 'reports are printed as instances end, and counted'
is "$(grep -E ' (request|reply) ' log | tail -16 | cut -d' ' -f1-3 | head -8 | xargs)" \
    'b.sock request reload b.sock reply reload b.sock request preflight b.sock reply preflight d.sock request reload d.sock reply reload d.sock request preflight d.sock reply preflight' \
    'each instance is healthy before the next reload begins'
try reload -s a.sock -s b.sock -s c.sock -s d.sock -o json
lists target 'a.sock b.sock c.sock d.sock' 'JSON is in the order of the targets'
lists not_touched '' 'JSON has no list of instances that were not attempted'

fleet a.sock <<END
* command=reload $reloaded
END
try reload -s a.sock
ends 0 '' 'a single target'
is "$(grep -c ' request ' log)" 1 'a single target is sent one request'
is "$(grep -c ' connect ' log)" 1 'a single target uses one connection'
prints 'a.sock: reloaded to generation 2' 'a single target has no summary'

fleet a.sock s.sock b.sock <<END
s.sock command=preflight $(answer 'stateboard: true')
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s s.sock -s b.sock
ends_at 0 s.sock 'a stateboard is skipped'
happened_at request reload 'a.sock b.sock' \
    'other instances are not skipped'
ok 'the summary counts the skipped instance' \
    said "$OUT" '^3 instances: 2 reloaded, 1 skipped$'
try reload -s a.sock -s s.sock -s b.sock -o json
lists skipped s.sock 'JSON has the skipped instance'

# --- Found by name -----------------------------------------------------------

mkdir run
fleet run/shop.b.control run/shop.a.control run/other.c.control x.sock <<END
run/shop.a.control command=preflight $leads
* command=preflight $follows
* command=reload $reloaded
END
try reload --run-dir run --app shop -s x.sock -s run/shop.b.control
ends 0 '' 'an application and sockets'
happened_at request reload 'x.sock run/shop.b.control run/shop.a.control' \
    'an application and sockets are combined'
try status --run-dir run --app shop
is "$(awk '{ print $1 }' "$OUT" | xargs)" 'NAME a b' \
    'the table has the names of instances'
try status --run-dir run --app shop --instance b
is "$(wc -l <"$OUT")" 1 'a single instance has no table'
ok 'a single instance gets the same request' \
    said "$OUT" 'RolesConfigured, .*, follower$'
kill "$FLEET_PID"
FLEET_PID=
try status --run-dir run --app shop -o json
lists outcome 'unreachable unreachable' 'unreachable instances found by name'
lists alias 'a b' 'JSON has the names even of those that are not there'
try reload --app none --run-dir run
is "$RC" 2 'an unknown application'
ok 'the searched places are listed' said "$ERR" 'run'

# --- Failures ----------------------------------------------------------------

fleet a.sock b.sock c.sock d.sock <<END
* command=preflight $follows
b.sock command=reload $fails
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock -s d.sock
ends_at 3 b.sock 'the first failure stops a reload'
happened_at request reload 'a.sock b.sock' \
    'no reload begins after a failure'
ends_at 3 c.sock 'an instance that was not attempted is named'
ends_at 3 d.sock 'the other one, too'
is "$(tail -n 2 "$OUT")" '4 instances: 1 reloaded, 1 failed, 2 not attempted
  b.sock: failed (init_failed)' 'the summary lists the failure last'
try reload -s a.sock -s b.sock -s c.sock -s d.sock -o json
ends 3 init_failed 'the first failure stops a reload in JSON'
lists target 'a.sock b.sock' \
    'JSON has a report of each instance that was attempted'
lists not_touched 'c.sock d.sock' 'JSON lists the instances that were not attempted'
try reload -s a.sock -s b.sock -s c.sock -s d.sock --keep-going
ends_at 3 b.sock '--keep-going: the same exit status'
happened_at request reload 'a.sock b.sock a.sock b.sock a.sock b.sock c.sock d.sock' \
    '--keep-going: all are attempted'
is "$(tail -n 2 "$OUT")" '4 instances: 3 reloaded, 1 failed
  b.sock: failed (init_failed)' '--keep-going: the summary lists the failure last'

fleet a.sock b.sock c.sock <<END
b.sock connect close
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock -o json
ends 2 closed_before_greeting 'an unreachable instance'
happened_at request reload '' \
    'an unreachable instance prevents all reloads'
lists not_touched 'a.sock c.sock' 'the others are not attempted'
try reload -s a.sock -s b.sock -s c.sock -k -o json
ends 2 closed_before_greeting '--keep-going with an unreachable instance'
happened_at request reload 'a.sock c.sock' \
    '--keep-going: the others are reloaded'
mapfile -t connects < <(grep '^b.sock connect' log)
is "${#connects[@]}" 2 \
    '--keep-going: the unreachable instance is asked once'
fleet a.sock b.sock <<END
b.sock command=preflight times=1 $report refused\n  error: {code: not_running, message: m, transient: true}\n...\n
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -w 20
ends 0 '' '--wait waits for all before the first reload'
fleet a.sock b.sock <<END
b.sock command=preflight $report refused\n  error: {code: not_running, message: m}\n...\n
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -o json
ends 5 not_running 'an instance that is not ready'
happened_at request reload '' \
    'an instance that is not ready prevents all reloads'

# Exit codes of all kinds: the most severe one is the exit status.
fleet a.sock b.sock c.sock d.sock e.sock <<END
* command=preflight $follows
a.sock * $report refused\n  error: {code: locked, message: m}\n...\n
b.sock * half $reloaded
c.sock * $fails
d.sock * $report stale\n...\n
* * $reloaded
END
try reload -s '?.sock' -k -o json
ends 3 'locked closed init_failed' 'the exit status is that of the worst outcome'
fleet a.sock b.sock c.sock d.sock e.sock <<END
* command=preflight $follows
a.sock * $report refused\n  error: {code: locked, message: m}\n...\n
c.sock * $fails
d.sock * $report degraded\n...\n
e.sock * hang
* * $reloaded
END
try reload -s '?.sock' -k -j 5 -t 0.5 -o json
lists outcome 'refused reloaded failed degraded timeout' 'each outcome is reported'
ends 6 'locked init_failed deadline' 'the worst outcome wins in any order'

# --- Healthy again -----------------------------------------------------------

fleet a.sock b.sock <<END
a.sock command=preflight times=1 $follows
a.sock command=preflight times=1 $report refused\n  status: {box: running, state: ConfiguringRoles}\n  error: {code: bad_state, message: m}\n...\n
a.sock command=preflight times=1 close
a.sock command=preflight times=1 $(answer 'state: RolesConfigured, healthy: false')
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock
ends 0 '' 'a reload waits until an instance is healthy again'
happened_at request preflight 'a.sock b.sock a.sock a.sock a.sock a.sock b.sock' \
    'the health check is repeated'
fleet a.sock b.sock c.sock <<END
a.sock command=preflight times=1 $follows
a.sock command=preflight $(answer 'state: RolesConfigured, healthy: false')
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock -t 3
ends_at 6 a.sock 'an instance that does not recover is degraded'
happened_at request reload 'a.sock' \
    'an instance that does not recover stops the rest'
prints 'a.sock: reloaded to generation 2; not healthy
3 instances: 1 degraded, 2 not attempted
  a.sock: degraded (not_healthy)' 'reloads before it are reported'
fleet a.sock b.sock <<END
* command=preflight $(answer 'state: RolesConfigured, healthy: false')
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -t 1
ends 0 '' 'an instance that was unhealthy before may stay unhealthy'
fleet a.sock b.sock <<END
* command=preflight $follows
* command=reload $report unchanged\n...\n
END
try reload -s a.sock -s b.sock --if-changed
ends 0 '' 'an instance that was not reloaded'
happened_at request preflight 'a.sock b.sock' \
    'an instance that was not reloaded has no health check'

# --- Several at once ---------------------------------------------------------

# Each console waits until the others are connected too.
fleet a.sock b.sock c.sock d.sock <<END
* command=preflight $follows
a.sock * touch=a until=c $reloaded
b.sock * touch=b until=c $reloaded
c.sock * touch=c until=b $reloaded
d.sock * touch=d $reloaded
END
try reload -s '?.sock' --jobs 3
ends 0 '' '--jobs 3 reloads three at the same time'
rm -f a b c d
fleet a.sock b.sock c.sock <<END
* command=preflight $follows
a.sock command=reload after=200 $reloaded
b.sock command=reload $fails
* command=reload $reloaded
END
try reload -s '?.sock' --jobs 2 -o json
ends 3 init_failed '--jobs: after a failure running reloads end'
lists outcome 'reloaded failed' '--jobs: running reloads are reported'
lists not_touched c.sock '--jobs: no further reload begins'
fleet a.sock b.sock <<END
* command=eval $report ok\n  results: "---\\\\n- 1\\\\n...\\\\n"\n...\n
END
sed -i 's/\\\\\\\\n/\\\\n/g' rules
try eval 1 -s a.sock -s none.sock -s b.sock -k
happened_at request eval 'a.sock b.sock' \
    '--keep-going: eval continues after a failure'
fleet a.sock b.sock c.sock <<END
a.sock command=plan touch=a until=c $report failed\n...\n
b.sock command=plan touch=b until=c $report planned\n...\n
c.sock command=plan touch=c until=a $report planned\n...\n
END
try plan -s '?.sock'
ends_at 3 a.sock 'plans run in parallel'
ok 'a failed plan does not stop the others' \
    said "$OUT" '^3 instances: 2 planned, 1 failed$'

modules='modules:\n  - {name: app.a, path: /a.lua, changed: true}\n'
other=${modules/app.a/app.b}
roles='roles:\n  - {name: web, enabled: true}\n'
fleet a.sock b.sock c.sock d.sock <<END
a.sock command=plan $report planned\n  generation: 1\n  ${modules//\\n/\\n  }$roles...\n
b.sock command=plan $report planned\n  generation: 2\n  ${modules//\\n/\\n  }$roles...\n
c.sock command=plan $report planned\n  generation: 1\n  ${other//\\n/\\n  }$roles...\n
d.sock command=plan $report planned\n  generation: 1\n  ${modules//\\n/\\n  }${roles/web/db}...\n
END
try plan -s '?.sock'
ends 0 '' 'plans of which two are equal'
prints 'a.sock: planned: 1 module (1 changed), 1 role; now generation 1
  modules:
    changed    app.a  /a.lua
  roles, in init order:
    web
b.sock: planned: 1 module (1 changed), 1 role; now generation 2
  same modules and roles as a.sock
c.sock: planned: 1 module (1 changed), 1 role; now generation 1
  modules:
    changed    app.b  /a.lua
  roles, in init order:
    web
d.sock: planned: 1 module (1 changed), 1 role; now generation 1
  modules:
    changed    app.a  /a.lua
  roles, in init order:
    db
4 instances: 4 planned' 'equal plans are printed once'
rm -f a b c

fleet $(seq -f 'n%g.sock' 1 60) <<END
* * $follows
END
(
	ulimit -n 50
	try status -s 'n*.sock' --jobs 60
	echo "$RC" >rc
)
RC=$(<rc)
is "$RC" 0 'more connections than the open-file limit allows'
ends_at 0 25 'the reduced number of connections is reported'
is "$(grep -c '^n.*RolesConfigured' "$OUT")" 60 'all instances are asked'
(
	ulimit -S -n 50
	try status -s 'n*.sock' --jobs 60
	echo "$RC" >rc
)
ok 'a soft limit is raised silently' [ ! -s "$ERR" ]

# Each failure is reported as its kind, and all together take as long as one.
places=()
for i in {1..60}; do places+=("ok$i.x"); done
for i in {1..10}; do places+=("hang$i.x" "half$i.x"); done
fleet "${places[@]}" <<END
hang*.x command=preflight hang
half*.x command=preflight half $follows
* command=preflight $follows
* command=reload $reloaded
END
for i in {1..10}; do stale_socket "dead$i.x"; done
try reload -s '*.x' --jobs 90 --keep-going --timeout 10 -o json
is "$RC" 4 '90 instances, 30 of them failing in three ways'
declare -A counts=()
find_values code
for code in "${VALUES[@]}"; do
	counts[$code]=$((${counts[$code]-0} + 1))
done
is "${counts[deadline]-}" 10 'instances that hang report a timeout'
is "${counts[refused]-}" 10 'missing instances are unreachable'
is "${counts[closed]-}" 10 'instances that close the connection report a disconnect'
is "$(sed -n 's/^      "outcome": "\(.*\)",/\1/p' "$OUT" | sort | uniq -c | xargs)" \
    '10 protocol 60 reloaded 10 timeout 10 unreachable' \
    'all other instances are reloaded'
if [ "$MS" -lt 50000 ]; then
	pass 'failures in parallel take the time of one'
else
	fail 'which takes as long as the time for one' "took $MS ms"
fi

# --- Interruptions -----------------------------------------------------------

# interrupt: sends SIGINT, as Ctrl-C does.
interrupt()
{
	kill -INT "$TRY_PID"
}

# As in a terminal: a shell makes its background jobs ignore SIGINT.
try_foreground()
{
	ARGS=("$@")
	env --default-signal=INT "$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" \
	    </dev/null &
	TRY_PID=$!
}

fleet a.sock b.sock <<END
* command=preflight $follows
a.sock command=reload touch=begun until=go $reloaded
* command=reload $reloaded
END
try_foreground reload -s a.sock -s b.sock
ok 'Ctrl-C: a reload is running' wait_until [ -e begun ]
interrupt
ok 'Ctrl-C: the instance that is waited for is named' wait_until said "$ERR" \
    a.sock
touch go
finish_try
ends_at 130 b.sock 'Ctrl-C: the running reload ends, and no other begins'
ok 'Ctrl-C: the outcome is reported' \
    said "$OUT" '^a.sock: reloaded to generation 2$'
rm -f go begun

try_foreground reload -s a.sock
ok 'Ctrl-C: a single reload is running' wait_until [ -e begun ]
interrupt
ok 'Ctrl-C: the single reload is waited for' \
    wait_until said "$ERR" a.sock
touch go
finish_try
ends_at 130 a.sock 'Ctrl-C: the program ends by the signal'
ok 'Ctrl-C: the report comes first' \
    said "$OUT" '^a.sock: reloaded to generation 2$'
rm -f go begun

try_foreground reload -s a.sock -s b.sock -o json
ok 'Ctrl-C twice: a reload is running' wait_until [ -e begun ]
interrupt
wait_until said "$ERR" a.sock
interrupt
finish_try
ends 130 interrupted 'Ctrl-C twice: the reload is cancelled'
lists outcome timeout 'Ctrl-C twice: the outcome is reported'
lists not_touched b.sock 'Ctrl-C twice: the other is not attempted'
rm -f go begun

fleet a.sock b.sock <<END
a.sock connect touch=begun hang
* * $follows
END
try_foreground reload -s a.sock
ok 'Ctrl-C: a connection without a greeting' wait_until [ -e begun ]
interrupt
finish_try
ends_at 130 a.sock 'Ctrl-C: a reload that was not sent is not attempted'
rm -f begun
try_foreground status -s a.sock -s b.sock
ok 'Ctrl-C: a status is running' wait_until grep -q '^b.sock closed' log
wait_until [ -e begun ]
interrupt
finish_try
is "$RC" 130 'Ctrl-C: a status ends at once'
ok 'Ctrl-C: known results are printed' said "$OUT" '^b.sock +RolesConfigured'
rm -f begun
fleet a.sock <<END
* command=preflight touch=begun hang
END
try_foreground status -s a.sock
ok 'Ctrl-C: a status was requested' wait_until [ -e begun ]
interrupt
finish_try
ends_at 130 a.sock 'Ctrl-C: a requested status is cancelled'
rm -f begun
try_foreground status -s none.sock -w 60 -v
ok 'Ctrl-C: --wait is retrying' wait_until said "$ERR" none.sock
interrupt
finish_try
ends_at 130 none.sock 'Ctrl-C: --wait ends with the last error'
# A shell continues its loop, and after `set -e` or `&&`, unless the program was
# killed by the signal that both received.
fleet a.sock <<END
* command=reload touch=begun until=go $reloaded
END
for signal in INT TERM HUP; do
	rm -f begun go after
	# shellcheck disable=SC2016 # expanded by the shell that is interrupted
	setsid env --default-signal=INT,HUP bash -c '
		echo $$ >pgid
		for i in 1 2 3; do
			"$0" reload -s a.sock
			echo "$?" >>after
		done' "$CARTRIDGE_RELOAD" >"$OUT" 2>"$ERR" </dev/null &
	TRY_PID=$!
	wait_until [ -e begun ]
	if [ "$signal" = INT ]; then
		kill -INT -- "-$(cat pgid)"
	else
		kill "-$signal" "$(pgrep -g "$(cat pgid)" -x cartridge-reloa)"
	fi
	wait_until said "$ERR" a.sock
	touch go
	finish_try
	if [ "$signal" = INT ]; then
		ok 'SIGINT: a shell loop around the program stops' \
		    [ ! -e after ]
	else
		is "$(head -n 1 after)" $((128 + $(kill -l "$signal"))) \
		    "SIG$signal: the shell sees the signal"
	fi
	ok "SIG$signal: running reloads are reported first" said "$OUT" \
	    '^a.sock: reloaded to generation 2$'
done
rm -f begun go after

fleet a.sock <<END
* command=preflight touch=begun hang
END
(
	trap '' INT
	"$CARTRIDGE_RELOAD" status -s a.sock -t 1 >"$OUT" 2>"$ERR" &
	pid=$!
	wait_until [ -e begun ]
	kill -INT $pid
	wait $pid
	echo $? >rc
)
ok 'a SIGINT ignored at the start stays ignored' \
    said "$ERR" 'a.sock: no .* within 1 s'

# --- A cluster ---------------------------------------------------------------

ids=(uuid: 00000000-0000-0000-0000-00000000000)
# node N ALIAS ROLE [MORE]: prints an instance of the topology.
node()
{
	echo "    - {${ids[*]}$1, uri: 'h:$1', alias: $2, role: $3, state: RolesConfigured, health: alive, disabled: ${4:-false}, expelled: ${5:-false}}"
}
# topology ENTRY NODE ...
topology()
{
	local entry=$1
	shift
	printf '%s' "$report ok\n  topology:\n    entry: ${ids[1]}$entry\n    instances:\n"
	printf '%s\\n' "$@"
	printf '%s' '...\n'
}
# whole: a cluster of four instances; the entry is instance 1.
whole=$(topology 1 "$(node 1 router follower)" "$(node 3 s-leader leader)" \
    "$(node 2 s-follower follower)" "$(node 4 a-leader leader)" \
    "$(node 5 gone follower true)" "$(node 6 out follower false true)")
whole=${whole//$'\n'/}
same() { answer "state: RolesConfigured, role: $1, digest: aaaaaaaaaaaa"; }
other=$(answer 'state: RolesConfigured, role: follower, digest: bbbbbbbbbbbb')

fleet a.sock <<END
* command=topology $whole
* command=preflight,uri=h:3 $(same leader)
* command=preflight,uri=h:4 $(same leader)
* command=preflight $(same follower)
* command=reload $reloaded
END
try reload --cluster -s a.sock
ends_at 0 'gone (h:5)' '--cluster reloads a cluster'
ends_at 0 'out (h:6)' '--cluster: an expelled instance is skipped'
reloaded_through 'h:2 - h:4 h:3' \
    '--cluster: followers, then leaders, the gateway last in its group'
prints 's-follower (h:2): reloaded to generation 2
router (h:1): reloaded to generation 2
a-leader (h:4): reloaded to generation 2
s-leader (h:3): reloaded to generation 2
6 instances: 4 reloaded, 2 skipped' '--cluster: instances have their aliases'
try reload --cluster -s a.sock -o json
lists target 'a-leader (h:4) router (h:1) s-follower (h:2) s-leader (h:3)' \
    '--cluster: JSON is sorted by alias'
try status --cluster -s a.sock
ends_at 0 'gone (h:5)' 'status --cluster'
is "$(awk 'NR > 1 { print $1, $(NF - 2) }' "$OUT" | xargs)" \
    'a-leader aaaaaaaa router aaaaaaaa s-follower aaaaaaaa s-leader aaaaaaaa' \
    'status --cluster prints a table'
try status --cluster -s a.sock -o json
json 'false true' "tostring(d.instances[1].topology ~= nil) .. ' ' ..
    tostring(d.instances[2].topology.instances[5].disabled)" \
    'in JSON, the entry tells what it knows of the others'
try reload --cluster -s a.sock -s b.sock
ends_at 1 --cluster '--cluster takes one target'

fleet a.sock <<END
* command=topology $whole
* command=preflight,uri=h:2 $other
* command=preflight $(same follower)
* command=reload $reloaded
* command=plan $report planned\n...\n
END
try reload --cluster -s a.sock -o json
ends 5 mixed_code '--cluster: mixed code is refused'
happened_at request reload '' '--cluster: mixed code prevents all reloads'
find_values not_touched
is "${#VALUES[@]}" 3 '--cluster: the others are not attempted'
try reload --cluster -s a.sock --allow-mixed
ends_at 0 'gone (h:5)' '--allow-mixed reloads mixed code'
happened_at request reload 'a.sock a.sock a.sock a.sock' \
    '--allow-mixed reloads all instances'
try plan --cluster -s a.sock
ends_at 5 'router (h:1)' 'plan --cluster reports mixed code'
ok 'plan --cluster shows the code of each instance' \
    said "$OUT" '^s-follower|h:2 .* bbbbbbbb'

fleet a.sock <<END
* command=topology $whole
* command=preflight,uri=h:2 $report unreachable\n  error: {code: connection_failed, message: nobody there}\n...\n
* command=preflight $(same follower)
* command=reload $reloaded
END
try reload --cluster -s a.sock -o json
ends 5 unreachable_instances '--cluster: an unreachable instance is refused'
ends_at 5 's-follower (h:2)' '--cluster: the reason is reported'
happened_at request reload '' '--cluster: no reload begins'
try reload --cluster -s a.sock --keep-going -o json
ends 2 connection_failed '--cluster --keep-going leaves it out'
reloaded_through 'h:4 h:3 -' \
    '--cluster --keep-going reloads the others, the gateway last'

# The entry disconnects while it relays the second request.
fleet a.sock <<END
* command=topology $whole
* command=preflight,uri=h:3 $(same leader)
* command=preflight,uri=h:4 $(same leader)
* command=preflight $(same follower)
* command=reload,uri=h:4 exit
* command=reload $reloaded
END
try reload --cluster -s a.sock
ends_at 8 'a-leader (h:4)' 'the gateway disconnects'
ends_at 8 's-leader (h:3)' 'later instances are not attempted'
mapfile -t reports <"$OUT"
is "${reports[0]%%:\ *}, ${reports[1]%%:\ *}" 's-follower (h:2), router (h:1)' \
    'earlier reloads are reported'

fleet a.sock <<END
* command=topology $report refused\n  error: {code: no_cartridge, message: no Cartridge}\n...\n
END
try reload --cluster -s a.sock -o json
ends 5 no_cartridge 'an instance without a cluster'
is "$(grep -c ' request ' log)" 1 \
    'an instance without a cluster gets one request'
try reload --cluster -s none.sock -o json
ends 2 no_socket 'a missing gateway'
fleet a.sock <<END
* command=topology $report ok\n...\n
END
try reload --cluster -s a.sock -o json
ends 8 bad_reply 'a reply without a topology'
fleet a.sock <<END
* command=topology $report ok\n  topology: {entry: x, instances: []}\n...\n
END
try reload --cluster -s a.sock -o json
ends 8 bad_reply 'a topology without its gateway'
fleet a.sock <<END
* * $report unreachable\n...\n
END
try reload -s a.sock -o json
ends 8 bad_reply 'the outcome unreachable is invalid without a relay'

golden fleet-errors
done_testing
