#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Memory runs out at each allocation in turn, once or for good, in a run of
# each command; also of lines from a pipe, and of a cluster through one
# instance.  fakes/misbehave says what must hold then.

# shellcheck source=tests/functional/lib.sh
. "$(dirname "$0")/../functional/lib.sh"
# shellcheck source=tests/functional/exchanges.sh
. "$CLI_DIR/exchanges.sh"

library=$BUILD_DIR/fakes/failmalloc.so

if grep -q __asan_init "$CARTRIDGE_RELOAD"; then
	echo '1..0 # SKIP the sanitizer has an allocator of its own'
	exit
fi

mkdir -p ext/deep
echo 'return 1' >ext/a.lua
echo 'return 2' >ext/deep/b.lua

# Which allocations fail: each of them, or every third.
EVERY=1

# runs_out OPTION REPLY COMMAND [ARGUMENT ...], with the options in EXCHANGE
runs_out()
{
	local option=$1 reply=$2 said runs failed
	shift 2
	said=$("$BUILD_DIR/fakes/misbehave" -m "$library" -j 6 -e "$EVERY" \
	    ${option:+"$option"} "${EXCHANGE[@]}" "$reply" \
	    "$CARTRIDGE_RELOAD" "$@")
	read -r runs failed _ <<<"${said##*$'\n'}"
	# Less than that are not those of a run.
	if [ "${runs:-0}" -gt $((200 / EVERY)) ] && [ "$failed" = 0 ]; then
		pass "$*${option:+, $option}: $(basename "$reply" .yaml): all $runs runs"
	else
		fail "$*${option:+, $option}: $(basename "$reply" .yaml): $failed of $runs" \
		    "$said"
	fi
}

EXCHANGE=()
for reply in reload-reloaded reload-init plan-compile status-ok stale-found; do
	runs_out '' "$CLI_DIR/golden/$reply.yaml" "${reply%%-*}"
done
runs_out '' "$CLI_DIR/golden/push-ok.yaml" push ../ext
runs_out '' "$CLI_DIR/golden/eval-values.yaml" eval 1
runs_out -t "$CLI_DIR/golden/stale-found.yaml" stale
EXCHANGE=("${CONSOLE[@]}")
runs_out '' "$CLI_DIR/golden/status-ok.yaml" console
EXCHANGE=("${CLUSTER[@]}")
runs_out '' "$PWD/reloaded.yaml" reload --cluster

# Most allocations of these are those of a run above.
EVERY=3
runs_out '' "$PWD/planned.yaml" plan --cluster
runs_out '' "$CLI_DIR/golden/status-ok.yaml" status --cluster
runs_out -t "$CLI_DIR/golden/status-ok.yaml" status --cluster
EXCHANGE=()
for reply in reload-init plan-refused; do
	runs_out -t "$CLI_DIR/golden/$reply.yaml" "${reply%%-*}"
done
runs_out -t "$CLI_DIR/golden/push-ok.yaml" push ../ext
runs_out '' "$CLI_DIR/golden/reload-reloaded.yaml" reload --verbose \
    --module 'a.*' --exclude b --progress always --color always
EXCHANGE=("${CONSOLE[@]}")
runs_out -t "$CLI_DIR/golden/status-ok.yaml" console

# A binary port.
EXCHANGE=(-b)
runs_out '' "$CLI_DIR/golden/reload-reloaded.yaml" reload
runs_out -t "$CLI_DIR/golden/stale-found.yaml" stale
EXCHANGE=(-b "${CONSOLE[@]}")
runs_out '' "$CLI_DIR/golden/status-ok.yaml" console

done_testing
