#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# An application with malicious names of modules, roles, fibers, routes, aliases
# and errors: unescaped, they would be executed or interpreted by a terminal.

# shellcheck source=tests/live/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

# An executed name creates a file here; nothing else runs in this directory.
export TRACE=$WORK/executed

# Characters that names of files and of modules may contain.
names=(
	'$(>$TRACE)' '`>$TRACE`' ';>$TRACE;' "' .. os.execute('>\$TRACE') .. '"
	']] .. os.execute([[>$TRACE]]) .. [[' '" .. os.execute(">$TRACE") .. "'
	$'\e[2J\e]0;title\a' $'\xc2\x9b31m' $'a\xff\xfeb' $'\xe2\x80\xaefdp'
	$'two\nlines' '%s%n%d' '[a-z]*?' '-x' ' ' $'\\x41\\' '!!binary' '- a: &b'
)

is_harmless()
{
	! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' \
	    "$1" && iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
}

# looks_well NAME: nothing was executed, and the output is safe for a terminal.
looks_well()
{
	if [ -e "$TRACE" ]; then
		fail "$1: something was run"
		rm -f "$TRACE"
	elif ! is_harmless "$OUT" || ! is_harmless "$ERR"; then
		fail "$1: a terminal would obey it" "$(cat -v "$OUT" "$ERR")"
	else
		pass \
		    "$1: no text is executed, and no escape sequence is printed"
	fi
}

# written MODULE: writes a module of that name, and prints a line that requires
# it.
written()
{
	# In the name of a module a dot means a slash.
	local file=$APP_DIR/app/odd/${1//.//}.lua
	mkdir -p "${file%/*}"
	printf 'return {version = 1}\n' >"$file" || return
	# Decimal escapes, for Lua.
	printf 'require("%s")\n' "$(printf 'app.odd.%s' "$1" |
	    od -An -v -tu1 | tr -s '\n' ' ' | sed 's/ *$//; s/ \+/\\/g')" \
	    >>"$WORK/requires"
}

# The name of a role, a fiber and an error, as Lua escapes.
evil='\27[2J\27]0;x\7$(>$TRACE)`>$TRACE`\\" .. \226\128\174 \255\254 \13cartridge-reload: ok'

export BOOTSTRAP=yes
launch_names()
{
	local name
	: >"$WORK/requires"
	for name in "${names[@]}"; do
		written "$name" || return
	done
}

start_app shop TRACE="$TRACE"
ok_names=0
launch_names && ok_names=1
is "$ok_names" 1 'files with all these names exist'
requires=$(tr '\n' ' ' <"$WORK/requires")
app_version 2 "web_top=$requires" "audit_init=fiber.create(function()
    fiber.name('$evil', {truncate = true})
    while true do fiber.sleep(1) end end)"

reload plan
is "$RC" 0 'plan succeeds'
looks_well 'plan'
reload
is "$RC $(json i.outcome)" '0 reloaded' 'a reload to these modules succeeds'
looks_well 'reload'
is "$(json 'names(i.modules):find("app.odd.$(>$TRACE)", 1, true) ~= nil')" \
    true 'modules are reported by their names'
is "$(http_get /hello)" 'hello v2' 'the new code serves'
for command in reload plan status stale; do
	run -s "$APP_SOCK" --verbose "$command"
	is "$RC" 0 "$command, as text"
	looks_well "$command"
done

# Each name as a glob: it matches at most that module, and is not executed.
for name in "${names[@]}"; do
	printf %s "$name" | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1 || continue
	run -s "$APP_SOCK" plan --module "app.odd.$name" --exclude "$name"
	looks_well "--module $(printf %q "$name")"
done

# Errors with such a text, in each phase.
for place in web_top web_init web_validate; do
	app_version 3 "$place=error('$evil')"
	run -s "$APP_SOCK" --verbose
	is "$RC" 3 "an error in $place"
	looks_well "an error in $place"
	reload
	is "$RC" 3 "an error in $place, in JSON"
	isnt "$(json i.error.code)" null 'an error in JSON has a code'
	looks_well "an error in $place"
done
is "$(http_get /hello)" 'hello v2' 'the old code is still serving'

# Names of roles and of the instance itself.
app_version 4 "web_end=M.role_name = '$evil'"
run -s "$APP_SOCK" --verbose
looks_well 'a role of that name'
run -s "$APP_SOCK" eval "return '$evil', {['$evil'] = '$evil'}"
is "$RC" 0 'eval prints escaped results'
looks_well 'eval'
run -s "$APP_SOCK" eval "error('$evil')"
is "$RC" 3 'eval prints an escaped error'
looks_well 'eval of an error'
run -s "$APP_SOCK" eval "error({['$evil'] = '$evil'})"
looks_well 'eval of an error that is a table'
run -s "$APP_SOCK" eval "box.session.push('$evil') return 1" --verbose
looks_well 'eval with a push'

done_testing
