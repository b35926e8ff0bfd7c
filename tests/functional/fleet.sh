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

# happened WHAT COMMAND: prints the instances where it happened, in order.
happened()
{
	sed -n "s/^\([^ ]*\) $1 $2 .*/\1/p" log | xargs
}

# lines FILE REGEX: prints the number of matching lines.
lines()
{
	grep -Ec -- "$2" "$1"
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
ends_saying 2 'none.sock: no such socket.*' 'a table of instances'
ok 'an instance that is not ready is named' \
    said "$ERR" '^cartridge-reload: three.sock: m$'
prints 'NAME        STATE                   ROLE      GEN  CODE      TARANTOOL
one.sock    RolesConfigured         leader    1    01234567  2.6.0
number-two  running                 follower  12   a1234567  2.10.4
none.sock   unreachable: no_socket  -         -    -         -
three.sock  loading                 -         0    -         -
Cartridge 2.17.2
not healthy: Cartridge gives no reason' \
    'the columns fit their content, and failures are last'
try status -s one.sock -s none.sock -s three.sock -s two.sock -o json
json 'one.sock none.sock three.sock two.sock' \
    "list(d.instances, 'target')" 'JSON keeps the order of the targets'
try status -s one.sock -s two.sock -v
ok '--verbose prints a line for each instance, too' \
    said "$OUT" '^two.sock: running, generation 12, Tarantool 2.10.4, number-two, follower, code a1234567$'
try status -s one.sock
prints 'one.sock: running, RolesConfigured, generation 1, Tarantool 2.6.0-0-g1, Cartridge 2.17.2, leader, code 01234567' \
    'a single target has no table'
is "$(happened request status)" '' \
    'a single target is sent one preflight request'
try status -s one.sock -s two.sock -q
ends_saying 0 '' '--quiet status of several'
ok '--quiet prints no table' [ ! -s "$OUT" ]
is "$(happened request status)" 'one.sock two.sock' \
    '--quiet sends the request status only'

# --- Order -------------------------------------------------------------------

fleet a.sock b.sock c.sock d.sock <<END
[ac].sock command=preflight $leads
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock -s d.sock
ends_saying 0 '' 'a rolling reload'
is "$(happened request reload)" 'b.sock d.sock a.sock c.sock' \
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
json 'a.sock b.sock c.sock d.sock' "list(d.instances, 'target')" \
    'JSON is in the order of the targets'
json 'nil' d.not_touched 'JSON has no list of instances that were not attempted'

fleet a.sock <<END
* command=reload $reloaded
END
try reload -s a.sock
ends_saying 0 '' 'a single target'
is "$(grep -c ' request ' log)" 1 'a single target is sent one request'
is "$(grep -c ' connect ' log)" 1 'a single target uses one connection'
prints 'a.sock: reloaded to generation 2' 'a single target has no summary'

fleet a.sock s.sock b.sock <<END
s.sock command=preflight $(answer 'stateboard: true')
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s s.sock -s b.sock
ends_saying 0 's.sock: skipped: a stateboard, nothing to reload' \
    'a stateboard is skipped'
is "$(happened request reload)" 'a.sock b.sock' \
    'other instances are not skipped'
ok 'the summary counts the skipped instance' \
    said "$OUT" '^3 instances: 2 reloaded, 1 skipped$'
try reload -s a.sock -s s.sock -s b.sock -o json
json 's.sock a stateboard, nothing to reload' \
    "d.skipped[1].target .. ' ' .. d.skipped[1].reason" \
    'JSON has the skipped instance'

# --- Found by name -----------------------------------------------------------

mkdir run
fleet run/shop.b.control run/shop.a.control run/other.c.control x.sock <<END
run/shop.a.control command=preflight $leads
* command=preflight $follows
* command=reload $reloaded
END
try reload --run-dir run --app shop -s x.sock -s run/shop.b.control
ends_saying 0 '' 'an application and sockets'
is "$(happened request reload)" \
    'x.sock run/shop.b.control run/shop.a.control' \
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
json 'a unreachable b unreachable' "list({list({d.instances[1].alias,
    d.instances[1].outcome, d.instances[2].alias, d.instances[2].outcome})})" \
    'JSON has the names even of those that are not there'
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
ends_saying 3 'b.sock: no; the old code is still serving' \
    'the first failure stops a reload'
is "$(happened request reload)" 'a.sock b.sock' \
    'no reload begins after a failure'
is "$(grep 'not attempted' "$ERR" | xargs)" 'cartridge-reload: c.sock: not attempted cartridge-reload: d.sock: not attempted' \
    'an instance that was not attempted is named'
is "$(tail -n 2 "$OUT")" '4 instances: 1 reloaded, 1 failed, 2 not attempted
  b.sock: failed (init_failed)' 'the summary lists the failure last'
try reload -s a.sock -s b.sock -s c.sock -s d.sock -o json
json '3 a.sock b.sock, c.sock d.sock' \
    "d.exit .. ' ' .. list(d.instances, 'target') .. ', ' .. list(d.not_touched)" \
    'JSON lists the instances that were not attempted'
try reload -s a.sock -s b.sock -s c.sock -s d.sock --keep-going
ends_saying 3 'b.sock: no; the old code is still serving' '--keep-going: the same exit status'
is "$(happened request reload | cut -d' ' -f5-)" 'a.sock b.sock c.sock d.sock' \
    '--keep-going: all are attempted'
is "$(tail -n 2 "$OUT")" '4 instances: 3 reloaded, 1 failed
  b.sock: failed (init_failed)' '--keep-going: the summary lists the failure last'

fleet a.sock b.sock c.sock <<END
b.sock connect close
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock
ends_saying 2 'b.sock: connection closed before the greeting.*' \
    'an unreachable instance'
is "$(happened request reload)" '' \
    'an unreachable instance prevents all reloads'
is "$(lines "$ERR" 'not attempted')" 2 'the others are not attempted'
try reload -s a.sock -s b.sock -s c.sock -k
ends_saying 2 'b.sock: connection closed before the greeting.*' \
    '--keep-going with an unreachable instance'
is "$(happened request reload)" 'a.sock c.sock' \
    '--keep-going: the others are reloaded'
is "$(happened connect - | tr ' ' '\n' | grep -c b.sock)" 2 \
    '--keep-going: the unreachable instance is asked once'
fleet a.sock b.sock <<END
b.sock command=preflight times=1 $report refused\n  error: {code: not_running, message: m, transient: true}\n...\n
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -w 20
ends_saying 0 '' '--wait waits for all before the first reload'
fleet a.sock b.sock <<END
b.sock command=preflight $report refused\n  error: {code: not_running, message: m}\n...\n
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock
ends_saying 5 'b.sock: m' 'an instance that is not ready'
is "$(happened request reload)" '' \
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
try reload -s '?.sock' -k
ends_saying 3 'c.sock: no; .*' 'the exit status is that of the worst outcome'
fleet a.sock b.sock c.sock d.sock e.sock <<END
* command=preflight $follows
a.sock * $report refused\n  error: {code: locked, message: m}\n...\n
c.sock * $fails
d.sock * $report degraded\n...\n
e.sock * hang
* * $reloaded
END
try reload -s '?.sock' -k -j 5 -t 0.5
ends_saying 6 'd.sock: .*' 'the worst outcome wins in any order'

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
ends_saying 0 '' 'a reload waits until an instance is healthy again'
is "$(happened request preflight)" 'a.sock b.sock a.sock a.sock a.sock a.sock b.sock' \
    'the health check is repeated'
fleet a.sock b.sock c.sock <<END
a.sock command=preflight times=1 $follows
a.sock command=preflight $(answer 'state: RolesConfigured, healthy: false')
* command=preflight $follows
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock -t 3
ends_saying 6 'a.sock: did not become healthy within [0-9.]* s of the reload: Cartridge gives no reason; the new code is serving' \
    'an instance that does not recover is degraded'
is "$(happened request reload)" 'a.sock' \
    'an instance that does not recover stops the rest'
is "$(cat "$OUT")" 'a.sock: reloaded to generation 2; not healthy
3 instances: 1 degraded, 2 not attempted
  a.sock: degraded (not_healthy)' 'reloads before it are reported'
fleet a.sock b.sock <<END
* command=preflight $(answer 'state: RolesConfigured, healthy: false')
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -t 1
ends_saying 0 '' 'an instance that was unhealthy before may stay unhealthy'
fleet a.sock b.sock <<END
* command=preflight $follows
* command=reload $report unchanged\n...\n
END
try reload -s a.sock -s b.sock --if-changed
ends_saying 0 '' 'an instance that was not reloaded'
is "$(happened request preflight)" 'a.sock b.sock' \
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
ends_saying 0 '' '--jobs 3 reloads three at the same time'
rm -f a b c d
fleet a.sock b.sock c.sock <<END
[ab].sock command=preflight $follows
c.sock command=preflight $leads
b.sock command=reload after=100 $reloaded
* command=reload $reloaded
END
try reload -s c.sock -s a.sock -s b.sock --jobs 3
ends_saying 0 '' '--jobs with followers and leaders'
is "$(sed -n 's/ reload -$//p' log | grep -v closed | tail -n 2 | xargs)" \
    'c.sock request c.sock reply' \
    '--jobs: leaders begin after all followers have ended'
try reload -s c.sock -s a.sock -s b.sock --jobs 3 -o json
json 'c.sock a.sock b.sock' "list(d.instances, 'target')" \
    '--jobs: JSON is in the order of the targets'
fleet a.sock b.sock c.sock <<END
* command=preflight $follows
a.sock command=reload after=200 $reloaded
b.sock command=reload $fails
* command=reload $reloaded
END
try reload -s '?.sock' --jobs 2
ends_saying 3 'b.sock: no; .*' '--jobs: after a failure running reloads end'
ok '--jobs: running reloads are reported' said "$OUT" '^a.sock: reloaded'
ok '--jobs: no further reload begins' said "$ERR" 'c.sock: not attempted'
fleet a.sock b.sock <<END
* command=eval $report ok\n  results: "---\\\\n- 1\\\\n...\\\\n"\n...\n
END
sed -i 's/\\\\\\\\n/\\\\n/g' rules
try eval 1 -s a.sock -s none.sock -s b.sock
ends_saying 2 'none.sock: no such socket.*' 'the first failure stops an eval'
ok 'eval after a failure is not attempted' said "$ERR" 'b.sock: not attempted'
try eval 1 -s a.sock -s none.sock -s b.sock -k
is "$(happened request eval)" 'a.sock a.sock b.sock' \
    '--keep-going: eval continues after a failure'
fleet a.sock b.sock c.sock <<END
a.sock command=plan touch=a until=c $report failed\n...\n
b.sock command=plan touch=b until=c $report planned\n...\n
c.sock command=plan touch=c until=a $report planned\n...\n
END
try plan -s '?.sock'
ends_saying 3 'a.sock: .*' 'plans run in parallel'
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
ends_saying 0 '' 'plans of which two are equal'
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
is "$(cat rc)" 0 'more connections than the open-file limit allows'
ok 'the reduced number of connections is reported' said "$ERR" \
    '^cartridge-reload: using 25 connections instead of 60: the open-file limit is too low$'
is "$(lines "$OUT" '^n.*RolesConfigured')" 60 'all instances are asked'
(
	ulimit -S -n 50
	try status -s 'n*.sock' --jobs 60
	echo "$RC" >rc
)
ok 'a soft limit is raised silently' [ ! -s "$ERR" ]

# Each failure is reported as its kind, and all together take as long as one.
places=()
for i in {1..140}; do places+=("ok$i.x"); done
for i in {1..20}; do places+=("hang$i.x" "half$i.x"); done
fleet "${places[@]}" <<END
hang*.x command=preflight hang
half*.x command=preflight half $follows
* command=preflight $follows
* command=reload $reloaded
END
for i in {1..20}; do stale_socket "dead$i.x"; done
try reload -s '*.x' --jobs 200 --keep-going --timeout 5 -o json
is "$RC" 4 '200 instances, 60 of them failing in three ways'
is "$(lines "$ERR" 'hang[0-9]*.x: no final reply within 5 s$')" 20 \
    'instances that hang report a timeout'
is "$(lines "$ERR" 'dead[0-9]*.x: connection refused.*')" 20 \
    'missing instances are unreachable'
is "$(lines "$ERR" 'half[0-9]*.x: connection closed before the final reply.*')" \
    20 'instances that close the connection report a disconnect'
is "$(sed -n 's/^      "outcome": "\(.*\)",/\1/p' "$OUT" | sort | uniq -c | xargs)" \
    '20 protocol 140 reloaded 20 timeout 20 unreachable' \
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
    '^cartridge-reload: interrupted; waiting for a.sock \(interrupt again to stop waiting\)$'
touch go
finish_try
ends_saying 130 'b.sock: not attempted' \
    'Ctrl-C: the running reload ends, and no other begins'
ok 'Ctrl-C: the outcome is reported' \
    said "$OUT" '^a.sock: reloaded to generation 2$'
rm -f go begun

try_foreground reload -s a.sock
ok 'Ctrl-C: a single reload is running' wait_until [ -e begun ]
interrupt
ok 'Ctrl-C: the single reload is waited for' \
    wait_until said "$ERR" 'interrupted; waiting for a.sock'
touch go
finish_try
ends_saying 130 '.*interrupted; .*' 'Ctrl-C: the program ends by the signal'
ok 'Ctrl-C: the report comes first' \
    said "$OUT" '^a.sock: reloaded to generation 2$'
rm -f go begun

try_foreground reload -s a.sock -s b.sock -o json
ok 'Ctrl-C twice: a reload is running' wait_until [ -e begun ]
interrupt
wait_until said "$ERR" 'interrupted; '
interrupt
finish_try
ends_saying 130 'a.sock: cancelled after .* s; the instance rolls back .*' \
    'Ctrl-C twice: the reload is cancelled'
json 'timeout interrupted b.sock' "list({d.instances[1].outcome,
    d.instances[1].error.code, d.not_touched[1]})" \
    'and reported as that'
rm -f go begun

fleet a.sock b.sock <<END
a.sock connect touch=begun hang
* * $follows
END
try_foreground reload -s a.sock
ok 'Ctrl-C: a connection without a greeting' wait_until [ -e begun ]
interrupt
finish_try
ends_saying 130 'a.sock: not attempted' \
    'Ctrl-C: a reload that was not sent is not attempted'
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
ends_saying 130 'a.sock: cancelled after .* s' \
    'Ctrl-C: a requested status is cancelled'
rm -f begun
try_foreground status -s none.sock -w 60 -v
ok 'Ctrl-C: --wait is retrying' wait_until said "$ERR" 'none.sock: waiting'
interrupt
finish_try
ends_saying 130 'none.sock: no such socket.*' 'Ctrl-C: --wait ends with the last error'
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
	wait_until said "$ERR" 'interrupted; waiting for a.sock'
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
ends_saying 0 'gone \(h:5\): skipped: disabled' '--cluster reloads a cluster'
ok '--cluster: an expelled instance is skipped' \
    said "$ERR" 'out \(h:6\): skipped: expelled'
is "$(sed -n 's/^a.sock request reload //p' log | xargs)" 'h:2 - h:4 h:3' \
    '--cluster: followers, then leaders, the gateway last in its group'
prints 's-follower (h:2): reloaded to generation 2
router (h:1): reloaded to generation 2
a-leader (h:4): reloaded to generation 2
s-leader (h:3): reloaded to generation 2
6 instances: 4 reloaded, 2 skipped' '--cluster: instances have their aliases'
try reload --cluster -s a.sock -o json
json 'a-leader (h:4) router (h:1) s-follower (h:2) s-leader (h:3)' \
    "list(d.instances, 'target')" '--cluster: JSON is sorted by alias'
try status --cluster -s a.sock
ends_saying 0 'gone \(h:5\): .*' 'status --cluster'
is "$(awk 'NR > 1 { print $1, $(NF - 2) }' "$OUT" | xargs)" \
    'a-leader aaaaaaaa router aaaaaaaa s-follower aaaaaaaa s-leader aaaaaaaa' \
    'status --cluster prints a table'
try status --cluster -s a.sock -o json
json 'false true' "tostring(d.instances[1].topology ~= nil) .. ' ' ..
    tostring(d.instances[2].topology.instances[5].disabled)" \
    'in JSON, the entry tells what it knows of the others'
try reload --cluster -s a.sock -s b.sock
ends_saying 1 '--cluster takes exactly one target \(2 given\); .*' '--cluster takes one target'

fleet a.sock <<END
* command=topology $whole
* command=preflight,uri=h:2 $other
* command=preflight $(same follower)
* command=reload $reloaded
* command=plan $report planned\n...\n
END
try reload --cluster -s a.sock
ends_saying 5 'router \(h:1\): the code on disk differs between instances: s-follower \(h:2\) has bbbbbbbb, expected aaaaaaaa; use --allow-mixed to proceed anyway' \
    '--cluster: mixed code is refused'
is "$(happened request reload)" '' '--cluster: mixed code prevents all reloads'
is "$(lines "$ERR" 'not attempted')" 3 '--cluster: the others are not attempted'
try reload --cluster -s a.sock --allow-mixed
ends_saying 0 '.*skipped.*' '--allow-mixed reloads mixed code'
is "$(happened request reload)" 'a.sock a.sock a.sock a.sock' \
    '--allow-mixed reloads all instances'
try plan --cluster -s a.sock
ends_saying 5 'router \(h:1\): the code on disk differs .*' \
    'plan --cluster reports mixed code'
ok 'plan --cluster shows the code of each instance' \
    said "$OUT" '^s-follower|h:2 .* bbbbbbbb'

fleet a.sock <<END
* command=topology $whole
* command=preflight,uri=h:2 $report unreachable\n  error: {code: connection_failed, message: nobody there}\n...\n
* command=preflight $(same follower)
* command=reload $reloaded
END
try reload --cluster -s a.sock
ends_saying 5 'router \(h:1\): some instances cannot be reached: s-follower \(h:2\); use --keep-going to skip them' \
    '--cluster: an unreachable instance is refused'
ok '--cluster: the reason is reported' \
    said "$ERR" 's-follower \(h:2\): nobody there$'
is "$(happened request reload)" '' '--cluster: no reload begins'
try reload --cluster -s a.sock --keep-going
ends_saying 2 's-follower \(h:2\): nobody there' '--cluster --keep-going leaves it out'
is "$(sed -n 's/^a.sock request reload //p' log | xargs)" 'h:4 h:3 -' \
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
ends_saying 8 'a-leader \(h:4\): through a.sock: connection closed before the final reply: the outcome is unknown; .*' \
    'the gateway disconnects'
ok 'later instances are not attempted' \
    said "$ERR" 's-leader \(h:3\): not attempted'
is "$(head -n 2 "$OUT" | xargs)" \
    's-follower (h:2): reloaded to generation 2 router (h:1): reloaded to generation 2' \
    'earlier reloads are reported'

fleet a.sock <<END
* command=topology $report refused\n  error: {code: no_cartridge, message: no Cartridge}\n...\n
END
try reload --cluster -s a.sock
ends_saying 5 'a.sock: no Cartridge' 'an instance without a cluster'
is "$(grep -c ' request ' log)" 1 \
    'an instance without a cluster gets one request'
try reload --cluster -s none.sock
ends_saying 2 'none.sock: no such socket.*' 'a missing gateway'
fleet a.sock <<END
* command=topology $report ok\n...\n
END
try reload --cluster -s a.sock
ends_saying 8 'a.sock: the reply has no topology' 'a reply without a topology'
fleet a.sock <<END
* command=topology $report ok\n  topology: {entry: x, instances: []}\n...\n
END
try reload --cluster -s a.sock
ends_saying 8 'a.sock: the topology does not include the instance that sent it' \
    'a topology without its gateway'
fleet a.sock <<END
* * $report unreachable\n...\n
END
try reload -s a.sock
ends_saying 8 'a.sock: the reply has no outcome: .*' \
    'the outcome unreachable is invalid without a relay'

done_testing
