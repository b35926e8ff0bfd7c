# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Functions for suites that run the program against a scripted console:
# consoles, runs of the program, TAP.
#
#	. "$(dirname "$0")/lib.sh"
#	fake a.sock greet answer request 'send=---\n...\n' hold
#	try status --socket a.sock -o json
#	ends 8 bad_reply 'an empty reply is a protocol error'
#	golden reply-errors
#	done_testing
#
# Suites compare exit statuses, error codes and other fields.  The wording of
# all errors that a suite has seen is in one file, golden/SUITE-errors.txt;
# GOLDEN_UPDATE=1 rewrites it.
#
# The working directory is a temporary one.  Environment: CARTRIDGE_RELOAD
# (the program), BUILD_DIR (with fakes/fake_console), TARANTOOL (the program),
# FUNCTIONAL_TRANSPORT (binary: the consoles are binary ports), KEEP=1 (keep the
# working directory if a test failed).

set -u
shopt -s extglob

CLI_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$CLI_DIR/../.." && pwd)
BUILD_DIR=${BUILD_DIR:-build}
case $BUILD_DIR in
/*) ;;
*) BUILD_DIR=$TOP/$BUILD_DIR ;;
esac
CARTRIDGE_RELOAD=${CARTRIDGE_RELOAD:-$BUILD_DIR/cartridge-reload}
TARANTOOL=${TARANTOOL:-tarantool}
FAKE=$BUILD_DIR/fakes/fake_console

unset "${!TARANTOOL_@}" "${!TT_@}" "${!CARTRIDGE_RELOAD_@}"
unset NO_COLOR SUDO_USER
export LC_ALL=C TZ=UTC

# A short path: it holds unix sockets.
WORK=$(mktemp -d "${TMPDIR:-/tmp}/crc.XXXXXX") || exit 1
cd "$WORK" || exit 1
mkdir .run
mkfifo .run/ready
export HOME=$WORK

PEERS=()

# Results of the last run of the program.
RC=
MS=
OUT=.run/out
ERR=.run/err
ARGS=()

cleanup()
{
	local status=$?
	trap - EXIT INT TERM HUP
	# Asks the shell for its children: the id of a child that has ended may
	# belong to a process of another suite by now.
	# shellcheck disable=SC2046 # a list of numbers
	kill $(jobs -pr) 2>/dev/null
	wait
	cd /
	if [ -n "${KEEP:-}" ] && [ "$status" -ne 0 ]; then
		echo "# kept: $WORK"
	else
		rm -rf "$WORK"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- TAP ---------------------------------------------------------------------

# shellcheck source=tests/tap.sh
. "$CLI_DIR/../tap.sh"

# ok NAME COMMAND [ARGUMENT ...]
ok()
{
	local name=$1
	shift
	if "$@" >.run/said 2>&1; then
		pass "$name"
	else
		fail "$name" "failed: $*" "$(head -c 4000 .run/said)"
	fi
}

skip()
{
	TESTS=$((TESTS + 1))
	echo "ok $TESTS - $1 # SKIP $2"
}

bail_out()
{
	echo "Bail out! $1"
	exit 1
}

done_testing()
{
	echo "1..$TESTS"
	[ "$FAILED" -eq 0 ] || diag "$FAILED of $TESTS failed"
	[ "$FAILED" -eq 0 ]
	exit
}

# --- Consoles ----------------------------------------------------------------

# Whether the scripted consoles are text consoles; otherwise they are binary
# ports that say the same.
is_console()
{
	[ "${FUNCTIONAL_TRANSPORT:-}" != binary ]
}

# fake [-b BACKLOG] [-r RECORD] ADDRESS STEP ...: starts a scripted console and
# waits until it listens.  Sets TARGET to its address and FAKE_PID.  The next
# `ends` waits for the end of the script, but for one that begins again.
fake()
{
	is_console || set -- -f "$@"
	"$FAKE" "$@" >.run/ready 2>.run/fake &
	FAKE_PID=$!
	[ "${*: -1}" = again ] || PEERS+=("$FAKE_PID")
	# Reads to the end, so that the next fake does not read the rest.
	TARGET=$(<.run/ready)
	[ -n "$TARGET" ] || bail_out "fake_console: $(<.run/fake)"
}

# Waits for the ends of the scripts.  Fails if a script did not get what it
# expected; a client that disconnects before a send is not a failure.
peers_end()
{
	local pid rc result=0
	for pid in ${PEERS[@]+"${PEERS[@]}"}; do
		wait "$pid"
		rc=$?
		[ "$rc" -eq 0 ] || [ "$rc" -eq 2 ] || result=1
	done
	PEERS=()
	return "$result"
}

# A socket on which no process listens.
stale_socket()
{
	fake "$1"
	peers_end
}

# --- Running the program -----------------------------------------------------

# Sets MS to the milliseconds since BEGAN, an earlier $EPOCHREALTIME.
stop_clock()
{
	local now=$EPOCHREALTIME
	MS=$(((${now%.*} - ${BEGAN%.*}) * 1000 +
	    (10#${now#*.} - 10#${BEGAN#*.}) / 1000))
}

# try ARGUMENT ...: runs the program.  Sets RC, MS, and fills $OUT and $ERR.
try()
{
	ARGS=("$@")
	BEGAN=$EPOCHREALTIME
	"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" </dev/null
	RC=$?
	stop_clock
}

# try_in_background ARGUMENT ...: the same; finish_try waits for its end.
try_in_background()
{
	ARGS=("$@")
	: >"$OUT"
	: >"$ERR"
	"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" </dev/null &
	TRY_PID=$!
}

finish_try()
{
	wait "$TRY_PID"
	RC=$?
}

# said FILE REGEX: whether a line of the file matches.
said()
{
	local text line
	# Only a file that is large, or has zero bytes, is not read to its end.
	if IFS= read -r -d '' -n 65536 text <"$1"; then
		grep -Eaq -- "$2" "$1"
		return
	fi
	[ -n "$text" ] || return 1
	while IFS= read -r line; do
		! [[ $line =~ $2 ]] || return 0
	done <<<"${text%$'\n'}"
	return 1
}

# Prints the last run of the program and its output, after a failed test.
show_run()
{
	diag "arguments: ${ARGS[*]}" "exit status: $RC" \
	    "standard output: $(head -c 3000 "$OUT" | cat -v)" \
	    "standard error: $(head -c 3000 "$ERR" | cat -v)"
}

# find_values FIELD: sets VALUES to the values of a field in the JSON document
# of the last run: `code` of all errors, or `target`, `outcome` or another one
# of all instances, or the names in `not_touched` or `skipped`.
find_values()
{
	local line lines section='' error=''
	VALUES=()
	mapfile -t lines <"$OUT"
	for line in "${lines[@]}"; do
		[[ $line != '  "'* ]] || section=${line#*\"}
		case ${section%%\"*}:$line in
		*:'  "error": {' | instances:'      "error": {')
			error=1
			continue
			;;
		*:*' "code": '*)
			[ "$error $1" = '1 code' ] || continue
			;;
		instances:"      \"$1\": "* | "$1:    \""* | \
		    "$1:      \"target\": "*) ;;
		*)
			continue
			;;
		esac
		error=
		line=${line#*\": }
		line=${line#*\"}
		line=${line%,}
		VALUES+=("${line%\"}")
	done
}

# lists FIELD VALUES NAME: the JSON document of the last run has these values.
lists()
{
	find_values "$1"
	if [ "${VALUES[*]}" = "$2" ]; then
		pass "$3"
	else
		fail "$3" "$1: ${VALUES[*]}" "instead of: $2"
		show_run
	fi
}

# The messages since the last golden file, without those of earlier ones.
MESSAGES=
declare -A MESSAGES_OF=()

# keep_messages TITLE [TEXT]: adds the messages of the last run to MESSAGES,
# except lines that only differ in their target from an earlier one.  Replaces
# what differs from run to run: times, ports, directories.
keep_messages()
{
	local text line title=$1
	text=${2-$(<"$ERR")}
	text=${text//"$WORK"/DIR}
	text=${text//127.0.0.1:+([0-9])/HOST:PORT}
	text=${text//within +([0-9.]) s/within N s}
	text=${text//after +([0-9.]) s/after N s}
	text=${text//\/var\/run\/tarantool \(no such directory\)/\/var\/run\/tarantool}
	while IFS= read -r line; do
		line=${line#cartridge-reload: }
		[ -z "${MESSAGES_OF[.${line#*: }]-}" ] || continue
		MESSAGES_OF[.${line#*: }]=1
		[ -z "$title" ] || MESSAGES+="--- $title"$'\n'
		title=
		MESSAGES+=$line$'\n'
	done <<<"$text"
}

# golden NAME: the messages since the last golden file are those of this one.
# Messages of binary ports differ from those of consoles, and are not compared.
golden()
{
	local file=$CLI_DIR/golden/$1.txt
	printf %s "$MESSAGES" >.run/messages
	MESSAGES=
	is_console || return 0
	[ -z "${GOLDEN_UPDATE:-}" ] || cp .run/messages "$file"
	ok "the messages are those of golden/$1.txt" \
	    diff -u "$file" .run/messages
}

# result PROBLEM NAME: the test fails if there is a problem, or the peer says so.
result()
{
	local problem=$1
	peers_end || problem="$problem; the peer says: $(<.run/fake)"
	if [ -z "$problem" ]; then
		pass "$2"
	else
		fail "$2" "${problem#; }"
		show_run
		return 1
	fi
}

# ends RC CODES NAME: the last run ended with RC, and its JSON document has the
# errors CODES, which were reported on standard error, too.  Empty CODES: it was
# successful, or reported in another format, and standard error is empty.
ends()
{
	local problem=
	[ "$RC" -eq "$1" ] || problem="exit status $RC instead of $1"
	if [ -z "$2" ]; then
		[ ! -s "$ERR" ] || problem="$problem; there is standard error"
	else
		find_values code
		[ "${VALUES[*]}" = "$2" ] || problem="$problem; error code \
'${VALUES[*]}' instead of '$2'"
		[[ $(<"$ERR") == 'cartridge-reload: '* ]] ||
		    problem="$problem; no message on standard error"
		keep_messages "$RC $2: $3"
	fi
	result "$problem" "$3"
}

# ends_at RC PLACE NAME: the last run ended with RC, and a message on standard
# error names the place of the error, literally: a line of the input, an option,
# an argument, a file or a target.  For errors without a report.
ends_at()
{
	local problem=
	[ "$RC" -eq "$1" ] || problem="exit status $RC instead of $1"
	[[ $'\n'$(<"$ERR") == *$'\n'"cartridge-reload: "*"$2"* ]] ||
	    problem="$problem; no message names '$2'"
	keep_messages "$RC: $3"
	result "$problem" "$3"
}

# prints TEXT NAME: the standard output of the last run was TEXT.
prints()
{
	if [ "$(<"$OUT")" = "$1" ]; then
		pass "$2"
	else
		fail "$2" "expected: $1"
		show_run
		return 1
	fi
}

# wait_until COMMAND ...: waits until it succeeds, with a long time limit.
wait_until()
{
	local deadline=$((SECONDS + 20))
	while ! "$@"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			diag "waited in vain: $*"
			return 1
		fi
		nap 0.01
	done
}

# lua CODE [ARGUMENT ...]: runs Lua in a new process.
lua()
{
	printf '%s\n' "$1" >.run/script.lua
	shift
	"$TARANTOOL" .run/script.lua "$@" </dev/null
}
