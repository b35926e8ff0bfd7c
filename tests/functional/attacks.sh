#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The client under attack: peers that send false data, signals at bad moments,
# and files of other users in its directories.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

FLEET=$BUILD_DIR/fakes/fake_fleet
FLEET_PID=

# fleet ADDRESS ...: starts consoles with the rules on standard input.
fleet()
{
	[ -z "$FLEET_PID" ] || kill "$FLEET_PID"
	rm -f ./*.sock
	cat >rules
	"$FLEET" -l log rules "$@" >.run/ready 2>.run/fake &
	FLEET_PID=$!
	TARGET=$(<.run/ready)
	[ -n "$TARGET" ] || bail_out "fake_fleet: $(cat .run/fake)"
}

report='reply=---\n- cartridge_reload: 1\n  outcome:'
reloaded="$report reloaded\n  generation: 2\n...\n"

# answer UUID STATUS: prints the reply to `status` of an instance.
answer()
{
	printf '%s' "$report ok\n  generation: 1\n  uuid: '$1'\n" \
	    "  status: {box: running, state: RolesConfigured, $2}\n...\n"
}

# requests COMMAND: prints how many of these requests were sent.
requests()
{
	grep -Ec " request $1 " log
}

# field LUA: prints a value of `d`, the JSON document of the last run.
field()
{
	lua "local d = require('json').decode(io.open(arg[1]):read('*a'))
	    print($1)
	    os.exit(0)" "$OUT" 2>&1
}

# --- A topology --------------------------------------------------------------

# topology ENTRY NODE ...
topology()
{
	local entry=$1
	shift
	printf '%s' "$report ok\n  topology: {entry: '$entry', instances: ["
	(IFS=,; printf '%s' "$*")
	printf '%s' ']}\n...\n'
}
# node UUID URI [MORE]
node()
{
	echo "{uuid: '$1', uri: $2, alias: n$1, role: follower${3:+, $3}}"
}

# clustered NAME RC CODE TOPOLOGY: a reload of this cluster is refused.
clustered()
{
	fleet a.sock <<-END
		* command=topology $4
		* command=preflight,uri='h:2' $(answer 2 'role: follower')
		* command=preflight $(answer 1 'role: leader')
		* command=reload $reloaded
	END
	try reload --cluster -s a.sock -o json
	is "$RC" "$2" "$1"
	ok "$1: the exit status in JSON" said "$OUT" "^  \"exit\": $2,"
	find_values code
	is "${VALUES[0]-}" "$3" "$1: the error code"
	is "$(requests reload)" 0 "$1: no instance is reloaded"
}

clustered 'an instance that is listed twice' 8 bad_reply \
    "$(topology 1 "$(node 1 "'h:1'")" "$(node 2 "'h:2'")" "$(node 2 "'h:3'")")"
clustered 'an address that is listed twice' 8 bad_reply \
    "$(topology 1 "$(node 1 "'h:1'")" "$(node 2 "'h:2'")" "$(node 3 "'h:2'")")"
clustered 'the entry, listed twice' 8 bad_reply \
    "$(topology 1 "$(node 1 "'h:1'")" "$(node 1 "'h:1'")")"
clustered 'all are disabled or expelled' 5 all_skipped \
    "$(topology 1 "$(node 1 "'h:1'" 'disabled: true')" \
    "$(node 2 "'h:2'" 'expelled: true')")"
lists skipped 'n1 (h:1) n2 (h:2)' 'the skipped instances are reported'
keep_messages 'all are disabled or expelled'
clustered 'an instance without an address' 5 unreachable_instances \
    "$(topology 1 "$(node 1 "'h:1'")" "$(node 2 null)")"
clustered 'an instance in the place of another' 5 unreachable_instances \
    "$(topology 1 "$(node 1 "'h:1'")" "$(node 3 "'h:3'")")"
ends_at 5 'n3 (h:3)' 'the error names the instance that the reply came from'
try status --cluster -s a.sock -o json
ends 8 wrong_instance 'a status of another instance is not used'

fleet a.sock b.sock <<END
* command=preflight $(answer 1 'stateboard: true')
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -o json
ends 5 all_skipped 'a cluster of stateboards only'
fleet a.sock b.sock c.sock <<END
[ab].sock command=preflight $(answer 1 'pid: 7')
c.sock command=preflight $(answer 1 'pid: 8')
* command=reload $reloaded
END
try reload -s a.sock -s b.sock -s c.sock
ends_at 0 b.sock 'an instance with two sockets'
is "$(requests reload)" 2 'an instance with two sockets is reloaded once'

# --- Replies -----------------------------------------------------------------

for outcome in reloaded degraded stale timeout; do
	fleet a.sock <<-END
		* command=reload $report $outcome\n  error: {code: locked, message: m, transient: true}\n...\n
	END
	try reload -s a.sock --wait 2
	is "$(requests reload)" 1 \
	    "$outcome and transient: the reload is not repeated"
done
fleet a.sock <<END
* command=reload times=1 $report refused\n  error: {code: locked, message: m, transient: true}\n...\n
* command=reload $reloaded
END
try reload -s a.sock --wait 20
ends 0 '' 'refused and transient: the reload is repeated'

fake b.sock greet answer request 'send=---\n- cartridge_reload: 1\n  outcome: ok\n  alias: ' \
    fill=1000000:x 'send=\n  status: {state: ' fill=1000000:y \
    'send=, digest: ' fill=100000:z 'send=}\n...\n' hold
fake c.sock greet answer request 'send=---\n- cartridge_reload: 1\n  outcome: ok\n...\n' hold
try status -s b.sock -s c.sock
ends 0 '' 'a name of 1 MB'
is "$(awk '{ if (length > most) most = length } END { print most <= 80, NR }' "$OUT")" \
    '1 3' 'a long name does not make the table wider than the terminal'

# --- Many --------------------------------------------------------------------

# cpu COUNT: CPU time in 1/100 s for the status of a cluster of that many.
cpu()
{
	local i nodes=()
	for ((i = 1; i <= $1; i++)); do
		nodes+=("{uuid: '$i', uri: 'h:$i', alias: n$i, role: follower}")
	done
	fleet a.sock <<-END
		* command=topology $(topology 1 "${nodes[@]}")
		* * $report ok\n  status: {box: running, digest: aaaaaaaaaaaa, tarantool: 2.6.0}\n...\n
	END
	(
		times >.run/before
		"$CARTRIDGE_RELOAD" status --cluster -s a.sock -t 60 >"$OUT"
		times
	) | awk 'NR == 2 { split($1, t, /[ms]/); print int((t[1] * 60 + t[2]) * 100) }'
}
few=$(cpu 500)
many=$(cpu 3000)
is "$(grep -c '^n' "$OUT")" 3000 'a cluster of 3000 instances'
# Six times the instances: linear is 6 times the CPU time, quadratic 36 times.
ok 'time grows linearly with the number of instances' \
    [ "$many" -le $((few * 16 + 20)) ] || diag "$few and $many"
kill "$FLEET_PID"
FLEET_PID=
rm -f ./*.sock

# --- Signals -----------------------------------------------------------------

# As in a terminal: a shell makes its background jobs ignore SIGINT.
behind_a_pipe()
{
	env --default-signal=INT "$CARTRIDGE_RELOAD" "$@" >full 2>"$ERR" </dev/null &
	TRY_PID=$!
	exec 7<full
}
mkfifo full
large=(greet answer request 'send=---\n- cartridge_reload: 1\n  outcome: ok\n  results: "---\\n- '
    fill=300000:x 'send=\\n...\\n"\n...\n' hold)
for format in text json; do
	for count in 1 2; do
		fake a.sock "${large[@]}"
		try eval 1 -s a.sock -o "$format"
		ends 0 '' "a report larger than a pipe: $format"
		cp "$OUT" whole
		fake a.sock "${large[@]}" touch=gone
		behind_a_pipe eval 1 -s a.sock -o "$format"
		# It has closed the connection and is writing the output.
		wait_until [ -e gone ]
		for ((i = 0; i < count; i++)); do
			kill -INT "$TRY_PID"
			# Pending signals of one number are delivered once.
			wait_until grep -Eq '^ShdPnd:\s*0+$' "/proc/$TRY_PID/status"
		done
		cat <&7 >got
		exec 7<&-
		finish_try
		ok "$count signals during the output: the output is whole" \
		    cmp whole got
		is "$RC" 130 \
		    'signals during the output: the program ends by the signal'
		peers_end
		rm -f gone
	done
done

# Whether the process is the program, not the shell, and handles signals.
has_handlers()
{
	grep -qF "$(basename "$CARTRIDGE_RELOAD" | head -c 15)" \
	    "/proc/$TRY_PID/comm" &&
	    grep -Eq '^SigCgt:.*[4-7c-f]...$' "/proc/$TRY_PID/status"
}
for signal in INT TERM HUP; do
	env --default-signal=INT,HUP "$CARTRIDGE_RELOAD" reload -s 'none*.sock' \
	    --wait 60 -o json >"$OUT" 2>"$ERR" </dev/null &
	TRY_PID=$!
	wait_until has_handlers
	kill -"$signal" "$TRY_PID"
	finish_try
	is "$RC" $((128 + $(kill -l "$signal"))) \
	    "SIG$signal during the search for targets"
	is "$(field '#d.instances .. " " .. d.exit .. " " .. d.error.code')" \
	    '0 2 no_socket' 'an interrupted search leaves a whole document'
	keep_messages "SIG$signal during the search for targets"
done

golden attack-errors

# --- Other users -------------------------------------------------------------

if [ "$(id -u)" -ne 0 ] || ! setpriv --reuid=65534 --regid=65534 \
    --clear-groups true 2>/dev/null; then
	skip 'sockets of other users' 'only root can give files away'
	done_testing
fi
chmod 755 .
fine='send=---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
mkdir -p project/tmp/run project/elsewhere deep/er shared
chmod 1777 shared

# found NAME RC CODES ARGUMENT ...: finds targets by name, in directory project.
# A wrong file has no report: for exit status 1, CODES is its name.
found()
{
	local name=$1 rc=$2 codes=$3
	shift 3
	ARGS=("$@")
	(cd project && "$CARTRIDGE_RELOAD" status -o json "$@" >"../$OUT" \
	    2>"../$ERR" </dev/null)
	RC=$?
	if [ "$rc" -eq 1 ]; then
		ends_at "$rc" "$codes" "$name"
	else
		ends "$rc" "$codes" "$name"
	fi
}

echo 'run-dir: elsewhere' >project/.cartridge.yml
fake project/elsewhere/shop.web.control greet answer request "$fine" hold
found 'our own .cartridge.yml' 0 '' --app shop
chown 65534 project/.cartridge.yml
found 'that of another user' 1 .cartridge.yml --app shop
fake project/elsewhere/shop.web.control greet answer request "$fine" hold
SUDO_UID=65534 found 'that of the user who called sudo' 0 '' --app shop
fake project/elsewhere/shop.web.control greet answer request "$fine" hold
found 'a run directory that is named needs none' 0 '' --app shop --run-dir elsewhere
rm project/.cartridge.yml

echo 'app: {run_dir: /nowhere}' >tt.yaml
chown 65534 tt.yaml
found 'a tt.yaml of another user, above' 1 /tt.yaml --app shop
TT_CLI_CFG=$PWD/tt.yaml found 'one that is named is read' 2 no_socket --app shop
rm tt.yaml

fake project/tmp/run/shop.web.control greet answer request "$fine" hold
found 'tmp/run of ours' 0 '' --app shop
fake project/tmp/run/shop.web.control idle touch=touched again
chown 65534 project/tmp/run
found 'tmp/run of another user' 2 wrong_owner \
    --app shop
ok 'the program does not connect' [ ! -e touched ]
kill "$FAKE_PID"
fake project/tmp/run/shop.web.control greet answer request "$fine" hold
found 'it may be named' 0 '' --app shop --run-dir tmp/run

# The server belongs to another user.
cp "$FAKE" fake
cat >as_nobody <<END
#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups $PWD/fake "\$@"
END
chmod 755 as_nobody
FAKE=$PWD/as_nobody
fake shared/shop.web.control greet answer touch=touched again
found 'a socket of another user in a directory for all' 2 wrong_owner \
    --app shop --run-dir ../shared
ok 'the program sends nothing' [ ! -e touched ]
kill "$FAKE_PID"
fake shared/shop.web.control greet answer request "$fine" hold
found 'a socket that was given is believed' 0 '' -s ../shared/shop.web.control
install -d -o 65534 theirs
fake theirs/shop.web.control greet answer request "$fine" hold
found 'one of the owner of the directory is, too' 0 '' --app shop --run-dir ../theirs
install -d -o 65534 shared/shop shared/shop/web
fake shared/shop/web/tarantool.control idle touch=touched again
found 'not in a directory that any user could have created' 2 wrong_owner \
    --app shop --instance web --run-dir ../shared
ok 'the program does not connect' [ ! -e touched ]
kill "$FAKE_PID"

golden owner-errors
done_testing
