# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Reads the rows of print_tables, for the files that make a completion of it:
#
#	print_tables | awk -f table.awk -f bash.awk

BEGIN {
	FS = "\t"
}

$1 == "command" {
	commands[++command_count] = $2
	operand[$2] = $3
	command_help[$2] = $4
}

$1 == "option" {
	n = ++option_count
	letter[n] = $2
	name[n] = $3
	argument[n] = $4
	choices[n] = $5
	takers[n] = $6
	help[n] = $7
}

# How a value is completed.
function value_kind(n)
{
	if (argument[n] == "-")
		return "none"
	if (choices[n] != "-")
		return "choice"
	if (argument[n] == "TARGET" || argument[n] == "FILE")
		return "file"
	if (argument[n] == "DIR")
		return "directory"
	if (argument[n] == "NAME")
		return name[n]
	return "word"
}

function is_taken(n, command)
{
	return command == "" || index("," takers[n] ",", "," command ",")
}

function is_taken_by_all(n,  i)
{
	for (i = 1; i <= command_count; i++)
		if (!is_taken(n, commands[i]))
			return 0
	return 1
}

# "-t SEPARATOR --timeout"
function spellings(n, separator)
{
	return (letter[n] == "-" ? "" : "-" letter[n] separator) "--" name[n]
}

# The spellings of all options whose values are completed so.
function spellings_of_kind(kind, separator,  n, list)
{
	for (n = 1; n <= option_count; n++)
		if (value_kind(n) == kind)
			list = list (list == "" ? "" : separator) \
			    spellings(n, separator)
	return list
}

function spellings_with_value(separator,  n, list)
{
	for (n = 1; n <= option_count; n++)
		if (argument[n] != "-")
			list = list (list == "" ? "" : separator) \
			    spellings(n, separator)
	return list
}

function command_list(separator,  i, list)
{
	for (i = 1; i <= command_count; i++)
		list = list (i == 1 ? "" : separator) commands[i]
	return list
}

function takers_list(n, separator,  list)
{
	list = takers[n]
	gsub(",", separator, list)
	return list
}

function choice_list(n,  list)
{
	list = choices[n]
	gsub(/\|/, " ", list)
	return list
}

# Commands whose arguments are such, as the table shows them.
function commands_with(args, separator,  i, list)
{
	for (i = 1; i <= command_count; i++)
		if (operand[commands[i]] == args)
			list = list (list == "" ? "" : separator) commands[i]
	return list
}

function directory_commands(separator)
{
	return commands_with("DIR", separator)
}

function instance_commands(separator)
{
	return commands_with("[INSTANCE ...]", separator)
}

function command_commands(separator)
{
	return commands_with("[COMMAND]", separator)
}

function heading(comment)
{
	print comment " SPDX-License-Identifier: BSD-2-Clause"
	print comment " Copyright (c) 2026 The cartridge-reload authors"
}
