#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Compares the completions of bash, zsh and fish with the tables of commands and
# options, and with the existing sockets.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

COMPLETION=$BUILD_DIR/completion
PATH=$(dirname "$CARTRIDGE_RELOAD"):$PATH
# The program must be in $PATH under its name.
if [ "$(basename "$CARTRIDGE_RELOAD")" != cartridge-reload ]; then
	mkdir .run/bin
	ln -s "$CARTRIDGE_RELOAD" .run/bin/cartridge-reload
	PATH=$PWD/.run/bin:$PATH
fi
tab=$(printf '\t')

# Completions that the shells offer for the last of some words.

offered_by_bash()
{
	cat >.run/complete.bash <<-END
		source '$COMPLETION/cartridge-reload.bash'
		compopt() { :; }
		COMP_WORDS=(cartridge-reload "\$@")
		COMP_CWORD=\$#
		_cartridge_reload
		printf '%s\n' "\${COMPREPLY[@]}"
	END
	# At a prompt, = is a word of its own.
	local word words=()
	for word; do
		case $word in
		--*=) words+=("${word%=}" '=') ;;
		--*=*) words+=("${word%%=*}" '=' "${word#*=}") ;;
		*) words+=("$word") ;;
		esac
	done
	bash .run/complete.bash "${words[@]}"
}

offered_by_zsh()
{
	zsh -f "$CLI_DIR/complete.zsh" "$COMPLETION" "cartridge-reload $*"
}

# fish prints the option before its value, and a description after a tab.
offered_by_fish()
{
	fish --no-config -c "source '$COMPLETION/cartridge-reload.fish'
	    complete -C 'cartridge-reload $*'" | cut -f 1 | sed 's/^--[a-z-]*=//'
}

# offers SHELL NAME EXPECTED WORD ...: exactly these words.
offers()
{
	local shell=$1 name="$1: $2" expected=$3
	shift 3
	"offered_by_$shell" "$@" 2>.run/said | sed '/^$/d' | sort -u >.run/offered
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' $expected | sed '/^$/d' | sort -u >.run/expected
	if cmp -s .run/expected .run/offered && [ ! -s .run/said ]; then
		pass "$name"
	else
		fail "$name" "$(diff .run/expected .run/offered)" \
		    "$(head -c 1000 .run/said)"
	fi
}

"$BUILD_DIR/print_tables" | grep -vE "^(error|env)" >.run/table
is "$(awk -F "$tab" 'NF != ($1 == "command" ? 4 : 7)' .run/table)" '' \
    'the table of completions is whole'
commands=$(awk -F "$tab" '$1 == "command" { print $2 }' .run/table)

# long COMMAND: prints the long options of a command; '' for all commands.
long()
{
	awk -F "$tab" -v command="$1" '$1 == "option" &&
	    (command == "" || ("," $6 ",") ~ ("," command ",")) {
		print "--" $3
	}' .run/table
}

# all COMMAND: prints its long and short options.
all()
{
	long "$1"
	awk -F "$tab" -v command="$1" '$1 == "option" && $2 != "-" &&
	    (command == "" || ("," $6 ",") ~ ("," command ",")) {
		print "-" $2
	}' .run/table
}

# Sockets; a shell that evaluates the name of one of them would run a command.
mkdir run other
# shellcheck disable=SC2016 # that is its name
for name in shop.web shop.db shop.api-2 bank.web 'evil$(>executed).web' \
    'x.$(>executed)' 'x.a b' 'x.`>executed`' 'x.--help'; do
	stale_socket "run/$name.control"
done
stale_socket other/games.chess.control
: >run/games.txt
export TARANTOOL_RUN_DIR=$PWD/run

try __complete app
ends 0 '' 'names of applications are completed'
prints 'bank
shop
x' 'each name is printed once, and none that a shell would have to quote'
try __complete instance
prints 'api-2
db
web' 'names of instances are completed'
try __complete instance --app shop
prints 'api-2
db
web' 'names of instances of an application are completed'
try __complete instance --app none
is "$RC $(cat "$OUT" "$ERR")" '2 ' 'an unknown application has no names'
try __complete instance --app bank --run-dir=other
is "$RC $(cat "$OUT" "$ERR")" '2 ' 'another run directory has no names'
try __complete app --run-dir other
prints games 'other options have names'
for words in '' other 'app --bogus' 'app console surplus'; do
	# shellcheck disable=SC2086 # several words
	try __complete $words
	isnt "$RC" 0 "no names: __complete $words"
	is "$(cat "$OUT" "$ERR")" '' "no message: __complete $words"
done

# why_not SHELL: prints why it cannot be tested here, or fails.
why_not()
{
	if ! command -v "$1" >/dev/null; then
		echo "no $1 here"
	elif [ "$1" = zsh ] && ! zsh -f -c 'zmodload zsh/zpty && zpty here true' \
	    2>/dev/null; then
		echo 'no pseudo-terminals here: is /dev/pts mounted?'
	else
		return 1
	fi
}

for shell in bash zsh fish; do
	file=$COMPLETION/cartridge-reload.$shell
	[ "$shell" != zsh ] || file=$COMPLETION/_cartridge-reload
	ok "$shell: the completion is loaded" [ -s "$file" ]
	if reason=$(why_not "$shell"); then
		skip "$shell offers the expected words" "$reason"
		continue
	fi
	ok "$shell: the syntax is valid" "$shell" -n "$file"

	offers "$shell" 'commands' "$commands" ''
	offers "$shell" 'a command by its beginning' 'stale status' st
	offers "$shell" 'commands after an option and its value' "$commands" \
	    --socket status ''
	offers "$shell" 'commands after --help' "$commands" --help ''
	offers "$shell" 'nothing after the command' '' console ''
	offers "$shell" 'instances after the command' 'api-2 db web' status ''
	offers "$shell" 'instances after an instance' 'web' plan db w
	offers "$shell" 'commands after help' "$commands" help ''
	offers "$shell" 'options' "$(all '')" -
	offers "$shell" 'long options' "$(long '')" --
	for command in $commands; do
		offers "$shell" "options of $command" "$(all "$command")" \
		    "$command" -
	done
	offers "$shell" 'options of the command, not of a value' \
	    "$(long eval)" --socket plan eval --
	while read -r option values; do
		values=${values//|/ }
		offers "$shell" "values of --$option" "$values" "--$option" ''
		offers "$shell" "values of --$option=" "$values" "--$option="
	done < <(awk -F "$tab" '$1 == "option" && $5 != "-" {
		print $3, $5
	}' .run/table)
	offers "$shell" 'the values of a short option' 'json' -o j

	offers "$shell" 'applications' 'bank shop x' --app ''
	offers "$shell" 'applications for -a' 'shop' -a s
	offers "$shell" 'applications after =' 'bank' --app=b
	offers "$shell" 'applications of a run directory' games \
	    --run-dir other --app ''
	offers "$shell" 'instances' 'api-2 db web' --instance ''
	offers "$shell" 'instances for -i' 'web' status -i w
	offers "$shell" 'instances of an application' web \
	    --app bank --instance ''
	offers "$shell" 'instances of an application after =' web \
	    --app=bank --instance=
	offers "$shell" 'no instances where there are none' '' \
	    --app=none --instance ''
	# shellcheck disable=SC2016 # that is what is typed
	for option in --app= '--app ' --run-dir= '-a '; do
		"offered_by_$shell" "$option"'$(>executed)' --instance '' \
		    >/dev/null 2>&1
		"offered_by_$shell" "$option"'`>executed`' status '' \
		    >/dev/null 2>&1
	done
	for option in --timeout -t --jobs --module -x; do
		offers "$shell" "nothing for $option" '' "$option" ''
	done
done

# Shells show paths differently: by their last part, or with a slash.
file_names()
{
	sed 's:/$::; s:.*/::' | sort -u | tr '\n' ' '
}
for shell in bash zsh fish; do
	! why_not "$shell" >/dev/null || continue
	is "$("offered_by_$shell" -s run/games | file_names)" 'games.txt ' \
	    "$shell: files for --socket"
	is "$("offered_by_$shell" --file run/games | file_names)" \
	    'games.txt ' "$shell: files for --file"
	is "$("offered_by_$shell" --run-dir o | file_names)" 'other ' \
	    "$shell: directories for --run-dir"
	mapfile -t commands < <(awk -F "$tab" '
		$1 == "command" && $3 == "DIR" { print $2 }' .run/table)
	for command in "${commands[@]}"; do
		is "$("offered_by_$shell" "$command" o | file_names)" 'other ' \
		    "$shell: directories for $command"
	done
done
ok 'no name was run as a command' [ ! -e executed ]

done_testing
