#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# install.sh install|uninstall: installs what is built below $DESTDIR$PREFIX, or
# removes what that installs.  Called by the Makefile.
#
# Environment, set by the Makefile: BUILD_DIR, VERSION, INSTALL, DESTDIR, BINDIR,
# MANDIR, COMPLETIONDIR, ZSH_COMPLETIONDIR, FISH_COMPLETIONDIR, DATADIR.

set -eu

cd "$(dirname "$0")/.."
data=$DESTDIR$DATADIR

# roff NAME: NAME as a page of the manual spells it.
roff()
{
	printf '%s\n' "$1" | sed 's/-/\\\\-/g'
}

put()
{
	# shellcheck disable=SC2086 # INSTALL may have arguments
	$INSTALL "$@"
}

install_all()
{
	put -d "$DESTDIR$BINDIR" "$DESTDIR$COMPLETIONDIR" \
	    "$DESTDIR$ZSH_COMPLETIONDIR" "$DESTDIR$FISH_COMPLETIONDIR" \
	    "$data/systemd" "$data/tt/reload"
	put -m 755 "$BUILD_DIR/cartridge-reload" "$DESTDIR$BINDIR/"
	for page in man/*; do
		dir=$DESTDIR$MANDIR/man${page##*.}
		put -d "$dir"
		sed -e "s|/usr/local/share/cartridge\\\\*-reload|$(roff \
		    "$DATADIR")|" \
		    -e "s|/usr/local/bin/cartridge|$(roff \
		    "$BINDIR")/cartridge|" "$page" >"$dir/${page##*/}"
		chmod 644 "$dir/${page##*/}"
	done
	put -m 644 "$BUILD_DIR/completion/cartridge-reload.bash" \
	    "$DESTDIR$COMPLETIONDIR/cartridge-reload"
	put -m 644 "$BUILD_DIR/completion/_cartridge-reload" \
	    "$DESTDIR$ZSH_COMPLETIONDIR/"
	put -m 644 "$BUILD_DIR/completion/cartridge-reload.fish" \
	    "$DESTDIR$FISH_COMPLETIONDIR/"
	sed "s|@BINDIR@|$BINDIR|" scripts/systemd/reload.conf.in \
	    >"$data/systemd/reload.conf"
	sed "s|@VERSION@|$VERSION|" scripts/tt/manifest.yaml.in \
	    >"$data/tt/reload/manifest.yaml"
	chmod 644 "$data/systemd/reload.conf" "$data/tt/reload/manifest.yaml"
	ln -sf "$BINDIR/cartridge-reload" "$data/tt/reload/main"
}

uninstall_all()
{
	for page in man/*; do
		rm -f "$DESTDIR$MANDIR/man${page##*.}/${page##*/}"
	done
	rm -f "$DESTDIR$BINDIR/cartridge-reload" \
	    "$DESTDIR$COMPLETIONDIR/cartridge-reload" \
	    "$DESTDIR$ZSH_COMPLETIONDIR/_cartridge-reload" \
	    "$DESTDIR$FISH_COMPLETIONDIR/cartridge-reload.fish"
	rm -rf "$data"
}

case $1 in
install)	install_all ;;
uninstall)	uninstall_all ;;
esac
