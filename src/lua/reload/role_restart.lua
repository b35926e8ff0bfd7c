--- Restarts old roles after a failed reload. `roles_to_restart` in `reload.lifecycle`
-- determines which roles need a restart.
--
-- The restart replaces the routes and triggers that the roles registered at their first
-- start, because these still use the state of the first start.

local require = ...
local failure = require('core.failure')
local fiber = require('fiber')

--- Creates the adapters that stage what the restarted roles register. Each adapter's
-- `revive` method makes the staged state live.
-- @treturn {table,...} the adapters
local function stage(txn, framework, adapters)
    local parts = {
        adapters.triggers.new(txn),
        adapters.watchers.new(txn),
        adapters.fibers.new(txn),
        adapters.http_servers.new(txn, adapters.http, framework.servers, true),
        adapters.listeners.new(txn),
    }
    for _, server in ipairs(framework.servers) do
        table.insert(parts, adapters.http.new(txn, server.live))
    end
    for _, part in ipairs(parts) do
        part:snapshot()
        part:stage()
    end
    return parts
end

--- Restarts old roles. Yields.
-- @tparam table options
--   txn: the transaction, after its rollback
--   framework: see `frameworks.detect`
--   adapters: name -> Lua module of an adapter
--   roles: the old roles in init order
--   seconds: time limit for the restart
--   call: function (role, step) that calls the `init` or `apply` of a role, and returns
--     the results of `failure.call`
-- @tparam {string,...} left a line is appended for each role that fails to restart
return function(options, left)
    local txn = options.txn
    local parts = stage(txn, options.framework, options.adapters)
    local finished, done = fiber.cond(), false
    local worker = fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        txn.ownership:enter()
        txn.ownership.calls_old = true
        txn.staging = true
        for _, role in ipairs(options.roles) do
            for _, step in ipairs({'init', 'apply'}) do
                local ok, result, err = options.call(role, step)
                local problem = not ok and result or not options.framework.ignores_results and err or nil
                if problem ~= nil then
                    table.insert(left, ('role %s had to be restarted, and its %s failed: %s')
                        :format(role.role_name, options.framework.methods[step], failure.describe(problem)))
                    break
                end
            end
        end
        done = true
        finished:broadcast()
    end)
    local deadline = fiber.clock() + options.seconds
    while not done and fiber.clock() < deadline do
        finished:wait(deadline - fiber.clock())
    end
    if not done then
        pcall(worker.cancel, worker)
        table.insert(left, 'the old roles did not restart in time')
    end
    txn.staging = false
    for _, part in ipairs(parts) do
        part:revive()
    end
end
