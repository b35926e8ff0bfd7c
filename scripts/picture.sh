#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# picture.sh FILE.svg: runs scripts/demo.sh and makes a picture of what it
# prints, in which the lines appear as they did, with time to read them.
#
# Where nothing moves, all of it is there at once.  Each line of the terminal is
# a line <text> of the file; those that go on with a line that was too long for
# the terminal have the class "more".

set -eu -o pipefail

cd "$(dirname "$0")/.."
file=$1
mkdir -p "$(dirname "$file")"

# Each line with the milliseconds at which it came.
record()
{
	local begin=${EPOCHREALTIME/[.,]/} line
	while IFS= read -r line; do
		printf '%d %s\n' \
		    $(((${EPOCHREALTIME/[.,]/} - begin) / 1000)) "$line"
	done
}

# shellcheck disable=SC2016 # awk's own
scripts/demo.sh | record | LC_ALL=C awk -v columns=96 '
function escaped(text)
{
	gsub(/[\001-\037\177]/, "?", text)
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	return text
}
function class(text)
{
	if (text ~ /^# /)
		return "said"
	return text ~ /^\$ / ? "typed" : ""
}
{
	at = $1
	text = substr($0, length($1) + 2)
	kind = class(text)
	# Somebody has to read what was printed, and to type this.
	if (kind == "typed" || (kind == "said" && last_kind != "said"))
		pause += 900
	last_kind = kind
	do {
		n++
		shown[n] = substr(text, 1, columns)
		classes[n] = kind more
		times[n] = (at + pause) / 1000
		text = substr(text, columns + 1)
		more = kind == "" ? "more" : " more"
	} while (text != "")
	more = ""
}
END {
	if (n == 0)
		exit 1
	width = columns * 8 + 32
	height = n * 18 + 28
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " \
	    width " " height "\" width=\"" width "\" height=\"" height "\">"
	print "<title>cartridge-reload: a reload to new code, and one to" \
	    " broken code</title>"
	print "<style>"
	print "rect { fill: #16191d }"
	print "text { font: 13px/18px ui-monospace, Menlo, Consolas,"
	print "    \"DejaVu Sans Mono\", monospace; fill: #d5d8dc;"
	print "    white-space: pre; animation: appear 1ms linear both }"
	print ".said { fill: #8a93a0 }"
	print ".typed { fill: #8fd18a }"
	print "@keyframes appear { from { opacity: 0 } to { opacity: 1 } }"
	print "@media (prefers-reduced-motion: reduce) { text { animation: none } }"
	print "</style>"
	print "<rect width=\"100%\" height=\"100%\" rx=\"8\"/>"
	for (i = 1; i <= n; i++) {
		if (shown[i] == "")
			continue
		printf "<text x=\"16\" y=\"%d\"%s style=\"animation-delay:" \
		    "%.2fs\" textLength=\"%d\" lengthAdjust=\"spacing\"" \
		    " xml:space=\"preserve\">%s</text>\n",
		    i * 18 + 9, classes[i] == "" ? "" : \
		    " class=\"" classes[i] "\"", times[i],
		    length(shown[i]) * 8, escaped(shown[i])
	}
	print "</svg>"
}' >"$file.part"
mv "$file.part" "$file"
