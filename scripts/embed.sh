#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# embed.sh DIR: prints a C file that holds the Lua files below DIR as byte
# arrays, in the table declared in src/proto/script.h.  Arrays, as ISO C promises
# string literals of 4095 characters only.

set -eu
LC_ALL=C
export LC_ALL

[ $# -eq 1 ] || { echo "usage: embed.sh DIR" >&2; exit 1; }
cd "$1"

names=$(find . -name '*.lua' ! -name '.*' | sed 's|^\./||; s|\.lua$||' | sort)

echo '/* Made by scripts/embed.sh; do not edit. */'
echo
echo '#include "proto/script.h"'

# By the name it has in `require`: a/b.lua is "a.b".
sorted=$(for name in $names; do
	printf '%s\n' "$name" | tr / .
done | sort)
if [ -n "$(printf '%s\n' "$sorted" | uniq -d)" ]; then
	echo "embed.sh: two files for one name:" \
	    "$(printf '%s\n' "$sorted" | uniq -d)" >&2
	exit 1
fi

i=0
for name in $sorted; do
	i=$((i + 1))
	echo
	echo "static const unsigned char script_${i}[] = {"
	# Comments and indentation are for us: what is sent is compiled by the
	# instance each time.  The lines keep their numbers.
	sed 's/^[[:space:]]*--.*//; s/^[[:space:]]*//' \
	    "$(printf '%s\n' "$name" | tr . /).lua" |
	    od -An -v -tx1 |
	    sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g; s/^/	/'
	# ISO C has no empty arrays, and this byte also ends the text.
	echo '	0x00'
	echo '};'
done

echo
echo 'const struct script script_table[] = {'
i=0
for name in $sorted; do
	i=$((i + 1))
	echo "	{ \"$name\", script_$i, sizeof(script_$i) - 1 },"
done
echo '	{ 0, 0, 0 }'
echo '};'
