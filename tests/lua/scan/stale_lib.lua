--- For suites about the scan at the end of a reload: an application of one module, and
-- the places that a report lists.
--
--     local apps = assert(loadfile('tests/lua/scan/stale_lib.lua'))(lib)

local lib = ...

--- Keeps a value in a global variable until the end of the case.
local function hold(value)
    rawset(_G, 'held', value)
    lib.defer(function() rawset(_G, 'held', nil) end)
end

--- The same again. Nothing of it may be in a local variable while a reload
-- runs: it would be found there.
local function held()
    return rawget(_G, 'held')
end

--- Compiles foreign code that has no reference to this file.
local function code(text, ...)
    return assert(loadstring(text, '@/rocks/.rocks/share/tarantool/rock.lua'))(...)
end

--- An application of one module that says "v1", and "v2" when it is reloaded.
-- @tparam string text with "%v" for the version
local function start(text)
    local app = lib.app({['@'] = (text:gsub('%%v', 'v1'))})
    app.require('@')
    function app.update(other)
        app.write('@', ((other or text):gsub('%%v', 'v2')))
    end
    return app
end

local GET = 'local M = {} function M.get() return "%v" end return M'

--- Returns the places of a report, as "kind | words", patched ones with a plus.
local function places(report)
    local list = {}
    for i, place in ipairs(report.stale or {}) do
        list[i] = ('%s%s | %s'):format(place.patched and '+' or '-', place.kind, place.where)
    end
    table.sort(list)
    return table.concat(list, '; ')
end

local function reasons(report)
    local list = {}
    for i, place in ipairs(report.stale or {}) do
        list[i] = tostring(place.reason)
    end
    table.sort(list)
    return table.concat(list, '; ')
end

return {
    hold = hold,
    held = held,
    code = code,
    start = start,
    GET = GET,
    places = places,
    reasons = reasons,
}
