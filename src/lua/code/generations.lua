--- Determines the generation of a function, during the whole life of the
-- process.
--
-- The state table records in which generation each unit (see `ownership`) was
-- loaded last, and the unit and generation of all prototypes that still exist.
-- Code loaded before the first reload has no recorded prototypes; it is
-- recognised by its chunk name.

local require = ...
local jutil = require('jit.util')
local slice = require('core.yield')

local OURS = '@cartridge-reload/'

--- Records that the code of a transaction is serving from now on. Nothing is
-- added to `origin` any more. Yields.
-- @tparam table registry
-- @tparam table origin
-- @tparam number generation
local function record(registry, origin, generation)
    -- While this yields, others may classify functions. The sources come last: a
    -- source that is recorded makes everything else of its unit stale. In a
    -- cancelled fiber `pause` throws.
    registry.recording = {protos = origin.protos, generation = generation}
    for proto, unit in pairs(origin.protos) do
        pcall(slice.pause)
        registry.protos[proto] = generation
        registry.units[proto] = unit
    end
    for proto, unit in pairs(origin.learned) do
        pcall(slice.pause)
        registry.units[proto] = unit
    end
    for source, unit in pairs(origin.aliases) do
        registry.aliases[source] = unit
    end
    for source in pairs(origin.files) do
        pcall(slice.pause)
        registry.sources[source] = generation
    end
    registry.recording = nil
end

--- Records that the code of a transaction has failed: leftovers of it are stale.
-- Nothing is added to `origin` any more. Yields.
-- @tparam table registry
-- @tparam table origin
local function record_failed(registry, origin)
    for proto in pairs(origin.protos) do
        pcall(slice.pause)
        registry.failed[proto] = true
    end
end

--- Classifies a function.
-- @tparam table registry
-- @tparam function f
-- @treturn string `stale`, `current`, `ours`, `other` (not of a file that was
--   reloaded), `text` (made from text, by `loadstring`) or `c`
-- @treturn ?string source of stale and of text code: the chunk name, but for code
--   that is known exactly the unit
-- @treturn ?number line where it is defined
-- @treturn ?number generation, if it is known
local function classify(registry, f)
    local info = jutil.funcinfo(f)
    local source = info.source
    if info.proto == nil then
        return 'c'
    end
    local generation = registry.protos[info.proto]
    local unit = registry.units[info.proto] or registry.aliases[source] or source
    local serving, recording = registry.sources[unit], registry.recording
    if generation == nil and recording ~= nil and recording.protos[info.proto] ~= nil then
        generation = recording.generation
    end
    if serving ~= nil then
        if generation ~= nil and generation >= serving then
            return 'current'
        end
        return 'stale', unit, info.linedefined, generation
    elseif registry.failed[info.proto] then
        return 'stale', source, info.linedefined
    elseif source:sub(1, #OURS) == OURS then
        return 'ours'
    elseif source:match('^[@=]') == nil and generation == nil and info.linedefined >= 0 then
        -- LuaJIT's own functions have no line.
        return 'text', source, info.linedefined
    end
    return 'other'
end

--- Returns the unit of a function, or its chunk name if that is unknown.
-- @tparam table registry
-- @tparam function f
-- @treturn ?string nil for a function of C
local function unit_of(registry, f)
    local info = jutil.funcinfo(f)
    return info.proto and (registry.units[info.proto] or registry.aliases[info.source] or info.source)
end

--- Whether a function belongs to code that has failed.
-- @tparam table registry
-- @tparam function f
local function is_failed(registry, f)
    local proto = jutil.funcinfo(f).proto
    return proto ~= nil and registry.failed[proto] ~= nil
end

--- Whether a function belongs to this program.
local function is_ours(f)
    local source = jutil.funcinfo(f).source
    return source ~= nil and source:sub(1, #OURS) == OURS
end

--- Returns how many generations of code are still in memory.
-- @tparam table registry
-- @treturn number those before the first reload not counted
local function count_alive(registry)
    local seen, count = {}, 0
    for _, generation in pairs(registry.protos) do
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
