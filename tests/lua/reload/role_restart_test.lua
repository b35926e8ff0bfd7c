-- reload/role_restart.lua: restarts old roles after a failure.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.role_restart')

--- Restarts roles. `calls` lists what happens in order.
-- @tparam function call see `reload.role_restart`
-- @tparam ?table options roles, seconds, ignores_results
-- @treturn {string,...} what is left
-- @treturn {string,...} calls
-- @treturn table the transaction
local function revive(call, options)
    options = options or {}
    local calls, left = {}, {}
    local txn = {ownership = {enter = function() table.insert(calls, 'enter') end}}
    local function adapter(name)
        local part = {}
        for _, method in ipairs({'snapshot', 'stage', 'revive'}) do
            part[method] = function() table.insert(calls, name .. '.' .. method) end
        end
        return {new = function() return part end}
    end
    local adapters = {}
    for _, name in ipairs({'triggers', 'watchers', 'fibers', 'http_servers', 'listeners', 'http'}) do
        adapters[name] = adapter(name)
    end
    local roles = {}
    for i, name in ipairs(options.roles or {'one', 'two'}) do
        roles[i] = {role_name = name}
    end
    lib.load('reload.role_restart')({
        txn = txn,
        framework = {
            servers = {{live = {}}},
            ignores_results = options.ignores_results,
            methods = {init = 'init', apply = 'apply_config'},
        },
        adapters = adapters,
        roles = roles,
        seconds = options.seconds or 20,
        call = function(role, step)
            table.insert(calls, role.role_name .. '.' .. step)
            return call(role, step, txn)
        end,
    }, left)
    return left, calls, txn
end

case('roles are initialised and configured in order, with their registrations staged', function(t)
    local staging
    local left, calls, txn = revive(function(_, _, running)
        staging = running.staging and running.ownership.calls_old
        return true, true
    end)
    t:is_deeply(left, {}, 'nothing is left')
    local steps = {}
    for _, call in ipairs(calls) do
        table.insert(steps, call:match('^one%..*') or call:match('^two%..*'))
    end
    t:is(table.concat(steps, ' '), 'one.init one.apply two.init two.apply', 'order')
    t:ok(staging, 'while it counts as old code that is staged')
    t:ok(not txn.staging, 'which ends')
    local text = table.concat(calls, ' ')
    t:ok(text:find('triggers.stage.*watchers.stage.*http.stage.*one.init'), 'adapters stage before')
    t:ok(text:find('two.apply.*triggers.revive.*watchers.revive.*http.revive'), 'and take over afterwards')
end)

case('a role that fails is named, and the others are restarted', function(t)
    local left, calls = revive(function(role, step)
        if role.role_name == 'one' and step == 'init' then
            return false, 'boom'
        end
        return true, true
    end)
    t:is(#left, 1, 'one is left')
    t:ok(lib.mentions(left, 'one') and lib.mentions(left, 'boom'), 'its name and the error')
    local text = table.concat(calls, ' ')
    t:ok(not text:find('one.apply', 1, true), 'it is not configured')
    t:ok(text:find('two.apply', 1, true), 'the other one is')
end)

case('a role that returns an error fails, unless the framework ignores results', function(t)
    local function call(_, step)
        return true, nil, step == 'apply' and 'bad config' or nil
    end
    local left = revive(call, {roles = {'one'}})
    t:ok(lib.mentions(left, 'apply_config') and lib.mentions(left, 'bad config'), 'the method and the error')
    t:is_deeply(revive(call, {roles = {'one'}, ignores_results = true}), {}, 'ignored')
end)

case('a restart that takes too long is left, and cancelled', function(t)
    local is_cancelled = false
    local left, calls, txn = revive(function()
        local ok, err = pcall(fiber.sleep, 100)
        is_cancelled = not ok
        error(err, 0)
    end, {roles = {'one'}, seconds = 0.01})
    t:is(#left, 1, 'left')
    t:ok(not txn.staging, 'staging has ended')
    t:is(calls[#calls], 'http.revive', 'adapters have taken over')
    t:ok(lib.wait(function() return is_cancelled end), 'the role is cancelled')
end)

lib.run()
