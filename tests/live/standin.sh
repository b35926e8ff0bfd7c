#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026 The cartridge-reload authors
#
# What the other suites assume about Cartridge and its HTTP server.  It passes
# with the stand-in and, with CARTRIDGE_ROCKS, with the real ones: this verifies
# the stand-in.

# shellcheck source=tests/live/lib.sh disable=SC2016
. "$(dirname "$0")/lib.sh"

words()
{
	printf '%s\n' "$*"
}

calls()
{
	app_eval 'local vars = _G._cluster_vars_values["shop.calls"]
		local list = table.concat(vars.list, ", ")
		vars.list = {}
		return list'
}

reload_roles()
{
	app_eval 'local ok, err = require("cartridge").reload_roles()
		if type(err) == "table" then
			err = err.class_name .. ": " .. err.err
		end
		return ok, err' | head -n 1
}

start_app shop

diag 'Start: registration, order and choice of roles'

is "$(app_eval '
	local names = {}
	local vars = _G._cluster_vars_values["cartridge.roles"]
	for _, role in ipairs(vars.roles_by_number) do
		table.insert(names, role.role_name)
	end
	return table.concat(names, " ")')" \
    'ddl-manager failover-coordinator health audit storage web spare' \
    'roles are registered after their dependencies'
is "$(calls)" "$(words 'storage.validate v1, web.validate v1,' \
    'health.init v1 master, health.apply v1 master,' \
    'audit.init v1 master, audit.apply v1 master,' \
    'storage.init v1 master, storage.apply v1 master,' \
    'web.init v1 master, web.apply v1 master')" \
    'all are validated, then the enabled ones configured one by one'
is "$(app_eval '
	local list = {}
	for name in pairs(require("cartridge.service-registry").list()) do
		table.insert(list, name)
	end
	table.sort(list)
	return table.concat(list, " ")')" \
    'audit ddl-manager health httpd storage web' \
    'the service registry has the enabled roles and httpd'
is "$(app_eval '
	local role = _G._cluster_vars_values["cartridge.roles"]
	    .roles_by_role_name.web
	local deps = {}
	for _, dep in ipairs(role.deps) do
		table.insert(deps, dep.role_name)
	end
	return role.module_name, table.concat(deps, " "),
	    role.M == package.loaded["app.roles.web"]')" \
    "$(printf 'app.roles.web\tstorage audit\ttrue')" \
    'a role knows its module, its dependencies and theirs'
is "$(app_eval 'return require("cartridge").VERSION')" 2.17.2 \
    'the version is known'
is "$(app_eval 'return require("cartridge").is_healthy()')" true \
    'the instance is healthy'
is "$(app_eval 'return pcall(function()
	require("cartridge").config_get_readonly().new_section = 1 end)' |
    cut -c 1-5)" false 'the config is read-only'
is "$(app_eval 'return require("cartridge").rpc_call("storage", "price", {7})')" \
    nil 'a role can be called by name'
like "$(app_eval 'local _, err = require("cartridge").rpc_call("spare", "x")
	return err.err')" 'No remotes with role "spare" available' \
    'a role that is not enabled cannot be called'

diag 'Routes'

app_eval '
	local httpd = require("cartridge").service_get("httpd")
	local function route(opts, text)
		httpd:route(opts, function(req)
			return {body = text .. (req:stash("x") or "")}
		end)
	end
	route({path = "/t/twice", method = "GET"}, "first")
	route({path = "/t/twice", method = "GET"}, "second")
	route({path = "/t/any"}, "any")
	route({path = "/t/any", method = "GET"}, "get")
	route({path = "/t/get", method = "GET"}, "get")
	route({path = "/t/get"}, "any")
	route({path = "/s/:x", method = "GET"}, "stash ")
	route({path = "/s/plain", method = "GET"}, "plain")
	route({path = "/d/a", name = "da"}, "da")
	route({path = "/d/b", name = "db"}, "db")' >/dev/null
is "$(http_get /t/twice)" first 'of two equal routes the first serves'
is "$(http_get /t/any)" get 'a method beats ANY registered before'
is "$(http_get /t/get)" get 'a method beats ANY registered after'
is "$(http_get /s/plain)" plain 'fewer stashes win'
is "$(http_get /s/other)" 'stash other' 'a stash is passed on'
like "$(app_eval 'return pcall(function()
	require("cartridge").service_get("httpd"):route({path = "/n",
	    name = "shop_named"}, function() end) end)')" \
    '^false.*shop_named' 'a second route of one name is an error'
app_eval 'require("cartridge").service_get("httpd"):delete("da")' >/dev/null
is "$(http_status /d/a)" 404 'a named route can be deleted'
is "$(app_eval 'local httpd = require("cartridge").service_get("httpd")
	return httpd.routes[httpd.iroutes.db].path')" /d/b \
    'indexes of named routes follow a deletion'
is "$(http_status /login -X POST -d '')" 403 'Cartridge has its own routes'

diag 'State machine'

is "$(app_eval 'return pcall(
	require("cartridge.confapplier").set_state, "BoxConfigured")' |
    head -n 1 | cut -c 1-5)" false 'an invalid transition raises'
is "$(app_state)" RolesConfigured \
    'an invalid transition leaves the state'
is "$(app_eval 'local t = require("fiber").time()
	local state = require("cartridge.confapplier")
	    .wish_state("ReloadError", 3)
	return state, require("fiber").time() - t < 1')" \
    "$(printf 'RolesConfigured\ttrue')" \
    'a wish more than one step away is given up at once'

diag 'Changes of config, topology and leadership'

calls >/dev/null
is "$(app_eval 'return require("cartridge").config_patch_clusterwide({
	shop = {limit = 5}})')" true 'a config change is applied'
is "$(calls)" "$(words 'storage.validate v1, web.validate v1,' \
    'health.apply v1 master, audit.apply v1 master,' \
    'storage.apply v1 master, web.apply v1 master')" \
    'a config change validates and applies roles without init'
like "$(app_eval 'local ok, err = require("cartridge")
	.config_patch_clusterwide({shop = {limit = "many"}})
	return ok, err')" 'nil.*must be a number' \
    'a config that a role rejects is not applied'
is "$(app_eval 'return require("cartridge").config_get_readonly("shop").limit')" \
    5 'after a rejection the config is the old one'
like "$(app_eval '
	local vars = _G._cluster_vars_values["cartridge.twophase"]
	vars.prepared_config = {}
	local ok, err = require("cartridge").config_patch_clusterwide({x = {}})
	vars.prepared_config = nil
	return ok, err.err')" 'nil.*locked' 'a prepared config is a lock'
calls >/dev/null
app_lead no >/dev/null
is "$(calls)" "$(words 'health.apply v1 replica, audit.apply v1 replica,' \
    'storage.validate v1, storage.apply v1 replica,' \
    'web.validate v1, web.apply v1 replica')" \
    'a failover step applies the config as a replica'
app_lead yes >/dev/null
calls >/dev/null
app_eval 'return require("cartridge").admin_edit_topology({replicasets = {{
	uuid = '"$REPLICASET"', roles = {"storage", "web", "spare"},
	}}}) ~= nil' >/dev/null
like "$(calls)" 'spare.init v1 master, spare.apply v1 master$' \
    'a role that becomes enabled is initialised'
app_eval 'return require("cartridge").admin_edit_topology({replicasets = {{
	uuid = '"$REPLICASET"', roles = {"storage"}}}}) ~= nil' >/dev/null
like "$(calls)" 'web.stop v1 master, spare.stop v1 master$' \
    'a role that becomes disabled is stopped'
app_eval 'return require("cartridge").admin_edit_topology({replicasets = {{
	uuid = '"$REPLICASET"', roles = {"storage", "web"}
	}}}) ~= nil' >/dev/null
like "$(app_eval 'local _, err = require("cartridge.confapplier").get_state()
	return err.err')" 'shop_named' \
    'a role enabled again fails on its own named route'
is "$(app_state)" OperationError 'that failure is an OperationError'

diag 'reload_roles of Cartridge'

calls >/dev/null
app_version 2
is "$(reload_roles)" "$(printf 'true\tnil')" \
    'reload_roles recovers from OperationError'
is "$(http_get /hello) $(http_get /named)" 'hello v2 named v2' \
    'reload_roles loads new code'
is "$(http_get /versions)" \
    "$(app_eval 'return {web = 2, storage = 2, prices = 2, settings = 1}')" \
    'a module loaded before cartridge.cfg stays'
is "$(calls)" "$(words 'health.stop v1 master, audit.stop v1 master,' \
    'storage.stop v1 master, storage.validate v2, web.validate v2,' \
    'health.init v2 master, health.apply v2 master,' \
    'audit.init v2 master, audit.apply v2 master,' \
    'storage.init v2 master, storage.apply v2 master,' \
    'web.init v2 master, web.apply v2 master')" \
    'the order is stop, validate, init, apply'
is "$(app_eval 'local old = require("cartridge.roles").get_role("web")
	package.loaded["app.roles.web"] = nil
	local new = require("app.roles.web")
	local seen = require("cartridge.roles").get_role("web")
	package.loaded["app.roles.web"] = old
	return seen == old, seen == new')" "$(printf 'true\tfalse')" \
    'get_role returns the old module after a require'

app_version 3 'web_init=rawset(_G, "shop_left", 1)'
reload_roles >/dev/null
is "$(app_eval 'return rawget(_G, "shop_left")')" 1 'a role sets a global'
app_version 4
reload_roles >/dev/null
is "$(app_eval 'return rawget(_G, "shop_left")')" nil \
    'the next reload removes the global'
app_eval 'local fiber = require("fiber")
	local f = fiber.new(fiber.sleep, 100)
	f:name("shop_stray")
	_G._cluster_vars_values.stray = {f}' >/dev/null
reload_roles >/dev/null
is "$(app_eval 'local f = _G._cluster_vars_values.stray[1]
	require("fiber").sleep(0.01)
	return f:status()')" dead 'a fiber with an unknown name is cancelled'

app_version 5 'web_top=local = 5'
like "$(reload_roles)" '^nil.RegisterRoleError' \
    'a syntax error is returned as nil, err'
is "$(app_state)" ReloadError 'a role that fails to load: ReloadError'
is "$(http_status /hello)" 404 'in ReloadError nothing serves'
app_version 6 'web_validate=do return nil, "never" end'
like "$(reload_roles)" '^nil.never' 'a role rejects its config'
is "$(app_state)" ReloadError 'a rejected config: ReloadError'
like "$(app_eval 'local ok, err = require("cartridge")
	.config_patch_clusterwide({shop = {limit = 6}})
	return ok, err.err')" 'Instance state is ReloadError' \
    'in ReloadError no config change is accepted'
app_version 7 'storage_init=error("cannot start")'
like "$(reload_roles)" '^nil.ApplyConfigError: .*cannot start' \
    'init raises an error'
is "$(app_state)" OperationError 'a failing init: OperationError'
is "$(http_get /hello)" 'hello v7' 'roles after the failing one are configured'
app_version 8 'web_apply=error("cannot apply")'
like "$(reload_roles)" '^nil.ApplyConfigError: .*cannot apply' \
    'apply_config raises an error'
is "$(app_state)" OperationError 'a failing apply_config: OperationError'
app_version 9
is "$(reload_roles)" "$(printf 'true\tnil')" 'a good reload recovers'
is "$(http_get /hello) $(http_get /named)" 'hello v9 named v9' \
    'the new code serves'
is "$(app_state)" RolesConfigured 'the state is RolesConfigured'
app_eval 'require("cartridge.roles").forbid_reload()' >/dev/null
like "$(reload_roles)" '^nil.HotReloadError: .*forbidden' \
    'reload_roles can be forbidden'

diag 'A restart, and an application that forbids reloads'

stop_app "$APP_PID"
run_app
ok 'a second start finds its config' wait_until 20 in_state RolesConfigured
is "$(app_eval 'return require("cartridge").config_get_readonly("shop").limit')" \
    5 'the config is the last one applied'
is "$(http_get /hello)" 'hello v9' 'the restarted instance serves'
stop_app "$APP_PID"
run_app SHOP_RELOAD_ALLOWED=no
wait_until 20 in_state RolesConfigured
like "$(reload_roles)" '^nil.HotReloadError: .*forbids' \
    'without roles_reload_allowed reload_roles refuses'
is "$(app_state)" RolesConfigured 'a refusal changes nothing'

done_testing
