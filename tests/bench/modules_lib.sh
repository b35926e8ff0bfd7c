# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# An application of many modules, for the sections that measure how the cost of a
# reload grows with their number.

# shellcheck source=tests/bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# number NAME: prints the value of a field of the report in OUT.
number()
{
	sed -n "s/^ *\"$1\": *\\([-+0-9.e]*\\),\\{0,1\\}$/\\1/p" "$OUT" | head -n 1
}

# make_modules N: makes an application of N modules, some of which require others.
make_modules()
{
	mkdir -p "$APP_DIR/gen"
	awk -v n="$1" -v dir="$APP_DIR/gen" 'BEGIN {
		for (i = 1; i <= n; i++) {
			file = dir "/m" i ".lua"
			print "local M = {number = " i "}" >file
			if (i % 10 > 1)
				print "local other = require(\"gen.m" i - 1 \
				    "\")" >file
			else
				print "local other = {}" >file
			print "local LIMIT = " i % 97 >file
			for (f = 1; f <= 4; f++) {
				print "\nfunction M.f" f "(a, b)" >file
				print "    if a > LIMIT and b ~= nil then" >file
				print "        return {a + b, other.number," \
				    " name = \"m" i "_" f "\"}" >file
				print "    end" >file
				print "    return nil, \"no more than \"" \
				    " .. LIMIT" >file
				print "end" >file
			}
			print "\nreturn M" >file
			close(file)
		}
	}'
	app_eval "
		for i = 1, $1 do
			require('gen.m' .. i)
		end
		collectgarbage()
		collectgarbage()
		return true" >"$OUT" || bail_out 'the modules cannot be loaded'
}

# bare_loop: unloads the modules and requires them again, in the same process, to
# compare a reload with; prints how many milliseconds that took.
bare_loop()
{
	app_eval "
		local clock = require('clock')
		collectgarbage()
		collectgarbage()
		local start = clock.monotonic()
		local names = {}
		for name in pairs(package.loaded) do
			if name:find('^gen%.') or name:find('^app%.') then
				table.insert(names, name)
			end
		end
		for _, name in ipairs(names) do
			package.loaded[name] = nil
		end
		for _, name in ipairs(names) do
			require(name)
		end
		return (clock.monotonic() - start) * 1000"
}

# collect: runs a full garbage collection.
collect()
{
	app_eval 'collectgarbage() collectgarbage() return true' >"$OUT"
}
