#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# A peer that misbehaves at every byte: for an exchange of each command, what
# the console says stops, is cut, delayed, or has a byte missing, twice or
# wrong; also of lines from a pipe, and of a cluster through one instance.
# fakes/misbehave says what must hold then.
#
# At each FAULT_EVERYth offset (29, or 97 in instrumented builds, which take
# several times as long); FAULT_EVERY=1 takes some minutes.

# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/../functional/lib.sh"
# shellcheck source=tests/functional/exchanges.sh
. "$CLI_DIR/exchanges.sh"

case $BUILD_DIR in
*/san | */coverage) every=${FAULT_EVERY:-97} ;;
*) every=${FAULT_EVERY:-29} ;;
esac

mkdir ext
echo 'return 1' >ext/a.lua

# The same as a golden reply, after messages on the progress.
push='%TAG !push! tag:tarantool.io/push,2018\n--- '
printf %b "${push}load\n...\n${push}|-\n  a\n  b\n...\n" |
    cat - "$CLI_DIR/golden/reload-reloaded.yaml" >pushes.yaml

# misbehave REPLY COMMAND [ARGUMENT ...], with the options in EXCHANGE
misbehave()
{
	local reply=$1 said runs failed late
	shift
	said=$("$BUILD_DIR/fakes/misbehave" -e "$every" -j 12 \
	    "${EXCHANGE[@]}" "$reply" "$CARTRIDGE_RELOAD" "$@")
	read -r runs failed late <<<"${said##*$'\n'}"
	if [ "${runs:-0}" -gt 0 ] && [ "$failed" = 0 ]; then
		pass "$*: $(basename "$reply" .yaml): all $runs faults"
		diag "the latest end was $late ms after its time"
	else
		fail "$*: $(basename "$reply" .yaml): $failed of $runs faults" \
		    "$said"
	fi
}

EXCHANGE=()

for reply in reload-reloaded reload-init plan-planned status-ok stale-found; do
	misbehave "$CLI_DIR/golden/$reply.yaml" "${reply%%-*}"
done
misbehave "$CLI_DIR/golden/push-ok.yaml" push ../ext
misbehave "$CLI_DIR/golden/eval-values.yaml" eval 1
misbehave "$PWD/pushes.yaml" reload --verbose

EXCHANGE=("${CONSOLE[@]}")
misbehave "$CLI_DIR/golden/status-ok.yaml" console

EXCHANGE=("${CLUSTER[@]}")
misbehave "$CLI_DIR/golden/status-ok.yaml" status --cluster
misbehave "$PWD/planned.yaml" plan --cluster
misbehave "$PWD/reloaded.yaml" reload --cluster

# A binary port.
EXCHANGE=(-b)
for reply in reload-reloaded status-ok; do
	misbehave "$CLI_DIR/golden/$reply.yaml" "${reply%%-*}"
done
misbehave "$CLI_DIR/golden/eval-values.yaml" eval 1
misbehave "$PWD/pushes.yaml" reload --verbose
EXCHANGE=(-b "${CONSOLE[@]}")
misbehave "$CLI_DIR/golden/status-ok.yaml" console
EXCHANGE=(-b "${CLUSTER[@]}")
misbehave "$PWD/reloaded.yaml" reload --cluster

done_testing
