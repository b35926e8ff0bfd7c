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

# A shell takes longer to start than to complete, so that each is asked for
# all completions at once.  Requests are words, each of which ends in a US.
readonly US=$'\x1f'
NAMES=()
EXPECTED=()
REQUESTS=()

# offers NAME EXPECTED WORD ...: exactly these words are to be offered for the
# last of some words.
offers()
{
	local request
	printf -v request "%s$US" "${@:3}"
	NAMES+=("$1")
	EXPECTED+=("$2")
	REQUESTS+=("$request")
}

# Completions that a shell offers for the requests in the arguments, with a
# line "the end" after those of each.

offered_by_bash()
{
	local request word words
	set +u
	compopt() { :; }
	# shellcheck disable=SC1091 # it is generated
	source "$COMPLETION/cartridge-reload.bash"
	for request; do
		IFS=$US read -r -a words <<<"$request"
		COMP_WORDS=(cartridge-reload)
		# At a prompt, = is a word of its own.
		for word in "${words[@]}"; do
			case $word in
			--*=)	COMP_WORDS+=("${word%=}" '=') ;;
			--*=*)	COMP_WORDS+=("${word%%=*}" '=' "${word#*=}") ;;
			*)	COMP_WORDS+=("$word") ;;
			esac
		done
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMPREPLY=()
		_cartridge_reload
		printf '%s\n' "${COMPREPLY[@]}" 'the end'
	done
}

# lines REQUEST ...: sets LINES_TYPED to what is typed for them.
lines()
{
	LINES_TYPED=("${@%"$US"}")
	LINES_TYPED=("${LINES_TYPED[@]//$US/ }")
	LINES_TYPED=("${LINES_TYPED[@]/#/cartridge-reload }")
}

offered_by_zsh()
{
	lines "$@"
	zsh -f "$CLI_DIR/complete.zsh" "$COMPLETION" "${LINES_TYPED[@]}"
}

# fish prints the option before its value, and a description after a tab.
offered_by_fish()
{
	local line
	lines "$@"
	# shellcheck disable=SC2016 # expanded by fish
	fish --no-config -c 'source $argv[1]/cartridge-reload.fish
	    for line in $argv[2..]
		complete -C $line
		echo the end
	    end' "$COMPLETION" "${LINES_TYPED[@]}" | while IFS= read -r line; do
		[[ ${line%%$'\t'*} =~ ^(--[a-z-]*=)?(.*) ]]
		printf '%s\n' "${BASH_REMATCH[2]}"
	done
}

# check NAME EXPECTED WORD ...: one test: these words were offered.
check()
{
	local name=$1 word missing='' surplus=''
	local -A offered=()
	local -a expected
	read -r -d '' -a expected <<<"$2"
	shift 2
	for word; do
		[ -z "$word" ] || offered[$word]=1
	done
	for word in "${expected[@]}"; do
		[ -n "${offered[$word]-}" ] || missing+=" $word"
		offered[$word]=2
	done
	for word in "${!offered[@]}"; do
		[ "${offered[$word]}" -eq 2 ] || surplus+=" $word"
	done
	if [ -z "$missing$surplus" ]; then
		pass "$name"
	else
		fail "$name" "missing:$missing" "surplus:$surplus"
	fi
}

# ask SHELL: asks it, and checks what it offers.
ask()
{
	local line words=() i=0
	("offered_by_$1" "${REQUESTS[@]}") >.run/offered 2>.run/said
	while IFS= read -r line; do
		if [ "$line" = 'the end' ]; then
			check "$1: ${NAMES[i]}" "${EXPECTED[i]}" "${words[@]}"
			words=()
			i=$((i + 1))
			continue
		fi
		# Shells show paths differently: whole or by their last part,
		# with or without a slash.
		case ${NAMES[i]} in
		files* | directories*)
			line=${line%/}
			line=${line##*/}
			;;
		esac
		words+=("$line")
	done <.run/offered
	is "$i $(<.run/said)" "${#REQUESTS[@]} " "$1 has answered all"
}

"$BUILD_DIR/print_tables" | grep -vE "^(error|env)" >.run/table
is "$(awk -F "$tab" 'NF != ($1 == "command" ? 4 : 7)' .run/table)" '' \
    'the table of completions is whole'
commands=$(awk -F "$tab" '$1 == "command" { print $2 }' .run/table)

# The long options, and all options, of each command; of '.' for all commands.
declare -A long=() all=()
while IFS=$tab read -r kind letter option _ _ of _; do
	[ "$kind" = option ] || continue
	for command in . ${of//,/ }; do
		long[$command]+=" --$option"
		all[$command]+=" --$option"
		[ "$letter" = - ] || all[$command]+=" -$letter"
	done
done <.run/table

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

offers 'commands' "$commands" ''
offers 'a command by its beginning' 'stale status' st
offers 'commands after an option and its value' "$commands" --socket status ''
offers 'commands after --help' "$commands" --help ''
offers 'nothing after the command' '' console ''
offers 'instances after the command' 'api-2 db web' status ''
offers 'instances after an instance' 'web' plan db w
offers 'commands after help' "$commands" help ''
offers 'options' "${all[.]}" -
offers 'long options' "${long[.]}" --
for command in $commands; do
	offers "options of $command" "${all[$command]-}" "$command" -
done
offers 'options of the command, not of a value' "${long[eval]}" \
    --socket plan eval --
while IFS=$tab read -r kind _ option _ values _; do
	[[ $kind == option && $values != - ]] || continue
	offers "values of --$option" "${values//|/ }" "--$option" ''
	offers "values of --$option=" "${values//|/ }" "--$option="
done <.run/table
offers 'the values of a short option' 'json' -o j

offers 'applications' 'bank shop x' --app ''
offers 'applications for -a' 'shop' -a s
offers 'applications after =' 'bank' --app=b
offers 'applications of a run directory' games --run-dir other --app ''
offers 'instances' 'api-2 db web' --instance ''
offers 'instances for -i' 'web' status -i w
offers 'instances of an application' web --app bank --instance ''
offers 'instances of an application after =' web --app=bank --instance=
offers 'no instances where there are none' '' --app=none --instance ''
for option in --timeout -t --jobs --module -x; do
	offers "nothing for $option" '' "$option" ''
done
offers 'files for --socket' games.txt -s run/games
offers 'files for --file' games.txt --file run/games
offers 'directories for --run-dir' other --run-dir o
while IFS=$tab read -r kind command argument _; do
	[[ $kind == command && $argument == DIR ]] || continue
	offers "directories for $command" other "$command" o
done <.run/table

# Words that a shell would run as commands if it evaluated them.
EVIL=()
# shellcheck disable=SC2016 # that is what is typed
for option in --app= "--app$US" --run-dir= "-a$US"; do
	EVIL+=("$option"'$(>executed)'"$US--instance$US$US"
	    "$option"'`>executed`'"${US}status$US$US")
done

for shell in bash zsh fish; do
	file=$COMPLETION/cartridge-reload.$shell
	[ "$shell" != zsh ] || file=$COMPLETION/_cartridge-reload
	ok "$shell: the completion is loaded" [ -s "$file" ]
	if reason=$(why_not "$shell"); then
		skip "$shell offers the expected words" "$reason"
		continue
	fi
	ok "$shell: the syntax is valid" "$shell" -n "$file"
	ask "$shell"
	("offered_by_$shell" "${EVIL[@]}") >/dev/null 2>&1
done
ok 'no name was run as a command' [ ! -e executed ]

done_testing
