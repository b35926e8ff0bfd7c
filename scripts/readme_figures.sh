#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# readme_figures.sh DIRECTORY: puts the two pictures and the table that matter
# most into doc/ and doc/figures.md, from what `make bench` left in the directory:
# the text between "<!-- figures" and "<!-- end of figures -->".

set -eu -o pipefail
LC_ALL=C
export LC_ALL

cd "$(dirname "$0")/.."
from=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for file in machine load.csv timeline.svg modules.svg; do
	[ -s "$from/$file" ] || {
		echo "readme_figures.sh: no $from/$file: run make bench" >&2
		exit 1
	}
done
if grep -q 'a quick run' "$from/machine" && [ -z "${QUICK_FIGURES:-}" ]; then
	echo "readme_figures.sh: $from is of a quick run;" \
	    "QUICK_FIGURES=1 takes it all the same" >&2
	exit 1
fi

# machine WORD: the rest of its line.
machine()
{
	sed -n "s/^- $1: //p" "$from/machine" | sed 's/ *$//'
}

{
	echo "Measured on $(machine date | cut -d ' ' -f 1)," \
	    "$(machine machine); the server is $(machine server):"
	[ -z "${QUICK_FIGURES:-}" ] || echo 'a quick run, rough figures.'
	echo
	echo '| a reload under load | reloads done | new code serves | requests | failed | p99, ms | p99.9, ms | worst, ms |'
	echo '|---|---|---|---|---|---|---|---|'
	# The columns are those of the first line of load.csv.
	awk -F, '
	function median(list,	n, part, i, k, t) {
		n = split(list, part, " ")
		for (i = 2; i <= n; i++)
			for (k = i; k > 1 && part[k] + 0 < part[k - 1] + 0; k--) {
				t = part[k]
				part[k] = part[k - 1]
				part[k - 1] = t
			}
		return n % 2 ? part[(n + 1) / 2] : \
		    (part[n / 2] + part[n / 2 + 1]) / 2
	}
	NR == 1 {
		for (i = 1; i <= NF; i++)
			c[$i] = i
		next
	}
	{
		way = $c["way"]
		runs[way]++
		done[way] += $c["reloads_done"]
		good[way] += $c["new_code"] == "yes"
		requests[way] += $c["requests"]
		failed[way] += $c["connect"] + $c["read"] + $c["write"] + \
		    $c["timeout"] + $c["status"]
		p99[way] = p99[way] " " $c["p99"]
		p999[way] = p999[way] " " $c["p99.9"]
		if ($c["max"] + 0 > worst[way])
			worst[way] = $c["max"]
	}
	END {
		n = split("staged native naive none", ways, " ")
		name["staged"] = "**cartridge-reload**"
		name["native"] = "`--method native`"
		name["naive"] = "unload the modules, `init` anew"
		name["none"] = "no reload"
		for (i = 1; i <= n; i++) {
			way = ways[i]
			printf "| %s | %s | %s | %d | %d | %.1f | %.1f | %.0f |\n",
			    name[way], way == "none" ? "" : done[way],
			    way == "none" ? "" : \
			    good[way] " of " runs[way] " times",
			    requests[way], failed[way], median(p99[way]),
			    median(p999[way]), worst[way]
		}
	}' "$from/load.csv"
} >"$work/table"

cp "$from/timeline.svg" doc/latency.svg
cp "$from/modules.svg" doc/modules.svg
awk -v table="$work/table" '
	/^<!-- end of figures -->$/ { inside = 0 }
	!inside { print }
	/^<!-- figures/ {
		inside = 1
		found = 1
		while ((getline line < table) > 0)
			print line
	}
	END { exit !found }' doc/figures.md >"$work/figures.md"
cat "$work/figures.md" >doc/figures.md
