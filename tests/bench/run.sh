#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# run.sh [SECTION ...]: measures, and tells for each target figure whether it was
# met.  Runs all sections by default: startup, scale, stalls, memory, load, stale,
# fleet, push, reply, promises, plain, iproto.  The results are in BENCH_OUT
# (build/bench): report.md, tables as csv, plots as svg.
#
# Environment: CARTRIDGE_RELOAD, TARANTOOL, CARTRIDGE_ROCKS as for the live
# suites; BENCH_QUICK=1: takes about three minutes, but is less exact;
# BENCH_STRICT=1: fails if a figure was missed; BUILD_DIR, BENCH_OUT.

set -u
LC_ALL=C
export LC_ALL

cd "$(dirname "$0")/../.." || exit 1
bench=tests/bench
# The sections change to directories of their own.
BUILD_DIR=$(cd "${BUILD_DIR:-build}" && pwd) || exit 1
export BUILD_DIR
out=${BENCH_OUT:-$BUILD_DIR/bench}
mkdir -p "$out" || exit 1
BENCH_OUT=$(cd "$out" && pwd)
CARTRIDGE_RELOAD=${CARTRIDGE_RELOAD:-$PWD/build/cartridge-reload}
TARANTOOL=${TARANTOOL:-tarantool}
export BENCH_OUT CARTRIDGE_RELOAD TARANTOOL

[ -x "$CARTRIDGE_RELOAD" ] || {
	echo "run.sh: no $CARTRIDGE_RELOAD: run make" >&2
	exit 1
}

[ $# -gt 0 ] || set -- startup scale stalls memory load stale fleet push reply promises plain iproto
for section; do
	case $section in
	startup|scale|stalls|memory|load|stale|fleet|push|reply|promises|plain|iproto)
		;;
	*)
		echo "usage: run.sh [startup|scale|stalls|memory|load|stale|" \
		    "fleet|push|reply|promises|plain|iproto ...]" >&2
		exit 1
		;;
	esac
done

# A signal to this script alone must reach the section too.
pid=
# shellcheck disable=SC2317 # called by the traps
interrupted()
{
	trap '' INT TERM HUP
	if [ -n "$pid" ]; then
		kill -TERM "$pid" 2>/dev/null
		wait "$pid"
	fi
	exit "$1"
}
trap 'interrupted 129' HUP
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

machine()
{
	echo "- machine: $(nproc) cores," \
	    "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
	    "Linux $(uname -r)"
	echo "- load average before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	echo "- program: $("$CARTRIDGE_RELOAD" --version | head -n 1)," \
	    "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)" \
	    "$([ -z "$(git status --porcelain -- src 2>/dev/null)" ] ||
	    echo '(changed)')"
	echo "- server: $("$TARANTOOL" --version | head -n 1)"
	if [ -n "${CARTRIDGE_ROCKS:-}" ]; then
		echo '- Cartridge: the real one, from CARTRIDGE_ROCKS'
	else
		echo '- Cartridge: the stand-in under tests/support/fake_cartridge'
	fi
	echo "- tools: $(hyperfine --version)," \
	    "$(wrk -v 2>&1 | sed -n 's/^\(wrk [^ ]*\).*/\1/p')," \
	    "$(socat -V | sed -n 's/^\(socat\) version \([^ ]*\).*/\1 \2/p')," \
	    "$(gnuplot --version)"
	echo "- libraries: libyaml $(pkg-config --modversion yaml-0.1)," \
	    "jansson $(pkg-config --modversion jansson)," \
	    "$(getconf GNU_LIBC_VERSION)"
	echo "- date: $(date -u '+%Y-%m-%d %H:%M UTC')"
	[ -z "${BENCH_QUICK:-}" ] ||
	    echo '- a quick run: few repetitions, rough figures'
}

: >"$BENCH_OUT/verdicts"
machine >"$BENCH_OUT/machine"
status=0
for section; do
	"$bench/$section.sh" &
	pid=$!
	wait "$pid" || {
		echo "run.sh: $section failed" >&2
		echo "FAILED   $section: the section broke off" \
		    >>"$BENCH_OUT/$section.verdicts"
		status=1
	}
	pid=
	cat "$BENCH_OUT/$section.verdicts" >>"$BENCH_OUT/verdicts"
done

{
	echo '# cartridge-reload: what was measured'
	echo
	cat "$BENCH_OUT/machine"
	echo "- load average after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	echo "- time: $SECONDS s"
	echo
	sed 's/^/    /' "$BENCH_OUT/verdicts"
	for section; do
		echo
		cat "$BENCH_OUT/$section.md"
	done
} >"$BENCH_OUT/report.md"

echo "report: $BENCH_OUT/report.md ($SECONDS s)"
[ -z "${BENCH_STRICT:-}" ] || ! grep -q ^MISSED "$BENCH_OUT/verdicts" ||
    status=1
exit "$status"
