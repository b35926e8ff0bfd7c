# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Prints the completion for zsh, from what table.awk has read.

# Within single quotes.
function quoted(text)
{
	gsub(/'/, "'\\''", text)
	return "'" text "'"
}

# As the description of an option, where brackets and colons mean something.
function described(text)
{
	gsub(/[\\:]|\[|\]/, "\\\\&", text)
	return text
}

# What follows the option's name in a specification.
function action(n,  kind)
{
	kind = value_kind(n)
	if (kind == "none")
		return ""
	if (kind == "choice")
		return ":" tolower(argument[n]) ":(" choice_list(n) ")"
	if (kind == "file")
		return ":" tolower(argument[n]) ":_files"
	if (kind == "directory")
		return ":directory:_directories"
	# The space keeps _arguments from putting words of its own in front.
	if (kind == "app" || kind == "instance")
		return ":" kind ": _cartridge_reload_names " kind
	return ":" tolower(argument[n]) ": "
}

function specification(n,  before, after, short, long)
{
	# Both spellings are gone once one is given, but of what may be repeated.
	before = help[n] ~ /may be repeated/ ? "*" : \
	    "(" spellings(n, " ") ")"
	after = "[" described(help[n]) "]" action(n)
	short = "-" letter[n] (argument[n] == "-" ? "" : "+")
	long = "--" name[n] (argument[n] == "-" ? "" : "=")
	return (letter[n] == "-" ? "" : quoted(before short after) "\n\t    ") \
	    quoted(before long after)
}

END {
	print "#compdef cartridge-reload"
	heading("#")
	print "#"
	print "# zsh completion for cartridge-reload(1)."
	print ""
	print "# Names from the sockets on this machine."
	print "_cartridge_reload_names()"
	print "{"
	print "\tlocal i expl"
	print "\tlocal -a given names"
	print ""
	print "\tfor ((i = 2; i < CURRENT; i++)); do"
	print "\t\tcase $words[i] in"
	print "\t\t(-a|--app|--run-dir)"
	print "\t\t\t((i + 1 < CURRENT)) &&"
	print "\t\t\t    given+=(\"$words[i]\" \"$words[i+1]\")"
	print "\t\t\t;;"
	print "\t\t(--app=*|--run-dir=*)"
	print "\t\t\tgiven+=(\"$words[i]\")"
	print "\t\t\t;;"
	print "\t\tesac"
	print "\tdone"
	print "\t# Not _call_program, which would run what was typed in $(...)."
	print "\tnames=(${(f)\"$(\"${words[1]/#\\~\\//$HOME/}\" __complete $1 \\"
	print "\t    \"${given[@]}\" 2>/dev/null)\"})"
	print "\t_wanted names expl \"$1\" compadd -a names"
	print "}"
	print ""
	print "_cartridge_reload_commands()"
	print "{"
	print "\tlocal -a commands=("
	for (i = 1; i <= command_count; i++)
		print "\t    " quoted(commands[i] ":" \
		    described(command_help[commands[i]]))
	print "\t)"
	print ""
	print "\t_describe command commands"
	print "}"
	print ""
	print "_cartridge_reload()"
	print "{"
	print "\tlocal command='' i"
	print "\tlocal -a specifications"
	print ""
	print "\tfor ((i = 2; i < CURRENT; i++)); do"
	print "\t\tcase $words[i] in"
	print "\t\t(" spellings_with_value("|") ")"
	print "\t\t\t((i++))"
	print "\t\t\t;;"
	print "\t\t(" command_list("|") ")"
	print "\t\t\tcommand=$words[i]"
	print "\t\t\tbreak"
	print "\t\t\t;;"
	print "\t\tesac"
	print "\tdone"
	print ""
	print "\tspecifications=("
	for (n = 1; n <= option_count; n++)
		if (is_taken_by_all(n))
			print "\t    " specification(n)
	print "\t)"
	for (n = 1; n <= option_count; n++) {
		if (is_taken_by_all(n))
			continue
		print "\tif [[ -z $command || $command == (" \
		    takers_list(n, "|") ") ]]; then"
		print "\t\tspecifications+=("
		print "\t    " specification(n)
		print "\t\t)"
		print "\tfi"
	}
	print "\tcase $command in"
	print "\t('')"
	print "\t\tspecifications+=('1: :_cartridge_reload_commands')"
	print "\t\t;;"
	print "\t(" instance_commands("|") ")"
	print "\t\tspecifications+=('1: :' '*:instance: _cartridge_reload_names instance')"
	print "\t\t;;"
	print "\t(" command_commands("|") ")"
	print "\t\tspecifications+=('1: :' '2: :_cartridge_reload_commands')"
	print "\t\t;;"
	if (directory_commands("") != "") {
		print "\t(" directory_commands("|") ")"
		print "\t\tspecifications+=('1: :' '2:directory:_directories')"
		print "\t\t;;"
	}
	print "\t(*)"
	print "\t\tspecifications+=('*: :')"
	print "\t\t;;"
	print "\tesac"
	print "\t_arguments -s -S : $specifications"
	print "}"
	print ""
	print "_cartridge_reload \"$@\""
}
