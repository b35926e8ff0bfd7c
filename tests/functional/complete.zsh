# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# complete.zsh DIRECTORY LINE ...: prints what zsh offers at the end of each
# line of input, with the completions in that directory: one match on each
# line, and "the end" after those of a line.
#
# zsh completes in its line editor, which needs a terminal: there is one in
# between, and what is added as a match there is written down.

zmodload zsh/zpty
typeset found=$(mktemp) line
zpty shell zsh -f -i
zpty -w shell "PS1= PS2= RPS1=; stty -echo; found=${(q)found}"
zpty -w shell "fpath=(${(q)1} \$fpath); autoload -U compinit; compinit -u -d $PWD/.zcompdump"
shift
# Options O, A and D are those of calls that only look at matches.
zpty -w shell 'compadd() {
	local -a matches
	case " $* " in
	(*" -"[OAD]" "*)
		builtin compadd "$@"
		return
		;;
	esac
	builtin compadd -O matches "$@"
	print -rl -- $matches >>$found
	builtin compadd "$@"
}'
zpty -w shell "zle -C offer list-choices _main_complete; bindkey '^X^A' offer"
# What is typed is shown as well, so the words to wait for are not typed whole.
zpty -w shell 'leave() {
	zle -I
	print -r -- "the end" >>$found
	BUFFER=
	print DO""NE
}; zle -N leave'
zpty -w shell "bindkey '^X^B' leave; print REA''DY"
zpty -r -m shell shown '*READY*'
for line; do
	zpty -w -n shell "$line"$'\C-x\C-a\C-x\C-b'
	zpty -r -m shell after '*DONE*'
done
zpty -d shell
if [[ "$(tail -n 1 $found)" != 'the end' ]]; then
	print -r -- "zsh ended before it had offered all: ${(q+)shown} ${(q+)after}" >&2
fi
cat $found
rm -f $found
