#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Many instances: hundreds of consoles at once, compared with xargs and socat and
# with binary ports; failing consoles; a rolling reload of a cluster of six under
# load.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/live/cluster_lib.sh
. "$BENCH_DIR/../live/cluster_lib.sh"

FLEET=${BUILD_DIR:-$(dirname "$TESTS_DIR")/build}/fakes/fake_fleet
FLEET_PID=
rounds=$(quick_or 3 9)
reloads=$(quick_or 2 6)

# consoles [-f] NAME ...: starts fake consoles that follow the rules on standard
# input; with -f they are binary ports.
consoles()
{
	local frames=()
	if [ "$1" = -f ]; then
		frames=(-f)
		shift
	fi
	[ -z "$FLEET_PID" ] || kill "$FLEET_PID"
	rm -f ./*.sock
	cat >rules
	: >ready
	"$FLEET" "${frames[@]}" rules "$@" >ready 2>fake.err &
	FLEET_PID=$!
	wait_until 20 test -s ready || bail_out "fake_fleet: $(cat fake.err)"
}

# seconds COMMAND ...: prints how long the command takes.
seconds()
{
	local before=$EPOCHREALTIME
	"$@" >"$OUT" 2>"$ERR"
	calc "$EPOCHREALTIME - $before" '%.4f\n'
}

reply='reply=---\n- cartridge_reload: 1\n  outcome:'
status="$reply ok\n  generation: 1\n  status: {box: running, role: follower}\n...\n"
reloaded="$reply reloaded\n  generation: 2\n...\n"

mkdir "$WORK/fleet" && cd "$WORK/fleet" || exit 1

# --- Hundreds of consoles ------------------------------------------------------

with_program()
{
	"$CARTRIDGE_RELOAD" status -s '*.sock' --jobs 500
}

with_xargs()
{
	printf '%s\n' ./*.sock | xargs -P 8 -I{} socat -t 5 \
	    "OPEN:$WORK/question!!STDOUT" UNIX-CONNECT:{}
}

echo 'return 1' >"$WORK/question"
names=()
for i in {1..500}; do names+=("n$i.sock"); done
for count in 50 500; do
	# socat does not send a request of this program, and waits until its
	# connection is closed.
	consoles "${names[@]:0:count}" <<-END
		* command=preflight $status
		* * close reply=---\n- 1\n...\n
	END
	with_program >"$OUT" 2>"$ERR" || bail_out "status of $count: $(head "$ERR")"
	for round in $(seq "$rounds"); do
		progress "$count consoles, round $round of $rounds"
		seconds with_program >>"program.$count"
		seconds with_xargs >>"xargs.$count"
	done
	consoles -f "${names[@]:0:count}" <<<"* command=preflight $status"
	with_program >"$OUT" 2>"$ERR" ||
	    bail_out "status of $count binary ports: $(head "$ERR")"
	for round in $(seq "$rounds"); do
		progress "$count binary ports, round $round of $rounds"
		seconds with_program >>"binary.$count"
	done
done
/usr/bin/time -f %M -o memory "$CARTRIDGE_RELOAD" status -s '*.sock' \
    --jobs 500 >"$OUT" || bail_out 'status of 500 failed'
[ "$(grep -c '\.sock' "$OUT")" -ge 500 ] || bail_out 'not all are in the table'

few=$(median <program.50)
many=$(median <program.500)
peer=$(median <xargs.500)
binary=$(median <binary.500)
say '## Many instances' '' \
    "Status of consoles that are one process; medians of $rounds rounds, s." \
    '' '| instances | consoles | binary ports | consoles, xargs -P 8 socat |' \
    '|---|---|---|---|' \
    "| 50 | $few | $(median <binary.50) | $(median <xargs.50) |" \
    "| 500 | $many | $binary | $peer |" ''
r=$(calc "$many / $few")
verdict consoles "$r" '<=' 12 "status of 500 takes $r times as long as of 50"
r=$(calc "$binary / $many")
verdict consoles "$r" '<=' 1.3 \
    "status of 500 binary ports takes $r times as long as of 500 consoles"
mb=$(calc "$(tail -n 1 memory) / 1024" %.1f)
verdict consoles "$mb" '<' 50 "status of 500 at once takes $mb MB of memory"
r=$(calc "$peer / $many" %.1f)
verdict consoles "$r" '>=' 5 "xargs -P 8 and socat take $r times as long"

# --- Failing consoles ----------------------------------------------------------

progress '200 consoles of which 60 are in trouble'
names=()
for i in {1..140}; do names+=("ok$i.sock"); done
for i in {1..20}; do names+=("hang$i.sock" "half$i.sock"); done
consoles "${names[@]}" <<-END
	hang*.sock command=preflight hang
	half*.sock command=preflight half $status
	* command=preflight $status
	* command=reload $reloaded
END
# Sockets without a listener: their process is killed.
"$FLEET" rules gone{1..20}.sock >gone.ready &
gone=$!
wait_until 10 test -s gone.ready
kill -KILL "$gone"
took=$(seconds "$CARTRIDGE_RELOAD" reload -s '*.sock' --jobs 200 -k \
    --timeout 5 -o json)
counts=$(sed -n 's/^      "outcome": "\(.*\)",/\1/p' "$OUT" | sort | uniq -c |
    xargs)
right=0
[ "$counts" = '20 protocol 140 reloaded 20 timeout 20 unreachable' ] && right=1
verdict trouble "$right" '>=' 1 "200 consoles: $counts" 'each as it is'
r=$(calc "$took / 5")
verdict trouble "$r" '<=' 1.5 "all of it takes $r times one --timeout"
kill "$FLEET_PID"
FLEET_PID=

# --- A rolling reload under load -------------------------------------------------

cd "$WORK" || exit 1
progress 'a cluster of six instances'
start_cluster shop 's1=storage:s1-a,s1-b' 's2=storage:s2-a,s2-b' \
    'router=web+storage:r1,r2'
choose_node r1
load_start
: >rolling
: >sockets
: >single
all=()
for node in "${NODES[@]}"; do all+=(-s "${NODE_SOCK[$node]}"); done
for i in $(seq "$reloads"); do
	progress "rolling reload $i of $reloads"
	on r1 app_version $((i % 2 + 1))
	seconds "$CARTRIDGE_RELOAD" reload --cluster -s "${NODE_SOCK[r1]}" \
	    -o json >>rolling
	grep -q '"exit": 0' "$OUT" || bail_out "rolling: $(cat "$ERR")"
	seconds "$CARTRIDGE_RELOAD" reload "${all[@]}" -o json >>sockets
	grep -q '"exit": 0' "$OUT" || bail_out "sockets: $(cat "$ERR")"
	# The same reloads one by one, each followed by a health check.
	sum=0
	for node in "${NODES[@]}"; do
		s=$(seconds "$CARTRIDGE_RELOAD" -s "${NODE_SOCK[$node]}")
		h=$(seconds "$CARTRIDGE_RELOAD" status -s "${NODE_SOCK[$node]}")
		sum=$(calc "$sum + $s + $h" %.4f)
	done
	echo "$sum" >>single
done
load_stop
failed=$LOAD_FAILED
verdict cluster "$failed" '<=' 0 \
    "$failed of $LOAD_REQUESTS requests to the router failed" '0 failed'
for way in sockets rolling; do
	r=$(calc "$(median <"$way") / $(median <single)")
	what='over their sockets'
	[ "$way" = sockets ] || what='over one of them (--cluster)'
	verdict cluster "$r" '<=' 1.3 "a rolling reload of six $what takes $(
	    median <"$way") s, $r times the sum of the single ones and their health waits"
done
say "A cluster of 6: a rolling reload takes $(median <sockets) s over their" \
    "sockets, and $(median <rolling) s over the router, which answers" \
    'requests meanwhile and passes 180 kB of Lua on for each;' \
    'one by one over their sockets, with a look at the health after each,' \
    "$(median <single) s (medians of $reloads)."
finish
