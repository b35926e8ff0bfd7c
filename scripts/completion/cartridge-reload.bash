# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
# shellcheck shell=bash
#
# bash completion for cartridge-reload(1).

_cartridge_reload()
{
	local commands='reload plan status stale eval'
	local all='-s --socket -t --timeout -w --wait -o --output -q --quiet
	    -v --verbose --color --progress --print-lua -h --help -V --version'
	local change='-m --module -x --exclude --rocks --method --no-stop
	    --if-changed -n --dry-run'
	local reload='--stale'
	local eval='-f --file'
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command='' word i words

	COMPREPLY=()
	# --option=value comes as three words.
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi

	case $prev in
	-o | --output) words='text json' ;;
	--method) words='staged native' ;;
	--stale) words='patch report fail' ;;
	--color | --progress) words='auto always never' ;;
	-s | --socket | -f | --file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-t | --timeout | -w | --wait | -m | --module | -x | --exclude)
		return
		;;
	*)
		for ((i = 1; i < COMP_CWORD; i++)); do
			word=${COMP_WORDS[i]}
			case ${COMP_WORDS[i-1]} in
			-s | --socket | -f | --file | -t | --timeout | \
			    -w | --wait | -m | --module | -x | --exclude | \
			    -o | --output | --method | --stale | --color | \
			    --progress | =)
				continue
				;;
			esac
			[[ " $commands " == *" $word "* ]] || continue
			command=$word
			break
		done
		if [[ $cur == -* ]]; then
			case $command in
			'') words="$all $change $reload $eval" ;;
			reload) words="$all $change $reload" ;;
			plan) words="$all $change" ;;
			eval) words="$all $eval" ;;
			*) words=$all ;;
			esac
		elif [[ -z $command ]]; then
			words=$commands
		else
			return
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _cartridge_reload cartridge-reload
