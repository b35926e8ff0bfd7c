#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# install-deps.sh [build|check|demo|bench|dist|deb|fuzz|lint|list]: installs the
# Debian packages needed for that.  Packages that are there already are left
# alone, and if none is missing nothing is done.  Without root, prints the
# command that root would have to run and fails.

set -eu

libraries='libbsd-dev libmd-dev libyaml-dev libjansson-dev libmsgpuck-dev'
libraries="$libraries libreadline-dev"
build="gcc libc6-dev make pkg-config $libraries"
demo="$build tarantool curl"
check="$demo libcmocka-dev mandoc socat valgrind wrk zsh fish systemd"
check="$check expect less groff-base python3-jsonschema"
bench="$check hyperfine gnuplot-nox"
dist=git
deb="$build libcmocka-dev build-essential debhelper fakeroot lintian mmdebstrap"
fuzz="$build clang libclang-rt-dev"
lint="$build libcmocka-dev clang clang-tidy lua-check shellcheck mandoc"
lint="$lint cppcheck groff-base"

case ${1-build} in
build) want=$build ;;
check) want=$check ;;
demo) want=$demo ;;
bench) want=$bench ;;
dist) want=$dist ;;
deb) want=$deb ;;
fuzz) want=$fuzz ;;
lint) want=$lint ;;
list)
	for set in build check demo bench dist deb fuzz lint; do
		eval "echo \"$set: \$$set\""
	done
	exit 0
	;;
*)
	echo "usage: install-deps.sh" \
	    "[build|check|demo|bench|dist|deb|fuzz|lint|list]" >&2
	exit 1
	;;
esac

# Another server than Debian's was named.
if [ "${TARANTOOL:-tarantool}" != tarantool ]; then
	want=$(printf '%s\n' "$want" | tr ' ' '\n' | grep -vx tarantool |
	    tr '\n' ' ')
fi

missing=
if command -v dpkg-query >/dev/null 2>&1; then
	for package in $want; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
		    2>/dev/null) || status=
		[ "$status" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
	# Another system has other names for them: no way to tell what is there.
	echo "install-deps.sh: no apt-get here, so nothing was installed;" \
	    "needed are (Debian's names): $want" >&2
	exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
	echo "install-deps.sh: packages are missing; run:" >&2
	echo "    sudo apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi

echo "installing:$missing" >&2
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
# The list of packages may be missing or too old on a fresh machine.
apt-get -q update >&2
# shellcheck disable=SC2086 # a list of words
apt-get -q install -y --no-install-recommends $missing >&2
