#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# How many instructions of the processor a status and the reading of a reply of
# 10 MB take, as valgrind counts them: not more than a tenth above what
# tests/bench/instructions.txt says.  Two figures for each: in our own code, and with
# the libraries.  They hold for the versions in that file only; elsewhere they
# are not compared.
#
# Environment: UPDATE=1 (write the file anew).

# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/../functional/lib.sh"

KEPT=$TOP/tests/bench/instructions.txt
B=build/instructions

skip_all()
{
	echo "1..0 # SKIP $1"
	exit
}

case $BUILD_DIR in
*/san | */coverage) skip_all 'this is another build' ;;
esac
for program in valgrind gcc; do
	command -v "$program" >/dev/null || skip_all "no $program here"
done
# Where containers may not ask for that, addresses change a little of it.
fixed=(setarch -R)
if ! "${fixed[@]}" true 2>/dev/null; then
	diag 'setarch -R is not permitted here: addresses are random'
	fixed=()
fi

versions()
{
	echo "gcc $(gcc -dumpfullversion), libc $(getconf GNU_LIBC_VERSION |
	    cut -d ' ' -f 2), libyaml $(pkg-config --modversion yaml-0.1)," \
	    "jansson $(pkg-config --modversion jansson)," \
	    "$(valgrind --version), $(uname -m)"
}

# A build of its own: the same flags whatever the caller's are.
build()
{
	env -i PATH="$PATH" make -s -C "$TOP" B="$B" CC=gcc CFLAGS='-O2 -g' \
	    "$B/cartridge-reload" "$B/fakes/parse_reply" >&2
}

# count NAME ARGUMENT ... -- PROGRAM [ARGUMENT ...]: prints "NAME OURS ALL".
# The file has costs below the object ("ob") that they are in; the line after
# "calls" has the cost of what was called, which is there already.
count()
{
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	env -i LC_ALL=C PATH=/usr/bin:/bin "${fixed[@]}" valgrind -q \
	    --tool=callgrind --callgrind-out-file=.run/calls \
	    "${options[@]}" "$@" >"$OUT" 2>"$ERR" </dev/null || return
	awk -v name="$name" -v ours="$1" '
		/^c?ob=/ {
			split($1, part, "=")
			if (NF > 1)
				path[part[2]] = substr($0, length($1) + 2)
			if ($1 !~ /^c/)
				object = part[2]
			next
		}
		/^calls=/ { inclusive = 1; next }
		/^[0-9+*-]/ {
			if (!inclusive)
				cost[object] += $2
			inclusive = 0
		}
		END {
			for (object in cost) {
				all += cost[object]
				if (path[object] == ours)
					own += cost[object]
			}
			printf "%s %.0f %.0f\n", name, own, all
		}' .run/calls
}

ok 'a build with flags of its own' build || bail_out 'no program'

fake a.sock greet answer request "file=$CLI_DIR/golden/status-ok.yaml" hold
count status -- "$TOP/$B/cartridge-reload" status -s a.sock >counted
ok 'a status was asked for' said "$OUT" '^a.sock: running'
peers_end
count parse --toggle-collect=yaml_tree_parse -- "$TOP/$B/fakes/parse_reply" 10 \
    >>counted
is "$(cat "$OUT")" 70526 'a reply was read'

if [ -n "${UPDATE:-}" ]; then
	cat - counted >"$KEPT" <<-END
		# Instructions of the processor: of what, in our own code, with the
		# libraries.  See tests/long/instructions.sh, which compares them;
		# written by: make instructions-update
		versions $(versions)
	END
	done_testing
fi

if [ "versions $(versions)" != "$(grep '^versions ' "$KEPT")" ]; then
	skip 'as many as before' "the versions here are $(versions)"
	done_testing
fi
while read -r name ours all; do
	read -r _ ours_before all_before <<<"$(grep "^$name " "$KEPT")"
	for figure in "ours $ours $ours_before" "all $all $all_before"; do
		read -r which now before <<<"$figure"
		diag "$name, $which: $now, before $before"
		ok "$name, $which: at most a tenth above the recorded number" \
		    [ $((now * 10)) -le $((before * 11)) ]
		[ $((now * 11)) -ge $((before * 10)) ] ||
		    diag 'a tenth less: make instructions-update keeps that'
	done
done <counted

done_testing
