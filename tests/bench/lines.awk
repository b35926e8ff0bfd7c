# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# awk -v title=TEXT -v xlabel=TEXT -v ylabel=TEXT [-v logx=1] [-v logy=1]
#     [-v xticks='X=TEXT X=TEXT ...'] -f lines.awk: lines through points, as
# SVG.  Input: series,x,y; the points of a series in the order of x.

BEGIN {
	FS = ","
	split("#1b6ca8 #c0392b #7f8c8d #d68910 #1e8449 #7d3c98 #444444", \
	    colour, " ")
	left = 80; right = 560; top = 40; bottom = 360
}

function text(s)
{
	gsub(/`/, "", s)
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	return s
}

function log10(x) { return log(x) / log(10) }
function floor(x) { return x < int(x) ? int(x) - 1 : int(x) }
function ceil(x) { return -floor(-x) }
function sx(x) { return logx ? log10(x) : x }
function sy(y) { return logy ? log10(y) : y }
function px(x) { return left + (right - left) * (x - x0) / (x1 - x0) }
function py(y) { return bottom - (bottom - top) * (y - y0) / (y1 - y0) }

function xtick(at, label)
{
	printf "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>\n", \
	    px(at), top, px(at), bottom
	printf "<text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n", \
	    px(at), bottom + 18, label
}

function ytick(at, label)
{
	printf "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>\n", \
	    left, py(at), right, py(at)
	printf "<text x='%d' y='%.1f' text-anchor='end'>%s</text>\n", \
	    left - 6, py(at) + 4, label
}

# A round number of which there are about five up to `span`.
function step(span,	unit)
{
	unit = 10 ^ floor(log10(span / 5))
	if (span / unit > 25) return unit * 5
	if (span / unit > 10) return unit * 2
	return unit
}

(logx && $2 <= 0) || (logy && $3 <= 0) { next }
$3 == "" { next }

{
	if (!($1 in id)) {
		id[$1] = ++series
		name[series] = $1
	}
	s = id[$1]
	k = ++points[s]
	x[s, k] = sx($2)
	y[s, k] = sy($3)
	if (!any || x[s, k] < x0) x0 = x[s, k]
	if (!any || x[s, k] > x1) x1 = x[s, k]
	if (!any || y[s, k] < y0) y0 = y[s, k]
	if (!any || y[s, k] > y1) y1 = y[s, k]
	any = 1
}

END {
	if (!any) exit
	if (logy) {
		y0 = floor(y0)
		y1 = ceil(y1)
	} else {
		y0 = 0
		y1 *= 1.1
	}
	if (x1 == x0) x1 = x0 + 1
	if (y1 == y0) y1 = y0 + 1

	print "<svg xmlns='http://www.w3.org/2000/svg' width='780' " \
	    "height='420' font-family='sans-serif' font-size='12'>"
	print "<rect width='100%' height='100%' fill='white'/>"
	printf "<text x='%d' y='22' font-size='14'>%s</text>\n", left, text(title)
	if (xticks != "") {
		count = split(xticks, list, " ")
		for (i = 1; i <= count; i++) {
			split(list[i], part, "=")
			xtick(sx(part[1]), part[2])
		}
	} else {
		for (i = ceil(x0 / step(x1 - x0)) * step(x1 - x0); i <= x1; \
		    i += step(x1 - x0))
			xtick(i, i)
	}
	if (logy) {
		for (i = y0; i <= y1; i++)
			ytick(i, 10 ^ i)
	} else {
		for (i = 0; i <= y1; i += step(y1))
			ytick(i, i)
	}
	printf "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n", \
	    (left + right) / 2, bottom + 42, text(xlabel)
	printf "<text transform='translate(18,%d) rotate(-90)' " \
	    "text-anchor='middle'>%s</text>\n", (top + bottom) / 2, text(ylabel)
	for (s = 1; s <= series; s++) {
		line = ""
		for (k = 1; k <= points[s]; k++)
			line = line sprintf("%.1f,%.1f ", px(x[s, k]), py(y[s, k]))
		printf "<polyline fill='none' stroke='%s' stroke-width='2' " \
		    "points='%s'/>\n", colour[s], line
		for (k = 1; k <= points[s]; k++)
			printf "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'/>\n", \
			    px(x[s, k]), py(y[s, k]), colour[s]
		printf "<text x='%d' y='%d' fill='%s'>%s</text>\n", right + 12, \
		    top + 18 * s, colour[s], text(name[s])
	}
	print "</svg>"
}
