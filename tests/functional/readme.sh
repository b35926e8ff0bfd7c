#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Checks the hand-written documentation: the demo and its picture, the
# examples of the manual and of the README, and the manual's lists of error
# codes, fields and environment variables against the sources.

# shellcheck source=tests/live/cluster_lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/../live/cluster_lib.sh"

cd "$TESTS_DIR/.." || exit 1
README=README.md
export CARTRIDGE_RELOAD

# Wide, so that no line is broken; without overstriking.
mandoc -T ascii -O width=1000 man/* | sed 's/.\x08//g' >"$WORK/man"

# section TITLE: prints a section of the manual.
section()
{
	awk -v title="$1" '
		/^[A-Z]/ { inside = $0 == title; next }
		inside { print }' "$WORK/man"
}

# has_all FILE: whether every line of the input is a word of the file.
has_all()
{
	local text word missing=0
	text=$(<"$1")
	while read -r word; do
		[[ $text =~ (^|[^A-Za-z0-9_])"$word"([^A-Za-z0-9_]|$) ]] || {
			diag "missing: $word"
			missing=1
		}
	done
	return "$missing"
}

# --- Lists -------------------------------------------------------------------

# Each code is listed below the heading of its outcome, and its text begins with
# the explanation in the table; other outcomes of the same word follow.
section 'ERROR CODES' | awk '
	/^     [A-Z].*, exit status [0-9].*:$/ {
		match($0, /exit status [0-9]/)
		status = substr($0, RSTART + 12, 1)
		word = ""
	}
	/^     [a-z_]+( |$)/ { word = $1; $1 = "" }
	word != "" { text[word] = text[word] " " $0 }
	word != "" && !(word in at) { at[word] = status }
	END {
		for (word in at) {
			gsub(/[ \t]+/, " ", text[word])
			print word "\t" at[word] "\t" text[word]
		}
	}' | sort >"$WORK/listed"
"$BUILD_DIR/print_tables" | grep '^error' >"$WORK/codes"
ok 'the table of error codes has rows' [ "$(wc -l <"$WORK/codes")" -gt 40 ]
is "$(cut -f 1 "$WORK/listed")" "$(cut -f 2 "$WORK/codes" | sort -u)" \
    'the manual has every error code, and no other'
is "$(awk -F '\t' '
	NR == FNR { at[$1] = $2; text[$1] = tolower($3); next }
	{
		text_of_row = tolower($5)
		if ($2 in seen)
			text_of_row = "with exit status " $4 ": " text_of_row
		else if (at[$2] != $4 || index(text[$2], " " text_of_row) != 1)
			print "wrong: " $2 " " $4 ": " text[$2]
		if (index(text[$2], text_of_row) == 0)
			print "missing: " $2 ": " text_of_row
		seen[$2] = 1
	}' "$WORK/listed" "$WORK/codes")" '' \
    'the manual explains each code like the table'

section 'JSON REPORT' >"$WORK/section"
lua '
	local fields = {}
	local function collect(schema)
		for name, field in pairs(schema.properties or {}) do
			fields[name] = true
			collect(field)
		end
		if schema.items ~= nil then
			collect(schema.items)
		end
	end
	collect(require("json").decode(io.open((...)):read("*a")))
	local names = {}
	for name in pairs(fields) do
		table.insert(names, name)
	end
	return table.concat(names, "\n")' "$PWD/doc/report.schema.json" | sort >"$WORK/fields"
ok 'the schema has fields' [ "$(wc -l <"$WORK/fields")" -gt 50 ]
ok 'the manual has every field of the JSON report' \
    has_all "$WORK/section" <"$WORK/fields"

section 'ENVIRONMENT' >"$WORK/section"
{
	"$BUILD_DIR/print_tables" | awk '/^env/ { print $2 }'
	lua 'return table.concat(dofile((...)).names, "\n")' \
	    "$PWD/src/lua/core/environment.lua"
} | sort -u >"$WORK/variables"
ok 'the tables have environment variables' \
    [ "$(wc -l <"$WORK/variables")" -gt 5 ]
ok 'the manual has every environment variable' \
    has_all "$WORK/section" <"$WORK/variables"

section 'APPLICATION MODULES' >"$WORK/section"
lua '
	local names = {}
	for i, kind in ipairs(dofile((...)).list) do
		names[i] = kind[1]
	end
	return table.concat(names, "\n")' "$PWD/src/lua/code/kinds.lua" | sort >"$WORK/reasons"
ok 'the program has reasons for modules' \
    [ "$(wc -l <"$WORK/reasons")" -gt 6 ]
ok 'the manual has every reason not to reload a module' \
    has_all "$WORK/section" <"$WORK/reasons"

ok 'the manual has no warnings' mandoc -T lint -W warning man/*

# --- The demo ----------------------------------------------------------------

# Replaces what differs from run to run: directories, ports, times, versions.
normalise()
{
	sed -E -e 's|[^ ]*/demo\.[A-Za-z0-9]+/|DIR/|g' \
	    -e 's/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/g' \
	    -e 's/[0-9.]+ m?s\b/N ms/g' \
	    -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g' \
	    -e 's/Tarantool [0-9][^,]*,/Tarantool N,/' \
	    -e 's/Cartridge [0-9][^,]*,/Cartridge N,/'
}

# Whether a demo has left nothing: no files, and no process that works in its
# directory.
DEMO=$WORK/demo
nothing_left()
{
	local left
	left=$(ls -A "$DEMO"
	    find /proc -maxdepth 2 -name cwd -lname "$DEMO/*" 2>/dev/null)
	[ -z "$left" ] || diag "left: $left"
	[ -z "$left" ]
}

# text_of PICTURE: prints its text, with the wrapped lines joined.
text_of()
{
	sed -nE -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\&/g' \
	    -e '/^<text .*class="[^"]*more"/s/^[^>]*>/\x01/' \
	    -e 's/^<text [^>]*>//' -e 's|</text>$||p' "$1" |
	    sed -e ':a' -e '$!{N;ba' -e '}' -e 's/\n\x01//g' | normalise
}

mkdir "$DEMO"
TMPDIR=$DEMO CARTRIDGE_ROCKS='' scripts/picture.sh "$WORK/new.svg" \
    >"$OUT" 2>"$ERR"
is "$? $(cat "$OUT" "$ERR")" '0 ' 'the demo succeeds and can be recorded'
ok 'the demo leaves nothing behind' nothing_left
text_of doc/demo.svg >"$WORK/picture"
text_of "$WORK/new.svg" >"$WORK/shown"
ok 'the picture shows the output of the demo' diff "$WORK/shown" "$WORK/picture"
ok 'the recorded picture has lines' \
    [ "$(grep -c '^<text' "$WORK/new.svg")" -gt 20 ]

# A program that reports success and does nothing.
mkdir "$WORK/bin"
cat >"$WORK/bin/cartridge-reload" <<END
#!/bin/sh
case "\$*" in
*eval*|*status*) exec '$CARTRIDGE_RELOAD' "\$@" ;;
esac
echo 'hello.sock: reloaded to generation 1 in 1 ms'
END
chmod +x "$WORK/bin/cartridge-reload"
CARTRIDGE_RELOAD=$WORK/bin/cartridge-reload TMPDIR=$DEMO \
    scripts/demo.sh >"$OUT" 2>"$ERR"
is "$?" 1 'the demo fails if the program does not reload'
like "$(head -n 1 "$ERR")" 'did not print .*Good morning' \
    'the demo says what failed'
ok 'the failed demo leaves nothing behind' nothing_left

# interrupted SIGNAL STATUS FILE: starts the demo as a shell at a terminal does,
# interrupts it when the file exists, and checks how it ends.  SIGINT is sent to
# all of its processes, as Ctrl-C does.
interrupted()
{
	local pid status
	rm -f "$3"
	set -m
	CARTRIDGE_ROCKS='' TMPDIR=$DEMO scripts/demo.sh >"$OUT" 2>"$ERR" &
	pid=$!
	set +m
	wait_until 10 [ -e "$3" ] || diag "no $3"
	if [ "$1" = INT ]; then
		kill -INT -- "-$pid"
	else
		kill "-$1" "$pid"
	fi
	wait "$pid" 2>/dev/null
	status=$?
	is "$status $(cat "$ERR")" "$2 " "SIG$1 ends the demo"
	ok "SIG$1: the demo leaves nothing behind" nothing_left
}

# A server that does not start the application, and a curl, that hang.
cat >"$WORK/bin/server" <<END
#!/bin/sh
case "\$*" in
ports.lua | -e*) exec '$TARANTOOL' "\$@" ;;
esac
echo >'$WORK/server.waits'
exec sleep 60
END
mkdir "$WORK/path"
cat >"$WORK/path/curl" <<END
#!/bin/sh
echo >'$WORK/curl.waits'
exec sleep 60
END
chmod +x "$WORK/bin/server" "$WORK/path/curl"
TARANTOOL=$WORK/bin/server interrupted INT 130 "$WORK/server.waits"
TARANTOOL=$WORK/bin/server interrupted HUP 129 "$WORK/server.waits"
PATH=$WORK/path:$PATH interrupted TERM 143 "$WORK/curl.waits"

TMPDIR=$DEMO scripts/demo.sh 2>/dev/null | head -n 2 >/dev/null
isnt "${PIPESTATUS[0]}" 0 'a closed pipe ends the demo'
ok 'a closed pipe: the demo leaves nothing behind' nothing_left

# --- Examples ----------------------------------------------------------------

# Reads lines of text with "$ command" and "> continued" and runs each command
# for an instance "web" of the application "shop" in this directory's place.
EXAMPLES=$WORK/run
run_examples()
{
	local text command n=0 line
	sed -n 's/^ *\([$>] .*\)$/\1/p' |
	    sed -e "s|/var/run/tarantool/|$EXAMPLES/|g" \
	    -e "s|10\.0\.0\.1:3301|$APP_URI|g" >"$WORK/examples"
	command=
	while read -r line || [ -n "$command" ]; do
		case $line in
		'> '*) command+=$'\n'${line#> } ;;
		*)
			if [ -n "$command" ]; then
				n=$((n + 1))
				# Only one application has a directory for it.
				case $command in
				*' push '*) serves "$PUSH_SOCK" ;;
				*) serves "$APP_SOCK" ;;
				esac
				eval "$command" >"$OUT" 2>"$ERR" </dev/null
				is "$? $(cat "$ERR")" '0 ' \
				    "example: ${command%%$'\n'*}"
			fi
			command=${line#\$ }
			;;
		esac
	done <"$WORK/examples"
	serves "$APP_SOCK"
	text=$1
	ok "$text has examples" [ "$n" -gt 1 ]
}

# serves SOCKET: whether it serves the examples' application.
serves()
{
	ln -sfn "$1" "$EXAMPLES/shop.web.control"
}

start_cluster extended 's1=extensions:x1'
PUSH_SOCK=${NODE_SOCK[x1]}
start_app shop
mkdir -p "$EXAMPLES/extensions"
echo "return {answer = 42}" >"$EXAMPLES/extensions/answer.lua"
serves "$APP_SOCK"
echo s3cret >"$EXAMPLES/op.password"
run -s "$APP_SOCK" eval "box.schema.user.create('op', {password = 's3cret'})
    box.schema.user.grant('op', 'execute', 'universe')"
is "$RC" 0 'a user for the binary port is created'
export TARANTOOL_RUN_DIR=$EXAMPLES
PATH=$(dirname "$CARTRIDGE_RELOAD"):$PATH
cd "$EXAMPLES" || exit 1

generation()
{
	reload status
	json i.generation
}

section EXAMPLES >"$WORK/section"
run_examples 'the manual' <"$WORK/section"
is "$(generation)" 7 'the examples of the manual have reloaded the instance'
like "$(cat "$OUT")" 'generation' 'the instance serves'

unset CARTRIDGE_RELOAD_SOCKET
awk '/^```/ { inside = !inside; next }
    inside { print }' "$TESTS_DIR/../$README" >"$WORK/section"
run_examples 'the README' <"$WORK/section"
is "$(generation)" 10 'the examples of the README have reloaded the instance'

# --- Examples for other programs ---------------------------------------------

# example REGEX: prints the literal text of the manual from a matching line on.
example()
{
	section EXAMPLES | awk -v regex="$1" '
		!indent && $0 ~ regex { indent = match($0, /[^ ]/) }
		indent && NF == 0 { exit }
		indent { print substr($0, indent) }' | tee "$WORK/example"
	[ -s "$WORK/example" ]
}

# yaml EXPRESSION: prints a value of an example in YAML, lists as lines.
yaml()
{
	lua '
		local path, code = ...
		local y = require("yaml").decode(io.open(path):read("*a"))
		local value = assert(loadstring("local y = ... return " ..
		    code))(y)
		if type(value) == "table" then
			value = table.concat(value, "\n")
		end
		return (tostring(value):gsub("\n$", ""))' \
	    "$WORK/example" "$1"
}

# commands NAME GENERATIONS: each line of the input is a command that succeeds,
# and together they load GENERATIONS generations.
commands()
{
	local before line
	before=$(generation)
	while read -r line; do
		sh -c "$line" >"$OUT" 2>"$ERR" </dev/null
		is "$? $(cat "$ERR")" '0 ' "$1: $line"
	done
	cp "$OUT" "$WORK/last"
	is "$(($(generation) - before))" "$2" \
	    "$1: the expected number of reloads"
	cp "$WORK/last" "$OUT"
}

export TARANTOOL_CONSOLE_SOCK=$EXAMPLES/shop.web.control

example '^ *ExecReload=' >"$WORK/block"
line=$(sed -n 's/^ExecReload=//p' "$WORK/block")
is "${line%% *}" /usr/local/bin/cartridge-reload 'ExecReload= names the program'
is "$line" "$(sed -n 's|^ExecReload=@BINDIR@|/usr/local/bin|p' \
    "$TESTS_DIR/../scripts/systemd/reload.conf.in")" \
    'ExecReload= is that of the drop-in'
commands ExecReload= 1 <<<"${line#/usr/local/bin/}"

# The rest of the line after CMD, with continuation lines joined.
healthcheck=$(example '^ *HEALTHCHECK ' | sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' \
    -e '}' -e 's/.* CMD //')
commands HEALTHCHECK 0 <<<"$healthcheck"
kill -STOP "$APP_PID"
sh -c "$healthcheck" >"$OUT" 2>&1
is "$?" 1 'HEALTHCHECK: 1 if the instance hangs'
kill -CONT "$APP_PID"

example '^ *readinessProbe:' >"$WORK/block"
mapfile -t words < <(yaml 'y.readinessProbe.exec.command')
is "${words[0]}" cartridge-reload 'readinessProbe: the program'
is "$("${words[@]}" 2>&1) $?" ' 0' 'readinessProbe: ready'
is "$(TARANTOOL_CONSOLE_SOCK=$WORK/none "${words[@]}" >/dev/null 2>&1; echo $?)" \
    2 'readinessProbe: not ready'
is "$(yaml 'y.readinessProbe.timeoutSeconds > tonumber("'"${words[3]}"'")')" \
    true 'readinessProbe: the timeout is longer than that of the program'

example '^ *reload:$' >"$WORK/block"
commands GitLab 1 <<<"$(yaml 'y.reload.script')"
report=$(yaml 'y.reload.artifacts.paths[1]')
is "$(cp "$report" "$OUT"; json 'r.ok, i.outcome')" 'true reloaded' \
    'GitLab: the report is kept'

example '^ *- name: Reload$' >"$WORK/block"
commands 'GitHub Actions' 1 <<<"$(yaml 'y[1].run')"

example '^ *- name: Reload the' >"$WORK/block"
line=$(yaml 'y[1]["ansible.builtin.command"].cmd')
is "$(yaml 'y[1].changed_when')" "\"reloaded\" in (reload.stdout | from_json)\
.instances | map(attribute=\"outcome\") | list" \
    'Ansible: the condition is complete'
commands Ansible 0 <<<"$line"
is "$(json 'i.outcome')" unchanged 'Ansible: nothing has changed'
echo '-- changed' >>"$APP_DIR/app/roles/spare.lua"
commands Ansible 1 <<<"$line"
is "$($line >"$OUT"; json 'i.outcome')" unchanged \
    'Ansible: the change is reloaded once'

# --- The role of the manual --------------------------------------------------

section 'WRITING A RELOADABLE ROLE' |
    awk '/^ *local cartridge/ { indent = index($0, "local") }
	indent { print substr($0, indent) }' >"$APP_DIR/app/roles/spare.lua"

greeters()
{
	app_eval 'local n = 0
		for _, f in pairs(require("fiber").info({backtrace = false})) do
			n = n + (f.name == "greeter" and 1 or 0)
		end
		return n, #box.space.greetings'
}
reload
is "$RC $(json 'i.outcome, i.error')" '0 reloaded null' \
    'the role of the manual is loaded'
is "$(http_get /greet)" 'greeting 1' 'the role of the manual serves'
is "$(greeters)" "1$(printf '\t')0" \
    'the role of the manual has one loop and its space'
reload
is "$RC $(json 'names(i.fibers.cancelled), names(i.fibers.left)')" '0  ' \
    'a reload of the role leaves no fiber'
is "$(http_get /greet)" 'greeting 2' 'the state of the role is kept'
is "$(greeters)" "1$(printf '\t')0" 'the role has one loop'
sed -i "s/return true/error('broken')/" "$APP_DIR/app/roles/spare.lua"
reload
is "$RC $(json 'i.error.code, i.rollback.complete')" '3 init_failed true' \
    'a broken role is rolled back'
is "$(http_get /greet)" 'greeting 3' 'the role before is still serving'
is "$(greeters)" "1$(printf '\t')0" 'the role has one loop'

done_testing
