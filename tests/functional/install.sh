#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Which files `make install` installs, that `make uninstall` removes them, and
# the module for tt.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The settings of this build, so that nothing is rebuilt.
target()
{
	local words=(-s -C "$TOP" B="$BUILD_DIR" PREFIX=/opt/cr
	    DESTDIR="$WORK/root")
	[[ $BUILD_DIR != */san ]] || words+=(SAN=1)
	[[ $BUILD_DIR != */coverage* ]] || words+=(COVERAGE=1)
	make "${words[@]}" "$@"
}

installed()
{
	(cd root && find . ! -type d | LC_ALL=C sort)
}

# shellcheck disable=SC2094 # the file that is written is another
version=$("$CARTRIDGE_RELOAD" --version)
version=${version#cartridge-reload }

ok 'make install' target install
is "$(installed)" './opt/cr/bin/cartridge-reload
./opt/cr/share/bash-completion/completions/cartridge-reload
./opt/cr/share/cartridge-reload/systemd/reload.conf
./opt/cr/share/cartridge-reload/tt/reload/main
./opt/cr/share/cartridge-reload/tt/reload/manifest.yaml
./opt/cr/share/fish/vendor_completions.d/cartridge-reload.fish
./opt/cr/share/man/man1/cartridge-reload.1
./opt/cr/share/man/man5/cartridge-reload.5
./opt/cr/share/man/man7/cartridge-reload.7
./opt/cr/share/zsh/site-functions/_cartridge-reload' \
    'make install installs all files'
is "$(find root -type f ! -path '*/bin/*' -perm /133)" '' \
    'data is not executable, and not writable by others'
is "$(root/opt/cr/bin/cartridge-reload --version)" \
    "cartridge-reload $version" 'the installed program runs'
ok 'make install can be repeated' target install
ok 'the manual is found' \
    grep -q '^.Nm cartridge-reload$' root/opt/cr/share/man/man1/*.1
sed 's/\\//g' root/opt/cr/share/man/man?/cartridge-reload.? >manual
is "$(grep -o '/[a-z/]*/cartridge-reload[a-z./]*' manual | LC_ALL=C sort -u)" \
    '/opt/cr/bin/cartridge-reload
/opt/cr/share/cartridge-reload/systemd/reload.conf
/opt/cr/share/cartridge-reload/tt' 'the manual names the installed paths'
is "$(grep -c /usr/local manual)" 1 'other paths in the manual are unchanged'
is "$(grep ^ExecReload= root/opt/cr/share/cartridge-reload/systemd/*)" \
    'ExecReload=/opt/cr/bin/cartridge-reload --wait 30' \
    'the drop-in for systemd names the program'

# The checks of tt for a module: `main`, relative to the manifest, must be a
# program; `version` and `help` must not be empty.
module=root/opt/cr/share/cartridge-reload/tt/reload
is "$(readlink $module/main)" /opt/cr/bin/cartridge-reload \
    'main of the tt module is the program'
lua '
	local text = io.open(arg[1]):read("*a")
	local manifest = require("yaml").decode(text)
	local keys = {}
	for key, value in pairs(manifest) do
		assert(type(value) == "string" and value ~= "", key)
		table.insert(keys, key .. "=" .. value)
	end
	table.sort(keys)
	print(table.concat(keys, "\n"))
	os.exit(0)' $module/manifest.yaml >manifest
is "$(cat manifest)" "\
help=Reload the code of a running Tarantool application
main=main
version=$version" 'its manifest is as tt wants it'

mkdir -p root/opt/cr/share/cartridge-reload-not-ours
: >root/opt/cr/share/cartridge-reload-not-ours/kept
ok 'make uninstall' target uninstall
is "$(installed)" './opt/cr/share/cartridge-reload-not-ours/kept' \
    'make uninstall removes only installed files'

# In the clone of another user, as with sudo, and in a directory of its own for
# what is temporary.
if [ "$(id -u)" -eq 0 ] && command -v git >/dev/null &&
    git -C "$TOP" -c safe.directory="$TOP" rev-parse >/dev/null 2>&1; then
	mkdir clone temporary
	git init -q clone
	mkdir -p clone/scripts/packaging
	cp "$TOP/scripts/packaging/dist.sh" clone/scripts/packaging/
	git -C clone add . && git -C clone -c user.name=x -c user.email=x@x \
	    commit -qm x
	chown -R 65534 clone
	ok 'a tarball of a clone of another user'"'"'s' env -u SUDO_UID \
	    TMPDIR="$WORK/temporary" clone/scripts/packaging/dist.sh 1 \
	    "$WORK/dist.tar.gz"
	is "$(tar -tzf dist.tar.gz)" cartridge-reload-1/scripts/packaging/dist.sh \
	    'has its sources'
	is "$(ls temporary)" '' 'and nothing is left behind'
else
	skip 'a tarball of a clone' 'only root can give files away'
fi

done_testing
