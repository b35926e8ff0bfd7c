#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Connecting, the greeting, time limits, and each way a connection can fail.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

fine='send=---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
busy='send=---\n- cartridge_reload: 1\n  outcome: refused\n  error:
    code: not_running\n    message: not yet\n    transient: true\n...\n'

# status NAME RC CODES STEP ...: `status` on a fake console.
status()
{
	local name=$1 rc=$2 codes=$3
	shift 3
	fake a.sock "$@"
	try status --socket a.sock -o json
	ends "$rc" "$codes" "$name"
}

# --- Greeting ----------------------------------------------------------------

fake a.sock greet answer request "$fine" hold
try status --socket a.sock
ends 0 '' 'a console greets, answers and replies'
prints 'a.sock: ok' 'the reply is reported'
status 'the greeting comes late' 0 '' \
    idle delay=50 idle greet answer request "$fine" hold
status 'the greeting comes byte by byte' 0 '' \
    pieces=1 greet pieces=0 answer request "$fine" hold
status 'the greeting comes in two lines' 0 '' \
    pieces=64 greet pieces=0 answer request "$fine" hold
status 'all comes byte by byte' 0 '' \
    pieces=1 greet answer request "$fine" hold
status 'a greeting of Tarantool Enterprise' 0 '' \
    'greet=Tarantool Enterprise 2.11.9 (Lua console)' \
    answer request "$fine" hold
status 'a greeting of a version to come' 0 '' \
    'greet=Tarantool 3.8.0-entrypoint-12-gdeadbee (Lua console)' \
    answer request "$fine" hold

status 'an HTTP port is named as such' 2 not_a_console \
    'send=HTTP/1.1 400 Bad Request\r\n' hold
status 'another kind of server is recognised' 2 not_a_console \
    'send=SSH-2.0-OpenSSH_9.2\r\n' hold
status 'another kind of Tarantool server is recognised' 2 not_a_console \
    'greet=Tarantool 2.6.0 (Something new)' hold
status 'a greeting without a version' 2 not_a_console \
    'greet=Tarantool (Lua console)' hold
status 'a greeting of zero bytes' 2 not_a_console 'fill=128:\x00' hold
status 'a greeting that is one long line' 2 not_a_console \
    'send=Tarantool 2.6.0 (Lua console)' 'fill=99: ' hold
status 'a greeting of 131 bytes: three too many' 8 bad_handshake \
    greet send=abc answer
status 'a greeting of 127 bytes, then the end' 2 closed_before_greeting \
    'send=Tarantool 2.6.0 (Lua console)                                  \n' \
    'fill=63:x' close

# --- What is sent ------------------------------------------------------------

# A console whose output format is unknown gets no request that changes state.
for words in reload --method=native 'eval 1' status plan; do
	fake -r received a.sock greet 'expect=\\set output yaml' idle \
	    "send=---\n- error: unknown\n...\n" hold
	# shellcheck disable=SC2086 # several words
	try $words --socket a.sock -o json
	ends 8 bad_handshake "$words: no socket"
	case $words in
	status | plan)
		# It may be more than fits into the socket's buffer.
		ok "$words: the request follows the handshake at once" \
		    [ "$(wc -c <received)" -gt 1000 ]
		;;
	*)
		is "$(wc -l <received)" 1 \
		    "$words: the request is not sent before the answer"
		;;
	esac
done
fake -r received a.sock pieces=1 greet answer request \
    "${fine/: ok/: reloaded}" hold
try reload --socket a.sock
ends 0 '' 'a reload is sent after the answer to the handshake'
is "$(wc -l <received)" 2 'a reload is sent once'

# --- Ends of the connection --------------------------------------------------

status 'closed before the greeting' 2 closed_before_greeting close
status 'closed before the greeting, when the client waits' 2 closed_before_greeting \
    idle close
status 'half-closed before the greeting' 2 closed_before_greeting end hold
status 'closed in the greeting' 2 closed_before_greeting 'send=Tarantool 2.6.0 (Lua' close
status 'closed after the greeting' 2 closed \
    greet 'expect=\\set output yaml' close
status 'closed in the answer to the handshake' 2 closed \
    greet 'expect=\\set output yaml' 'send=---\n- tr' close

status 'closed before the request was read' 8 closed \
    greet answer idle close
status 'closed in the middle of the request, all of which was sent' 8 \
    closed greet answer read=1000 idle close
status 'closed after the request' 8 closed greet answer request close
status 'closed in the middle of the reply' 8 closed \
    greet answer request 'send=---\n- cartridge_reload: 1\n' idle close
status 'closed within the end marker' 8 closed \
    greet answer request 'send=---\n- 1\n..' close
status 'closed after a push message' 8 closed greet answer request \
    'send=%TAG !push! tag:tarantool.io/push,2018\n--- load\n...\n' close
status 'half-closed after the request' 8 closed greet answer request end \
    hold
status 'closed after the reply' 0 '' greet answer request "$fine" close
status 'half-closed after the reply' 0 '' greet answer request "$fine" end hold

{
	echo 'return 1'
	head -c 2000000 /dev/zero | tr '\0' -
} >big.lua
fake a.sock greet answer read=1000 idle close
try eval -f big.lua --socket a.sock -o json
ends 2 closed 'a connection closed in the middle of the request'
fake -r received a.sock greet answer request=return "$fine" hold
try eval -f big.lua --socket a.sock
ends 0 '' 'a request of 2 MB is sent'
fake a.sock greet answer request close
try reload --socket a.sock -o json
ends 8 closed 'a lost reload suggests the command status'
fake a.sock greet answer request close
try eval 1 --socket a.sock -o json
ends 8 closed 'a lost eval suggests nothing that could repeat it'

status 'reset after the greeting' 2 closed greet reset
# The whole request is in the socket's buffer by then, if it is short enough.
fake a.sock greet answer read=1000 idle reset
try eval 1 --socket a.sock -o json
ends 8 closed 'a connection reset in the middle of the request'

fake tcp greet 'expect=\\set output yaml' reset
try status --socket "$TARGET" -o json
ends 2 closed 'TCP: reset after the greeting'
fake tcp reset
# Either connecting fails, or reading the greeting.
try status --socket "$TARGET"
peers_end
is "$RC" 2 'TCP: reset before the greeting'
fake tcp greet answer request reset
try status --socket "$TARGET" -o json
ends 8 closed 'TCP: reset after the request'
fake tcp greet answer request 'send=---\n- cart' reset
try status --socket "$TARGET" -o json
ends 8 closed 'TCP: reset in the middle of the reply'

# --- Sockets that cannot be connected to -------------------------------------

# refuses NAME CODE TARGET: connecting fails.
refuses()
{
	try status --socket "$3" -o json
	ends 2 "$2" "$1"
}

refuses 'an absent socket' no_socket none.sock
refuses 'an absent directory' no_socket none/a.sock
: >file
refuses 'a regular file' not_a_socket file
refuses 'a file as a directory' unreachable file/a.sock
mkdir directory
refuses 'a directory' not_a_socket directory
mkfifo fifo
refuses 'a FIFO' not_a_socket fifo
refuses 'a device' not_a_socket /dev/null
ln -s nowhere link
refuses 'a dangling link' no_socket link
stale_socket stale.sock
refuses 'a socket without a listener' refused stale.sock
fake -b 0 a.sock full touch=is-full until=never again
wait_until [ -e is-full ]
refuses 'a queue that is full' busy a.sock
kill "$FAKE_PID"
fake tcp
peers_end
refuses 'a TCP port without a listener' refused "$TARGET"
# The reason is of the system's resolver.
try status --socket host.invalid:3301 -o json
lists code name_resolution 'a host that does not exist'

golden connection-errors

# As another user, if this user may switch.
mkdir open
cp "$CARTRIDGE_RELOAD" open/cartridge-reload
chmod 755 open
# Where a coverage build may write its counts as that user.  The path is relative,
# because only this directory and those in it are open to that user.
mkdir -m 777 open/counts
nobody()
{
	if [ "$(id -u)" -eq 0 ]; then
		GCOV_PREFIX=open/counts \
		    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}
# denied CODE NAME TARGET: the same as another user.
denied()
{
	ARGS=(status -s "$3" 'as another user')
	nobody open/cartridge-reload status -s "$3" -o json >"$OUT" 2>"$ERR"
	RC=$?
	ends 2 "$1" "$2"
}
chmod 755 .
if nobody open/cartridge-reload --version >/dev/null 2>&1; then
	fake open/closed.sock hold again
	chmod 000 open/closed.sock
	denied no_permission 'a socket without permission' open/closed.sock
	mkdir -m 700 private
	fake private/a.sock hold again
	chmod 000 private
	denied no_permission 'a directory without permission' private/a.sock
	# glob(3) returns "no match" for all of these.
	mkdir -p deep/er/inner && chmod 000 deep/er/inner
	# Can be searched, but not be listed.
	mkdir -p blind/sub && chmod 311 blind
	for pattern in 'private/*.sock' 'private/*/x.sock' 'priv*/a.sock' \
	    'priv*/[a-z].sock' '*/er/*/a.sock' 'deep/*/inner/*.sock' \
	    'blind/s*/a.sock'; do
		denied no_permission \
		    "a glob in a directory without permission: $pattern" \
		    "$pattern"
	done
	denied no_socket 'a glob without a match' 'open/no*.sock'
	chmod 700 private deep/er/inner blind
	rm -r deep blind
	golden permission-errors
else
	skip 'a socket without permission' 'cannot become another user'
fi
chmod 700 .

# --- Addresses ---------------------------------------------------------------

# connects NAME TARGET: a console at $TARGET is reached by this address.
connects()
{
	try status --socket "$2"
	ends 0 '' "$1"
}

script=(greet answer request "$fine" hold)
mkdir sub
for target in "$WORK/a.sock" ./a.sock sub/../a.sock unix/:a.sock unix:a.sock \
    unix://a.sock "unix/:$WORK/a.sock" "unix://$WORK/a.sock"; do
	fake a.sock "${script[@]}"
	connects "address ${target/"$WORK"/DIR}" "$target"
done
fake a.sock "${script[@]}"
try status "--socket=a.sock"
ends 0 '' 'a target after ='
fake a.sock "${script[@]}"
try -sa.sock status
ends 0 '' 'a target after -s, before the command'
fake "127.0.0.1:3301" "${script[@]}"
connects 'a path with a colon' ./127.0.0.1:3301
fake '[a]*.sock' "${script[@]}"
connects 'a path with characters of a glob' '[a]*.sock'
rm '[a]*.sock'
fake tcp "${script[@]}"
connects 'address HOST:PORT' "$TARGET"
prints "$TARGET: ok" 'a TCP console is named HOST:PORT'
fake tcp "${script[@]}"
connects 'address tcp://HOST:PORT' "tcp://$TARGET"
fake tcp "${script[@]}"
# Either address of the name may come first.
connects 'a host name' "localhost:${TARGET#*:}"
fake tcp pieces=1 greet answer request "$fine" hold
connects 'TCP: all comes byte by byte' "$TARGET"

long=$WORK/$(printf 'long%.0s' {1..25})/$(printf 'name%.0s' {1..25})
mkdir -p "$long"
fake "$long/a.sock" "${script[@]}"
connects 'a path longer than 107 bytes' "$long/a.sock"
peers_end
refuses 'a long path: no process is listening' refused "$long/a.sock"
refuses 'a long path: absent' no_socket "$long/none.sock"
refuses 'a long path: a directory' not_a_socket "$long"
: >"$long/file"
refuses 'a long path: a regular file' not_a_socket \
    "$long/file"
name=sub/$(printf 'n%.0s' {1..102})
for i in 106 107 108 109; do
	fake "$name" "${script[@]}"
	connects "a path of ${#name} bytes" "$name"
	name=${name}n
done
refuses 'a name longer than any file name' unreachable \
    "$(printf 'n%.0s' {1..300})"

# --- Several targets ---------------------------------------------------------

mkdir many
for i in 10 9 b; do
	fake "many/$i.sock" "${script[@]}"
done
try status --socket 'many/*.sock'
ends 0 '' 'a glob'
prints 'NAME          STATE  TARGET
many/10.sock  ok     many/10.sock
many/9.sock   ok     many/9.sock
many/b.sock   ok     many/b.sock' 'matches of a glob are sorted'
try status --socket 'many/*.control' -o json
ends 2 no_socket 'a glob without a match is unreachable'
for i in a b; do
	fake "$i.sock" "${script[@]}"
done
try status -s b.sock -s a.sock -s b.sock -s unix/:a.sock
ends 0 '' 'a repeated target'
prints 'NAME    STATE  TARGET
b.sock  ok     b.sock
a.sock  ok     a.sock' 'a repeated target is asked once, in the order of the command line'

fake a.sock "${script[@]}"
fake c.sock idle touch=touched again
try eval 1 -s a.sock -s none.sock -s c.sock -o json
ends 2 no_socket 'the first failure stops a reload'
lists not_touched c.sock 'the instance that was not attempted is named'
ok 'the instance that was not attempted gets no connection' [ ! -e touched ]
kill "$FAKE_PID"

# --- Environment -------------------------------------------------------------

fake a.sock "${script[@]}"
CARTRIDGE_RELOAD_SOCKET=a.sock TARANTOOL_CONSOLE_SOCK=none.sock try status
ends 0 '' 'CARTRIDGE_RELOAD_SOCKET names the target'
fake a.sock "${script[@]}"
TARANTOOL_CONSOLE_SOCK=a.sock try status
ends 0 '' 'TARANTOOL_CONSOLE_SOCK names the target'
fake a.sock "${script[@]}"
CARTRIDGE_RELOAD_SOCKET='' TARANTOOL_CONSOLE_SOCK=a.sock try status
ends 0 '' 'an empty variable is ignored'
fake a.sock "${script[@]}"
CARTRIDGE_RELOAD_SOCKET=none.sock try status --socket a.sock
ends 0 '' '--socket takes precedence over the environment'
fake tcp "${script[@]}"
CARTRIDGE_RELOAD_SOCKET=tcp://$TARGET try status
ends 0 '' 'a variable may have any kind of address'
for i in 9 10; do
	fake "many/$i.sock" "${script[@]}"
done
CARTRIDGE_RELOAD_SOCKET='many/[0-9]*.sock' try status
ends 0 '' 'a variable may have a glob'

# --- Time --------------------------------------------------------------------

# took LEAST MOST NAME: the last run took between LEAST and MOST ms.
took()
{
	if [ "$MS" -ge "$1" ] && [ "$MS" -le "$2" ]; then
		pass "$3"
	else
		fail "$3" "took $MS ms, not $1 to $2"
	fi
}

fake a.sock idle hold
try status -s a.sock -o json
ends 2 no_greeting 'no greeting in three seconds'
took 2950 8000 'is left after 3 s'
fake a.sock hold
try status -s a.sock -t 0.4 -o json
ends 2 no_greeting 'a deadline before the greeting'
took 390 9000 'a time of 0.4 s'
fake a.sock greet hold
try status -s a.sock --timeout 0.25 -o json
ends 4 deadline 'a deadline before the answer to the handshake'
took 240 9000 'a time of 0.25 s'
fake a.sock greet answer request hold
try status -s a.sock --timeout=.3 -o json
ends 4 deadline 'a deadline before the reply'
took 290 9000 'a time of .3 s'
fake a.sock greet answer request hold
try reload -s a.sock -t 1 -o json
ends 4 deadline 'a reload that takes too long'
took 990 9000 'a time of 1 s'
fake a.sock greet answer request hold
try --method native -s a.sock -t 0.3 -o json
ends 4 deadline 'a reload of the application that takes too long'
fake a.sock greet answer request \
    'send=---\n- cartridge_reload: 1\n' hold
try status -s a.sock -t 0.2 -o json
ends 4 deadline 'half a reply is no reply'
fake a.sock greet answer read=1000 idle until=big-sent again
try eval -f big.lua -s a.sock -t 0.3 -o json
ends 4 deadline 'a request that is not read'
kill "$FAKE_PID"
# One time limit for the whole reply, even if data keeps arriving.
drip=()
for i in {1..100}; do
	drip+=('send=- x\n' delay=200)
done
fake a.sock greet answer request 'send=---\n' "${drip[@]}"
try status -s a.sock -t 0.4 -o json
ends 4 deadline 'a reply that never ends'
took 390 9000 'has the same limit'
fake a.sock 'send=Tarantool 2.6.0' "${drip[@]//- x\\n/ }"
try status -s a.sock -t 0.4 -o json
ends 2 no_greeting 'a greeting that never ends'
took 390 9000 'has the same limit too'
fake a.sock greet answer request \
    'fill=200000000:%TAG !push! tag:x\n--- x\n...\n'
try status -s a.sock -t 0.4 -o json
ends 4 deadline 'push messages without end'
took 390 9000 'have the same limit too'
fake -r received a.sock greet answer request "$fine" hold
try status -s a.sock -t 8
ends 0 '' 'the request has a timeout'
ok 'the timeout of the request is shorter than that of the client' \
    said received 'timeout.034:7\.[0-9]'

# --- Waiting -----------------------------------------------------------------

# waits NAME: tests that the program is waiting.
waits()
{
	ok "$1" wait_until said "$ERR" ': waiting$'
}

rm -f a.sock
try_in_background status -s a.sock -w 20 -v
waits '--wait: no socket yet'
fake a.sock "${script[@]}"
finish_try
ends_at 0 a.sock '--wait: the socket appears'
# Whether the program has started to wait.
sleeps()
{
	grep -q '^[0-9]* (cartridge-reloa) S ' "/proc/$TRY_PID/stat"
}
mkdir later
try_in_background status -s 'later/*.sock' -w 20
ok '--wait: no match yet' wait_until sleeps
fake later/a.sock "${script[@]}"
finish_try
ends 0 '' '--wait: a match appears'
prints 'later/a.sock: ok' '--wait: the match is asked'
stale_socket a.sock
try_in_background status -s a.sock -w 20 -v
waits '--wait: no process is listening yet'
fake a.sock "${script[@]}"
finish_try
ends_at 0 a.sock '--wait: a process starts listening'
fake a.sock close close "${script[@]}"
try status -s a.sock -w 20
ends 0 '' '--wait: closed before the greeting, twice'
fake a.sock greet answer request "$busy" close \
    greet answer request "$busy" close "${script[@]}"
try status -s a.sock -w 20
ends 0 '' '--wait: not ready, twice'
prints 'a.sock: ok' '--wait: only the last report is printed'
fake -b 0 a.sock full until=waits drain "${script[@]}"
rm -f waits
try_in_background status -s a.sock -w 20 -v
waits '--wait: the queue is full'
touch waits
finish_try
ends_at 0 a.sock '--wait: the backlog has room again'
fake a.sock hold close "${script[@]}"
try status -s a.sock -w 20 -t 0.2
ends 0 '' '--wait: no greeting in time'
try status -s none.sock -w 0.3 -o json
ends 2 no_socket '--wait: the socket never appears'
took 290 9000 'it waited for 0.3 s'
fake a.sock greet answer request "$busy" again
try status -s a.sock --wait 0.3 -o json
ends 5 not_running '--wait: the instance is never ready'
took 290 9000 'it waited for 0.3 s'
kill "$FAKE_PID"
try status -s 'none*.sock' -w 0.3 -o json
ends 2 no_socket '--wait: the glob never matches'
took 290 9000 'it waited for 0.3 s'
try status -s none.sock --wait 0 -o json
ends 2 no_socket '--wait 0 does not retry'
took 0 2000 'for long'

# lasting NAME RC CODE STEP ...: a permanent error ends the run at once.
lasting()
{
	local name=$1 rc=$2 code=$3
	shift 3
	fake a.sock "$@"
	try status -s a.sock -w 20 -o json
	ends "$rc" "$code" "--wait does not retry $name"
	took 0 10000 "$name: at once"
}
lasting 'another kind of server' 2 not_a_console 'send=220 ready' hold
lasting 'a refusal for good' 5 bad_state greet answer request \
    'send=---\n- cartridge_reload: 1\n  outcome: refused
  error: {code: bad_state, message: no}\n...\n'
lasting 'garbage' 8 bad_reply greet answer request \
    'send=---\n- [\n...\n'
try status -s file -w 20 -o json
ends 2 not_a_socket '--wait does not retry a regular file'
took 0 10000 'a file: at once'
fake a.sock greet answer request close idle touch=came again
try reload -s a.sock -w 20 -o json
ends 8 closed '--wait does not reload twice'
ok '--wait does not repeat a reload that may have run' [ ! -e came ]

golden timeout-errors
done_testing
