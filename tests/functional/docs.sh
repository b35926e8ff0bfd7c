#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Compares the tables of commands and options with the manual, the README and
# --help.

set -eu

cd "$(dirname "$0")/../.."
: "${BUILD_DIR:=build}"
: "${CARTRIDGE_RELOAD:=$PWD/$BUILD_DIR/cartridge-reload}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tab=$(printf '\t')
tests=0
failed=0

# check NAME COMMAND ...: one test; it fails if the command prints something.
check()
{
	name=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$tmp/check" 2>&1; then
		echo "ok $tests - $name"
	else
		failed=1
		echo "not ok $tests - $name"
		sed 's/^/# /' "$tmp/check"
	fi
}

"$BUILD_DIR/print_tables" >"$tmp/table"
awk -F "$tab" '$1 == "command" { print $2 }' "$tmp/table" |
    sort >"$tmp/commands"
awk -F "$tab" '$1 == "option" { print "--" $3 }' "$tmp/table" |
    sort >"$tmp/long"
awk -F "$tab" '$1 == "option" && $2 != "-" { print "-" $2 }' "$tmp/table" |
    sort >"$tmp/short"

# Prints the long options in a text: words that begin with two dashes.
long_options()
{
	grep -oE '(^|[^-A-Za-z0-9_])--[a-z][a-z-]*' "$1" |
	    sed 's/^[^-]*//; s/-$//' | sort -u
}

# Options of other programs that the texts may contain.
foreign='--analyze --interval --no-install-recommends --recursive --silent'
foreign="$foreign --fail --now"
# Mistyped options in the texts.
foreign="$foreign --scoket --all"

# has_all TEXT: every option and command is in the text.
has_all()
{
	local text short command missing
	text=" $(<"$1") "
	long_options "$1" >"$tmp/found"
	missing=$(comm -23 "$tmp/long" "$tmp/found")
	while read -r short; do
		[[ $text =~ [^-A-Za-z0-9]${short}[^-A-Za-z0-9] ]] ||
		    missing+=" $short"
	done <"$tmp/short"
	while read -r command; do
		[[ $text =~ [^-A-Za-z0-9_.]${command}[^-A-Za-z0-9_\(] ]] ||
		    missing+=" $command"
	done <"$tmp/commands"
	echo "missing: $missing"
	[ -z "$missing" ]
}

# has_only TEXT: no long option in the text but those of the table.
has_only()
{
	long_options "$1" >"$tmp/found"
	printf '%s\n' "$foreign" | tr ' ' '\n' | sort - "$tmp/long" |
	    comm -13 - "$tmp/found" >"$tmp/surplus"
	sed 's/^/not in the table: /' "$tmp/surplus"
	[ ! -s "$tmp/surplus" ]
}

"$CARTRIDGE_RELOAD" --help >"$tmp/help"
check 'the help has all options and commands' has_all "$tmp/help"
check 'the help has no other options' has_only "$tmp/help"

# Wide, so that no option is broken at its dashes; without overstriking.
mandoc -T ascii -O width=1000 man/* 2>/dev/null |
    sed 's/.\x08//g' >"$tmp/man" || : >"$tmp/man"
check 'the manual has all options and commands' has_all "$tmp/man"
check 'the manual has no other options' has_only "$tmp/man"

# groff, which man(1) uses on Linux, at the usual width of a terminal.
fits_terminal()
{
	if ! command -v groff >/dev/null; then
		echo 'no groff: not checked'
		return
	fi
	warnings=$(for page in man/*; do
		groff -mandoc -Tutf8 -ww -rLL=80n -z "$page"
	done 2>&1)
	echo "$warnings"
	[ -z "$warnings" ]
}
check 'groff breaks all lines of the manual' fits_terminal

exit_codes()
{
	rc=0
	sed -n '/^Exit status:/,/^$/s/^  \([0-9]\)  \([^:]*\):.*/\1 \2/p' \
	    "$tmp/help" | tr -d , >"$tmp/codes"
	[ -s "$tmp/codes" ] || { echo 'none in the help'; return 1; }
	while read -r code words; do
		for word in $words; do
			grep -qE "^ *(\\|)? *$code .*$word" "$1" || {
				echo "missing: $code $word"
				rc=1
			}
		done
	done <"$tmp/codes"
	return "$rc"
}
check 'the manual has all exit codes and outcomes' exit_codes "$tmp/man"

cat README.md >"$tmp/readme" 2>/dev/null || :
check 'the README has no other options' has_only "$tmp/readme"

# names_exist TEXT: every file, folder and function that the text puts into
# back-quotes exists.
names_exist()
{
	rc=0
	: >"$tmp/functions"
	# shellcheck disable=SC2016 # back-quotes of Markdown
	tr '\n' ' ' <"$1" | grep -oE '`[^` ]+`' | tr -d '`' | sort -u >"$tmp/names"
	[ "$(wc -l <"$tmp/names")" -gt 20 ] || { echo 'no names'; return 1; }
	grep -rhowFf "$tmp/names" src | sort -u >"$tmp/used"
	while read -r word; do
		case $word in
		-* | \\* | /*)	continue ;;
		*/* | *.c | *.lua | *.h)
			[ -e "$word" ] || [ -e "src/$word" ] ||
			    [ -e "src/lua/$word" ] || {
				echo "no such file: $word"
				rc=1
			} ;;
		*_*)	echo "$word" >>"$tmp/functions" ;;
		esac
	done <"$tmp/names"
	comm -23 "$tmp/functions" "$tmp/used" >"$tmp/unused"
	sed 's/^/not in the sources: /' "$tmp/unused"
	[ "$rc" -eq 0 ] && [ ! -s "$tmp/unused" ]
}
check 'the architecture names files and functions that exist' \
    names_exist doc/ARCHITECTURE.md

echo "1..$tests"
exit "$failed"
