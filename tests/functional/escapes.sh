#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Malicious names and texts: in every field that an instance sends, on the
# command line, and in file names.  None reaches a terminal unescaped, no shell
# or Lua runs one, and JSON output stays valid.
#
# ALL=1: each text in the reply to each command, and not only to two of them.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Each is a double-quoted YAML scalar, in which $ and ` have no meaning.
# shellcheck disable=SC2016
nasty=(
	'\e[2J\e]0;title\a\e[31m\x7f\v\f'	# a terminal obeys these
	'a\rcartridge-reload: ok\b\b\b'
	'\u009b2J\u009d0;title\u009c'		# the same in one character
	'\x1b\x9b\xff\xfe\x80'			# no UTF-8
	'a\0b'
	'first\ncartridge-reload: a.sock: ok\n\n'
	'\u202egnp.exe\u2066\u200f\u061c\u2028\u2029\u0085'	# turned, or lines
	'a\u200bb\u2060c\ufeffd\u00ade\u180ef\U000E0041\U000E007F\uFFF9' # not seen
	'$(>executed)`>executed`;>executed|>executed&'
	"'\\\"; >executed; '"
	']]..os.execute(\">executed\")..[['
	'\" .. os.execute(\">executed\") .. \"'
	'%s%n%1$s%99999d\\u0000\\x1b\\033[2J'
	'---\n- cartridge_reload: 1\n...\n'
	'{\"ok\": true}<script>&amp;'
	'~'
	''
)

# Finds bytes that must not reach a terminal: control characters, invalid UTF-8,
# and characters that reverse text or are invisible.  The sequences of the
# program itself (colours, progress) are removed before, if requested.
readonly ours=$'s/\r//g; s/\x1b\\[K//g; s/\x1b\\[[0-9]*m//g'
readonly hidden='\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe1\xa0\x8e|\xe2\x80[\x8b\x8e\x8f'\
'\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xf3\xa0'

# run ARGUMENT ...: runs the program.  Its output is kept in separate files that
# are checked together at the end: one process for each run would be slow.
mkdir .run/kept
runs=0
run()
{
	runs=$((runs + 1))
	OUT=.run/kept/$runs.out
	ERR=.run/kept/$runs.err
	try "$@"
	printf '%s: ' "$@" >".run/kept/$runs.of"
	printf '%s\n' "$text" >>".run/kept/$runs.of"
}

# Prints the kept files that contain unsafe bytes, or a line that only the
# program itself may write.
harmful()
{
	local file files
	files=$(ls .run/kept/*.out .run/kept/*.err)
	grep -l always .run/kept/*.of | while read -r file; do
		file=${file%.of}
		sed -i "$ours" "$file.out" "$file.err"
	done
	# shellcheck disable=SC2086 # a list of names
	{
		grep -alP '[\x00-\x08\x0b-\x1f\x7f]' $files
		grep -alP "$hidden" $files
		LC_ALL=C.UTF-8 grep -axvl '.*' $files
		grep -alE '^(cartridge-reload: a.sock: ok|- cartridge_reload: 1)$' \
		    $files
	} | sort -u | while read -r file; do
		cat "${file%.*}.of"
	done
}

# Prints the kept documents that are not ASCII JSON of one instance.
broken_json()
{
	# shellcheck disable=SC2046 # names without blanks
	lua '
		local json = require("json")
		json.cfg({decode_max_depth = 100})
		local count = 0
		for _, name in ipairs(arg) do
			local text = io.open((name:gsub("of$", "out"))):read("*a")
			local ok, r = pcall(json.decode, text)
			if not ok or #r.instances ~= 1 or
			    text:find("[^\n -~]") then
				print((io.open(name):read("*a")))
			end
			count = count + 1
		end
		print(count > 60 and "all checked" or count .. " documents")
		os.exit(0)' $(grep -l json .run/kept/*.of)
}

# A report with all fields, each set to that text.
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

mkdir .run/json
problems=
note()
{
	problems="$problems $1"
	show_run
}

# says ARGUMENT ...: runs a command that gets the reply.
says()
{
	fake a.sock greet answer request file=reply hold
	run "$@" --socket a.sock
	peers_end || note 'the console was not asked'
	case $RC in
	0 | 3 | 5 | 6 | 7 | 8) ;;
	*) note "exit status $RC" ;;
	esac
	[ ! -e executed ] || note 'executed'
}

mkdir ext
echo 'return 1' >ext/a.lua
others=(plan status stale 'push ext' 'eval 1')
number=0
for text in "${nasty[@]}"; do
	problems=
	outcome=failed
	commands=(reload "${others[number++ % ${#others[@]}]}")
	[ -z "${ALL:-}" ] || commands=(reload "${others[@]}")
	for command in "${commands[@]}"; do
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
	is "$problems" '' "text of an instance: $text"
done

# --- What the user gives, or finds on the disk -------------------------------

for text in "${nasty[@]}"; do
	# The name as bash has it, which cannot store zero bytes.
	raw=$(printf %b "${text//'\0'/}")
	[ -n "$raw" ] || continue
	problems=
	for option in --socket --app --instance --run-dir --module --timeout \
	    --output --bogus; do
		run status "$option=$raw"
	done
	run "$raw"
	run push "$raw" -s a.sock
	run eval -f "$raw" -s a.sock
	# A socket of that name, unless the name contains a slash.
	name=${raw//\//_}.sock
	stale_socket "./$name" && run status --socket "./$name" -o json
	run status --socket "./*"
	rm -f -- "./$name"
	[ ! -e executed ] || note executed
	is "$problems" '' "text of the user: $text"
done
is "$(harmful)" '' 'no text of the user is printed raw'
is "$(broken_json)" 'all checked' 'JSON stays valid'

# The request is one line, in which no argument ends the Lua string.
requests=0
mkdir .run/requests
for text in "${nasty[@]}"; do
	raw=$(printf %b "${text//'\0'/}" | iconv -c -f UTF-8 -t UTF-8)
	[ -n "$raw" ] || continue
	try reload --print-lua --module "$raw" --exclude "$raw"
	is "$(wc -l <"$OUT")" 1 "the request is one line: $text"
	is "$(LC_ALL=C grep -c '[^ -~]' "$OUT")" 0 'the request is ASCII'
	requests=$((requests + 1))
	cp "$OUT" ".run/requests/$requests"
	printf %s "$raw" >".run/requests/$requests.raw"
done
ok 'there are requests' [ "$requests" -gt 15 ]
# The Lua code gets the arguments unchanged and runs nothing else.
is "$(lua '
	local json = require("json")
	for i = 1, tonumber(arg[1]) do
		local file = ".run/requests/" .. i
		local wanted = io.open(file .. ".raw"):read("*a")
		local args
		local function boot(...)
			args = select(select("#", ...), ...)
		end
		local f = assert(loadstring("return " ..
		    io.open(file):read("*l")))
		setfenv(f, {loadstring = function() return boot end})
		f()
		args = json.decode(args)
		if args.modules[1] ~= wanted or args.exclude[1] ~= wanted then
			print("other arguments arrive: " .. wanted)
		end
	end
	os.exit(0)' "$requests")" '' 'arguments arrive unchanged'
ok 'no text was executed' [ ! -e executed ]

done_testing
