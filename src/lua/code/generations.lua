--- Determines the generation of functions, including functions that earlier reloads
-- have loaded.
--
-- The state table records the generation in which each unit (a module and what is
-- reloaded with it) was last loaded. It also records the unit and generation of each
-- prototype that still exists. Code loaded before the first reload has no recorded
-- prototypes, and is recognised by its chunk name.

local require = ...
local jutil = require('jit.util')
local yield = require('core.yield')

local OURS = '@cartridge-reload/'

--- Records the new code of a transaction as the serving generation. Yields.
-- @tparam table stash see `core.stash`
-- @tparam table ownership see `ownership`; must not change during the call
-- @tparam number generation
local function record(stash, ownership, generation)
    -- Other fibers may classify functions while this function yields, so fill `sources`
    -- last. Once `sources` has an entry for a unit, all functions of the unit that have
    -- no recorded generation count as stale. `pcall` lets the recording continue when
    -- `if_due` raises an error because the fiber is cancelled.
    stash.recording = {protos = ownership.protos, generation = generation}
    for proto, unit in pairs(ownership.protos) do
        pcall(yield.if_due)
        stash.protos[proto] = generation
        stash.units[proto] = unit
    end
    for proto, unit in pairs(ownership.learned) do
        pcall(yield.if_due)
        stash.units[proto] = unit
    end
    for source, unit in pairs(ownership.aliases) do
        stash.aliases[source] = unit
    end
    for source in pairs(ownership.files) do
        pcall(yield.if_due)
        stash.sources[source] = generation
    end
    stash.recording = nil
end

--- Records that the new code of a transaction has failed. From then on, references to
-- the failed code are stale. Yields.
-- @tparam table stash see `core.stash`
-- @tparam table ownership see `ownership`; must not change during the call
local function record_failed(stash, ownership)
    for proto in pairs(ownership.protos) do
        pcall(yield.if_due)
        stash.failed[proto] = true
    end
end

--- Classifies a function.
-- @tparam table stash see `core.stash`
-- @tparam function f
-- @treturn string
--   stale: code of an earlier generation, or failed code
--   current: code of the serving generation
--   ours: code of this program
--   other: code from a file that was never reloaded
--   text: code compiled from a string with `loadstring`
--   c: a C function
-- @treturn ?string for `stale` and `text`: the unit of the function, or its chunk name
--   if the unit is unknown
-- @treturn ?number for `stale` and `text`: line where the function is defined
-- @treturn ?number for `stale`: generation, if it is known
local function classify(stash, f)
    local info = jutil.funcinfo(f)
    local source = info.source
    if info.proto == nil then
        return 'c'
    end
    local generation = stash.protos[info.proto]
    local unit = stash.units[info.proto] or stash.aliases[source] or source
    local serving, recording = stash.sources[unit], stash.recording
    if generation == nil and recording ~= nil and recording.protos[info.proto] ~= nil then
        generation = recording.generation
    end
    if serving ~= nil then
        if generation ~= nil and generation >= serving then
            return 'current'
        end
        return 'stale', unit, info.linedefined, generation
    elseif stash.failed[info.proto] then
        return 'stale', source, info.linedefined
    elseif source:sub(1, #OURS) == OURS then
        return 'ours'
    elseif source:match('^[@=]') == nil and generation == nil and info.linedefined >= 0 then
        -- The functions of LuaJIT's own libraries have no line number.
        return 'text', source, info.linedefined
    end
    return 'other'
end

--- Returns the unit of a function, or the function's chunk name if the unit is unknown.
-- @tparam table stash see `core.stash`
-- @tparam function f
-- @treturn ?string nil for a C function
local function unit_of(stash, f)
    local info = jutil.funcinfo(f)
    return info.proto and (stash.units[info.proto] or stash.aliases[info.source] or info.source)
end

--- Returns whether a function belongs to the failed code of an earlier reload.
-- @tparam table stash see `core.stash`
-- @tparam function f
local function is_failed(stash, f)
    local proto = jutil.funcinfo(f).proto
    return proto ~= nil and stash.failed[proto] ~= nil
end

--- Returns whether a function belongs to this program.
local function is_ours(f)
    local source = jutil.funcinfo(f).source
    return source ~= nil and source:sub(1, #OURS) == OURS
end

--- Counts the generations that still have functions in memory. Code loaded before the
-- first reload is not counted.
-- @tparam table stash see `core.stash`
-- @treturn number
local function count_alive(stash)
    local seen, count = {}, 0
    for _, generation in pairs(stash.protos) do
        if not seen[generation] then
            seen[generation] = true
            count = count + 1
        end
    end
    return count
end

return {
    classify = classify,
    count_alive = count_alive,
    is_failed = is_failed,
    is_ours = is_ours,
    record = record,
    record_failed = record_failed,
    unit_of = unit_of,
}
