--- All instances of a cluster, asked the same at the same time, over
-- Cartridge's own connections.

local require = ...
local cartridge_lib = require('platform.cartridge')
local clock = require('clock')
local failure = require('core.failure')
local fiber = require('fiber')

-- Seconds. Nobody is asked for anything that takes long.
local PATIENCE = 5

-- The state of an instance. An error of another instance comes as what it says:
-- its table may not travel.
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

-- What an instance says of a config, as the first phase of a change asks it.
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

-- Ends the first phase of a change that was given up, where it has gone on since.
-- While it writes the config, this is there, perhaps by a name that is longer,
-- and not taken.
local RELEASE = [[
    local change = ...
    local fiber, fio = require('fiber'), require('fio')
    local workdir = require('cartridge.confapplier').get_workdir()
    local pattern, began = fio.pathjoin(workdir, 'config.prepare*'), fiber.time() - change.age - 1
    local function is_written()
        for _, path in ipairs(fio.glob(pattern)) do
            local stat = fio.stat(path)
            -- Some may be left of times when the instance was killed.
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
    -- The text of some errors is empty.
    return nil, message ~= '' and message or 'no answer in time'
end

--- Asks each of them, and waits for all.
-- @tparam {table,...} instances as `Cartridge:instances` has them
-- @tparam string code that returns one value
-- @param argument for it
-- @tparam number limit seconds
-- @treturn table uuid -> what it returned
-- @treturn table uuid -> why there is no answer
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

--- Those that take part in changes of the config.
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

--- How each of them is.
-- @tparam {table,...} instances
-- @tparam number limit seconds, if that is less than it would be
-- @treturn table uuid -> {state, why, checksum, locked}
-- @treturn table uuid -> why it is not known
local function states(instances, limit)
    return ask(instances, STATE, nil, math.min(PATIENCE, limit))
end

--- Who would not take a config.
-- @tparam {table,...} instances
-- @tparam {[string]=string,...} plaintext all sections
-- @tparam number limit seconds
-- @treturn table uuid -> what it says against it
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

--- Ends the first phase of a change that was given up. Cartridge tells only those
-- who had answered in time to forget it; another goes on, and keeps the config
-- locked for good.
-- @tparam {table,...} instances
-- @tparam string checksum of the config that was to be
-- @tparam number age seconds since the change began
-- @tparam number limit seconds
-- @treturn table uuid -> whether the config is not locked there
local function release(instances, checksum, age, limit)
    return (ask(instances, RELEASE, {checksum = checksum, age = age, limit = limit * 0.9}, limit))
end

return {
    enabled = enabled,
    objections = objections,
    release = release,
    states = states,
}
