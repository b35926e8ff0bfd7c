#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# run.sh KIND ...: runs all suites of these kinds (unit, lua, cli, live), one
# after the other, and counts single tests.  Prints a line for each suite, the
# output of those that failed and, as the last line of all,
#
#	N passed, N failed[, N skipped]
#
# Fails if a test failed.  A suite that crashes, that runs into the time limit
# or in which no test ran counts as a failed test.  Logs: build/test/*.log.
#
# A suite of the kind unit is a cmocka program; the others print TAP.  A suite
# that cannot run here says "1..0 # SKIP reason" or exits with 77.
#
# From the environment, all with defaults: BUILD_DIR, CARTRIDGE_RELOAD (the
# program, absolute), TARANTOOL, CARTRIDGE_ROCKS, TEST_TIMEOUT (seconds for
# one suite), VALGRIND (1: unit tests under valgrind), ONLY (a shell pattern
# for names of suites).

set -eu

cd "$(dirname "$0")/.."
: "${BUILD_DIR:=build}"
: "${CARTRIDGE_RELOAD:=$PWD/$BUILD_DIR/cartridge-reload}"
: "${TARANTOOL:=tarantool}"
: "${TEST_TIMEOUT:=600}"
: "${CARTRIDGE_ROCKS:=}"
: "${ONLY:=*}"
LC_ALL=C
TZ=UTC
export BUILD_DIR CARTRIDGE_RELOAD TARANTOOL CARTRIDGE_ROCKS LC_ALL TZ
# What would change the program's ways.
unset CARTRIDGE_RELOAD_SOCKET TARANTOOL_CONSOLE_SOCK NO_COLOR CMOCKA_TEST_FILTER
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE

logs=$BUILD_DIR/test
mkdir -p "$logs"
total_passed=0
total_failed=0
total_skipped=0

# Counts the tests in a log and prints "passed failed skipped".  Tests that
# were begun or planned and did not end are failed ones.
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

# run KIND NAME COMMAND ...
run()
{
	kind=$1
	name=$2
	shift 2
	# shellcheck disable=SC2254 # it is a pattern
	case $name in
	$ONLY) ;;
	*) return 0 ;;
	esac
	log=$logs/$kind-$name.log
	begin=$(date +%s)
	status=0
	timeout -k 10 "$TEST_TIMEOUT" "$@" >"$log" 2>&1 </dev/null || status=$?
	# shellcheck disable=SC2046 # three words
	set -- $(count "$log" "$status") $(($(date +%s) - begin))
	total_passed=$((total_passed + $1))
	total_failed=$((total_failed + $2))
	total_skipped=$((total_skipped + $3))
	line="$1 passed, $2 failed"
	[ "$3" -eq 0 ] || line="$line, $3 skipped"
	word=ok
	[ "$2" -eq 0 ] || word=FAILED
	printf '%-7s %-32s %s (%s s)\n' "$word" "$kind/$name" "$line" "$4"
	[ "$2" -eq 0 ] || {
		case $status in
		124 | 137) echo "--- took longer than $TEST_TIMEOUT s" ;;
		esac
		echo "--- $log (exit status $status):"
		# So that no line of it can be taken for one of ours.
		sed 's/^/    /' "$log"
		echo "---"
	}
}

for kind; do
	case $kind in
	unit)
		for file in tests/unit/test_*.c; do
			[ -e "$file" ] || continue
			name=$(basename "$file" .c)
			if [ -n "${VALGRIND:-}" ]; then
				run unit "$name" valgrind -q --leak-check=full \
				    --error-exitcode=99 --child-silent-after-fork=yes \
				    "$BUILD_DIR/unit/$name"
			else
				run unit "$name" "$BUILD_DIR/unit/$name"
			fi
		done
		;;
	lua)
		for file in tests/lua/*_test.lua; do
			[ -e "$file" ] || continue
			run lua "$(basename "$file" .lua)" "$TARANTOOL" "$file"
		done
		;;
	cli | live)
		for file in tests/"$kind"/*.sh; do
			# What is not executable is a library of the others.
			[ -x "$file" ] || continue
			run "$kind" "$(basename "$file" .sh)" "$file"
		done
		;;
	*)
		echo "run.sh: no such kind: $kind" >&2
		exit 1
		;;
	esac
done

if [ $((total_passed + total_failed + total_skipped)) -eq 0 ]; then
	echo "run.sh: no test was run" >&2
	total_failed=1
fi
line="$total_passed passed, $total_failed failed"
[ "$total_skipped" -eq 0 ] || line="$line, $total_skipped skipped"
echo "$line"
[ "$total_failed" -eq 0 ]
