# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Common functions of the sections of the bench.  A section is a script that starts
# its applications with the harness of the live suites, and writes to $BENCH_OUT:
# NAME.md, its part of the report; NAME.verdicts, a line for each figure; and
# tables (csv) and plots (svg).

BENCH_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/live/lib.sh
. "$BENCH_DIR/../live/lib.sh"

BENCH_OUT=${BENCH_OUT:?is set by run.sh}
BENCH_TOOLS=${BUILD_DIR:-$(dirname "$TESTS_DIR")/build}/bench-tools
BENCH_TOOLS=$(cd "$BENCH_TOOLS" && pwd) || exit 1
QUICK=${BENCH_QUICK:+yes}
SECTION=$(basename "$0" .sh)
REPORT=$BENCH_OUT/$SECTION.md
VERDICTS=$BENCH_OUT/$SECTION.verdicts
: >"$REPORT"
: >"$VERDICTS"

# quick_or A B: prints A in a quick run, B otherwise.
quick_or()
{
	if [ -n "$QUICK" ]; then
		echo "$1"
	else
		echo "$2"
	fi
}

# say LINE ...: adds lines to the report.
say()
{
	printf '%s\n' "$@" >>"$REPORT"
}

# progress TEXT: shows what is being measured.
progress()
{
	echo "$SECTION: $1" >&2
}

# table CSV COLUMN ...: adds a file to the report as a table with these headings.
table()
{
	local csv=$1
	shift
	say ''
	printf '| %s ' "$@" >>"$REPORT"
	say '|'
	printf '|%s' "${@/*/---}" >>"$REPORT"
	say '|'
	sed 's/,/ | /g; s/^/| /; s/$/ |/' "$csv" >>"$REPORT"
	say ''
}

# verdict NAME FIGURE RELATION LIMIT TEXT: records whether a figure was met, for
# example: verdict startup 1.4 '<=' 2 'status takes 1.4 times as long as ...'
verdict()
{
	local word
	word=$(awk -v a="$2" -v op="$3" -v b="$4" 'BEGIN {
		if (a !~ /^[-+0-9.e]+$/ || b !~ /^[-+0-9.e]+$/)
			ok = 0
		else if (op == "<=")
			ok = a + 0 <= b + 0
		else if (op == "<")
			ok = a + 0 < b + 0
		else
			ok = a + 0 >= b + 0
		print ok ? "REACHED" : "MISSED"
	}')
	printf '%-7s  %s: %s (to reach: %s)\n' "$word" "$1" "$5" \
	    "${6:-$3 $4}" >>"$VERDICTS"
	tail -n 1 "$VERDICTS"
}

# stats < NUMBERS: prints "median min max count"
stats()
{
	sort -g | awk '
		{ v[NR] = $1 }
		END {
			if (NR == 0) {
				print "none none none 0"
				exit
			}
			m = NR % 2 ? v[(NR + 1) / 2] : \
			    (v[NR / 2] + v[NR / 2 + 1]) / 2
			print m, v[1], v[NR], NR
		}'
}

median()
{
	stats | cut -d ' ' -f 1
}

# calc EXPRESSION [FORMAT]
calc()
{
	awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

# finish: adds the verdicts to the report.
finish()
{
	say ''
	sed 's/^/    /' "$VERDICTS" >>"$REPORT"
	say ''
}

# --- Plots -------------------------------------------------------------------

# draw FILE.svg WIDTH HEIGHT: draws a plot.  Standard input: commands of gnuplot;
# the data are in $WORK/plot.
draw()
{
	local file=$1
	{
		echo "set terminal svg size $2,$3 noenhanced font 'sans-serif,12' \\
		    background 'white'"
		echo "set output '$file'"
		echo "set datafile separator ','"
		cat
	} >"$WORK/plot.gp"
	gnuplot "$WORK/plot.gp" 2>"$WORK/plot.err" ||
	    bail_out "gnuplot: $(head -n 5 "$WORK/plot.err")"
}

# bars FILE.svg TITLE: draws horizontal bars on a logarithmic scale, the first one
# in another colour.  Input: name,value; values that are not positive get no bar.
bars()
{
	local count
	tr -d '\140' | awk -F, '$2 > 0' >"$WORK/plot"
	count=$(wc -l <"$WORK/plot")
	if [ "$count" -eq 0 ]; then
		echo "none,1e-9" >"$WORK/plot"
		count=1
	fi
	draw "$1" 760 $((90 + 28 * count)) <<-END
		stats '$WORK/plot' using 2 nooutput
		low = 10 ** (floor(log10(STATS_min)) - 1)
		set title "$2"
		set logscale x
		set xrange [low:STATS_max * 4]
		set yrange [$count - 0.4:-0.6]
		set grid xtics
		set tics nomirror
		unset key
		plot '$WORK/plot' using 2:0:(low):2:(\$0 - 0.35):(\$0 + 0.35):(\$0 > 0 ? 0x9db4c0 : 0x1b6ca8):yticlabels(1) \\
		    with boxxyerror fill solid lc rgb variable, \\
		    '' using 2:0:(sprintf('  %.4g', \$2)) with labels left
	END
}

# lines FILE.svg TITLE XLABEL YLABEL [COMMAND ...]: draws lines through points,
# after these commands of gnuplot.  Input: series,x,y; the points of a series must
# be in the order of x.  Series are drawn in the order of their first points.
lines()
{
	local file=$1 title=$2 xlabel=$3 ylabel=$4 i count names plot=
	shift 4
	awk -F, '$3 != "" {
		if (!($1 in of)) {
			of[$1] = ++count
			name[count] = $1
		}
		points[of[$1]] = points[of[$1]] $2 "," $3 "\n"
	}
	END {
		for (i = 1; i <= count; i++) {
			print name[i] >"'"$WORK/plot.names"'"
			printf "%s\n\n", points[i]
		}
	}' >"$WORK/plot"
	mapfile -t names <"$WORK/plot.names"
	count=${#names[@]}
	for ((i = 0; i < count; i++)); do
		plot="$plot${plot:+, }'$WORK/plot' index $i using 1:2 \
		    with linespoints pt 7 ps 0.5 lw 2 lt $((i + 1)) \
		    title '${names[i]}'"
	done
	draw "$file" 760 420 <<-END
		set title "$title"
		set xlabel "$xlabel"
		set ylabel "$ylabel"
		set grid
		set tics nomirror
		set key outside right top
		$COLOURS
		$(printf '%s\n' "$@")
		plot $(tr -d '\\\n' <<<"$plot")
	END
}
COLOURS='set linetype 1 lc rgb 0x1b6ca8
set linetype 2 lc rgb 0xc0392b
set linetype 3 lc rgb 0x7f8c8d
set linetype 4 lc rgb 0xd68910
set linetype 5 lc rgb 0x1e8449'

# Commands for `lines` if the points are p50, p90, p99, p99.9 and p99.99.
# shellcheck disable=SC2034 # for the sections
PERCENTILES=('set logscale y'
    "set xtics ('50' 0, '90' 1, '99' 2, '99.9' 3, '99.99' 4)")

# --- Load --------------------------------------------------------------------

connections=16

# load_run CONNECTION PATH ...: starts wrk, which requests these paths in turn;
# CONNECTION is keep-alive or close.  load_end: stops wrk, and sets LOAD to what
# load.lua has printed.
load_run()
{
	local header=()
	[ "$1" = keep-alive ] || header=(-H 'Connection: close')
	shift
	wrk -t 1 -c "$connections" -d 120 ${header[@]+"${header[@]}"} \
	    -s "$BENCH_DIR/load.lua" "$APP_URL" -- "$@" >"$WORK/wrk" 2>&1 &
	LOAD_PID=$!
}

load_end()
{
	kill -INT "$LOAD_PID"
	wait "$LOAD_PID"
	LOAD=$(sed -n 's/^LOAD //p' "$WORK/wrk")
	[ -n "$LOAD" ] || bail_out "wrk: $(cat "$WORK/wrk")"
}

now_ms()
{
	echo "$(($(date +%s%N) / 1000000))"
}

# until_ms TIME: sleeps until that time, unless it is past.
until_ms()
{
	local left=$(($1 - $(now_ms)))
	[ "$left" -le 0 ] || sleep "$(printf '%d.%03d' $((left / 1000)) \
	    $((left % 1000)))"
}
