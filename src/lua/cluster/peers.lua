--- Sends queries to all instances of a cluster in parallel, over Cartridge's own
-- connections.

local require = ...
local cartridge_lib = require('platform.cartridge')
local clock = require('clock')
local failure = require('core.failure')
local fiber = require('fiber')

-- Time limit for querying the state of all instances, in seconds.
local PATIENCE = 5

-- Lua code that returns the state of the instance on which it runs. It converts errors
-- to strings, because error tables may not be serialisable.
local STATE = [[
    local confapplier = require('cartridge.confapplier')
    local state, err = confapplier.get_state()
    local conf = confapplier.get_active_config()
    local vars = rawget(_G, '_cluster_vars_values')
    local twophase = type(vars) == 'table' and vars['cartridge.twophase'] or {}
    local text = type(err) == 'table' and rawget(err, 'err') or err
    return {
        state = tostring(state),
        why = text ~= nil and tostring(text) or nil,
        checksum = conf ~= nil and tostring(conf:get_checksum()) or nil,
        locked = twophase.prepared_config ~= nil,
    }
]]

-- Lua code that validates a config, as the first phase of Cartridge's two-phase commit
-- does.
local VALIDATE = [[
    local ok, conf, err = pcall(require('cartridge.clusterwide-config').new, ...)
    if ok and conf ~= nil then
        ok, conf, err = pcall(require('cartridge.confapplier').validate_config, conf:lock())
    end
    if ok and conf then
        return true
    end
    if not ok then
        err = conf
    end
    local text = type(err) == 'table' and rawget(err, 'err') or err
    return tostring(text)
]]

-- Lua code that aborts the prepare phase of an abandoned config change. A prepared
-- config is a directory on disk. While Cartridge is writing this directory, its name
-- may have a suffix, so the pattern below matches both names.
local RELEASE = [[
    local change = ...
    local fiber, fio = require('fiber'), require('fio')
    local workdir = require('cartridge.confapplier').get_workdir()
    local pattern, began = fio.pathjoin(workdir, 'config.prepare*'), fiber.time() - change.age - 1
    local function is_written()
        for _, path in ipairs(fio.glob(pattern)) do
            local stat = fio.stat(path)
            -- Ignore directories that are older than the change: a killed process may
            -- have left them behind.
            if stat ~= nil and stat.mtime >= began then
                return true
            end
        end
        return false
    end
    local vars = rawget(_G, '_cluster_vars_values')
    local twophase = type(vars) == 'table' and vars['cartridge.twophase'] or {}
    local until_time = fiber.clock() + change.limit
    while twophase.prepared_config == nil and is_written() and fiber.clock() < until_time do
        fiber.sleep(0.02)
    end
    local conf = twophase.prepared_config
    if conf ~= nil and tostring(conf:get_checksum()) == change.checksum then
        rawget(_G, '__cartridge_clusterwide_config_abort_2pc')()
    end
    return twophase.prepared_config == nil and not is_written()
]]

local function ask_one(uri, code, argument, until_time)
    local conn, err = cartridge_lib.connect(uri, until_time - clock.monotonic())
    if conn == nil then
        return nil, err
    end
    local ok, result = pcall(conn.eval, conn, code, {argument}, {timeout = until_time - clock.monotonic()})
    if ok then
        return result
    end
    local message = failure.describe(result)
    -- Replace an empty error text with a message.
    return nil, message ~= '' and message or 'no answer in time'
end

--- Runs Lua code on all instances in parallel, and waits for all replies.
-- @tparam {table,...} instances as returned by `Cartridge:instances`
-- @tparam string code Lua code that returns one value
-- @param argument passed to the code
-- @tparam number limit time limit, in seconds
-- @treturn table uuid -> returned value
-- @treturn table uuid -> reason why there is no reply
local function ask(instances, code, argument, limit)
    local until_time, fibers, answers, failures = clock.monotonic() + limit, {}, {}, {}
    for _, one in ipairs(instances) do
        local f = fiber.new(function()
            local err
            answers[one.uuid], err = ask_one(one.uri, code, argument, until_time)
            failures[one.uuid] = err
        end)
        f:name('cartridge-reload', {truncate = true})
        f:set_joinable(true)
        table.insert(fibers, {fiber = f, uuid = one.uuid})
    end
    for _, task in ipairs(fibers) do
        local ok, err = task.fiber:join()
        if not ok then
            failures[task.uuid] = failure.describe(err)
        end
    end
    return answers, failures
end

--- Returns the instances that take part in config changes.
-- @tparam {table,...} instances
-- @treturn {table,...}
local function enabled(instances)
    local list = {}
    for _, one in ipairs(instances) do
        if not one.expelled and not one.disabled then
            table.insert(list, one)
        end
    end
    return list
end

--- Queries the state of all instances.
-- @tparam {table,...} instances
-- @tparam number limit time limit, in seconds; capped at `PATIENCE`
-- @treturn table uuid -> {state, why, checksum, locked}
-- @treturn table uuid -> reason why the state is unknown
local function states(instances, limit)
    return ask(instances, STATE, nil, math.min(PATIENCE, limit))
end

--- Makes all instances validate a config.
-- @tparam {table,...} instances
-- @tparam {[string]=string,...} plaintext all sections
-- @tparam number limit time limit, in seconds
-- @treturn table uuid -> reason, for each instance that rejects the config
local function objections(instances, plaintext, limit)
    local answers = ask(instances, VALIDATE, plaintext, limit)
    local list = {}
    for uuid, answer in pairs(answers) do
        if answer ~= true then
            list[uuid] = answer
        end
    end
    return list
end

--- Aborts the prepare phase of an abandoned config change. Cartridge itself aborts that
-- phase only on instances that answered in time. On a slower instance, the config would
-- remain locked forever.
-- @tparam {table,...} instances
-- @tparam string checksum of the abandoned config
-- @tparam number age seconds since the change started
-- @tparam number limit time limit, in seconds
-- @treturn table uuid -> whether the config is unlocked on the instance
local function release(instances, checksum, age, limit)
    return (ask(instances, RELEASE, {checksum = checksum, age = age, limit = limit * 0.9}, limit))
end

return {
    enabled = enabled,
    objections = objections,
    release = release,
    states = states,
}
