#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# check-layers.sh: keeps the order of the folders below src and src/lua.  A file
# may include, or require, what is in its own folder and in folders of the lines
# below its own, not in others of the same line, and nothing above.  Prints each
# line that does.

set -eu

cd "$(dirname "$0")/../src"

# The one place that says the order, from the top to the ground.  A file that is
# in no folder is a line of its own.
c_layers='
main.c
repl
rollout
cli
output net
proto target
util'

lua_layers='
boot.lua
commands
reload
frameworks adapters
scan
code
cluster
platform
core'

# check LAYERS FILE ...: checks what the files include or require.
check()
{
	layers=$1
	shift
	awk -v layers="$layers" '
	BEGIN {
		n = split(layers, line, "\n")
		for (i = 1; i <= n; i++) {
			m = split(line[i], folder, " ")
			for (j = 1; j <= m; j++)
				floor[folder[j]] = i
		}
	}
	FNR == 1 {
		from = FILENAME
		sub(/\/.*/, "", from)
		if (!(from in floor)) {
			printf "%s: unknown folder %s\n", FILENAME, from
			bad = 1
		}
	}
	function uses(to) {
		sub(/[.\/].*/, "", to)
		# Other modules are those of Tarantool.
		if (!(to in floor) || to == from || floor[to] > floor[from])
			return
		printf "%s:%d: %s is not below %s: %s\n", FILENAME, FNR, to,
		    from, $0
		bad = 1
	}
	/^#include "/ { uses(substr($2, 2)) }
	match($0, /require\(.[a-z_.]+.\)/) {
		uses(substr($0, RSTART + 9, RLENGTH - 11))
	}
	END { exit bad }' "$@"
}

bad=0
# shellcheck disable=SC2046 # names without blanks
check "$c_layers" $(find . -name '*.[ch]' | sed 's|^\./||' | sort) || bad=1
cd lua
# shellcheck disable=SC2046 # names without blanks
check "$lua_layers" $(find . -name '*.lua' | sed 's|^\./||' | sort) || bad=1
exit "$bad"
