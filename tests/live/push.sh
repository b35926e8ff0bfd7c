#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# `push`: code for the role "extensions", through the cluster-wide config, on
# three instances.  It passes on the stand-in and, with CARTRIDGE_ROCKS, on the
# real Cartridge with the real cartridge-extensions.

# shellcheck source=tests/live/cluster_lib.sh disable=SC2016
. "$(dirname "$0")/cluster_lib.sh"

if [ -n "${CARTRIDGE_ROCKS:-}" ] &&
    [ ! -e "$ROCKS/.rocks/share/tarantool/extensions.lua" ]; then
	skip_all 'these rocks have no cartridge-extensions'
fi

EXT=$WORK/ext

# write NAME: writes standard input to a file of the folder.
write()
{
	mkdir -p "$(dirname "$EXT/$1")"
	cat >"$EXT/$1"
}

# Writes the folder with a greeting of that version.
make_folder()
{
	rm -rf "$EXT"
	write words.lua <<<"return {version = '$1'}"
	write shop/hello.lua <<'LUA'
local words = require('extensions.words')
return {
	hello = function()
		return {status = 200, body = 'hello ' .. words.version}
	end,
	call = function()
		return words.version
	end,
}
LUA
	write config.yml <<'YML'
functions:
  hello:
    module: extensions.shop.hello
    handler: hello
    events:
    - http: {path: /ext, method: get}
  call:
    module: extensions.shop.hello
    handler: call
    events:
    - binary: {path: ext_call}
YML
}

# push NAME [ARGUMENT ...]: pushes the folder through that instance.
push()
{
	local name=$1
	shift
	run push "$EXT" -s "${NODE_SOCK[$name]}" "$@"
}

# Prints the responses of all instances, over HTTP and as a function.
answers()
{
	local name out=()
	for name in "${NODES[@]}"; do
		out+=("$(on "$name" http_get /ext)/$(on "$name" app_eval '
			local f = rawget(_G, "ext_call")
			return f and f() or "none"')")
	done
	echo "${out[*]}"
}

checksums()
{
	local name
	for name in "${NODES[@]}"; do
		on "$name" app_eval 'return require("cartridge.confapplier")
		    .get_active_config():get_checksum()'
	done
}

# Prints all sections of extensions of an instance, without the role's example.
sections_of()
{
	on "$1" app_eval 'local list = {}
		local conf = require("cartridge.confapplier").get_active_config()
		for name in pairs(conf:get_plaintext()) do
			if name:find("^extensions/") and
			    name ~= "extensions/example.lua" then
				table.insert(list, name)
			end
		end
		table.sort(list)
		return table.concat(list, " ")'
}

states()
{
	local name out=()
	for name in "${NODES[@]}"; do
		out+=("$(on "$name" app_state)")
	done
	echo "${out[*]}"
}

# report LUA: prints a value of `r`, the JSON report of the only instance.
report()
{
	lua 'local path, code = ...
		local file = io.open(path)
		local document = require("json").decode(file:read("*a"))
		file:close()
		return (loadstring(code, "=report")(document.instances[1]))' \
	    "$OUT" "local r = ... $1"
}

say_names='local function names(list) return table.concat(list, " ") end '
outcomes='local list = {}
	for _, one in ipairs(r.cluster) do
		table.insert(list, one.alias .. "=" .. one.outcome)
	end
	return table.concat(list, " ")'
all_sections='local s = r.sections
	return ("+%s ~%s -%s =%s k%s"):format(names(s.added), names(s.changed),
	    names(s.removed), names(s.unchanged), names(s.kept))'

# untouched NAME: tests that nothing has changed since `remember`.
remember()
{
	BEFORE=$(answers; checksums; states)
}

untouched()
{
	is "$(answers; checksums; states)" "$BEFORE" "$1: nothing has changed"
}

start_cluster extended 's1=extensions:s1-a,s1-b' 'router=extensions:r1'

diag 'From no code to code'

make_folder v1
push s1-a -n -o json
is "$RC" 0 'a dry run ends with 0'
is "$(report 'return r.outcome')" planned 'a dry run is planned'
is "$(report "$say_names $all_sections")" \
    '+extensions/config.yml extensions/shop/hello.lua extensions/words.lua ~ - = k' \
    'a dry run lists all sections as added'
is "$(on s1-a app_eval 'return rawget(_G, "__cartridge_reload")')" nil \
    'a dry run leaves nothing behind'
unlike "$(sections_of r1)" words 'a dry run pushes nothing'

push s1-a
is "$RC" 0 'a push through a leader'
like "$(cat "$OUT")" 'pushed to 3 instances in .*: 3 added$' \
    'the push is reported'
is "$(answers)" 'hello v1/v1 hello v1/v1 hello v1/v1' 'the pushed code serves'
is "$(checksums | sort -u | wc -l)" 1 'all instances have the same config'
like "$(cat "${NODE_LOG[s1-a]}")" 'cartridge-reload: .* started a push .sections: 3.' \
    'the log has the begin of the push'
like "$(cat "${NODE_LOG[s1-a]}")" 'cartridge-reload: push: ok' \
    'the log has the end of the push'
is "$(cat "$ERR")" '' 'nothing is on standard error'

push s1-b -o json
is "$RC $(report 'return r.outcome')" '0 unchanged' \
    'the same push through another instance changes nothing'
is "$(report "$outcomes")" 'r1=unchanged s1-a=unchanged s1-b=unchanged' \
    'each instance is reported'

make_folder v2
push r1 -o json
is "$RC $(report 'return r.outcome')" '0 ok' \
    'a change is pushed through a router'
is "$(report "$say_names $all_sections")" \
    '+ ~extensions/words.lua - =extensions/config.yml extensions/shop/hello.lua k' \
    'only the changed section is pushed'
is "$(report "$outcomes")" 'r1=ok s1-a=ok s1-b=ok' \
    'all instances have the change'
is "$(report 'return type(r.timings_ms.compile) .. " " ..
	type(r.timings_ms.commit) .. " " .. type(r.duration_ms)')" \
    'number number number' 'the duration is reported'
is "$(answers)" 'hello v2/v2 hello v2/v2 hello v2/v2' 'the new code serves'

diag 'Files that are not pushed'

remember
write .hidden.lua <<<'not Lua'
write ..data/more.lua <<<'not Lua'
write notes.txt <<<'not Lua'
push s1-a
is "$RC" 0 'hidden files and other types are skipped'
like "$(cat "$OUT")" ': unchanged: 3 unchanged$' \
    'without a change nothing is pushed'
untouched 'hidden files'

diag 'Removed files'

make_folder v2
write extra.lua <<<'return 1'
push s1-a
is "$RC $(on r1 app_eval 'return require("extensions.extra")')" '0 1' \
    'a further module is pushed'
make_folder v2
push s1-a -o json
is "$RC $(report "$say_names return r.outcome .. ' ' .. names(r.sections.kept)")" \
    '0 unchanged extensions/extra.lua' \
    'without --prune a removed module is kept'
push s1-a -n --prune -o json
is "$(report "$say_names return r.outcome .. ' ' .. names(r.sections.removed)")" \
    'planned extensions/extra.lua' \
    'a dry run with --prune lists the removed module'
push s1-a --prune
is "$RC" 0 'a push with --prune succeeds'
like "$(cat "$OUT")" '1 removed' '--prune reports the removed module'
is "$(sections_of r1)" \
    'extensions/config.yml extensions/shop/hello.lua extensions/words.lua' \
    'the removed module is not in the config'
is "$(on r1 app_eval 'return package.loaded["extensions.extra"]')" nil \
    'the removed module is not loaded'
is "$(answers)" 'hello v2/v2 hello v2/v2 hello v2/v2' \
    'the others are still serving'

rm "$EXT/config.yml"
push s1-a --prune
is "$RC" 0 '--prune removes the extensions config'
is "$(answers | grep -c hello)" 0 'nothing is exported any more'
push s1-b --prune
like "$(cat "$OUT")" ': unchanged: 2 unchanged$' \
    'the example config of the role is no change'
make_folder v2
push s1-a
is "$RC $(answers)" '0 hello v2/v2 hello v2/v2 hello v2/v2' \
    'the config is pushed again'

diag 'A reload after a push'

run reload -s "${NODE_SOCK[s1-a]}"
is "$RC" 0 'an instance with pushed code is reloaded'
is "$(answers)" 'hello v2/v2 hello v2/v2 hello v2/v2' \
    'a reload keeps the pushed code'
make_folder v3
push s1-b
is "$RC $(answers)" '0 hello v3/v3 hello v3/v3 hello v3/v3' \
    'code can be pushed after a reload'
make_folder v2
push s1-b
is "$RC $(answers)" '0 hello v2/v2 hello v2/v2 hello v2/v2' \
    'the code before can be pushed again'

diag 'Invalid code'

remember
make_folder v3
write bad.lua <<<'return {'
write shop/worse.lua <<<'local = 1'
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '3 failed compile_error' 'code that does not compile is rejected'
is "$(report 'local list = {}
	for _, p in ipairs(r.problems) do
		table.insert(list, p.module .. " " .. p.path)
	end
	return table.concat(list, "; ")')" \
    'extensions.bad extensions/bad.lua; extensions.shop.worse extensions/shop/worse.lua' \
    'all files that do not compile are named'
untouched 'code that does not compile'
push s1-a -n
is "$RC" 3 'a dry run rejects code that does not compile'

make_folder v3
sed -i 's/shop\.hello/shop.gone/' "$EXT/config.yml"
push s1-a -o json
is "$RC $(report 'return r.error.code .. " " .. #r.problems')" '3 bad_config 2' \
    'handlers of a missing module are rejected'
like "$(report 'return r.problems[1].message')" \
    '^function call: .* extensions\.shop\.gone' \
    'the missing module is named'
write config.yml <<<'functions: {a: {module: extensions.words}}'
push s1-a
is "$RC" 3 'an incomplete function is rejected'
like "$(cat "$ERR")" 'function a: .*handler' \
    'the incomplete function is named'
write config.yml <<<'functions: [}'
push s1-a
is "$RC" 3 'a config that is not YAML is rejected'
untouched 'a bad config'

make_folder v3
sed -i 's/handler: hello/handler: goodbye/' "$EXT/config.yml"
push s1-a -o json
is "$RC $(report 'return r.error.code')" '3 validate_failed' \
    'a handler that its module lacks is rejected'
is "$(report "$outcomes")" 'r1=refused s1-a=refused s1-b=refused' \
    'all instances reject a missing handler'
write words.lua <<<'error("no words", 0)'
push s1-a
is "$RC" 3 'code that fails when loaded is rejected'
like "$(cat "$ERR")" 's1-a.*: no words' \
    'the reason is reported'
untouched 'bad code'

diag 'An instance that refuses'

make_folder v3
set_flag s1-b gate_refuse '"not today"'
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '3 failed validate_failed' 'one instance rejects the config'
is "$(report "$outcomes")" 'r1=unchanged s1-a=unchanged s1-b=refused' \
    'the instance is named'
like "$(cat "$ERR")" '1 of 3 .*s1-b: .*not today' \
    'the reason is reported'
set_flag r1 gate_refuse '"nor here"'
push s1-a
like "$(cat "$ERR")" '2 of 3 .*r1: .*nor here; s1-b: .*not today' \
    'two instances are named'
set_flag r1 gate_refuse
set_flag s1-b gate_refuse
untouched 'an instance that refuses'

diag 'An instance that is too slow'

on s1-a app_eval "require('cartridge.vars').new('cartridge.twophase')
	.options.validate_config_timeout = 0.1" >"$OUT"
set_flag s1-b gate_slow 1.5
make_folder v4
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '3 failed push_failed' 'an instance answers too late'
set_flag s1-b gate_slow
untouched 'an instance that is too slow'
on s1-a app_eval "require('cartridge.vars').new('cartridge.twophase')
	.options.validate_config_timeout = 10" >"$OUT"
make_folder v3
push s1-a -n
is "$RC" 0 'the late instance does not keep the config locked'

diag 'An instance that fails'

set_flag r1 gate_fail_once '"out of order"'
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '3 failed apply_failed' 'one instance cannot apply the config'
is "$(report 'return tostring(r.rollback.complete) .. " " .. #r.rollback.undone
    .. " " .. #r.rollback.left')" 'true 1 0' 'the sections are restored'
is "$(report "$outcomes")" 'r1=failed s1-a=unchanged s1-b=unchanged' \
    'the instance is named'
like "$(cat "$ERR")" 'r1: OperationError: .*out of order' \
    'the reason is reported'
untouched 'an instance that fails'

set_flag r1 gate_fail '"out of order"'
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. tostring(r.rollback.complete)')" \
    '6 degraded false' 'the instance fails with the old code, too'
is "$(states)" 'RolesConfigured RolesConfigured OperationError' \
    'the roles of the instance are not configured'
set_flag r1 gate_fail
push s1-a
is "$RC $(answers)" '0 hello v3/v3 hello v3/v3 hello v3/v3' \
    'a push of good code recovers the instance'
is "$(states)" 'RolesConfigured RolesConfigured RolesConfigured' \
    'the recovery is complete'

diag 'Concurrent changes'

make_folder v4
remember
on s1-b app_eval 'require("cartridge.vars").new("cartridge.twophase")
	.prepared_config = {}' >/dev/null
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '5 refused config_locked' \
    'a change running on another instance refuses the push'
is "$(report "$outcomes")" 'r1=unchanged s1-a=unchanged s1-b=refused' \
    'the other instance is named'
push s1-b
is "$RC" 5 'a change running on the gateway refuses the push'
on s1-b app_eval 'require("cartridge.vars").new("cartridge.twophase")
	.prepared_config = nil' >/dev/null
untouched 'a change elsewhere'

on s1-a app_eval 'require("cartridge.vars").new("cartridge.twophase")
	.locks.clusterwide = true
	require("fiber").create(function()
		require("fiber").sleep(0.5)
		require("cartridge.vars").new("cartridge.twophase")
		.locks.clusterwide = false
	end)' >/dev/null
push s1-a -w 20
is "$RC" 0 '--wait waits for the other change'
is "$(answers)" 'hello v4/v4 hello v4/v4 hello v4/v4' \
    '--wait pushes after the other change'

# Another change comes between the comparison and the push: while the entry
# asks the others, one of them answers only after that.
make_folder v5
on s1-b app_eval '
	local conf = require("cartridge.confapplier")
	local get_state = conf.get_state
	rawset(_G, "test_get_state", get_state)
	conf.get_state = function()
		local fiber = require("fiber")
		if box.session.type() == "binary" and
		    rawget(_G, "test_hold") == nil then
			rawset(_G, "test_hold", true)
			while test_hold do
				fiber.sleep(0.01)
			end
		end
		return get_state()
	end' >/dev/null
push s1-a -o json &
wait_until 10 on s1-b app_eval 'assert(rawget(_G, "test_hold"))' >/dev/null 2>&1
on r1 app_eval 'assert(require("cartridge").config_patch_clusterwide({
	other = "text"}))' >/dev/null
on s1-b app_eval 'rawset(_G, "test_hold", false)' >/dev/null
wait "$!"
on s1-b app_eval 'require("cartridge.confapplier").get_state =
	rawget(_G, "test_get_state")' >/dev/null
is "$(report 'return r.outcome .. " " .. (r.error.code:gsub("_%a+$", ""))')" \
    'refused config' 'a concurrent change fails the push'
is "$(answers)" 'hello v4/v4 hello v4/v4 hello v4/v4' \
    'after a concurrent change nothing is pushed'
is "$(on s1-b app_eval 'return require("cartridge.confapplier")
	.get_active_config():get_plaintext("other")')" text \
    'the concurrent change is kept'
push s1-a
is "$RC $(answers)" '0 hello v5/v5 hello v5/v5 hello v5/v5' \
    'the next push succeeds'

diag 'Unreachable instances'

make_folder v6
remember
freeze_node r1
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '5 refused unreachable_instances' 'an instance that hangs refuses the push'
is "$(report "$outcomes" | tr ' ' '\n' | grep -c unreachable)" 1 'it is named'
thaw_node r1
wait_until 30 cluster_is_healthy
untouched 'an instance that hangs'
r1_uuid=$(node_uuid r1)
on s1-a edit_topology "servers = {{uuid = '$r1_uuid', disabled = true}}"
push s1-a -o json
is "$RC $(report "$outcomes")" '0 r1=skipped s1-a=ok s1-b=ok' \
    'a disabled instance is left out'
push r1 -o json
is "$RC $(report 'return r.error.code')" '5 config_differs' \
    'a push through a disabled instance is refused'
on s1-a edit_topology "servers = {{uuid = '$r1_uuid', disabled = false}}"
push r1
is "$RC $(answers)" '0 hello v6/v6 hello v6/v6 hello v6/v6' \
    'an instance that returns has all that was pushed'

diag 'Without the extensions role'

make_folder v7
on s1-a edit_topology "replicasets = {
	{uuid = '$(node_set s1-a)', roles = {}},
	{uuid = '$(node_set r1)', roles = {}}}"
push s1-a -o json
is "$RC $(report 'return r.outcome .. " " .. r.error.code')" \
    '5 refused no_extensions' 'without the extensions role the push is refused'

diag 'Large code'

on s1-a edit_topology "replicasets = {
	{uuid = '$(node_set s1-a)', roles = {'extensions'}},
	{uuid = '$(node_set r1)', roles = {'extensions'}}}"
mkdir "$EXT/many"
for i in $(seq 200); do
	printf 'return "%05000d"\n' "$i" >"$EXT/many/m$i.lua"
done
push s1-a
is "$RC" 0 'a megabyte of code in 200 modules is pushed'
is "$(on r1 app_eval 'return #require("extensions.many.m200")')" 5000 \
    'a megabyte of code is loaded'

done_testing
