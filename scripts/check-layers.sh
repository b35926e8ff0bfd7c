#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# check-layers.sh: keeps the order of the folders below src and src/lua.  A file
# may include, or require, what is in its own folder and in folders of the lines
# below its own, not in others of the same line, and nothing above.  Prints each
# line that does.

set -eu

cd "$(dirname "$0")/../src"

# The one place that says the order, from the top to the ground.
c_layers='
main
repl
rollout
cli
output net
proto target
util'

check()
{
	awk -v layers="$c_layers" '
	BEGIN {
		n = split(layers, line, "\n")
		for (i = 1; i <= n; i++) {
			m = split(line[i], folder, " ")
			for (j = 1; j <= m; j++)
				floor[folder[j]] = i
		}
	}
	FNR == 1 {
		from = FILENAME
		from = from ~ /\// ? substr(from, 1, index(from, "/") - 1) : "main"
		if (!(from in floor)) {
			printf "src/%s: unknown folder %s\n", FILENAME, from
			bad = 1
		}
	}
	/^#include "/ {
		to = substr($2, 2, index($2, "/") - 2)
		if (to != from && floor[to] <= floor[from]) {
			printf "src/%s:%d: %s may not include %s: %s\n",
			    FILENAME, FNR, from, to, $0
			bad = 1
		}
	}
	END { exit bad }' "$@"
}

# shellcheck disable=SC2046 # names without blanks
check $(find . -name '*.[ch]' | sed 's|^\./||' | sort)

# The same for Lua.  A module that is named by itself is not on the line of its
# folder.
lua_layers='
boot
commands
reload
core.command
core.instance
frameworks
adapters
reload.carriers reload.restart
scan
adapters.triggers
reload.recorder reload.stop_effects reload.terminate
reload.catalog
reload.audiences reload.generations reload.module_table reload.succession
cluster
platform
core'

check_lua()
{
	awk -v layers="$lua_layers" '
	function place(module, folder) {
		if (module in floor)
			return module
		folder = module
		sub(/\..*/, "", folder)
		return folder in floor ? folder : ""
	}
	BEGIN {
		n = split(layers, line, "\n")
		for (i = 1; i <= n; i++) {
			m = split(line[i], name, " ")
			for (j = 1; j <= m; j++)
				floor[name[j]] = i
		}
	}
	FNR == 1 {
		module = FILENAME
		sub(/\.lua$/, "", module)
		gsub(/\//, ".", module)
		if ((from = place(module)) == "") {
			printf "src/lua/%s: unknown folder\n", FILENAME
			bad = 1
		}
	}
	match($0, /require\(.[a-z_.]+.\)/) {
		to = substr($0, RSTART + 9, RLENGTH - 11)
		file = to
		gsub(/\./, "/", file)
		# Others are modules of Tarantool.
		if ((getline ignored <(file ".lua")) <= 0)
			next
		close(file ".lua")
		to = place(to)
		if (to != from && floor[to] <= floor[from]) {
			printf "src/lua/%s:%d: %s may not require %s\n",
			    FILENAME, FNR, from, $0
			bad = 1
		}
	}
	END { exit bad }' "$@"
}

cd lua
# shellcheck disable=SC2046 # names without blanks
check_lua $(find . -name '*.lua' | sed 's|^\./||' | sort)
