#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# check.sh DIRECTORY FAKE_CONSOLE: installs the package in that directory in a
# new root of Debian 12, uses it there, removes it, and looks whether anything
# is left.  Needs root, to be in that root, and Debian's archive.

set -eu

package=$(echo "$1"/cartridge-reload_*.deb)
fake=$2
[ "$(id -u)" -eq 0 ] || { echo 'check.sh: has to be run by root' >&2; exit 1; }

work=$(mktemp -d)
root=$work/root
console=
cleanup()
{
	[ -z "$console" ] || kill "$console" 2>/dev/null || :
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

count=0
passed()
{
	count=$((count + 1))
	echo "ok $count - $1"
}
failed()
{
	echo "not ok $((count + 1)) - $1"
	exit 1
}
inside()
{
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
	    chroot "$root" "$@"
}
# Whatever there is but what dpkg, apt and ldconfig keep of what they did.
files()
{
	find "$root" -xdev ! -path "$root/var/*" ! -path "$root/tmp/*" \
	    ! -path "$root/etc/ld.so.cache" ! -path "$root/proc/*" \
	    -printf '%P %y %m %u %g\n' | LC_ALL=C sort
}

# The libraries are not part of the package, and are there before and after.
depends=$(for field in Depends Recommends; do
	dpkg-deb -f "$package" "$field"
done | sed 's/ *([^)]*)//g; s/, */,/g' | paste -s -d ,)
mmdebstrap -q --variant=apt --include="$depends" bookworm "$root" \
    >"$work/log" 2>&1 || { tail -n 20 "$work/log"; failed 'a new root'; }
passed 'a new root'
cp "$package" "$root/tmp/package.deb"
files >"$work/before"

inside dpkg -i /tmp/package.deb >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log"; failed 'it is installed'; }
passed 'it is installed'
version=$(dpkg-deb -f "$package" Version)
[ "$(inside cartridge-reload --version)" = \
    "cartridge-reload ${version%-*}" ] || failed 'the program runs'
passed 'the program runs'
# The one library that is looked for only when it is needed.
[ -n "$(find "$root/lib" "$root/usr/lib" -name libreadline.so.8 2>/dev/null)" ] ||
    failed 'GNU readline is there'
passed 'GNU readline is there'

# Minimal roots are set up to leave manuals out, so the package is asked.
dpkg-deb -c "$package" | awk '{ print $6 }' >"$work/list"
for path in usr/share/man/man1/cartridge-reload.1.gz \
    usr/share/man/man5/cartridge-reload.5.gz \
    usr/share/man/man7/cartridge-reload.7.gz \
    usr/share/bash-completion/completions/cartridge-reload \
    usr/share/zsh/vendor-completions/_cartridge-reload \
    usr/share/fish/vendor_completions.d/cartridge-reload.fish \
    usr/share/cartridge-reload/systemd/reload.conf \
    usr/share/cartridge-reload/tt/reload/manifest.yaml \
    usr/share/cartridge-reload/tt/reload/main \
    usr/share/doc/cartridge-reload/copyright \
    usr/share/doc/cartridge-reload/changelog.Debian.gz; do
	grep -qx "./$path" "$work/list" || failed "it has /$path"
	passed "it has /$path"
done
inside grep -qx 'ExecReload=/usr/bin/cartridge-reload --wait 30' \
    /usr/share/cartridge-reload/systemd/reload.conf ||
    failed 'the drop-in names the program'
inside bash -c '. /usr/share/bash-completion/completions/cartridge-reload' ||
    failed 'the completion can be read'
inside /usr/share/cartridge-reload/tt/reload/main --help >/dev/null ||
    failed "tt's module is the program"
passed 'the files know where the program is'

mkfifo "$work/ready"
"$fake" "$root/tmp/shop.web.control" greet answer request \
    'send=---\n- cartridge_reload: 1\n  outcome: reloaded\n  generation: 1\n...\n' \
    hold >"$work/ready" &
console=$!
read -r _ <"$work/ready"
inside cartridge-reload --run-dir /tmp --app shop >"$work/out" 2>&1 ||
    { cat "$work/out"; failed 'it reloads'; }
grep -q 'reloaded to generation 1' "$work/out" || failed 'it reloads'
passed 'it reloads'

inside dpkg -P cartridge-reload >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log"; failed 'it is removed'; }
files >"$work/after"
diff "$work/before" "$work/after" || failed 'and nothing is left'
passed 'it is removed, and nothing is left'
echo "1..$count"
