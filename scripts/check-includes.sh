#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# check-includes.sh: keeps the order of #include lines in C files: in each block
# of them the names are sorted, except that the own header of a file comes first.
# Prints each line that is out of order.

set -eu

cd "$(dirname "$0")/.."

# shellcheck disable=SC2046 # names without blanks
LC_ALL=C awk '
FNR == 1 {
	own = FILENAME
	sub(/^src\//, "", own)
	sub(/\.c$/, ".h", own)
	last = ""
}
!/^#include/ { last = ""; next }
{
	name = $2
	gsub(/[<>"]/, "", name)
	kind = substr($2, 1, 1)
	if (last != "" && name == own || kind == last_kind && last != own &&
	    name < last) {
		printf "%s:%d: not in order: %s\n", FILENAME, FNR, $0
		bad = 1
	}
	last = name
	last_kind = kind
}
END { exit bad }' $(find src tests scripts -name '*.[ch]' | LC_ALL=C sort)
