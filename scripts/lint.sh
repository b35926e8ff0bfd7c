#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# lint.sh VERSION SCRIPT ...: checks the order of folders and includes, the
# manual, the Lua, these scripts, and the C with cppcheck.

set -eu

cd "$(dirname "$0")/.."
version=$1
shift
scripts/check-layers.sh
scripts/check-tests.sh
scripts/check-includes.sh
mandoc -T lint -W warning man/*
for page in man/*; do
	groff -mandoc -Tutf8 -ww -rLL=80n -z "$page"
done 2>&1 | (! grep .)
luacheck -q src/lua tests
# One process a script: shellcheck takes a second for each.
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" shellcheck -x -e SC2317
cppcheck -q -j "$(nproc)" --error-exitcode=1 --inline-suppr --std=c11 \
    --enable=warning,portability --suppress=missingIncludeSystem \
    --suppress=ctuuninitvar -Isrc -D__GNUC__ "-DCR_VERSION=\"$version\"" src
# Only these files read the environment; the manual is checked against them.
grep -rn 'getenv(' src | (! grep -v '^src/util/environment\.[ch]:\|^src/lua/core/environment\.lua:')
