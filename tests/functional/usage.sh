#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The command line, the handling of descriptors, the exit status, and the line
# of Lua that can be sent by hand.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

fine='send=---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
reloaded=${fine/: ok/: reloaded}
planned=${fine/: ok/: planned}
script=(greet answer request "$fine" hold)

# --- Wrong command lines -----------------------------------------------------

hint=

# wrong INPUT ARGUMENT ...: the command line is refused before any connection,
# and the message names this part of it.
wrong()
{
	local input=$1 problem='' lines words
	shift
	try "$@"
	printf -v words ' %q' "$@"
	[ "$RC" -eq 1 ] || problem="exit status $RC"
	[ ! -s "$OUT" ] || problem="$problem; there is standard output"
	mapfile -t lines <"$ERR"
	[[ ${lines[0]-} == 'cartridge-reload: '*"$input"* ]] ||
	    problem="$problem; the message does not name '$input'"
	: "${hint:=${lines[1]-}}"
	[[ ${#lines[@]} -eq 2 && $hint == *--help* && ${lines[1]} == "$hint" ]] ||
	    problem="$problem; no hint, or more than that"
	keep_messages "${words:1}" "${lines[0]-}"
	if [ -z "$problem" ]; then
		pass "wrong:$words"
	else
		fail "wrong:$words" "${problem#; }"
		show_run
	fi
}

# No connection to this target may be attempted.
fake a.sock idle touch=touched again

wrong target
wrong target status
for command in consoles stales pushes relaod Reload statu 'reload '; do
	wrong "'$command'" "$command" -s a.sock
done
for command in restart quit set ls; do
	wrong "'$command'" "$command" -s a.sock
done
wrong --socket help -s a.sock
wrong --socket version -s a.sock
wrong "''" '' -s a.sock
wrong a.sock a.sock
wrong /run/a.sock /run/a.sock
wrong "'-'" - -s a.sock
wrong '\033[2Jx' $'\e[2Jx'
wrong --no-such --no-such -s a.sock
wrong --no-such --no-such=1 -s a.sock
for option in --sockets --scoket; do
	wrong "'$option'" "$option" -s a.sock
	wrong "'$option'" "$option=1" -s a.sock
done
for option in --al --all --allow-mixe; do
	wrong "'$option'" "$option" --cluster -s a.sock
done
wrong --keep --keep -s a.sock
wrong --no-sto --no-sto -s a.sock
wrong --prun push . --prun -s a.sock
while read -r option words; do
	# shellcheck disable=SC2086 # several words
	wrong "$option" $words -s a.sock
done <<'END'
--timeout -t 1 -t 1
--verbose -v -v
--verbose -vv
--run-dir --run-dir a --run-dir a
--output -o json -o text
--cluster --cluster --cluster
END
for option in -z -0; do
	wrong "'$option'" "$option" -s a.sock
done
wrong "'-" -é -s a.sock
wrong "'--'" --=x -s a.sock
wrong "'--m'" --m a -s a.sock
wrong ./a.sock reload ./a.sock
wrong "'x'" console -s a.sock x
wrong "'2'" eval 1 2 -s a.sock
wrong "'1'" eval -f file 1 -s a.sock
wrong eval eval -s a.sock
wrong eval eval -s a.sock --
wrong "'shop:'" status shop:
wrong "'a:b'" -a a:b status
wrong "'shop:web'" -a shop status shop:web
wrong --exit-code --exit-code -s a.sock
for option in --module=a --exclude=a --main --rocks --method=native --no-stop \
    --if-changed --dry-run; do
	wrong "${option%%=*}" status "$option" -s a.sock
	wrong "${option%%=*}" stale "$option" -s a.sock
	wrong "${option%%=*}" eval 1 "$option" -s a.sock
done
wrong --cluster eval 1 --cluster -s a.sock
for words in status stale 'eval 1'; do
	# shellcheck disable=SC2086 # several words
	wrong --allow-mixed $words \
	    --allow-mixed -s a.sock
done
wrong --allow-mixed --allow-mixed -s a.sock
wrong --cluster --cluster --print-lua
wrong --cluster --cluster -s a.sock -s b.sock
for value in 0 -1 1.5 x 1x 10001 99999999999999999999; do
	wrong "'$value'" --jobs "$value" -s a.sock
done
for words in plan status stale 'eval 1' --dry-run; do
	command=${words%% *}
	# shellcheck disable=SC2086 # several words
	wrong --stale \
	    $words --stale=fail -s a.sock
done
for command in reload plan status stale; do
	wrong --file "$command" -f file -s a.sock
done
wrong --file -f file -s a.sock
for option in '--module=a' '--exclude=a' --main --rocks --no-stop \
    --if-changed; do
	wrong "${option%%=*}" --method native "$option" -s a.sock
done
for command in plan --dry-run -n; do
	wrong '--method native' "$command" --method=native -s a.sock
done
for option in -s --socket -a --app -i --instance --run-dir -j --jobs -t --timeout -w --wait -m --module -x --exclude \
    --method --stale -o --output --color --progress; do
	wrong "$option" -s a.sock "$option"
done
wrong --file eval --file
for option in --socket --app --instance --run-dir --timeout --wait --module --exclude --method --stale \
    --output --color --progress; do
	wrong "$option" "$option=" -s a.sock
	wrong "$option" "$option" '' -s a.sock
done
wrong --file eval -f '' -s a.sock
for option in --quiet --verbose --keep-going --cluster --allow-mixed --rocks --no-stop --if-changed --dry-run \
    --print-lua --help --version; do
	wrong "$option" "$option=yes" -s a.sock
done
for value in xml TEXT jso 'text|json' ' json'; do
	wrong "'$value'" -o "$value" -s a.sock
done
wrong "'yes'" --color=yes -s a.sock
wrong "'1'" --progress=1 -s a.sock
for value in Fail mend 'patch|report' no; do
	wrong "'$value'" --stale "$value" -s a.sock
done
wrong "'Staged'" --method=Staged -s a.sock
for value in -1 nan inf -inf NaN Infinity 1e400 1e2 abc 0x10 1.5.2 1,5 ' 1' \
    '1 ' +1 1d 1S s '1 s' 1m1s .  -- 1_000; do
	wrong "'$value'" "--timeout=$value" -s a.sock
	wrong "'$value'" -w "$value" -s a.sock
done
# Less than the smallest and more than the largest number.
printf -v zeros '%0400d' 0
for value in 0 0.0 000 .0 "0.${zeros}1"; do
	wrong --timeout -t "$value" -s a.sock
done
for value in 1000001 "${zeros//0/9}"; do
	wrong "'$value'" -t "$value" -s a.sock
done
for value in tcp:// tcp://host tcp://:3301 :3301 host: host:port host:0 \
    host:65536 host:99999999999999999999 host:-1 'host: 1' tcp://host:1/x \
    ::1:3301 '[::1]' '[::1' http://host:1 unix: unix/: unix://; do
	wrong target -s "$value"
done
wrong --socket -s ''

# A password is never printed.
# isnt_said REGEX NAME: no line of the standard error matches.
isnt_said()
{
	if said "$ERR" "$1"; then
		fail "$2"
	else
		pass "$2"
	fi
}
for value in admin:secret@host:0 tcp://admin:secret@host: \
    admin:s/ecret@host:x http://admin:secret@host admin:sec:ret@host; do
	wrong 'admin:***@host' -s "$value"
	CARTRIDGE_RELOAD_SOCKET=$value wrong 'admin:***@'
	wrong 'admin:***@host' "$value"
	wrong 'admin:***@host' -a "$value" status
	isnt_said 'ecret|sec:' 'no password is printed'
	wrong 'admin:***@host' status "$value"
	isnt_said 'ecret|sec:' 'no password is printed'
done
CARTRIDGE_RELOAD_SOCKET=host:port wrong "'host:port'"
wrong "'host:port'" -s a.sock -s host:port
ok 'rejected command lines connect to nothing' [ ! -e touched ]
kill "$FAKE_PID"

# --- Right command lines -----------------------------------------------------

try --help
ends 0 '' '--help'
ok '--help prints the help' said "$OUT" '^usage: cartridge-reload '
cp "$OUT" help
for words in -h '--no-such -h' '-h --no-such' --hel '-vqh' '-s a.sock -h'; do
	# shellcheck disable=SC2086 # several words
	try $words
	case $words in
	--no-such*)
		ends_at 1 --no-such "an error before -h: $words"
		;;
	*)
		ends 0 '' "help: $words"
		ok 'help in each form is the same' cmp help "$OUT"
		;;
	esac
done
is "$(grep -cE '^.{81}' help)" 0 'the help fits 80 columns'
try --help stale
ends 0 '' '--help COMMAND'
ok '--help COMMAND prints the help of the command' \
    said "$OUT" '^usage: cartridge-reload \[options\] stale \[INSTANCE \.\.\.\]$'
ok '--help COMMAND lists its options' said "$OUT" '^ +-w, --wait SECONDS '
ok '--help COMMAND lists no other options' \
    [ "$(grep -cE -- '--(if-changed|file)' "$OUT")" -eq 0 ]
cp "$OUT" help
for words in 'stale -h' 'stale --help eval' '-v stale -h' '-vh stale --bogus' \
    'stale -t 5 surplus --help' 'help stale'; do
	# shellcheck disable=SC2086 # several words
	try $words
	ends 0 '' "help: $words"
	ok 'the help is that of the command' cmp help "$OUT"
done
for words in '--help relaod' 'relaod --help' 'help relaod'; do
	# shellcheck disable=SC2086 # several words
	wrong "'relaod'" $words
done
try help stale
ends 0 '' 'help COMMAND'
ok 'help COMMAND is the same as --help COMMAND' cmp help "$OUT"
wrong "'x'" help stale x
wrong "'x'" version x
golden usage-errors
try --version
ends 0 '' '--version'
ok '--version prints name and version' \
    grep -Eqx 'cartridge-reload [0-9]+(\.[0-9]+)*' \
    "$OUT"
cp "$OUT" version
try -V
ok '-V is the same as --version' cmp version "$OUT"
try version
ok 'the command version is the same as --version' cmp version "$OUT"

# right NAME ARGUMENT ...: the command line is accepted, and a request is sent.
right()
{
	local name=$1
	shift
	fake a.sock greet answer request "${reply:-$fine}" hold
	try "$@"
	ends 0 '' "$name"
}

right 'an abbreviated option' status --sock a.sock --outp=text
right 'options before and after the command' -t 5 status -s a.sock -v
right 'short options together' status -vs a.sock
right 'a value beside its letter' status -sa.sock -t.5 -ojson
right 'the last of -q and -v' status -s a.sock -q -v
right 'times with units' status -s a.sock -t 5m -w 500ms
right 'Lua that begins with a dash' eval -s a.sock -- '-1'
right 'Lua that is a dash' eval -s a.sock -
right 'a large number of seconds' status -s a.sock -t 1000000 -w 1000000
right 'a fraction without digits' status -s a.sock -t 5.
right 'zeros in front' status -s a.sock -t 007 -w 00
right 'all options of stale' stale -s a.sock -t 5 -w 1 -v -o json \
    --color never --progress never
reply=$reloaded right 'reload without its name' -s a.sock
reply=$reloaded right 'all options of reload' -s a.sock -m 'app.*' -m b -x '*.c' -x d --rocks \
    --method staged --no-stop --if-changed --stale report
fake a.sock greet answer 'request=\034command\034:\034plan\034' "$planned" hold
try --dry-run -s a.sock
ends 0 '' '--dry-run asks for a plan'
fake a.sock greet answer 'request=\034command\034:\034plan\034' "$planned" hold
try reload -n -s a.sock
ends 0 '' '-n asks for a plan'
fake a.sock greet answer 'request=\034command\034:\034native\034' "$reloaded" hold
try --method native -s a.sock
ends 0 '' '--method native asks for a native reload'
fake a.sock greet answer 'request=\034stale\034:\034report\034' "$reloaded" hold
try --method native --stale=report -s a.sock
ends 0 '' '--stale can be used with --method native'
fake a.sock greet answer \
    'request=\034modules\034:[\034a*\034,\034b\034],\034exclude\034:[\034c?\034]' \
    "$reloaded" hold
try -m 'a*' -x 'c?' -m b -s a.sock
ends 0 '' 'globs are sent in their order'

# --- Which instances ---------------------------------------------------------

mkdir -p project/tmp/run
cat >project/shop-scm-1.rockspec <<'END'
package = 'shop'
version = 'scm-1'
END

# asked NAMES NAME: exactly those instances got a request.
asked()
{
	local line name surplus=' '
	while IFS= read -r line; do
		[[ $line =~ ^tmp/run/shop\.(.*)\.control:\  ]] || continue
		surplus+="${BASH_REMATCH[1]} "
	done <"$OUT"
	# In any order.
	for name in $1; do
		case $surplus in
		*" $name "*)	surplus=${surplus/" $name "/ } ;;
		*)	surplus+="not:$name " ;;
		esac
	done
	is "$surplus" ' ' "$2"
}

# in_project COMMAND NAMES NAME ARGUMENT ...: in the project's directory.
in_project()
{
	local command=$1 names=$2 name=$3 instance
	shift 3
	for instance in $names; do
		rm -f "project/tmp/run/shop.$instance.control"
		fake "project/tmp/run/shop.$instance.control" greet answer \
		    "request=\034command\034:\034$command\034" \
		    "$([ "$command" = plan ] && echo "$planned" || echo "$fine")" hold
	done
	ARGS=("$@")
	(cd project && exec "$CARTRIDGE_RELOAD" "$@") >"$OUT" 2>"$ERR" </dev/null
	RC=$?
	ends 0 '' "$name"
	asked "$names" 'those are asked, and no others'
}

fake project/tmp/run/shop.api.control idle touch=touched again
api=$FAKE_PID
in_project plan 'db web' '--instance twice' -v plan -a shop -i web -i db
in_project plan 'db web' 'instances as arguments' -v plan web shop:db
in_project plan db 'APP:INSTANCE' -v plan shop:db
ok 'the third instance gets no connection' [ ! -e touched ]
kill "$api"
wait "$api" 2>/dev/null
rm project/tmp/run/*
in_project plan 'db web' 'all of the project, without a target' -v plan
in_project stale 'db web' 'also for stale' -v stale
for words in '' reload 'eval 1' console; do
	# shellcheck disable=SC2086 # several words
	(cd project && exec "$CARTRIDGE_RELOAD" $words) >"$OUT" 2>"$ERR" </dev/null
	RC=$?
	ends_at 1 '--app shop' "a mutating command in a project names the option to use: $words"
done

# --- Whether something would change ------------------------------------------

would()
{
	fake a.sock greet answer 'request=\034command\034:\034plan\034' "$2" hold
	try plan -s a.sock ${3:+"$3"}
	ends "$1" '' "plan ${3:-} $4"
}
would 0 "$planned" '' 'of what would change'
would 9 "$planned" --exit-code 'of what would change'
would 0 "${fine/: ok/: unchanged}" --exit-code 'of what would not'
fake a.sock greet answer request "$planned" hold
try -n --exit-code -s a.sock -o json
ends 9 '' '--dry-run in JSON'
ok 'the document has the command plan' said "$OUT" '"exit": 9'

# --- Lua of a file -----------------------------------------------------------

# cannot INPUT ARGUMENT ...: a local error; no instance gets a request.
cannot()
{
	local input=$1 words
	shift
	try "$@"
	printf -v words ' %q' "$@"
	ends_at 1 "$input" "cannot:$words"
	[ ! -s "$OUT" ] || fail 'nothing is printed then' "$(<"$OUT")"
}

rm -f touched
fake a.sock idle touch=touched again
cannot none.lua eval -f none.lua -s a.sock
mkdir dir
cannot dir eval -f dir -s a.sock
cannot file/x eval --file=file/x -s a.sock
head -c 17000000 /dev/zero | tr '\0' - >large.lua
cannot large.lua eval -f large.lua -s a.sock
cannot /dev/zero eval -f /dev/zero -s a.sock
printf 'return "\xff"' >latin.lua
cannot latin.lua eval -f latin.lua -s a.sock
cannot Lua eval $'return "\xff"' -s a.sock
cannot "'\377'" -m $'\xff' -s a.sock
ok 'rejected command lines connect to nothing' [ ! -e touched ]
kill "$FAKE_PID"

printf 'return 1' >one.lua
fake a.sock greet answer 'request=\034code\034:\034return 1\034' "$fine" hold
try eval -f one.lua -s a.sock
ends 0 '' 'eval --file'
fake a.sock greet answer 'request=\034code\034:\034return 2\034' "$fine" hold
ARGS=(eval -f - with Lua on standard input)
printf 'return 2' | "$CARTRIDGE_RELOAD" eval -f - -s a.sock >"$OUT" 2>"$ERR"
RC=$?
ends 0 '' 'eval --file - reads standard input'
: >empty.lua
fake a.sock greet answer 'request=\034code\034:\034\034' "$fine" hold
try eval -f empty.lua -s a.sock
ends 0 '' 'eval --file with an empty file'
for i in a.sock b.sock; do
	fake "$i" greet answer 'request=\034code\034:\034return 3\034' "$fine" \
	    hold
done
printf 'return 3' | "$CARTRIDGE_RELOAD" eval -f - -s a.sock -s b.sock \
    >"$OUT" 2>"$ERR"
RC=$?
ends 0 '' 'eval --file - for two instances'
fake a.sock greet answer 'request=\034code\034:\034return 4\034' "$fine" hold
ARGS=(eval with Lua from a pipe)
printf 'return 4' | "$CARTRIDGE_RELOAD" eval -s a.sock >"$OUT" 2>"$ERR"
RC=$?
ends 0 '' 'eval of a pipe'
fake a.sock greet answer 'request=\034code\034:\034return 1\034' "$fine" hold
"$CARTRIDGE_RELOAD" eval -s a.sock >"$OUT" 2>"$ERR" <one.lua
RC=$?
ends 0 '' 'eval of a redirected file'
fake a.sock idle touch=touched again
: | "$CARTRIDGE_RELOAD" eval -s a.sock >"$OUT" 2>"$ERR"
RC=$?
ok 'eval of an empty pipe is refused' [ "$RC" -eq 1 ]
ok 'eval of an empty pipe runs nothing' [ ! -e touched ]
kill "$FAKE_PID"
fake a.sock greet answer \
    'request=\034args\034:[\034a\034,\034-b\034]' "$fine" hold
try eval '...' -s a.sock -- a -b
ends 0 '' 'arguments of eval'

# --- What cannot be printed --------------------------------------------------

# written_to REDIRECTION ARGUMENT ...: runs the program with these descriptors.
written_to()
{
	local how=$1
	shift
	ARGS=("$@" "$how")
	: >"$OUT"
	: >"$ERR"
	case $how in
	full)
		"$CARTRIDGE_RELOAD" "$@" >/dev/full 2>"$ERR"
		;;
	pipe)
		"$CARTRIDGE_RELOAD" "$@" >&9 2>"$ERR"
		;;
	stdin-closed)
		"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" <&-
		;;
	stdout-closed)
		"$CARTRIDGE_RELOAD" "$@" 2>"$ERR" >&-
		;;
	stderr-closed)
		"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>&-
		;;
	all-closed)
		"$CARTRIDGE_RELOAD" "$@" <&- >&- 2>&-
		;;
	stderr-full)
		"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>/dev/full
		;;
	esac
	RC=$?
}

# A pipe without a reader.
mkfifo pipe
# shellcheck disable=SC2094 # that is the point
exec 8<>pipe 9>pipe 8>&-

for words in --help --version 'reload --print-lua' 'eval 1 --print-lua'; do
	# shellcheck disable=SC2086 # several words
	{
		written_to full $words
		ends_at 1 'standard output' "a full disk: $words"
		written_to pipe $words
		ends 0 '' "a closed pipe, as with head: $words"
		written_to stdout-closed $words
		ends_at 1 'standard output' \
		    "standard output closed: $words"
	}
done
for format in text json; do
	fake a.sock "${script[@]}"
	written_to full status -s a.sock -o "$format"
	ends_at 1 'standard output' "a full disk: status, $format"
	fake a.sock "${script[@]}"
	written_to pipe status -s a.sock -o "$format"
	ends 0 '' "a closed pipe, as with head: status, $format"
	fake a.sock greet answer request \
	    'send=---\n- cartridge_reload: 1\n  outcome: refused\n...\n' hold
	written_to pipe status -s a.sock -o "$format"
	ends_at 5 a.sock "a closed pipe, and a failure: $format"
	fake a.sock "${script[@]}"
	written_to stdout-closed status -s a.sock -o "$format"
	ends_at 1 'standard output' "standard output closed: status, $format"
done
fake a.sock "${script[@]}"
written_to stdout-closed status -s a.sock --quiet
ends 0 '' 'standard output closed, and nothing to print'
fake a.sock greet answer request \
    'send=---\n- cartridge_reload: 1\n  outcome: ok\n  results: x\n...\n' hold
fake b.sock idle touch=touched again
written_to full eval 1 -s a.sock -s b.sock
ends_at 1 'standard output' 'a full disk with several instances'
ok 'a full disk stops the run' [ ! -e touched ]
ends_at 1 b.sock 'the instance that was not attempted is named'
kill "$FAKE_PID"

# Output for the user must not go to the socket of the instance, which may have
# got the number of a closed descriptor.
push='send=%TAG !push! tag:tarantool.io/push,2018\n--- pushed\n...\n'
sent_well()
{
	# Frames have no lines.
	if is_console && [ "$(wc -l <received)" -ne 2 ]; then
		cut -c 1-200 received
		return 1
	fi
	! grep -a 'cartridge-reload: a\.sock' received
}
for how in stdin-closed stdout-closed stderr-closed all-closed; do
	fake -r received a.sock greet answer request "$push" idle "$fine" hold
	written_to "$how" status -v -s a.sock
	case $how in
	stdin-closed | stderr-closed) expected=0 ;;
	*) expected=1 ;;
	esac
	peers_end
	is "$RC" "$expected" "$how: exit status"
	ok "$how: nothing but the request is sent" sent_well
done
fake a.sock greet answer request close
written_to all-closed reload -v -s a.sock
is "$RC" 1 'all descriptors closed, and an error to report'
peers_end
fake a.sock "${script[@]}"
written_to stderr-full status -s a.sock
is "$RC" 0 'a full standard error'
peers_end
fake a.sock close
written_to stderr-full status -s a.sock
is "$RC" 2 'a full standard error, and an error to print'
peers_end
written_to stdin-closed eval -f - -s a.sock
ends_at 1 ' -' 'no standard input to read Lua from'

# --- Quiet, and exit status --------------------------------------------------

# outcome WORD ...: prints a reply with this outcome.
outcome()
{
	printf '%s' 'send=---\n- cartridge_reload: 1\n  outcome: ' "$1" \
	    '\n  error: {code: word, message: because}\n...\n'
}

for command in reload plan status stale 'eval 1'; do
	case $command in
	reload) reply=$reloaded ;;
	plan) reply=$planned ;;
	*) reply=$fine ;;
	esac
	fake a.sock greet answer request "$reply" hold
	# shellcheck disable=SC2086 # several words
	try $command -q -s a.sock
	ends 0 '' "--quiet: $command"
	prints '' "--quiet: $command prints nothing"
done
fake a.sock "${script[@]}"
try status --quiet -o json -s a.sock
ends 0 '' '--quiet with JSON'
prints '' '--quiet with JSON prints nothing'
fake a.sock greet answer request "$(outcome failed)" hold
try status -q -s a.sock
ends_at 3 a.sock '--quiet with an error'
prints '' '--quiet prints the error only'

# Each outcome, alone and after a successful one.
while read -r word code command; do
	fake a.sock greet answer request "$(outcome "$word")" hold
	# shellcheck disable=SC2086 # several words
	try $command -s a.sock
	is "$RC" "$code" "outcome $word of $command"
	peers_end
	# Before a reload of several instances there is a preflight.
	case $command in
	reload*) continue ;;
	plan) reply=$planned ;;
	*) reply=$fine ;;
	esac
	fake a.sock greet answer request "$reply" hold
	fake b.sock greet answer request "$(outcome "$word")" hold
	try "$command" -s a.sock -s b.sock -o json
	is "$RC" "$code" "outcome $word of the second of two"
	peers_end
	ok "outcome $word of the second of two in JSON" \
	    said "$OUT" "^  \"exit\": $code,"
	lists target 'a.sock b.sock' \
	    "outcome $word of the second of two: both reports"
done <<'END'
reloaded 0 reload
unchanged 0 reload --if-changed
unchanged 0 plan
planned 0 plan
ok 0 status
failed 3 status
timeout 4 status
refused 5 status
degraded 6 status
stale 7 status
END
# An outcome of another command is a protocol error.
while read -r word command; do
	fake a.sock greet answer request "$(outcome "$word")" hold
	# shellcheck disable=SC2086 # several words
	try $command -s a.sock -o json
	is "$RC" 8 "outcome $word is invalid for $command"
	peers_end
	lists code bad_reply \
	    "outcome $word is invalid for $command: the error code"
done <<'END'
planned reload
ok reload
unchanged reload
planned reload --if-changed
unchanged reload --method native
reloaded plan
ok plan
reloaded status
planned status
unchanged stale
reloaded eval 1
END
fake a.sock "${script[@]}"
try status -s a.sock -s none.sock -o json
is "$RC" 2 'a missing socket after a good one'
ok 'a missing socket after a good one in JSON' said "$OUT" '^  "exit": 2,'
lists code no_socket 'a missing socket after a good one: the error code'
peers_end
try status -s 'none*.sock' -o json
is "$RC" 2 'a glob without a match'
ok 'a glob without a match has a report' said "$OUT" '^  "exit": 2,'
ok 'a glob without a match has no instances' said "$OUT" '^  "instances": \[\]'

# --- Sent by hand ------------------------------------------------------------

printable()
{
	! said "$1" '[^ -~]'
}

# The line is not sent.
fake a.sock idle touch=touched again
for words in '' reload plan status stale 'eval 1' '--method native'; do
	# shellcheck disable=SC2086 # several words
	CARTRIDGE_RELOAD_SOCKET=a.sock try $words --print-lua -s a.sock \
	    -s none.sock
	ends 0 '' "--print-lua: $words"
	mapfile lines <"$OUT"
	is "${#lines[@]}" 1 '--print-lua prints one line'
	ok '--print-lua prints ASCII' printable "$OUT"
done
ok '--print-lua connects to nothing' [ ! -e touched ]
kill "$FAKE_PID"
try eval --print-lua 'return 1'
ends 0 '' '--print-lua needs no target'

cat >app.lua <<'END'
require('greeting')
box.cfg({wal_mode = 'none', memtx_memory = 33554432, log = 'app.log'})
require('console').listen('unix/:' .. arg[1])
END
mkdir data
echo "return {hello = 'world'}" >data/greeting.lua
(cd data && exec "$TARANTOOL" ../app.lua "$WORK/real.sock") \
    >real.log 2>&1 </dev/null &

# by_hand ARGUMENT ...: prints the reply of a console to the line.
by_hand()
{
	"$CARTRIDGE_RELOAD" --print-lua "$@" |
	    socat -t 20 - UNIX-CONNECT:real.sock >"$OUT"
	ARGS=("$@")
	: >"$ERR"
}
listens()
{
	[ -S real.sock ]
}
if wait_until listens; then
	by_hand status
	ok 'by hand: status' said "$OUT" '^(- |  )outcome: ok$'
	ok 'by hand: what status tells' said "$OUT" '^ *box: running$'
	ok 'by hand: as the program asks it' said "$OUT" '^ *digest: '
	by_hand eval "return 'it is ' .. 40 + 2, require('fiber').self() ~= nil"
	ok 'by hand: eval' said "$OUT" '^ *- it is 42$'
	by_hand eval "error('on purpose')"
	ok 'by hand: an error' said "$OUT" 'on purpose'
	printf 'local a = 1\n-- a comment\nreturn "%s", a\n' '\"quoted\"' >real.lua
	by_hand eval -f real.lua
	ok 'by hand: a file' said "$OUT" '^ *- "?.*quoted'
	by_hand plan
	ok 'by hand: plan' said "$OUT" '^(- |  )outcome: planned$'
	by_hand stale
	ok 'by hand: stale' said "$OUT" '^(- |  )outcome: ok$'
	by_hand reload
	ok 'by hand: reload' said "$OUT" '^(- |  )outcome: reloaded$'
	for words in status plan reload stale 'eval 1'; do
		# shellcheck disable=SC2086 # several words
		try $words -s real.sock
		ends 0 '' "the program itself: $words"
	done
else
	fail 'a real Tarantool starts' "$(cat real.log)"
fi

done_testing
