#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The command `console` from a pipe, at scripted consoles.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

export XDG_STATE_HOME=$WORK/state

# reply WORD [REST]: prints a reply of the Lua script in the instance.
reply()
{
	printf '%s' "send=---\\n- cartridge_reload_$1\\n${2:-}...\\n"
}
push='send=%TAG !push! tag:tarantool.io/push,2018\n--- working\n...\n'
one=$(reply 'done' '- 1\n')
failed=$(reply failed '- error: no such thing\n')

# typed INPUT ARGUMENT ...: runs the program with that standard input.
typed()
{
	printf '%b' "$1" >.run/typed
	shift
	ARGS=("$@")
	BEGAN=$EPOCHREALTIME
	"$CARTRIDGE_RELOAD" "$@" <.run/typed >"$OUT" 2>"$ERR"
	RC=$?
	stop_clock
}

# expect RC PLACE NAME: how the last run ended, with an error if there is a PLACE.
expect()
{
	if [ -n "$2" ]; then
		ends_at "$@"
	else
		ends "$@"
	fi
}

# console NAME INPUT RC PLACE STEP ...: sends these lines to a fake console with
# this script, after the handshake.
console()
{
	local name=$1 input=$2 rc=$3 place=$4
	shift 4
	fake -r .run/record a.sock greet answer "$@"
	typed "$input" console -s a.sock
	expect "$rc" "$place" "$name"
}

# begin_console STEP ...: starts the program at a fake console with this script,
# and types a line.  The input stays open as descriptor 5.
begin_console()
{
	fake a.sock greet answer "$@"
	: >"$OUT"
	: >"$ERR"
	ARGS=(console -s a.sock)
	rm -f .run/input
	mkfifo .run/input
	# Without job control, it would ignore SIGINT.
	set -m
	"$CARTRIDGE_RELOAD" console -s a.sock <.run/input >"$OUT" 2>"$ERR" &
	TRY_PID=$!
	set +m
	exec 5>.run/input
	echo 1 >&5
}

# --- Lines and replies -------------------------------------------------------

console 'a line is sent and its results are printed' '1\n' 0 '' \
    'request="more","1",0,0)' "$one" hold
prints "$(printf -- '---\n- 1\n...')" \
    'results are printed like the console does'
console 'nothing is sent for nothing' '' 0 '' hold
prints '' 'a line without results prints nothing'
console 'a blank line is no line' '\n \t\n\r\n' 0 '' hold
console 'lines follow each other' '1\n2\n3\n' 0 '' request "$one" \
    'request="more","2",0,0)' "$(reply 'done' '- 2\n')" request "$(reply 'done')" \
    hold
prints "$(printf -- '---\n- 1\n...\n---\n- 2\n...\n---\n...')" \
    'replies are printed like the console does'
fake a.sock greet answer request "$one" request hold
typed '1\n2\n3\n' console -s a.sock -t 0.5
ends_at 4 'line 2:' 'a missing reply ends the console after --timeout'
console 'a line may end in another way' '1\r\n2' 0 '' \
    'request="more","1",0,0)' "$one" 'request="more","2",0,0)' "$one" hold
console 'all comes byte by byte' '1\n2\n' 0 '' pieces=1 request "$one" request \
    "$one" hold
console 'bytes are sent as they are' 'x = "\\n\0303\0274\0377\0000"\n' 0 '' \
    "request=\"x = \\034\\092n"$'\303\274\377'"\\000\\034\"" "$(reply 'done')" hold
big=$(printf '%0100000d' 0)
console 'a long line is sent whole' "x = '$big'\n" 0 '' "request=$big'" \
    "$(reply 'done')" hold
console 'results are nil and an error' 'f()\n' 3 'line 1:' \
    request "$(reply nil '- null\n- no\n')" hold
prints "$(printf -- '---\n- null\n- no\n...')" 'push messages are printed'

console 'the next line is run after an error' '1\n\nnosuch()\n3\n' 3 'line 3:' request "$one" request "$failed" request "$one" hold
prints "$(printf -- '---\n- 1\n...\n---\n- error: no such thing\n...\n---\n- 1\n...')" \
    'an error is printed in its place'
console 'an error can be a table' 'x\n' 3 'line 1:' \
    request "$(reply failed '- error:\n    code: 1\n')" hold
console 'the console itself fails' 'x\n1\n' 3 'line 1:' \
    request 'send=---\n- error: cannot be printed\n...\n' request "$one" hold

# --- Statements of several lines ---------------------------------------------

console 'a line that is not complete is continued' 'for i = 1, 2 do\n\nend\n1\n' \
    0 '' 'request="more","for i = 1, 2 do",0,0)' "$(reply more)" \
    'request="more","for i = 1, 2 do\n",0,0)' "$(reply more)" \
    'request="more","for i = 1, 2 do\n\nend",0,0)' "$(reply 'done')" \
    'request="more","1",0,0)' "$one" hold
prints "$(printf -- '---\n...\n---\n- 1\n...')" \
    'a statement of several lines has one reply'
console 'a backslash in a statement is Lua' 'x = [[\n\\quit\n]]\n' 0 '' \
    request "$(reply more)" 'request=\n\092quit"' "$(reply more)" request \
    "$(reply 'done')" hold
console 'a statement that is not complete at the end is an error' '\nf(\n1' 3 'line 2:' request "$(reply more)" request "$(reply more)" \
    'request="run","f(\n1",0,0)' "$(reply failed '- error: unfinished\n')" hold
rows=$(printf "'%0100000d',\\\\n" 0 0 0)
rows=$rows$rows$rows
console 'a long one is sent when it may be complete, or has doubled' \
    "x = {\\n$rows}\\n1\\n" 0 '' \
    request "$(reply more)" request "$(reply more)" request "$(reply more)" \
    request "$(reply more)" request "$(reply 'done')" \
    'request="more","1",0,0)' "$one" hold
console 'a statement has a maximum length' "x = {\\n$rows${rows}1\\n" 3 'line 1:' \
    request "$(reply more)" request "$(reply more)" request "$(reply more)" \
    request "$(reply more)" request "$one" request "$one" request "$one" \
    request "$one" request "$one" request "$one" request "$one" \
    request "$one" hold

# --- Output ------------------------------------------------------------------

fake a.sock greet answer request "$push" "$push" "$one" request "$failed" hold
typed '1\n2\n' console -s a.sock -o json
ends_at 3 'line 2:' '--output json prints results in JSON'
prints '{"push": "working"}
{"push": "working"}
[1]
{"error": "no such thing"}' '--output json prints one document a line'
fake a.sock greet answer request "$push" "$one" request "$failed" hold
typed '1\n2\n' console -s a.sock -q
ends_at 3 'line 2:' '--quiet in the console'
prints '' '--quiet prints errors only'
console 'messages are printed as they come' '1\n' 0 '' request "$push" "$one" hold
prints '%TAG !push! tag:tarantool.io/push,2018
--- working
...
---
- 1
...' 'errors are flushed before later results'
fake a.sock greet answer request "$one" hold
typed '1\n' console -s a.sock --color always
ends 0 '' '--color=always in the console'
prints $'\e[2m---\e[0m\n- \e[33m1\e[0m\n\e[2m...\e[0m' \
    '--color=always prints colours'
fake a.sock greet answer request "$one" request "$one" request "$one" hold
typed '\\set\n1\n\\set output json\n1\n\\set output\n\\se output text\n1\n' \
    console -s a.sock
ends 0 '' '\set output'
prints 'output text
---
- 1
...
[1]
output json
---
- 1
...' \
    '\set output changes the format of later results'

# --- Commands ----------------------------------------------------------------

# A command opens another connection, to the fake that is at the same path then.
echo 'print("by -f")' >file.lua
begin_console request "$one" request "$one" hold
ok 'a line is run at once' wait_until said "$OUT" '^- 1$'
report='send=---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
fake second.sock greet answer request "$report" hold
mv second.sock a.sock
echo '\status' >&5
ok 'a command uses its own connection' wait_until said "$OUT" '^a.sock: ok$'
echo 1 >&5
exec 5>&-
finish_try
ends 0 '' 'the session continues after a command'
prints '---
- 1
...
a.sock: ok
---
- 1
...' 'lines and commands are run in order'

console '\quit is the end' '1\n\\quit\n2\n' 0 '' request "$one" hold
console 'also cut short, and after a failure' 'x\n\\q\n2\n' 3 'line 1:' request "$failed" hold
console 'an unknown command is an error' '\\nothing\n1\n' 3 \
    'line 1:' request "$one" hold
console 'so is a wrong option' '1\n\\reload --stale=no\n' 3 \
    'line 2:' request "$one" hold
console 'and a file that is not there' '\\eval -f none.lua\n' 3 'line 1:' hold
fake a.sock greet answer hold
typed '\\help\n' console -s a.sock
ends 0 '' '\help'
ok '\? lists the commands' said "$OUT" '^  .reload  '
fake a.sock greet answer hold
typed '\\help plan\n\\plan -h\n' console -s a.sock
ends 0 '' '\help COMMAND'
is "$(grep -c '^usage: cartridge-reload \[options\] plan ' "$OUT")" 2 \
    '\help prints the help of the command line'

# --- Connecting --------------------------------------------------------------

# fails NAME RC STEP ...: the session ends before a line is read.
fails()
{
	local name=$1 rc=$2
	shift 2
	fake a.sock "$@"
	typed '1\n' console -s a.sock -t "${within:-20}"
	ends_at "$rc" a.sock "$name"
	prints '' 'no output'
}
fails 'something else' 2 'send=SSH-2.0\r\n' hold
fails 'closed at once' 2 idle close
within=0.3 fails 'no greeting in time' 2 idle hold
within=0.3 fails 'no answer in time' 4 greet hold
is_console && fails 'another answer' 8 greet request \
    'send=---\n- false\n...\n' hold
fails 'closed before the answer' 2 greet \
    'expect=\\set output yaml' close
stale_socket a.sock
typed '1\n' console -s a.sock
ends_at 2 a.sock 'no process is listening'
typed '1\n' console -s none.sock
ends_at 2 none.sock 'no socket'
typed '1\n' console -s none.sock -w 0.3
ends_at 2 none.sock '--wait without a server'
ok '--wait retries until its time is over' [ "$MS" -ge 290 ]
(sleep 0.2; exec "$FAKE" late.sock greet answer request "$one" hold) >/dev/null &
typed '1\n' console -s late.sock -w 20
ends 0 '' '--wait with a server that starts later'
ok '--wait retries until the socket exists' said "$OUT" '^- 1$'
fake a.sock idle close greet answer request "$one" hold
typed '1\n' console -s a.sock -w 20
ends 0 '' '--wait retries after a refusal'
fake tcp greet answer request "$one" hold
typed '1\n' console -s "$TARGET"
ends 0 '' 'a console on TCP'
fake a.sock greet answer request delay=300 "$one" request delay=300 "$one" \
    request delay=300 "$one" hold
typed '1\n1\n1\n' console -s a.sock -t 0.8
ends 0 '' 'the timeout applies to each line'

stale_socket b.sock
typed '1\n' console -s a.sock -s b.sock
ends_at 1 console 'two targets are rejected'
typed '1\n' console -s '[ab].sock'
ends_at 1 console 'a glob with two matches is rejected'
typed '1\n' console
ends_at 1 target 'no target is a usage error'
export CARTRIDGE_RELOAD_SOCKET=a.sock
fake a.sock greet answer request "$one" hold
typed '1\n' console
ends 0 '' 'the target of the environment is used'
unset CARTRIDGE_RELOAD_SOCKET

# --- What is wrong with a reply ----------------------------------------------

console 'closed instead of a reply' '1\n2\n' 8 a.sock request close
console 'closed in a reply' '1\n2\n' 8 a.sock request \
    'send=---\n- cartridge_reload_done\n- 1' close
console 'reset' '1\n2\n' 8 a.sock read=10 reset
for text in '---\n- 1\n...\n' '...\n' '---\n...\n' '--- cartridge_reload_done\n...\n' \
    '---\n- cartridge_reload_other\n...\n' '\x00\n...\n'; do
	console "not such a reply: $text" '1\n2\n' 8 a.sock request \
	    "send=$text" hold
	prints '' 'a hostile message is not printed raw'
done
console 'more replies than lines' '1\n2\n' 8 a.sock \
    request "$one${one#send=}${one#send=}" hold
console 'a reply that is no YAML is still printed' '1\n' 0 '' request \
    "$(reply 'done' '- {[\n')" hold
ok 'a hostile message is escaped' said "$OUT" '^- [{]\[$'
fake a.sock greet answer request "$(reply 'done' '- {[\n')" request "$one" hold
typed '1\n2\n' console -s a.sock -o json
ends_at 3 'line 1:' 'a hostile result has no JSON'
prints '[1]' 'the next line is run'
if is_console; then
	fake a.sock greet answer request 'send=%TAG !push! a,2018\n--- {[\n...\n' \
	    "$one" hold
	typed '1\n' console -s a.sock -o json
	ends_at 3 'line 1:' \
	    'a hostile push message has no JSON'
	prints '[1]' 'the results after it are printed'
fi
console 'what could harm a terminal is escaped' '1\n' 3 'line 1:' request \
    "$(reply failed '- error: "\\e[2J\xc2\x9b\x9b\x00\r\xe2\x80\xae"\n')" hold
ok 'a hostile result is escaped on standard output' said "$OUT" \
    '^- error: "\\e\[2J\\302\\233\\233\\000\\015\\342\\200\\256"$'
is "$(LC_ALL=C grep -cP '[^\x20-\x7e]' "$OUT")" 0 \
    'no control character is printed'
fake a.sock greet answer request "$(reply 'done' '- "\x1b[2J"\n')" hold
typed '1\n' console -s a.sock --color always
ends 0 '' 'a hostile result with colours'
ok 'a hostile result with colours is escaped' said "$OUT" '"\\033\[2J"'
fake a.sock greet answer request 'send=---\n- cartridge_reload_done\n- ' \
    'fill=20000000:0123456789' 'send=\n...\n' request "$one" hold
typed '1\n2\n' console -s a.sock
ends 0 '' 'a reply of 20 MB'
is "$(grep -c '^- [0-9]*$' "$OUT") $(wc -c <"$OUT")" '2 20000023' \
    'a reply of 20 MB is printed whole'
fake a.sock greet answer request 'send=---\n- cartridge_reload_done\n- ' \
    'fill=70000000:0123456789' 'send=\n...\n' hold
typed '1\n2\n' console -s a.sock
ends_at 8 a.sock 'a reply of 70 MB is refused'
fake a.sock greet answer request 'send=---\n- cartridge_reload_done\n' \
    'fill=2000000:- {a: [1, "\x1b"]}\n' 'send=...\n' hold
typed '1\n' console -s a.sock --color always
ends 0 '' 'a reply of many lines'
ok 'a reply of many lines is printed in linear time' [ "$MS" -lt 10000 ]

# What users type first; the greeting of a real console suggests "help".
for word in exit quit 'quit()'; do
	fake a.sock greet answer request \
	    'send=---\n- cartridge_reload_command\n- quit\n...\n' hold
	typed "$word\n2\n" console -s a.sock
	ends 0 '' "$word leaves the console"
	prints '' "$word: no later line is run"
done
fake a.sock greet answer request \
    'send=---\n- cartridge_reload_command\n- help\n...\n' request "$one" hold
typed 'help\n1\n' console -s a.sock
ends 0 '' '\help in the console'
ok '\help is the help of the console' said "$OUT" '^  .quit  '
ok 'the next line is run' said "$OUT" '^- 1$'

# --- Its end -----------------------------------------------------------------

# sockets N: the program has this number of sockets.
sockets()
{
	[ "$(find "/proc/$TRY_PID/fd" -lname 'socket:*' 2>/dev/null |
	    wc -l)" -eq "$1" ]
}
for signal in INT TERM HUP; do
	died=$((128 + $(kill -l "$signal")))
	rm -f busy
	begin_console request touch=busy hold
	ok "SIG$signal: a line is running" wait_until [ -e busy ]
	kill "-$signal" "$TRY_PID"
	finish_try
	ends_at "$died" 'line 1:' "SIG$signal ends the wait for a line"
	exec 5>&-
	begin_console request "$one" hold
	ok "SIG$signal: no line is running" wait_until said "$OUT" '^- 1$'
	kill "-$signal" "$TRY_PID"
	finish_try
	ends_at "$died" a.sock "SIG$signal ends the console"
	exec 5>&-
	begin_console request "$one" hold
	wait_until said "$OUT" '^- 1$'
	# The connection of the command gets no greeting.
	printf '%s\n' '\status' 2 >&5
	ok "SIG$signal: a command is running" wait_until sockets 2
	kill "-$signal" "$TRY_PID"
	finish_try
	ends_at "$died" a.sock "SIG$signal ends a command and the console"
	exec 5>&-
done
begin_console request "$one" until=go close
ok 'a line has run' wait_until said "$OUT" '^- 1$'
: >go
finish_try
ends_at 2 a.sock 'the console ends with the connection'
exec 5>&-
fake a.sock idle hold
(exec "$CARTRIDGE_RELOAD" console -s a.sock <.run/typed) >"$OUT" 2>"$ERR" &
TRY_PID=$!
ok 'the client waits for a greeting' wait_until sockets 1
kill -TERM "$TRY_PID"
finish_try
ends_at 143 a.sock 'a signal ends the connecting'

console_to()
{
	printf '1\n2\n3\n' | "$CARTRIDGE_RELOAD" console -s a.sock >"$1" 2>"$ERR"
	RC=$?
	: >"$OUT"
}
fake a.sock greet answer request "$one" hold
console_to /dev/full
ends_at 1 'standard output' 'a full output device ends the console'
"$CARTRIDGE_RELOAD" console -s none.sock <&- >"$OUT" 2>"$ERR"
RC=$?
ends_at 2 none.sock 'no standard input is an error'

# --- The line on the wire ----------------------------------------------------

# On a binary port a frame that is cut is no request.
if is_console; then
	console 'a line is sent' "x = \")\") os.exit(1) --[[\n" 0 '' request \
	    "$(reply 'done')" hold
	is "$(wc -l <.run/record)" 2 \
	    'the request is one line after the handshake'
	lua '
		local text = io.open(arg[1]):read("*a")
		local line = text:match("\n(.*)\n$")
		local function compiles(s)
			return loadstring("return " .. s) or loadstring(s)
		end
		assert(compiles(line), "the line is not Lua")
		local n = 0
		for i = 1, #line - 1 do
			if compiles(line:sub(1, i)) then
				n = n + 1
				-- This one compiles, and calls nothing.
				assert(line:sub(i, i + 2) == ")(g", line:sub(i - 20))
			end
		end
		print(n)
		os.exit(0)' .run/record >"$OUT" 2>&1
	prints 1 'a request that is cut anywhere runs nothing'
fi

# --- Without readline --------------------------------------------------------

loads_readline()
{
	ldd "$CARTRIDGE_RELOAD" | grep -q readline
}
ok 'readline is not loaded at the start' eval '! loads_readline'
ok 'no history is kept of lines that were not typed' [ ! -e state ]

golden console-errors
done_testing
