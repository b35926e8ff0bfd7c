#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# Places that hold old code: which of them a reload patches and which it
# reports, and that the report is true.  The applications are those of the
# corpus, each with its expected report; see tests/live/stale_cases/README.
#
# CASES: names of applications, to run only these; "others": those that are not
# in COMMON.

# shellcheck source=tests/live/lib.sh disable=SC2016,SC2317
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/live/stale_cases/lib.sh
. "$TESTS_DIR/live/stale_cases/lib.sh"

[ -x "$CARTRIDGE_RELOAD" ] || bail_out "$CARTRIDGE_RELOAD is not there"

# At least one for each kind of place that is patched, removed, added or left.
COMMON='again_unnamed array array_again class_grown closures coroutine
    environment error_handler excluded ffi_callback ffi_gc ffi_metatype
    foreign_table generator global_module grown_table http key loop_arguments
    loop_role module_held netbox removed request service timer_iterator
    trigger_space wrappers_chain'

# chosen_cases: prints the names of the applications that are to run.
chosen_cases()
{
	local name
	if [ "${CASES:-}" = others ]; then
		for name in $(corpus_cases); do
			[[ " ${COMMON//$'\n'/ } " == *" $name "* ]] || echo "$name"
		done
	else
		echo "${CASES:-$COMMON}"
	fi
}

# test_case NAME: the tests that each application has in common.
test_case()
{
	local next=$CORPUS/$1/next OUT
	local expected before after left='' code=0 rc line lines found
	corpus_expect "$1"
	expected=$EXPECTED

	corpus_start "$1"
	corpus_ask
	before=$ANSWER
	corpus_update
	OUT=$WORK/reload
	corpus_reload
	OUT=$WORK/stale
	run stale -s "$APP_SOCK" -o json
	rc=$RC
	corpus_ask
	after=$ANSWER
	OUT=$WORK/next
	corpus_reload
	stop_app "$APP_PID"
	corpus_reports "$WORK/reload" "$WORK/stale" "$WORK/next"

	printf '%s\n' "before $before" "after $after" >"$WORK/actual"
	[ ! -s "$WORK/reload.places" ] ||
	    printf '%s\n' "$(<"$WORK/reload.places")" >>"$WORK/actual"
	if [ "$(<"$expected")" = "$(<"$WORK/actual")" ]; then
		pass "$1: expected references are patched and reported"
	else
		fail "$1: expected references are patched and reported" \
		    "$(diff -u "$expected" "$WORK/actual" | sed 1,2d)"
	fi
	mapfile -t lines <"$expected"
	for line in "${lines[@]}"; do
		[[ $line != 'left '* ]] || left+=$'\n'$line
	done
	[ -z "$left" ] || code=7
	found=
	mapfile -t lines <"$WORK/stale.places"
	for line in ${lines[@]+"${lines[@]}"}; do
		[[ $line == 'unchecked '* ]] || found+=$'\n'${line% (no reason)}
	done
	is "$rc$found" "$code$left" \
	    "$1: the command stale finds what is left and ends with the right status"
	# Some finalizers have run, so fewer of them are left.
	[ -e "$next" ] || next=$expected
	places "$WORK/next.places"
	found=$PLACES
	places "$next"
	is "$found" "$PLACES" "$1: the next reload behaves in the same way"
}

# places FILE: sets PLACES to the places in it, each of them once.
places()
{
	local line lines last=
	PLACES=
	mapfile -t lines <"$1"
	for line in ${lines[@]+"${lines[@]}"}; do
		[[ $line == 'before '* || $line == 'after '* ||
		    $line == "$last" ]] || PLACES+=$line$'\n'
		last=$line
	done
}

for case in $(chosen_cases); do
	test_case "$case"
done
[ -z "${CASES:-}" ] || done_testing

diag '--stale'

corpus_start memoised
corpus_probe >/dev/null
corpus_update
corpus_reload --stale=report
is "$RC $(json 'i.outcome')" '0 reloaded' '--stale=report: the reload succeeds'
is "$(corpus_report)" "left module | package.loaded['memo'].cache.old | shop.lua:4 (no reason)
left upvalue | upvalue make of function .rocks/share/tarantool/memo.lua:4 | shop.lua:3 (no reason)" \
    'report: all places are named'
is "$(corpus_probe)" 'old v1, new v1' '--stale=report patches nothing'
run -s "$APP_SOCK" stale
is "$RC" 7 'stale ends with 7'
like "$(cat "$OUT")" "package\.loaded\['memo'\]\.cache\.old.*shop\.lua:4" \
    'stale prints a reference'
run -s "$APP_SOCK" stale
is "$RC $(corpus_probe)" '7 old v1, new v1' 'stale changes nothing'
reload plan
is "$RC $(json 'i.outcome, #i.stale, i.stale[1].patched')" \
    '0 unchanged 2 false' 'plan lists references without failing'

corpus_reload --stale=fail
is "$RC $(json 'i.outcome, i.ok, i.error.code, i.error.phase,
    i.error.message')" '7 stale false stale_references scan 1 stale reference remains' \
    '--stale=fail ends with 7'
is "$(app_eval 'return require("shop").make("it")()')" 'it v2' \
    '--stale=fail keeps the new code'
corpus_reload --stale=patch
is "$RC $(corpus_probe)" '0 old v1, new v2' \
    '--stale=patch patches unambiguous references'
is "$(json 'i.timings_ms.scan > 0, i.scan.complete, i.scan.objects > 1000,
    i.scan.functions > 100, i.scan.more')" 'true true true true 0' \
    'the report has figures of the scan'
is "$(json '#i.stale, i.stale[1].patched ~= i.stale[2].patched')" '2 true' \
    '--stale=patch lists patched and remaining references'
run -s "$APP_SOCK"
is "$RC" 0 'by default remaining references do not fail the reload'
like "$(cat "$OUT")" "package\.loaded\['memo'\]\.cache\.old" \
    'a reload prints remaining references'
stop_app "$APP_PID"

diag 'Repeated reloads'

corpus_start clean
corpus_update
for n in 1 2 3 4 5; do
	corpus_reload --stale=fail
	is "$RC $(json 'i.outcome') $(corpus_report)" '0 reloaded ' \
	    "reload $n leaves no stale reference"
done
stop_app "$APP_PID"

diag 'Modules reloaded by other code'

corpus_start slot
corpus_reload
app_eval 'package.loaded.shop = nil
	require("shop")' >/dev/null
run stale -s "$APP_SOCK" -o json
is "$RC $(corpus_report)" \
    '0 unchecked module shop, which was reloaded by something other than cartridge-reload' \
    'stale reports a module reloaded by other code as unchecked'
stop_app "$APP_PID"

corpus_start cartridge_clean
corpus_update
corpus_reload
reload --method native
is "$RC" 0 'a native reload after a staged one succeeds'
run stale -s "$APP_SOCK" -o json
is "$RC $(corpus_report | grep -v '^unchecked')" '0 ' \
    'code loaded by a native reload is not stale'
stop_app "$APP_PID"

done_testing
