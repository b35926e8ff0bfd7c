# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Prints the completion for fish, from what table.awk has read.

function quoted(text)
{
	gsub(/\\/, "\\\\", text)
	gsub(/'/, "\\'", text)
	return "'" text "'"
}

function action(n,  kind)
{
	kind = value_kind(n)
	if (kind == "none")
		return ""
	if (kind == "choice")
		return " -x -a " quoted(choice_list(n))
	if (kind == "file")
		return " -r -F"
	if (kind == "directory")
		return " -x -a '(__fish_complete_directories)'"
	if (kind == "app" || kind == "instance")
		return " -x -a '(__cartridge_reload_names " kind ")'"
	return " -x"
}

END {
	heading("#")
	print "#"
	print "# fish completion for cartridge-reload(1)."
	print ""
	print "# The command that has been typed, if any."
	print "function __cartridge_reload_command"
	print "    set -l is_value 0"
	print "    set -l words (commandline -opc)"
	print "    for word in $words[2..-1]"
	print "        if test $is_value = 1"
	print "            set is_value 0"
	print "            continue"
	print "        end"
	print "        switch $word"
	print "            case " spellings_with_value(" ")
	print "                set is_value 1"
	print "            case " command_list(" ")
	print "                echo $word"
	print "                return 0"
	print "        end"
	print "    end"
	print "    return 1"
	print "end"
	print ""
	print "# Whether that is one of these, or none has been typed."
	print "function __cartridge_reload_takes"
	print "    set -l command (__cartridge_reload_command)"
	print "    or return 0"
	print "    contains -- $command $argv"
	print "end"
	print ""
	print "# Names from the sockets on this machine."
	print "function __cartridge_reload_names"
	print "    set -l words (commandline -opc)"
	print "    set -l given"
	print "    for i in (seq 2 (count $words))"
	print "        switch $words[$i]"
	print "            case -a --app --run-dir"
	print "                if test $i -lt (count $words)"
	print "                    set -a given $words[$i] $words[(math $i + 1)]"
	print "                end"
	print "            case '--app=*' '--run-dir=*'"
	print "                set -a given $words[$i]"
	print "        end"
	print "    end"
	print "    $words[1] __complete $argv[1] $given 2>/dev/null"
	print "end"
	print ""
	print "complete -c cartridge-reload -f"
	for (i = 1; i <= command_count; i++)
		printf "complete -c cartridge-reload %s\n    -a %s -d %s\n",
		    "-n 'not __cartridge_reload_command >/dev/null' \\",
		    commands[i], quoted(command_help[commands[i]])
	printf "complete -c cartridge-reload %s\n    %s\n",
	    "-n 'contains -- (__cartridge_reload_command) " \
	    instance_commands(" ") "' \\",
	    "-a '(__cartridge_reload_names instance)'"
	printf "complete -c cartridge-reload %s\n    -a %s\n",
	    "-n 'contains -- (__cartridge_reload_command) " \
	    command_commands(" ") "' \\", quoted(command_list(" "))
	if (directory_commands("") != "")
		printf "complete -c cartridge-reload %s\n    %s\n",
		    "-n 'contains -- (__cartridge_reload_command) " \
		    directory_commands(" ") "' \\",
		    "-a '(__fish_complete_directories)'"
	for (n = 1; n <= option_count; n++) {
		printf "complete -c cartridge-reload"
		if (!is_taken_by_all(n))
			printf " -n '__cartridge_reload_takes %s'",
			    takers_list(n, " ")
		printf "%s -l %s%s \\\n    -d %s\n",
		    letter[n] == "-" ? "" : " -s " letter[n], name[n],
		    action(n), quoted(help[n])
	}
}
