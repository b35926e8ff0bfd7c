#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The command `console` on a terminal, with a real Tarantool: see console.exp.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

command -v expect >/dev/null || skip_all 'there is no expect'
command -v less >/dev/null || skip_all 'there is no less'
expect -c 'exit [catch {spawn -noecho true}]' >/dev/null 2>&1 ||
    skip_all 'there are no pseudo-terminals: is /dev/pts mounted?'

for name in one two; do
	start_app plain
	ln -s "$APP_SOCK" "$WORK/$name.sock"
	declare "$name=$APP_PID"
done
start_app shop
app_version 2
like "$(http_get /hello)" 'v1' 'version 1 serves'

# If the console had kept the delimiter, this would wait without end.
printf '%s\n' "require('console').delimiter('!')" 'function twice(x)' \
    'return 2 * x' 'end!' 'twice(21)!' "require('console').delimiter('')!" \
    'twice(4)' | "$CARTRIDGE_RELOAD" console -s "$APP_SOCK" -t 20 -o json \
    >"$OUT" 2>"$ERR"
is "$? $(paste -sd' ' "$OUT") $(cat "$ERR")" '0 [] [] [42] [] [8] ' \
    'a delimiter ends statements'

BUILD_DIR=${BUILD_DIR:-build}
case $BUILD_DIR in
/*) ;;
*) BUILD_DIR=$(dirname "$TESTS_DIR")/$BUILD_DIR ;;
esac
# shellcheck disable=SC2154 # declared above
env -u PAGER -u LESS -u NO_COLOR HOME="$WORK" WORK="$WORK" \
    PROGRAM="$CARTRIDGE_RELOAD" FAKE="$BUILD_DIR/fakes/fake_console" \
    SOCK="$APP_SOCK" ONE_PID="$one" TWO_PID="$two" LC_ALL=C.UTF-8 \
    expect -f "$LIVE_DIR/console.exp" >"$OUT" 2>"$ERR" </dev/null
while read -r line; do
	case $line in
	'ok - '*) pass "${line#ok - }" ;;
	'not ok - '*) fail "${line#not ok - }" ;;
	'# '*) diag "${line#\# }" ;;
	finished) finished=yes ;;
	*) diag "$line" ;;
	esac
done <"$OUT"
is "${finished:-} $(cat "$ERR")" 'yes ' 'every line of the session was run'
like "$(http_get /hello)" 'v2' '\reload in the console loads new code'

done_testing
