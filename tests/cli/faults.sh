#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# A peer that misbehaves at every byte: for an exchange of each command, what
# the console says stops, is cut, delayed, or has a byte missing, twice or
# wrong.  tools/misbehave says what must hold then.
#
# At each FAULT_EVERYth offset (29); FAULT_EVERY=1 takes some minutes.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

every=${FAULT_EVERY:-29}

mkdir ext
echo 'return 1' >ext/a.lua

# The same as a golden reply, after messages on the progress.
push='%TAG !push! tag:tarantool.io/push,2018\n--- '
printf %b "${push}load\n...\n${push}|-\n  a\n  b\n...\n" |
    cat - "$CLI_DIR/golden/reload-reloaded.yaml" >pushes.yaml

# misbehave REPLY COMMAND [ARGUMENT ...]
misbehave()
{
	local reply=$1 said runs failed late
	shift
	said=$("$BUILD_DIR/tools/misbehave" -e "$every" -j 12 "$reply" \
	    "$CARTRIDGE_RELOAD" "$@")
	read -r runs failed late <<<"${said##*$'\n'}"
	if [ "${runs:-0}" -gt 0 ] && [ "$failed" = 0 ]; then
		pass "$1: $(basename "$reply" .yaml): all $runs faults"
		diag "the latest end was $late ms after its time"
	else
		fail "$1: $(basename "$reply" .yaml): $failed of $runs faults" \
		    "$said"
	fi
}

for reply in reload-reloaded reload-init plan-planned status-ok stale-found; do
	misbehave "$CLI_DIR/golden/$reply.yaml" "${reply%%-*}"
done
misbehave "$CLI_DIR/golden/push-ok.yaml" push "$PWD/ext"
misbehave "$CLI_DIR/golden/eval-values.yaml" eval 1
misbehave "$PWD/pushes.yaml" reload --verbose

done_testing
