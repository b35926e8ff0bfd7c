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

# wrong REGEX ARGUMENT ...: the command line is refused before any connection.
wrong()
{
	local regex=$1 problem=
	shift
	try "$@"
	[ "$RC" -eq 1 ] || problem="exit status $RC"
	[ ! -s "$OUT" ] || problem="$problem; there is standard output"
	head -n 1 "$ERR" | grep -Eqx -- "cartridge-reload: ($regex)" ||
	    problem="$problem; not '$regex'"
	[ "$(sed 1d "$ERR")" = "Try 'cartridge-reload --help'." ] ||
	    problem="$problem; no hint, or more than that"
	if [ -z "$problem" ]; then
		pass "wrong:$(printf ' %q' "$@")"
	else
		fail "wrong:$(printf ' %q' "$@")" "${problem#; }"
		show_run
	fi
}

# No connection to this target may be attempted.
fake a.sock idle touch=touched again

commands='\(commands: reload, plan, status, stale, push, eval, console, help, version\)'
wrong 'no target: use --socket TARGET or --app NAME, or set .*'
wrong 'no target: use --socket TARGET or --app NAME, or set .*' status
for command in consoles stales pushes relaod Reload statu 'reload '; do
	wrong "unknown command '$command'; did you mean [a-z]+\?" "$command" \
	    -s a.sock
done
for command in restart quit set ls; do
	wrong "unknown command '$command' $commands" "$command" -s a.sock
done
wrong '--socket cannot be used with help' help -s a.sock
wrong '--socket cannot be used with version' version -s a.sock
wrong "unknown command '' $commands" '' -s a.sock
wrong "unknown command 'a\.sock' .*" a.sock
wrong "unknown command '/run/a\.sock' \(use --socket to name a target\)" \
    /run/a.sock
wrong "unknown command '-' .*" - -s a.sock
wrong "unknown command '.033\[2Jx' .*" $'\e[2Jx'
wrong "unknown option '--no-such'" --no-such -s a.sock
wrong "unknown option '--no-such'" --no-such=1 -s a.sock
for option in --sockets --scoket; do
	wrong "unknown option '$option'; did you mean --socket\?" "$option" \
	    -s a.sock
	wrong "unknown option '$option'; did you mean --socket\?" "$option=1" \
	    -s a.sock
done
for option in --al --all --allow-mixe; do
	wrong "unknown option '$option'; --allow-mixed cannot be abbreviated" \
	    "$option" --cluster -s a.sock
done
wrong "unknown option '--keep'; --keep-going cannot be abbreviated" --keep \
    -s a.sock
wrong "unknown option '--no-sto'; --no-stop cannot be abbreviated" --no-sto \
    -s a.sock
wrong "unknown option '--prun'; --prune cannot be abbreviated" push . --prun \
    -s a.sock
for words in '-t 1 -t 1' '-v -v' '-vv' '--run-dir a --run-dir a' \
    '-o json -o text' '--cluster --cluster'; do
	# shellcheck disable=SC2086 # several words
	wrong '--[a-z-]+ is given twice' $words -s a.sock
done
for option in -z -0; do
	wrong "unknown option '$option'" "$option" -s a.sock
done
wrong "unknown option '-.*'" -é -s a.sock
wrong "unknown option '--'" --=x -s a.sock
wrong "option '--m' is ambiguous: --module, --main, --method" --m a -s a.sock
wrong "reload: not an instance name \(use --socket to name a target\): './a\.sock'" \
    reload ./a.sock
wrong "console: unexpected argument 'x'" console -s a.sock x
wrong "eval: unexpected argument '2' \(arguments .*" eval 1 2 -s a.sock
wrong "eval: unexpected argument '1' \(arguments .*" eval -f file 1 -s a.sock
wrong 'eval: missing LUA or --file' eval -s a.sock
wrong 'eval: missing LUA or --file' eval -s a.sock --
wrong "'shop:' is not a valid instance name \(.*" status shop:
wrong "'a:b' is not a valid application name \(.*" -a a:b status
wrong "'shop:web' already names its application; --app cannot be used with it" \
    -a shop status shop:web
wrong '--exit-code needs plan or --dry-run' --exit-code -s a.sock
for option in --module=a --exclude=a --main --rocks --method=native --no-stop \
    --if-changed --dry-run; do
	wrong "${option%%=*} cannot be used with status" status "$option" -s a.sock
	wrong "${option%%=*} cannot be used with stale" stale "$option" -s a.sock
	wrong "${option%%=*} cannot be used with eval" eval 1 "$option" -s a.sock
done
wrong '--cluster cannot be used with eval' eval 1 --cluster -s a.sock
for words in status stale 'eval 1'; do
	# shellcheck disable=SC2086 # several words
	wrong "--allow-mixed cannot be used with ${words%% *}" $words \
	    --allow-mixed -s a.sock
done
wrong '--allow-mixed needs --cluster' --allow-mixed -s a.sock
wrong '--cluster cannot be used with --print-lua' --cluster --print-lua
wrong '--cluster takes exactly one target \(2 given\); .*' --cluster -s a.sock -s b.sock
for value in 0 -1 1.5 x 1x 10001 99999999999999999999; do
	wrong "--jobs: '$value' is not a number from 1 to 10000" \
	    --jobs "$value" -s a.sock
done
for words in plan status stale 'eval 1' --dry-run; do
	command=${words%% *}
	# shellcheck disable=SC2086 # several words
	wrong "--stale cannot be used with ${command/--dry-run/plan}" \
	    $words --stale=fail -s a.sock
done
for command in reload plan status stale; do
	wrong "--file cannot be used with $command" "$command" -f file -s a.sock
done
wrong '--file cannot be used with reload' -f file -s a.sock
for option in '--module=a' '--exclude=a' --main --rocks --no-stop \
    --if-changed; do
	wrong "--method native cannot be used with ${option%%=*}" \
	    --method native "$option" -s a.sock
done
for command in plan --dry-run -n; do
	wrong '--method native cannot be used with plan' \
	    "$command" --method=native -s a.sock
done
for option in -s --socket -a --app -i --instance --run-dir -j --jobs -t --timeout -w --wait -m --module -x --exclude \
    --method --stale -o --output --color --progress; do
	wrong "option $option needs a value: .*" -s a.sock "$option"
done
wrong 'option --file needs a value: FILE' eval --file
for option in --socket --app --instance --run-dir --timeout --wait --module --exclude --method --stale \
    --output --color --progress; do
	wrong "$option: .*empty" "$option=" -s a.sock
	wrong "$option: .*empty" "$option" '' -s a.sock
done
wrong '--file: .*empty' eval -f '' -s a.sock
for option in --quiet --verbose --keep-going --cluster --allow-mixed --rocks --no-stop --if-changed --dry-run \
    --print-lua --help --version; do
	wrong "option $option takes no value" "$option=yes" -s a.sock
done
for value in xml TEXT jso 'text|json' ' json'; do
	wrong "--output: invalid value '${value/|/\\|}' \(text or json\)" \
	    -o "$value" -s a.sock
done
wrong "--color: invalid value 'yes' .*" --color=yes -s a.sock
wrong "--progress: invalid value '1' .*" --progress=1 -s a.sock
for value in Fail mend 'patch|report' no; do
	wrong "--stale: invalid value '${value/|/\\|}' \(patch, report or fail\)" \
	    --stale "$value" -s a.sock
done
wrong "--method: invalid value 'Staged' .*" --method=Staged -s a.sock
for value in -1 nan inf -inf NaN Infinity 1e400 1e2 abc 0x10 1.5.2 1,5 ' 1' \
    '1 ' +1 1d 1S s '1 s' 1m1s .  -- 1_000; do
	wrong "--timeout: '${value/+/\\+}' is not a duration such as 30, 10s or 5m" \
	    "--timeout=$value" -s a.sock
	wrong "--wait: '${value/+/\\+}' is not a duration such as 30, 10s or 5m" \
	    -w "$value" -s a.sock
done
for value in 0 0.0 000 .0 "0.$(printf '0%.0s' {1..400})1"; do
	wrong "--timeout: must be greater than 0|.*out of range.*" \
	    -t "$value" -s a.sock
done
for value in 1000001 "9$(printf '9%.0s' {1..400})"; do
	wrong "--timeout: '9*(1000001)?' is out of range \(at most 1000000 seconds\)" \
	    -t "$value" -s a.sock
done
# shellcheck disable=SC2088 # no path, a regular expression
for value in tcp:// tcp://host tcp://:3301 :3301 host: host:port host:0 \
    host:65536 host:99999999999999999999 host:-1 'host: 1' tcp://host:1/x \
    ::1:3301 '[::1]' '[::1' http://host:1 unix: unix/: unix://; do
	wrong "target '.*'.*" -s "$value"
done
wrong 'the target is empty|--socket: the value is empty' -s ''

# A password is never printed.
for value in admin:secret@host:0 tcp://admin:secret@host: \
    admin:s/ecret@host:x http://admin:secret@host admin:sec:ret@host; do
	wrong "target '.*admin:\*\*\*@host.*'.*" -s "$value"
	CARTRIDGE_RELOAD_SOCKET=$value wrong "target '.*admin:\*\*\*@.*"
	wrong "unknown command '.*admin:\*\*\*@host.*' .*" "$value"
	wrong ".*" -a "$value" status
	ok 'no password is printed' [ "$(grep -cE 'ecret|sec:' "$ERR")" -eq 0 ]
	wrong ".*" status "$value"
	ok 'no password is printed' [ "$(grep -cE 'ecret|sec:' "$ERR")" -eq 0 ]
done
CARTRIDGE_RELOAD_SOCKET=host:port wrong "target 'host:port'.*"
wrong "target 'host:port'.*" -s a.sock -s host:port
ok 'rejected command lines connect to nothing' [ ! -e touched ]
kill "$FAKE_PID"

# --- Right command lines -----------------------------------------------------

try --help
ends_saying 0 '' '--help'
ok '--help prints the help' said "$OUT" '^usage: cartridge-reload '
cp "$OUT" help
for words in -h '--no-such -h' '-h --no-such' --hel '-vqh' '-s a.sock -h'; do
	# shellcheck disable=SC2086 # several words
	try $words
	case $words in
	--no-such*)
		ends_saying 1 "unknown option '--no-such'" "an error before -h: $words"
		;;
	*)
		ends_saying 0 '' "help: $words"
		ok 'help in each form is the same' cmp help "$OUT"
		;;
	esac
done
is "$(grep -cE '^.{81}' help)" 0 'the help fits 80 columns'
try --help stale
ends_saying 0 '' '--help COMMAND'
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
	ends_saying 0 '' "help: $words"
	ok 'the help is that of the command' cmp help "$OUT"
done
for words in '--help relaod' 'relaod --help' 'help relaod'; do
	# shellcheck disable=SC2086 # several words
	wrong "unknown command 'relaod'; did you mean reload\?" $words
done
try help stale
ends_saying 0 '' 'help COMMAND'
ok 'help COMMAND is the same as --help COMMAND' cmp help "$OUT"
wrong "help: unexpected argument 'x'" help stale x
wrong "version: unexpected argument 'x'" version x
try --version
ends_saying 0 '' '--version'
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
	ends_saying 0 '' "$name"
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
ends_saying 0 '' '--dry-run asks for a plan'
fake a.sock greet answer 'request=\034command\034:\034plan\034' "$planned" hold
try reload -n -s a.sock
ends_saying 0 '' '-n asks for a plan'
fake a.sock greet answer 'request=\034command\034:\034native\034' "$reloaded" hold
try --method native -s a.sock
ends_saying 0 '' '--method native asks for a native reload'
fake a.sock greet answer 'request=\034stale\034:\034report\034' "$reloaded" hold
try --method native --stale=report -s a.sock
ends_saying 0 '' '--stale can be used with --method native'
fake a.sock greet answer \
    'request=\034modules\034:[\034a*\034,\034b\034],\034exclude\034:[\034c?\034]' \
    "$reloaded" hold
try -m 'a*' -x 'c?' -m b -s a.sock
ends_saying 0 '' 'globs are sent in their order'

# --- Which instances ---------------------------------------------------------

mkdir -p project/tmp/run
cat >project/shop-scm-1.rockspec <<'END'
package = 'shop'
version = 'scm-1'
END

# asked NAMES NAME: exactly those instances got a request.
asked()
{
	is "$(sed -n 's|^project/tmp/run/shop\.\(.*\)\.control: .*|\1|p;
	    s|^tmp/run/shop\.\(.*\)\.control: .*|\1|p' "$OUT" | sort | xargs)" \
	    "$1" "$2"
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
	ends_saying 0 '' "$name"
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
	is "$? $(head -n 1 "$ERR")" '1 cartridge-reload: no target: use --app shop for the project in this directory' \
	    "a mutating command in a project names the option to use: $words"
done

# --- Whether something would change ------------------------------------------

would()
{
	fake a.sock greet answer 'request=\034command\034:\034plan\034' "$2" hold
	try plan -s a.sock ${3:+"$3"}
	ends_saying "$1" '' "plan ${3:-} $4"
}
would 0 "$planned" '' 'of what would change'
would 9 "$planned" --exit-code 'of what would change'
would 0 "${fine/: ok/: unchanged}" --exit-code 'of what would not'
fake a.sock greet answer request "$planned" hold
try -n --exit-code -s a.sock -o json
ends_saying 9 '' '--dry-run in JSON'
ok 'the document has the command plan' said "$OUT" '"exit": 9'

# --- Lua of a file -----------------------------------------------------------

# cannot REGEX ARGUMENT ...: a local error; no instance gets a request.
cannot()
{
	local regex=$1
	shift
	try "$@"
	ends_saying 1 "$regex" "cannot:$(printf ' %q' "$@")"
	[ ! -s "$OUT" ] || fail 'nothing is printed then' "$(cat "$OUT")"
}

rm -f touched
fake a.sock idle touch=touched again
cannot 'cannot open none\.lua: No such file or directory' \
    eval -f none.lua -s a.sock
mkdir dir
cannot 'cannot (open|read) dir: Is a directory' eval -f dir -s a.sock
cannot 'cannot open file/x: .*' eval --file=file/x -s a.sock
head -c 17000000 /dev/zero | tr '\0' - >large.lua
cannot 'large\.lua is larger than 16 MiB' eval -f large.lua -s a.sock
cannot '/dev/zero is larger than 16 MiB' eval -f /dev/zero -s a.sock
printf 'return "\xff"' >latin.lua
cannot 'latin\.lua is not UTF-8 text; .*' eval -f latin.lua -s a.sock
cannot 'the Lua to run is not UTF-8 text; .*' eval $'return "\xff"' -s a.sock
cannot '.* is not UTF-8 text' -m $'\xff' -s a.sock
ok 'rejected command lines connect to nothing' [ ! -e touched ]
kill "$FAKE_PID"

printf 'return 1' >one.lua
fake a.sock greet answer 'request=\034code\034:\034return 1\034' "$fine" hold
try eval -f one.lua -s a.sock
ends_saying 0 '' 'eval --file'
fake a.sock greet answer 'request=\034code\034:\034return 2\034' "$fine" hold
ARGS=(eval -f - with Lua on standard input)
printf 'return 2' | "$CARTRIDGE_RELOAD" eval -f - -s a.sock >"$OUT" 2>"$ERR"
RC=$?
ends_saying 0 '' 'eval --file - reads standard input'
: >empty.lua
fake a.sock greet answer 'request=\034code\034:\034\034' "$fine" hold
try eval -f empty.lua -s a.sock
ends_saying 0 '' 'eval --file with an empty file'
for i in a.sock b.sock; do
	fake "$i" greet answer 'request=\034code\034:\034return 3\034' "$fine" \
	    hold
done
printf 'return 3' | "$CARTRIDGE_RELOAD" eval -f - -s a.sock -s b.sock \
    >"$OUT" 2>"$ERR"
RC=$?
ends_saying 0 '' 'eval --file - for two instances'
fake a.sock greet answer 'request=\034code\034:\034return 4\034' "$fine" hold
ARGS=(eval with Lua from a pipe)
printf 'return 4' | "$CARTRIDGE_RELOAD" eval -s a.sock >"$OUT" 2>"$ERR"
RC=$?
ends_saying 0 '' 'eval of a pipe'
fake a.sock greet answer 'request=\034code\034:\034return 1\034' "$fine" hold
"$CARTRIDGE_RELOAD" eval -s a.sock >"$OUT" 2>"$ERR" <one.lua
RC=$?
ends_saying 0 '' 'eval of a redirected file'
fake a.sock idle touch=touched again
: | "$CARTRIDGE_RELOAD" eval -s a.sock >"$OUT" 2>"$ERR"
RC=$?
ok 'eval of an empty pipe is refused' [ "$RC" -eq 1 ]
ok 'eval of an empty pipe runs nothing' [ ! -e touched ]
kill "$FAKE_PID"
fake a.sock greet answer \
    'request=\034args\034:[\034a\034,\034-b\034]' "$fine" hold
try eval '...' -s a.sock -- a -b
ends_saying 0 '' 'arguments of eval'

# --- What cannot be printed --------------------------------------------------

full='cannot write standard output: No space left on device'

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
		ends_saying 1 "$full" "a full disk: $words"
		written_to pipe $words
		ends_saying 0 '' "a closed pipe, as with head: $words"
		written_to stdout-closed $words
		ends_saying 1 'cannot write standard output: .*' \
		    "standard output closed: $words"
	}
done
for format in text json; do
	fake a.sock "${script[@]}"
	written_to full status -s a.sock -o "$format"
	ends_saying 1 "$full" "a full disk: status, $format"
	fake a.sock "${script[@]}"
	written_to pipe status -s a.sock -o "$format"
	ends_saying 0 '' "a closed pipe, as with head: status, $format"
	fake a.sock greet answer request \
	    'send=---\n- cartridge_reload: 1\n  outcome: refused\n...\n' hold
	written_to pipe status -s a.sock -o "$format"
	ends_saying 5 '.*refused' "a closed pipe, and a failure: $format"
	fake a.sock "${script[@]}"
	written_to stdout-closed status -s a.sock -o "$format"
	ends_saying 1 'cannot write standard output: .*' \
	    "standard output closed: status, $format"
done
fake a.sock "${script[@]}"
written_to stdout-closed status -s a.sock --quiet
ends_saying 0 '' 'standard output closed, and nothing to print'
fake a.sock greet answer request \
    'send=---\n- cartridge_reload: 1\n  outcome: ok\n  results: x\n...\n' hold
fake b.sock idle touch=touched again
written_to full eval 1 -s a.sock -s b.sock
ends_saying 1 "$full" 'a full disk with several instances'
ok 'a full disk stops the run' [ ! -e touched ]
ok 'a full disk is reported' said "$ERR" 'b.sock: not attempted$'
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
ends_saying 1 'cannot read -: .*' 'no standard input to read Lua from'

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
	ends_saying 0 '' "--quiet: $command"
	prints '' "--quiet: $command prints nothing"
done
fake a.sock "${script[@]}"
try status --quiet -o json -s a.sock
ends_saying 0 '' '--quiet with JSON'
prints '' '--quiet with JSON prints nothing'
fake a.sock greet answer request "$(outcome failed)" hold
try status -q -s a.sock
ends_saying 3 'a.sock: because' '--quiet with an error'
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
	is "$(grep -c '^      "target"' "$OUT")" 2 \
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
	ok "outcome $word is invalid for $command: the error code" \
	    said "$OUT" '"outcome": "protocol"'
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
ok 'a missing socket after a good one: the error code' \
    said "$OUT" '"outcome": "unreachable"'
peers_end
try status -s 'none*.sock' -o json
is "$RC" 2 'a glob without a match'
ok 'a glob without a match has a report' said "$OUT" '^  "exit": 2,'
ok 'a glob without a match has no instances' said "$OUT" '^  "instances": \[\]'

# --- Sent by hand ------------------------------------------------------------

printable()
{
	! grep -aP '[^\x20-\x7e]' "$1"
}

# The line is not sent.
fake a.sock idle touch=touched again
for words in '' reload plan status stale 'eval 1' '--method native'; do
	# shellcheck disable=SC2086 # several words
	CARTRIDGE_RELOAD_SOCKET=a.sock try $words --print-lua -s a.sock \
	    -s none.sock
	ends_saying 0 '' "--print-lua: $words"
	is "$(wc -l <"$OUT")" 1 '--print-lua prints one line'
	ok '--print-lua prints ASCII' printable "$OUT"
done
ok '--print-lua connects to nothing' [ ! -e touched ]
kill "$FAKE_PID"
try eval --print-lua 'return 1'
ends_saying 0 '' '--print-lua needs no target'

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
		ends_saying 0 '' "the program itself: $words"
	done
else
	fail 'a real Tarantool starts' "$(cat real.log)"
fi

done_testing
