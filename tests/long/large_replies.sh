#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Replies of many megabytes: that they are taken whole, and in linear time.

# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/../functional/lib.sh"

# sized BYTES KIND: takes a reply of that size; COUNTING=1 prints how many
# instructions of the processor that took.  Not the time: how busy the machine
# is must not decide.
sized()
{
	local begin end text
	begin='send=---\n- cartridge_reload: 1\n  outcome: ok\n'
	end='send=\n...\n'
	case $2 in
	lines)
		begin="$begin  warnings:\n"
		text='  - the quick brown fox\n'
		;;
	text)
		begin="$begin  results: \""
		text='the quick brown fox\n'
		end='send="\n...\n'
		;;
	block)
		begin="$begin  results: |\n"
		text='    the quick brown fox\n'
		;;
	esac
	fake a.sock greet answer request "$begin" "fill=$1:$text" "$end" hold
	if [ -z "${COUNTING:-}" ]; then
		try eval 1 --socket a.sock
		peers_end && [ "$RC" -eq 0 ]
		return
	fi
	valgrind --tool=callgrind --callgrind-out-file=.run/calls \
	    "$CARTRIDGE_RELOAD" eval 1 --socket a.sock --timeout 600 \
	    >"$OUT" 2>"$ERR" &&
	    peers_end && sed -n 's/^==.* Collected : //p' "$ERR"
}

# Instrumented builds take several times as long, and cannot be counted.
megabytes=32
counts=1
case $BUILD_DIR in
*/san | */coverage)
	megabytes=8
	counts=''
	;;
esac
command -v valgrind >/dev/null || counts=''
for kind in lines text block; do
	ok "a reply of $megabytes MB: $kind" sized $((megabytes * 1000000)) "$kind"
	if [ -z "$counts" ]; then
		skip "in linear time: $kind" 'instructions cannot be counted'
		continue
	fi
	small=$(COUNTING=1 sized 400000 "$kind")
	big=$(COUNTING=1 sized 3200000 "$kind")
	diag "3.2 MB, $kind: $big instructions; an eighth: $small"
	ok "in linear time: $kind" [ "${big:-$((small * 99))}" -lt $((small * 9)) ]
done
fake a.sock greet answer request 'send=---\n- cartridge_reload: 1
  outcome: ok\n  results: "' 'fill=20000000:the quick brown fox ' \
    'send="\n...\n' hold
try eval 1 --socket a.sock
ends 0 '' 'a line of 20 MB is a usable reply'
is "$(wc -c <"$OUT")" 20000001 'a line of 20 MB is printed whole'
fake a.sock greet answer request 'send=---\n- cartridge_reload: 1
  outcome: ok\n  results: "---\\n- [' "fill=$((megabytes * 156250)):1, " \
    'send=]\\n...\\n"\n...\n' hold
try eval 1 --socket a.sock --output json
ends 0 '' 'a long list of numbers is printed in JSON'
is "$(grep -c '^ *1,*$' "$OUT")" $((megabytes * 156250 / 3)) \
    'a long list of numbers is printed whole'

done_testing
