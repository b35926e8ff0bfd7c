# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# TAP on standard output, for the libraries of the shell suites.

TESTS=0
FAILED=0

diag()
{
	printf '%s\n' "$@" | sed 's/^/# /'
}

# pass NAME / fail NAME [DIAGNOSTIC ...]
pass()
{
	TESTS=$((TESTS + 1))
	echo "ok $TESTS - $1"
}

fail()
{
	TESTS=$((TESTS + 1))
	FAILED=$((FAILED + 1))
	echo "not ok $TESTS - $1"
	shift
	[ $# -eq 0 ] || diag "$@"
	return 1
}

# isnt GOT UNEXPECTED NAME
isnt()
{
	if [ "$1" != "$2" ]; then
		pass "$3"
	else
		fail "$3" "got what was not expected: $1"
	fi
}

# is GOT EXPECTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3" "     got: $1" "expected: $2"
	fi
}
