# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Functions for suites that run the program against a scripted console:
# consoles, runs of the program, TAP.
#
#	. "$(dirname "$0")/lib.sh"
#	fake a.sock greet answer request 'send=---\n...\n' hold
#	try status --socket a.sock
#	ends 8 'unexpected reply' 'an empty reply is a protocol error'
#	done_testing
#
# The working directory is a temporary one.  Environment: CARTRIDGE_RELOAD
# (the program), BUILD_DIR (with fakes/fake_console), TARANTOOL (the program),
# FUNCTIONAL_TRANSPORT (binary: the consoles are binary ports), KEEP=1 (keep the
# working directory if a test failed).

set -u

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

for name in $(compgen -e | grep -E '^(TARANTOOL_|TT_|CARTRIDGE_RELOAD_)'); do
	unset "$name"
done
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
	[ -n "$TARGET" ] || bail_out "fake_console: $(cat .run/fake)"
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

milliseconds()
{
	local now=$EPOCHREALTIME
	echo $((${now%.*} * 1000 + 10#${now#*.} / 1000))
}

# try ARGUMENT ...: runs the program.  Sets RC, MS, and fills $OUT and $ERR.
try()
{
	local begin
	ARGS=("$@")
	begin=$(milliseconds)
	"$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" </dev/null
	RC=$?
	MS=$(($(milliseconds) - begin))
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

# said FILE REGEX: whether the file matches.
said()
{
	grep -Eq -- "$2" "$1"
}

# Prints the last run of the program and its output, after a failed test.
show_run()
{
	diag "arguments: ${ARGS[*]}" "exit status: $RC" \
	    "standard output: $(head -c 3000 "$OUT" | cat -v)" \
	    "standard error: $(head -c 3000 "$ERR" | cat -v)"
}

# ends RC REGEX NAME: the last run ended with RC, and its standard error has a
# line that matches, without the program's name.  Empty REGEX: no output.
ends()
{
	local problem=
	[ "$RC" -eq "$1" ] || problem="exit status $RC instead of $1"
	if [ -z "$2" ]; then
		[ ! -s "$ERR" ] || problem="$problem; there is standard error"
	elif ! grep -Eqx -- "cartridge-reload: ($2)" "$ERR"; then
		problem="$problem; standard error has no line '$2'"
	fi
	peers_end || problem="$problem; the peer says: $(cat .run/fake)"
	if [ -z "$problem" ]; then
		pass "$3"
	else
		fail "$3" "${problem#; }"
		show_run
		return 1
	fi
}

# prints TEXT NAME: the standard output of the last run was TEXT.
prints()
{
	if [ "$(cat "$OUT")" = "$1" ]; then
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
		sleep 0.01
	done
}

# lua CODE [ARGUMENT ...]: runs Lua in a new process.
lua()
{
	printf '%s\n' "$1" >.run/script.lua
	shift
	"$TARANTOOL" .run/script.lua "$@" </dev/null
}
