#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# deb.sh VERSION TARBALL DIRECTORY: makes a Debian package of the sources in
# the tarball, in that directory, and has lintian look at it.

set -eu

version=$1
tarball=$2
directory=$3
debian=$(cd "$(dirname "$0")" && pwd)/debian

packed=$(dpkg-parsechangelog -l "$debian/changelog" -S Version)
if [ "${packed%-*}" != "$version" ]; then
	echo "deb.sh: the changelog is of $packed, not of $version" >&2
	exit 1
fi

mkdir -p "$directory"
work=$(mktemp -d "$directory/deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$tarball" "$work/cartridge-reload_$version.orig.tar.gz"
tar -x -z -C "$work" -f "$tarball"
cp -R "$debian" "$work/cartridge-reload-$version/debian"
# It is a build of its own, whatever make this was started by.
(
	unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS CPPFLAGS LDFLAGS
	cd "$work/cartridge-reload-$version"
	dpkg-buildpackage -us -uc
) >"$work/log" 2>&1 || {
	tail -n 40 "$work/log" >&2
	exit 1
}
(cd "$work" && lintian --fail-on error --allow-root ./*.changes)
rm -rf "$work/cartridge-reload-$version" "$work/log"
mv "$work"/* "$directory/"
