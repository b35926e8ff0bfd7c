#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# dist.sh VERSION FILE.tar.gz: packs the sources; the same sources always make
# the same file.

set -eu

version=$1
file=$2
cd "$(dirname "$0")/../.."
name=cartridge-reload-$version

list=$(mktemp)
trap 'rm -f "$list" "$list.all" "$file.part"' EXIT
# A clone may be another user's, as with sudo; the one who runs this has named it.
own_git()
{
	git -c safe.directory="$PWD" "$@"
}
if [ -e .git ]; then
	# Names that are still listed, and removed files, are no sources.
	own_git ls-files -co --exclude-standard
	date=$(own_git log -1 --format=%ct)
else
	# These are the sources of such a file.
	find . -path ./build -prune -o ! -type d -print | sed 's|^\./||'
	date=$(stat -c %Y Makefile)
fi >"$list.all"
while read -r path; do
	[ ! -e "$path" ] && [ ! -L "$path" ] || printf '%s\n' "$path"
done <"$list.all" | LC_ALL=C sort >"$list"

tar -c --no-recursion --format=ustar --owner=0 --group=0 --numeric-owner \
    --mode=go=rX,u+rw --mtime="@${SOURCE_DATE_EPOCH:-$date}" \
    --transform="s|^|$name/|" -T "$list" | gzip -9n >"$file.part"
mv "$file.part" "$file"
