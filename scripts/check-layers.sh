#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# check-layers.sh: keeps the order of the folders below src.  A file may include
# what is in its own folder and in folders of the lines below its own, not in
# others of the same line, and nothing above.  Prints each line that does.

set -eu

cd "$(dirname "$0")/../src"

# The one place that says the order, from the top to the ground.
c_layers='
main
repl
rollout
cli
output net
proto target
util'

check()
{
	awk -v layers="$c_layers" '
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
		from = from ~ /\// ? substr(from, 1, index(from, "/") - 1) : "main"
		if (!(from in floor)) {
			printf "src/%s: unknown folder %s\n", FILENAME, from
			bad = 1
		}
	}
	/^#include "/ {
		to = substr($2, 2, index($2, "/") - 2)
		if (to != from && floor[to] <= floor[from]) {
			printf "src/%s:%d: %s may not include %s: %s\n",
			    FILENAME, FNR, from, to, $0
			bad = 1
		}
	}
	END { exit bad }' "$@"
}

# shellcheck disable=SC2046 # names without blanks
check $(find . -name '*.[ch]' | sed 's|^\./||' | sort)
