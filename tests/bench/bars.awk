# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# awk -v title=TEXT -f bars.awk: bars on a logarithmic scale, as SVG.
# Input: name,value

BEGIN { FS = "," }

function text(s)
{
	gsub(/`/, "", s)
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	return s
}

function log10(x) { return log(x) / log(10) }

$2 > 0 {
	name[++n] = $1
	value[n] = $2
	if (n == 1 || $2 < low) low = $2
	if (n == 1 || $2 > high) high = $2
}

END {
	first = log10(low) < 0 ? int(log10(low)) - 1 : int(log10(low))
	span = log10(high) - first
	if (span < 1) span = 1
	height = 50 + 28 * n
	printf "<svg xmlns='http://www.w3.org/2000/svg' width='760' "
	printf "height='%d' font-family='sans-serif' font-size='12'>\n", height
	print "<rect width='100%' height='100%' fill='white'/>"
	printf "<text x='10' y='22' font-size='14'>%s</text>\n", text(title)
	for (i = 1; i <= n; i++) {
		y = 36 + 28 * (i - 1)
		w = 380 * (log10(value[i]) - first) / span
		if (w < 2) w = 2
		printf "<text x='300' y='%d' text-anchor='end'>%s</text>\n", \
		    y + 15, text(name[i])
		printf "<rect x='308' y='%d' width='%.1f' height='20' " \
		    "fill='%s'/>\n", y, w, i == 1 ? "#1b6ca8" : "#9db4c0"
		printf "<text x='%.1f' y='%d'>%.2f</text>\n", 314 + w, y + 15, \
		    value[i]
	}
	print "</svg>"
}
