#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# analyze.sh TOOL OUT SOURCE FLAG ...: checks a C file with the static analyser
# of gcc or clang, or with clang-tidy (TOOL: tidy), as it is compiled with these
# flags.  Writes OUT, which is new if the tool has no findings; fails otherwise.

set -eu

tool=$1
out=$2
source=$3
shift 3

mkdir -p "${out%/*}"
case $tool in
gcc)
	echo "  GCC     $source"
	# gcc reports a leak where a pointer is stored in an array or through
	# another pointer.  clang, valgrind and the sanitizers look for leaks.
	gcc "$@" -fanalyzer -Wno-analyzer-malloc-leak -Werror -c -o "$out" \
	    "$source"
	;;
clang)
	echo "  CLANG   $source"
	clang "$@" --analyze -Xclang -analyzer-output=text \
	    -Xclang -analyzer-werror -o "$out" "$source"
	touch "$out"
	;;
tidy)
	echo "  TIDY    $source"
	clang-tidy --quiet "$source" -- "$@" 2>"$out.log" || {
		cat "$out.log"
		exit 1
	}
	touch "$out"
	;;
esac
