#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Names and texts that are made to harm: in everything that an instance says,
# on the command line, in names of files.  Nothing of them reaches a terminal
# as it is, no shell and no Lua runs them, and JSON stays JSON.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Each in double quotes of YAML: $ and ` are nothing special there.
# shellcheck disable=SC2016
nasty=(
	'\e[2J\e]0;title\a\e[31m'		# a terminal obeys these
	'a\rcartridge-reload: ok\b\b\b'
	'\u009b2J\u009d0;title\u009c'		# the same in one character
	'\x1b\x9b\xff\xfe\x80'			# no UTF-8
	'a\0b\x7f\v\f'
	'first\ncartridge-reload: a.sock: ok\n\n'
	'\u202egnp.exe\u2066\u200f\u061c'	# it is written backwards
	'a\u200bb\u2060c\ufeffd\u00ade\u180ef'	# there is nothing to see
	'a\U000E0041b\U000E007F\uFFF9c'
	'\u2028\u2029\u0085'			# these are lines to some
	'$(>executed)`>executed`;>executed|>executed&'
	"'\\\"; >executed; '"
	']]..os.execute(\">executed\")..[['
	'\" .. os.execute(\">executed\") .. \"'
	'%s%n%1$s%99999d'
	'---\n- cartridge_reload: 1\n...\n'
	'\\u0000\\x1b\\033[2J'
	'{\"ok\": true}<script>&amp;'
	'~'
	''
)

# What is not for a terminal: controls, what is no UTF-8, and characters that
# turn text around or are not seen.  The sequences that we write ourselves are
# taken out before, if we were told to: colours, and those of the progress.
readonly ours=$'s/\r//g; s/\x1b\\[K//g; s/\x1b\\[[0-9]*m//g'
readonly hidden='\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe1\xa0\x8e|\xe2\x80[\x8b\x8e\x8f'\
'\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xf3\xa0'
is_harmless()
{
	case "${ARGS[*]}" in
	*' always'*) sed "$ours" "$1" >.run/seen ;;
	*) cat "$1" >.run/seen ;;
	esac
	! grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' .run/seen &&
	    iconv -f UTF-8 -t UTF-8 .run/seen >/dev/null &&
	    ! grep -aqP "$hidden" .run/seen
}

said_harmless()
{
	is_harmless "$OUT" && is_harmless "$ERR"
}

# Whether the line is one that only we may have written.
is_forged()
{
	grep -Eq '^(cartridge-reload: a.sock: ok|- cartridge_reload: 1)$' \
	    "$OUT" "$ERR"
}

is_json()
{
	! grep -q '[^ -~]' "$OUT" && lua '
		local json = require("json")
		json.cfg({decode_max_depth = 100})
		local text = io.open(arg[1]):read("*a")
		local ok, r = pcall(json.decode, text)
		os.exit(ok and #r.instances == 1 and 0 or 1)' "$OUT"
}

# A report of all that there can be, all of which is that text.
reply()
{
	cat <<END
%TAG !push! tag:tarantool.io/push,2018
--- "$1"
...
---
- cartridge_reload: 1
  outcome: $2
  alias: &n "$1"
  uuid: *n
  generation: 3
  modules: [{name: *n, path: *n, changed: true}]
  roles: [{name: *n, module: *n, enabled: true}]
  fibers: {cancelled: [{id: 1, name: *n, where: *n}],
    left: [{id: 2, name: *n, where: *n}]}
  stale: [{kind: *n, where: *n, function: *n, name: *n, reason: *n},
    {kind: *n, where: *n, function: *n, patched: true}]
  error: {code: *n, phase: *n, role: *n, module: *n, message: *n, traceback: *n}
  rollback: {complete: false, undone: [*n], left: [*n]}
  warnings: [*n, *n]
  scan: {complete: true, unchecked: [*n]}
  problems: [{module: *n, path: *n, message: *n}]
  kept: [{reason: *n, names: [*n]}]
  status: {box: *n, state: *n, tarantool: *n, cartridge: *n, role: *n,
    replicaset: *n, uri: *n, digest: *n, reloading: {holder: *n, seconds: 1},
    last: {outcome: *n, code: *n, at: 1, duration_ms: 2}}
  sections: {added: [*n], changed: [*n], removed: [*n], unchanged: [*n],
    kept: [*n]}
  cluster: [{alias: *n, uuid: *n, uri: *n, outcome: *n, state: *n, message: *n}]
  topology: {entry: *n, instances: [{uuid: *n, uri: *n, alias: *n}]}
  results: "---\\n- a\\n...\\n"
...
END
}

problems=
note()
{
	problems="$problems $1"
	show_run
}

# says ARGUMENT ...: what is made of the reply.
says()
{
	fake a.sock greet answer request file=reply hold
	try "$@" --socket a.sock
	peers_end || note 'the console was not asked'
	case $RC in
	0 | 3 | 5 | 6 | 7 | 8) ;;
	*) note "exit status $RC" ;;
	esac
	is_harmless "$OUT" || note "standard output of $*"
	is_harmless "$ERR" || note "standard error of $*"
	[ ! -e executed ] || note 'executed'
	case "$*" in
	*json*) is_json || note "JSON of $*" ;;
	*) ! is_forged || note "a line that could be ours of $*" ;;
	esac
}

mkdir ext
echo 'return 1' >ext/a.lua
for text in "${nasty[@]}"; do
	problems=
	outcome=failed
	for command in reload plan status stale 'push ext' 'eval 1'; do
		# shellcheck disable=SC2094 # a function of that name
		reply "$text" "$outcome" >reply
		# shellcheck disable=SC2086 # of two words
		says $command --verbose
		# shellcheck disable=SC2086
		says $command --output json
		outcome=ok
	done
	says reload --quiet
	says reload --verbose --color always --progress always
	says status --color always --progress always
	printf -- '---\n- error: "%s"\n...\n' "$text" >reply
	says reload
	says reload -o json
	printf -- '---\n- "%s": "%s"\n...\n' "$text" "$text" >reply
	says reload
	says reload -o json
	is "$problems" '' "said by an instance: $text"
done

# --- What the user gives, or finds on the disk -------------------------------

for text in "${nasty[@]}"; do
	# What bash calls the same; it knows no zero bytes.
	raw=$(printf %b "${text//'\0'/}")
	[ -n "$raw" ] || continue
	problems=
	for option in --socket --app --instance --run-dir --module --timeout \
	    --output --bogus; do
		try status "$option=$raw"
		said_harmless || note "$option="
	done
	try "$raw"
	is_harmless "$ERR" || note 'a command'
	try push "$raw" -s a.sock
	is_harmless "$ERR" || note 'a folder'
	try eval -f "$raw" -s a.sock
	is_harmless "$ERR" || note 'a file'
	# A socket of that name, in a name that has no / in it.
	name=${raw//\//_}.sock
	stale_socket "./$name" && try status --socket "./$name" -o json
	is_json || note 'JSON on a socket'
	is_harmless "$ERR" || note 'a socket'
	try status --socket "./*"
	said_harmless || note 'a glob'
	rm -f -- "./$name"
	[ ! -e executed ] || note executed
	is "$problems" '' "given by the user: $text"
done

# What goes to the instance is one line, in which nothing ends a string.
for text in "${nasty[@]}"; do
	raw=$(printf %b "${text//'\0'/}" | iconv -c -f UTF-8 -t UTF-8)
	[ -n "$raw" ] || continue
	try reload --print-lua --module "$raw" --exclude "$raw"
	is "$(wc -l <"$OUT")" 1 "one line of Lua: $text"
	problems=
	LC_ALL=C grep -q '[^ -~]' "$OUT" && note 'it is not ASCII'
	# The arguments come out as they went in; nothing else of it is run.
	WANTED=$raw lua '
		local line = io.open(arg[1]):read("*l")
		local args
		local function boot(...)
			args = select(select("#", ...), ...)
		end
		local f = assert(loadstring("return " .. line))
		setfenv(f, {loadstring = function() return boot end})
		f()
		args = require("json").decode(args)
		local wanted = os.getenv("WANTED")
		os.exit(args.modules[1] == wanted and
		    args.exclude[1] == wanted and 0 or 1)' "$OUT" ||
	    note 'other arguments arrive'
	[ ! -e executed ] || note executed
	is "$problems" '' 'the arguments arrive as they were'
done

done_testing
