#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# `push`: valid and invalid folders, and what is sent to the console.

# shellcheck source-path=SCRIPTDIR source=lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

GOLDEN=$CLI_DIR/golden

# --- Folders that are not pushed ---------------------------------------------

# cannot FILE DIR: the folder is rejected, because of this file.
cannot()
{
	# No process listens there: a run that connects ends with 2.
	try push "$2" --socket none.sock
	ends_at 1 "$1" "rejected: $2: $1"
}

cannot none none
: >file
cannot file file
mkdir empty
cannot empty empty
mkdir -p bad/sub
echo 'return 1' >bad/good.lua
printf 'return "\xe9"' >bad/sub/latin.lua
cannot bad/sub/latin.lua bad
rm bad/sub/latin.lua
ln -s ../sub bad/sub/loop
cannot bad/sub/loop bad
rm bad/sub/loop
head -c 4194305 /dev/zero | tr '\0' ' ' >bad/large.lua
cannot bad/large.lua bad
rm bad/large.lua
: >"bad/$(printf 'a\033[2J').lua"
cannot 'bad/a\033[2J.lua' bad
rm bad/a*
: >bad/a.b.lua
cannot bad/a.b.lua bad
rm bad/a.b.lua
golden folder-errors
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 bad/good.lua
	cannot bad/good.lua bad
	chmod 600 bad/good.lua
	chmod 0 bad
	cannot bad bad
	chmod 700 bad
	MESSAGES=
else
	skip 'unreadable files' 'root can read all'
fi

# --- Command lines -----------------------------------------------------------

mkdir -p ext/shop
printf 'return "\xc3\xa9"\n' >ext/shop/a.lua
printf 'functions: {}\n' >ext/config.yml

# wrong INPUT ARGUMENT ...: the message names this part of the command line.
wrong()
{
	local input=$1
	shift
	try "$@"
	ends_at 1 "$input" "rejected: $*"
}

wrong DIR push -s none.sock
wrong "'b'" push a b -s none.sock
wrong --cluster push ext --cluster -s none.sock
wrong --keep-going push ext -k -s none.sock
wrong --prune --prune -s none.sock
wrong push push ext -s none.sock -s none2.sock

# --- What is sent ------------------------------------------------------------

# Sections in order, texts beside modules, arguments at the end.
sent='"pushed","functions: {}\nreturn \034\xc3\xa9\034\n"'
names='\034sections\034:[{\034name\034:\034extensions/config.yml\034,\034size\034:14},'
names=$names'{\034name\034:\034extensions/shop/a.lua\034,\034size\034:12}]'

try push ext --print-lua
is_sent()
{
	grep -qF -- "$(printf '%s' "$sent" | sed 's/\\xc3\\xa9/\xc3\xa9/')" "$OUT" &&
	    grep -qF -- "$names" "$OUT" && [ "$(wc -l <"$OUT")" -eq 1 ]
}
ok 'the request has names, sizes and texts in one line' is_sent

fake a.sock greet answer 'request=\034command\034:\034push\034' \
    "file=$GOLDEN/push-ok.yaml" hold
try push ext --socket a.sock
ends 0 '' 'a successful push'
ok 'a push names its gateway' \
    said "$OUT" '^a\.sock: pushed to 2 instances in 60 ms: '
fake a.sock greet answer \
    'request=\034prune\034:true,\034dry_run\034:true' \
    "file=$GOLDEN/push-planned.yaml" hold
try push -n ext --prune --socket a.sock
ends 0 '' 'a dry run with --prune'
fake a.sock greet answer request "file=$GOLDEN/push-validate.yaml" hold
try push ext --socket a.sock -o json
ends 3 validate_failed 'code that is rejected'

# --- Trouble -----------------------------------------------------------------

fake a.sock greet answer request close
try push ext --socket a.sock -o json
ends 8 closed 'a lost connection'
fake a.sock greet answer request hold
try push ext --socket a.sock -t 0.3 -o json
ends 4 deadline 'no reply in time'
# The outcome is unknown, so the push is not repeated.
fake a.sock greet answer request close
try push ext --socket a.sock -w 1 -o json
ends 8 closed '--wait does not repeat a push'

# --- Much code ---------------------------------------------------------------

mkdir many
for i in 1 2 3 4; do
	yes 'local function f(a, b) return a .. "\t" .. b end' |
	    head -c 4000000 >"many/m$i.lua"
done
fake a.sock greet answer request "file=$GOLDEN/push-ok.yaml" hold
try push many --socket a.sock
ends 0 '' '16 MB of code'
diag "16 MB in $MS ms"

golden push-errors
done_testing
