#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# embed.sh DIR: prints a C file that holds the Lua files below DIR, escaped as in
# a Lua string, in the table declared in src/proto/script.h.  Arrays of bytes, as
# ISO C promises string literals of 4095 characters only.

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
	file=$(printf '%s\n' "$name" | tr . /).lua
	echo
	echo "static const char *const required_${i}[] = {"
	grep -ow "require('[a-z0-9_.]*')" "$file" | sort -u |
	    sed "s/.*'\(.*\)'.*/	\"\1\",/"
	echo '	0'
	echo '};'
	echo "static const char script_${i}[] = {"
	# Comments and indentation are for us: what is sent is compiled by the
	# instance each time.  The lines keep their numbers.
	sed 's/^[[:space:]]*--.*//; s/^[[:space:]]*//' "$file" |
	    od -An -v -tu1 | awk '
	# Always three digits, as the byte after them may be a digit too.
	{
		line = ""
		for (i = 1; i <= NF; i++) {
			if ($i == 10)
				line = line "92,110,"
			else if ($i < 32 || $i > 126 || $i == 34 || $i == 92)
				line = line sprintf("92,%d,%d,%d,",
				    48 + int($i / 100), 48 + int($i / 10) % 10,
				    48 + $i % 10)
			else
				line = line $i ","
		}
		print "\t" line
	}'
	# ISO C has no empty arrays, and this byte also ends the text.
	echo '	0'
	echo '};'
done

echo
echo 'const struct script script_table[] = {'
i=0
for name in $sorted; do
	i=$((i + 1))
	echo "	{ \"$name\", script_$i, sizeof(script_$i) - 1, required_$i },"
done
echo '	{ 0, 0, 0, 0 }'
echo '};'
echo
echo "const size_t script_count = $i;"
