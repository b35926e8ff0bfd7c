# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Prints the completion for bash, from what table.awk has read.

function print_names()
{
	print "# Names from the sockets on this machine; not expanded by this shell."
	print "_cartridge_reload_names()"
	print "{"
	print "\tlocal name i j arguments=(__complete \"$1\")"
	print ""
	print "\tfor ((i = 1; i < COMP_CWORD; i++)); do"
	print "\t\tj=$((i + 1))"
	print "\t\t[[ ${COMP_WORDS[j]} != '=' ]] || j=$((j + 1))"
	print "\t\t((j < COMP_CWORD)) || break"
	print "\t\tcase ${COMP_WORDS[i]} in"
	print "\t\t-a | --app | --run-dir)"
	print "\t\t\targuments+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[j]}\")"
	print "\t\t\t;;"
	print "\t\tesac"
	print "\tdone"
	print "\twhile read -r name; do"
	print "\t\t[[ $name != \"$2\"* ]] || COMPREPLY+=(\"$name\")"
	print "\tdone < <(\"${COMP_WORDS[0]/#\\~/$HOME}\" \"${arguments[@]}\" 2>/dev/null)"
	print "}"
	print ""
}

function print_values(n,  kinds)
{
	print "\tcase $prev in"
	for (n = 1; n <= option_count; n++)
		if (choices[n] != "-")
			printf "\t%s) words='%s' ;;\n", spellings(n, " | "),
			    choice_list(n)
	printf "\t%s)\n", spellings_of_kind("file", " | ")
	print "\t\tcompopt -o filenames 2>/dev/null"
	print "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")"
	print "\t\treturn"
	print "\t\t;;"
	printf "\t%s)\n", spellings_of_kind("directory", " | ")
	print "\t\tcompopt -o filenames 2>/dev/null"
	print "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")"
	print "\t\treturn"
	print "\t\t;;"
	printf "\t%s)\n", spellings_of_kind("app", " | ")
	print "\t\t_cartridge_reload_names app \"$cur\""
	print "\t\treturn"
	print "\t\t;;"
	printf "\t%s)\n", spellings_of_kind("instance", " | ")
	print "\t\t_cartridge_reload_names instance \"$cur\""
	print "\t\treturn"
	print "\t\t;;"
	printf "\t%s)\n", spellings_of_kind("word", " | ")
	print "\t\treturn"
	print "\t\t;;"
	print "\tesac"
}

function print_options_of(command, label,  n)
{
	printf "\t\t%s) words='", label
	for (n = 1; n <= option_count; n++)
		if (is_taken(n, command))
			printf "%s%s", n == 1 ? "" : " ", spellings(n, " ")
	print "' ;;"
}

END {
	heading("#")
	print "# shellcheck shell=bash"
	print "#"
	print "# bash completion for cartridge-reload(1)."
	print ""
	print_names()
	print "_cartridge_reload()"
	print "{"
	print "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
	print "\tlocal command='' words='' i"
	print ""
	print "\tCOMPREPLY=()"
	print "\t# --option=value comes as three words."
	print "\tif [[ $cur == '=' ]]; then"
	print "\t\tcur=''"
	print "\telif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then"
	print "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}"
	print "\tfi"
	print ""
	print_values()
	print "\tif [[ -n $words ]]; then"
	print "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")"
	print "\t\treturn"
	print "\tfi"
	print ""
	print "\tfor ((i = 1; i < COMP_CWORD; i++)); do"
	print "\t\tcase ${COMP_WORDS[i-1]} in"
	printf "\t\t%s | =)\n", spellings_with_value(" | ")
	print "\t\t\tcontinue"
	print "\t\t\t;;"
	print "\t\tesac"
	print "\t\tcase ${COMP_WORDS[i]} in"
	printf "\t\t%s)\n", command_list(" | ")
	print "\t\t\tcommand=${COMP_WORDS[i]}"
	print "\t\t\tbreak"
	print "\t\t\t;;"
	print "\t\tesac"
	print "\tdone"
	print ""
	print "\tif [[ $cur == -* ]]; then"
	print "\t\tcase $command in"
	print_options_of("", "''")
	for (i = 1; i <= command_count; i++)
		print_options_of(commands[i], commands[i])
	print "\t\tesac"
	print "\telif [[ -z $command ]]; then"
	printf "\t\twords='%s'\n", command_list(" ")
	printf "\telif [[ $command == @(%s) ]]; then\n", instance_commands("|")
	print "\t\t_cartridge_reload_names instance \"$cur\""
	print "\t\treturn"
	printf "\telif [[ $command == @(%s) ]]; then\n", command_commands("|")
	printf "\t\twords='%s'\n", command_list(" ")
	if (directory_commands("") != "") {
		printf "\telif [[ $command == @(%s) ]]; then\n",
		    directory_commands("|")
		print "\t\tcompopt -o filenames 2>/dev/null"
		print "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")"
		print "\t\treturn"
	}
	print "\telse"
	print "\t\treturn"
	print "\tfi"
	print "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")"
	print "}"
	print ""
	print "complete -F _cartridge_reload cartridge-reload"
}
