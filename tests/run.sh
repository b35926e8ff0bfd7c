#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# run.sh KIND[/PATTERN] ...: runs the suites of each KIND (unit, lua, functional,
# live, long) whose names match the shell pattern, TEST_JOBS at a time.  Prints a
# line for each suite, sorted by kind and name, and the output of each suite that
# failed.  The last line counts single tests:
#
#	N passed, N failed[, N skipped]
#
# Exits with 1 if a test failed.  A suite that crashes, exceeds its time limit or
# runs no test counts as one failed test.  The logs are in build/test/*.log.
#
# Suites in C are cmocka programs; the others print TAP.  A suite that cannot run
# on this machine prints "1..0 # SKIP reason" or exits with 77.
#
# Environment, all optional:
#   BUILD_DIR         the build directory
#   CARTRIDGE_RELOAD  the absolute path of the program
#   TARANTOOL         the server
#   CARTRIDGE_ROCKS   the directory with .rocks of the real Cartridge
#   TEST_TIMEOUT      the time limit of a suite, in seconds
#   TEST_JOBS         suites at a time; by default two for each processor, because
#                     most suites wait now and then
#   VALGRIND=1        runs the unit tests under valgrind
#   ONLY              a shell pattern for the names of suites
#   TIMES=1           lists the suites with the most processor time at the end
#
# Several runs may share a machine: each suite has its own TMPDIR, and a lock
# reserves the 500 ports from TEST_PORTS on for it.  A suite that leaves files in
# its TMPDIR counts as one failed test.

set -u

cd "$(dirname "$0")/.." || exit
: "${BUILD_DIR:=build}"
: "${CARTRIDGE_RELOAD:=$PWD/$BUILD_DIR/cartridge-reload}"
: "${TARANTOOL:=tarantool}"
: "${TEST_TIMEOUT:=600}"
: "${TEST_JOBS:=$(($(nproc) * 2))}"
: "${CARTRIDGE_ROCKS:=}"
: "${ONLY:=*}"
LC_ALL=C
TZ=UTC
export BUILD_DIR CARTRIDGE_RELOAD TARANTOOL CARTRIDGE_ROCKS LC_ALL TZ
# Variables that would change what the program does.
unset CARTRIDGE_RELOAD_SOCKET TARANTOOL_CONSOLE_SOCK NO_COLOR CMOCKA_TEST_FILTER
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE

if ! [[ $TEST_JOBS =~ ^[1-9][0-9]*$ ]]; then
	echo "run.sh: not a number of suites: TEST_JOBS=$TEST_JOBS" >&2
	exit 1
fi
LOGS=$BUILD_DIR/test
mkdir -p "$LOGS" || exit

# Suites that take long are started first, the longest first of all, so that none
# is left to run alone.
LONGEST='live/stale live/cluster functional/reply live/transaction live/push
    live/reload functional/completion functional/readme functional/usage
    live/main_script lua/adapters/fibers_test lua/commands/reload_test'
# For each suite: "kind/name", its start time, and its output, which is printed
# after that of the suites before it.
SUITES=()
BEGAN=()
RESULTS=()
PRINTED=0
# Process id -> suite.
declare -A RUNNING=()
PASSED=0
FAILED=0
SKIPPED=0
# Windows of ports, below the ephemeral ports of the system.
WINDOW=500
WINDOWS=45
LOCKS=${TMPDIR:-/tmp}/cartridge-reload-ports-$(id -u)
mkdir -p "$LOCKS" || exit
PORTS=
PORTS_FD=
# Short, as paths of sockets have a maximum length.  Removed when this ends.
TEMP=$(mktemp -d "${TMPDIR:-/tmp}/crt.XXXXXX") || exit
trap '[ -n "${KEEP:-}" ] || rm -rf "$TEMP"' EXIT

# Each is in its own process group, so it is ended here.
stop()
{
	trap - INT TERM HUP
	# shellcheck disable=SC2046 # a list of numbers
	kill -TERM $(jobs -pr) 2>/dev/null
	wait
	exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM HUP

# Counts the tests in a log and prints "passed failed skipped".  Tests that
# were started or planned but did not finish count as failed.
count()
{
	awk -v status="$2" '
	/^\[ RUN      \]/ { run++ }
	/^\[       OK \]/ { passed++ }
	/^\[  SKIPPED \]/ && run > passed + skipped { skipped++ }
	/^1\.\.[0-9]+/ {
		planned = substr($1, 4) + 0
		has_plan = 1
		if (planned == 0 && tolower($0) ~ /# *skip/)
			all_skipped = 1
	}
	/^ok([ \t]|$)/ {
		if (tolower($0) ~ /# *skip/)
			skipped++
		else
			passed++
	}
	/^not ok([ \t]|$)/ {
		if (tolower($0) ~ /# *todo/)
			skipped++
		else
			failed++
	}
	END {
		if (run > passed + skipped)
			failed += run - passed - skipped
		if (has_plan && planned > passed + failed + skipped)
			failed += planned - passed - failed - skipped
		ran = passed + failed + skipped
		if (ran == 0 && (status == 77 || (all_skipped && status == 0)))
			skipped++
		else if (ran == 0 || (status != 0 && failed == 0))
			failed++
		print passed + 0, failed + 0, skipped + 0
	}' "$1"
}

# add KIND FILE ...: the suites in these files below tests/KIND that match ONLY and
# PATTERN.
add()
{
	local kind=$1 file name
	shift
	for file; do
		name=${file#tests/"$kind"/}
		name=${name%.*}
		# shellcheck disable=SC2053 # it is a pattern
		[[ ($name == $ONLY || ${name##*/} == $ONLY) &&
		    $name == $PATTERN ]] && SUITES+=("$kind/$name")
	done
}

# reserve_ports: sets PORTS to the first port of a window that no other suite
# on this machine uses, and PORTS_FD to a descriptor that holds its lock.  Every
# process of the suite inherits it: the window is free after the last one ends.
reserve_ports()
{
	local window
	while :; do
		for ((window = 0; window < WINDOWS; window++)); do
			exec {PORTS_FD}>"$LOCKS/$window"
			if flock -n "$PORTS_FD"; then
				PORTS=$((10000 + window * WINDOW))
				return
			fi
			exec {PORTS_FD}>&-
		done
		sleep 1
	done
}

# start INDEX: starts a suite.  A shell makes background jobs ignore SIGINT, and
# their child processes inherit that, so it is reset.
start()
{
	local index=$1 kind=${SUITES[$1]%%/*} name=${SUITES[$1]#*/}
	local command=() log
	case $kind in
	unit)
		[ -z "${VALGRIND:-}" ] || command=(valgrind -q
		    --leak-check=full --error-exitcode=99
		    --child-silent-after-fork=yes)
		command+=("$BUILD_DIR/unit/$name")
		;;
	lua)	command=("$TARANTOOL" "tests/lua/$name.lua") ;;
	*)
		command=("tests/$kind/$name.sh")
		[ -e "${command[0]}" ] || command=("$BUILD_DIR/$kind/$name")
		;;
	esac
	BEGAN[index]=$SECONDS
	reserve_ports
	log=$LOGS/$kind-${name//\//-}
	# Inside timeout(1), which signals the whole process group.
	# shellcheck disable=SC2016 # expanded by the shell that runs it
	[ -z "${TIMES:-}" ] || command=(bash -c '
		TIMEFORMAT="%R %U %S"
		{ time "$@" 2>&3; } 3>&2 2>"$0"' "$log.time" "${command[@]}")
	mkdir "$TEMP/$index" || exit
	TEST_PORTS=$PORTS TMPDIR=$TEMP/$index \
	    env --default-signal=INT,QUIT \
	    timeout -k 10 "$TEST_TIMEOUT" "${command[@]}" \
	    >"$log.log" 2>&1 </dev/null &
	RUNNING[$!]=$index
	exec {PORTS_FD}>&-
}

# finish INDEX STATUS: counts a suite that has ended, and prints all results
# that are next in order.
finish()
{
	local index=$1 status=$2 log line word=ok passed failed skipped left
	log=$LOGS/${SUITES[index]//\//-}.log
	read -r passed failed skipped <<<"$(count "$log" "$status")"
	left=$([ -n "${KEEP:-}" ] || find "$TEMP/$index" -mindepth 1)
	[ -z "$left" ] || failed=$((failed + 1))
	PASSED=$((PASSED + passed))
	FAILED=$((FAILED + failed))
	SKIPPED=$((SKIPPED + skipped))
	line="$passed passed, $failed failed"
	[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
	[ "$failed" -eq 0 ] || word=FAILED
	RESULTS[index]=$(
		printf '%-7s %-36s %s (%s s)\n' "$word" "${SUITES[index]}" \
		    "$line" $((SECONDS - BEGAN[index]))
		[ "$failed" -eq 0 ] && exit
		case $status in
		124 | 137) echo "--- took longer than $TEST_TIMEOUT s" ;;
		esac
		[ -z "$left" ] || printf '%s\n' '--- left behind:' "$left"
		echo "--- $log (exit status $status):"
		# Indented, so that no line looks like one of this script.
		sed 's/^/    /' "$log"
		echo "---"
	)
	[ -n "${KEEP:-}" ] || rm -rf "${TEMP:?}/$index"
	while [ -n "${RESULTS[PRINTED]-}" ]; do
		printf '%s\n' "${RESULTS[PRINTED]}"
		PRINTED=$((PRINTED + 1))
	done
}

# Prints the suites that used most of the processor, and the sum of all.
print_times()
{
	local suite
	printf '%9s %9s  %s\n' 'cpu s' 'wall s' suite
	for suite in ${SUITES[@]+"${SUITES[@]}"}; do
		tail -n 1 "$LOGS/${suite//\//-}.time" |
		    sed "s|\$| $suite|"
	done | awk '
		{ printf "%9.1f %9.1f  %s\n", $2 + $3, $1, $4; sum += $2 + $3 }
		END { printf "%9.1f %9s  %s\n", sum, "", "all" }' |
	    sort -rn | head -n 20
}

shopt -s nullglob
for argument; do
	kind=${argument%%/*}
	PATTERN='*'
	[ "$kind" = "$argument" ] || PATTERN=${argument#*/}
	case $kind in
	unit)	add unit tests/unit/*/test_*.c ;;
	lua)	add lua tests/lua/*_test.lua tests/lua/*/*_test.lua \
	    tests/lua/*/*/*_test.lua ;;
	functional | live | long)
		[ "$kind" != long ] || add long tests/long/test_*.c
		for file in tests/"$kind"/*.sh; do
			# Not executable: a library of the suites.
			[ ! -x "$file" ] || add "$kind" "$file"
		done
		;;
	*)
		echo "run.sh: no such kind: $kind" >&2
		exit 1
		;;
	esac
done

declare -A INDEX=()
for index in "${!SUITES[@]}"; do
	INDEX[${SUITES[index]}]=$index
done
QUEUE=()
for suite in $LONGEST ${SUITES[@]+"${SUITES[@]}"}; do
	[ -n "${INDEX[$suite]-}" ] || continue
	QUEUE+=("${INDEX[$suite]}")
	unset "INDEX[$suite]"
done

next=0
while [ "$next" -lt ${#QUEUE[@]} ] || [ ${#RUNNING[@]} -gt 0 ]; do
	if [ "$next" -lt ${#QUEUE[@]} ] && [ ${#RUNNING[@]} -lt "$TEST_JOBS" ]; then
		start "${QUEUE[next]}"
		next=$((next + 1))
		continue
	fi
	wait -n -p pid "${!RUNNING[@]}"
	status=$?
	finish "${RUNNING[$pid]}" "$status"
	unset "RUNNING[$pid]"
done

[ -z "${TIMES:-}" ] || print_times

if [ $((PASSED + FAILED + SKIPPED)) -eq 0 ]; then
	echo "run.sh: no test was run" >&2
	FAILED=1
fi
line="$PASSED passed, $FAILED failed"
[ "$SKIPPED" -eq 0 ] || line="$line, $SKIPPED skipped"
echo "$line"
[ "$FAILED" -eq 0 ]
