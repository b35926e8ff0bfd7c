#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# `push`: valid and invalid folders, and what is sent to the console.

# shellcheck source-path=SCRIPTDIR source=lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

GOLDEN=$CLI_DIR/golden

# --- Folders that are not pushed ---------------------------------------------

# No process listens there: a run that connects ends with 2.
cannot()
{
	local regex=$1
	shift
	try push "$@" --socket none.sock
	ends_saying 1 "$regex" "rejected: $*"
}

cannot 'none: No such file or directory' none
: >file
cannot 'file: Not a directory' file
mkdir empty
cannot 'empty: no \*\.lua files and no config\.yml in it' empty
mkdir -p bad/sub
echo 'return 1' >bad/good.lua
printf 'return "\xe9"' >bad/sub/latin.lua
cannot 'bad/sub/latin\.lua: not UTF-8 text' bad
rm bad/sub/latin.lua
ln -s ../sub bad/sub/loop
cannot 'bad/sub/loop: a symbolic link to a directory' bad
rm bad/sub/loop
head -c 4194305 /dev/zero | tr '\0' ' ' >bad/large.lua
cannot 'bad/large\.lua: larger than 4 MiB' bad
rm bad/large.lua
: >"bad/$(printf 'a\033[2J').lua"
cannot 'bad/a\\033\[2J\.lua: the name contains control characters' bad
rm bad/a*
: >bad/a.b.lua
cannot 'bad/a\.b\.lua: a module with dots in its path cannot be loaded with require' bad
rm bad/a.b.lua
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 bad/good.lua
	cannot 'bad/good\.lua: Permission denied' bad
	chmod 600 bad/good.lua
	chmod 0 bad
	cannot 'bad: Permission denied' bad
	chmod 700 bad
else
	skip 'unreadable files' 'root can read all'
fi

# --- Command lines -----------------------------------------------------------

mkdir -p ext/shop
printf 'return "\xc3\xa9"\n' >ext/shop/a.lua
printf 'functions: {}\n' >ext/config.yml

# wrong REGEX ARGUMENT ...
wrong()
{
	local regex=$1
	shift
	try "$@"
	ends_saying 1 "$regex" "rejected: $*"
}

wrong "push: missing DIR" push -s none.sock
wrong "push: unexpected argument 'b'" push a b -s none.sock
wrong "--cluster cannot be used with push" push ext --cluster -s none.sock
wrong "--keep-going cannot be used with push" push ext -k -s none.sock
wrong "--prune cannot be used with reload" --prune -s none.sock
wrong "push takes exactly one target \(2 given\); .*" \
    push ext -s none.sock -s none2.sock

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
ends_saying 0 '' 'a successful push'
ok 'a push names its gateway' \
    said "$OUT" '^a\.sock: pushed to 2 instances in 60 ms: '
fake a.sock greet answer \
    'request=\034prune\034:true,\034dry_run\034:true' \
    "file=$GOLDEN/push-planned.yaml" hold
try push -n ext --prune --socket a.sock
ends_saying 0 '' 'a dry run with --prune'
fake a.sock greet answer request "file=$GOLDEN/push-validate.yaml" hold
try push ext --socket a.sock
ends_saying 3 'a\.sock: validate failed: refused by 1 of 2 instances: s1-a: not today; the old code is still serving' \
    'code that is rejected'

# --- Trouble -----------------------------------------------------------------

fake a.sock greet answer request close
try push ext --socket a.sock
ends_saying 8 'a\.sock: .*closed.*' 'a lost connection'
fake a.sock greet answer request hold
try push ext --socket a.sock -t 0.3
ends_saying 4 'a\.sock: .*run `push --dry-run` to see the outcome' 'no reply in time'
# The outcome is unknown, so the push is not repeated.
fake a.sock greet answer request close
try push ext --socket a.sock -w 1
ends_saying 8 'a\.sock: .*closed.*' '--wait does not repeat a push'

# --- Much code ---------------------------------------------------------------

mkdir many
for i in 1 2 3 4; do
	yes 'local function f(a, b) return a .. "\t" .. b end' |
	    head -c 4000000 >"many/m$i.lua"
done
fake a.sock greet answer request "file=$GOLDEN/push-ok.yaml" hold
try push many --socket a.sock
ends_saying 0 '' '16 MB of code'
diag "16 MB in $MS ms"

done_testing
