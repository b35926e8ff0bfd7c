# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# TAP on standard output, for the libraries of the shell suites.

TESTS=0
FAILED=0

diag()
{
	local text
	for text; do
		printf '# %s\n' "${text//$'\n'/$'\n# '}"
	done
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

# matches TEXT REGEX / file_matches FILE REGEX: whether a line matches the extended
# regex, as for grep -E, but without a process.
matches()
{
	local text_lines
	mapfile -t text_lines <<<"$1"
	any_line_matches "$2"
}

file_matches()
{
	local text_lines
	mapfile -t text_lines <"$1"
	any_line_matches "$2"
}

any_line_matches()
{
	local line
	for line in ${text_lines[@]+"${text_lines[@]}"}; do
		[[ $line =~ $1 ]]
		case $? in
		0)	return 0 ;;
		# The shell does not accept it as a regex, but grep may.
		2)	printf '%s\n' "${text_lines[@]}" | grep -Eq -- "$1"; return ;;
		esac
	done
	return 1
}

# nap SECONDS: sleeps without a process of its own: reads from a pipe in which
# nothing ever is.
exec {NAP_FD}<> <(:)
nap()
{
	read -r -t "$1" -u "$NAP_FD" _ || :
}
