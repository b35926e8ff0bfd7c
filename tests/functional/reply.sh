#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Replies of all kinds, valid and hostile, and the output for them.
#
# golden/COMMAND-*.yaml are replies; the output for each of them is beside it,
# as text and as JSON.  GOLDEN_UPDATE=1 rewrites it.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

fine='---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
push='%TAG !push! tag:tarantool.io/push,2018\n--- '

mkdir json
documents=0

# Keeps the output and the exit status, to check all runs together.
keep_json()
{
	local text
	documents=$((documents + 1))
	# A copy without a process.
	IFS= read -r -d '' text <"$OUT"
	printf %s "$text" >"json/$documents"
	echo "$RC ${ARGS[*]}" >"json/$documents.run"
}

# replies NAME RC CODE REPLY [COMMAND ...]: tests the report for a reply, text
# with escapes.
replies()
{
	local name=$1 rc=$2 code=$3 reply=$4
	shift 4
	[ $# -gt 0 ] || set -- status
	printf %b "$reply" >reply
	fake a.sock greet answer request file=reply hold
	try "$@" --socket a.sock --output json
	ends "$rc" "$code" "$name"
	keep_json
}

# --- What is printed ---------------------------------------------------------

# report FILE ARGUMENT ...: writes the exit status and output of a run.
report()
{
	local reply=$1 text
	shift
	fake app.sock greet answer request "file=$reply" hold
	try "$@" --socket app.sock
	peers_end || return
	echo "\$ cartridge-reload $* --socket app.sock"
	text=$(<"$OUT")
	printf '%s' "$text${text:+$'\n'}"
	text=$(<"$ERR")
	[ -z "$text" ] || printf '2> %s\n' "${text//$'\n'/$'\n'2> }"
	echo "exit status: $RC"
}

# same FILE FILE: whether two files have the same text.
same()
{
	[ "$(<"$1")" = "$(<"$2")" ] || diff -u "$1" "$2"
}

same_as_golden()
{
	local base=${1%.yaml} command
	command=${base##*/}
	command=${command%%-*}
	# The outcome that only this command may have.
	case ${base##*/} in
	reload-unchanged) command='reload --if-changed' ;;
	push-planned) command='push --dry-run' ;;
	esac
	[ "$command" != eval ] || command='eval 1'
	[[ $command != push* ]] || command="$command ext"
	# shellcheck disable=SC2086 # of two words
	{
		report "$1" $command
		report "$1" $command --verbose
		report "$1" $command --quiet
		report "$1" $command --output json >/dev/null
	} >text
	keep_json
	if [ -n "${GOLDEN_UPDATE:-}" ]; then
		cp text "$base.txt"
		cp "$OUT" "$base.json"
	fi
	same "$base.txt" text && same "$base.json" "$OUT"
}

mkdir ext
echo 'return 1' >ext/a.lua
for file in "$CLI_DIR"/golden/*.yaml; do
	name=${file##*/}
	ok "golden: ${name%.yaml}" same_as_golden "$file"
done

# One case of each kind, byte by byte.
byte_by_byte()
{
	local base=$CLI_DIR/golden/$1
	fake app.sock pieces=1 greet answer request "file=$base.yaml" hold
	try "${1%%-*}" --socket app.sock --output json
	keep_json
	peers_end && same "$base.json" "$OUT"
}
for file in reload-reloaded plan-refused status-ok stale-found; do
	ok "byte by byte: $file" byte_by_byte "$file"
done

# --- Stale references --------------------------------------------------------

# answers ACTION REPLY: starts a console that expects this request only.
answers()
{
	fake app.sock greet answer "request=\\034stale\\034:\\034$1\\034" \
	    "file=$CLI_DIR/golden/reload-$2.yaml" hold
}

answers patch reloaded
try --socket app.sock
ends 0 '' 'a reload asks for --stale=patch by default'
answers patch reloaded
try --socket app.sock --stale patch
ends 0 '' '--stale patch is the default'
ok 'remaining references are printed' said "$OUT" \
    '^  stale: Lua registry slot 12 is /srv/shop/app/roles/web.lua:30 '
answers report reloaded
try reload --socket app.sock --stale=report
ends 0 '' '--stale=report: remaining references are no failure'
ok '--stale=report: remaining references are printed' said "$OUT" \
    '^  stale references: 1 patched, 1 left$'
answers fail stale
try --stale=fail --socket app.sock -o json
ends 7 stale_references '--stale=fail: remaining references are a failure'
answers fail stale
try --stale=fail --socket app.sock --quiet
ends_at 7 app.sock '--stale=fail --quiet'
prints '' '--stale=fail --quiet prints only the error'
answers fail incomplete
try --stale=fail --socket app.sock -o json
ends 7 scan_incomplete '--stale=fail: an incomplete scan is a failure'
keep_json
well='send=---\n- cartridge_reload: 1\n  outcome: ok\n...\n'
fake app.sock greet answer request=preflight "$well" close \
    greet answer request='\034stale\034:\034fail\034' \
    "file=$CLI_DIR/golden/reload-stale.yaml" hold
fake b.sock greet answer request=preflight "$well" close touch=touched again
try --stale=fail --socket app.sock --socket b.sock -o json
ends 7 stale_references '--stale=fail stops the other reloads'
lists not_touched b.sock 'the other instance gets a preflight request only'
kill "$FAKE_PID"
fake app.sock greet answer 'request=\034command\034:\034stale\034' \
    "file=$CLI_DIR/golden/stale-locked.yaml" hold
try stale --socket app.sock -o json
ends 5 locked 'stale during a reload'

# More references than are printed.
{
	printf '%s\n' --- '- cartridge_reload: 1' '  outcome: stale' '  stale:'
	for ((i = 1; i <= 60; i++)); do
		printf '  - {kind: global, where: global g%d}\n' "$i"
	done
	printf '%s\n' '  scan: {complete: true, more: 5}' \
	    '  error: {code: stale_references, message: many}' ...
} >many
fake a.sock greet answer request file=many hold
try stale --socket a.sock
ends_at 7 a.sock 'many stale references'
is "$(grep -c '^  stale: global g' "$OUT")" 50 '50 stale references are printed'
is "$(tail -n 1 "$OUT")" '  and 15 more (10 of them listed by --output json)' \
    'the number of further references is printed'
fake a.sock greet answer request file=many hold
try stale --socket a.sock --verbose
is "$(grep -c '^  stale: global g' "$OUT")" 60 '--verbose prints all references'
peers_end
fake a.sock greet answer request file=many hold
try stale --socket a.sock --output json
is "$(grep -c '"where"' "$OUT")" 60 'JSON has all references'
keep_json
peers_end
fake a.sock greet answer request hold
try stale --socket a.sock --timeout 0.3 -o json
ends 4 deadline 'a scan that takes too long'

# --- Push messages -----------------------------------------------------------

fake a.sock greet answer request "send=${push}compile\n...\n" idle \
    "send=${push}'two\n\n  lines'\n...\n${push}\n- a map\n...\n$fine" hold
try status --socket a.sock
ends 0 '' 'push messages are not the reply'
prints 'a.sock: ok' 'push messages are not printed'
# A binary port has no YAML in its push messages.
strange=
is_console && strange="${push}[not: text]\n...\n${push}{\n...\n"
fake a.sock greet answer request=verbose "send=${push}compile\n...\n" idle \
    "send=$strange${push}load\n...\n$fine" hold
try status --socket a.sock --verbose
is "$RC" 0 '--verbose asks for push messages'
peers_end
is "$(<"$ERR")" 'cartridge-reload: a.sock: compile
cartridge-reload: a.sock: load' '--verbose prints phases in order'
prints 'a.sock: ok' 'phases are printed on standard error'
fake a.sock pieces=1 greet answer request \
    "send=${push}compile\n...\n$fine" hold
try status --socket a.sock -v
is "$RC $(<"$ERR")" '0 cartridge-reload: a.sock: compile' \
    'push messages byte by byte'
peers_end
replies 'a push message, then an error' 3 lua_error \
    "${push}x\n...\n---\n- error: boom\n...\n"

# --- Errors of the console ---------------------------------------------------

replies 'an error as text' 3 lua_error '---\n- error: boom\n...\n'
replies 'an error of several lines' 3 lua_error \
    '---\n- error: |-\n    one\n    two\n...\n'
ok 'no line of a message looks like one of the program' said "$ERR" '^ +two$'
replies 'an error as a map' 3 lua_error \
    '---\n- error:\n    code: 1\n    message: no\n...\n'
replies 'an error as a list' 3 lua_error '---\n- error: [a, null]\n...\n'
replies 'an error that is a number' 3 lua_error '---\n- error: 42\n...\n'
replies 'an error that is null' 3 lua_error \
    '---\n- error: null\n...\n'
replies 'an error that is an empty string' 3 lua_error \
    '---\n- error:\n...\n'
replies 'an error in base64' 3 lua_error \
    '---\n- error: !!binary Y2Fm6Q==\n...\n'
replies 'an error in base64 that is text' 3 lua_error \
    '---\n- error: !!binary dGV4dA==\n...\n'
replies 'an error in double quotes with bytes' 3 lua_error \
    '---\n- error: "x\\xff\\0y"\n...\n'
replies 'an error of eval' 3 lua_error '---\n- error: boom\n...\n' eval 1
replies 'an error of reload' 3 lua_error '---\n- error: boom\n...\n' reload

# --- Replies that are none ---------------------------------------------------

replies 'an empty reply' 8 bad_reply '---\n...\n'
replies 'an end marker alone' 8 bad_reply '...\n'
replies 'another value' 8 bad_reply '---\n- 1\n...\n'
replies 'two values' 8 bad_reply \
    '---\n- cartridge_reload: 1\n  outcome: ok\n- 1\n...\n'
replies 'a map instead of a list' 8 bad_reply \
    '---\ncartridge_reload: 1\noutcome: ok\n...\n'
replies 'an error beside other fields' 8 bad_reply \
    '---\n- error: a\n  other: b\n...\n'
replies 'nil and an error' 8 bad_reply '---\n- null\n- boom\n...\n'
replies 'garbage' 8 bad_reply '}{ \x01\x02\n\xff\n...\n'
replies 'an open bracket' 8 bad_reply '---\n- [\n...\n'
replies 'tabs for indentation' 8 bad_reply \
    '---\n-\ta:\n\t b: 1\n...\n'
replies 'zero bytes' 8 bad_reply '---\n- \x00\x00\n...\n'
replies 'two documents in one' 8 bad_reply \
    '---\n- 1\n---\n- 2\n...\n'
replies 'an alias to nothing' 8 bad_reply \
    '---\n- *0\n...\n'
replies 'a version that is greater' 8 bad_reply \
    '---\n- cartridge_reload: 2\n  outcome: ok\n...\n'
replies 'a version that is text' 8 bad_reply \
    "---\n- cartridge_reload: '1'\n  outcome: ok\n...\n"
for outcome in unheard usage unreachable protocol "''" '[]' 1 null; do
	replies "the outcome $outcome" 8 bad_reply \
	    "---\n- cartridge_reload: 1\n  outcome: $outcome\n...\n"
done
replies 'no outcome' 8 bad_reply '---\n- cartridge_reload: 1\n...\n'
fake a.sock greet answer request "send=$fine---\n- 2\n...\n" hold
try status --socket a.sock
ends 0 '' 'what follows the reply is ignored'
if is_console; then
	fake a.sock greet 'expect=\\set output yaml' 'send=true;\n' hold
	try status --socket a.sock --timeout 0.2 -o json
	ends 4 deadline 'a console in Lua mode'
	fake a.sock greet request \
	    "send=---\n- error: 'Invalid \e[41m language'\n...\n"
	try status --socket a.sock -o json
	ends 8 bad_handshake 'a console that cannot answer in YAML'
fi

# wrong FIELD VALUE: a field of the wrong type.
wrong()
{
	replies "wrong type: $1: $2" 8 bad_reply \
	    "---\n- cartridge_reload: 1\n  outcome: ok\n  $3\n...\n"
}
for field in alias uuid results; do
	wrong "$field" '{}' "$field: {a: 1}"
	wrong "$field" 1 "$field: 1"
done
wrong generation text "generation: '3'"
wrong generation 1.5 'generation: 1.5'
wrong generation 1e300 'generation: 1e300'
wrong duration_ms text 'duration_ms: soon'
wrong duration_ms nan 'duration_ms: nan'
for field in modules roles stale problems kept; do
	wrong "$field" text "$field: x"
	wrong "$field" map "$field: {a: 1}"
	wrong "$field" 'list of text' "$field: [x]"
done
wrong modules.name 1 'modules: [{name: 1}]'
wrong modules.changed text "modules: [{changed: 'true'}]"
wrong roles.enabled 1 'roles: [{enabled: 1}]'
wrong routes.added text 'routes: {added: many}'
wrong routes list 'routes: [1]'
wrong fibers.left map 'fibers: {left: {a: 1}}'
wrong fibers.left.id text 'fibers: {left: [{id: a}]}'
wrong stale.name number 'stale: [{name: 1}]'
wrong stale.generation text "stale: [{generation: '1'}]"
wrong stale.reason map 'stale: [{reason: {a: 1}}]'
wrong stale.patched text "stale: [{patched: 'true'}]"
wrong scan text 'scan: none'
wrong scan.objects 1.5 'scan: {objects: 1.5}'
wrong scan.max_slice_ms text 'scan: {max_slice_ms: short}'
wrong scan.complete number 'scan: {complete: 1}'
wrong scan.unchecked number 'scan: {unchecked: [1]}'
wrong error text 'error: boom'
wrong error.message map 'error: {message: {a: 1}}'
wrong rollback.left number 'rollback: {left: [1]}'
wrong timings_ms.init text 'timings_ms: {init: fast}'
wrong warnings number 'warnings: [1]'
wrong status text 'status: running'
wrong status.reloading.seconds text 'status: {reloading: {seconds: a}}'
replies 'fields that are not known' 0 '' \
    '---\n- cartridge_reload: 1\n  outcome: ok\n  new: {a: [1]}\n...\n'
replies 'an empty table for any table' 0 '' '---\n- cartridge_reload: 1
  outcome: ok\n  modules: {}\n  routes: []\n  fibers: []\n  status: []\n...\n'

# --- Hostile replies ---------------------------------------------------------

# times N TEXT: the text, N times.
times()
{
	TEXT=$2 awk -v n="$1" 'BEGIN {
		while (n-- > 0)
			printf "%s", ENVIRON["TEXT"]
	}'
}

replies '64 levels' 8 bad_reply "---\n$(times 64 '[')$(times 64 ']')\n...\n"
replies '65 levels' 8 reply_too_deep "---\n$(times 65 '[')$(times 65 ']')\n...\n"
replies '100,000 levels' 8 reply_too_deep "---\n$(times 100000 '[')\n...\n"
replies '10,000 levels of maps' 8 reply_too_deep "---\n$(times 10000 '{a: ')\n...\n"
replies '10,000 levels of keys' 8 reply_too_deep "---\n$(times 10000 '? ')a\n...\n"
replies '1,000 levels of indentation' 8 reply_too_deep \
    "---\n$(for ((i = 0; i < 1000; i++)); do
	printf '%*sa:\\n' "$i" ''
done)\n...\n"

laughs='---\n- &0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n'
for i in 1 2 3 4 5 6 7 8 9; do
	laughs="$laughs- &$i [$(times 10 "*$((i - 1)), ")]\n"
done
replies 'a billion laughs' 8 reply_too_large "$laughs...\n"
printf %b "---\n- cartridge_reload: 1\n  outcome: ok
  results: \"${laughs//'\n'/'\\n'}...\\\\n\"\n...\n" >reply
fake a.sock greet answer request file=reply hold
try eval 1 --socket a.sock -o json
ends 8 reply_too_large 'a billion laughs in the results of eval'
keep_json
fake a.sock greet answer request file=reply hold
try eval 1 --socket a.sock
ends 0 '' 'a billion laughs as text'
prints "$(printf %b "$laughs...")" 'only the text is printed'
replies 'a cycle' 8 bad_reply '---\n&0\n- *0\n...\n'
replies 'a cycle in a report' 8 bad_reply \
    '---\n- &0\n  cartridge_reload: 1\n  outcome: ok\n  modules: [*0]\n...\n'
is_console && replies 'many directives' 8 bad_reply \
    "$(times 100000 '%YAML 1.1\n')---\n- 1\n...\n"

# Malicious strings for each field of a report: styles of the program, window
# titles, cursor movement, a line that looks like the program's own, the C1
# control characters, text that runs backwards, invalid UTF-8.
harm='\e[31m\e]0;title\a\e[2J\r\ncartridge-reload: forged: line\n\t\x7f'
harm="$harm"'\L\P\u009b41m\u202e\u200f\u2066\u061c\ufeff\N\x9b\xff\0'
strings='alias uuid name path module kind where function code phase role
    message traceback undone left reason names box state tarantool cartridge
    holder last problem warning called because unchecked'

# hostile OUTCOME: prints a report with all fields.
hostile()
{
	local text name value
	text=$(
		cat <<-END
		---
		- cartridge_reload: 1
		  outcome: $1
		  alias: @alias@
		  uuid: @uuid@
		  generation: 1
		  modules:
		  - {name: @name@, path: @path@, changed: true}
		  roles:
		  - {name: @name@, module: @module@, enabled: true}
		  fibers:
		    left: [{id: 1, name: @name@, where: @where@}]
		    cancelled: [{id: 1, name: @name@, where: @where@}]
		  stale:
		  - {kind: @kind@, function: @function@, name: @called@}
		  - {where: @where@, function: @function@, reason: @because@}
		  - {where: @where@, function: @function@, patched: true}
		  scan: {unchecked: [@unchecked@], more: 1}
		  error:
		    code: @code@
		    phase: @phase@
		    role: @role@
		    module: @module@
		    message: @message@
		    traceback: @traceback@
		  rollback: {undone: [@undone@], left: [@left@]}
		  warnings: [@warning@]
		  problems:
		  - {module: @module@, path: @path@, message: @problem@}
		  - {module: @module@, path: @path@, message: @problem@}
		  kept: [{reason: @reason@, names: [@names@]}]
		  status:
		    box: @box@
		    state: @state@
		    tarantool: @tarantool@
		    cartridge: @cartridge@
		    reloading: {holder: @holder@}
		    last: {outcome: @last@, code: @code@}
		...
		END
	)
	for name in $strings; do
		value="\"$name is $harm\""
		text=${text//"@$name@"/"$value"}
	done
	printf '%s\n' "$text"
}

# harmless FILE ...: whether the files are safe for a terminal.
harmless()
{
	local bad='[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xd8\x9c'
	bad="$bad|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
	iconv -f UTF-8 -t UTF-8 "$@" >/dev/null || return
	! grep -aP "$bad" "$@" | cat -v | grep .
}

# Prints the output without styles of the program that end on the same line.
without_styles()
{
	sed 's/\x1b\[\(1\|2\|31\|32\|33\)m\([^\x1b]*\)\x1b\[0m/\2/g
	    s/\x1b\[0m//g' "$OUT" >plain
}

nothing_forged()
{
	! file_matches "$OUT" '^cartridge-reload: forged' &&
	    ! file_matches "$ERR" '^cartridge-reload: forged'
}

ascii()
{
	! grep -aP '[\x80-\xff]' "$@" | cat -v | grep .
}

# tells FIELD ...: these strings were printed, escaped or not.
tells()
{
	local field text
	text=$(<"$OUT")$(<"$ERR")
	for field; do
		[[ $text == *"$field is "* ]] || {
			echo "$field is not there"
			return 1
		}
	done
}

# defused NAME COMMAND ...: the output for the file "reply" is safe.
defused()
{
	local name=$1
	shift
	fake a.sock greet answer request file=reply hold
	try "$@" --socket a.sock --color never
	peers_end
	ok "$name: no control characters" harmless "$OUT" "$ERR"
	ok "$name: no line looks like one of the program" nothing_forged
	fake a.sock greet answer request file=reply hold
	try "$@" --socket a.sock --verbose --color always --progress always
	peers_end
	without_styles
	ok "$name: no control characters between colours" harmless plain "$ERR"
	ok "$name: no line looks like one of the program, verbose" \
	    nothing_forged
}

defused_json()
{
	local name=$1
	shift
	fake a.sock greet answer request file=reply hold
	try "$@" --socket a.sock --output json
	peers_end
	keep_json
	ok "$name: no control characters in JSON" harmless "$OUT" "$ERR"
	ok "$name: JSON is ASCII" ascii "$OUT"
}

for outcome in reloaded degraded stale; do
	hostile "$outcome" >reply
	defused "a hostile report, $outcome" reload
done
ok 'a hostile status is printed whole' tells path name kind where function \
    called because unchecked phase role message traceback undone left warning \
    problem
defused_json 'a hostile report' reload
# shellcheck disable=SC2086 # a list of words
ok 'a hostile status is printed whole, verbose' tells $strings
hostile planned >reply
defused 'a hostile plan' plan
ok 'where it says what it should' tells path name reason names warning
hostile stale >reply
defused 'a hostile scan' stale
ok 'where it says what it should' tells kind where function called because \
    unchecked message warning
hostile ok >reply
defused 'a hostile status' status
ok 'where it says what it should' tells box state tarantool cartridge alias \
    uuid holder last code warning
hostile refused >reply
defused 'a hostile refusal of status' status

# Bytes that a real console would have escaped.
raw='\x1b[31m\x07\x08\x7f\xc2\x9b41m\xe2\x80\xae\x9b\xff\xc0\x80\xed\xa0\x80'
printf %b "---\n- error: 'message is $raw'\n...\n" >reply
defused 'raw bytes' status
defused_json 'raw bytes' status
printf '%s\n' --- "- error: {\"key is $harm\": \"message is $harm\"}" ... >reply
defused 'a hostile map as error' status
ok 'where it says what it should' tells key message
defused_json 'a hostile map as error' status
printf '%s\n' --- "- neither: \"message is $harm\"" ... >reply
defused 'a hostile reply that is no report' status
ok 'where it says what it should' tells message
defused_json 'a hostile reply that is no report' status
printf %b "---\n- [$raw\n...\n" >reply
defused 'hostile garbage' status
printf '%s\n' '%TAG !push! tag:tarantool.io/push,2018' "--- \"push is $harm\"" \
    ... --- '- {cartridge_reload: 1, outcome: ok}' ... >reply
defused 'a hostile push message' status
ok 'where it says what it should' tells push
printf '%s\n' --- '- cartridge_reload: 1' '  outcome: ok' \
    "  results: \"---\\n- \\\"result is $harm\\\"\\n...\\n\"" ... >reply
fake a.sock greet answer request file=reply hold
try eval 1 --socket a.sock --color always
ends 0 '' 'hostile results of eval'
ok 'results have no control characters' harmless "$OUT" "$ERR"
ok 'results are printed' tells result
printf '%s\n' --- '- cartridge_reload: 1' '  outcome: ok' \
    "  results: \"---\\n- '${raw//\\x/\\\\x}'\\n...\\n\"" ... >reply
defused_json 'hostile results' eval 1
if is_console; then
	fake a.sock greet request \
	    "send=---\n- error: 'message is $raw'\n...\n"
	try status --socket a.sock -o json
	ends 8 bad_handshake 'a hostile answer to the handshake'
	ok 'the answer has no control characters' harmless "$OUT" "$ERR"
fi
target=$(printf %b "$raw").sock
fake "$target" greet answer request "send=$fine" hold
try status --socket "$target" --color always
ends 0 '' 'a hostile path'
without_styles
ok 'a hostile path is not printed raw' harmless plain
fake "$target" greet answer request 'send=---\n- 1\n...\n' hold
try status --socket "$target" -o json
keep_json
ok 'a hostile path is escaped in errors and JSON' harmless "$OUT" "$ERR"
peers_end

# --- Size --------------------------------------------------------------------

fake a.sock greet answer request 'send=---\n- "' 'fill=80000000:- line\n'
try status --socket a.sock --output json
ends 8 reply_too_large 'a reply above 64 MiB'
keep_json
fake a.sock greet answer request 'send=---\n- "' 'fill=80000000:no line '
try status --socket a.sock -o json
ends 8 reply_too_large 'a reply above 64 MiB in one line'

golden reply-errors

# --- JSON --------------------------------------------------------------------

cat >check.lua <<'END'
local json = require('json')
json.cfg({decode_max_depth = 1000})

local keys = {
    'target', 'alias', 'uuid', 'ok', 'outcome', 'generation', 'duration_ms',
    'modules', 'roles', 'routes', 'fibers', 'stale', 'error', 'rollback',
    'timings_ms', 'warnings',
}
local codes = {
    reloaded = 0, unchanged = 0, planned = 0, ok = 0, usage = 1,
    unreachable = 2, failed = 3, timeout = 4, refused = 5, degraded = 6,
    stale = 7, protocol = 8,
}

local function check(text, rc)
    local document = json.decode(text)
    assert(document.exit == rc, 'exit is not the exit status')
    assert(document.ok == (rc == 0), 'ok is wrong')
    assert(type(document.command) == 'string', 'no command')
    assert(#document.instances == 1, 'not one instance')
    local instance = document.instances[1]
    for _, key in ipairs(keys) do
        assert(instance[key] ~= nil or type(instance[key]) == 'cdata',
            'no ' .. key)
    end
    assert(codes[instance.outcome] == rc, 'outcome is wrong')
    assert(instance.ok == (rc == 0), 'ok of the instance is wrong')
    if not instance.ok then
        assert(type(instance.error.code) == 'string', 'no error.code')
        assert(type(instance.error.message) == 'string', 'no error.message')
    end
    assert(not text:find('[\1-\9\11-\31\127]'), 'control characters')
    assert(text:sub(-2) == '}\n', 'no newline at the end')
end

local failed = 0
for i = 1, tonumber(arg[1]) do
    local run = io.open(('json/%d.run'):format(i)):read('*a')
    local text = io.open(('json/%d'):format(i)):read('*a')
    local ok, err = pcall(check, text, tonumber(run:match('^%d+')))
    if not ok then
        failed = failed + 1
        print(run .. tostring(err) .. ': ' .. text:sub(1, 200))
    end
end
os.exit(failed == 0 and 0 or 1)
END
ok 'JSON documents were kept' [ "$documents" -gt 100 ]
ok 'each document is valid JSON and agrees with the exit status' \
    "$TARANTOOL" check.lua "$documents"

cat >validate.py <<'END'
import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1]) as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
failed = False
for name in sys.argv[2:]:
    with open(name) as file:
        document = json.load(file)
    for error in validator.iter_errors(document):
        print(f"{name}: {error.json_path}: {error.message[:200]}")
        failed = True
sys.exit(failed)
END
SCHEMA=$TOP/doc/report.schema.json
ok 'the schema is that of the program' diff "$SCHEMA" <("$BUILD_DIR/print_schema")
# Debian's, as another one may lack the module.
if /usr/bin/python3 -c 'import jsonschema' 2>/dev/null; then
	ok 'each document is valid by the schema' \
	    /usr/bin/python3 validate.py "$SCHEMA" json/*[0-9]
	sed 's/"outcome": "[a-z]*"/"outcome": "well"/' json/1 >json/wrong
	ok 'a document with an unknown outcome is invalid' \
	    eval "! /usr/bin/python3 validate.py '$SCHEMA' json/wrong"
else
	skip 'each document is valid by the schema' 'no python3-jsonschema here'
fi

done_testing
