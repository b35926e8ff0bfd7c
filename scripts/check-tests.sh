#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# check-tests.sh: prints the modules of src that have no test.  The test of
# src/FOLDER/NAME.c is tests/unit/FOLDER/test_NAME.c, that of
# src/lua/FOLDER/NAME.lua is tests/lua/FOLDER/NAME_test.lua.  A module that is
# tested through another one, or by a suite on the whole program, is listed
# below with that test.

set -eu

cd "$(dirname "$0")/.."

elsewhere='
cli/complete.c			functional/completion.sh
cli/credentials.c		functional/iproto.sh
cli/commands.c			unit/cli/test_options.c
cli/help.c			unit/cli/test_options.c
cli/option_table.c		unit/cli/test_options.c
cli/options_scan.c		unit/cli/test_options.c
net/protocol_iproto.c		functional/iproto.sh
net/protocol_text.c		unit/net/test_conn.c
output/columns.c		unit/output/test_text_table.c
output/text_code.c		functional/golden/plan-planned.txt
output/text_details.c		functional/golden/reload-degraded.txt
output/text_health.c		functional/fleet.sh
output/text_plan.c		functional/golden/plan-planned.txt
output/text_push.c		functional/golden/push-ok.txt
output/text_status.c		functional/golden/status-ok.txt
proto/report_schema.c		unit/proto/test_report.c
repl/eval.c			functional/console.sh
repl/event.c			functional/console.sh
repl/lineedit.c			live/console.exp
repl/lua_complete.c		live/console.exp
repl/print.c			functional/console.sh
repl/repl.c			functional/console.sh
rollout/fleet.c			unit/rollout/test_scheduler.c
util/environment.c		functional/readme.sh
util/owner.c			unit/net/test_dial.c
target/layouts.c		unit/target/test_discover.c
target/not_found.c		unit/target/test_discover.c
target/search.c			unit/target/test_discover.c
lua/adapters/config_roles.lua	live/config_roles.sh
lua/adapters/fibers/ended_loops.lua	lua/adapters/fibers_test.lua
lua/adapters/fibers/old_fibers.lua	lua/adapters/fibers_test.lua
lua/adapters/fibers/restart.lua	lua/adapters/fibers_test.lua
lua/adapters/fibers/started.lua	lua/adapters/fibers_test.lua
lua/adapters/fibers/wait.lua	lua/adapters/fibers_test.lua
lua/adapters/httpd_role.lua	live/config_roles.sh
lua/adapters/roles.lua		lua/reload/lifecycle_test.lua
lua/code/audiences.lua		lua/adapters/vars_test.lua
lua/code/global_code.lua	lua/commands/reload_test.lua
lua/code/kinds.lua		functional/readme.sh
lua/code/module_table.lua	lua/adapters/modules_test.lua
lua/code/reach.lua		lua/commands/reload_test.lua
lua/code/terminate.lua		lua/adapters/fibers_test.lua
lua/commands/common/instance.lua	lua/commands/status_test.lua
lua/core/environment.lua	lua/reload/main_script_test.lua
lua/frameworks/cartridge.lua	lua/reload/lifecycle_test.lua
lua/frameworks/none.lua		lua/commands/reload_test.lua
lua/platform/cdecl.lua		lua/adapters/ffi_test.lua
lua/platform/ctypes.lua		lua/adapters/ffi_test.lua
lua/platform/http_servers.lua	lua/adapters/http_servers_test.lua
lua/platform/listeners.lua	lua/adapters/listeners_test.lua
lua/platform/package_reload.lua	lua/adapters/package_reload_test.lua
lua/platform/stacks.lua		lua/platform/fibers_test.lua
lua/platform/trigger_list.lua	lua/adapters/triggers_test.lua
lua/platform/trigger_places.lua	lua/adapters/triggers_test.lua
lua/reload/choice.lua		lua/commands/plan_test.lua
lua/reload/failed_fibers.lua	lua/reload/sweep_test.lua
lua/reload/merge.lua		lua/reload/sweep_test.lua
lua/reload/no_modules.lua	lua/commands/reload_test.lua
lua/reload/notices.lua		lua/commands/plan_test.lua
lua/reload/old_code.lua		lua/commands/reload_test.lua
lua/reload/restore.lua		lua/reload/sweep_test.lua
lua/scan/classes.lua		lua/scan/pass_test.lua
lua/scan/copies.lua		lua/scan/pass_test.lua
lua/scan/duplicates.lua		lua/scan/pass_test.lua
lua/scan/holders.lua		lua/adapters/fibers_test.lua
lua/scan/iterated_tables.lua	lua/scan/heap_walk_test.lua
lua/scan/module_index.lua	lua/scan/counterparts_test.lua
lua/scan/places.lua		lua/scan/pass_test.lua
lua/scan/private_tables.lua	lua/scan/counterparts_test.lua
lua/scan/registrations.lua	lua/scan/census_test.lua
lua/scan/requests.lua		lua/scan/init_test.lua
lua/scan/table_patches.lua	lua/scan/pass_test.lua'

# Prints the test that a module would have, without tests/.
test_of()
{
	name=${1##*/}
	case $1 in
	*.lua) echo "${1%.lua}_test.lua" ;;
	*) echo "unit/${1%/*}/test_$name" ;;
	esac
}

status=0
complain()
{
	echo "check-tests.sh: $1" >&2
	status=1
}

for file in $(cd src && find ./*/ -name '*.c' -o -name '*.lua' | sed 's|^\./||' |
    LC_ALL=C sort); do
	[ ! -e "tests/$(test_of "$file")" ] || continue
	printf '%s\n' "$elsewhere" | grep -q "^$file	" ||
	    complain "$file has no test"
done
# shellcheck disable=SC2086 # pairs of words
set -- $elsewhere
while [ $# -gt 0 ]; do
	[ -e "src/$1" ] || complain "$1 is listed, but does not exist"
	[ -e "tests/$2" ] || complain "$1: tests/$2 does not exist"
	[ ! -e "tests/$(test_of "$1")" ] ||
	    complain "$1 is listed, but has a test of its own"
	shift 2
done
exit "$status"
