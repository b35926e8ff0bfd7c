#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# compare.sh [CASE ...]: in how many places of the applications of the corpus
# new code serves, after
#
#	staged	a reload
#	unload	nothing but forgetting the modules and loading them again
#	native	Cartridge's own reload, with nothing mended after it; all
#		applications run on Cartridge then
#
# Cartridge's way forgets all that was loaded after cartridge.cfg: here that is
# the library as well as the modules.
#
# Prints a line of CSV for each application: its name, whether all its places are
# to be mended (exact) or some are to be named (named), and for each way NEW/ALL,
# or "broken" if what asks the places fails.  The last line is the sum of the
# exact ones, with as many places for each way as there are after a reload.

# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/../live/lib.sh"
# shellcheck source=tests/live/stale_cases/lib.sh
. "$TESTS_DIR/live/stale_cases/lib.sh"

# The modules of the application, from the files of both versions, but for those
# that a reload leaves alone.
modules()
{
	(cd "$CORPUS/$APP_NAME" && find v1 v2 -name '*.lua') |
	    sed 's/.*\/\(.*\)\.lua/\1/' | sort -u |
	    grep -vxe "$(sed 's/^-x //' "$CORPUS/$APP_NAME/args" 2>/dev/null)"
}

unload()
{
	local name list=
	for name in $(modules); do
		list="$list'$name', "
	done
	app_eval '
		local names = {'"$list"'}
		for _, name in ipairs(names) do
			package.loaded[name] = nil
		end
		for _, name in ipairs(names) do
			pcall(require, name)
		end' >/dev/null
}

# count_new: counts in what corpus_probe prints, sets COUNTED.
count_new()
{
	local answer new all
	answer=$(corpus_probe 2>/dev/null) || {
		COUNTED=broken
		return
	}
	all=$(grep -o , <<<"$answer" | wc -l)
	new=$(grep -Eo 'v2(,|$)' <<<"$answer" | wc -l)
	COUNTED=$new/$((all + 1))
}

# measure CASE WAY
measure()
{
	local on=
	[ "$2" != native ] || on=cartridge
	corpus_start "$1" ${on:+"$on"}
	corpus_probe >/dev/null
	corpus_update
	case $2 in
	staged)	corpus_reload --stale=patch ;;
	unload)	unload ;;
	native)	reload --method native --stale=report ;;
	esac
	count_new
	stop_app "$APP_PID"
}

[ $# -gt 0 ] || {
	mapfile -t cases < <(corpus_cases)
	set -- "${cases[@]}"
}
echo 'case,kind,staged,unload,native'
for case; do
	kind=exact
	corpus_expect "$case"
	! grep -Eq '^(left|unchecked) ' "$EXPECTED" || kind=named
	line=$case,$kind
	for way in staged unload native; do
		measure "$case" "$way"
		line=$line,$COUNTED
	done
	echo "$line" | tee -a "$WORK/table"
done
awk -F, '
	$2 == "exact" {
		all += substr($3, index($3, "/") + 1)
		for (i = 3; i <= 5; i++)
			new[i] += $i
	}
	END {
		printf "total,exact,%d/%d,%d/%d,%d/%d\n",
		    new[3], all, new[4], all, new[5], all
	}' "$WORK/table"
