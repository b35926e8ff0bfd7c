#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Binary ports: authentication, the sources of a password, where a password must
# not appear, and server responses that are not a reply.

# shellcheck disable=SC2016 # names of variables in names of tests
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

fine='ok=---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
reloaded=${fine/outcome: ok/outcome: reloaded}

# status NAME RC CODES STEP ...: `status` on a fake binary port, as op.
status()
{
	local name=$1 rc=$2 codes=$3
	shift 3
	fake a.sock greet-binary "$@"
	TT_CLI_PASSWORD=s3cret try status -u op -s a.sock -o json
	ends "$rc" "$codes" "$name"
}

# The proof for the password s3cret and the salt of the greeting.
proof=$'\x0d\x84\xbb\x3e\xc3\x7f\x68\x5c\x69\xa3\xce\x52\x70\x81\xee\xd9\x7c\x35\x29\x0e'

# --- Users and passwords -----------------------------------------------------

# logs_in NAME USER ARGUMENT ...: logs in as USER with the password s3cret.
logs_in()
{
	local name=$1 user=$2
	shift 2
	fake -r received a.sock greet-binary "auth=$user" ok eval "$fine" hold
	try status "$@"
	ends 0 '' "$name"
	ok 'the password is used' grep -qF -- "$proof" received
	ok 'the password is not sent' eval '! grep -q s3cret received'
}

fake a.sock greet-binary ping ok eval "$fine" hold
try status -s a.sock
ends 0 '' 'guest does not log in'
prints 'a.sock: ok' 'the reply is reported'
fake a.sock greet-binary ping ok eval "$fine" hold
try status -s a.sock -u guest
ends 0 '' 'guest does not log in if named'

printf 's3cret\nrest\n' >password
logs_in '--password-file' op -s a.sock -u op --password-file password
printf 's3cret' >password
logs_in 'without a newline' op -s a.sock -u op --password-file password
TT_CLI_PASSWORD=s3cret logs_in '$TT_CLI_PASSWORD' op -s a.sock --user=op
TT_CLI_PASSWORD=s3cret TT_CLI_USERNAME=them logs_in '$TT_CLI_USERNAME' them -s a.sock
TT_CLI_PASSWORD=s3cret TT_CLI_USERNAME=them logs_in '--user comes before' op \
    -s a.sock -u op
TT_CLI_PASSWORD=other logs_in '--password-file comes before' op -s a.sock -u op \
    --password-file password
TARANTOOL_CLUSTER_COOKIE=s3cret logs_in '$TARANTOOL_CLUSTER_COOKIE' admin -s a.sock
TARANTOOL_CLUSTER_COOKIE=other TT_CLI_PASSWORD=s3cret \
    logs_in '$TT_CLI_PASSWORD comes before' admin -s a.sock
TARANTOOL_CLUSTER_COOKIE=s3cret TT_CLI_PASSWORD='' TT_CLI_USERNAME='' \
    logs_in 'empty variables are none' admin -s a.sock

# The longest password, from each source.
head -c 1024 /dev/zero | tr '\0' x >longest
fake a.sock greet-binary auth=op ok eval "$fine" hold
try status -s a.sock -u op --password-file longest
ends 0 '' '--password-file of 1,024 bytes'
fake a.sock greet-binary auth=op ok eval "$fine" hold
TT_CLI_PASSWORD=$(<longest) try status -s a.sock -u op
ends 0 '' '$TT_CLI_PASSWORD of 1,024 bytes'

fake -r received a.sock greet-binary auth=op ok eval "$fine" hold
ARGS=(status -s a.sock -u op --password-file -)
printf 's3cret\nmore\n' | "$CARTRIDGE_RELOAD" "${ARGS[@]}" >"$OUT" 2>"$ERR"
RC=$?
ends 0 '' '--password-file - reads standard input'
ok 'the password of standard input is used' grep -qF -- "$proof" received

# target NAME USER TARGET_PREFIX: the same on TCP.
target()
{
	local name=$1 user=$2 prefix=$3
	fake -r received tcp greet-binary "auth=$user" ok eval "$fine" hold
	try status -s "$prefix$TARGET"
	if [ -n "${warned-}" ]; then
		ends_at 0 "$user@$TARGET" "$name"
	else
		ends 0 '' "$name"
	fi
	prints "$user@$TARGET: ok" 'the password is not printed'
	ok 'the right password is used' grep -qF -- "$proof" received
}
TT_CLI_PASSWORD=s3cret TT_CLI_USERNAME=them target 'a user in the target' op op@
TT_CLI_PASSWORD=s3cret target 'with tcp://' op tcp://op@
warned=1 TT_CLI_PASSWORD=other target 'a password in the target' op op:s3cret@

# Whether two targets have answered.
two_answers()
{
	local lines
	mapfile -t lines <"$OUT"
	[[ ${#lines[@]} -ge 2 && ${lines[*]: -2:1} == *ok* && ${lines[*]: -1} == *ok* ]]
}

# A text console has no users; both kinds may be targets of one run.
fake a.sock greet answer request "${fine/ok=/send=}" hold
peer=$FAKE_PID
fake b.sock greet-binary auth=op ok eval "$fine" hold
TT_CLI_PASSWORD=s3cret try status -u op -s a.sock -s b.sock
wait "$peer"
ends 0 '' 'a console and a binary port'
ok 'both targets answer' two_answers

# --- Passwords that are not there --------------------------------------------

# The program without a terminal: as in a cron job.
detached()
{
	ARGS=("$@")
	setsid -w "$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" </dev/null
	RC=$?
}
fake a.sock greet-binary hold
detached status -s a.sock -u op -o json
ends 2 no_password 'no password and no terminal'
detached status -s a.sock -u op --password-file none
ends_at 1 "'none'" 'a missing password file'
: >empty
detached status -s a.sock -u op --password-file empty
ends_at 1 "'empty'" 'an empty password file'
head -c 2000 /dev/zero | tr '\0' x >long
head -c 1025 long >above
detached status -s a.sock -u op --password-file above
ends_at 1 "'above'" 'a password line above the limit'
TT_CLI_PASSWORD=$(<above) detached status -s a.sock -u op
ends_at 1 '$TT_CLI_PASSWORD' 'a password variable above the limit'
detached status -s a.sock --password-file password
ends_at 1 --password-file 'a password without a user'
detached status -s a.sock -u "$(head -c 256 long)" --password-file password
ends_at 1 user 'a user name above the limit'
detached eval -f - -s a.sock -u op --password-file -
ends_at 1 --password-file 'two options that read standard input'

# prompted TCL ARGUMENT ...: runs `status` on a new terminal, and types at its
# prompt once the program reads.
prompted()
{
	local typed=$1
	shift
	expect -c "
		set timeout 60
		log_user 0
		spawn -noecho $CARTRIDGE_RELOAD status $*
		expect {Password for op: }
		set pid [exp_pid]
		while {![regexp {\) S } [exec cat /proc/\$pid/stat]]} { after 5 }
		$typed
		expect timeout { exec kill -KILL \$pid } eof
		puts -nonewline \$expect_out(buffer)
		exit [lindex [wait] 3]" >"$OUT" 2>"$ERR"
	RC=$?
}
fake -r received a.sock greet-binary auth=op ok eval "$fine" hold
prompted 'send "s3cret\r"' -s a.sock -u op
ends 0 '' 'the password is asked for'
ok 'the typed password logs in' grep -qF -- "$proof" received
ok 'the typed password is not shown' eval '! said "$OUT" s3cret'
prompted 'send "[string repeat x 1025]\r"' -s a.sock -u op
is "$RC" 1 'a typed password above the limit is refused'
ok 'its limit is named' said "$OUT" '1024 bytes'
prompted 'send "\x03"' -s a.sock -u op
ok 'Ctrl-C ends the prompt' said "$OUT" 'cartridge-reload: '

# Only a TCP target is asked for the password of the user that a variable names,
# but the password is used for the socket before it, too.
fake a.sock greet-binary auth=op ok eval "$fine" hold
peer=$FAKE_PID
fake -r received tcp greet-binary auth=op ok eval "$fine" hold
TT_CLI_USERNAME=op prompted 'send "s3cret\r"' -s a.sock -s "$TARGET"
wait "$peer"
ends 0 '' 'a prompt after a console target'
ok 'the typed password logs in at both ports' two_answers

# --- Where a password is not -------------------------------------------------

# process_files PID: prints the data of a process that others can read.
process_files()
{
	tr '\0' '\n' <"/proc/$1/cmdline"
	tr '\0' '\n' <"/proc/$1/environ"
}
fake tcp greet-binary auth=op ok eval touch=asked until=go "$fine" hold
TT_CLI_PASSWORD=pass-env TARANTOOL_CLUSTER_COOKIE=pass-cookie \
    CARTRIDGE_RELOAD_SOCKET=op:pass-variable@x:1 \
    try_in_background status -o json -v -s "op:pass-target@$TARGET"
wait_until [ -e asked ]
process_files "$TRY_PID" >seen
ok 'the password is not in arguments or environment' \
    [ "$(grep -c pass- seen)" -eq 0 ]
ok 'arguments and environment can be read' \
    grep -q -- "op:\*\*\*\*\*\*\*\*\*\*\*@$TARGET" seen
is "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$TRY_PID/limits")" \
    '0 0' 'there is no core dump'
touch go
finish_try
ends_at 0 "op@$TARGET" 'the warning is reported'
ok 'the password is not printed' \
    [ "$(cat "$OUT" "$ERR" | grep -c pass-)" -eq 0 ]
rm -f asked go

# --- Errors of the server ----------------------------------------------------

status 'a wrong password' 2 login_failed auth 'fault=47:Incorrect password' hold
status 'no such user' 2 login_failed auth "fault=45:User 'op' is not found" hold
status 'login is denied' 2 access_denied auth \
    'fault=42:Session access to universe is denied' hold
status 'a wrong password, as Cartridge says it before the bootstrap' 2 login_failed auth \
    "fault=42:Incorrect password supplied for user 'op'" hold
status 'and no such user' 2 login_failed auth "fault=42:User 'op' is not found" hold
status 'evaluation is denied' 2 access_denied \
    auth ok eval 'fault=42:Execute access to universe is denied' hold
fake a.sock greet-binary ping ok eval 'fault=42:no' hold
try status -s a.sock -o json
ends 2 access_denied 'guest is asked to log in'
status 'an error of the evaluation' 8 server_error \
    auth ok eval 'fault=32:boom' hold
status 'an unknown error' 8 server_error \
    auth ok eval 'fault=123:bad \ethings' hold
status 'error 0, without a text' 8 server_error \
    auth ok eval fault=0: hold
status 'shutting down' 2 shutting_down auth ok eval \
    'fault=245:Server is shutting down' hold
status 'a transaction left open' 3 lua_error auth ok \
    eval 'fault=30:Transaction is active at return from function' hold

# A refused request had no effect, so the message mentions none.
fake a.sock greet-binary ping ok eval 'fault=42:no' hold
try reload -s a.sock -o json
ends 2 access_denied 'a reload is refused by the server'
fake a.sock greet-binary ping ok eval 'fault=116:Instance bootstrap has not finished yet' \
    close greet-binary ping ok eval "$reloaded" hold
try reload -s a.sock --wait 20
ends 0 '' '--wait retries while the server starts'
fake a.sock greet-binary ping 'fault=116:not yet' close greet-binary ping ok \
    eval "$reloaded" hold
try reload -s a.sock --wait 20
ends 0 '' '--wait retries while logging in'
fake a.sock greet-binary auth fault=47:no hold
TT_CLI_PASSWORD=x try status -s a.sock -u op --wait 20 -o json
ends 2 login_failed '--wait does not retry a wrong password'

# --- What a server may send --------------------------------------------------

status 'push messages' 0 '' auth ok eval chunk=load 'chunk=a\nb' "$fine" hold
status 'all comes byte by byte' 0 '' pieces=1 auth ok eval chunk=load "$fine" hold
status 'a reply of two megabytes' 0 '' auth ok eval \
    "${fine%...\\n}  x: $(head -c 100000 /dev/zero | tr '\0' x)\n...\n" hold
status 'a wrong number' 8 bad_reply auth ok eval sync=7 "$fine" hold
status 'the number of the login again' 8 bad_reply auth ok eval \
    sync=1 "$fine" hold
status 'a reply before the request' 8 bad_reply auth ok ok hold
status 'a push message in place of the login' 8 bad_reply auth chunk=x hold
status 'an unknown type' 8 bad_reply auth \
    'send=\xce\x00\x00\x00\x06\x82\x00\x00\x01\x01\x90' hold
status 'not MessagePack' 8 bad_reply auth 'send=\xa1' hold
status 'a frame of two gigabytes' 8 reply_too_large auth \
    'send=\xce\x7f\xff\xff\xff\x82' hold
status 'a result that is no text' 8 bad_reply auth ok eval ok hold
status 'a result that is no document' 8 bad_reply auth ok eval \
    ok=hello hold
status 'two documents' 8 bad_reply auth ok eval \
    'ok=---\n- 1\n...\n---\n- 2\n...\n' hold
status 'a document without its end' 8 bad_reply auth ok eval \
    'ok=---\n- 1\n' hold
status 'closed before the login' 2 closed auth close
status 'closed after the request' 8 closed auth ok eval close
status 'closed in the reply' 8 closed auth ok eval \
    'send=\xce\x00\x00\x00\x40\x82\x00\x00' close
fake a.sock 'greet=Tarantool 2.6.0 (Binary) 4b3d8bbf-dd32-4b9c-a5fc-9cb51b1c1c26' hold
TT_CLI_PASSWORD=x try status -s a.sock -u op -o json
ends 8 bad_handshake 'a greeting without a salt'

# No request is sent before the response to the authentication.
for words in reload 'eval 1' status plan; do
	fake -r received a.sock greet-binary auth idle fault=47:no hold
	# shellcheck disable=SC2086 # several words
	TT_CLI_PASSWORD=x try $words -u op -s a.sock -o json
	ends 2 login_failed "$words: a wrong password"
	ok "$words: no request is sent" [ "$(wc -c <received)" -lt 100 ]
done

# --- Time --------------------------------------------------------------------

fake a.sock greet-binary ping idle hold
try reload -s a.sock -t 0.3 -o json
ends 4 deadline 'no answer to the login'
fake a.sock greet-binary ping ok eval idle hold
try reload -s a.sock -t 0.3 -o json
ends 4 deadline 'no reply'

# --- The console -------------------------------------------------------------

lines()
{
	ARGS=(console -s a.sock)
	printf '%b' "$1" | "$CARTRIDGE_RELOAD" "${ARGS[@]}" >"$OUT" 2>"$ERR"
	RC=$?
}
one='ok=---\n- cartridge_reload_done\n- 1\n...\n'
fake a.sock greet-binary ping ok eval=first "$one" eval=second chunk=news "$one" hold
lines 'first\nsecond\n'
ends 0 '' 'lines of a session follow each other'
prints '---
- 1
...
%TAG !push! tag:tarantool.io/push,2018
--- news
...
---
- 1
...' 'lines of a session have their results'
fake a.sock greet-binary ping ok eval 'fault=30:Transaction is active' eval "$one" hold
lines 'box.begin()\nsecond\n'
ends_at 3 'line 1:' 'an error of the server in a session'
prints '---
- 1
...' 'the session continues after an error'
fake a.sock greet-binary ping ok eval ok hold
lines 'first\nsecond\n'
ends_at 8 a.sock 'an invalid frame ends the session'

golden iproto-errors
done_testing
