#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The drop-in for systemd: checked by systemd-analyze, and its command run with
# a real application.

# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

command -v systemd-analyze >/dev/null || skip_all 'no systemd-analyze here'

UNITS=$WORK/units
DROP_IN=$UNITS/shop@.service.d
mkdir -p "$DROP_IN"
sed "s|@BINDIR@|$(dirname "$CARTRIDGE_RELOAD")|" \
    "$TESTS_DIR/../scripts/systemd/reload.conf.in" >"$DROP_IN/reload.conf"

# The unit of an instance, as packed by cartridge-cli.
# unit COMMAND LINE ...
unit()
{
	printf '%s\n' '[Unit]' 'Description=Tarantool Cartridge app shop@%i' \
	    'After=network.target' '[Service]' 'Type=simple' "ExecStart=$1" \
	    'Restart=on-failure' 'RestartSec=2' "${@:2}" \
	    'Environment=TARANTOOL_APP_NAME=shop' \
	    'Environment=TARANTOOL_CFG=/etc/tarantool/conf.d/' \
	    'Environment=TARANTOOL_INSTANCE_NAME=%i' \
	    'TimeoutStartSec=86400s' 'TimeoutStopSec=10s' \
	    '[Install]' 'WantedBy=multi-user.target' 'Alias=shop.%i' \
	    >"$UNITS/shop@.service"
}

# verify: whether systemd-analyze accepts the unit with its drop-in.
verify()
{
	SYSTEMD_UNIT_PATH=$UNITS: \
	    systemd-analyze verify --man=no shop@web.service >"$OUT" 2>&1 &&
	    ! grep -F "$UNITS" "$OUT"
}

unit "$(command -v sleep) infinity" 'User=tarantool' 'Group=tarantool' \
    'Environment=TARANTOOL_CONSOLE_SOCK=/var/run/tarantool/shop.%i.control'
ok 'systemd accepts the unit with the drop-in' verify
sed -i 's/^ExecReload=.*/ExecReload=no-such-program/' "$DROP_IN/reload.conf"
if verify; then
	fail 'and would tell if something was wrong' "$(cat "$OUT")"
else
	pass 'systemd rejects an invalid drop-in'
fi

# --- What it runs ------------------------------------------------------------

# No service manager is started here: it would move processes of the machine
# into its own control groups.  ExecReload= has no quotes and no specifiers, so
# splitting at blanks gives the words of systemd; it is run with the environment
# of the unit, and systemctl reload fails exactly if it does.
exec_reload()
{
	local words variable
	read -r -a words < <(sed -n 's/^ExecReload=//p' "$DROP_IN/reload.conf")
	variable=$(sed -n 's/^Environment=\(TARANTOOL_CONSOLE_SOCK=.*\)/\1/p' \
	    "$UNITS/shop@.service")
	env -i "${variable//%i/web}" "${words[@]}" >"$OUT" 2>"$ERR" </dev/null
	RC=$?
}
generation()
{
	app_eval 'return __cartridge_reload.generation'
}

start_app shop
mkdir "$WORK/run"
ln -s "$APP_SOCK" "$WORK/run/shop.web.control"
sed "s|@BINDIR@|$(dirname "$CARTRIDGE_RELOAD")|" \
    "$TESTS_DIR/../scripts/systemd/reload.conf.in" >"$DROP_IN/reload.conf"
unit "$(command -v sleep) infinity" 'User=tarantool' 'Group=tarantool' \
    "Environment=TARANTOOL_CONSOLE_SOCK=$WORK/run/shop.%i.control"
ok 'systemd accepts the unit of this application' verify

app_version 2
exec_reload
is "$RC $(cat "$ERR")" '0 ' 'ExecReload= succeeds'
is "$(generation) $(http_get /hello)" '1 hello v2' 'ExecReload= loads new code'
app_version 3 "storage_init=error('no coffee')"
exec_reload
is "$RC" 3 'ExecReload= of broken code ends with the exit status of a failure'
is "$(generation) $(http_get /hello)" '1 hello v2' 'the old code is still serving'
app_version 4
exec_reload
is "$RC $(generation) $(http_get /hello)" '0 2 hello v4' \
    'code that was corrected is loaded'

done_testing
