#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# The most likely mistakes of users, each made on a real instance: the exit
# status, and the row in the manual under DIAGNOSTICS, which is generated from
# the message.
#
#	tests/live/mistakes.sh --update		writes the rows into the manual
#
# A row is: the message; the command; exit status; what to do next.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

MANUAL=$(dirname "$TESTS_DIR")/man/cartridge-reload.1
FIRST='.\" Rows of tests/live/mistakes.sh; --update writes them.'
LAST='.\" End of the rows.'
UPDATE=${1:-}
UNPRIVILEGED=

# Text as an argument or a line of mdoc.
mdoc()
{
	sed -e 's/\\/\\e/g' -e "s/'/\\\\(aq/g" -e 's/-/\\-/g' \
	    -e 's/^\([.]\)/\\\&\1/'
}

# Replaces what differs between runs and machines by typical values.
ordinary()
{
	sed -e "s|$APP_DIR|/srv/shop|g" -e 's|\(\./\)\{0,1\}tmp/run/|/run/tarantool/|g' \
	    -e 's|private/\*|/run/tarantool/*|g' -e "s|'private'|'/run/tarantool'|g" \
	    -e 's/no greeting within [0-9.]* s/no greeting within 1 s/' \
	    -e "s|$APP_URI|10.0.0.1:3301|g" -e "s|${APP_URL#*//}|10.0.0.1:8081|g"
}

# mistake STATUS NEXT ARGUMENT ...: tests that the program ends with STATUS, and
# appends its row to the file `rows`.
mistake()
{
	local status=$1 next=$2 message words=cartridge-reload word
	shift 2
	$UNPRIVILEGED "$CARTRIDGE_RELOAD" "$@" >"$OUT" 2>"$ERR" </dev/null
	RC=$?
	message=$(sed -n '1s/^cartridge-reload: //p' "$ERR" | ordinary)
	for word; do
		case $word in
		*[!-A-Za-z0-9_./:=@]*) words="$words '$word'" ;;
		*) words="$words $word" ;;
		esac
	done
	words=$(printf '%s\n' "$words" | ordinary)
	is "$RC" "$status" "exit status: $words"
	[ -n "$message" ] || fail "message: $words" "$(head -c 1000 "$ERR")"
	{
		printf '.It "%s"\n' \
		    "$(printf '%s\n' "$message" | sed 's/"/""/g' | mdoc)"
		printf '.Dl %s\n' "$(printf '%s\n' "$words" | mdoc)"
		printf 'Exit status %s.\n' "$status"
		printf '%s\n' "$next" | mdoc
	} >>rows
}

# The same for a user without access to all files: root without capabilities.
mistake_unprivileged()
{
	local UNPRIVILEGED=
	[ "$(id -u)" -ne 0 ] || UNPRIVILEGED='setpriv --bounding-set=-all'
	mistake "$@"
}

mkdir -p "$WORK/here/tmp/run"
start_app shop
cd "$WORK/here" || exit
web=tmp/run/shop.web.control
ln -s "$APP_SOCK" $web
cat >db.lua <<'END'
require('console').listen('unix/:' .. arg[1])
require('fiber').sleep(1000000)
END
# console NAME: starts an instance that has only a console.
console()
{
	"$TARANTOOL" db.lua "$PWD/tmp/run/$1" >"$1.log" 2>&1 </dev/null &
	wait_until 20 test -S "tmp/run/$1" || bail_out 'no other console'
}

console dead.sock
kill -KILL $!
wait $! 2>/dev/null
console shop.api.control
chmod 000 tmp/run/shop.api.control
console shop.db.control
mkdir -m 000 private

# --- The command line --------------------------------------------------------

mistake 1 'Name the instance: --app and --instance find its socket.' \
    status
mistake 1 'Correct the name; --help lists all options.' --scoket $web status
mistake 1 'Correct the name.' -s $web relaod
mistake 1 'Use --app NAME for all instances of an application on this machine, or
--cluster for all of its cluster.
Options that override a safety check must be written in full.' \
    -s $web --all status
mistake 1 'Put --socket before it.' ./$web
mistake 1 'Remove one of them.' -s $web -t 5 -t 10
mistake 1 'Write 90 or 90s.' -s $web -t 1m30s
mistake 1 'Write -- before the arguments.' -s $web eval 'return ...' 5
mistake 1 'Add --instance NAME.' --app shop console
mistake 1 'Name the directory that contains the files.' -s $web push extensions

# --- The way to the instance -------------------------------------------------

mistake 2 'Use the suggestion, or one of the names in the next line.
The line after it lists the directories that were searched; --run-dir names
another one.' \
    --app shpo status
mistake 2 'Use the suggestion, or one of the names in the next line.' \
    --app shop --instance wbe status
mistake 2 'Start the instance, or find the path of its socket:
it is TARANTOOL_CONSOLE_SOCK in the environment of the instance.' -s tmp/run/shop.wbe.control status
mistake_unprivileged 2 'Run the program as the user that the instance runs as, or as root.' \
    -s tmp/run/shop.api.control status
mistake_unprivileged 2 'Run the program as the user that the instances run as, or as
root: other users cannot read the directory.' -s 'private/*.control' status
mistake 2 'List the directory, and correct the pattern; see glob(7).' \
    -s 'tmp/run/*.ctl' status
mistake 2 'The instance ended without removing its socket: start it.' \
    -s tmp/run/dead.sock status
mistake 2 'Use --user, and --password-file with the password of that user; or
connect to the console socket.' -s "$APP_URI" status
echo s3cret >op.password
mistake 2 'Correct the user, or the first line of the password file.' \
    -s "$APP_URI" -u op --password-file op.password status
mistake 2 'Connect to the console socket or the binary port.
If this is one of them, the instance is in a loop that does not yield: look
at its log.' -s "${APP_URL#*//}" -t 1 status

# --- The code ----------------------------------------------------------------

mistake 5 'Use the name that is passed to require.' -s $web -m app/roles/web.lua
mistake 5 'Run plan, which lists the modules.' -s $web -m 'shop.*'
app_version 2 web_init='local x = = 1'
mistake 3 'Correct the file and reload again.
Nothing was changed in the instance.' -s $web
app_version 2 web_init="error('no coffee', 0)"
mistake 3 'Correct the role and reload again.
The lines after the message are the traceback.' -s $web
app_version 1
mistake 3 'The line number refers to the Lua code on the command line.' \
    -s $web eval 'error("no tea")'
mistake 4 'To end the Lua code, find its fiber with fiber.info, and end it with fiber.kill.' -s $web -t 0.3 eval \
    'require("fiber").sleep(1000)'

# --- The state of the instance -----------------------------------------------

mistake 5 'Start the application in it, or select others with --instance.' \
    -s tmp/run/shop.db.control
app_version 2 web_init="error('no coffee', 0)"
run -s $web --method native
app_version 1
mistake 5 'Correct the code; then leave this state with --method native, or
restart the instance.' -s $web
run -s $web --method native
app_eval 'require("cartridge.roles").forbid_reload()' >/dev/null
mistake 5 'Wait until the application calls allow_reload, or call it with eval.' \
    -s $web

# --- The manual --------------------------------------------------------------

rows=$(cat rows)
if [ "$UPDATE" = --update ]; then
	FIRST=$FIRST LAST=$LAST awk '
		$0 == ENVIRON["LAST"] { left_out = 0 }
		!left_out { print }
		$0 == ENVIRON["FIRST"] {
			while ((getline line <"rows") > 0)
				print line
			left_out = 1
		}' "$MANUAL" >manual && cat manual >"$MANUAL"
fi
ok 'the table has at least 25 rows' [ "$(grep -c '^\.It' rows)" -ge 25 ]
is "$(FIRST=$FIRST LAST=$LAST awk '
	$0 == ENVIRON["LAST"] { inside = 0 }
	inside { print }
	$0 == ENVIRON["FIRST"] { inside = 1 }' "$MANUAL")" "$rows" \
    'the manual has the same rows'
chmod 700 private
done_testing
