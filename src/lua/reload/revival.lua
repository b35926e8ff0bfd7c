--- Restarts old roles after a failure: those that were stopped, and those from
-- which new code may have taken something.
--
-- Their routes and triggers still exist; what the roles register now replaces
-- them, because it belongs to their current state.

local require = ...
local failure = require('core.failure')
local fiber = require('fiber')

--- Stages what the roles register.
local function stage(txn, framework, adapters)
    local parts = {
        adapters.triggers.new(txn),
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

--- Restarts roles of the serving generation. Yields.
-- @tparam table options `txn`, `framework`, `adapters`; `roles`, the old roles in
--   their order; `seconds` that they have; `call`, a function that gets a role
--   and a step (`init` or `apply`) and returns as `failure.call`
-- @tparam {string,...} left gets what could not be started
return function(options, left)
    local txn = options.txn
    local parts = stage(txn, options.framework, options.adapters)
    local finished, done = fiber.cond(), false
    local worker = fiber.new(function()
        fiber.name('cartridge-reload', {truncate = true})
        txn.origin:enter()
        txn.origin.calls_old = true
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
